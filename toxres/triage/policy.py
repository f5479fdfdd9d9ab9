"""A site's policy: what it rejects comments for, which errors it tolerates, and what a person has to see."""

import dataclasses
import difflib
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Final

from toxres.errors import InputError
from toxres.labels import LABELS

UNKNOWN_GROUP: Final = ("review", "strictest", "refuse")
"""What a comment of a group without thresholds of its own gets: a person, the strictest thresholds, or an error."""

TOLERATED: Final = ("wrong_accepts", "wrong_rejects", "wrong_decisions")
"""Shares that a policy may tolerate: of the accepted, of the rejected, or of all automatic decisions."""

FIELDS: Final = (
    "name", "description", "groups", "labels", "tolerated", "confidence", "unknown_group", "always_review",
    "thresholds", "daily_queue",
)  # fmt: skip
"""Fields of a policy's file."""


class FieldError(InputError):
    """A field of a policy that cannot be; `field` is its path, such as "labels.toxic", `problem` what is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"policy, field {field!r}: {problem}")
        self.field, self.problem = field, problem


@dataclasses.dataclass(frozen=True)
class Policy:
    """What one site, or several of one kind, want decided without a person.

    Attributes:
        name: What reports call it.
        labels: Enforced labels to their severity, above 0: what publishing such a comment costs the site in proportion
            to others. A comment violates the policy where any of these labels is true of it.
        wrong_accepts: Tolerated share of violations among the accepted; None accepts nothing automatically.
        wrong_rejects: Tolerated share of harmless comments among the rejected; None rejects nothing automatically.
        wrong_decisions: Tolerated share of wrong decisions among all automatic ones, instead of the two above.
        groups: Groups of sites it is for, each with thresholds of its own; none stands for every group that the
            calibration rows are of.
        confidence: With which the promise of one group holds: over the draw of its calibration rows.
        unknown_group: One of `UNKNOWN_GROUP`.
        always_review: Labels, enforced or not, to the probability from which on a person decides, whatever else is
            true.
        thresholds: Fixed `(accept, reject)` probabilities instead of chosen ones: they are tested, and used only if
            they keep the promise. None chooses them.
        daily_queue: Comments that the moderators can decide in a day, or None.
        description: Of the site, for people.
    """

    name: str
    labels: Mapping[str, float]
    wrong_accepts: float | None = None
    wrong_rejects: float | None = None
    wrong_decisions: float | None = None
    groups: tuple[str, ...] = ()
    confidence: float = 0.95
    unknown_group: str = "review"
    always_review: Mapping[str, float] = dataclasses.field(default_factory=dict)
    thresholds: tuple[float, float] | None = None
    daily_queue: int | None = None
    description: str = ""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            FieldError: A field cannot be.
        """
        if not isinstance(self.name, str) or not self.name.strip():
            raise FieldError("name", "is empty; give the policy a name, such as news")
        if not isinstance(self.description, str):
            raise FieldError("description", f"is {self.description!r}; write a sentence, or leave it out")
        set_field = object.__setattr__
        set_field(self, "labels", _severities(self.labels))
        set_field(self, "groups", _groups(self.groups))
        for name in TOLERATED:
            if getattr(self, name) is not None:
                set_field(self, name, _share(f"tolerated.{name}", getattr(self, name)))
        if self.wrong_decisions is None and self.wrong_accepts is None and self.wrong_rejects is None:
            raise FieldError("tolerated", "says nothing; give wrong_accepts and wrong_rejects, or wrong_decisions")
        if self.wrong_decisions is not None and (self.wrong_accepts, self.wrong_rejects) != (None, None):
            raise FieldError(
                "tolerated", "wrong_decisions is of all automatic decisions; leave out wrong_accepts and wrong_rejects"
            )
        set_field(self, "confidence", _confidence(self.confidence))
        if self.unknown_group not in UNKNOWN_GROUP:
            raise FieldError("unknown_group", _not_one_of(self.unknown_group, UNKNOWN_GROUP))
        set_field(self, "always_review", _rules(self.always_review))
        set_field(self, "thresholds", _thresholds(self.thresholds))
        if self.daily_queue is not None and (
            isinstance(self.daily_queue, bool) or not isinstance(self.daily_queue, int) or self.daily_queue < 1
        ):
            raise FieldError(
                "daily_queue", f"is {self.daily_queue!r}; give a whole number of comments above 0, or leave it out"
            )

    @property
    def enforced(self) -> tuple[str, ...]:
        """The enforced labels, in Jigsaw's order."""
        return tuple(label for label in LABELS if label in self.labels)

    @property
    def pooled(self) -> bool:
        """Whether the promise is about all automatic decisions together."""
        return self.wrong_decisions is not None

    @property
    def hash(self) -> str:
        """SHA-256 of what the policy says: the same for any order, comment or spelling of its file."""
        canonical = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_dict(self) -> dict:
        """Plain values, as the policy's file has them; `Policy.from_dict` reads them back."""
        return {
            "name": self.name,
            "description": self.description,
            "groups": list(self.groups),
            "labels": dict(self.labels),
            "tolerated": {name: getattr(self, name) for name in TOLERATED if getattr(self, name) is not None},
            "confidence": self.confidence,
            "unknown_group": self.unknown_group,
            "always_review": dict(self.always_review),
            "thresholds": None
            if self.thresholds is None
            else dict(zip(("accept", "reject"), self.thresholds, strict=True)),
            "daily_queue": self.daily_queue,
        }

    @classmethod
    def from_dict(cls, value: object) -> "Policy":
        """The policy that a file says.

        Raises:
            FieldError: A field is unknown, missing or cannot be.
        """
        if not isinstance(value, Mapping):
            raise FieldError("", f"is a {type(value).__name__}; write fields, such as name: news")
        _known(value, FIELDS, "")
        for field in ("name", "labels", "tolerated"):
            if value.get(field) is None:
                raise FieldError(field, "is missing; see the policies that come with toxres, such as news")
        given = {key: item for key, item in value.items() if item is not None}
        tolerated, thresholds = given.pop("tolerated"), given.pop("thresholds", None)
        if not isinstance(tolerated, Mapping):
            raise FieldError("tolerated", f"is {tolerated!r}; give shares by name, such as wrong_accepts: 0.01")
        _known(tolerated, TOLERATED, "tolerated")
        if thresholds is not None:
            if not isinstance(thresholds, Mapping) or set(thresholds) != {"accept", "reject"}:
                raise FieldError("thresholds", f"is {thresholds!r}; give accept and reject, or leave it out")
            thresholds = (thresholds["accept"], thresholds["reject"])
        return cls(**given, **tolerated, thresholds=thresholds)

    def to_yaml(self) -> str:
        """The policy as a file that `load_policy` reads."""
        import yaml

        text = yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True, width=100)
        if "\x85" not in text:
            return text
        # A "next line" that is written as it is would be read as a space.
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=False, width=100)

    def told(self) -> str:
        """What it tolerates, as a phrase."""
        if self.pooled:
            return f"at most {self.wrong_decisions:.3g} of automatic decisions wrong"
        sides = {"accepted": self.wrong_accepts, "rejected": self.wrong_rejects}
        return " and ".join(f"at most {share:.3g} of the {side} wrong" for side, share in sides.items() if share)


