"""Error analysis: what the models get wrong on functional tests, on mentions of identities and on test comments.

`python -m toxres.experiments.errors [--models baseline,custom,tfidf]` scores HateCheck, all of madlibs, neutral
sentences about people, test comments of every source and the validation comments that the decision "hateful or not" is
chosen on. It takes the checkpoints of `build/experiments/explained/<model>`, which `toxres train MODEL --source
jigsaw,civil_spans,davidson --preset full --seed 0 --out ...` makes (for `custom_balanced` the recipe `custom`, with the
source `balanced` added); TF-IDF is trained here. Probabilities go by id, no text, to `data/results/errors`; a model
whose record stands there for the same checkpoint is done. `--labels` checks what the search for wrong labels is worth,
and `--summary` writes `data/results/errors.json` and the headline figures.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.checkpoint import Checkpoint, load_checkpoint
from toxres.config import FULL
from toxres.data.functional import load_hatecheck, load_madlibs
from toxres.data.identity_terms import neutral_statements
from toxres.errors import InputError
from toxres.experiments.errors_rows import BALANCED, SOURCES, tested_rows, validation_rows
from toxres.files import ROOT, atomic_path, read_json, write_json
from toxres.labels import LABELS
from toxres.results import current_commit

RESULTS = ROOT / "data" / "results" / "errors"
CHECKPOINTS = ROOT / "build" / "experiments" / "explained"
MODELS = ("tfidf", "baseline", "custom", "custom_balanced")
"""`custom_balanced` is `custom` that learned balanced comments too: what the findings of the others changed."""

TRAINED_AS = {"custom_balanced": ("custom", (*SOURCES, BALANCED))}
"""Recipe and sources of models that are not a recipe trained on `SOURCES`."""

PARTS = ("hatecheck", "statements", "validation", "tested", "madlibs")
"""What is scored; each has a file `<model>-<part>.csv`."""

LABEL_CHECK = "label_check.json"
"""What the check of the search for wrong labels found."""

DIGITS = 4
"""Significant digits of what is committed."""


def open_checkpoint(name: str, folder: Path = CHECKPOINTS) -> Checkpoint:
    """The checkpoint of a model; TF-IDF is trained if it is not there.

    Raises:
        InputError: There is none.
    """
    path = folder / name
    recipe, sources = TRAINED_AS.get(name, (name, SOURCES))
    if name == "tfidf" and not path.exists():
        from toxres.training import train

        train(name, SOURCES, FULL, 0, path, resume=True, progress=False)
    if not path.is_dir():
        raise InputError(
            f"{path}: no checkpoint of {name!r}; run `toxres train {recipe} --source {','.join(sources)} "
            f"--preset full --seed 0 --out {path}` first"
        )
    checkpoint = load_checkpoint(path)
    if checkpoint.labels != LABELS:
        raise InputError(f"{path}: its labels are {', '.join(checkpoint.labels)}; a model of the six labels is needed")
    return checkpoint


def score_model(name: str, checkpoint: Checkpoint, results: Path = RESULTS) -> dict:
    """Score every part with one model and write the scores and their record, the record last. Returns the record.

    A part that this checkpoint has scored already, by the record that is there, is kept; delete its file to score anew.
    """
    started = time.monotonic()
    run = checkpoint.run
    cases, sentences, statements = load_hatecheck(), load_madlibs(), neutral_statements()
    validation, tested = validation_rows(run), tested_rows()
    frames = {"hatecheck": cases, "statements": statements, "validation": validation.comments, "tested": tested}
    kept = kept_parts(name, checkpoint, results)
    for part, frame in frames.items():
        if part in kept:
            continue
        _write_probs(results / f"{name}-{part}.csv", frame["id"], checkpoint.predict_proba(frame["text"].tolist()))
    if "madlibs" not in kept:
        logits = checkpoint.predict_logits(sentences["text"].tolist())[:, LABELS.index("toxic")]
        _write_column(results / f"{name}-madlibs.csv", "toxic_logit", logits)
    record = {
        "model": name,
        "checkpoint": _told(run),
        "thresholds": dict(zip(LABELS, checkpoint.thresholds.tolist(), strict=True)),
        "rows": {**{part: len(frame) for part, frame in frames.items()}, "madlibs": len(sentences)},
        "left_out_of_validation": validation.left_out,
        "files": {"hatecheck": cases.attrs["sha256"], "madlibs": sentences.attrs["sha256"]},
        "seconds": round(time.monotonic() - started, 1),
        "commit": current_commit(),
    }
    write_json(results / f"{name}.json", record)
    return record


def _told(run: dict) -> dict:
    """What a committed result says of the checkpoint's training; no path."""
    kept = ("key", "preset", "seed", "test_fold", "validation_fold", "rows_train", "rows_sha256", "commit", "date")
    initial = run.get("initial")
    return {
        "recipe": run["recipe"]["name"],
        **{key: run[key] for key in (*kept, "versions")},
        "sources": _sources(run["sources"]),
        "initial": None if not initial else {"key": initial["key"], "sources": _sources(initial["sources"])},
    }


