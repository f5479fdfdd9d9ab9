"""Verdicts by policy on what models say: which triage is for which model, and thresholds that a person changed."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from toxres.errors import InputError
from toxres.plots.style import pretty
from toxres.triage import Triage, load_triage

REFUSED = "no verdict"
"""Instead of a verdict: the policy refuses a group that it does not know."""

Limits = tuple[float | None, float | None]
"""An accept and a reject threshold; None decides nothing that way."""


class Ruling(NamedTuple):
    """What a policy makes of one model's scores of one comment.

    Attributes:
        policy: Its name.
        verdict: "accept", "uncertain", "reject" or `REFUSED`.
        score: Probability that the comment violates the policy; NaN where it is refused.
        why: In a few words.
        by_hand: The thresholds are not those that were fitted, so that nothing is promised.
    """

    policy: str
    verdict: str
    score: float
    why: str
    by_hand: bool


def triages_by_model(given: object, names: Sequence[str]) -> dict[str, dict[str, Triage]]:
    """Each model's triages by the name of the policy.

    Args:
        given: A fitted triage, or the folder of one, or several; or such by model. One that was fitted on the scores
            of a model here is for that model alone, others are for all of them.
        names: Of the models.

    Raises:
        InputError: Something is no triage, a model is unknown, or two triages of a model have the same policy.
    """
    found: dict[str, dict[str, Triage]] = {name: {} for name in names}
    if given is None:
        return found
    by_model = given if isinstance(given, Mapping) else dict.fromkeys(names, given)
    for name, triages in by_model.items():
        if name not in found:
            raise InputError(f"triages: {name!r} is no model here; choose among: {', '.join(names)}")
        for triage in [triages] if isinstance(triages, Triage | str | Path) else triages:
            triage = load_triage(triage) if isinstance(triage, str | Path) else triage
            if not isinstance(triage, Triage):
                raise InputError(f"triages: a {type(triage).__name__} decides nothing yet; pass what fit_triage gives")
            if not isinstance(given, Mapping) and _fitted_on(triage, names) not in (None, name):
                continue
            if triage.policy.name in found[name]:
                raise InputError(f"triages: {name} has two of the policy {triage.policy.name!r}; give one")
            found[name][triage.policy.name] = triage
    return found


def _fitted_on(triage: Triage, names: Sequence[str]) -> str | None:
    """The model here whose scores a triage was fitted on, if it says so."""
    told = str(triage.calibrated_on.get("checkpoint", "")).replace("\\", "/").rstrip("/").split("/")[-1]
    return told if told in names else None


def limits_of(triage: Triage, group: str | None) -> Limits:
    """The thresholds that comments of a group are held against.

    Raises:
        InputError: The policy refuses the group.
    """
    return triage.thresholds(group if group is not None else next(iter(triage.groups)))


def with_limits(triage: Triage, group: str, limits: Limits) -> Triage:
    """The triage with other thresholds for a group, and no promise."""
    known = triage.groups.get(group) or next(iter(triage.groups.values()))
    changed = dataclasses.replace(known, group=group, accept=limits[0], reject=limits[1], promises=())
    return dataclasses.replace(triage, groups={**triage.groups, group: changed})


def rule(triage: Triage, probs: np.ndarray, group: str | None, limits: Limits | None = None) -> Ruling:
    """What a policy makes of one comment.

    Args:
        triage: The policy's.
        probs: (6,) calibrated.
        group: Of sites; None is the first that the triage knows.
        limits: Instead of the fitted thresholds.
    """
    name = triage.policy.name
    group = group if group is not None else next(iter(triage.groups))
    used = triage if limits is None else with_limits(triage, group, limits)
    try:
        verdict = used.decide(probs[None], group)[0]
    except InputError:
        return Ruling(name, REFUSED, float("nan"), f"knows no group {group}", False)
    reason = verdict.reasons[0]
    label = pretty(reason.label)
    if reason.threshold is None:
        why = {"unknown_group": f"knows no group {group}"}.get(reason.rule, "nothing can be promised")
    else:
        sign = "≥" if reason.distance >= 0 else "<"
        kind = " (a person always decides)" if reason.rule == "always_review" else ""
        why = f"{label} {reason.probability:.2f} {sign} {reason.threshold:.2f}{kind}"
    return Ruling(name, verdict.verdict, verdict.score, why, limits is not None)
