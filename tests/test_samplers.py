"""The order of comments: each once, alike in all processes, similar lengths together."""

import numpy as np
import pytest

from toxres.training.samplers import LengthGroups

LENGTHS = np.random.default_rng(0).integers(3, 129, 1_003)


def test_each_comment_once_and_the_longest_first():
    order = list(LengthGroups(LENGTHS, 8, seed=0))
    assert sorted(order) == list(range(len(LENGTHS))) and len(LengthGroups(LENGTHS, 8, 0)) == len(LENGTHS)
    assert LENGTHS[order[0]] == LENGTHS.max()


def test_the_order_is_that_of_seed_and_epoch_whatever_else_was_drawn():
    sampler = LengthGroups(LENGTHS, 8, seed=0)
    first = list(sampler)
    np.random.random(7)
    assert list(sampler) == first == list(LengthGroups(LENGTHS, 8, seed=0))
    assert list(LengthGroups(LENGTHS, 8, seed=1)) != first
    sampler.set_epoch(1)
    second = list(sampler)
    assert second != first and sorted(second) == sorted(first)
    sampler.set_epoch(0)
    assert list(sampler) == first


def test_comments_of_a_step_are_of_similar_length():
    order = np.array(list(LengthGroups(LENGTHS, 8, seed=0)))[:1_000].reshape(-1, 8)
    spread = np.ptp(LENGTHS[order], axis=1)
    assert np.median(spread) < 10 < np.median(np.ptp(LENGTHS[:1_000].reshape(-1, 8), axis=1))


def test_comments_may_be_left_as_they_were_shuffled():
    order = np.array(list(LengthGroups(LENGTHS, 8, seed=0, grouped=False)))
    assert sorted(order) == list(range(len(LENGTHS)))
    assert np.median(np.ptp(LENGTHS[order[:1_000]].reshape(-1, 8), axis=1)) > 60


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_comments(count):
    assert sorted(LengthGroups(LENGTHS[:count], 8, 0)) == list(range(count))
