"""How long people wait before anything happens: imports, `toxres --help`, and a service until it answers."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from toxres.bench.measure import Benchmark, Result, Sample, Setting, Target, compare
from toxres.bench.sides import Side, alternate
from toxres.errors import RunError

IMPORT_SECONDS = 0.3
"""`import toxres` is to take less."""

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


def run(setting: Setting) -> Result:
    """Import, help and service, each as processes of their own."""
    commands = {
        "toxres": ["-c", _IMPORT.format("toxres")],
        "transformers": ["-c", _IMPORT.format("transformers")],
        "help": ["-m", "toxres", "--help"],
    }
    sides = {
        name: Side(f"{__name__}:prepare_process", {"arguments": words}, setting.threads)
        for name, words in commands.items()
    }
    runs = alternate(sides, setting.repeats)
    imports = compare(
        "import toxres", runs["toxres"], runs["transformers"], "told", unit="s", better="lower",
        alternative="import transformers", target=Target(IMPORT_SECONDS, "value"),
        notes=["in a new process each time, files in the system's cache"],
    )  # fmt: skip
    helped = compare(
        "toxres --help", runs["help"], None, "process", unit="s", better="lower", notes=["start of Python included"]
    )  # fmt: skip
    found = imports.to_dict()
    return Result([imports, helped], headline={"import_seconds": found["median_ours"]})


BENCHMARK = Benchmark("startup", "Start-up: how long until something happens?", run)
