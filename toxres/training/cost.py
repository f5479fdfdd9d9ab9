"""What does a preset cost on a GPU? Work counted on the real graph, memory of what a step keeps, time by rate.

`python -m toxres.training.cost --preset paper` prints a table of common GPUs. It is an estimate: floating point
operations are counted (`FlopCounterMode`, on a model with random weights), and so are the bytes that the forward pass
keeps for the way back; the share of its rated speed that a GPU reaches is an assumption, told beside the table.
"""

import argparse
import dataclasses
import functools
import math
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, PreTrainedConfig, RobertaConfig

from toxres.config import PRESETS, Preset, Recipe, get_preset, get_recipe
from toxres.errors import InputError
from toxres.files import ROOT, write_json
from toxres.models import ToxicityConfig, ToxicityModel
from toxres.results import current_commit
from toxres.training.cost_told import section
from toxres.training.gpus import GPUS, Gpu

JIGSAW_ROWS = 159_571
"""Comments of Kaggle's whole training file."""

REACHED = (0.08, 0.25)
"""Shares of its rated speed that a GPU is assumed to reach with small batches of a small transformer: slow and fast."""

HOST_SECONDS = (0.025, 0.012)
"""Seconds that Python and kernel launches are assumed to need for a step, whatever the GPU: slow and fast."""

CONTEXT_BYTES = 1 << 30
"""What CUDA, its libraries and the allocator's leftovers are assumed to take."""

RESULT = ROOT / "data" / "results" / "paper_cost.json"
_MULTIPLE = 8


class Memory(NamedTuple):
    """Bytes that training takes.

    Attributes:
        state: Weights, gradients and AdamW's two moments, in float32.
        casts: Copies of the weights in 16 bits.
        activations: What the forward pass of a batch keeps for the way back.
    """

    state: int
    casts: int
    activations: int


def encoder_config(name: str) -> PreTrainedConfig:
    """The configuration of an encoder by its name, without its weights.

    `distilroberta-base` is written down here, so that nothing has to be at hand.

    Raises:
        InputError: Nothing is known of this encoder.
    """
    if name == "distilroberta-base":
        return RobertaConfig(
            vocab_size=50_265, hidden_size=768, num_hidden_layers=6, num_attention_heads=12, intermediate_size=3_072,
            max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1,
        )  # fmt: skip
    try:
        from toxres.models.encoders import minilm_path

        return AutoConfig.from_pretrained(minilm_path() if name == "minilm" else name, local_files_only=True)
    except Exception as error:
        raise InputError(f"encoder {name!r}: its configuration is not at hand; name minilm or a folder") from error


def build(recipe: Recipe, preset: Preset, device: str) -> ToxicityModel:
    """A model in training mode with the preset's encoder and random weights, or none on the device "meta"."""
    config = encoder_config(preset.encoder)
    with torch.device(device):
        model = ToxicityModel(ToxicityConfig(encoder=config, pooling=recipe.pooling, head=recipe.head))
    model.set_attn_implementation("eager")
    if preset.freeze_embeddings:
        model.encoder.get_input_embeddings().requires_grad_(False)
    if preset.gradient_checkpointing:
        model.activation_checkpointing_enable()
        model.encoder.config.use_cache = False
    return model.train()


class Counter:
    """Floating point operations (a multiplication and an addition are two) of batches, each width counted once.

    Args:
        recipe: Pooling and head.
        preset: Encoder, and which weights learn.
    """

    def __init__(self, recipe: Recipe, preset: Preset) -> None:
        self.model = build(recipe, preset, "cpu")
        self.step = functools.cache(self._step)

    def _step(self, width: int) -> tuple[int, int]:
        """Forward, and forward with backward, of a comment of so many tokens."""
        ids = torch.ones(1, width, dtype=torch.long)
        with FlopCounterMode(display=False) as forward, torch.no_grad():
            self.model(input_ids=ids)
        with FlopCounterMode(display=False) as both:
            self.model(input_ids=ids).logits.sum().backward()
        self.model.zero_grad()
        return forward.get_total_flops(), both.get_total_flops()


