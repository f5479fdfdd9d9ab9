"""Sides of a benchmark, each in a process of its own, that run in turns."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from typing import IO, Any

from toxres.bench.measure import Sample
from toxres.errors import RunError
from toxres.files import ROOT

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables by which libraries are told how many threads they may use."""

LIMIT_SECONDS = 300
"""Longest time that preparing or one run may take."""


@dataclasses.dataclass(frozen=True)
class Side:
    """One of those that are compared.

    Attributes:
        work: "module:function"; the function prepares and gives what is run once (see `toxres.bench`).
        options: Its arguments, ready for JSON.
        threads: Cores that its process, and any that it starts, may use, and threads its libraries are told to use.
        environment: Variables of its process, before it starts.
    """

    work: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    threads: int = 1
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Run:
    """What the runs of a side gave.

    Attributes:
        threads: The side's.
        samples: Run by run, without the warm-up.
        prepared_memory: MiB, the peak of its process when it was prepared.
        memory: MiB, the peak in the end, or that of the samples where they tell one.
        seconds: Of each run, wall clock.
        processor_seconds: Of each run, all threads of its process together.
    """

    threads: int
    samples: list[Sample] = dataclasses.field(default_factory=list)
    prepared_memory: float | None = None
    memory: float | None = None
    seconds: list[float] = dataclasses.field(default_factory=list)
    processor_seconds: list[float] = dataclasses.field(default_factory=list)

    def figures(self, name: str) -> list[float]:
        """A figure, run by run."""
        return [float(sample.figures[name]) for sample in self.samples]

    @property
    def outputs(self) -> Any:
        """The outputs of the last run."""
        return self.samples[-1].outputs


def alternate(
    sides: Mapping[str, Side], repeats: int, *, warmups: int = 1, limit: float = LIMIT_SECONDS
) -> dict[str, Run]:
    """Run sides in turns: A B A B ..., after `warmups` rounds that don't count.

    Args:
        sides: By name, in order.
        repeats: Rounds that count.
        warmups: Rounds before them.
        limit: Seconds that preparing or one run may take.

    Raises:
        RunError: A side fails, or takes longer.
    """
    runs = {name: Run(side.threads) for name, side in sides.items()}
    with contextlib.ExitStack() as stack:
        workers = {}
        for name, side in sides.items():
            workers[name] = stack.enter_context(_started(name, side, limit))
            runs[name].prepared_memory = runs[name].memory = workers[name].hear()["memory"]
        for round_ in range(warmups + repeats):
            for name, worker in workers.items():
                told, run = worker.ask(), runs[name]
                sample = Sample(told["figures"], told["outputs"], told["sample_memory"])
                run.memory = told["memory"] if sample.memory is None else sample.memory
                if round_ >= warmups:
                    run.samples.append(sample)
                    run.seconds.append(told["seconds"])
                    run.processor_seconds.append(told["processor_seconds"])
    return runs


class _Worker:
    """The other end of a side's process."""

    def __init__(self, name: str, process: subprocess.Popen, errors: IO[str], limit: float) -> None:
        self.name, self.process, self.errors, self.limit = name, process, errors, limit

    def ask(self) -> dict:
        """Have it run once."""
        with contextlib.suppress(BrokenPipeError):  # what it said last is read below
            self.process.stdin.write("run\n")
            self.process.stdin.flush()
        return self.hear()

    def hear(self) -> dict:
        """What it says next."""
        late = threading.Timer(self.limit, self.process.kill)
        late.start()
        try:
            line = self.process.stdout.readline()
        finally:
            late.cancel()
        if not line:
            code = self.process.wait()
            self.errors.seek(0)
            last = ([text.strip() for text in self.errors if text.strip()] or ["it said nothing"])[-1]
            raise RunError(f"side {self.name!r} ended (code {code}, limit {self.limit:g} s): {last[:300]}")
        told = json.loads(line)
        if "error" in told:
            raise RunError(f"side {self.name!r}: {told['error']}")
        return told


@contextlib.contextmanager
def _started(name: str, side: Side, limit: float) -> Iterator[_Worker]:
    variables = dict.fromkeys(THREADS, str(side.threads)) | {"TOKENIZERS_PARALLELISM": "false"} | dict(side.environment)
    command = [sys.executable, "-m", "toxres.bench.worker", side.work, json.dumps(side.options), str(side.threads)]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            cwd=ROOT, env=os.environ | variables,
        )  # fmt: skip
        try:
            yield _Worker(name, process, errors, limit)
        finally:
            process.stdin.close()  # tells it to end
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