def _severities(labels: object) -> dict[str, float]:
    if isinstance(labels, str) or not isinstance(labels, Mapping | Iterable):
        raise FieldError("labels", f"is {labels!r}; give labels with their severity, such as toxic: 1")
    if not isinstance(labels, Mapping):
        labels = dict.fromkeys(labels, 1.0)
    if not labels:
        raise FieldError("labels", f"enforces none; give some of {', '.join(LABELS)}")
    _known(labels, LABELS, "labels")
    found = {}
    for label in LABELS:
        if label in labels:
            value = _number(f"labels.{label}", labels[label], "give its severity, such as 1")
            if value <= 0:
                raise FieldError(f"labels.{label}", f"is {value:g}; a severity is above 0, or leave the label out")
            found[label] = value
    return found


def _groups(groups: object) -> tuple[str, ...]:
    if isinstance(groups, str) or not isinstance(groups, Iterable):
        raise FieldError("groups", f"is {groups!r}; give a list of groups, such as [news]")
    groups = tuple(groups)
    for group in groups:
        if not isinstance(group, str) or not group.strip():
            raise FieldError("groups", f"{group!r} is no group's name; write words, such as news")
    if len(set(groups)) < len(groups):
        raise FieldError("groups", f"{', '.join(groups)}: one stands twice; name each once")
    return groups


def _share(field: str, value: object) -> float:
    value = _number(field, value, "give a share, such as 0.01")
    if value == 0:
        raise FieldError(field, "is 0, which no number of calibration rows can promise; give a share, such as 0.001")
    if not 0 < value < 0.5:
        raise FieldError(field, f"is {value:g}; a tolerated share is above 0 and below 0.5, such as 0.01")
    return value


def _confidence(value: object) -> float:
    value = _number("confidence", value, "give a share, such as 0.95")
    if not 0.5 <= value < 1:
        raise FieldError("confidence", f"is {value:g}; it is at least 0.5 and below 1, such as 0.95")
    return value


def _rules(rules: object) -> dict[str, float]:
    if not isinstance(rules, Mapping):
        raise FieldError("always_review", f"is {rules!r}; give labels with a probability, such as threat: 0.3")
    _known(rules, LABELS, "always_review")
    found = {}
    for label in LABELS:
        if label in rules:
            value = _number(f"always_review.{label}", rules[label], "give a probability, such as 0.3")
            if not 0 < value <= 1:
                raise FieldError(f"always_review.{label}", f"is {value:g}; a probability is above 0 and at most 1")
            found[label] = value
    return found


def _thresholds(thresholds: object) -> tuple[float, float] | None:
    if thresholds is None:
        return None
    accept, reject = (
        _number(f"thresholds.{name}", value, "give a probability")
        for name, value in zip(("accept", "reject"), thresholds, strict=True)
    )
    for name, value in (("accept", accept), ("reject", reject)):
        if not 0 <= value <= 1:
            raise FieldError(f"thresholds.{name}", f"is {value:g}; a threshold is a probability, from 0 to 1")
    if accept > reject:
        raise FieldError(
            "thresholds",
            f"overlap: comments below {accept:g} are accepted and those from {reject:g} on rejected; "
            "accept must not be above reject",
        )
    return accept, reject


def _number(field: str, value: object, remedy: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FieldError(field, f"is {value!r}, not a number; {remedy}")
    return float(value)


def _known(value: Mapping, names: Iterable[str], field: str) -> None:
    for name in value:
        if name not in names:
            raise FieldError(f"{field}.{name}" if field else str(name), _not_one_of(name, names, "is unknown"))


def _not_one_of(name: object, names: Iterable[str], problem: str = "") -> str:
    close = difflib.get_close_matches(str(name), list(names), n=1)
    advice = f"did you mean {close[0]}?" if close else f"choose one of: {', '.join(names)}"
    return f"{problem or f'is {name!r}'}; {advice}"
