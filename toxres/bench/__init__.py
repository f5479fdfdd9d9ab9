"""How fast toxres is beside what people would use instead, in alternating runs on one machine.

`python -m toxres.bench [NAME...]` runs the benchmarks and merges what they find into `data/results/bench.json`.

A benchmark is a module with a `BENCHMARK` of its own, named in `toxres.bench.registry`:

    def prepare(texts: int = 500) -> Callable[[], Sample]:
        model = ...                                 # loaded, warmed: not timed

        def once() -> Sample:
            start = time.perf_counter()
            scores = model.predict_proba(...)
            return Sample({"real": texts / (time.perf_counter() - start)}, outputs=scores.tolist())

        return once

    def run(setting: Setting) -> Result:
        sides = {
            "ours": Side("toxres.bench.mine:prepare", {"texts": 500}, threads=setting.threads),
            "theirs": Side("toxres.bench.mine:prepare_theirs", {"texts": 500}, threads=setting.threads),
        }
        runs = alternate(sides, setting.repeats)    # ours, theirs, ours, theirs, ..., after a warm-up of each
        found = compare("scoring, real lengths", runs["ours"], runs["theirs"], "real", unit="comments/s", target=5.0)
        return Result([found], headline={"score_speedup": found.ratio})

    BENCHMARK = Benchmark("scoring", "Scoring throughput", run)

Each `Side` is prepared once, in a process of its own: so its peak of memory is its own, and threads, processor cores
and environment variables are set before it starts. It waits while the others run. `once` gives a `Sample`: figures by
name (rates, seconds; whatever `compare` is then asked for), and what equality is judged by. Where preparing leaves
something to be ended, such as a server, `prepare` is a context manager (`contextlib.contextmanager`) that gives `once`.
"""

from toxres.bench.measure import Benchmark, Measurement, Result, Sample, Setting, Target, compare
from toxres.bench.sides import Run, Side, alternate

__all__ = [
    "Benchmark",
    "Measurement",
    "Result",
    "Run",
    "Sample",
    "Setting",
    "Side",
    "Target",
    "alternate",
    "compare",
]
