"""Which number format a machine trains in, and what is refused where it can't."""

import dataclasses

import pytest
import torch

from toxres.config import PAPER, QUICK
from toxres.errors import InputError
from toxres.training.precision import chosen_precision, describe_device, has_bf16, mixed_precision, need_precision


@pytest.fixture
def machine(monkeypatch):
    """Makes this machine look like another."""

    def make(kind: str, bf16: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: kind == "cuda")
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16 or including_emulation)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a GPU")
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: kind == "mps")
        monkeypatch.setattr("toxres.training.precision.has_bf16", lambda: bf16)

    return make


@pytest.mark.parametrize(
    ("kind", "bf16", "auto", "paper"),
    [
        ("cpu", False, "fp32", "fp32"),
        ("cpu", True, "bf16", "bf16"),
        ("cuda", False, "fp16", "fp16"),
        ("cuda", True, "bf16", "fp16"),
        ("mps", True, "fp32", "fp32"),
    ],
)
def test_what_the_machine_multiplies_is_taken(machine, kind, bf16, auto, paper):
    machine(kind, bf16)
    for preset, expected in ((QUICK, auto), (PAPER, paper)):
        found = mixed_precision(preset)
        assert found == {"use_cpu": kind == "cpu", "bf16": expected == "bf16", "fp16": expected == "fp16"}
    plain = mixed_precision(dataclasses.replace(QUICK, precision="fp32"))
    assert (plain["bf16"], plain["fp16"]) == (False, False)


@pytest.mark.parametrize(
    ("kind", "bf16", "wanted", "complaint"),
    [
        ("cpu", True, "fp16", "precision 'fp16': needs a CUDA GPU, and this machine trains on cpu; take auto or fp32"),
        ("mps", True, "fp16", "trains on mps"),
        ("cpu", False, "bf16", "this machine's cpu does not multiply bfloat16 in hardware; take auto or fp32"),
        ("cuda", False, "bf16", "this machine's cuda does not multiply bfloat16 in hardware; take auto or fp16"),
        ("mps", True, "bf16", "this machine's mps does not"),
        ("cpu", True, "fp8", "precision 'fp8': is unknown; choose one of: auto, fp32, bf16, fp16"),
    ],
)
def test_what_it_cannot_is_refused(machine, kind, bf16, wanted, complaint):
    machine(kind, bf16)
    with pytest.raises(InputError, match=complaint):
        need_precision(wanted)


@pytest.mark.parametrize(
    ("kind", "bf16", "wanted"),
    [
        ("cpu", True, "bf16"),
        ("cuda", True, "bf16"),
        ("cuda", False, "fp16"),
        ("cpu", False, "auto"),
        ("mps", 0, "fp32"),
    ],
)
def test_what_it_can_is_taken(machine, kind, bf16, wanted):
    machine(kind, bf16)
    need_precision(wanted)
    assert wanted in ("auto", chosen_precision(wanted))


def test_bf16_by_what_the_cpu_says(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    assert not has_bf16()
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    assert has_bf16()


def test_a_record_says_what_it_was_trained_on(machine, monkeypatch):
    machine("cuda")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert describe_device(QUICK) == {"kind": "cuda", "name": "a GPU", "processes": 4, "precision": "fp16"}
    machine("cpu")
    assert describe_device(QUICK)["name"] is None
