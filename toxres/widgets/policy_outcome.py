"""What a policy comes to: thresholds from calibration comments, counted on others, and verdicts on examples."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from toxres.errors import InputError
from toxres.evaluation.arrays import POSITIVE_AT, as_targets
from toxres.labels import LABELS
from toxres.triage.bounds import clopper_pearson
from toxres.triage.fit import fit_triage, truth
from toxres.triage.policy import Policy
from toxres.triage.promise import Promise
from toxres.triage.verdicts import ACCEPT, REJECT, UNCERTAIN, VERDICTS, Triage, Verdicts, check_probs

TOLERABLE = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3)
"""Shares of wrong decisions that are offered."""


class ScoredRows(NamedTuple):
    """Labelled comments as a model scores them.

    Attributes:
        probs: (N, 6) calibrated probabilities.
        targets: (N, 6), NaN where unknown.
    """

    probs: np.ndarray
    targets: np.ndarray


class Share(NamedTuple):
    """Wrong decisions among those whose answer is known, with the exact 95% interval; NaN for none."""

    wrong: int
    decided: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Of the decided."""
        return self.wrong / self.decided if self.decided else float("nan")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A policy on one group's comments.

    Attributes:
        policy: As it was edited.
        triage: Its thresholds for the group.
        group: The group.
        calibration: Comments that the thresholds were chosen on.
        shares: Verdict to the share of the held-out comments that get it.
        ruled: Share that a rule alone sends to a person: without it they would be decided.
        tried: Held-out comments.
        wrong: Wrong decisions by kind, "accepted", "rejected" and "automatic", on the held-out comments.
        harm: Severity of what is wrongly published, of 1,000 held-out comments; the worst label of each counts.
        examples: Verdicts on the examples, in their order.
    """

    policy: Policy
    triage: Triage
    group: str
    calibration: int
    shares: dict[str, float]
    ruled: float
    tried: int
    wrong: dict[str, Share]
    harm: float
    examples: Verdicts

    @property
    def promises(self) -> tuple[Promise, ...]:
        """One a tolerated share."""
        return self.triage.groups[self.group].promises

    @property
    def thresholds(self) -> tuple[float | None, float | None]:
        """Below the first comments are accepted, from the second on rejected; None: none is."""
        return self.triage.thresholds(self.group)

    @property
    def coverage(self) -> float:
        """Share that is decided without a person."""
        return self.shares[ACCEPT] + self.shares[REJECT]

    def queue(self, comments: int) -> "Queue":
        """The moderators' day, if so many comments come in."""
        asked, cap = self.shares[UNCERTAIN] * comments, self.policy.daily_queue
        full = None if cap is None or not self.shares[UNCERTAIN] else cap / self.shares[UNCERTAIN]
        return Queue(asked, cap, 0.0 if cap is None else max(0.0, asked - cap), full)


class Queue(NamedTuple):
    """A day of the moderators.

    Attributes:
        asked: Comments that wait for a person, a day.
        cap: What they can decide; None is not said.
        left: Comments that are left over, a day.
        full_at: Comments a day at which the cap is reached; None without a cap or a queue.
    """

    asked: float
    cap: int | None
    left: float
    full_at: float | None


def checked_rows(rows: object, name: str) -> ScoredRows:
    """Labelled comments whose arrays fit together.

    Raises:
        InputError: They don't, there are none, or a value can't be.
    """
    try:
        probs, targets = rows
    except (TypeError, ValueError):
        raise InputError(f"{name}: give probabilities and targets, such as ScoredRows(probs, targets)") from None
    probs, targets = check_probs(probs, LABELS), as_targets(targets, LABELS)
    if targets.shape != probs.shape:
        raise InputError(
            f"{name}: targets have shape {targets.shape}, but probs have {probs.shape}; pass the same rows"
        )
    if not len(probs):
        raise InputError(f"{name}: there are no comments; give some that have labels")
    return ScoredRows(probs, targets)


def outcome(policy: Policy, calibration: ScoredRows, tried: ScoredRows, examples: np.ndarray, group: str) -> Outcome:
    """Fit a policy's thresholds and count what they do.

    Args:
        policy: The policy; if it names groups, `group` is one of them.
        calibration: Comments of the group that thresholds are chosen on.
        tried: Others, drawn alike.
        examples: (E, 6) probabilities of examples.
        group: The group's name.

    Raises:
        InputError: An enforced label is unknown in all calibration comments.
    """
    fitted = fit_triage(*calibration, group, dataclasses.replace(policy, groups=(group,)))
    triage = dataclasses.replace(fitted, policy=policy)
    found = triage.decide(tried.probs, group)
    violates, answered = truth(tried.targets, LABELS, policy)
    accepted, rejected = found.verdict == ACCEPT, found.verdict == REJECT
    counts = {
        "accepted": (int((accepted & violates).sum()), int((accepted & answered).sum())),
        "rejected": (int((rejected & answered & ~violates).sum()), int((rejected & answered).sum())),
    }
    counts["automatic"] = tuple(sum(pair) for pair in zip(*counts.values(), strict=True))
    without_rules = dataclasses.replace(triage, policy=dataclasses.replace(policy, always_review={}))
    spared = without_rules.decide(tried.probs, group).verdict != UNCERTAIN
    severity = np.array([policy.labels.get(label, 0.0) for label in LABELS])
    worst = (severity * (np.nan_to_num(tried.targets, nan=0.0) >= POSITIVE_AT)).max(axis=1)
    return Outcome(
        policy,
        triage,
        group,
        len(calibration.probs),
        {verdict: float((found.verdict == verdict).mean()) for verdict in VERDICTS},
        float((found.ruled & spared).mean()),
        len(tried.probs),
        {kind: Share(*pair, *map(float, clopper_pearson(*pair))) for kind, pair in counts.items()},
        1_000 * float((worst * accepted).mean()),
        triage.decide(examples, group),
    )


def trade_off(each: Outcome, calibration: ScoredRows, tried: ScoredRows) -> list[tuple[float, Outcome]]:
    """The same policy with every tolerable share: of all decisions, or of the accepts if its sides are apart.

    Where it accepts nothing, the share is that of the rejects.
    """
    policy, none = each.policy, np.zeros((0, len(LABELS)))
    field = varied(policy)
    shares: Sequence[float] = sorted({*TOLERABLE, getattr(policy, field)})
    edited = (dataclasses.replace(policy, **{field: share}) for share in shares)
    return [(getattr(one, field), outcome(one, calibration, tried, none, each.group)) for one in edited]


def varied(policy: Policy) -> str:
    """The tolerated share that `trade_off` varies."""
    names = ("wrong_decisions", "wrong_accepts", "wrong_rejects")
    return next(name for name in names if getattr(policy, name) is not None)
