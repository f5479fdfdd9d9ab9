"""The number format to train in: what the device multiplies in hardware, or what was asked for if it can."""

import os

import torch

from toxres.config import Preset
from toxres.errors import InputError

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
"""What a preset's `precision` may be."""


def has_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware (AVX-512 BF16 or AMX)."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)


def multiplies_bf16(kind: str) -> bool:
    """Whether a device ("cuda", "mps" or "cpu") multiplies bfloat16 matrices in hardware, not by emulation."""
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return kind == "cpu" and has_bf16()


def device_kind() -> str:
    """Where training runs: "cuda", "mps" (Apple's GPU) or "cpu"."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def chosen_precision(precision: str) -> str:
    """What `precision` (see `Preset`) means on this machine: "fp32", "bf16" or "fp16".

    GPUs without bfloat16 in hardware (before Ampere) get float16 with a scaled loss; Apple's get float32.
    """
    kind = device_kind()
    if kind == "cuda":
        return precision if precision in ("fp32", "bf16", "fp16") else "bf16" if multiplies_bf16(kind) else "fp16"
    if precision in ("fp32", "bf16"):
        return precision
    return "bf16" if multiplies_bf16(kind) else "fp32"


def mixed_precision(preset: Preset) -> dict[str, bool]:
    """The precision to train in on this machine, as arguments of `TrainingArguments`."""
    chosen = chosen_precision(preset.precision)
    return {"use_cpu": device_kind() == "cpu", "bf16": chosen == "bf16", "fp16": chosen == "fp16"}


def need_precision(precision: str) -> None:
    """Refuse a precision that was asked for and that this machine does not have.

    Raises:
        InputError: It is unknown, float16 without a CUDA GPU, or bfloat16 where the device only emulates it.
    """
    if precision not in PRECISIONS:
        raise InputError(f"precision {precision!r}: is unknown; choose one of: {', '.join(PRECISIONS)}")
    kind = device_kind()
    if precision == "fp16" and kind != "cuda":
        raise InputError(f"precision 'fp16': needs a CUDA GPU, and this machine trains on {kind}; take auto or fp32")
    if precision == "bf16" and not multiplies_bf16(kind):
        other = "fp16" if kind == "cuda" else "fp32"
        raise InputError(
            f"precision 'bf16': this machine's {kind} does not multiply bfloat16 in hardware; take auto or {other}"
        )


def describe_device(preset: Preset) -> dict:
    """What a run trains on: `kind`, `name` of the GPU, `processes`, and the `precision` that was chosen."""
    kind = device_kind()
    return {
        "kind": kind,
        "name": torch.cuda.get_device_name() if kind == "cuda" else None,
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "precision": chosen_precision(preset.precision),
    }
