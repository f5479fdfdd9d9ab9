"""The controls of the policy editor: what each says, and the policy that they say together."""

import dataclasses
from collections.abc import Iterable

import ipywidgets as widgets

from toxres.labels import LABELS
from toxres.plots.style import pretty
from toxres.triage.policy import UNKNOWN_GROUP, Policy
from toxres.widgets.policy_outcome import TOLERABLE

NONE = 0.0
"""Of a slider: nothing is decided so, or no rule."""

CONFIDENCES = (0.8, 0.9, 0.95, 0.99, 0.999)
SEVERITIES = (1.0, 2.0, 3.0, 5.0, 10.0)
RULES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
POOLED, APART = "all decisions together", "accepts and rejects apart"
STYLE = {"description_width": "132px"}
SHORT = {"description_width": "92px"}
WIDE = {"width": "430px"}
NARROW = {"width": "250px"}
UNKNOWN_NAMES = {"review": "a person sees it", "strictest": "the strictest thresholds", "refuse": "an error"}


class PolicyControls:
    """Sliders and choices of one policy.

    Attributes:
        start: Which policy the editing starts from.
        promise: What a tolerated share is of.
        shares: Sliders of the tolerated shares, by the field of `Policy`.
        confidence: Of the promise.
        severities: By label, 0 where it is not enforced.
        rules: By label, the probability from which on a person decides.
        unknown_group: What a comment of an unknown group gets.
        daily_queue: Comments that moderators can decide in a day; 0 is no cap.
        traffic: Comments that come in a day, which no policy says.
    """

    def __init__(self, policies: Iterable[str], policy: Policy, traffic: int) -> None:
        self.start = widgets.Dropdown(
            options=list(policies), value=policy.name, description="Start from", tooltip="Policy to edit",
            layout=WIDE, style=STYLE,
        )  # fmt: skip
        self.promise = widgets.Dropdown(
            options=[POOLED, APART], description="Tolerate errors", tooltip="What a tolerated share is of",
            layout=WIDE, style=STYLE,
        )  # fmt: skip
        self.shares = {
            "wrong_decisions": _slider("wrong decisions", "Tolerated share of wrong automatic decisions"),
            "wrong_accepts": _slider("wrong accepts", "Tolerated share of violations among the accepted"),
            "wrong_rejects": _slider("wrong rejects", "Tolerated share of harmless comments among the rejected"),
        }
        self.confidence = _slider("confidence", "With which the promise holds")
        self.severities, self.rules = {}, {}
        for label in LABELS:
            self.severities[label] = widgets.Dropdown(
                options=[("not enforced", NONE)], description=pretty(label), layout=NARROW, style=SHORT,
                tooltip=f"Whether {pretty(label)} is enforced, and how bad it is to publish it",
            )  # fmt: skip
            rule = _slider("review from", f"Probability of {pretty(label)} from which on a person decides")
            rule.layout, rule.style = {"width": "320px"}, SHORT
            self.rules[label] = rule
        self.unknown_group = widgets.Dropdown(
            options=[(UNKNOWN_NAMES[name], name) for name in UNKNOWN_GROUP], description="Unknown group",
            tooltip="What a comment of a group without thresholds gets", layout=WIDE, style=STYLE,
        )  # fmt: skip
        self.daily_queue = widgets.BoundedIntText(
            min=0, max=10**9, description="Queue a day", tooltip="Comments that moderators can decide a day; 0: no cap",
            layout=NARROW, style=STYLE,
        )  # fmt: skip
        self.traffic = widgets.BoundedIntText(
            value=traffic, min=1, max=10**9, description="Comments a day", tooltip="Comments that come in a day",
            layout=NARROW, style=STYLE,
        )  # fmt: skip
        self.set(policy)

    def all(self) -> list[widgets.DOMWidget]:
        """Every control but the choice of a start."""
        sliders = [*self.shares.values(), self.confidence, *self.severities.values(), *self.rules.values()]
        return [self.promise, *sliders, self.unknown_group, self.daily_queue, self.traffic]

    def set(self, policy: Policy) -> None:
        """Let the controls say a policy; values that are not among those offered are added."""
        self.promise.value = POOLED if policy.pooled else APART
        for name, slider in self.shares.items():
            none = () if name == "wrong_decisions" else (("nothing decided so", NONE),)
            # What the other kind of promise offers first, where this one does not say it.
            absent = 0.01 if policy.pooled != (name == "wrong_decisions") else NONE
            _offer(slider, TOLERABLE, getattr(policy, name) or absent, percent, none)
        _offer(self.confidence, CONFIDENCES, policy.confidence, percent)
        for label in LABELS:
            _offer(self.severities[label], SEVERITIES, policy.labels.get(label, NONE), _severity,
                   (("not enforced", NONE),))  # fmt: skip
            _offer(self.rules[label], RULES, policy.always_review.get(label, NONE), "{:g}".format, (("no rule", NONE),))
        self.unknown_group.value = policy.unknown_group
        self.daily_queue.value = policy.daily_queue or 0
        self.show()

    def show(self) -> None:
        """Show the sliders of the kind of promise that is chosen."""
        for name, slider in self.shares.items():
            slider.layout.display = "" if (name == "wrong_decisions") == (self.promise.value == POOLED) else "none"

    def policy(self, base: Policy) -> Policy:
        """What the controls say; name, groups, description and fixed thresholds are those of `base`.

        Raises:
            FieldError: They say something that no policy can.
        """
        pooled = self.promise.value == POOLED
        shares = {
            name: slider.value or None if (name == "wrong_decisions") == pooled else None
            for name, slider in self.shares.items()
        }
        return dataclasses.replace(
            base,
            **shares,
            confidence=self.confidence.value,
            labels={label: each.value for label, each in self.severities.items() if each.value},
            always_review={label: each.value for label, each in self.rules.items() if each.value},
            unknown_group=self.unknown_group.value,
            daily_queue=self.daily_queue.value or None,
        )


def percent(share: float) -> str:
    """A share that a person chose, with all its digits."""
    return f"{100 * share:.6g}%"


def _severity(value: float) -> str:
    return f"severity {value:g}"


def _slider(name: str, tooltip: str) -> widgets.SelectionSlider:
    made = widgets.SelectionSlider(options=[("–", NONE)], description=name, layout=WIDE, style=STYLE)
    made.tooltip = tooltip
    return made


def _offer(control, offered: Iterable[float], value: float, shown, first: Iterable[tuple[str, float]] = ()) -> None:
    """Let a control offer values, the present one among them, and say that one."""
    first = list(first)
    values = sorted({*offered, value} - {NONE})
    options = [*first, *((shown(each), each) for each in values)]
    if list(control.options) != options:
        control.options = options
    control.value = value
