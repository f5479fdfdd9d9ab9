"""The last layer for the first token alone: the same scores, of a shorter output, and the model as it was after it."""

import pytest
import torch
from helpers.training import TEXTS, trained

from toxres.checkpoint import load_checkpoint
from toxres.models.first_token import first_token_only


def inputs(tokenizer):
    return tokenizer(list(TEXTS), truncation=True, max_length=32, padding=True, return_tensors="pt")


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_scores_are_those_of_the_whole_layer(attention):
    opened = load_checkpoint(trained("baseline"))
    opened.model.set_attn_implementation(attention)
    given, model = inputs(opened.tokenizer), opened.model
    score = torch.inference_mode()(model)
    whole = score(**given).logits
    lengths = []
    watch = model.encoder.register_forward_hook(lambda *call: lengths.append(call[2].last_hidden_state.shape[1]))
    with first_token_only(model) as leaves_out:
        torch.testing.assert_close(score(**given).logits, whole, atol=1e-5, rtol=0)
        unmasked = score(input_ids=given["input_ids"]).logits
    torch.testing.assert_close(unmasked, score(input_ids=given["input_ids"]).logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(score(**given).logits, whole, atol=0, rtol=0)
    watch.remove()
    width = given["input_ids"].shape[1]
    assert leaves_out and lengths == [1, 1, width, width]


@pytest.mark.parametrize("name", ["custom", "ulmfit"])
def test_a_model_that_reads_all_tokens_keeps_them(name):
    model = load_checkpoint(trained(name)).model
    before = [*model.modules()]
    with first_token_only(model) as leaves_out:
        assert not leaves_out and [*model.modules()] == before
