"""Do two processes learn what one does? The same step of comments, in one piece or in two, over several seeds.

`python -m toxres.experiments.distributed` trains on Jigsaw in one process and in two (gloo, on the CPU), each seed both
ways, scores the validation fold with every checkpoint, and writes `data/results/distributed.json`. A preset's
`batch_size` is that of a process, so two processes get half of it each. Work stands in `build/experiments/distributed`,
and what is finished there is not trained again.
"""

import argparse
import dataclasses
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from toxres.config import QUICK
from toxres.errors import InputError, RunError
from toxres.files import ROOT, write_json
from toxres.results import current_commit

RECIPE, SOURCE = "custom", "jigsaw"
PRESET = dataclasses.replace(QUICK, name="distributed", encoder="minilm:1", epochs=2)
SEEDS = (0, 1, 2)
PROCESSES = (1, 2)
METRICS = ("ap", "auroc", "ece_calibrated")
WORK = ROOT / "build" / "experiments" / "distributed"
RESULT = ROOT / "data" / "results" / "distributed.json"

T_95 = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""Quantiles of Student's t for two-sided intervals of 95%, by degrees of freedom."""


def train_one(out: Path, seed: int, processes: int) -> None:
    """Train in this process, which may be one of several."""
    from toxres.training import train

    preset = dataclasses.replace(PRESET, batch_size=PRESET.batch_size // processes)
    train(RECIPE, SOURCE, preset, seed, out, resume=True, progress=False)


def launch(out: Path, seed: int, processes: int) -> None:
    """Train in processes of their own.

    Raises:
        RunError: Training failed.
    """
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)] if processes > 1 else []
    words = ["-m", "toxres.experiments.distributed", "--one", str(out), str(seed), str(processes)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    command = [sys.executable, *start, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RunError(f"{out}: {processes} processes failed ({done.stderr.strip().splitlines()[-1:]})")


def scores_of(out: Path) -> dict[str, float]:
    """Macro scores of a checkpoint on the whole validation fold."""
    from toxres.checkpoint import load_checkpoint
    from toxres.data import load_comments, targets
    from toxres.evaluation.metrics import evaluate_probs

    checkpoint, comments = load_checkpoint(out), load_comments(SOURCE, split="validation")
    texts = comments["text"].tolist()
    probs, calibrated = checkpoint.predict_proba(texts), checkpoint.predict_proba(texts, calibrated=True)
    macro = evaluate_probs(targets(comments), probs, checkpoint.thresholds, calibrated).macro
    return {metric: macro[metric] for metric in METRICS}


def compare(one: Sequence[float], several: Sequence[float]) -> dict[str, object]:
    """Scores of several processes against those of one, seed by seed.

    Args:
        one: A score of one process for each seed.
        several: The same of several processes.

    Returns:
        Means, `difference` (several - one) with an interval of 95% by Student's t over the seeds' differences, the
        `spread` of one process over seeds (standard deviation), and `within`: whether the interval holds 0.
    """
    differences = np.asarray(several, dtype=float) - np.asarray(one, dtype=float)
    half = T_95[len(differences) - 1] * differences.std(ddof=1) / math.sqrt(len(differences))
    mean = float(differences.mean())
    return {
        "one": float(np.mean(one)),
        "several": float(np.mean(several)),
        "difference": mean,
        "low": mean - half,
        "high": mean + half,
        "spread": float(np.std(one, ddof=1)),
        "within": bool(abs(mean) <= half),
    }


def run(seeds: Sequence[int] = SEEDS, work: Path = WORK) -> dict:
    """Train what is not there yet and compare.

    Raises:
        InputError: The data are not at hand, or there are fewer than three seeds or more than ten.
        RunError: Training failed.
    """
    from toxres.data import load_comments

    if len(seeds) - 1 not in T_95:
        raise InputError(f"seeds: {len(seeds)} were given; give three to ten")
    found: dict[str, dict[int, list[float]]] = {metric: {number: [] for number in PROCESSES} for metric in METRICS}
    for seed in seeds:
        for processes in PROCESSES:
            out = work / f"seed{seed}-{processes}"
            launch(out, seed, processes)
            values = scores_of(out)
            print(f"seed {seed}, {processes} processes:", *(f"{name} {value:.4f}" for name, value in values.items()))
            for metric, value in values.items():
                found[metric][processes].append(value)
    return {
        "recipe": RECIPE,
        "preset": PRESET.to_dict(),
        "batch_size_of_a_process": {str(number): PRESET.batch_size // number for number in PROCESSES},
        "seeds": list(seeds),
        "scores": {metric: {str(number): values for number, values in rows.items()} for metric, rows in found.items()},
        "comparisons": {metric: compare(rows[1], rows[2]) for metric, rows in found.items()},
        "rows": len(load_comments(SOURCE, split="validation")),
        "sources": {SOURCE: load_comments(SOURCE).attrs["sha256"]},
        "backend": "gloo, two processes on the CPU; not measured on GPUs",
        "commit": current_commit(),
    }


def main(argv: list[str] | None = None) -> int:
    """The command line: 0, 1 for a failed run, 2 for bad usage or input."""
    summary = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m toxres.experiments.distributed", description=summary)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, metavar="N", help="three to ten of them")
    parser.add_argument("--json", type=Path, default=RESULT, metavar="FILE", help="where the result goes")
    parser.add_argument("--one", nargs=3, metavar=("OUT", "SEED", "PROCESSES"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    try:
        if options.one:
            train_one(Path(options.one[0]), int(options.one[1]), int(options.one[2]))
            return 0
        found = run(tuple(options.seeds))
    except (InputError, RunError) as error:
        print(f"toxres.experiments.distributed: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    write_json(options.json, found)
    for metric, row in found["comparisons"].items():
        print(f"{metric}: {row['difference']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}], spread {row['spread']:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
