"""What does one small student keep of both models? Half the layers, taught by their mean.

`python -m toxres.experiments.distil` scores training comments with both teachers, trains a student on the mean of their
recalibrated probabilities and one of the same size on the labels, and writes `data/results/distil.json`: quality on
Jigsaw's test fold, which neither teachers nor students have seen, and size. Work stands in `build/experiments/distil`.
"""

import argparse
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.config import FULL, Preset
from toxres.data import load_comments, targets
from toxres.errors import InputError
from toxres.evaluation.bootstrap import bootstrap_interval, paired_bootstrap
from toxres.evaluation.metrics import evaluate_probs
from toxres.files import ROOT, atomic_path, read_json, write_json
from toxres.labels import LABELS
from toxres.results import current_commit

TEACHERS = {name: ROOT / "build" / "checkpoints" / f"{name}-jigsaw-full-seed0" for name in ("baseline", "custom")}
"""Folders of the teachers, as notebooks 02 and 03 leave them at preset `full`."""

SOURCES = ("jigsaw", "civil_spans", "davidson")
STUDENT = "attention_bce"
"""Pooling and head are those of `custom`; cross-entropy with the teachers' probabilities is what a student minimises
(Hinton, Vinyals and Dean 2015), and the focal loss hardly moves once they are near."""

PRESET = dataclasses.replace(FULL, name="distil", encoder="minilm:3", max_rows_auxiliary=6_000, epochs_auxiliary=0)
WORK = ROOT / "build" / "experiments" / "distil"
RESULT = ROOT / "data" / "results" / "distil.json"
METRICS = ("ap", "auroc")
RESAMPLES = 2_000


def soft_labels(texts: Sequence[str], teachers: Sequence) -> np.ndarray:
    """Mean of the teachers' recalibrated probabilities, N x 6."""
    import torch

    from toxres.training.precision import has_bf16

    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bf16()):
        return np.mean([teacher.predict_proba(texts, calibrated=True) for teacher in teachers], axis=0)


def write_soft(path: Path, rows: pd.DataFrame, probs: np.ndarray) -> None:
    """Write comments with probabilities for labels, in Kaggle's format, atomically."""
    table = pd.DataFrame(np.clip(probs, 0, 1).round(5), columns=list(LABELS))
    table.insert(0, "comment_text", rows["text"].to_numpy())
    table.insert(0, "id", [f"{row.source}-{row.id}" for row in rows[["source", "id"]].itertuples()])
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False)


def teach(teachers: Mapping[str, Path], preset: Preset, work: Path, seed: int = 0) -> Path:
    """Train the student and fit its calibration and thresholds on Jigsaw's validation fold, as the teachers' are.

    Returns:
        Its checkpoint folder.
    """
    from toxres.checkpoint import CALIBRATION, THRESHOLDS, load_checkpoint
    from toxres.evaluation.arrays import to_probs
    from toxres.evaluation.calibration import fit_calibration
    from toxres.evaluation.thresholds import tune_thresholds
    from toxres.training import train
    from toxres.training.rows import select_rows

    file = work / "soft.csv"
    if not file.is_file():
        rows = select_rows(SOURCES, preset, seed).train.drop_duplicates("text")
        opened = [load_checkpoint(path) for path in teachers.values()]
        write_soft(file, rows, soft_labels(rows["text"].tolist(), opened))
    path = train(
        STUDENT, str(file), preset, seed, work / "student",
        resume=True, replace=True, test_fold=None, validation_fold=None, save_steps=10_000, progress=False,
    )  # fmt: skip
    student, validation = load_checkpoint(path), load_comments("jigsaw", split="validation")
    truth, logits = targets(validation), student.predict_logits(validation["text"].tolist())
    write_json(path / CALIBRATION, fit_calibration(truth, logits, "platt", labels=LABELS).to_dict())
    thresholds = tune_thresholds(truth, to_probs(logits, False), labels=LABELS)
    write_json(path / THRESHOLDS, dict(zip(LABELS, thresholds.tolist(), strict=True)))
    return path


