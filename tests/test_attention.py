"""Attention for training: what eager attention gives, in float32 and under autocast, and its gradients."""

import pytest
import torch
from transformers import BertConfig, BertModel

from toxres.models.attention import LEAN, for_training, lean_attention


def model_with(implementation: str, dropout: float = 0.0) -> BertModel:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=40, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=dropout,
    )  # fmt: skip
    model = BertModel(config, add_pooling_layer=False)
    model.set_attn_implementation(implementation)
    return model


def states_and_gradients(implementation: str, bf16: bool) -> tuple[torch.Tensor, list[torch.Tensor]]:
    model = model_with(implementation).train()
    ids = torch.arange(2 * 12).reshape(2, 12)
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        states = model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    (states * mask[..., None]).square().sum().backward()
    return (states * mask[..., None]).detach(), [parameter.grad for parameter in model.parameters()]


@pytest.mark.parametrize(("bf16", "tolerance"), [(False, 1e-5), (True, 3e-2)])
def test_it_is_eager_attention(bf16, tolerance):
    ours, gradients = states_and_gradients(LEAN, bf16)
    theirs, expected = states_and_gradients("eager", bf16)
    torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=tolerance)
    norm = torch.stack([gradient.norm() for gradient in expected]).norm()
    for gradient, other in zip(gradients, expected, strict=True):
        assert (gradient - other).norm() <= tolerance * norm


def test_padding_changes_nothing_and_all_of_it_stays_finite():
    model = model_with(LEAN).eval()
    ids = torch.arange(5)[None]
    padded = torch.cat([ids, torch.zeros(1, 4, dtype=torch.long)], dim=1)
    mask = torch.tensor([[1] * 5 + [0] * 4])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=True):
        nothing = model(input_ids=padded, attention_mask=torch.zeros_like(mask)).last_hidden_state
    assert torch.isfinite(nothing).all()
    with torch.no_grad():
        alone = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        beside = model(input_ids=padded, attention_mask=mask).last_hidden_state[:, :5]
    torch.testing.assert_close(alone, beside, atol=1e-6, rtol=1e-5)


def test_weights_are_dropped_in_training_alone():
    layer = torch.nn.Module()
    given = [torch.ones(1, 1, 50, 4) for _ in range(3)]
    _, weights = lean_attention(layer.train(), *given, None, dropout=0.5)
    assert (weights == 0).any() and torch.allclose(weights.max(), torch.tensor(2 / 50))
    _, weights = lean_attention(layer.eval(), *given, None, dropout=0.5)
    assert torch.allclose(weights, torch.full_like(weights, 1 / 50))


def test_a_model_is_told_once_and_its_record_is_not():
    model = model_with("sdpa")
    for_training(model, model)
    assert model.config._attn_implementation == ("sdpa" if torch.cuda.is_available() else LEAN)
    assert LEAN not in model.config.to_json_string()
