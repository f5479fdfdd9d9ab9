"""From the scores of the stress experiment to the figures of `data/results/stress.json`."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from toxres.config import NORMALISATION
from toxres.data import available, load_comments, targets
from toxres.errors import InputError
from toxres.evaluation.stress import (
    CONDITIONS,
    Condition,
    Scores,
    area_under_stress,
    stress_differences,
    stress_figures,
)
from toxres.experiments.stress import EXPERIMENT, MODELS, SEED
from toxres.files import read_json, write_json
from toxres.labels import LABELS
from toxres.results import current_commit
from toxres.text import normalise
from toxres.training import experiments

PAIRS = {
    "baseline": ("baseline_normalised", "baseline"),
    "custom": ("custom_normalised", "custom"),
    "tfidf": ("tfidf_normalised", "tfidf"),
}
"""Models that differ in nothing but normalisation."""

CHANGED_SOURCES = ("jigsaw", "civil_spans", "davidson")
MOST_CHANGED = 4_000
"""Comments of each source that the steps are counted on."""


class StressScores(NamedTuple):
    """One model's scores of the folds that are done, pooled.

    Attributes:
        ids: (N,) of the sampled comments.
        targets: (N, 6).
        weights: (N,), how many comments each stands for.
        scores: Probabilities (N, 6) by condition.
        runs: The records of the runs.
    """

    ids: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    scores: Scores
    runs: list[dict]


def read_scores(model: str, folds: list[int], source: str = "jigsaw") -> StressScores:
    """The committed scores of a model, with the labels of the comments at hand.

    Raises:
        InputError: A file is missing, or scores other comments than are at hand.
    """
    truth = load_comments(source)
    labels = pd.DataFrame(targets(truth), index=truth["id"])
    tables, runs = [], []
    for fold in folds:
        path = experiments.RESULTS / EXPERIMENT / f"{model}-fold{fold}.csv"
        if not path.exists():
            raise InputError(f"{path}: is not there; run `python -m toxres.experiments.stress --folds {fold}` first")
        tables.append(pd.read_csv(path, dtype={"id": str}))
        runs.append(read_json(path.with_suffix(".json")))
    table = pd.concat(tables)
    by_condition = {Condition(kind, float(share)): part for (kind, share), part in table.groupby(["kind", "share"])}
    clean = by_condition[CONDITIONS[0]]
    ids = clean["id"].to_numpy()
    if missing := set(ids) - set(labels.index):
        raise InputError(f"{model}: {len(missing)} scored comments are not in {source}; take the data it was run on")
    if set(by_condition) != set(CONDITIONS) or any((by_condition[c]["id"].to_numpy() != ids).any() for c in CONDITIONS):
        raise InputError(
            f"{model}: not every condition has scores of the same comments; remove its files, run it again"
        )
    scores = {condition: by_condition[condition][list(LABELS)].to_numpy(float) for condition in CONDITIONS}
    return StressScores(ids, labels.loc[ids].to_numpy(float), clean["weight"].to_numpy(float), scores, runs)


def folds_done(model: str) -> list[int]:
    """The folds a model has scored."""
    return sorted(
        int(path.stem.rsplit("fold", 1)[1])
        for path in (experiments.RESULTS / EXPERIMENT).glob(f"{model}-fold[0-9].csv")
    )


def steps_changed(texts: list[str]) -> dict[str, float]:
    """Share of texts that each step of normalisation changes by itself, and under "any" all of them together."""
    each = {step: float(np.mean([normalise(text, [step]).text != text for text in texts])) for step in NORMALISATION}
    return each | {"any": float(np.mean([normalise(text).text != text for text in texts]))}


def changes_by_source(sources: tuple[str, ...]) -> dict[str, dict]:
    """For each source at hand: comments counted, and the share of them, as they were written, that each step changes.

    Comments of the training folds; test folds are left alone.
    """
    found = {}
    for source in sources:
        if available(source):
            comments = load_comments(source, split="train", limit=MOST_CHANGED, seed=SEED)
            found[source] = {"comments": len(comments), "share_changed": steps_changed(comments["text"].tolist())}
    return found


def summarise(source: str = "jigsaw", path: Path | None = None, n_resamples: int = 1_000) -> dict:
    """Compute every figure the committed scores give and write them as JSON. Returns them.

    Pairs are compared on the folds that both have scored; each model's curve is of all folds that all models have.

    Raises:
        InputError: Nothing has been scored.
    """
    done = {model: folds_done(model) for model in MODELS}
    have = {model: folds for model, folds in done.items() if folds}
    if not have:
        raise InputError("no scores yet; run `python -m toxres.experiments.stress` first")
    common = sorted(set.intersection(*map(set, have.values())))
    found: dict = {"curves": {}, "area": {}, "differences": {}}
    for model in have:
        one = read_scores(model, common, source)
        figures = stress_figures(one.targets, one.weights, one.scores)
        found["curves"][model] = figures.to_dict(orient="records")
        found["area"][model] = area_under_stress(figures).to_dict(orient="index")
    rows, runs = len(one.ids), []
    for name, (normalised, plain) in PAIRS.items():
        folds = sorted(set(done[normalised]) & set(done[plain]))
        if folds:
            a, b = read_scores(normalised, folds, source), read_scores(plain, folds, source)
            if (a.ids != b.ids).any():
                raise InputError(f"{name}: the two models scored other comments; remove their files and run them again")
            table = stress_differences(a.targets, a.weights, a.scores, b.scores, n_resamples, SEED)
            found["differences"][name] = {"folds": folds, "rows": len(a.ids), "table": table.to_dict(orient="records")}
            runs += [*a.runs, *b.runs]
    found["steps"] = changes_by_source(CHANGED_SOURCES)
    found["run"] = {
        "commit": current_commit(),
        "trained_at_commits": sorted({run["commit"] for run in runs}),
        "date": max((run["date"] for run in runs), default="")[:10],
        "sources": {entry["name"]: entry["sha256"] for run in runs for entry in run["sources"]},
        "folds": common,
        "rows": rows,
        "positives": dict(zip(LABELS, (one.targets >= 0.5).sum(axis=0).tolist(), strict=True)),
        "stands_for": float(one.weights.sum()),
        "seconds": {f"{run['recipe']}, fold {run['test_fold']}": run["seconds"] for run in runs},
    }
    write_json(path or experiments.RESULTS / "stress.json", found)
    return json.loads((path or experiments.RESULTS / "stress.json").read_text(encoding="utf-8"))
