"""Label errors: which labels of a data set are probably wrong, and what that estimate is worth.

Confident learning (Northcutt, Jiang, Chuang: Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021),
one label at a time, by cleanlab, from probabilities of models that did not see the comments they score. What it flags
is a list to review: a model that shares a bias with the raters flags nothing there, and one that is wrong flags labels
that are right. `recovery` says how well it does where the wrong labels are known.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.evaluation.arrays import as_probs, as_targets, known, label_names, positives

Noise = Literal["uniform", "balanced"]
"""How labels are flipped: each with the same probability, or as many positives as negatives, which keeps prevalence."""


@dataclasses.dataclass(frozen=True)
class LabelErrors:
    """Labels that are probably wrong.

    Attributes:
        per_label: A row a label; `n` and `positives` (of the labels as given), `flagged`, of these `too_much` (given,
            probably wrongly) and `missing` (not given, probably should be), and `share`, flagged of n.
        ranked: A row a flagged label of a comment, the least credible first: `id`, `label`, `given` (bool), `prob`,
            `quality` (the probability of the label as given).
        flagged: (N, L) booleans, in the order of the comments; False where the target is unknown.
        n_left_out: Comments left out because a target of theirs is unknown.
    """

    per_label: pd.DataFrame
    ranked: pd.DataFrame
    flagged: np.ndarray
    n_left_out: int


def find_label_errors(
    ids: Sequence[str], targets: np.ndarray, probs: np.ndarray, labels: Sequence[str] | None = None
) -> LabelErrors:
    """Search for wrong labels.

    Args:
        ids: N comment ids.
        targets: (N, L) in [0, 1]; soft ones count from 0.5, comments with an unknown one are left out.
        probs: (N, L) out-of-sample probabilities.
        labels: Names of the columns; Jigsaw's six by default.

    Raises:
        InputError: Shapes do not match, values are no probabilities, or no comment has all its labels.
    """
    from cleanlab.multilabel_classification.filter import find_multilabel_issues_per_class
    from cleanlab.multilabel_classification.rank import get_label_quality_scores_per_class

    targets = as_targets(targets, labels)
    names = label_names(labels, targets.shape[1])
    probs = as_probs(probs, targets.shape, names)
    if len(ids) != len(targets):
        raise InputError(f"{len(ids)} ids and {len(targets)} rows of targets; give one id a row")
    rows = np.flatnonzero(known(targets).all(axis=1))
    if not len(rows):
        raise InputError("targets: no comment has all its labels known; leave out the labels that a source lacks")
    given, scores = positives(targets[rows]), probs[rows]
    usable = np.flatnonzero(given.any(axis=0) & ~given.all(axis=0))  # of one class there is nothing to learn
    flagged = np.zeros(targets.shape, dtype=bool)
    quality = np.where(given, scores, 1 - scores)
    if len(usable):
        as_lists = [np.flatnonzero(row).tolist() for row in given[:, usable]]
        options = {"filter_by": "prune_by_noise_rate", "n_jobs": 1}
        found = find_multilabel_issues_per_class(as_lists, scores[:, usable], **options)
        flagged[np.ix_(rows, usable)] = found
        quality[:, usable] = get_label_quality_scores_per_class(as_lists, scores[:, usable], method="self_confidence")
    where = np.argwhere(flagged[rows])
    ranked = pd.DataFrame(
        {
            "id": np.asarray(ids, dtype=object)[rows[where[:, 0]]],
            "label": [names[i] for i in where[:, 1]],
            "given": given[where[:, 0], where[:, 1]],
            "prob": scores[where[:, 0], where[:, 1]],
            "quality": quality[where[:, 0], where[:, 1]],
        }
    ).sort_values("quality", kind="stable", ignore_index=True)
    found, n = flagged[rows], len(rows)
    per_label = pd.DataFrame(
        {
            "n": n,
            "positives": given.sum(axis=0),
            "flagged": found.sum(axis=0),
            "too_much": (found & given).sum(axis=0),
            "missing": (found & ~given).sum(axis=0),
            "share": found.mean(axis=0),
        },
        index=pd.Index(names, name="label"),
    )
    return LabelErrors(per_label, ranked, flagged, len(targets) - n)


def share_of_model_errors(
    targets: np.ndarray, decided: np.ndarray, flagged: np.ndarray, labels: Sequence[str] | None = None
) -> pd.DataFrame:
    """How many of a model's errors stand on labels that are flagged: by the estimate, the label's fault.

    The same model makes both, so this is no independent verdict: flagged are the errors it is surest about.

    Args:
        targets: (N, L); NaN is unknown.
        decided: (N, L) booleans, at tuned thresholds.
        flagged: (N, L) booleans, of `find_label_errors`.
        labels: Names of the columns.

    Returns:
        A row a label: `errors`, `flagged` (errors whose label is flagged), `share` (NaN without errors).
    """
    targets = as_targets(targets, labels)
    wrong = (np.asarray(decided, dtype=bool) != positives(targets)) & known(targets)
    errors, both = wrong.sum(axis=0), (wrong & flagged).sum(axis=0)
    share = np.divide(both, errors, out=np.full(len(errors), np.nan), where=errors > 0)
    index = pd.Index(label_names(labels, targets.shape[1]), name="label")
    return pd.DataFrame({"errors": errors, "flagged": both, "share": share}, index=index)


def inject_flips(
    targets: np.ndarray, rate: float, noise: Noise = "balanced", seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Labels with known errors.

    Args:
        targets: (N, L) in [0, 1]; soft ones are binarised at 0.5, unknown ones stay unknown.
        rate: "uniform": share of all labels that are flipped. "balanced": share of the positives of each label that are
            flipped, and as many negatives.
        noise: Which of the two.
        seed: Of the draw.

    Returns:
        The labels (N, L) and where they were flipped, booleans (N, L).

    Raises:
        InputError: A rate outside (0, 1).
    """
    if not 0 < rate < 1:
        raise InputError(f"rate is {rate}; give a share between 0 and 1")
    targets = as_targets(targets)
    rng = np.random.default_rng(seed)
    mask, truth = known(targets), positives(targets)
    flipped = np.zeros(targets.shape, dtype=bool)
    for i in range(targets.shape[1]):
        if noise == "uniform":
            pools = [(np.flatnonzero(mask[:, i]), rate * mask[:, i].sum())]
        else:
            wanted = rate * truth[:, i].sum()
            pools = [(np.flatnonzero(mask[:, i] & side), wanted) for side in (truth[:, i], ~truth[:, i])]
        for pool, wanted in pools:
            flipped[rng.choice(pool, min(len(pool), round(wanted)), replace=False), i] = True
    values = np.where(mask, (truth ^ flipped).astype(float), np.nan)
    return values, flipped


