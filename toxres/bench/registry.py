"""Which benchmarks there are, in the order they run."""

import importlib
from collections.abc import Sequence

from toxres.bench.measure import Benchmark
from toxres.errors import InputError

MODULES = {
    "startup": "toxres.bench.startup",
    "scoring": "toxres.bench.scoring",
    "service": "toxres.bench.service",
    "training": "toxres.bench.training",
    "explain": "toxres.bench.explain",
    "texts": "toxres.bench.texts",
    "ulmfit": "toxres.bench.ulmfit",
    "floor": "toxres.bench.floor",
}
"""By name, the module that has its `BENCHMARK`."""


def benchmarks(names: Sequence[str] = ()) -> list[Benchmark]:
    """The named benchmarks; all of them by default.

    Raises:
        InputError: There is no such benchmark.
    """
    for name in names:
        if name not in MODULES:
            raise InputError(f"unknown benchmark {name!r}; choose among: {', '.join(MODULES)}")
    return [importlib.import_module(MODULES[name]).BENCHMARK for name in names or MODULES]
