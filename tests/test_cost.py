"""What a preset costs: operations against their closed form, bytes that are kept, and the table of the README."""

import dataclasses

import numpy as np
import pytest
import torch
from helpers.training import save_encoder

from toxres.config import CUSTOM, PAPER, get_preset
from toxres.errors import InputError
from toxres.files import read_json
from toxres.training.cost import (
    HOST_SECONDS,
    REACHED,
    RESULT,
    Counter,
    activations,
    build,
    encoder_config,
    estimate,
    main,
    memory,
    widths,
)
from toxres.training.cost_told import section, table
from toxres.training.gpus import GPUS


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The preset `paper` with an encoder of two layers of 32."""
    return dataclasses.replace(PAPER, encoder=save_encoder("roberta", tmp_path_factory.mktemp("encoder")))


def closed_form(layers: int, hidden: int, inner: int, tokens: int) -> float:
    """Forward operations of a transformer: four projections, two feed-forward matrices, two products of attention."""
    return layers * (2 * tokens * (4 * hidden**2 + 2 * hidden * inner) + 4 * tokens**2 * hidden)


def test_counted_operations_are_those_of_the_formula(small):
    counter = Counter(CUSTOM, small)
    for tokens in (32, 128):
        forward, both = counter.step(tokens)
        expected = closed_form(2, 32, 64, tokens)
        head = 2 * 32 * 32 + 2 * 32 * 6 + 4 * 32 * tokens
        assert expected <= forward <= 1.01 * expected + head
        assert 2.9 < both / forward <= 3.0, "the way back is twice the way there"
    frozen = Counter(CUSTOM, dataclasses.replace(small, gradient_checkpointing=True))
    assert 3.5 < frozen.step(128)[1] / counter.step(128)[0] < 4.1, "and once more where layers are computed again"


def test_a_preset_takes_all_its_steps(small):
    found = estimate(CUSTOM, small, rows=1_000, lengths=[10, 20, 40] * 50)
    assert (found["train_rows"], found["validation_rows"], found["steps"]) == (900, 100, 3 * 57)
    full, real = found["flops"]["128 tokens each"], found["flops"]["as long as they are"]
    assert full["total"] == 3 * (900 * full["step"] + 100 * full["forward"])
    assert real["tokens"] < 128 and real["total"] < full["total"]
    slow, fast = (found["gpus"][0][name] for name in ("hours_slow", "hours_fast"))
    assert fast == pytest.approx(171 * HOST_SECONDS[1] / 3600) and slow == pytest.approx(171 * HOST_SECONDS[0] / 3600)


def test_slow_gpus_are_bound_by_arithmetic():
    found = read_json(RESULT)
    worst = found["flops"]["128 tokens each"]["total"]
    for gpu in found["gpus"]:
        arithmetic = worst / (REACHED[0] * gpu["tflops"] * 1e12) / 3600
        assert gpu["hours_slow"] == pytest.approx(max(arithmetic, found["steps"] * HOST_SECONDS[0] / 3600))
    assert [gpu["name"] for gpu in found["gpus"]] == [gpu.name for gpu in GPUS]


def test_padding_follows_the_longest_of_a_batch():
    padded = widths([3] * 15 + [30], batch_size=16)
    assert padded.tolist() == [32] * 16
    assert widths([3, 9, 17], batch_size=1).sum() == 8 + 16 + 24
    assert len(widths(np.ones(33, int), 16)) == 33


def test_memory_is_weights_moments_and_what_is_kept(small):
    needed = memory(CUSTOM, small)
    model = build(CUSTOM, small, "meta")
    total = sum(value.numel() for value in model.parameters())
    assert needed.state == 16 * total
    frozen = memory(CUSTOM, dataclasses.replace(small, freeze_embeddings=True)).state
    assert frozen == needed.state - 12 * model.encoder.get_input_embeddings().weight.numel()
    twice = activations(CUSTOM, dataclasses.replace(small, batch_size=32), 128)
    assert 1.9 < twice / needed.activations < 2.1
    again = activations(CUSTOM, dataclasses.replace(small, gradient_checkpointing=True), 128)
    assert again < 0.4 * needed.activations


def test_the_paper_s_encoder_has_its_size():
    with torch.device("meta"):
        model = build(CUSTOM, PAPER, "meta")
    encoder = sum(value.numel() for value in model.encoder.parameters())
    assert 81e6 < encoder < 83e6, "distilroberta-base has 82 M parameters"
    assert model.config.encoder.num_hidden_layers == 6


def test_an_encoder_that_nothing_is_known_of():
    with pytest.raises(InputError, match="encoder 'no/where': its configuration is not at hand"):
        encoder_config("no/where")


def test_the_committed_estimate_is_of_the_preset_as_it_is():
    found = read_json(RESULT)
    assert found["preset"] == get_preset("paper").to_dict()
    counted = Counter(CUSTOM, PAPER).step(128)
    assert found["flops"]["128 tokens each"]["forward"] == counted[0]
    assert found["flops"]["128 tokens each"]["step"] == counted[1]
    assert section(found).count("\n| ") == 2 + len(GPUS) - 1 + 1
    assert table(found) in section(found) and "T4" in table(found) and 0 < found["measured"]["reached"] < 1


def test_bad_usage(capsys):
    assert main(["--recipe", "tfidf"]) == 2
    assert "tfidf is no transformer" in capsys.readouterr().err
