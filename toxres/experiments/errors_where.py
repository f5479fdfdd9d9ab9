"""Where the models disagree and which labels are probably wrong, from scores by id: parts of the error summary."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from toxres.data import load_comments
from toxres.data.identity_terms import mentioned_terms
from toxres.errors import InputError
from toxres.evaluation.disagreement import (
    errors_by_slice,
    hardest,
    patterns_by_label,
    rightness,
    set_confusion,
    slices,
)
from toxres.evaluation.label_errors import find_label_errors, share_of_model_errors
from toxres.training.out_of_fold import OutOfFold, read_out_of_fold

MODELS = ("tfidf", "baseline", "custom")
"""The floor and the two that are compared."""

HARDEST = 20
"""Comments with the highest loss that are named, by id."""

TO_REVIEW = 40
"""Labels that are named for review, by id."""


def records(table: pd.DataFrame) -> list[dict]:
    """Rows of a table, its index in columns, for JSON."""
    return table.reset_index().to_dict(orient="records")


def _out_of_fold() -> dict[str, OutOfFold]:
    models = {name: read_out_of_fold("oof", name) for name in MODELS}
    first = models[MODELS[0]]
    for name, one in models.items():
        if not np.array_equal(one.ids, first.ids):
            raise InputError(f"oof/{name}: scores other comments than {MODELS[0]}; run that experiment to its end")
    return models


def out_of_fold_disagreement() -> dict:
    """Disagreement on all of Jigsaw, scored by models that did not see it, at thresholds of other folds."""
    models = _out_of_fold()
    first = models[MODELS[0]]
    comments = load_comments("jigsaw").set_index("id").loc[first.ids].reset_index()
    decisions = {name: one.fitted.decisions for name, one in models.items()}
    found = _disagreement(comments, first.targets, decisions)
    found["confusion"] = {name: _matrix(set_confusion(first.targets, each)) for name, each in decisions.items()}
    found["hardest"] = {
        name: records(hardest(first.ids, first.targets, one.fitted.calibrated, HARDEST).set_index("id"))
        for name, one in models.items()
    }
    return found


def tested_disagreement(
    comments: pd.DataFrame,
    truth: np.ndarray,
    probs: Mapping[str, np.ndarray],
    thresholds: Mapping[str, Sequence[float]],
) -> dict:
    """Disagreement on test comments of every source, at the thresholds that the checkpoints carry.

    Args:
        comments: In the schema of `toxres.data.schema`.
        truth: (N, 6).
        probs: By model, (N, 6).
        thresholds: By model, one a label.
    """
    return _disagreement(comments, truth, {name: each >= np.asarray(thresholds[name]) for name, each in probs.items()})


def _disagreement(comments: pd.DataFrame, truth: np.ndarray, decisions: Mapping[str, np.ndarray]) -> dict:
    kinds = slices(comments, truth, mentioned_terms(comments["text"].tolist()))
    return {
        "comments": len(comments),
        "patterns": patterns_by_label(truth, decisions).to_dict(orient="index"),
        "slices": errors_by_slice(rightness(truth, decisions), kinds).to_dict(orient="records"),
    }


def _matrix(table: pd.DataFrame) -> dict:
    return {"sets": table.index.tolist(), "counts": table.to_numpy().tolist()}


def label_errors() -> dict:
    """Which of Jigsaw's labels are probably wrong, by the out-of-fold scores of each model; ids, no text."""
    found: dict = {"models": {}}
    flagged = []
    for name, one in _out_of_fold().items():
        search = find_label_errors(one.ids, one.targets, one.fitted.calibrated)
        mine = share_of_model_errors(one.targets, one.fitted.decisions, search.flagged)
        flagged.append(search.flagged)
        found["models"][name] = {
            "labels": search.per_label.to_dict(orient="index"),
            "comments": int(search.flagged.any(axis=1).sum()),
            "model_errors": mine.to_dict(orient="index"),
            "review": search.ranked.head(TO_REVIEW).to_dict(orient="records"),
        }
        found |= {"rows": len(one.ids), "labels": len(search.per_label)}
    found["by_all"] = int(np.all(flagged, axis=0).sum())
    found["by_any"] = int(np.any(flagged, axis=0).sum())
    return found
