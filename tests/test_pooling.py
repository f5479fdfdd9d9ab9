"""Pooling: weights that are shares, exactly 0 on padding, and finite whatever comes in."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toxres.models.pooling import (
    POOLINGS,
    AttentionPooling,
    ClsPooling,
    ConcatPooling,
    MeanPooling,
    masked_softmax,
    weighted_sum,
)

WIDTH = 8


def pooling(name: str, seed: int = 0):
    """A pooling whose scorer, if it has one, is not at zero."""
    torch.manual_seed(seed)
    module = POOLINGS[name](WIDTH)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    return module


def mask_of(lengths: list[int], width: int) -> torch.Tensor:
    return (torch.arange(width)[None, :] < torch.tensor(lengths)[:, None]).long()


def states(rows: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(rows, width, WIDTH, generator=torch.Generator().manual_seed(seed))


batches = st.tuples(
    st.lists(st.integers(1, 12), min_size=1, max_size=5),
    st.integers(0, 9),
    st.integers(0, 2**31),
    st.floats(0.0, 100.0),
)


@pytest.mark.parametrize("name", POOLINGS)
@settings(max_examples=60, deadline=None)
@given(batches)
def test_weights_are_shares_that_extra_padding_leaves_alone(name, batch):
    lengths, extra, seed, scale = batch
    module, width = pooling(name, seed % 1000), max(lengths)
    hidden, mask = scale * states(len(lengths), width, seed), mask_of(lengths, width)
    with torch.no_grad():
        short = module(hidden, mask)
        garbage = torch.full((len(lengths), extra, WIDTH), 1e3)
        long = module(torch.cat([hidden, garbage], dim=1), mask_of(lengths, width + extra))
    for result, total in ((short, width), (long, width + extra)):
        padding = mask_of(lengths, total) == 0
        assert (result.attention_weights[padding] == 0).all()
        assert (result.attention_weights >= 0).all()
        torch.testing.assert_close(result.attention_weights.sum(dim=1), torch.ones(len(lengths)))
    torch.testing.assert_close(long.attention_weights[:, :width], short.attention_weights, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(long.pooled, short.pooled, atol=1e-5 * max(1.0, scale), rtol=1e-4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=6), min_size=1, max_size=4))
def test_attention_is_a_softmax_over_the_real_tokens(rows):
    width = max(map(len, rows)) + 1
    scores = torch.tensor([row + [77.0] * (width - len(row)) for row in rows])
    weights = masked_softmax(scores, mask_of([len(row) for row in rows], width))
    for row, found in zip(rows, weights.tolist(), strict=True):
        powers = [math.exp(score - max(row)) for score in row]
        expected = [power / sum(powers) for power in powers]
        assert found[: len(row)] == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("module", [MeanPooling(WIDTH), AttentionPooling(WIDTH)])
def test_equal_scores_are_the_mean_over_the_real_tokens(module):
    lengths = [3, 1, 7, 5]
    hidden, mask = states(4, 7, 1), mask_of(lengths, 7)
    if isinstance(module, AttentionPooling):
        torch.nn.init.zeros_(module.score.weight)
        torch.nn.init.constant_(module.score.bias, 3.0)
    found = module(hidden, mask)
    for row, length in enumerate(lengths):
        total = [0.0] * WIDTH
        for position in range(length):
            for unit in range(WIDTH):
                total[unit] += hidden[row, position, unit].item()
        assert found.pooled[row].tolist() == pytest.approx([value / length for value in total], abs=1e-6)


def test_attention_is_the_weighted_sum_of_the_hidden_states():
    module, hidden, mask = pooling("attention"), states(2, 5, 3), mask_of([5, 3], 5)
    found = module(hidden, mask)
    scores = hidden @ module.score.weight[0] + module.score.bias
    for row, length in enumerate([5, 3]):
        weights = torch.softmax(scores[row, :length], dim=0)
        torch.testing.assert_close(found.attention_weights[row, :length], weights)
        expected = sum(weights[position] * hidden[row, position] for position in range(length))
        torch.testing.assert_close(found.pooled[row], expected)


@settings(max_examples=40, deadline=None)
@given(batches)
def test_concat_is_last_maximum_and_mean_of_the_real_tokens(batch):
    lengths, extra, seed, _ = batch
    width = max(lengths) + extra
    hidden = states(len(lengths), width, seed)
    found = ConcatPooling(WIDTH)(hidden, mask_of(lengths, width))
    for row, length in enumerate(lengths):
        real = hidden[row, :length]
        torch.testing.assert_close(found.pooled[row], torch.cat([real[-1], real.max(dim=0).values, real.mean(dim=0)]))
        torch.testing.assert_close(found.attention_weights[row, :length], torch.full((length,), 1 / length))


@pytest.mark.parametrize("name", POOLINGS)
def test_out_size_is_the_width_of_the_pooled_vector(name):
    found = pooling(name)(states(2, 5, 0), mask_of([5, 2], 5))
    assert found.pooled.shape == (2, POOLINGS[name].out_size(WIDTH))
    assert (POOLINGS[name].out_size(WIDTH) == WIDTH) == (name != "concat")


def test_cls_is_the_first_hidden_state():
    hidden = states(3, 6, 0)
    found = ClsPooling(WIDTH)(hidden, mask_of([6, 2, 1], 6))
    assert torch.equal(found.pooled, hidden[:, 0])
    assert torch.equal(found.attention_weights, torch.eye(6)[[0, 0, 0]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", POOLINGS)
def test_a_row_of_padding_has_weights_and_vector_zero(name, dtype):
    module = pooling(name).to(dtype)
    hidden = states(2, 4, 0).to(dtype)
    found = module(hidden, mask_of([0, 2], 4))
    assert (found.attention_weights[0] == 0).all()
    assert (found.pooled[0] == 0).all()
    assert torch.isfinite(found.pooled).all()
    if name == "attention":
        found.pooled.float().sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in module.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("low, high", [(-1e4, 1e4), (1e4, 1e4), (-1e4, -1e4)])
def test_extreme_scores_stay_finite(low, high, dtype):
    scores = torch.tensor([[low, high, low, 5.0]], dtype=dtype, requires_grad=True)
    weights = masked_softmax(scores, mask_of([3], 4))
    expected = torch.softmax(torch.tensor([low, high, low]), dim=0)
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights[0, :3], expected)
    assert weights[0, 3] == 0
    weights.square().sum().backward()
    assert torch.isfinite(scores.grad).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", POOLINGS)
def test_half_precision_comes_close_and_keeps_its_type(name, dtype):
    module, hidden, mask = pooling(name), states(3, 9, 5), mask_of([9, 4, 1], 9)
    exact = module(hidden, mask)
    found = module.to(dtype)(hidden.to(dtype), mask)
    assert found.pooled.dtype == dtype
    assert found.attention_weights.dtype == torch.float32
    torch.testing.assert_close(found.attention_weights.sum(dim=1), torch.ones(3))
    torch.testing.assert_close(found.pooled.float(), exact.pooled, atol=0.06, rtol=0.06)


def test_padding_gets_no_gradient():
    module, mask = pooling("attention"), mask_of([3], 6)
    hidden = states(1, 6, 2).requires_grad_()
    module(hidden, mask).pooled.square().sum().backward()
    assert (hidden.grad[0, 3:] == 0).all()
    assert (hidden.grad[0, :3] != 0).all()


def test_weighted_sum_is_a_sum_over_tokens():
    hidden, weights = states(2, 3, 4), torch.tensor([[0.5, 0.25, 0.25], [0.0, 2.0, -1.0]])
    expected = (weights[:, :, None] * hidden).sum(dim=1)
    torch.testing.assert_close(weighted_sum(hidden, weights), expected)
