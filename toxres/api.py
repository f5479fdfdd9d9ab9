"""The verbs `evaluate` and `compare` as functions."""

import dataclasses
import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from toxres.data import SOURCES, load_comments, targets
from toxres.data.loading import KAGGLE_TEST
from toxres.data.poleval import SOURCE as POLEVAL
from toxres.data.splits import TEST_FOLD, VALIDATION_FOLD
from toxres.data.tasks import with_task
from toxres.errors import InputError
from toxres.evaluation import Evaluation, compare_table, evaluate_probs, paired_bootstrap
from toxres.evaluation.arrays import decide, to_probs
from toxres.evaluation.bootstrap import BootstrapResult
from toxres.evaluation.poleval import type_scores
from toxres.evaluation.report import format_table
from toxres.tasks import TOXICITY, Task

if TYPE_CHECKING:
    from toxres.checkpoint import Checkpoint
    from toxres.router import Predictions, Router

COMPARED = {"auroc": "AUROC", "ap": "AP", "f1": "F1 tuned", "ece": "ECE cal."}
"""The metrics `compare` resamples: F1 at the tuned thresholds, ECE of the recalibrated probabilities."""


@dataclasses.dataclass(frozen=True)
class Rows:
    """Which comments a score was computed on.

    Attributes:
        source: Name of the source, or the CSV file.
        split: The split that was asked for; a CSV file's is always all of it.
        origin: The files, or "embedded".
        sha256: Of the files.
        count: Comments.
    """

    source: str
    split: str | None
    origin: str
    sha256: str
    count: int

    def title(self) -> str:
        """Where the rows came from, for the head of a table."""
        whole = self.split is None or Path(self.source).suffix or self.source.startswith("hub:")
        kind = "synthetic comments" if self.source == "synthetic" else f"comments of {self.source}"
        return f"{self.count:,} {kind}{'' if whole else f', split {self.split}'}"


@dataclasses.dataclass(frozen=True)
class Report:
    """One checkpoint on one set of rows.

    Attributes:
        checkpoint: Its folder.
        name: Its recipe.
        run: Identifier of the run that trained it (`key` of its run.json), with preset, seed and commit.
        rows: The comments.
        evaluation: The scores.
        decisions: Scores of the decisions as a whole, by how they are made (see `decision_scores`); none for the six
            labels.
        caution: Why the scores may flatter the checkpoint, or "".
        date: When it was computed, ISO 8601, UTC.
    """

    checkpoint: str
    name: str
    run: dict
    rows: Rows
    evaluation: Evaluation
    decisions: dict[str, dict[str, float]]
    caution: str
    date: str

    def table(self) -> str:
        """The scores as text: a head that says what they are of, a row a label, the macro means."""
        head = f"{self.name} (run {self.run['key']}, preset {self.run['preset']}) on {self.rows.title()}"
        lines = [head, "", self.evaluation.table()]
        if self.decisions:
            lines += ["", format_table(pd.DataFrame.from_dict(self.decisions, orient="index"), corner="decisions")]
        return "\n".join([*lines, *([self.caution] if self.caution else [])])

    def to_dict(self) -> dict:
        """Plain values, ready for `write_json`."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if not self.decisions:
            del plain["decisions"]
        return plain | {"rows": dataclasses.asdict(self.rows), "evaluation": self.evaluation.to_dict()}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two checkpoints on the same rows.

    Attributes:
        first: Report of the first.
        second: Report of the second.
        differences: By metric (`COMPARED`), first minus second with its paired bootstrap interval.
    """

    first: Report
    second: Report
    differences: dict[str, BootstrapResult]

    @property
    def names(self) -> tuple[str, str]:
        """What the two are called in tables: recipe, or folder where the recipes are the same."""
        if self.first.name != self.second.name:
            return self.first.name, self.second.name
        return self.first.checkpoint, self.second.checkpoint

    def frame(self) -> pd.DataFrame:
        """Differences, first minus second: a row for the macro mean and each label, text with interval a metric."""
        columns = {}
        for metric, result in self.differences.items():
            rows = {"macro": result.__dict__, **result.per_label.to_dict(orient="index")}
            columns[COMPARED[metric]] = {label: _interval(row) for label, row in rows.items()}
        return pd.DataFrame(columns).rename_axis("label")

    def table(self) -> str:
        """Both sets of macro means, then the differences; an asterisk where the 95% interval excludes 0."""
        first, second = self.names
        evaluations = {first: self.first.evaluation, second: self.second.evaluation}
        result = next(iter(self.differences.values()))
        head = f"{first} minus {second}, 95% intervals by {result.n_resamples:,} paired resamples (* excludes 0)"
        parts = [compare_table(evaluations, title=self.first.rows.title()), "", head, "", format_table(self.frame())]
        cautions = [f"{report.name}: {report.caution}" for report in (self.first, self.second) if report.caution]
        return "\n".join(parts + cautions)

    def to_dict(self) -> dict:
        """Plain values, ready for `write_json`."""
        differences = {metric: result.to_dict() for metric, result in self.differences.items()}
        return {"first": self.first.to_dict(), "second": self.second.to_dict(), "differences": differences}


