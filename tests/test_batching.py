"""Batching: every comment once, padded no further than to the longest of its batch."""

import numpy as np
import pytest
import torch
from helpers.training import TEXTS, word_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from toxres.data.batching import CommentDataset, PadCollator
from toxres.lengths import length_batches

NAN = float("nan")


@pytest.fixture(scope="module")
def tokenizer():
    return word_tokenizer(roberta=True)


def test_comments_are_tokenised_and_cut_off(tokenizer):
    dataset = CommentDataset(TEXTS, tokenizer, max_length=8)
    assert len(dataset) == len(TEXTS)
    for row, text in enumerate(TEXTS):
        expected = tokenizer(text, truncation=True, max_length=8)["input_ids"]
        assert dataset[row] == {"input_ids": expected, "length": len(expected)}
    assert max(dataset.lengths) == 8
    assert dataset[3]["input_ids"][-1] == tokenizer.sep_token_id


def test_targets_become_labels(tokenizer):
    targets = np.array([[0, 1, NAN, 0.5, 0, 1]] * 2, dtype=np.float64)
    dataset = CommentDataset(["crap", "fine"], tokenizer, 16, targets)
    assert dataset[1]["labels"].dtype == np.float32
    np.testing.assert_array_equal(dataset[1]["labels"], targets[1].astype(np.float32))


def test_no_comments(tokenizer):
    dataset = CommentDataset([], tokenizer, 8)
    assert len(dataset) == 0 and dataset.lengths == []
    assert length_batches([], 100) == []


items = st.lists(st.lists(st.integers(2, 99), min_size=0, max_size=40), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(items, st.integers(0, 3))
def test_a_batch_is_padded_to_a_multiple_of_eight(rows, pad):
    batch = PadCollator(pad)([{"input_ids": row, "length": len(row)} for row in rows])
    longest = max(1, max(map(len, rows)))
    width = next(width for width in range(8, 100, 8) if width >= longest)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (len(rows), width)
    assert sorted(batch) == ["attention_mask", "input_ids"]
    for row, ids, mask in zip(rows, batch["input_ids"].tolist(), batch["attention_mask"].tolist(), strict=True):
        assert ids == row + [pad] * (width - len(row))
        assert mask == [1] * len(row) + [0] * (width - len(row))


def test_labels_are_stacked():
    labels = np.array([[0, 1, NAN, 0.5, 0, 1], [1, 1, 0, 0, NAN, 0]], dtype=np.float32)
    batch = PadCollator(1)([{"input_ids": [5], "length": 1, "labels": row} for row in labels])
    assert batch["labels"].dtype == torch.float32
    np.testing.assert_array_equal(batch["labels"].numpy(), labels)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 130), max_size=60), st.integers(1, 600))
def test_batches_hold_each_row_once_and_few_enough_tokens(lengths, most):
    batches = length_batches(lengths, most)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        widths = [lengths[row] for row in batch]
        assert len(batch) == 1 or max(widths) * len(batch) <= most
    order = [lengths[row] for batch in batches for row in batch]
    assert order == sorted(order, reverse=True)
    for batch in batches[:-1]:
        assert lengths[batch[0]] * (len(batch) + 1) > most, "the next row would have fitted"


def test_batches_by_hand():
    assert length_batches([3, 10, 4, 1, 10], max_tokens=20) == [[1, 4], [2, 0, 3]]
    assert length_batches([50], max_tokens=20) == [[0]]
