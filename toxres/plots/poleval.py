"""Figures of the PolEval system: what each view adds in cross-validation, and where it stands on the test file."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from toxres.plots.style import BLUE, FAINT, INK, MUTED, ORANGE, bare, new_axes, titled

KIND_COLOURS = {"ours": ORANGE, "published": BLUE, "trivial": MUTED}


def cv_steps(
    steps: Mapping[str, Mapping], ax: Axes | None = None, *, metric: str = "ap", name: str = "", origin: str = ""
) -> Axes:
    """What a blend gains view by view: the mean over folds as a large dot, each fold as a small one, steps downwards.

    Args:
        steps: Step to its figures, in order: `metric` (a number) and `<metric>_folds` (one a fold).
        ax: Axes to draw on; new ones by default.
        metric: "ap" or "f1".
        name: What the axis calls it.
        origin: Where the data came from.
    """
    ax = new_axes(ax, 8.2, 1.6 + 0.46 * len(steps))
    rows = np.arange(len(steps))[::-1]
    folds = np.array([step[f"{metric}_folds"] for step in steps.values()], dtype=float)  # S x K
    values = np.array([step[metric] for step in steps.values()], dtype=float)
    ax.hlines(rows, folds.min(axis=1), folds.max(axis=1), color=FAINT, linewidth=2.2, zorder=1)
    for column in folds.T:
        ax.scatter(column, rows, s=16, color=BLUE, alpha=0.55, linewidth=0, zorder=2)
    ax.plot(values, rows, color=ORANGE, linewidth=1.2, alpha=0.6, zorder=2)
    ax.scatter(values, rows, s=64, color=ORANGE, edgecolor="white", linewidth=0.8, zorder=3)
    before = None
    for row, value in zip(rows, values, strict=True):
        told = f"{value:.3f}" + ("" if before is None else f"  ({value - before:+.3f})".replace("-", "−"))
        ax.annotate(told, (1, row), xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points",
                    va="center", family="monospace", fontsize=8.8)  # fmt: skip
        before = value
    ax.set_yticks(rows, list(steps))
    ax.set_ylim(-0.6, len(steps) - 0.4)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(name or {"ap": "average precision of harmful", "f1": "F1 of harmful"}[metric])
    bare(ax, grid="x")
    return titled(ax, "What each view adds, cross-validated", origin)


def published_dots(table: pd.DataFrame, ax: Axes | None = None, *, metric: str = "f1", origin: str = "") -> Axes:
    """Ours beside the published and the trivial systems: a row a system, best on top.

    Args:
        table: Of `evaluation.poleval.poleval_table`: systems by row, `metric` in per cent, `kind`.
        ax: Axes to draw on; new ones by default.
        metric: "f1" or "macro_f"; systems without it are left out.
        origin: Where the data came from.
    """
    shown = table[table[metric].notna()].sort_values(metric, kind="stable")
    ax = new_axes(ax, 8.2, 1.6 + 0.4 * len(shown))
    rows = np.arange(len(shown))
    ax.hlines(rows, 0, shown[metric], color=FAINT, linewidth=2.2, zorder=1)
    for kind, colour in KIND_COLOURS.items():
        here = (shown["kind"] == kind).to_numpy()
        if here.any():
            ax.scatter(shown[metric][here], rows[here], s=64, color=colour, edgecolor="white", label=kind, zorder=3)
    for row, value in zip(rows, shown[metric], strict=True):
        ax.annotate(f"{value:.1f}", (value, row), xytext=(8, 0), textcoords="offset points", va="center", fontsize=9)
    ax.set_yticks(rows, list(shown.index))
    for label, kind in zip(ax.get_yticklabels(), shown["kind"], strict=True):
        label.set_fontweight("bold" if kind == "ours" else "normal")
        label.set_color(INK)
    ax.set_xlim(0, max(60.0, 1.12 * float(shown[metric].max())))
    ax.set_ylim(-0.6, len(shown) - 0.4)
    ax.tick_params(axis="y", length=0)
    names = {"f1": "F1 of harmful on the test file, %", "macro_f": "macro-F on the test file, %"}
    ax.set_xlabel(names[metric])
    ax.legend(loc="lower right", frameon=True, facecolor="white", edgecolor="none", fontsize=9.5)
    bare(ax, grid="x")
    return titled(ax, f"PolEval 2019, task {'6-1' if metric == 'f1' else '6-2'}", origin)
