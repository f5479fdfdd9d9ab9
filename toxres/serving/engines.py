"""What runs an ONNX model: ONNX Runtime or OpenVINO, each from any number of threads at once."""

import functools
import os
import threading
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import numpy as np

from toxres.errors import InputError

ONNXRUNTIME: Final = "onnxruntime"
OPENVINO: Final = "openvino"
RUNTIMES: Final = (ONNXRUNTIME, OPENVINO)
PRECISIONS: Final = ("fp32", "bf16", "int8")

LOGITS: Final = "logits"
WEIGHTS: Final = "attention_weights"
INPUTS: Final = ("input_ids", "attention_mask")


class Scores(NamedTuple):
    """What an engine says of a batch.

    Attributes:
        logits: B x L float32, not probabilities.
        attention_weights: B x T float32, the pooling's; None where it has none.
    """

    logits: np.ndarray
    attention_weights: np.ndarray | None


class Engine(Protocol):
    """A model that is ready to run, from any number of threads.

    Attributes:
        precision: In which it multiplies here: "bf16" only where the machine can.
    """

    precision: str

    def run(self, input_ids: np.ndarray, attention_mask: np.ndarray) -> Scores:
        """Scores of `input_ids` and `attention_mask`, both B x T int64."""


class OnnxRuntimeEngine:
    """ONNX Runtime on the CPU.

    Args:
        path: The ONNX file; its weights say the precision.
        precision: What they are.
        threads: Of one batch.
        streams: Batches that are to run at once; here they share nothing, so any number may.
    """

    def __init__(self, path: Path, precision: str = "fp32", threads: int = 1, streams: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin while they wait would take the cores from the other models.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._outputs = [output.name for output in self._session.get_outputs()]
        self.precision = precision

    def run(self, input_ids: np.ndarray, attention_mask: np.ndarray) -> Scores:
        """See `Engine.run`."""
        values = self._session.run(None, dict(zip(INPUTS, (input_ids, attention_mask), strict=True)))
        named = dict(zip(self._outputs, values, strict=True))
        return Scores(named[LOGITS], named.get(WEIGHTS))


class OpenVinoEngine:
    """OpenVINO on the CPU, which multiplies in bfloat16 where asked to and where the machine has it in hardware.

    Args:
        path: The ONNX file, with float32 weights.
        precision: "fp32" or "bf16".
        threads: Of one batch.
        streams: Batches that are to run at once; further ones wait.
    """

    def __init__(self, path: Path, precision: str = "fp32", threads: int = 1, streams: int = 1) -> None:
        core = openvino_core()
        if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            precision = "fp32"
        options = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": threads * streams,
            "NUM_STREAMS": streams,
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # each model would be bound to the first core, and all share it
        }
        self._model = core.compile_model(core.read_model(path), "CPU", options)
        names = {name for output in self._model.outputs for name in output.get_names()}
        self._outputs = [name for name in (LOGITS, WEIGHTS) if name in names]
        self._free: list = []
        self._lock = threading.Lock()
        self.precision = precision
        # Two threads whose first batches come at the same time could wait for each other for ever: OpenVINO looks
        # numpy up once a process, under a lock of its own, for which one thread waits while it keeps Python from the
        # other, which holds that lock. So the first batch is run here.
        self.run(*np.ones((2, 1, 8), dtype=np.int64))

    def run(self, input_ids: np.ndarray, attention_mask: np.ndarray) -> Scores:
        """See `Engine.run`."""
        with self._lock:
            request = self._free.pop() if self._free else self._model.create_infer_request()
        try:
            values = request.infer(dict(zip(INPUTS, (input_ids, attention_mask), strict=True)))
            named = {name: np.array(values[name]) for name in self._outputs}
        finally:
            with self._lock:
                self._free.append(request)
        return Scores(named[LOGITS], named.get(WEIGHTS))


@functools.cache
def openvino_core():
    """OpenVINO's one core of this process, which is never closed.

    Each core gives the thread that opens it a stack for signal handlers, and takes it away when it is closed. Two that
    are closed in the order they were opened leave the thread with the first one's, freed: the next signal ends the
    process.
    """
    import openvino

    return openvino.Core()


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_engine(path: Path, runtime: str, precision: str, threads: int = 1, streams: int = 1) -> Engine:
    """An engine for an ONNX file, for `streams` batches at once of `threads` threads each.

    Raises:
        InputError: The runtime is unknown, not installed, or cannot read the file.
    """
    kinds = {ONNXRUNTIME: OnnxRuntimeEngine, OPENVINO: OpenVinoEngine}
    if runtime not in kinds:
        raise InputError(f"runtime {runtime!r}: this toxres knows {', '.join(RUNTIMES)}; export the bundle again")
    try:
        return kinds[runtime](path, precision, threads, streams)
    except ModuleNotFoundError:
        raise InputError(f"{runtime} is not installed; pip install {runtime}, or export the bundle again") from None
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: {runtime} can't read it ({reason}); export the bundle again") from error
