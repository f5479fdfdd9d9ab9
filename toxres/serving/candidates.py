"""Ways to run a model: runtimes and precisions, the graphs they need, and how long each takes."""

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from toxres.serving.engines import ONNXRUNTIME, OPENVINO, Engine, Scores, open_engine

SHAPES: Final = ((1, 16), (1, 128), (32, 64))
"""Batch and length, in tokens, of what is timed: a short comment, a long one, and a full batch."""


ROUNDS: Final = (12, 4)
"""So often a single comment is timed, and a batch, after one run that is not."""


class Candidate(NamedTuple):
    """A way to run a model: a runtime and a precision."""

    runtime: str
    precision: str

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.runtime} {self.precision}"


CANDIDATES: Final = (
    Candidate(ONNXRUNTIME, "fp32"),
    Candidate(ONNXRUNTIME, "int8"),
    Candidate(OPENVINO, "fp32"),
    Candidate(OPENVINO, "bf16"),
    Candidate(OPENVINO, "int8"),
)
"""What is measured. ONNX Runtime has no bfloat16 on a CPU."""


class TorchEngine:
    """The checkpoint's own model behind an engine's interface: what all candidates are held against.

    Args:
        model: A `ToxicityModel` in evaluation mode.
        has_attention: Give its attention weights too.
    """

    precision = "fp32"

    def __init__(self, model, has_attention: bool) -> None:
        self._model, self._has_attention = model, has_attention

    def run(self, input_ids: np.ndarray, attention_mask: np.ndarray) -> Scores:
        """See `Engine.run`."""
        import torch

        with torch.inference_mode():
            ids, mask = (torch.from_numpy(part).to(self._model.device) for part in (input_ids, attention_mask))
            found = self._model(input_ids=ids, attention_mask=mask, output_attention_weights=True)
        weights = found.attention_weights.float().cpu().numpy() if self._has_attention else None
        return Scores(found.logits.float().cpu().numpy(), weights)


def write_candidate(graph: Path, candidate: Candidate, out: Path) -> None:
    """Write the graph a candidate runs: with 8-bit weights for "int8", else as it is (OpenVINO makes bfloat16 itself).

    Args:
        graph: The float32 graph.
        candidate: The candidate.
        out: The file to write.
    """
    if candidate.precision != "int8":
        shutil.copyfile(graph, out)
        return
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)  # it advises a pre-processing that these graphs do not need
    try:
        quantize_dynamic(graph, out, weight_type=QuantType.QInt8, per_channel=True)
    finally:
        logging.disable(logging.NOTSET)


def open_candidate(path: Path, candidate: Candidate, threads: int) -> Engine | str:
    """The engine of a candidate, or why this machine has none."""
    try:
        engine = open_engine(path, candidate.runtime, candidate.precision, threads)
    except ValueError as error:
        return " ".join(str(error).split())
    if engine.precision != candidate.precision:
        return f"this machine has no {candidate.precision} in hardware"
    return engine


def time_engines(
    engines: Mapping[str, Engine],
    *,
    vocab_size: int,
    max_length: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, dict[str, float]]:
    """Least milliseconds of each engine for each of `SHAPES`: what it takes when nothing else is in the way.

    The engines take turns, so that a machine that is busy for a while slows all of them.

    Args:
        engines: By name.
        vocab_size: Ids are drawn below it.
        max_length: No batch is longer.
        clock: Seconds.

    Returns:
        By name of the engine and of the shape, "1x16".
    """
    random = np.random.default_rng(0)
    found: dict[str, dict[str, float]] = {name: {} for name in engines}
    for shape in dict.fromkeys((batch, min(length, max_length)) for batch, length in SHAPES):
        inputs = random.integers(0, vocab_size, shape, dtype=np.int64), np.ones(shape, dtype=np.int64)
        seconds: dict[str, list[float]] = {name: [] for name in engines}
        for turn in range(1 + ROUNDS[shape[0] > 1]):
            for name, engine in engines.items():
                start = clock()
                engine.run(*inputs)
                if turn:
                    seconds[name].append(clock() - start)
        for name in engines:
            found[name][f"{shape[0]}x{shape[1]}"] = 1_000 * min(seconds[name])
    return found
