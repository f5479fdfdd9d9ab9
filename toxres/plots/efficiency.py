"""How a score grows with the number of labels: curves with their intervals, named where they end."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from toxres.plots.style import (
    BLUE,
    MODEL_COLOURS,
    MUTED,
    ORANGE,
    ORIGIN_SIZE,
    STYLE,
    bare,
    new_axes,
    text_inches,
    titled,
)

FAMILIES = {
    "Transformer (MiniLM)": {"baseline": "as published", "baseline_adapted": "adapted to\ncomments"},
    "ULMFiT (AWD-LSTM)": {"ulmfit_none": "random\nweights", "ulmfit": "language\nmodel"},
}
"""Panels of the figure: in each the arm without, then the arm with pretraining on unlabelled comments, and its name."""

METRIC_NAMES = {"toxic_ap": "average precision, toxic", "macro_ap": "macro AP", "toxic_auroc": "AUROC, toxic"}

FLOOR = {"tfidf": "TF-IDF"}

NAME_SIZE = 9.5
"""Points of a curve's name."""


def efficiency_curves(
    scores: pd.DataFrame,
    ax: Axes | None = None,
    *,
    metric: str = "toxic_ap",
    arms: Mapping[str, str] | None = None,
    title: str | None = None,
    origin: str = "",
) -> Axes:
    """A score against the number of labels (log axis), a curve an arm, its 95% interval as a band, its name at its end.

    A point of a single seed is hollow: its band holds the luck of the test comments alone.

    Args:
        scores: Rows of `LabelEfficiency.scores`; arms and numbers of labels that are not there are left out.
        ax: Axes to draw on; new ones by default.
        metric: Which of the metrics.
        arms: Arms and what they are called: without, then with pretraining, then any floor; all by default.
        title: The title.
        origin: Where the data came from.
    """
    rows = scores[scores["metric"] == metric]
    arms = dict(arms or {arm: arm.replace("_", " ") for arm in rows["arm"].unique()})
    ax = new_axes(ax, 6.2, 4.2)
    ends: dict[str, tuple[float, float, str]] = {}
    for (arm, name), colour in zip(arms.items(), _colours(arms), strict=True):
        found = rows[rows["arm"] == arm].sort_values("labels")
        if found.empty:
            continue
        x, y = found["labels"].to_numpy(float), found["score"].to_numpy(float)
        ax.fill_between(x, found["low"].to_numpy(float), found["high"].to_numpy(float), color=colour, alpha=0.14, lw=0)
        ax.plot(x, y, color=colour, zorder=3)
        single = found["seeds"].to_numpy() == 1
        for chosen, face in ((~single, colour), (single, "white")):
            ax.scatter(x[chosen], y[chosen], s=34, facecolor=face, edgecolor=colour, linewidth=1.6, zorder=4)
        ends[name] = (x[-1], y[-1], colour)
    ax.set_xscale("log")
    sizes = sorted(rows[rows["arm"].isin(arms)]["labels"].unique())
    ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
    ax.tick_params(axis="x", labelsize=9)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set(xlabel="labelled comments", ylabel=METRIC_NAMES.get(metric, metric))
    if sizes:
        _name_ends(ax, ends, max(sizes))
    bare(ax, grid="y")
    return titled(ax, title or f"{METRIC_NAMES.get(metric, metric)} by number of labels", origin)


def efficiency_panels(
    scores: pd.DataFrame,
    *,
    families: Mapping[str, Mapping[str, str]] = FAMILIES,
    metrics: Sequence[str] = ("toxic_ap", "macro_ap"),
    origin: str = "",
) -> Figure:
    """Curves with and without pretraining, a column a family, a row a metric, the floor in grey in each.

    Args:
        scores: As in `efficiency_curves`.
        families: By the title of a column the names of its two arms.
        metrics: Of the rows.
        origin: Where the data came from.
    """
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(
            len(metrics), len(families), figsize=(5.6 * len(families), 0.6 + 3.5 * len(metrics)), sharey="row",
            layout="constrained", squeeze=False,
        )  # fmt: skip
    fig.get_layout_engine().set(h_pad=0.1, w_pad=0.08)
    for row, metric in zip(axes, metrics, strict=True):
        for ax, (family, arms) in zip(row, families.items(), strict=True):
            told = {**arms, **FLOOR}
            shown = METRIC_NAMES.get(metric, metric)
            efficiency_curves(scores, ax, metric=metric, arms=told, title=f"{family}: {shown}")
            if ax is not row[0]:
                ax.set_ylabel("")
            if row is not axes[-1]:
                ax.set_xlabel("")
    if origin:
        fig.suptitle(origin, x=0.008, ha="left", fontsize=ORIGIN_SIZE, color=MUTED)
    return fig


def _colours(arms: Mapping[str, str]) -> list[str]:
    """Blue without, orange with pretraining, grey for the floor."""
    free = iter([BLUE, ORANGE] * len(arms))
    return [MODEL_COLOURS["tfidf"] if arm in FLOOR else next(free) for arm in arms]


def _name_ends(ax: Axes, ends: Mapping[str, tuple[float, float, str]], right: float) -> None:
    """Write each curve's name right of the axes at the height where it ends, pushed apart where two would touch."""
    lines = {name: name.count("\n") + 1 for name in ends}
    height = ax.figure.get_figure(root=True).get_figheight() / ax.get_subplotspec().get_gridspec().nrows - 1.3
    low, high = ax.get_ylim()
    unit = (high - low) * NAME_SIZE * 1.25 / 72 / height
    groups: list[list[str]] = []  # of names that would touch, from the lowest up
    places: dict[str, float] = {}
    for name in sorted(ends, key=lambda name: ends[name][1]):
        groups.append([name])
        while groups:
            group = groups[-1]
            heights = np.cumsum([lines[one] * unit for one in group])
            middle = np.mean([ends[one][1] for one in group])
            tops = middle - heights[-1] / 2 + heights
            places |= {one: top - lines[one] * unit / 2 for one, top in zip(group, tops, strict=True)}
            if len(groups) < 2 or _bottom(groups[-1], places, lines, unit) >= _top(groups[-2], places, lines, unit):
                break
            groups[-2:] = [groups[-2] + groups[-1]]
    for name, place in places.items():
        beside = {"xytext": (10, 0), "textcoords": "offset points", "va": "center", "annotation_clip": False}
        ax.annotate(name, (right, place), color=ends[name][2], fontsize=NAME_SIZE, **beside)
    widest = max((text_inches(line, NAME_SIZE) for name in ends for line in name.split("\n")), default=0.0)
    left, _ = ax.get_xlim()
    width = ax.figure.get_figure(root=True).get_figwidth() / ax.get_subplotspec().get_gridspec().ncols - 1.0
    room = (widest + 0.25) / max(width - widest - 0.25, 1.0)
    ax.set_xlim(left, right * (right / left) ** room)


def _bottom(group: list[str], places: dict[str, float], lines: dict[str, int], unit: float) -> float:
    return places[group[0]] - lines[group[0]] * unit / 2


def _top(group: list[str], places: dict[str, float], lines: dict[str, int], unit: float) -> float:
    return places[group[-1]] + lines[group[-1]] * unit / 2
