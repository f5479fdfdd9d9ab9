"""The judgement on a challenger: whether it is to be promoted, and why not."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.evaluation.arrays import known
from toxres.triage.gate_check import COLUMNS, Gate, Realised, compare_on_gate, coverage, realised_on_gate
from toxres.triage.verdicts import Triage

MIN_GATE = 50
"""A group's gate with fewer decided texts judges nothing."""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What the gates say of a challenger.

    Attributes:
        reasons: Why it is not to be promoted, a sentence each; none lets it pass.
        cautions: What could not be checked.
        labels: The comparisons of `gate_check.compare_on_gate`, all groups; empty without a champion.
        promises: What promises came to on the gates.
        coverage: For each group the share of its gate decided without a person: challenger, champion (or NaN).
    """

    reasons: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    labels: pd.DataFrame = dataclasses.field(default_factory=lambda: pd.DataFrame(columns=list(COLUMNS)))
    promises: tuple[Realised, ...] = ()
    coverage: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=dict)

    def told(self) -> list[str]:
        """The figures, a line each."""
        lines = []
        for row in self.labels.itertuples():
            if row.passes is not None:
                figures = f"{row.champion:.3f} -> {row.challenger:.3f}, gain {row.gain:+.3f}"
                interval = f"[{row.low:+.3f}, {row.high:+.3f}]"
                lines.append(f"{row.group}, {row.label}: {row.metric} {figures} {interval}, {row.n:,} gate rows")
        for group, (now, before) in self.coverage.items():
            was = "" if np.isnan(before) else f", the champion {before:.2f}"
            lines.append(f"{group}: decides {now:.2f} of the gate without a person{was}")
        for each in self.promises:
            if each.promised:
                share = f"{each.wrong:,} of {each.decided:,} wrong on the gate, {each.tolerated:.3g} tolerated"
                lines.append(f"{each.group}, {each.of}: {share}")
        return [*lines, *(f"caution: {caution}" for caution in self.cautions)]

    def to_dict(self) -> dict:
        """Plain values, ready for JSON."""
        return {
            "reasons": list(self.reasons),
            "cautions": list(self.cautions),
            "labels": self.labels.to_dict(orient="records"),
            "promises": [dataclasses.asdict(each) for each in self.promises],
            "coverage": {group: {"challenger": now, "champion": was} for group, (now, was) in self.coverage.items()},
        }


@dataclasses.dataclass(frozen=True)
class Retrained:
    """What came of retraining.

    Attributes:
        version: Name of the challenger.
        promoted: Whether it is the champion now.
        judgement: What the gates say of it.
        new_decisions: Decided texts that the champion was not trained on.
        path: The version's folder, the record of the attempt, or None where nothing was trained.
    """

    version: str
    promoted: bool
    judgement: Judgement
    new_decisions: int
    path: Path | None

    def told(self) -> list[str]:
        """What happened, line by line, the verdict first."""
        head = f"{self.version}: promoted" if self.promoted else f"{self.version}: not promoted, the champion stays"
        return [head, *(f"  {line}" for line in (*self.judgement.reasons, *self.judgement.told()))]

    def to_dict(self) -> dict:
        """Plain values, ready for JSON."""
        fields = {"version": self.version, "promoted": self.promoted, "new_decisions": self.new_decisions}
        return fields | self.judgement.to_dict() | {"path": None if self.path is None else str(self.path)}


def judge(
    gates: Sequence[Gate],
    triage: Triage,
    old: Triage | None,
    moderated: Collection[str],
    *,
    margins: Mapping[str, float] | None = None,
    min_gate: int = MIN_GATE,
    n_resamples: int = 1_000,
    seed: int = 0,
) -> Judgement:
    """Hold a challenger against the champion on every gate.

    Args:
        gates: One a group of `triage`, at most.
        triage: The challenger's.
        old: The champion's, or None where there is no champion: the promises alone then decide.
        moderated: Groups that moderators have decided texts of: without a gate of their own, nothing passes.
        margins: Loss that has to be ruled out, by metric.
        min_gate: Decided texts that a gate needs.
        n_resamples: Of the bootstrap.
        seed: Of the bootstrap.
    """
    reasons, cautions, tables, promises, covered = [], [], [], [], {}
    sizes = {gate.group: int(known(gate.targets).any(axis=1).sum()) for gate in gates}
    for group in sorted(triage.groups):
        if sizes.get(group, 0) < min_gate:
            told = f"{group}: its gate has {sizes.get(group, 0):,} decided texts, and {min_gate:,} are needed to judge"
            blocked = old is not None and group in moderated
            (reasons if blocked else cautions).append(f"{told}; `toxres queue draw` draws one")
    for gate in gates:
        if sizes[gate.group] < min_gate:
            continue
        if old is not None:
            tables.append(
                compare_on_gate(gate, triage.policy.enforced, margins=margins, n_resamples=n_resamples, seed=seed)
            )
        realised = realised_on_gate(gate, triage, gate.challenger)
        promises += realised
        reasons += [told for each in realised if (told := _broken(each))]
        comparable = old is not None and old.policy.hash == triage.policy.hash and gate.group in old.groups
        was = coverage(gate, old, gate.champion) if comparable else float("nan")
        covered[gate.group] = coverage(gate, triage, gate.challenger), was
        lost = comparable and _kept(old, gate.group) - _kept(triage, gate.group)
        if lost:
            reasons.append(f"{gate.group}: nothing can be promised of the {', '.join(sorted(lost))}, the champion can")
    table = pd.concat(tables, ignore_index=True) if tables else Judgement().labels
    compared = [row for row in table.itertuples() if row.passes is not None]
    reasons = [f"{row.group}, {row.label}: {row.why}" for row in compared if not row.passes] + reasons
    cautions += [f"{row.group}, {row.label}: {row.why}" for row in table.itertuples() if row.passes is None]
    if old is not None and not compared:
        reasons.append("no gate can compare the two, so a loss can't be ruled out; draw one with `toxres queue draw`")
    return Judgement(tuple(reasons), tuple(cautions), table, tuple(promises), covered)


def _broken(each: Realised) -> str:
    if not each.broken:
        return ""
    return (
        f"{each.group}, {each.of}: the promise is broken on the gate, {each.wrong:,} of {each.decided:,} wrong "
        f"[{each.low:.3f}, {each.high:.3f}], {each.tolerated:.3g} tolerated"
    )


def _kept(triage: Triage, group: str) -> set[str]:
    return {promise.of for promise in triage.groups[group].promises if promise.kept}
