"""Figures that set models, arms or groups side by side, with their uncertainty."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from toxres.evaluation.seeds import is_shown
from toxres.plots.style import (
    BLUE,
    FAINT,
    INK,
    MUTED,
    ORANGE,
    STYLE,
    bare,
    colours_of,
    legend_outside,
    new_axes,
    pretty,
    text_inches,
    titled,
    wrapped,
)

NAME_INCHES = 3.4
"""Widest name of a row before it is broken into lines."""

FOREST_INCHES = 4.6
"""Width that a forest plot keeps for its data."""


def metric_bars(
    scores: pd.DataFrame,
    ax: Axes | None = None,
    *,
    metric: str = "average precision",
    origin: str = "",
    low: pd.DataFrame | None = None,
    high: pd.DataFrame | None = None,
) -> Axes:
    """One metric as grouped bars: a group a row of `scores` (a label, "macro"), a bar a column (a model).

    Args:
        scores: Such as `label_frame(evaluations, "ap")`; NaN is drawn as a dash.
        ax: Axes to draw on; new ones by default.
        metric: What is measured.
        origin: Where the data came from.
        low: Lower ends of intervals, of the shape of `scores`.
        high: Upper ends.
    """
    models = list(scores.columns)
    ax = new_axes(ax, max(6.4, 1.5 + 0.34 * scores.size), 4.0)
    width = 0.8 / len(models)
    places = np.arange(len(scores))
    for i, (model, colour) in enumerate(zip(models, colours_of(models), strict=True)):
        values = scores[model].to_numpy(dtype=float)
        where = places + (i - (len(models) - 1) / 2) * width
        ax.bar(where, np.nan_to_num(values), width * 0.9, color=colour, label=pretty(model))
        tops = values
        if low is not None and high is not None:
            ends = np.stack([values - low[model].to_numpy(float), high[model].to_numpy(float) - values])
            ax.errorbar(where, values, np.maximum(ends, 0), fmt="none", ecolor=INK, elinewidth=1.1, capsize=2.5)
            tops = np.fmax(values, high[model].to_numpy(float))
        for x, value, top in zip(where, values, tops, strict=True):
            told = "–" if np.isnan(value) else f"{value:.2f}".removeprefix("0" if 0 <= value < 1 else "")
            height = 0 if np.isnan(top) else top
            above = {"xytext": (0, 3), "textcoords": "offset points", "ha": "center"}
            ax.annotate(told, (x, height), fontsize=7.5 if len(models) > 3 else 9, **above)
    ax.set_xticks(places, [pretty(name).replace(" ", "\n") for name in scores.index])
    ax.tick_params(axis="x", length=0)
    ax.set_ylabel(metric)
    ax.set_ylim(0, max(1.05, 1.08 * np.nanmax(scores.to_numpy(float), initial=0)) if scores.max().max() > 0.3 else None)
    legend_outside(ax)
    bare(ax, grid="y")
    return titled(ax, f"{metric[0].upper()}{metric[1:]} by label", origin)


def forest_plot(
    differences: pd.DataFrame,
    ax: Axes | None = None,
    *,
    metric: str = "average precision",
    first: str = "a",
    second: str = "b",
    title: str | None = None,
    origin: str = "",
    higher_is_better: bool = True,
) -> Axes:
    """Paired differences with their intervals, a row each; the macro mean, if there, stands apart at the bottom.

    Filled dots have an interval that excludes 0, hollow ones do not; where several comparisons were made at once and
    `p_holm` is there, a dot is filled if that is below 0.05.

    Args:
        differences: Columns `difference`, `low`, `high`, and `p_value` if it is to be printed; rows such as labels
            (`BootstrapResult.table()`, `paired_seeds_table(...)`). NaN rows are printed as undefined.
        ax: Axes to draw on; new ones by default, wide enough for the names, the data and the numbers.
        metric: What is measured.
        first: The model that is a.
        second: The model that is b; differences are a - b.
        title: By default the metric and the two models.
        origin: Where the data came from.
        higher_is_better: False for errors such as ECE: the sides are then named the other way round.
    """
    names = [name for name in differences.index if name != "macro"]
    rows = {name: len(names) - i for i, name in enumerate(names)}
    if "macro" in differences.index:
        rows["macro"] = -0.4
    told = _told(differences)
    ax = new_axes(ax, *forest_size(differences))
    ax.axvline(0, color=MUTED, linewidth=1.1)
    for name, row in rows.items():
        value, low, high = differences.loc[name, ["difference", "low", "high"]].astype(float)
        place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center", "fontsize": 8.8}
        ax.annotate(told[name], (1, row), xytext=(8, 0), family="monospace", **place)
        if np.isnan(value):
            continue
        (colour,) = colours_of([name]) if name != "macro" else [INK]
        ax.plot([low, high], [row, row], color=colour, linewidth=2.4, solid_capstyle="round", zorder=2)
        face = colour if is_shown(differences.loc[name]) else "white"
        size = 72 if name == "macro" else 52
        ax.scatter([value], [row], s=size, facecolor=face, edgecolor=colour, linewidth=1.8, zorder=3)
    if "macro" in rows:
        ax.axhline(0.3, color=FAINT, linewidth=1)
    ax.set_yticks(list(rows.values()), [_name(name) for name in rows])
    ax.set_ylim(min(rows.values()) - 0.6, len(names) + 1.1)
    reach = _reach(differences)
    ax.set_xlim(-reach, reach)
    ax.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    ax.tick_params(axis="y", length=0)
    left, right = (second, first) if higher_is_better else (first, second)
    side = {"xycoords": "axes fraction", "va": "top", "color": MUTED, "fontsize": 9.5}
    ax.annotate(f"← {pretty(left)} better", (0, 0.99), ha="left", **side)
    ax.annotate(f"{pretty(right)} better →", (1, 0.99), ha="right", **side)
    ax.set_xlabel(f"difference in {metric}")
    bare(ax, grid="x")
    ax.spines["left"].set_visible(False)
    return titled(ax, title or f"{pretty(first)} – {pretty(second)}: {metric}", origin)


def forest_size(differences: pd.DataFrame) -> tuple[float, float]:
    """Width and height in inches at which a forest plot has room for its names, its data and its numbers."""
    beside = max(text_inches(text, 8.8, "monospace") for text in _told(differences).values())
    names = max(text_inches(_name(name), STYLE["font.size"]) for name in differences.index)
    return names + FOREST_INCHES + beside + 0.4, 1.7 + 0.42 * len(differences)


def _name(name: object) -> str:
    """A row's name, in two lines or more where it is long."""
    return "\n".join(wrapped(pretty(name), NAME_INCHES, STYLE["font.size"]))


