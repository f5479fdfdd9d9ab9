"""A million rows: how fast `toxres score` gets through a large file, and how much memory it takes meanwhile.

`python -m toxres.experiments.rows` writes a file of synthetic comments, nearly all different, scores it with a
checkpoint of the preset smoke, and writes the process's memory over the rows to `data/results/bench_rows.json` and to
`figures/bench_memory.png` (`--figure` draws it again). `--checkpoint DIR` takes a checkpoint or bundle instead, and
real comments: those of the sources at hand, over and over until there are enough; each different text is scored once.
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from toxres.files import ROOT

RESULTS = ROOT / "data" / "results" / "bench_rows.json"
FIGURE = "bench_memory"

SOURCES = ("jigsaw", "civil_spans", "davidson")
"""Where real comments come from."""

POINTS = 50
"""Measurements of the memory that are kept, at least; below twice as many."""


class Sample(NamedTuple):
    """The memory of a process.

    Attributes:
        rows: Rows done.
        mib: Resident memory, MiB.
    """

    rows: int
    mib: float


class Memory:
    """Measures this process's resident memory whenever it is called with a number of rows.

    Attributes:
        samples: What it found.
    """

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    def __call__(self, rows: int) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.samples.append(Sample(rows, round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)))

    def thinned(self) -> list[Sample]:
        """Some of the samples, evenly spread, the last among them."""
        step = max(1, len(self.samples) // POINTS)
        return self.samples[::-1][::step][::-1]


def synthetic_rows(rows: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Id and text of so many synthetic comments."""
    from toxres.data.synthetic import stream

    for table in stream(rows, seed):
        yield from zip(table["id"], table["text"], strict=True)


def real_rows(rows: int) -> Iterator[tuple[str, str]]:
    """Id and text of so many comments of the sources, over and over."""
    from toxres.data import load_comments

    tables = [load_comments(source) for source in SOURCES]
    turn = left = 0
    while left < rows:
        for table in tables:
            for name, text in zip(table["id"], table["text"], strict=True):
                if left == rows:
                    return
                yield f"{name}-{turn}" if turn else name, text
                left += 1
        turn += 1


def prepare(folder: str | Path, rows: int, checkpoint: str | None) -> str:
    """Write `rows.csv` into a folder, and train a smoke checkpoint if none is given; returns the checkpoint."""
    import csv

    from toxres.training import train

    with (Path(folder) / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "comment_text"])
        writer.writerows(synthetic_rows(rows) if checkpoint is None else real_rows(rows))
    if checkpoint is not None:
        return checkpoint
    return str(train("custom", "synthetic", "smoke", out=Path(folder) / "smoke", progress=False))


def measure(rows: int, checkpoint: str | None = None, model: str | None = None, *, whole: bool = True) -> dict:
    """Score so many rows, and measure.

    Args:
        rows: How many.
        checkpoint: A checkpoint or bundle for real comments; None takes synthetic ones and trains one.
        model: Of a bundle of several: which one scores.
        whole: Of a bundle: read long comments to their end.

    Returns:
        What was scored and by what, seconds, rows a second, the share of different texts, and the memory over rows.
    """
    from toxres.results import current_commit
    from toxres.scoring import Asked, score_file

    with tempfile.TemporaryDirectory(prefix="toxres-rows-") as folder:
        # in another process, so that what it takes to make the rows is not in the memory of scoring them
        with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            path = pool.submit(prepare, folder, rows, checkpoint).result()
        memory = Memory()
        asked = Asked(path, model, whole=whole)
        done = score_file(Path(folder) / "rows.csv", asked, Path(folder) / "scores.csv", progress=True, on_chunk=memory)
        size = (Path(folder) / "rows.csv").stat().st_size
    return {
        "comments": "synthetic" if checkpoint is None else ", ".join(SOURCES),
        "checkpoint": "custom, preset smoke" if checkpoint is None else Path(checkpoint).name,
        "model": model,
        "whole": whole,
        "rows": done.rows,
        "input_mib": round(size / 2**20, 1),
        "distinct_share": done.distinct / done.comments,
        "seconds": done.seconds,
        "rows_per_second": done.rows / done.seconds,
        "scored_per_second": done.distinct / done.seconds,
        "threads": int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1),
        "memory": [sample._asdict() for sample in memory.thinned()],
        "commit": current_commit(),
    }


def record(found: dict) -> None:
    """Put the rate of real comments, duplicates left out, among the headline figures."""
    from toxres.data import load_comments
    from toxres.results import update_headline

    sources = {name: str(load_comments(name).attrs.get("sha256") or "") for name in SOURCES}
    values = {"rows_per_second": found["scored_per_second"]}
    update_headline({"bench": values}, {"preset": "full", "sources": sources, "commit": found["commit"]})


def draw(results: str | Path = RESULTS, folder: str | Path | None = None) -> Path:
    """Draw the memory over the rows from what was measured; returns the figure's path."""
    import matplotlib.pyplot as plt

    from toxres.files import read_json
    from toxres.plots.memory import memory_curve
    from toxres.plots.style import save_figure

    found = read_json(results)["synthetic"]
    ax = memory_curve(
        [sample["rows"] for sample in found["memory"]],
        [sample["mib"] for sample in found["memory"]],
        title="Scoring a file takes the same memory from its first row to its last",
        origin=f"{found['rows']:,} synthetic comments ({found['distinct_share']:.1%} different, "
        f"{found['input_mib']:,.0f} MiB), scored by {found['checkpoint']}",
    )
    path = save_figure(ax.figure, FIGURE, folder)
    plt.close(ax.figure)
    return path


def main(argv: list[str] | None = None) -> int:
    """Measure, write what was found beside what the other kind of comments gave, and draw it."""
    from toxres.files import need_writable, read_json, write_json

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N", help="1,000,000")
    parser.add_argument("--checkpoint", metavar="DIR", help="a checkpoint or bundle, for real comments")
    parser.add_argument("--model", metavar="NAME", help="for a bundle of several models: which one scores")
    parser.add_argument("--cut", action="store_true", help="for a bundle: read long comments as far as checkpoints do")
    parser.add_argument("--json", default=str(RESULTS), metavar="OUT.json", help="where the figures go")
    parser.add_argument("--figures", default=str(ROOT / "figures"), metavar="DIR", help="where the picture goes")
    parser.add_argument("--figure", action="store_true", help="draw the picture again, and nothing else")
    options = parser.parse_args(argv)
    if not options.figure:
        need_writable(options.json)
        found = measure(options.rows, options.checkpoint, options.model, whole=not options.cut)
        before = read_json(options.json) if Path(options.json).exists() else {}
        write_json(options.json, before | {"synthetic" if options.checkpoint is None else "real": found})
        if options.checkpoint and Path(options.json).resolve() == RESULTS.resolve():
            record(found)
        mib = [sample["mib"] for sample in found["memory"]]
        print(
            f"{found['rows']:,} rows ({found['distinct_share']:.1%} different) in {found['seconds']:,.0f} s: "
            f"{found['rows_per_second']:,.0f} rows/s; memory {mib[0]:.0f} MiB after the first chunk, "
            f"{max(mib):.0f} at most"
        )
    if options.figure or options.checkpoint is None:
        print(f"figure: {draw(options.json, options.figures)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
