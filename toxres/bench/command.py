"""`python -m toxres.bench [NAME...]`: runs benchmarks and keeps what they find."""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from toxres.bench.floor import matrix_rates
from toxres.bench.measure import Benchmark, Measurement, Setting
from toxres.bench.registry import MODULES, benchmarks
from toxres.bench.results import RESULTS, headline_for, merge_result, read_results
from toxres.bench.shown import draw
from toxres.errors import InputError
from toxres.files import ROOT, need_writable
from toxres.paths import build_dir
from toxres.serving.engines import cores

FIGURES = ROOT / "figures"
"""Where the figure of the committed results stands; that of others stands beside them."""

BUSY = 0.5
"""A load of the machine from which on times are doubtful."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named benchmarks: 0, 1 if one of them failed (the others' results are kept), 2 for bad usage."""
    parser = argparse.ArgumentParser(
        prog="python -m toxres.bench", description="Benchmarks beside what people would use instead, in turns."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all by default: {', '.join(MODULES)}")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="OUT.json", help="instead of data/results")
    parser.add_argument("--repeats", type=_positive, default=5, metavar="N", help="runs of each side that count; 5")
    parser.add_argument("--threads", type=_positive, metavar="N", help="cores of each side; 2, or 1 where no more are")
    parser.add_argument(
        "--build", type=Path, default=build_dir(), metavar="DIR", help="where checkpoints/ stands; build"
    )
    try:
        options = parser.parse_args(argv)
    except SystemExit as stop:
        return stop.code or 0
    setting = Setting(options.repeats, options.threads or min(2, cores()), options.build)
    try:
        if setting.threads > cores():
            raise InputError(f"--threads {setting.threads}: this machine has {cores()} cores; give fewer")
        need_writable(options.json)
        read_results(options.json)
        chosen = benchmarks(options.names)
    except InputError as error:
        print(f"toxres.bench: {error}", file=sys.stderr)
        return 2
    return run_all(chosen, setting, options.json)


def run_all(chosen: Sequence[Benchmark], setting: Setting, path: Path) -> int:
    """Run benchmarks one after the other; 1 if one failed, else 0. One that fails leaves what it found before."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    print(f"load of the machine: {load:.2f}; {setting.threads} threads a side, {setting.repeats} runs", flush=True)
    if load > BUSY:
        print(f"toxres.bench: the machine is busy (load {load:.2f}); times are doubtful", file=sys.stderr, flush=True)
    failed, before = 0, matrix_rates()
    for benchmark in chosen:
        started = time.monotonic()
        print(f"\n{benchmark.title} ({benchmark.name})", flush=True)
        try:
            result = benchmark.run(setting)
            seconds = time.monotonic() - started
            rates = {"before": before, "after": (before := matrix_rates())}
            merge_result(benchmark, result, setting, seconds, path, headline_for(path), load, rates)
        except Exception as error:
            if os.environ.get("TOXRES_DEBUG"):
                raise
            failed += 1
            reason = " ".join(str(error).split())
            print(f"toxres.bench: {benchmark.name}: failed: {type(error).__name__}: {reason}", file=sys.stderr)
            continue
        for line in [*map(told, result.measurements), *result.notes, f"took {seconds:.0f} s"]:
            print(f"  {line}", flush=True)
    if (found := read_results(path)) and (figure := draw(found, path.parent if path != RESULTS else FIGURES)):
        print(f"\n{path} and {figure}")
    return int(failed > 0)


def told(found: Measurement) -> str:
    """A measurement in one line."""
    line = f"{found.name}: {number(statistics.median(found.ours))} {found.unit}"
    if found.theirs:
        low, high = min(found.ratios), max(found.ratios)
        line += f" against {number(statistics.median(found.theirs))}: {found.ratio:.2f}x [{low:.2f}, {high:.2f}]"
    if found.target is not None:
        what = "x" if found.target.of == "ratio" else f" {found.unit}"
        line += f"; target {found.target.value:g}{what}: {'reached' if found.reached else 'NOT reached'}"
    if found.memory_ours is not None:
        line += f"; {found.memory_ours:,.0f} MiB"
        line += f" against {found.memory_theirs:,.0f}" if found.memory_theirs is not None else ""
    return line + "".join(f"; {name.replace('_', ' ')} {value:.2g}" for name, value in found.equality.items())


def number(value: float) -> str:
    """Three significant digits, thousands set apart."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _positive(word: str) -> int:
    value = int(word)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {word}")
    return value


_positive.__name__ = "whole number"