def recovery(found: LabelErrors, targets: np.ndarray, probs: np.ndarray, flipped: np.ndarray) -> pd.DataFrame:
    """How well a search found the labels that are known to be flipped.

    Args:
        found: Of `find_label_errors` on the flipped labels.
        targets: (N, L), the flipped labels.
        probs: (N, L), what was searched with.
        flipped: (N, L) booleans.

    Returns:
        A row a label, and "all labels" together: `injected`, `flagged`, `hits` (flagged and injected), `precision` and
        `recall` of what is flagged, `estimate` (flagged per injected), and `at_injected`: precision, which is then also
        recall, of as many labels as were injected, those with the lowest quality. NaN where nothing was.
    """
    truth = positives(as_targets(targets))
    quality = np.where(truth, probs, 1 - probs)
    quality = np.where(known(np.asarray(targets, dtype=float)), quality, np.inf)
    rows = {}
    for i, name in [*enumerate(found.per_label.index), (slice(None), "all labels")]:
        injected, flagged = flipped[:, i].ravel(), found.flagged[:, i].ravel()
        n, hits = int(injected.sum()), int((injected & flagged).sum())
        lowest = np.argsort(quality[:, i].ravel(), kind="stable")[:n]
        rows[name] = {
            "injected": n,
            "flagged": int(flagged.sum()),
            "hits": hits,
            "precision": hits / flagged.sum() if flagged.any() else np.nan,
            "recall": hits / n if n else np.nan,
            "estimate": flagged.sum() / n if n else np.nan,
            "at_injected": float(injected[lowest].mean()) if n else np.nan,
        }
    return pd.DataFrame.from_dict(rows, orient="index")