def _sources(entries: Sequence[dict]) -> list[dict]:
    return [{key: entry[key] for key in ("name", "sha256", "rows")} for entry in entries]


def _write_probs(path: Path, ids: pd.Series, probs: np.ndarray) -> None:
    table = pd.DataFrame(probs, columns=list(LABELS)).map(f"{{:.{DIGITS}g}}".format)
    table.insert(0, "id", ids.to_numpy())
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def _write_column(path: Path, name: str, values: np.ndarray) -> None:
    """One number a line, in the order of the rows that were scored."""
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join([name, *(f"{value:.{DIGITS}g}" for value in values)]) + "\n", encoding="utf-8")


def is_done(name: str, checkpoint: Checkpoint, results: Path = RESULTS) -> bool:
    """Whether a model's scores stand there, made with this checkpoint."""
    return kept_parts(name, checkpoint, results) == list(PARTS)


def kept_parts(name: str, checkpoint: Checkpoint, results: Path = RESULTS) -> list[str]:
    """The parts whose scores stand there, made with this checkpoint."""
    record = results / f"{name}.json"
    if not record.is_file() or read_json(record)["checkpoint"]["key"] != checkpoint.run["key"]:
        return []
    return [part for part in PARTS if (results / f"{name}-{part}.csv").is_file()]


def continue_experiment(
    models: Sequence[str] = MODELS, checkpoints: Path = CHECKPOINTS, results: Path = RESULTS
) -> list[str]:
    """Score the models that are not done, one after the other. Returns which were scored.

    Raises:
        InputError: A model has no checkpoint; those before it are scored.
    """
    scored = []
    for name in models:
        checkpoint = open_checkpoint(name, checkpoints)
        if is_done(name, checkpoint, results):
            continue
        record = score_model(name, checkpoint, results)
        print(f"{name}: {sum(record['rows'].values()):,} texts scored in {record['seconds']:.0f} s", flush=True)
        scored.append(name)
    return scored


def main(arguments: list[str] | None = None) -> int:
    """Start or go on with the experiment, check the search for wrong labels, or sum up."""
    parser = argparse.ArgumentParser(prog="python -m toxres.experiments.errors", description=__doc__)
    parser.add_argument("--models", default=",".join(MODELS), metavar="NAMES", help="such as baseline,custom; all")
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS, metavar="DIR", help="holds a folder a model")
    parser.add_argument("--labels", action="store_true", help="only check what the search for wrong labels is worth")
    parser.add_argument("--summary", action="store_true", help="only write data/results/errors.json and the headline")
    options = parser.parse_args(arguments)
    if options.labels:
        from toxres.experiments.errors_labels import check_search

        check_search()
        return 0
    if options.summary:
        from toxres.experiments.errors_summary import summarise
        from toxres.experiments.errors_told import findings

        print(*findings(summarise()), sep="\n")
        return 0
    models = [name.strip() for name in options.models.split(",") if name.strip()]
    print(f"errors: {', '.join(continue_experiment(models, options.checkpoints)) or 'nothing'} scored", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
