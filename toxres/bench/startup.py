"""How long people wait before anything happens: imports, `toxres --help`, and a service until it answers."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from toxres.bench.measure import Benchmark, Result, Sample, Setting, Target, compare
from toxres.bench.servers import launched, naive, ours
from toxres.bench.sides import Side, alternate
from toxres.bench.subjects import served_bundle, subjects
from toxres.errors import RunError

IMPORT_SECONDS = 0.3
"""`import toxres` is to take less."""

REPEATS = 3
"""Most runs of each."""

_IMPORT = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def prepare_process(arguments: Sequence[str]) -> Callable[[], Sample]:
    """Run Python with these arguments, anew each time.

    The figures: `process`, its seconds from start to end, and `told`, the number it printed in the end if it did.
    """

    def once() -> Sample:
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        figures = {"process": time.perf_counter() - start}
        process.stdout.close()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RunError(f"python {' '.join(arguments)[:80]}: exit code {process.returncode}")
        with contextlib.suppress(ValueError, IndexError):
            figures["told"] = float(printed.split()[-1])
        return Sample(figures, memory=usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10))

    return once


def prepare_service(words: Sequence[str]) -> Callable[[], Sample]:
    """Start a server until its `/readyz` says 200, anew each time; the figure is `ready`, in seconds.

    Args:
        words: After `python`; see `toxres.bench.servers`.
    """

    def once() -> Sample:
        with launched(words) as server:
            return Sample({"ready": server.seconds}, memory=server.memory)

    return once


def run(setting: Setting) -> Result:
    """Import, help and service, each as processes of their own."""
    opened = subjects(setting)
    commands = {
        "toxres": ["-c", _IMPORT.format("toxres")],
        "transformers": ["-c", _IMPORT.format("transformers")],
        "help": ["-m", "toxres", "--help"],
    }
    sides = {
        name: Side(f"{__name__}:prepare_process", {"arguments": words}, setting.threads)
        for name, words in commands.items()
    }
    servers = {"service": ours(str(served_bundle(setting, opened))), "naive": naive(opened.both, "lock")}
    sides |= {
        name: Side(f"{__name__}:prepare_service", {"words": words}, setting.threads) for name, words in servers.items()
    }
    runs = alternate(sides, min(setting.repeats, REPEATS))
    imports = compare(
        "import toxres", runs["toxres"], runs["transformers"], "told", unit="s", better="lower",
        alternative="import transformers", target=Target(IMPORT_SECONDS, "value"),
        notes=["in a new process each time, files in the system's cache"],
    )  # fmt: skip
    helped = compare(
        "toxres --help", runs["help"], None, "process", unit="s", better="lower", notes=["start of Python included"]
    )  # fmt: skip
    ready = compare(
        "service ready", runs["service"], runs["naive"], "ready", unit="s", better="lower",
        alternative="FastAPI with the two torch models", notes=["from the start of the process to /readyz saying 200"],
    )  # fmt: skip
    headline = {"import_seconds": imports.to_dict()["median_ours"]}
    notes = [opened.note] if opened.note else []
    return Result([imports, helped, ready], headline, notes, preset=opened.preset)


BENCHMARK = Benchmark("startup", "Start-up: how long until something happens?", run)
