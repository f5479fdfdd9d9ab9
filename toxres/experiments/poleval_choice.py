"""How the PolEval system is chosen: cross-fitted figures, the three tags' softmax, thresholds and the moved prior."""

import dataclasses

import numpy as np

from toxres.evaluation.arrays import sigmoid
from toxres.evaluation.poleval import harmful_scores, type_scores
from toxres.evaluation.thresholds import best_f1_threshold


@dataclasses.dataclass(frozen=True)
class Decision:
    """What was decided of N tweets: (N,) booleans, harmful or not."""

    harmful: np.ndarray

    @property
    def tags(self) -> np.ndarray:
        """Tags (N,) of task 6-1."""
        return self.harmful.astype(np.int64)


@dataclasses.dataclass(frozen=True)
class Softmax:
    """A multinomial logistic regression on all logits of all views.

    Attributes:
        coef: (3, V * 3).
        intercept: (3,).
    """

    coef: np.ndarray
    intercept: np.ndarray

    def log_probs(self, logits: np.ndarray) -> np.ndarray:
        """Log-probabilities (N, 3) of the tags, of logits (V, N, 3)."""
        scores = _flat(logits) @ self.coef.T + self.intercept
        return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)


def fit_softmax(logits: np.ndarray, tags: np.ndarray, C: float = 0.1) -> Softmax:
    """Fit on out-of-fold logits (V, N, 3) and tags (N,), both as often as they come.

    Args:
        logits: Of harmful, cyberbullying and hate speech, a view each.
        tags: 0, 1 or 2.
        C: Inverse strength of the L2 penalty.
    """
    from sklearn.linear_model import LogisticRegression

    seen = _flat(logits).astype(float)
    centre, spread = seen.mean(axis=0), seen.std(axis=0) + 1e-6
    model = LogisticRegression(C=C, max_iter=1000).fit((seen - centre) / spread, tags)
    coef = model.coef_ / spread
    return Softmax(coef, model.intercept_ - coef @ centre)


def cross_fitted_softmax(logits: np.ndarray, tags: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Log-probabilities (N, 3), each row's by a softmax fitted on the other folds."""
    logs = np.zeros((len(tags), 3))
    for fold in np.unique(folds):
        here = folds == fold
        logs[here] = fit_softmax(logits[:, ~here], tags[~here]).log_probs(logits[:, here])
    return logs


def scores_by_fold(logits: np.ndarray, harmful: np.ndarray, folds: np.ndarray) -> dict:
    """Figures of out-of-fold logits (N,): average precision and F1, each fold's threshold tuned on the other folds.

    Returns:
        `ap`: the mean over folds, `ap_sd`: the standard deviation over folds, `ap_folds`; `f1`: of all rows' decisions
        pooled, `f1_sd` and `f1_folds`.
    """
    from sklearn.metrics import average_precision_score

    probs = sigmoid(logits)
    decided = np.zeros(len(probs), dtype=np.int64)
    each = np.unique(folds)
    for fold in each:
        here = folds == fold
        decided[here] = probs[here] >= best_f1_threshold(harmful[~here], probs[~here])
    aps = [float(average_precision_score(harmful[folds == fold], logits[folds == fold])) for fold in each]
    f1s = [harmful_scores(harmful[folds == fold].astype(int), decided[folds == fold]).f1 for fold in each]
    return {
        "ap": float(np.mean(aps)),
        "ap_sd": float(np.std(aps, ddof=1)),
        "ap_folds": aps,
        "f1": harmful_scores(harmful.astype(int), decided).f1,
        "f1_sd": float(np.std(f1s, ddof=1)),
        "f1_folds": f1s,
    }


def types_by_fold(logs: np.ndarray, tags: np.ndarray, folds: np.ndarray) -> dict:
    """Figures of 6-2 with each fold's class biases chosen on the other folds, and without biases."""
    decided = np.zeros(len(tags), dtype=np.int64)
    for fold in np.unique(folds):
        here = folds == fold
        decided[here] = (logs[here] + choose_biases(logs[~here], tags[~here])).argmax(axis=1)
    each = [type_scores(tags[folds == fold], decided[folds == fold]).macro_f for fold in np.unique(folds)]
    return {
        "biased": type_scores(tags, decided)._asdict() | {"macro_f_sd": float(np.std(each, ddof=1))},
        "plain": type_scores(tags, logs.argmax(axis=1))._asdict(),
    }


def choose_biases(logs: np.ndarray, tags: np.ndarray, most: float = 3.0, step: float = 0.1) -> np.ndarray:
    """Biases (3,) of the log-probabilities with the highest macro-F; that of tag 0 is 0.

    Every pair on a grid is tried. As macro-F is jagged, it is smoothed over neighbours before its maximum is taken.

    Args:
        logs: (N, 3).
        tags: (N,).
        most: Largest bias.
        step: Of the grid.
    """
    grid = np.arange(0, most + step / 2, step)
    values = np.zeros((len(grid), len(grid)))
    for i, first in enumerate(grid):
        for j, second in enumerate(grid):
            values[i, j] = _macro_f(tags, (logs + np.array([0, first, second])).argmax(axis=1))
    padded = np.pad(values, 1, mode="edge")
    smooth = sum(padded[i : i + len(grid), j : j + len(grid)] for i in range(3) for j in range(3))
    i, j = np.unravel_index(smooth.argmax(), smooth.shape)
    return np.array([0.0, grid[i], grid[j]])


def prior_shift(probs: np.ndarray, prior: float, steps: int = 200) -> tuple[float, np.ndarray]:
    """The share of positives that unlabelled rows' probabilities suggest, and the probabilities under it.

    M. Saerens, P. Latinne, C. Decaestecker: Adjusting the outputs of a classifier to new a priori probabilities (2002),
    section 2.2: expectation maximisation from the training prior.

    Args:
        probs: (N,), calibrated to the training prior.
        prior: Share of positives in training.
        steps: Of the iteration.
    """
    estimate, moved = prior, probs
    for _ in range(steps):
        up, down = probs * estimate / prior, (1 - probs) * (1 - estimate) / (1 - prior)
        moved = up / (up + down)
        estimate = float(moved.mean())
    return estimate, moved


def expected_f1_cut(probs: np.ndarray) -> float:
    """The probability to cut at for the highest expected F1, the probabilities taken at their word.

    F1 of the k most probable rows is about 2 * (sum of their probabilities) / (k + sum of all).
    """
    ranked = np.sort(probs)[::-1]
    values = 2 * np.cumsum(ranked) / (np.arange(1, len(ranked) + 1) + ranked.sum())
    return float(ranked[values.argmax()])


def _macro_f(tags: np.ndarray, decided: np.ndarray) -> float:
    counts = np.bincount(tags * 3 + decided, minlength=9).reshape(3, 3)
    return float(np.mean(2 * counts.diagonal() / np.maximum(counts.sum(axis=0) + counts.sum(axis=1), 1)))


def _flat(logits: np.ndarray) -> np.ndarray:
    """N x (V * 3) of V x N x 3."""
    return np.moveaxis(logits, 1, 0).reshape(logits.shape[1], -1)