def evaluate(
    checkpoint: "Checkpoint | Router | str | Path", source: str | Path, *, split: str | None = "test"
) -> Report:
    """Score a checkpoint's predictions against known labels.

    Thresholds and recalibration are the checkpoint's own, fitted on its validation rows, never on these. Labels the
    source does not know are left out and counted. A router answers for each row with the model of the row's own group.

    Args:
        checkpoint: A checkpoint, a router of groups of sites, or the folder of one.
        source: Name of a source, or a CSV file in Kaggle's format with any of the six label columns, or those of the
            checkpoint's task (`toxres.data.tasks`).
        split: Split of a named source; None is all of it. A CSV file has none: None or "test" is all of it.

    Raises:
        InputError: Checkpoint, source or split are not there or broken, no label is known, or a router has no model for
            the group of a row.
    """
    checkpoint = _open(checkpoint)
    comments = _load(source, split, _task(checkpoint))
    return _report(checkpoint, comments, str(source), split, _predict(checkpoint, comments, source))


def compare(
    first: "Checkpoint | Router | str | Path",
    second: "Checkpoint | Router | str | Path",
    source: str | Path,
    *,
    split: str | None = "test",
    n_resamples: int = 1_000,
    seed: int = 0,
) -> Comparison:
    """Score two checkpoints on the same rows, with paired bootstrap intervals of their differences.

    Args:
        first: As in `evaluate`.
        second: Another.
        source: As in `evaluate`.
        split: As in `evaluate`.
        n_resamples: Resamples of the rows.
        seed: Of the resampling.

    Raises:
        InputError: As in `evaluate`, or the two have different tasks.
    """
    checkpoints = [_open(first), _open(second)]
    task, other = map(_task, checkpoints)
    if other != task:
        paths = [checkpoint.path for checkpoint in checkpoints]
        raise InputError(
            f"{paths[1]}: its task is {other}, but that of {paths[0]} is {task}; compare models of one task"
        )
    comments = _load(source, split, task)
    found = [_predict(checkpoint, comments, source) for checkpoint in checkpoints]
    reports = [
        _report(model, comments, str(source), split, each) for model, each in zip(checkpoints, found, strict=True)
    ]
    plain = [to_probs(each.logits, task.exclusive) for each in found]
    given = [decide(probs, each.thresholds, task.exclusive) for probs, each in zip(plain, found, strict=True)]
    scores = dict.fromkeys(COMPARED, plain) | {"f1": given, "ece": [each.calibrated for each in found]}
    truth = targets(comments, task.labels)
    differences = {
        metric: paired_bootstrap(truth, *scores[metric], metric, n_resamples, seed, labels=task.labels)
        for metric in COMPARED
    }
    return Comparison(*reports, differences)


def caution(run: dict, source: str, split: str | None, sha256: str) -> str:
    """Why scores on these rows may flatter the run that trained a checkpoint, in words; "" when nothing says so.

    Args:
        run: Its run.json. The sources of the run it started from count as auxiliary sources.
        source: Where the rows come from. Only named sources have folds; of a CSV file or hub dataset all rows are
            scored.
        split: The split that was asked for.
        sha256: Of the files the rows come from.
    """
    earlier = (run.get("initial") or {}).get("sources", ())
    said = ""
    for position, entry in enumerate([*run.get("sources", ()), *earlier]):
        if entry.get("name") != source and (not sha256 or entry.get("sha256") != sha256):
            continue
        if entry.get("name") == source and source in SOURCES:
            asked = _folds(split)
            test = run.get("test_fold") if position == 0 else TEST_FOLD
            tuned = run.get("validation_fold") if position == 0 else None
            official = split == KAGGLE_TEST or (source == POLEVAL and asked == {TEST_FOLD})
            if official or (asked == {test} and test is not None):
                continue
            if asked == {tuned} and tuned is not None:
                said = f"Careful: thresholds and calibration were tuned on these rows of {source}."
                continue
        return f"Careful: {run['recipe']['name']} was trained on rows of {source} that are scored here."
    return said


