"""How near scoring and training are to the matrix products they must do, and where the rest of the time goes."""

import contextlib
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toxres.bench.measure import Benchmark, Measurement, Result, Sample, Setting
from toxres.bench.sides import Side, alternate
from toxres.bench.subjects import comments, served_bundle, subjects

if TYPE_CHECKING:
    from toxres.serving.predictor import Predictor

SHAPES = ((2_048, 384, 1_536), (2_048, 1_536, 384), (1_024, 1_024, 1_024))
"""Rows, inner size and columns of the products that are timed: the encoder's largest, and a square one."""

TEXTS = 256
"""Comments that are scored under the profiler."""

STEPS, BATCH = 8, 32
"""Training steps under the profiler, and the comments of each."""


def prepare_rates() -> Callable[[], Sample]:
    """Multiply matrices in float32, bfloat16 and int8: the best rate of `SHAPES`, in 10^9 operations a second."""
    import torch

    random = torch.Generator().manual_seed(0)

    def operands(precision: str, rows: int, inner: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
        if precision == "int8":
            shapes = (rows, inner), (inner, columns)
            return tuple(torch.randint(-64, 64, shape, generator=random, dtype=torch.int8) for shape in shapes)
        kind = torch.float32 if precision == "fp32" else torch.bfloat16
        return tuple(torch.randn(s, generator=random).to(kind) for s in ((rows, inner), (inner, columns)))

    def once() -> Sample:
        best: dict[str, float] = {}
        for precision in ("fp32", "bf16", "int8"):
            multiply = torch._int_mm if precision == "int8" else torch.matmul
            for shape in SHAPES:
                pair = operands(precision, *shape)
                multiply(*pair)
                seconds = []
                for _ in range(8):
                    start = time.perf_counter()
                    multiply(*pair)
                    seconds.append(time.perf_counter() - start)
                rate = 2 * np.prod(shape, dtype=float) / min(seconds) / 1e9
                best[precision] = max(best.get(precision, 0.0), rate)
        return Sample(best)

    return once


def prepare_scoring(bundle: str, model: str) -> Callable[[], Sample]:
    """Score comments in one thread: seconds of each stage, and OpenVINO's own account of its operations."""
    from toxres.lengths import length_batches
    from toxres.serving import load_bundle
    from toxres.serving.predictor import MAX_TOKENS

    predictor = load_bundle(bundle, threads=1, only=model, whole=False).models[model]
    texts = comments(TEXTS).texts
    counted = _profiled(predictor) if predictor.runtime == "openvino" else None

    def once() -> Sample:
        start = time.perf_counter()
        readings = predictor.read(texts)
        read = time.perf_counter()
        windows = [reading.windows[0] for reading in readings]
        rows = length_batches([window.length for window in windows], MAX_TOKENS)
        batches = [[windows[row] for row in batch] for batch in rows]
        scores = [predictor.score(batch) for batch in batches]
        scored = time.perf_counter()
        predictor.combine(readings, [[score] for batch in scores for score in batch])
        figures = {"read": read - start, "score": scored - read, "combine": time.perf_counter() - scored}
        tokens = float(sum(window.length for window in windows))
        attended = float(sum(window.length**2 for window in windows))
        operations = counted(batches) if counted else {}
        return Sample(figures | {"tokens": tokens, "attended": attended}, operations)

    return once


def _profiled(predictor: "Predictor") -> Callable[[list], dict[str, float]]:
    """Seconds in each kind of operation, by OpenVINO's counters, over batches of windows."""
    from toxres.serving.engines import INPUTS, openvino_core
    from toxres.serving.models import GRAPH

    hint = "bf16" if predictor.precision == "bf16" else "f32"
    options = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERF_COUNT": True}
    compiled = openvino_core().compile_model(str(predictor.path / GRAPH), "CPU", options)
    request = compiled.create_infer_request()

    def count(batches: list) -> dict[str, float]:
        found: dict[str, float] = defaultdict(float)
        for batch in batches:
            request.infer(dict(zip(INPUTS, predictor._model.padded(batch), strict=True)))
            for operation in request.get_profiling_info():
                found[operation.node_type] += operation.real_time.total_seconds()
        return dict(found)

    return count


@contextlib.contextmanager
def prepare_training() -> Iterator[Callable[[], Sample]]:
    """The steps of `toxres train` in batches of similar length, then under torch's profiler: seconds by operation."""
    from toxres.allocator import keeping_memory

    with keeping_memory():  # before torch takes any memory
        yield _steps()


def _steps() -> Callable[[], Sample]:
    import torch
    from torch.profiler import ProfilerActivity, profile

    from toxres.bench.training_sides import LEVERS, Work
    from toxres.data.batching import PadCollator
    from toxres.training.trainer import build_optimizer

    work = Work(STEPS * BATCH, 1, LEVERS)
    collate, lengths = PadCollator(work.tokenizer.pad_token_id), np.asarray(work.dataset.lengths)
    batches = np.argsort(-lengths, kind="stable").reshape(STEPS, BATCH).tolist()
    optimizer = build_optimizer(work.model, work.recipe, work.preset)
    work.model.train()

    def step(rows: list[int]) -> None:
        batch = collate([work.dataset[row] for row in rows])
        labels = batch.pop("labels")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = work.loss(work.model(**batch).logits, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(work.model.parameters(), work.preset.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()

    def once() -> Sample:
        start = time.perf_counter()
        for rows in batches:
            step(rows)
        seconds = time.perf_counter() - start
        with profile(activities=[ProfilerActivity.CPU]) as found:
            for rows in batches:
                step(rows)
        kinds: dict[str, float] = defaultdict(float)
        for event in found.key_averages():
            kinds[_kind(event.key)] += event.self_cpu_time_total / 1e6
        figures = {"seconds": seconds, "tokens": float(lengths.sum()), "attended": float((lengths**2).sum())}
        return Sample(figures, dict(kinds))

    return once


def _kind(operation: str) -> str:
    """What a torch operation does, in words of a profile."""
    kinds = {
        "products of matrices": ("mm", "addmm", "bmm", "linear", "matmul", "mkldnn", "baddbmm"),
        "copies and casts": ("copy_", "to", "_to_copy", "clone", "contiguous", "cat"),
        "softmax": ("softmax",),
        "GELU": ("gelu",),
        "LayerNorm": ("layer_norm",),
        "AdamW": ("adam", "lerp", "addcdiv", "addcmul", "sqrt"),
        "gradients added up": ("add_", "add", "sum"),
    }
    name = operation.removeprefix("aten::").lower()
    for kind, parts in kinds.items():
        if any(name == part or (len(part) > 3 and part in name) for part in parts):
            return kind
    return "the rest"


def operations(hidden: int, inner: int, layers: int, tokens: float, attended: float) -> float:
    """Operations (two a multiplication and addition) of an encoder's matrix products, forward.

    Args:
        hidden: D.
        inner: Size between the two layers of a feed-forward part.
        layers: How many.
        tokens: Of all comments together, without padding.
        attended: The sum of the squares of the comments' lengths: pairs of tokens that attention compares.
    """
    return layers * (tokens * 2 * (4 * hidden * hidden + 2 * hidden * inner) + attended * 2 * 2 * hidden)


def run(setting: Setting) -> Result:
    """The machine's rates, then scoring and training against them."""
    from toxres.checkpoint import load_checkpoint
    from toxres.serving.manifest import read_manifest

    found = subjects(setting)
    bundle = str(served_bundle(setting, found))
    precision = read_manifest(Path(bundle))["models"]["custom"]["precision"]
    config = load_checkpoint(found.custom).model.encoder.config
    shape = (config.hidden_size, config.intermediate_size, config.num_hidden_layers)
    rates = matrix_rates(repeats=min(setting.repeats, 4))
    wide = matrix_rates(setting.threads, min(setting.repeats, 4))
    scored = alternate(
        {"scoring": Side(f"{__name__}:prepare_scoring", {"bundle": bundle, "model": "custom"}, threads=1)}, 2
    )["scoring"]
    trained = alternate({"training": Side(f"{__name__}:prepare_training", threads=setting.threads)}, 2)["training"]
    forward = operations(*shape, scored.figures("tokens")[-1], scored.figures("attended")[-1])
    stages = {name: statistics.median(scored.figures(name)) for name in ("read", "score", "combine")}
    steps = 3 * operations(*shape, trained.figures("tokens")[-1], trained.figures("attended")[-1])
    shares = {
        "scoring": _share(forward, rates[precision], sum(stages.values())),
        "training": _share(steps, wide["bf16"], statistics.median(trained.figures("seconds"))),
    }
    details = {
        "gigaoperations_a_second": {"one thread": rates, f"{setting.threads} threads": wide},
        "operations_a_token": {"scoring": forward / scored.figures("tokens")[-1]},
        "share_of_the_floor": shares,
        "scoring_stages": _shares(stages),
        "scoring_operations": _shares(scored.outputs),
        "training_operations": _shares(trained.outputs),
    }
    measured = [
        Measurement(f"matrix rate, {name}", [rate], unit="GFLOP/s", threads=1, notes=["best of three shapes"])
        for name, rate in rates.items()
    ]
    names = {"scoring": precision, "training": "bf16"}
    threads = {"scoring": 1, "training": setting.threads}
    notes = [
        f"{name}, on {threads[name]} core{'s' * (threads[name] > 1)}: at the best {names[name]} rate there, its matrix "
        f"products alone would take {share:.0%} of the time"
        for name, share in shares.items()
    ]
    return Result(measured, notes=notes, details=details, preset=found.preset, sources=comments(1).sources)


def matrix_rates(threads: int = 1, repeats: int = 1) -> dict[str, float]:
    """The best rates of some runs, in 10^9 operations a second: float32, bfloat16 and int8."""
    side = Side(f"{__name__}:prepare_rates", threads=threads)
    runs = alternate({"rates": side}, repeats, warmups=0)["rates"]
    return {name: max(runs.figures(name)) for name in ("fp32", "bf16", "int8")}


def _share(needed: float, rate: float, seconds: float) -> float:
    """Time of the products at the machine's rate by the time that it took: 1 is the floor."""
    return needed / (rate * 1e9) / seconds


def _shares(parts: dict[str, float]) -> dict[str, float]:
    """Each part's share of the whole, the largest first; those below half a percent together."""
    whole = sum(parts.values()) or 1.0
    found = {name: value / whole for name, value in sorted(parts.items(), key=lambda item: -item[1])}
    small = sum(value for value in found.values() if value < 0.005)
    kept = {name: value for name, value in found.items() if value >= 0.005}
    return kept | ({"smaller ones": small} if small else {})


BENCHMARK = Benchmark("floor", "The floor: how near to the matrix work that has to be done?", run)