def widths(lengths: Sequence[int], batch_size: int, seed: int = 0) -> np.ndarray:
    """To how many tokens each of these comments is padded in batches drawn at random, up to a multiple of 8."""
    order = np.random.default_rng(seed).permutation(np.asarray(lengths))
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return np.concatenate([np.full(len(batch), -(-batch.max() // _MULTIPLE) * _MULTIPLE) for batch in batches])


def jigsaw_lengths(max_length: int) -> list[int] | None:
    """Tokens of Jigsaw's comments at hand, or None; MiniLM's tokens, as an encoder's own tokenizer may not be here."""
    from toxres.data import available, load_comments
    from toxres.models import load_encoder

    if not available("jigsaw"):
        return None
    texts, tokenizer = load_comments("jigsaw")["text"].tolist(), load_encoder("tiny").tokenizer
    encoded = tokenizer(texts, truncation=True, max_length=max_length)
    return [len(ids) for ids in encoded["input_ids"]]


def activations(recipe: Recipe, preset: Preset, width: int) -> int:
    """Bytes that the forward pass of a batch keeps, with matrices in 16 bits; attention as in eager mode.

    Tensors are real and on the CPU, of bfloat16 where a GPU may have float16: their sizes are the same.
    """
    model = build(recipe, preset, "cpu")
    weights = {value.untyped_storage().data_ptr() for value in model.parameters()}
    casts = {
        tuple(shape) for value in model.parameters() if value.ndim == 2 for shape in (value.shape, value.shape[::-1])
    }
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage, is_cast = tensor.untyped_storage(), tensor.dtype == torch.bfloat16 and tuple(tensor.shape) in casts
        if storage.data_ptr() not in weights and not is_cast:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    ids = torch.ones(preset.batch_size, width, dtype=torch.long)
    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16),
    ):
        output = model(input_ids=ids)  # holds the graph, so that no storage is used twice
    del output
    return sum(kept.values())


def memory(recipe: Recipe, preset: Preset) -> Memory:
    """Bytes that a step of a preset takes at its full length."""
    model = build(recipe, preset, "meta")
    total = sum(value.numel() for value in model.parameters())
    learned = sum(value.numel() for value in model.parameters() if value.requires_grad)
    words = model.encoder.get_input_embeddings().weight.numel()
    return Memory(4 * total + 12 * learned, 2 * (total - words), activations(recipe, preset, preset.max_length))


def estimate(
    recipe: Recipe, preset: Preset, rows: int = JIGSAW_ROWS, lengths: Sequence[int] | None = None
) -> dict[str, object]:
    """What training a preset takes.

    Args:
        recipe: What is trained.
        preset: How much.
        rows: Labelled comments, of which the preset's split leaves nine or six in ten for training.
        lengths: Tokens of a sample of the comments; without, each is taken to be as long as the preset allows.

    Returns:
        Counts, `flops` in all, `memory` in bytes, and for each GPU its hours (fast, slow) and whether the run fits.
    """
    train_rows = rows * 9 // 10 if preset.split == "90/10" else rows * 3 // 5
    checked = rows - train_rows if preset.split == "90/10" else rows // 5
    per_step = preset.batch_size * preset.gradient_accumulation
    steps = preset.epochs * math.ceil(train_rows / per_step)
    counter, full = Counter(recipe, preset), preset.max_length
    cases = {f"{full} tokens each": np.array([full])}
    if lengths is not None:
        cases["as long as they are"] = widths(lengths, preset.batch_size)
    flops = {}
    for name, padded in cases.items():
        counts = [counter.step(int(width)) for width in padded]
        forward, both = (float(np.mean([count[place] for count in counts])) for place in (0, 1))
        total = preset.epochs * (train_rows * both + checked * forward)
        flops[name] = {"tokens": float(padded.mean()), "forward": forward, "step": both, "total": total}
    needed, lowest = memory(recipe, preset), memory(recipe, dataclasses.replace(preset, gradient_checkpointing=True))
    worst, best = flops[f"{full} tokens each"]["total"], min(case["total"] for case in flops.values())
    own = "fp16" if preset.precision == "fp16" else None
    gpus = [{**_on(gpu, best, worst, steps, needed), "precision": own or gpu.precision} for gpu in GPUS]
    return {
        "recipe": recipe.name, "preset": preset.to_dict(), "rows": rows, "train_rows": train_rows,
        "validation_rows": checked, "steps": steps, "parameters": sum(p.numel() for p in counter.model.parameters()),
        "flops": flops, "memory": needed._asdict(), "activations_checkpointed": lowest.activations,
        "assumed": {"reached": REACHED, "host_seconds_a_step": HOST_SECONDS, "context_bytes": CONTEXT_BYTES},
        "gpus": gpus,
    }  # fmt: skip


def _on(gpu: Gpu, best: float, worst: float, steps: int, needed: Memory) -> dict:
    """Hours of a run on a GPU: the slower of its arithmetic and of what the host needs for each step."""
    slow, fast = (
        max(flops / (share * gpu.tflops * 1e12), steps * host) / 3600
        for flops, share, host in zip((worst, best), REACHED, HOST_SECONDS, strict=True)
    )
    taken = sum(needed) + CONTEXT_BYTES
    return {**gpu._asdict(), "hours_fast": fast, "hours_slow": slow, "fits": taken < 0.95 * gpu.memory_gb * 1e9}


def measure_here(seconds: float = 3.0) -> dict[str, float]:
    """The share of its matrix rate that one thread of this CPU reaches while it trains MiniLM, batch 16, 128 tokens.

    Time is the thread's own, whatever else runs.

    Args:
        seconds: How long each rate is measured.
    """
    from toxres.training.precision import has_bf16

    threads, kind = torch.get_num_threads(), torch.bfloat16 if has_bf16() else torch.float32
    torch.set_num_threads(1)
    try:
        recipe, preset = get_recipe("custom"), get_preset("quick")
        a, b = (torch.randn(1_024, 1_024, dtype=kind) for _ in range(2))
        rate = 2 * 1_024**3 / _once(lambda: a @ b, seconds)
        model, ids = build(recipe, preset, "cpu"), torch.ones(16, 128, dtype=torch.long)

        def step() -> None:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=kind == torch.bfloat16):
                loss = model(input_ids=ids).logits.sum()
            loss.backward()
            model.zero_grad()

        taken = _once(step, seconds)
    finally:
        torch.set_num_threads(threads)
    done = 16 * Counter(recipe, preset).step(128)[1] / taken
    return {"matrix_flops": rate, "training_flops": done, "reached": done / rate, "tokens_per_second": 16 * 128 / taken}


def _once(call, seconds: float) -> float:
    """Median processor seconds of a call, after one that is not counted."""
    call()
    times, until = [], time.monotonic() + seconds
    while len(times) < 3 or time.monotonic() < until:
        started = time.thread_time()
        call()
        times.append(time.thread_time() - started)
    return statistics.median(times)


def main(argv: list[str] | None = None) -> int:
    """The command line: 0, or 2 for bad usage or input."""
    parser = argparse.ArgumentParser(prog="python -m toxres.training.cost", description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="paper", metavar="P", help=f"one of: {', '.join(PRESETS)}; paper")
    parser.add_argument("--recipe", default="custom", metavar="R", help="a transformer recipe; custom")
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"write the estimate, such as to {RESULT.name}")
    options = parser.parse_args(argv)
    try:
        recipe, preset = get_recipe(options.recipe), get_preset(options.preset)
        if recipe.family != "transformer" or recipe.language_model:
            raise InputError(f"--recipe: {recipe.name} is no transformer of a preset's encoder; take another")
        found = estimate(recipe, preset, lengths=jigsaw_lengths(preset.max_length))
        found |= {"measured": measure_here(), "commit": current_commit()}
    except InputError as error:
        print(f"toxres.training.cost: {error}", file=sys.stderr)
        return 2
    print(section(found))
    if options.json:
        write_json(options.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