def compare(checkpoints: Mapping[str, object], comments: pd.DataFrame) -> dict:
    """Scores of each model and of the teachers' mean on comments, and the student's differences from each.

    Args:
        checkpoints: By name; "student" is held against all others, those in `TEACHERS` make the mean.
        comments: None of which any of them was trained on.
    """
    truth, texts = targets(comments), comments["text"].tolist()
    plain = {name: one.predict_proba(texts) for name, one in checkpoints.items()}
    calibrated = {name: one.predict_proba(texts, calibrated=True) for name, one in checkpoints.items()}
    mean = np.mean([calibrated[name] for name in checkpoints if name in TEACHERS], axis=0)
    models = {}
    for name, one in checkpoints.items():
        found = evaluate_probs(truth, plain[name], one.thresholds, calibrated[name], labels=LABELS)
        intervals = {metric: _interval(truth, calibrated[name], metric) for metric in METRICS}
        models[name] = {"macro": found.macro, "intervals": intervals, **size(one)}
    models["mean of teachers"] = {"intervals": {metric: _interval(truth, mean, metric) for metric in METRICS}}
    differences = []
    for name, other in {**calibrated, "mean of teachers": mean}.items():
        for metric in METRICS if name != "student" else ():
            found = paired_bootstrap(truth, calibrated["student"], other, metric, RESAMPLES, labels=LABELS)
            kept = {key: getattr(found, key) for key in ("difference", "low", "high", "p_value")}
            differences.append({"a": "student", "b": name, "metric": metric, "label": "macro", **kept})
    return {"rows": len(comments), "models": models, "comparisons": differences}


def _interval(truth: np.ndarray, probs: np.ndarray, metric: str) -> dict:
    row = bootstrap_interval(truth, probs, metric, RESAMPLES, labels=LABELS)
    return {key: getattr(row, key) for key in ("score", "low", "high")}


def size(checkpoint) -> dict:
    """Parameters of a checkpoint's model, those outside the word embeddings, and bytes of its weights."""
    model = checkpoint.model
    words = model.encoder.get_input_embeddings().weight.numel()
    total = sum(parameter.numel() for parameter in model.parameters())
    stored = (checkpoint.path / "model.safetensors").stat().st_size
    layers = model.config.encoder.num_hidden_layers
    return {"layers": layers, "parameters": total, "without_word_embeddings": total - words, "bytes": stored}


def run(teachers: Mapping[str, Path] = TEACHERS, preset: Preset = PRESET, work: Path = WORK) -> dict:
    """Teach, train the student on labels for comparison, and score all on Jigsaw's test fold.

    Raises:
        InputError: A teacher or the data is not at hand.
    """
    from toxres.checkpoint import load_checkpoint
    from toxres.training import train

    checkpoints = {name: load_checkpoint(path) for name, path in teachers.items()}
    student = teach(teachers, preset, work)
    labelled = train("custom", "jigsaw", preset, 0, work / "labelled", resume=True, replace=True, progress=False)
    checkpoints |= {"student": load_checkpoint(student), "same size, labels alone": load_checkpoint(labelled)}
    found = compare(checkpoints, load_comments("jigsaw", split="test"))
    record = read_json(student / "run.json")
    return {
        **found,
        "teachers": {name: checkpoints[name].run["key"] for name in teachers},
        "student": {"recipe": record["recipe"], "preset": record["preset"], "seconds": record["seconds"]},
        "texts": record["rows_train"],
        "sources": {name: load_comments(name).attrs["sha256"] for name in SOURCES},
        "commit": current_commit(),
    }


def main(argv: list[str] | None = None) -> int:
    """The command line: 0, or 2 for bad usage or input."""
    parser = argparse.ArgumentParser(prog="python -m toxres.experiments.distil", description=__doc__.splitlines()[0])
    parser.add_argument("--teachers", nargs=2, metavar="DIR", help="checkpoints of baseline and custom")
    parser.add_argument("--json", type=Path, default=RESULT, metavar="FILE", help="where the result goes")
    options = parser.parse_args(argv)
    teachers = dict(zip(TEACHERS, map(Path, options.teachers), strict=True)) if options.teachers else TEACHERS
    try:
        found = run(teachers)
        write_json(options.json, found)
    except InputError as error:
        print(f"toxres.experiments.distil: {error}", file=sys.stderr)
        return 2
    for name, values in found["models"].items():
        print(f"{name:<26}", *(f"macro {metric} {one['score']:.4f}" for metric, one in values["intervals"].items()))
    for row in found["comparisons"]:
        print(f"student - {row['b']}: {row['metric']} {row['difference']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