def decision_scores(
    truth: np.ndarray, probs: np.ndarray, thresholds: np.ndarray, task: Task
) -> dict[str, dict[str, float]]:
    """Scores of a task's decisions on the rows where these are known.

    Args:
        truth: (N, L) targets.
        probs: (N, L) probabilities.
        thresholds: (L,) or (N, L), tuned on other rows.
        task: Of the model.

    Returns:
        By how it is decided, at equal thresholds or at the tuned ones: the official scores of PolEval 2019 task 6-2 for
        "types", the accuracy for "decision", and nothing for the six labels.
    """
    if task == TOXICITY:
        return {}
    rows = ~np.isnan(truth).any(axis=1)
    ways = {
        "argmax" if task.exclusive else "at 0.5": np.full(len(task.labels), 0.5),
        "tuned": np.broadcast_to(thresholds, truth.shape)[rows],
    }
    given = {name: decide(probs[rows], cut, task.exclusive) for name, cut in ways.items()}
    if task.exclusive:
        tags = truth[rows].argmax(axis=1)
        return {name: type_scores(tags, one.argmax(axis=1))._asdict() for name, one in given.items()}
    return {name: {"accuracy": float(np.mean(one == (truth[rows] >= 0.5)))} for name, one in given.items()}


def _folds(split: str | None) -> set[int]:
    named = {"test": {TEST_FOLD}, "validation": {VALIDATION_FOLD}}
    if split is not None and split.startswith("fold:"):
        return {int(split.removeprefix("fold:"))}
    return named.get(split, set())


def _open(checkpoint: "Checkpoint | Router | str | Path") -> "Checkpoint | Router":
    if not isinstance(checkpoint, str | Path):
        return checkpoint
    from toxres.router import open_model

    return open_model(checkpoint)


def _task(model: "Checkpoint | Router") -> Task:
    """What a model decides: the six labels, where it says nothing else."""
    return getattr(model, "task", TOXICITY)


def _predict(model: "Checkpoint | Router", comments: pd.DataFrame, source: str | Path) -> "Predictions":
    """What a model says of comments; a router's is that of each comment's group.

    Raises:
        InputError: A router has no model for a group.
    """
    from toxres.router import Predictions, Router

    texts = comments["text"].tolist()
    if not isinstance(model, Router):
        logits = model.predict_logits(texts)
        return Predictions(logits, model.calibration.apply(logits), model.thresholds)
    for row in comments[["id", "group"]].drop_duplicates("group").itertuples():
        try:
            model.route(row.group)
        except InputError as error:
            raise InputError(f"{source}: comment {row.id!r}: {error}") from None
    return model.predict(texts, comments["group"].tolist())


def _load(source: str | Path, split: str | None, task: Task) -> pd.DataFrame:
    comments = with_task(load_comments(str(source), split=split), task, str(source))
    if np.isnan(targets(comments, task.labels)).all():
        wanted = "one of the six label columns" if task == TOXICITY else f"one row's {' or '.join(task.labels)}"
        raise InputError(f"{source}: no label of any row is known; add at least {wanted}")
    return comments


def _report(
    checkpoint: "Checkpoint | Router", comments: pd.DataFrame, source: str, split: str | None, found: "Predictions"
) -> Report:
    from toxres.router import Router

    run, sha256 = checkpoint.run, str(comments.attrs.get("sha256", ""))
    task = _task(checkpoint)
    truth, probs = targets(comments, task.labels), to_probs(found.logits, task.exclusive)
    evaluation = evaluate_probs(
        truth, probs, found.thresholds, found.calibrated, labels=task.labels, exclusive=task.exclusive
    )
    runs = checkpoint.runs(comments["group"]) if isinstance(checkpoint, Router) else [run]
    cautions = dict.fromkeys(caution(each, source, split, sha256) for each in runs)
    return Report(
        checkpoint=str(checkpoint.path),
        name=checkpoint.name,
        run={
            "key": run.get("key", "unknown"),
            "preset": run.get("preset", {}).get("name", "unknown"),
            **{field: run.get(field) for field in ("seed", "commit", "date")},
        },
        rows=Rows(source, split, str(comments.attrs.get("origin", source)), sha256, len(comments)),
        evaluation=evaluation,
        decisions=decision_scores(truth, probs, found.thresholds, task),
        caution=" ".join(said for said in cautions if said),
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _interval(row: dict) -> str:
    if np.isnan(row["difference"]):
        return "–"
    star = "*" if row["low"] > 0 or row["high"] < 0 else ""
    return f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]{star}"
