"""What the notebook on triage shows of the simulated months."""

from collections.abc import Mapping

import pandas as pd

from toxres.evaluation.seeds import is_shown
from toxres.experiments.months import ARMS
from toxres.experiments.months_summary import COMPARED, LAST, NAMES
from toxres.findings import with_holm

FOUND = (("uncertain", "never"), ("uncertain", "random"))
"""Comparisons that the findings are about; all are in the table."""


def record_told(found: Mapping) -> str:
    """What was simulated, as a sentence; or that the results are not there."""
    if not found:
        return f"*{getattr(found, 'why', 'There are no results.')}*"
    run = found["settings"]
    return (
        f"{run['months']} months, {run['seeds']} runs each with its own order and errors. Moderators decide "
        f"{run['decided']} comments of each month's queue, and {run['audited']} drawn at random, which thresholds are "
        f"set on; {run['wrong']:.0%} of their decisions are wrong. The policy tolerates {run['tolerated']:.0%} "
        "wrong among the accepted, and as much among the rejected."
    )


def origin(found: Mapping) -> str:
    """What stands under the figure."""
    run = found["settings"]
    streams = " and ".join(f"{count:,} of {source}" for source, count in run["streams"].items())
    return f"model of {run['home']}; training comments: {streams}; mean and 95% interval of {run['seeds']} runs"


def arms_table(found: Mapping) -> pd.DataFrame:
    """A row a group of sites and arm: what was decided, how much of it wrongly, and how the model ended, in percent."""
    rows = {}
    for source, arms in found["figures"].items():
        for arm, each in arms.items():
            rows[f"{NAMES.get(source, source)}: {ARMS[arm]}"] = {
                "decided automatically": 100 * each["automatic"] / each["comments"],
                "of these, wrong": 100 * each["wrong"] / each["automatic"] if each["automatic"] else float("nan"),
                "accuracy, first month": 100 * each["accuracy"][0][0],
                "accuracy, last month": 100 * each["accuracy"][-1][0],
                "decisions by people": int(each["decisions"]),
                "new champions": int(each["promotions"]),
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def comparison_table(found: Mapping) -> pd.DataFrame:
    """A row a group of sites and pair of arms: differences over the last months in points, with Holm's p."""
    cells: dict[str, dict[str, str]] = {}
    for _, row in _tests(found).iterrows():
        name = f"{NAMES.get(row['source'], row['source'])}: {ARMS[row['a']]} against {ARMS[row['b']]}"
        cells.setdefault(name, {})[COMPARED[row["figure"]]] = f"{_points(row)} (p = {row['p_holm']:.3f})"
    return pd.DataFrame.from_dict(cells, orient="index")


def told(found: Mapping) -> list[str]:
    """The findings: whether promises held, and whether learning and its order paid."""
    if not found:
        return [getattr(found, "why", "There are no results.")]
    tolerated, lines = found["settings"]["tolerated"], []
    for source, arms in found["figures"].items():
        parts = []
        for arm in ("never", "thresholds", "uncertain"):
            if arm in arms and arms[arm]["automatic"]:
                wrong = arms[arm]["wrong"] / arms[arm]["automatic"]
                covered = arms[arm]["automatic"] / arms[arm]["comments"]
                parts.append(f"{ARMS[arm]}, {wrong:.1%} wrong of {covered:.0%} decided")
            elif arm in arms:
                parts.append(f"{ARMS[arm]}, nothing decided")
        name = NAMES.get(source, source)
        lines.append(f"{name.capitalize()}, {tolerated:.0%} wrong of either kind tolerated: {'; '.join(parts)}.")
        tests = _tests(found)
        for pair in FOUND:
            some = tests[(tests["source"] == source) & (tests["a"] == pair[0]) & (tests["b"] == pair[1])]
            words = [
                f"{COMPARED[row['figure']]} {_points(row)}{'' if is_shown(row) else ', not shown'}"
                for _, row in some.iterrows()
            ]
            if words:
                what = f"{ARMS[pair[0]]} against {ARMS[pair[1]]}"
                lines.append(f"{name.capitalize()}, last {LAST} months, {what}, in points: {'; '.join(words)}.")
        if (gated := arms.get("gated")) and gated["chances"]:
            lines.append(
                f"{name.capitalize()}: the gate let {gated['promotions']} of {gated['chances']} challengers pass."
            )
    return lines


def _tests(found: Mapping) -> pd.DataFrame:
    return with_holm(pd.DataFrame(found["comparisons"]))


def _points(row: pd.Series) -> str:
    return f"{100 * row['difference']:+.1f} [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
