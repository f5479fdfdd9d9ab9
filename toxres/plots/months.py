"""Simulated months: what a system decides by itself, how often it errs, and how good its model is."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from toxres.plots.style import BLUE, MUTED, ORANGE, ORIGIN_SIZE, STYLE, bare, new_axes, titled

SHOWN = {
    "never": ("never learns", MUTED, ":"),
    "thresholds": ("thresholds only", MUTED, "-"),
    "random": ("queue in random order", "#009E73", "-"),
    "uncertain": ("most uncertain first", BLUE, "-"),
    "change": ("most change first", ORANGE, "-"),
    "gated": ("most uncertain first, gated", BLUE, "--"),
}
"""Name, colour and line of each arm."""

BANDED = ("never", "uncertain")
"""Arms with an interval; all six would hide the lines."""

FIGURES = {
    "accuracy": "accuracy of the model alone",
    "coverage": "decided automatically",
    "error": "of these, wrong",
}
"""Panels, and what their axes are called."""

STREAMS = {"davidson": "Tweets come to a model of Wikipedia", "civil_spans": "News posts come to a model of Wikipedia"}


def months_curve(
    arms: Mapping[str, Mapping], figure: str, ax: Axes | None = None, *, tolerated: float | None = None, title: str = ""
) -> Axes:
    """One figure by month, a line an arm; the bands are 95% intervals over seeds, of the arms in `BANDED` alone.

    Months in which an arm decided nothing have no error, and a gap.

    Args:
        arms: Arm to its figures: for `figure` the mean, low and high of each month, from the first.
        figure: One of `FIGURES`.
        ax: Axes to draw on; new ones by default.
        tolerated: Share of errors that the policy tolerates, drawn in the panel of errors.
        title: The title.
    """
    ax = new_axes(ax, 5.0, 3.4)
    for arm, (name, colour, line) in SHOWN.items():
        if arm in arms:
            values = np.asarray(arms[arm][figure], dtype=float)
            months = np.arange(1, len(values) + 1)
            ax.plot(months, values[:, 0], line, color=colour, label=name, marker="o", markersize=3.5)
            if arm in BANDED:
                ax.fill_between(months, *np.clip(values[:, 1:].T, 0, 1), color=colour, alpha=0.12, lw=0)
    if figure == "error" and tolerated is not None:
        ax.axhline(tolerated, color="black", lw=1, ls=(0, (4, 3)))
        ax.annotate("tolerated", (1, tolerated), xytext=(0, 4), textcoords="offset points", fontsize=9)
    ax.set(xlabel="month", ylabel=FIGURES[figure])
    if figure != "accuracy":
        ax.set_ylim(bottom=0)
    bare(ax, grid="y")
    return titled(ax, title, "")


def months_panels(figures: Mapping, *, origin: str = "") -> Figure:
    """A row a group of sites, a column a figure: accuracy, coverage and errors, with every arm.

    Args:
        figures: What `toxres.experiments.months` wrote.
        origin: Where the comments came from.
    """
    streams = figures["figures"]
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(
            len(streams), len(FIGURES), figsize=(13.5, 0.9 + 3.5 * len(streams)), layout="constrained", squeeze=False
        )
    for row, (source, arms) in zip(axes, streams.items(), strict=True):
        for ax, figure in zip(row, FIGURES, strict=True):
            title = STREAMS.get(source, source) if figure == "accuracy" else ""
            months_curve(arms, figure, ax, tolerated=figures["settings"]["tolerated"], title=title)
            if row is not axes[-1]:
                ax.set_xlabel("")
    handles, names = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False, fontsize=10)
    if origin:
        fig.suptitle(origin, x=0.008, ha="left", fontsize=ORIGIN_SIZE, color=MUTED)
    return fig
