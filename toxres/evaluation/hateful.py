"""From six labels to one decision, hateful or not: which rule and which threshold, chosen on validation comments.

HateCheck asks one question that none of the six labels is: is this hate against a protected group? Several rules make
one score of the six logits. The rule with the highest balanced accuracy on validation comments is taken (the mean over
groups of comments, where there are groups), each rule's threshold (and the weights of the fitted one) being found on
other validation comments than it is judged on; the threshold of the chosen rule is then found on all of them.
Validation comments are those of fold 1 that the model was not trained on; a comment is hateful where `identity_hate` is
at least 0.5. No case of HateCheck enters.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.evaluation.arrays import as_logits
from toxres.labels import LABELS

_TOXIC, _HATE = LABELS.index("toxic"), LABELS.index("identity_hate")

FITTED: Final = "logistic"
"""The rule whose weights are fitted: a balanced logistic regression on the six logits."""


def _any_label(logits: np.ndarray) -> np.ndarray:
    """Logit of the probability that at least one label is there, labels taken as independent (noisy or)."""
    none = -np.logaddexp(0.0, logits).sum(axis=1)  # log of the product of 1 - p
    return np.log(-np.expm1(none)) - none


RULES: Final[Mapping[str, Callable[[np.ndarray], np.ndarray] | None]] = {
    "identity_hate": lambda logits: logits[:, _HATE],
    "toxic": lambda logits: logits[:, _TOXIC],
    "largest": lambda logits: logits.max(axis=1),
    "toxic_and_identity_hate": lambda logits: (logits[:, _TOXIC] + logits[:, _HATE]) / 2,
    "any_label": _any_label,
    FITTED: None,
}
"""Rules by name: six logits (N, 6) to a score (N,); the first wins where two are equally good."""


@dataclasses.dataclass(frozen=True)
class HateDecision:
    """A rule and a threshold.

    Attributes:
        rule: Out of `RULES`.
        threshold: A comment is called hateful at `score >= threshold`.
        weights: Of the fitted rule: six, then the intercept; empty for the others.
        balanced_accuracy: By rule: of the validation comments, each decided without having been seen.
        rows: Validation comments.
        hateful: Those that are hateful.
    """

    rule: str
    threshold: float
    weights: tuple[float, ...]
    balanced_accuracy: Mapping[str, float]
    rows: int
    hateful: int

    def scores(self, probs: np.ndarray) -> np.ndarray:
        """Score (N,) of comments with probabilities (N, 6)."""
        return _scores(self.rule, to_logits(probs), self.weights)

    def decide(self, probs: np.ndarray) -> np.ndarray:
        """Which comments (N,) with probabilities (N, 6) are hateful."""
        return self.scores(probs) >= self.threshold


def to_logits(probs: np.ndarray) -> np.ndarray:
    """Probabilities to logits; 0 and 1, which have none, are moved by 1e-7."""
    probs = np.asarray(probs, dtype=np.float64).clip(1e-7, 1 - 1e-7)
    return np.log(probs) - np.log1p(-probs)


def choose_decision(
    hateful: np.ndarray,
    probs: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    parts: int = 5,
    seed: int = 0,
    rules: Sequence[str] = tuple(RULES),
) -> HateDecision:
    """Choose rule and threshold on validation comments.

    Args:
        hateful: (N,) booleans.
        probs: (N, 6) probabilities of the model.
        groups: (N,) names. Where one group has most of the hateful comments and another most of the rest, a threshold
            between the groups would look good; so each has the same say: balanced accuracy is the mean of theirs.
        parts: Each rule is judged on one part at a time, after its threshold was found on the others.
        seed: Of the parts.
        rules: To choose from.

    Raises:
        InputError: Shapes do not match, a rule is unknown, or there are fewer hateful or other comments than parts.
    """
    from sklearn.model_selection import StratifiedKFold

    hateful = np.asarray(hateful, dtype=bool)
    logits = as_logits(to_logits(probs), (len(hateful), len(LABELS)), LABELS)
    names = np.zeros(len(hateful), dtype=int) if groups is None else pd.factorize(np.asarray(groups))[0]
    if unknown := [rule for rule in rules if rule not in RULES]:
        raise InputError(f"rules: {unknown[0]!r} is unknown; choose out of {', '.join(RULES)}")
    fewest = min(int(hateful.sum()), int((~hateful).sum()))
    if fewest < parts:
        raise InputError(
            f"validation: {int(hateful.sum())} hateful comments of {len(hateful)}; at least {parts} of each are needed"
        )
    kinds = 2 * names + hateful
    fewest = int(np.bincount(kinds)[np.unique(kinds)].min())
    if fewest < parts or len(np.unique(kinds)) < 2 * len(np.unique(names)):
        raise InputError(f"validation: a group has fewer than {parts} hateful or other comments; leave groups out")
    splits = list(StratifiedKFold(parts, shuffle=True, random_state=seed).split(logits, kinds))
    found = {}
    for rule in rules:
        decided = np.zeros(len(hateful), dtype=bool)
        for there, here in splits:
            weights = _fit(rule, logits[there], hateful[there], kinds[there])
            threshold = best_balanced_threshold(hateful[there], _scores(rule, logits[there], weights), names[there])
            decided[here] = _scores(rule, logits[here], weights) >= threshold
        found[rule] = balanced_accuracy(hateful, decided, names)
    best = max(found, key=found.get)
    weights = _fit(best, logits, hateful, kinds)
    threshold = best_balanced_threshold(hateful, _scores(best, logits, weights), names)
    return HateDecision(best, threshold, weights, found, len(hateful), int(hateful.sum()))


def balanced_accuracy(hateful: np.ndarray, decided: np.ndarray, groups: np.ndarray | None = None) -> float:
    """Mean of the accuracies on hateful and on other comments; NaN where there are none of one kind.

    Args:
        hateful: (N,) booleans.
        decided: (N,) booleans.
        groups: (N,) groups of comments; the result is the mean of theirs.
    """
    hateful, decided = np.asarray(hateful, dtype=bool), np.asarray(decided, dtype=bool)
    if groups is not None:
        return float(np.mean([balanced_accuracy(hateful[rows], decided[rows]) for rows in _rows_of(groups)]))
    if hateful.all() or not hateful.any():
        return float("nan")
    return float((decided[hateful].mean() + (~decided[~hateful]).mean()) / 2)


def _rows_of(groups: np.ndarray) -> list[np.ndarray]:
    return [groups == group for group in np.unique(groups)]


def best_balanced_threshold(hateful: np.ndarray, scores: np.ndarray, groups: np.ndarray | None = None) -> float:
    """The threshold with the highest balanced accuracy: halfway to the next lower score; of equals the highest.

    Args:
        hateful: (N,) booleans, some of each kind, in each group.
        scores: (N,) finite floats.
        groups: As in `balanced_accuracy`.
    """
    gain = np.zeros(len(hateful))
    for rows in [np.ones(len(hateful), dtype=bool)] if groups is None else _rows_of(groups):
        gain[rows & hateful] = 1 / (rows & hateful).sum()
        gain[rows & ~hateful] = -1 / (rows & ~hateful).sum()
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    best = int(np.argmax(np.cumsum(gain[order])[last].round(12)))
    lower = ranked[last[best] + 1] if last[best] + 1 < len(ranked) else ranked[last[best]] - 1.0
    return float((ranked[last[best]] + lower) / 2)


def _fit(rule: str, logits: np.ndarray, hateful: np.ndarray, kinds: np.ndarray) -> tuple[float, ...]:
    """Weights of the fitted rule, every kind of comment (group, hateful or not) counting the same."""
    if RULES[rule] is not None:
        return ()
    from sklearn.linear_model import LogisticRegression

    counts = np.bincount(kinds)
    weights = len(kinds) / (np.count_nonzero(counts) * counts[kinds])
    model = LogisticRegression(C=1.0, max_iter=1_000).fit(logits, hateful, sample_weight=weights)
    return (*model.coef_[0].tolist(), float(model.intercept_[0]))


def _scores(rule: str, logits: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    how = RULES[rule]
    return logits @ np.asarray(weights[:-1]) + weights[-1] if how is None else how(logits)
