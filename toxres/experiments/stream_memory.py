"""Does memory grow with the comments that a run is trained on? A stream of up to 1.8 million of them.

`python -m toxres.experiments.stream_memory` writes synthetic comments as Parquet, trains the smoke recipe on a stream
of more and more of them for the same number of steps, each in a process of its own, and writes the peak memory of each
to `data/results/bench_stream.json`. Work stands in `build/experiments/stream_memory`; with `--whole N` the last run
reads N comments into memory as usual.
"""

import argparse
import dataclasses
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from toxres.config import SMOKE
from toxres.errors import InputError, RunError
from toxres.files import ROOT, atomic_path, write_json
from toxres.results import current_commit

COUNTS = (100_000, 450_000, 1_800_000)
RECIPE = "custom"
PRESET = dataclasses.replace(SMOKE, name="stream_memory", max_rows=None, max_steps=50)
WORK = ROOT / "build" / "experiments" / "stream_memory"
RESULT = ROOT / "data" / "results" / "bench_stream.json"

_BLOCK = 10_000
_COLUMNS = ("id", "comment_text", "toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")


def write_synthetic(path: Path, count: int) -> int:
    """Write synthetic comments, a seed for each ten thousand, as Parquet; returns how many of their texts differ."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    from toxres.data.streams import text_hashes
    from toxres.data.synthetic import generate

    hashes, writer = [], None
    with atomic_path(path) as temporary:
        for seed, start in enumerate(range(0, count, _BLOCK)):
            block = generate(min(_BLOCK, count - start), seed=seed).rename(columns={"text": "comment_text"})
            block["id"] = [f"{seed}-{row}" for row in range(len(block))]
            hashes.append(text_hashes(block["comment_text"]))
            table = pa.Table.from_pandas(block[list(_COLUMNS)], preserve_index=False)
            writer = writer or parquet.ParquetWriter(temporary, table.schema)
            writer.write_table(table)
        writer.close()
    return len(np.unique(np.concatenate(hashes)))


def resident() -> dict[str, float]:
    """Memory of this process in MiB: `peak` so far, `now`, and of that `anonymous` (not mapped from files)."""
    fields = {"VmHWM": "peak", "VmRSS": "now", "RssAnon": "anonymous"}
    lines = Path("/proc/self/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return {name: int(found[field].split()[0]) / 1024 for field, name in fields.items()}


class Watch(threading.Thread):
    """Looks at the memory of this process every 50 ms and keeps the highest anonymous part."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.highest, self.over = 0.0, threading.Event()

    def run(self) -> None:
        """Until `over` is set."""
        while not self.over.wait(0.05):
            self.highest = max(self.highest, resident()["anonymous"])


def measure(file: Path, out: Path, stream: bool) -> dict:
    """Train on a file in this process, and say what memory it took."""
    from toxres.training import train

    before, watch, started = resident(), Watch(), time.monotonic()
    watch.start()
    train(RECIPE, str(file), PRESET, 0, out, stream=stream, replace=True, progress=False)
    watch.over.set()
    run = json.loads((out / "run.json").read_text())
    return {
        "rows": run["sources"][0].get("read", run["rows_train"]),
        "trained_on": run["rows_train"],
        "validation": run["rows_validation"],
        "stream": stream,
        "imported_mib": round(before["now"], 1),
        "peak_mib": round(resident()["peak"], 1),
        "peak_anonymous_mib": round(watch.highest, 1),
        "seconds": round(time.monotonic() - started, 1),
        "training_seconds": run["seconds"],
    }


def in_a_process(file: Path, out: Path, stream: bool) -> dict:
    """`measure` in a process of its own, as peaks never fall.

    Raises:
        RunError: It failed.
    """
    words = [sys.executable, "-m", "toxres.experiments.stream_memory", "--one", str(file), "--out", str(out)]
    done = subprocess.run([*words, *([] if stream else ["--whole", "1"])], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunError(f"{file}: training failed ({done.stderr.strip().splitlines()[-1:]}); run it by itself")
    return json.loads(done.stdout.splitlines()[-1])


def run(counts: tuple[int, ...] = COUNTS, whole: int | None = None, work: Path = WORK) -> dict:
    """Measure every count, the smallest first.

    Raises:
        InputError: This system does not say what memory a process takes.
        RunError: A training failed.
    """
    if not Path("/proc/self/status").is_file():
        raise InputError("stream_memory: needs /proc/self/status to see the memory of a process; run it on Linux")
    rows = []
    for count, stream in [*((count, True) for count in sorted(counts)), *([(whole, False)] if whole else [])]:
        file = work / f"{count}.parquet" if stream else work / f"{count}.csv"
        distinct = write_synthetic(work / f"{count}.parquet", count)
        if not stream:
            import pandas as pd

            pd.read_parquet(work / f"{count}.parquet").to_csv(file, index=False)
        found = in_a_process(file, work / "out", stream)
        found |= {"distinct": distinct, "file_mib": round(file.stat().st_size / 2**20, 1)}
        print(json.dumps(found), flush=True)
        rows.append(found)
        shutil.rmtree(work, ignore_errors=True)
    streamed = [row for row in rows if row["stream"]]
    first, last = streamed[0], streamed[-1]
    return {
        "recipe": RECIPE,
        "preset": PRESET.to_dict(),
        "runs": rows,
        "growth_mib": round(last["peak_mib"] - first["peak_mib"], 1),
        "growth_anonymous_mib": round(last["peak_anonymous_mib"] - first["peak_anonymous_mib"], 1),
        "growth_rows": last["rows"] - first["rows"],
        "machine": {"cores": os.cpu_count(), "platform": platform.platform(terse=True)},
        "commit": current_commit(),
    }


def main(argv: list[str] | None = None) -> int:
    """The command line: 0, 1 for a failed run, 2 for bad usage or input."""
    summary = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m toxres.experiments.stream_memory", description=summary)
    parser.add_argument("--rows", type=int, nargs="+", default=COUNTS, metavar="N", help="numbers of comments")
    parser.add_argument("--whole", type=int, metavar="N", help="also read N comments into memory, as without --stream")
    parser.add_argument("--json", type=Path, default=RESULT, metavar="FILE", help="where the result goes")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    try:
        if options.one:
            print(json.dumps(measure(options.one, options.out, not options.whole)))
            return 0
        found = run(tuple(options.rows), options.whole)
    except (InputError, RunError) as error:
        print(f"toxres.experiments.stream_memory: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    write_json(options.json, found)
    print(f"{found['growth_mib']:+.0f} MiB at the peak for {found['growth_rows']:,} comments more")
    return 0


if __name__ == "__main__":
    sys.exit(main())
