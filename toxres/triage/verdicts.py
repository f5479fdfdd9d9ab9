"""A fitted triage: from calibrated probabilities to accept, reject or a person, with reasons."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from toxres.errors import InputError
from toxres.evaluation.arrays import as_probs
from toxres.labels import LABELS
from toxres.triage.policy import Policy
from toxres.triage.promise import Promise

ACCEPT: Final = "accept"
UNCERTAIN: Final = "uncertain"
REJECT: Final = "reject"
VERDICTS: Final = (ACCEPT, UNCERTAIN, REJECT)


@dataclasses.dataclass(frozen=True)
class GroupThresholds:
    """Thresholds of one group of sites, and what is promised of them.

    Attributes:
        group: Its name.
        accept: Scores below it are accepted; None accepts nothing.
        reject: Scores from it on are rejected; None rejects nothing.
        promises: One a tolerated share of the policy.
        rows: Calibration rows of the group whose answer is known.
        left_out: Calibration rows whose answer is not known.
    """

    group: str
    accept: float | None
    reject: float | None
    promises: tuple[Promise, ...]
    rows: int
    left_out: int

    def told(self) -> list[str]:
        """The promises, a sentence each."""
        return [f"{self.group}, {promise.told()}" for promise in self.promises]


@dataclasses.dataclass(frozen=True)
class Reason:
    """What one label has to do with a verdict.

    Attributes:
        label: The label.
        probability: Its calibrated probability.
        threshold: The one it was held against; None where the verdict had no threshold, as in a group without promise.
        distance: `probability - threshold`, None without a threshold. Above or at 0 the label crossed it.
        rule: "score" for the thresholds, "always_review" for a hard rule, "no_promise" or "unknown_group".
    """

    label: str
    probability: float
    threshold: float | None
    distance: float | None
    rule: str = "score"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What happens to one comment.

    Attributes:
        verdict: "accept", "uncertain" or "reject".
        score: Probability that it violates the policy: the highest of its enforced labels.
        reasons: The most telling first: hard rules, then the enforced labels by probability.
        policy_hash: Of the policy that decided.
        group: The group it was decided for.
    """

    verdict: str
    score: float
    reasons: tuple[Reason, ...]
    policy_hash: str
    group: str

    def to_dict(self) -> dict:
        """Plain values, ready for JSON."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Verdicts(Sequence[Verdict]):
    """The verdicts of N comments: arrays for counting, a sequence of `Verdict` for reading.

    Attributes:
        verdict: (N,) strings of `VERDICTS`.
        score: (N,) probabilities of a violation.
        group: (N,) groups.
        ruled: (N,) booleans: a hard rule sent it to a person.
        triage: What decided.
        probs: (N, L) the probabilities it decided on.
    """

    verdict: np.ndarray
    score: np.ndarray
    group: np.ndarray
    ruled: np.ndarray
    triage: "Triage"
    probs: np.ndarray

    def __len__(self) -> int:
        return len(self.verdict)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        return Verdict(
            str(self.verdict[row]),
            float(self.score[row]),
            self.triage.reasons(self.probs[row], str(self.group[row]), str(self.verdict[row])),
            self.triage.policy.hash,
            str(self.group[row]),
        )

    def __iter__(self) -> Iterator[Verdict]:
        return (self[row] for row in range(len(self)))


@dataclasses.dataclass(frozen=True)
class Triage:
    """A policy with the thresholds that were fitted for it.

    Attributes:
        policy: The policy.
        groups: Group to its thresholds.
        labels: The L columns of the probabilities it decides on.
        calibrated_on: What the calibration rows were: `rows`, `sha256` of scores and targets, and whatever the caller
            added, such as `source` and `checkpoint`.
    """

    policy: Policy
    groups: Mapping[str, GroupThresholds]
    labels: tuple[str, ...] = LABELS
    calibrated_on: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def decide(self, probs: np.ndarray, groups: Sequence[str] | str) -> Verdicts:
        """The verdicts of N comments.

        Args:
            probs: (N, L) calibrated probabilities, columns as `labels`.
            groups: Their groups, or one for all.

        Raises:
            InputError: Another number of columns, a value that is no probability, not as many groups as rows, or a
                group without thresholds where the policy refuses it; no row is decided then.
        """
        probs = check_probs(probs, self.labels)
        names = group_names(groups, len(probs))
        score, ruled = violation_scores(probs, self.labels, self.policy), self.always_reviewed(probs)
        verdict = np.full(len(probs), UNCERTAIN, dtype=f"<U{len(UNCERTAIN)}")
        for group in np.unique(names):
            accept, reject = self.thresholds(str(group))
            rows = (names == group) & ~ruled
            verdict[rows & (score < (-np.inf if accept is None else accept))] = ACCEPT
            verdict[rows & (score >= (np.inf if reject is None else reject))] = REJECT
        return Verdicts(verdict, score, names, ruled, self, probs)

    def thresholds(self, group: str) -> tuple[float | None, float | None]:
        """The accept and reject thresholds that a group's comments are held against.

        Raises:
            InputError: The group has none and the policy refuses unknown groups.
        """
        if group in self.groups:
            return self.groups[group].accept, self.groups[group].reject
        if self.policy.unknown_group == "refuse":
            raise InputError(
                f"group {group!r} is unknown to policy {self.policy.name}, which refuses it; choose one of: "
                f"{', '.join(self.groups)}"
            )
        if self.policy.unknown_group == "review":
            return None, None
        accepts, rejects = zip(*((each.accept, each.reject) for each in self.groups.values()), strict=True)
        return None if None in accepts else min(accepts), None if None in rejects else max(rejects)

    def always_reviewed(self, probs: np.ndarray) -> np.ndarray:
        """Which rows (N,) a hard rule sends to a person."""
        return _ruled(probs, self.labels, self.policy)

    def reasons(self, probs: np.ndarray, group: str, verdict: str) -> tuple[Reason, ...]:
        """Why one comment (L,) got its verdict: rules it met, then its enforced labels by probability."""
        column = {label: float(probs[i]) for i, label in enumerate(self.labels)}
        met = [
            Reason(label, column[label], at, column[label] - at, "always_review")
            for label, at in self.policy.always_review.items()
            if column[label] >= at
        ]
        accept, reject = self.thresholds(group)
        rule = "score" if group in self.groups else "unknown_group"
        if accept is None and reject is None:
            at, rule = None, "no_promise" if group in self.groups else "unknown_group"
        elif verdict == ACCEPT or reject is None:
            at = accept
        elif verdict == REJECT or accept is None:
            at = reject
        else:
            score = max(column[label] for label in self.policy.enforced)
            at = min((accept, reject), key=lambda threshold: abs(score - threshold))
        enforced = sorted(self.policy.enforced, key=lambda label: -column[label])
        held = [
            Reason(label, column[label], at, None if at is None else column[label] - at, rule) for label in enforced
        ]
        return (*met, *held)

    def told(self) -> list[str]:
        """What is promised of each group, a sentence each."""
        return [sentence for group in self.groups.values() for sentence in group.told()]


def violation_scores(probs: np.ndarray, labels: Sequence[str], policy: Policy) -> np.ndarray:
    """Probability (N,) that a comment violates the policy: the highest of its enforced labels.

    It is exact where one enforced label holds whenever another does, as `toxic` does on nearly all comments that carry
    a further label; else it is too low, which costs coverage and no promise.
    """
    return probs[:, [list(labels).index(label) for label in policy.enforced]].max(axis=1)


def check_probs(probs: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """`probs` as (N, L) float64, each a probability.

    Raises:
        InputError: Another shape, NaN, or a value outside [0, 1].
    """
    probs = np.asarray(probs)
    rows = len(probs) if probs.ndim else 0
    return as_probs(probs, (rows, len(labels)), tuple(labels))


def group_names(groups: Sequence[str] | str, rows: int) -> np.ndarray:
    """The group of each row, (N,) strings.

    Raises:
        InputError: There are not as many groups as rows.
    """
    if isinstance(groups, str):
        return np.full(rows, groups, dtype=object)
    names = np.array([str(group) for group in groups], dtype=object)
    if len(names) != rows:
        raise InputError(f"groups: {len(names)} for {rows} rows; give one for each, or one for all")
    return names


def _ruled(probs: np.ndarray, labels: Sequence[str], policy: Policy) -> np.ndarray:
    found = np.zeros(len(probs), dtype=bool)
    for label, at in policy.always_review.items():
        found |= probs[:, list(labels).index(label)] >= at
    return found
