"""The process of one side: prepares, tells so, and runs once each time it is asked to."""

import contextlib
import gc
import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path


def peak_memory(process: int | None = None) -> float | None:
    """Peak of a process's resident memory in MiB; of this one by default.

    The system's own account (`VmHWM`) begins anew with the program, unlike `getrusage`, which remembers how large the
    process was that started it.
    """
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process or 'self'}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1_024
    if process is not None:
        return None
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def keep_to(threads: int) -> None:
    """Let this process, and those it starts, use so many processor cores, where the system can say so."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def main(argv: list[str]) -> int:
    """Work until stdin ends; each line there asks for one run, each line on stdout answers."""
    work, options, threads = argv
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever libraries print must not stand between the answers

    def tell(**values: object) -> None:
        channel.write(json.dumps(values, default=_plain) + "\n")
        channel.flush()

    try:
        keep_to(int(threads))
        module, _, name = work.partition(":")
        prepared = getattr(importlib.import_module(module), name)(**json.loads(options))
        manager = prepared if hasattr(prepared, "__enter__") else contextlib.nullcontext(prepared)
        with manager as once:
            tell(memory=peak_memory())
            for _ in sys.stdin:
                gc.collect()
                used, start = time.process_time(), time.perf_counter()
                sample = once()
                seconds, used = time.perf_counter() - start, time.process_time() - used
                tell(
                    figures=dict(sample.figures), outputs=sample.outputs, sample_memory=sample.memory,
                    memory=peak_memory(), seconds=seconds, processor_seconds=used,
                )  # fmt: skip
    except Exception as error:
        tell(error=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        return 1
    return 0


def _plain(value: object) -> object:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} can't be told; give numbers, texts, lists or arrays")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
