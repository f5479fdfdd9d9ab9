"""Where every system stands on every test: a panel a test, ours and published."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from toxres.plots.style import BLUE, FAINT, INK, MUTED, ORANGE, STYLE, bare

KINDS = {"ours": ORANGE, "published": BLUE}


def standing_panels(table: pd.DataFrame, *, origin: str = "") -> Figure:
    """A panel a test, the best system on top; ours in orange and bold, published ones hollow in blue.

    Args:
        table: Of `toxres.standings.standings`.
        origin: Where the figures come from.
    """
    tests = list(dict.fromkeys(table["test"]))
    rows = [tests[at : at + 2] for at in range(0, len(tests), 2)]
    heights = [max((table["test"] == test).sum() for test in row) + 2.2 for row in rows]
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(
            len(rows),
            2,
            figsize=(10.4, 0.27 * sum(heights)),
            height_ratios=heights,
            layout="constrained",
            squeeze=False,
        )
    for ax, test in zip(axes.flat, tests, strict=False):
        _panel(ax, table[table["test"] == test], test)
    for ax in axes.flat[len(tests) :]:
        ax.set_visible(False)
    handles = [
        plt.Line2D([], [], marker="o", linestyle="", color=colour, markersize=7, label=kind,
                   markerfacecolor=colour if kind == "ours" else "white")
        for kind, colour in KINDS.items()
    ]  # fmt: skip
    fig.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=10)
    fig.suptitle("All systems on all tests", x=0.01, ha="left", fontsize=STYLE["axes.titlesize"], fontweight="bold")
    fig.text(0.01, 0.006, origin, color=MUTED, fontsize=9.5)
    return fig


def _panel(ax: plt.Axes, here: pd.DataFrame, title: str) -> None:
    rows = np.arange(len(here))[::-1]
    ax.hlines(rows, 0, here["value"], color=FAINT, linewidth=2, zorder=1)
    for kind, colour in KINDS.items():
        of = (here["kind"] == kind).to_numpy()
        face = colour if kind == "ours" else "white"
        ax.scatter(here["value"][of], rows[of], s=46, facecolor=face, edgecolor=colour, linewidth=1.6, zorder=3)
    for row, value in zip(rows, here["value"], strict=True):
        ax.annotate(f"{value:.3f}", (value, row), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8.8)
    ax.set_yticks(rows, [f"{name[:34]}…" if len(name) > 35 else name for name in here["system"]], fontsize=9)
    for label, kind in zip(ax.get_yticklabels(), here["kind"], strict=True):
        label.set_fontweight("bold" if kind == "ours" else "normal")
        label.set_color(INK)
    ax.set_xlim(0, 1.18)
    ax.set_xticks([0, 0.5, 1])
    ax.set_ylim(-0.7, len(here) - 0.3)
    ax.tick_params(axis="y", length=0)
    ax.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=INK)
    bare(ax, grid="x")
