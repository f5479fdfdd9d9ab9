"""What the search for wrong labels is worth: errors are put into labels, models are trained on them, and searched for.

The models are the floor's: TF-IDF features of all texts, a balanced logistic regression a label, out of fold, so that
they learn from the wrong labels as any model would, and never score what they learned from. On the synthetic corpus
every other label is right; on Jigsaw some others are wrong too, so that precision there is a lower bound.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from toxres.data import load_comments, targets
from toxres.evaluation.arrays import positives
from toxres.evaluation.label_errors import LabelErrors, Noise, find_label_errors, inject_flips, recovery
from toxres.evaluation.oof import cross_fitted
from toxres.files import ROOT, write_json
from toxres.labels import LABELS
from toxres.results import current_commit

PATH = ROOT / "data" / "results" / "errors" / "label_check.json"
CORPORA = ("synthetic", "jigsaw")
TRIALS: Sequence[tuple[Noise, float]] = (("balanced", 0.1), ("uniform", 0.02))
"""How labels are flipped, and at what rate (see `inject_flips`)."""

MOST = 3_000
"""Synthetic comments; Jigsaw's sample is taken whole."""


def features_of(texts: Sequence[str]) -> csr_matrix:
    """The floor's features of N texts, N x F; they see the texts of all folds, no labels."""
    from toxres.models.tfidf import TfidfModel

    return csr_matrix(TfidfModel().features.fit_transform(list(texts)))


def out_of_fold_logits(matrix: csr_matrix, truth: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Logits (N, L) of the floor, each comment's from the other folds' labels.

    Args:
        matrix: Of `features_of`, N x F.
        truth: (N, L) labels.
        folds: (N,) fold of each comment.
    """
    from sklearn.linear_model import LogisticRegression

    is_positive = positives(truth)
    logits = np.zeros(truth.shape)
    for fold in np.unique(folds):
        here, there = folds == fold, folds != fold
        for i in range(truth.shape[1]):
            label = is_positive[there, i]
            if label.all() or not label.any():
                logits[here, i] = np.log((label.sum() + 1) / ((~label).sum() + 1))
                continue
            model = LogisticRegression(class_weight="balanced", C=4.0, solver="liblinear", random_state=0)
            logits[here, i] = model.fit(matrix[there], label).decision_function(matrix[here])
    return logits


def check_corpus(comments: pd.DataFrame, trials: Sequence[tuple[Noise, float]] = TRIALS, seed: int = 0) -> list[dict]:
    """Flip labels of a corpus, search, and compare: of each trial the rows of `recovery`.

    Args:
        comments: With a column `fold`; every label known.
        trials: How labels are flipped.
        seed: Of the flips.

    Returns:
        For each trial `noise`, `rate`, `rows`, and `labels`: by label what `recovery` says, and `flagged_before`, what
        is flagged with nothing flipped.
    """
    truth = targets(comments).astype(float)
    matrix = features_of(comments["text"].tolist())
    before = _search(comments, matrix, truth)[0].per_label["flagged"]
    before["all labels"] = before.sum()
    found = []
    for noise, rate in trials:
        given, flipped = inject_flips(truth, rate, noise, seed)
        search, probs = _search(comments, matrix, given)
        table = recovery(search, given, probs, flipped).assign(flagged_before=before)
        told = {"noise": noise, "rate": rate, "rows": len(comments)}
        found.append(told | {"labels": table.to_dict(orient="index")})
    return found


def _search(comments: pd.DataFrame, matrix: csr_matrix, given: np.ndarray) -> tuple[LabelErrors, np.ndarray]:
    folds = comments["fold"].to_numpy()
    probs = cross_fitted(given, out_of_fold_logits(matrix, given, folds), folds).calibrated
    return find_label_errors(comments["id"].tolist(), given, probs), probs


def check_search(path: Path = PATH, corpora: Sequence[str] = CORPORA, most: int = MOST) -> dict:
    """Check the search on every corpus and write what came out."""
    found: dict = {"commit": current_commit(), "seed": 0, "corpora": {}}
    for name in corpora:
        comments = load_comments(name, limit=most if name == "synthetic" else None)
        comments = comments[comments[list(LABELS)].notna().all(axis=1)].reset_index(drop=True)
        if name == "synthetic":
            # Its own folds have different templates, which a model of other folds cannot know.
            comments["fold"] = np.random.default_rng(0).permutation(len(comments)) % 5
        found["corpora"][name] = check_corpus(comments)
        print(f"{name}: {len(comments):,} comments searched", flush=True)
    write_json(path, found)
    return found