def _reach(differences: pd.DataFrame) -> float:
    return 1.08 * np.nanmax(np.abs(differences[["low", "high", "difference"]].to_numpy(float)), initial=1e-6)


def _told(differences: pd.DataFrame) -> dict[str, str]:
    digits, told = 4 if _reach(differences) < 0.01 else 3, {}
    for name, row in differences.iterrows():
        value, low, high = (float(row[key]) for key in ("difference", "low", "high"))
        told[name] = f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]".replace("-", "−")
        if "p_holm" in row:
            told[name] += f"  Holm p = {row['p_holm']:.3f}"
        elif "p_value" in row:
            told[name] += f"  p = {row['p_value']:.3f}"
        if np.isnan(value):
            told[name] = "undefined"
    return told


def group_comparison(
    values: pd.DataFrame,
    ax: Axes | None = None,
    *,
    quantity: str = "prevalence",
    origin: str = "",
    low: pd.DataFrame | None = None,
    high: pd.DataFrame | None = None,
    log: bool = False,
    as_percent: bool = False,
) -> Axes:
    """A quantity of several groups or sources as dots: a row a label, a dot a group, a line between the extremes.

    Args:
        values: A row a label, a column a group; NaN is left out.
        ax: Axes to draw on; new ones by default.
        quantity: What is compared.
        origin: Where the data came from.
        low: Lower ends of intervals, of the shape of `values`.
        high: Upper ends.
        log: Use a log scale; zeros are then left out.
        as_percent: Write shares as percentages.
    """
    ax = new_axes(ax, 7.8, 1.5 + 0.46 * len(values))
    groups = list(values.columns)
    rows = np.arange(len(values))[::-1].astype(float)
    markers = "osD^vPX*"
    usable = values.where(values > 0) if log else values
    ax.hlines(rows, usable.min(axis=1), usable.max(axis=1), color=FAINT, linewidth=2.2, zorder=1)
    for i, (group, colour) in enumerate(zip(groups, colours_of(groups), strict=True)):
        heights = rows + (0.16 * ((len(groups) - 1) / 2 - i) if low is not None else 0)
        if low is not None and high is not None:
            ax.hlines(heights, low[group], high[group], color=colour, linewidth=1.6, zorder=2)
        style = {"s": 60, "color": colour, "marker": markers[i % len(markers)], "edgecolor": "white", "linewidth": 0.8}
        ax.scatter(usable[group], heights, label=pretty(group), zorder=3, **style)
    if log:
        ax.set_xscale("log")
    if as_percent:
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
    ax.set_yticks(rows, [pretty(name) for name in values.index])
    ax.set_ylim(-0.6, len(values) - 0.4)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(quantity + (" (log scale)" if log else ""))
    legend_outside(ax)
    bare(ax, grid="x")
    return titled(ax, f"{quantity[0].upper()}{quantity[1:]} by group", origin)


def before_after(
    pairs: Mapping[str, tuple[float, float]],
    ax: Axes | None = None,
    *,
    quantity: str = "ECE",
    names: tuple[str, str] = ("as trained", "calibrated"),
    origin: str = "",
) -> Axes:
    """Two values of each row joined by a line, such as ECE before and after calibration: `{label: (before, after)}`."""
    ax = new_axes(ax, 7.2, 1.4 + 0.4 * len(pairs))
    rows = np.arange(len(pairs))[::-1]
    before, after = np.array(list(pairs.values()), dtype=float).T
    ax.hlines(rows, before, after, color=FAINT, linewidth=2.4, zorder=1)
    ax.scatter(before, rows, s=58, color=BLUE, label=names[0], zorder=2)
    ax.scatter(after, rows, s=58, color=ORANGE, label=names[1], zorder=3)
    ax.set_yticks(rows, [pretty(name) for name in pairs])
    ax.set_ylim(-0.6, len(pairs) - 0.4)
    ax.set_xlim(left=0)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(quantity)
    legend_outside(ax)
    bare(ax, grid="x")
    return titled(ax, f"{quantity}: {names[0]} and {names[1]}", origin)
