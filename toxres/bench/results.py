"""`data/results/bench.json`: what each benchmark found when it last ran, on which machine, by which code."""

import datetime
import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from toxres.bench.measure import Benchmark, Result, Setting
from toxres.files import ROOT, write_json
from toxres.results import HEADLINE, current_commit, read_object, update_headline
from toxres.serving.engines import cores

RESULTS = ROOT / "data" / "results" / "bench.json"

INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8", "asimd", "bf16")
"""Instruction sets that matrices are multiplied with, as Linux calls them."""

PACKAGES = ("torch", "transformers", "tokenizers", "accelerate", "onnxruntime", "openvino", "fastapi", "uvicorn")


def read_results(path: str | Path = RESULTS) -> dict:
    """What was found so far, by benchmark; empty when nothing was.

    Raises:
        InputError: The file is not a JSON object.
    """
    return read_object(path, "remove it, or name another with --json")


def merge_result(
    benchmark: Benchmark, result: Result, setting: Setting, seconds: float, path: str | Path = RESULTS,
    headline: str | Path | None = None, load: float | None = None, rates: Mapping[str, Mapping] | None = None,
) -> None:  # fmt: skip
    """Write what a benchmark found in place of what it found before; those of the others stay.

    Args:
        benchmark: Which.
        result: What it found.
        setting: How it was run.
        seconds: How long it took.
        path: The file.
        headline: Where its headline figures go as well; None writes none.
        load: The machine's load when it began.
        rates: "before" and "after" it, how fast one core multiplied matrices: 10^9 operations a second by precision.
    """
    part = {
        "title": benchmark.title,
        "measurements": [each.to_dict() for each in result.measurements],
        "notes": list(result.notes),
        "details": dict(result.details),
        "repeats": setting.repeats,
        "threads": setting.threads,
        "seconds": round(seconds, 1),
        "preset": result.preset,
        "sources": dict(result.sources),
        "machine": describe_machine() | {"load_at_start": load, "rates": dict(rates or {})},
        **provenance(),
    }
    write_json(path, read_results(path) | {benchmark.name: part})
    if headline is not None and result.headline:
        run = {"preset": result.preset or "none", "sources": dict(result.sources), "machine": part["machine"]["cpu"]}
        update_headline({"bench": result.headline}, run, headline)


def headline_for(path: str | Path) -> Path | None:
    """Where headline figures go: to the committed ones only along with the committed results."""
    return HEADLINE if Path(path).resolve() == RESULTS.resolve() else None


def describe_machine() -> dict:
    """What times depend on: processor, cores, instruction sets, memory."""
    told = _cpuinfo()
    flags = (told.get("flags") or told.get("Features") or "").split()
    total = None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        total = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30), 1)
    return {
        "cpu": told.get("model name") or platform.processor() or platform.machine(),
        "cores": cores(),
        "instructions": [name for name in INSTRUCTIONS if name in flags],
        "memory_gib": total,
        "system": f"{platform.system()} {platform.machine()}",
    }


def provenance() -> dict:
    """Commit, date and versions, without importing what they are of."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "commit": current_commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": versions,
    }


def _cpuinfo() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return {}
    lines = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}
