"""The simulated months as figures with their intervals over seeds, and what they say."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from toxres.evaluation.seeds import paired_seeds
from toxres.experiments.months import ARMS, LEARNING
from toxres.results import current_commit

if TYPE_CHECKING:
    from toxres.experiments.months import Settings

FIGURES = ("coverage", "error", "accuracy", "ap", "uncertain")
"""What is told of each month."""

LAST = 3
"""Months at the end that arms are compared on."""

AGAINST = {"uncertain": ("never", "thresholds", "random", "change", "gated"), "change": ("random",)}
"""Which arms are compared with which."""

NAMES = {"davidson": "tweets", "civil_spans": "news posts"}

COMPARED = {"accuracy": "accuracy", "ap": "AP", "coverage": "coverage"}


def summarise(months: pd.DataFrame, settings: "Settings") -> dict:
    """Mean of each figure by stream, arm and month with its Student's t interval over seeds, and paired comparisons.

    Args:
        months: Of `months.run_all`.
        settings: What was simulated.
    """
    figures = {}
    for (source, arm), table in months.groupby(["source", "arm"], sort=False):
        by_month = {name: table.pivot(index="month", columns="seed", values=name) for name in FIGURES}
        figures.setdefault(source, {})[arm] = {
            **{name: _with_interval(values) for name, values in by_month.items()},
            "automatic": int((table["comments"] - table["uncertain"]).sum()),
            "wrong": int(table["wrong"].sum()),
            "comments": int(table["comments"].sum()),
            "decisions": int(table["decisions"].sum()),
            "promotions": int(table["promoted"].sum()),
            "chances": len(table) if arm in LEARNING else 0,
        }
    return {
        "settings": {
            "home": settings.home, "streams": dict(settings.streams), "months": settings.months,
            "decided": settings.decided, "audited": settings.audited, "gate": settings.gate, "wrong": settings.wrong,
            "tolerated": settings.tolerated, "seeds": int(months["seed"].nunique()), "every": settings.every,
        },
        "figures": figures,
        "comparisons": _comparisons(months),
        "commit": current_commit(),
    }  # fmt: skip


def _with_interval(values: pd.DataFrame) -> list[list[float]]:
    """Mean, low and high of each month; months without the figure (no automatic decision) in a seed leave that out."""
    found = []
    for row in values.to_numpy(float):
        row = row[~np.isnan(row)]
        if len(row) < 2:
            found.append([float(row[0]) if len(row) else float("nan"), float("nan"), float("nan")])
        else:
            result = paired_seeds(row)
            found.append([result.difference, result.low, result.high])
    return found


def _comparisons(months: pd.DataFrame) -> list[dict]:
    """Paired by seed, means of the last months."""
    last = months[months["month"] > months["month"].max() - LAST]
    means = last.groupby(["source", "arm", "seed"], sort=False)[list(COMPARED)].mean().sort_index()
    found = []
    for source in months["source"].unique():
        for one, others in AGAINST.items():
            for other in others:
                if {(source, one), (source, other)} <= set(means.index.droplevel("seed")):
                    difference = means.loc[(source, one)] - means.loc[(source, other)]
                    for figure in COMPARED:
                        result = paired_seeds(difference[figure].to_numpy())
                        row = {"source": source, "a": one, "b": other, "figure": figure}
                        found.append(
                            row | {key: getattr(result, key) for key in ("difference", "low", "high", "p_value")}
                        )
    return found


def months_told(figures: dict) -> list[str]:
    """What the months say, a sentence each; what could not be shown is said too."""
    sentences = []
    tolerated = figures["settings"]["tolerated"]
    for source, arms in figures["figures"].items():
        name = NAMES.get(source, source)
        for arm, found in arms.items():
            share = f"{found['wrong'] / found['automatic']:.3f} of them wrong" if found["automatic"] else "none"
            covered = found["automatic"] / found["comments"]
            broken = (
                " (more than tolerated)"
                if found["automatic"] and found["wrong"] > tolerated * found["automatic"]
                else ""
            )
            ends = (
                f"accuracy {found['accuracy'][0][0]:.3f} in the first month, {found['accuracy'][-1][0]:.3f} in the last"
            )
            sentences.append(f"{name}, {ARMS[arm]}: {covered:.2f} decided automatically, {share}{broken}; {ends}.")
        if "gated" in arms and arms["gated"]["chances"]:
            gated = arms["gated"]
            sentences.append(f"{name}: the gate let {gated['promotions']} of {gated['chances']} challengers pass.")
    for row in figures["comparisons"]:
        name, figure = NAMES.get(row["source"], row["source"]), COMPARED[row["figure"]]
        interval = f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
        pair = f"{ARMS[row['a']]} against {ARMS[row['b']]}"
        if row["low"] > 0 or row["high"] < 0:
            sentences.append(
                f"{name}, {pair}: {'better' if row['difference'] > 0 else 'worse'} in {figure}, {interval}."
            )
        else:
            sentences.append(f"{name}, {pair}: no difference in {figure} could be shown, {interval}.")
    return sentences
