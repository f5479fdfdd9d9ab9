"""Whether a challenger may take the champion's place: no loss on any enforced label, and the promise holds."""

import dataclasses

import numpy as np
import pandas as pd

from toxres.evaluation.arrays import known, positives
from toxres.evaluation.bootstrap import paired_bootstrap
from toxres.labels import LABELS
from toxres.triage.bounds import clopper_pearson
from toxres.triage.fit import truth
from toxres.triage.verdicts import ACCEPT, REJECT, Triage

MIN_POSITIVES = 5
"""Labels with fewer positives or negatives in a gate are compared by Brier score: average precision jumps there."""

COLUMNS = (
    "group", "label", "metric", "n", "positives", "champion", "challenger", "gain", "low", "high", "passes", "why",
)  # fmt: skip
"""Of `compare_on_gate`."""

MARGINS = {"ap": 0.05, "brier": 0.01}
"""How large a loss of a label has to be ruled out."""


@dataclasses.dataclass(frozen=True)
class Gate:
    """One group's gate, scored by both models.

    Attributes:
        group: Its name.
        targets: (N, 6), NaN unknown.
        challenger: (N, 6) calibrated probabilities.
        champion: The same of the champion; None where there is none.
    """

    group: str
    targets: np.ndarray
    challenger: np.ndarray
    champion: np.ndarray | None


def compare_on_gate(
    gate: Gate,
    enforced: tuple[str, ...],
    *,
    margins: dict[str, float] | None = None,
    n_resamples: int = 1_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Challenger minus champion for each enforced label, in average precision or else Brier score.

    A label passes where the interval (95%, paired bootstrap) neither shows a loss nor leaves room for one beyond the
    margin: a non-inferiority test. That an interval holds 0 says nothing on a small gate, which any model would pass.

    Returns:
        Columns `group`, `label`, `metric`, `n`, `positives`, `champion`, `challenger`, `gain` (positive is better for
        both metrics), `low`, `high`, `passes` and `why`. A label that is unknown on all rows has NaN and passes None.
    """
    margins = MARGINS | (margins or {})
    columns = [LABELS.index(label) for label in enforced]
    targets, challenger, champion = (values[:, columns] for values in (gate.targets, gate.challenger, gate.champion))
    mask, count = known(targets).sum(axis=0), positives(targets).sum(axis=0)
    ranked = (count >= MIN_POSITIVES) & (mask - count >= MIN_POSITIVES)
    found = {}
    for metric, sign in (("ap", 1), ("brier", -1)):
        result = paired_bootstrap(
            targets, challenger, champion, metric, n_resamples, seed, labels=enforced
        ).per_label  # fmt: skip
        found[metric] = [
            (row.score_b, row.score_a, sign * row.difference, *sorted((sign * row.low, sign * row.high)))
            for row in result.itertuples()
        ]
    rows = []
    for i, label in enumerate(enforced):
        metric = "ap" if ranked[i] else "brier"
        before, after, gain, low, high = found[metric][i] if mask[i] else (np.nan,) * 5
        passes, why = _passes(gain, low, high, margins[metric])
        rows.append((gate.group, label, metric, mask[i], count[i], before, after, gain, low, high, passes, why))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"passes": object})


def _passes(gain: float, low: float, high: float, margin: float) -> tuple[bool | None, str]:
    if np.isnan(gain):
        return None, "unknown on every gate row"
    if high < 0:
        return False, f"a loss is shown, {gain:+.3f} [{low:+.3f}, {high:+.3f}]"
    if low < -margin:
        return False, f"a loss beyond {margin:g} can't be ruled out, {gain:+.3f} [{low:+.3f}, {high:+.3f}]"
    return True, ""


@dataclasses.dataclass(frozen=True)
class Realised:
    """What became of a promise on gate rows, which it was not fitted on.

    Attributes:
        group: Of sites.
        of: "accepted", "rejected" or "automatic".
        tolerated: Share of wrong decisions that the policy tolerates.
        promised: Whether anything was promised; if not, nothing is decided this way.
        decided: Gate rows decided this way, whose answer is known.
        wrong: Wrong ones of these.
        low: Lower end of the exact interval of their share (95%); NaN for none.
        high: Upper end.
    """

    group: str
    of: str
    tolerated: float
    promised: bool
    decided: int
    wrong: int
    low: float
    high: float

    @property
    def broken(self) -> bool:
        """Whether the gate shows that more is wrong than tolerated."""
        return bool(self.low > self.tolerated)


def realised_on_gate(gate: Gate, triage: Triage, probs: np.ndarray) -> list[Realised]:
    """What the promises of a group came to on its gate, for the model that gave `probs` (N, 6)."""
    violates, answered = truth(gate.targets, LABELS, triage.policy)
    verdict = triage.decide(probs, gate.group).verdict
    accepts, rejects = answered & (verdict == ACCEPT), answered & (verdict == REJECT)
    counts = {
        "accepted": (accepts.sum(), (accepts & violates).sum()),
        "rejected": (rejects.sum(), (rejects & ~violates).sum()),
    }
    counts["automatic"] = tuple(sum(pair) for pair in zip(*counts.values(), strict=True))
    found = []
    for promise in triage.groups[gate.group].promises:
        decided, wrong = map(int, counts[promise.of])
        low, high = map(float, clopper_pearson(wrong, decided))
        found.append(Realised(gate.group, promise.of, promise.tolerated, promise.kept, decided, wrong, low, high))
    return found


def coverage(gate: Gate, triage: Triage, probs: np.ndarray) -> float:
    """Share of the gate's rows that are decided without a person."""
    verdict = triage.decide(probs, gate.group).verdict
    return float(np.isin(verdict, (ACCEPT, REJECT)).mean())
