"""Figures of the stress experiment: scores against the share of letters obfuscated, with and without normalisation."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from toxres.evaluation.stress import ALL_KINDS, CLEAN
from toxres.perturb import KINDS
from toxres.plots.style import (
    INK,
    MODEL_COLOURS,
    MUTED,
    ORIGIN_SIZE,
    STYLE,
    bare,
    colours_of,
    new_axes,
    pretty,
    titled,
    wrapped,
)

FIGURE_NAMES = {"toxic_auroc": "AUROC of toxic", "macro_auroc": "macro AUROC", "macro_ap": "macro AP"}
"""What figures of the stress experiment are called on an axis."""

KIND_NAMES = {
    "typo": "typos",
    "leet": "leet speak: sh1t",
    "homoglyph": "look-alike letters",
    "spaces": "spaces: id iot",
    "stars": "stars: i*iot",
    "repeat": "repeats: idiooot",
    "zero_width": "invisible characters",
    ALL_KINDS: "mean of the seven",
}
"""What a panel's title calls a kind of obfuscation."""

SUFFIX = "_normalised"
"""Ends the name of a model that normalises texts first."""

MODEL_NAMES = {"tfidf": "TF-IDF"}


def stress_curve(
    curves: Mapping[str, pd.DataFrame], kind: str, ax: Axes | None = None, *, figure: str = "toxic_auroc"
) -> Axes:
    """Scores of every model under one kind of obfuscation: solid with normalisation, dashed without.

    Args:
        curves: By model, as `stress_figures` makes them; a model named `<other>_normalised` has the colour of `other`.
        kind: One of `KINDS`, or `ALL_KINDS` for their mean.
        ax: Axes to draw on; new ones by default.
        figure: Column to draw, of `FIGURE_NAMES`.
    """
    ax = new_axes(ax, 4.2, 3.4)
    for model in sorted(curves, key=lambda name: not name.startswith("tfidf")):
        shares, values = _curve(curves[model], kind, figure)
        floor = model.startswith("tfidf")
        style = {"linestyle": "-" if model.endswith(SUFFIX) else (0, (3.2, 1.6)), "color": _colour(model)}
        size = {"linewidth": 1.1, "markersize": 2.5, "zorder": 2} if floor else {"markersize": 4.2, "zorder": 3}
        ax.plot(shares, values, marker="o", label=_name(model), **style, **size)
    ax.set_title(KIND_NAMES.get(kind, pretty(kind)), fontsize=10.5, fontweight="bold", loc="left")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))
    ax.set_xticks(shares)
    ax.set_xlim(-0.015, 1.04 * max(shares))
    bare(ax, grid="y")
    return ax


def stress_panels(
    curves: Mapping[str, pd.DataFrame], *, figure: str = "toxic_auroc", title: str | None = None, origin: str = ""
) -> Figure:
    """`stress_curve` of every kind and of their mean, on one scale, with one legend.

    Args:
        curves: By model, as `stress_figures` makes them.
        figure: Column to draw, of `FIGURE_NAMES`.
        title: By default what is drawn.
        origin: Where the data came from.
    """
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(2, 4, figsize=(11.6, 6.4), sharex=True, sharey=True)
    for ax, kind in zip(axes.flat, [*KINDS, ALL_KINDS], strict=True):
        stress_curve(curves, kind, ax, figure=figure)
    axes[1, 3].set_facecolor("#F5F5F5")
    for ax in axes[:, 0]:
        ax.set_ylabel(FIGURE_NAMES[figure])
    fig.supxlabel("share of letters obfuscated", fontsize=STYLE["font.size"], y=0.085, color=INK)
    lines = wrapped(origin, 11.0, ORIGIN_SIZE)
    top = 0.9 - 0.03 * max(0, len(lines) - 1)
    fig.subplots_adjust(left=0.065, right=0.99, top=top, bottom=0.165, wspace=0.09, hspace=0.24)
    title = title or f"{FIGURE_NAMES[figure]} under obfuscation, with and without normalisation"
    fig.text(0.012, 0.975, title, fontsize=STYLE["axes.titlesize"], fontweight="bold", color=INK)
    fig.text(0.012, 0.965, "\n".join(lines), fontsize=ORIGIN_SIZE, color=MUTED, va="top")
    fig.legend(handles=_handles(curves), loc="lower center", ncols=5, frameon=False, fontsize=10)
    return fig


def normalisation_effect(
    differences: Mapping[str, pd.DataFrame],
    ax: Axes | None = None,
    *,
    figure: str = "toxic_auroc",
    origin: str = "",
) -> Axes:
    """Normalised minus plain with intervals: as written, then the mean of the kinds at each share.

    Filled dots have an interval that excludes 0, hollow ones do not.

    Args:
        differences: By model, as `stress_differences` makes them.
        ax: Axes to draw on; new ones by default.
        figure: The figure to draw, of `FIGURE_NAMES`.
        origin: Where the data came from.
    """
    ax = new_axes(ax, 7.4, 4.4)
    ax.axhline(0, color=MUTED, linewidth=1.1)
    models = sorted(differences, key=lambda name: name == "tfidf")
    for number, model in enumerate(models):
        table = differences[model]
        table = table[(table["figure"] == figure) & table["kind"].isin([CLEAN.kind, ALL_KINDS])].sort_values("share")
        shares = table["share"].tolist()
        places = np.arange(len(table)) + 0.28 * (number - (len(models) - 1) / 2)
        colour = _colour(model)
        ax.vlines(places, table["low"], table["high"], color=colour, linewidth=2.2)
        faces = [
            colour if low > 0 or high < 0 else "white" for low, high in zip(table["low"], table["high"], strict=True)
        ]
        ax.scatter(places, table["difference"], s=46, c=faces, edgecolor=colour, linewidth=1.7, zorder=3)
        above = {"textcoords": "offset points", "xytext": (0, 4), "ha": "center", "fontsize": 8.5, "color": colour}
        for place, value, top in zip(places, table["difference"], table["high"], strict=True):
            ax.annotate(f"{value:+.3f}".replace("-", "\u2212"), (place, top), **above)
    ax.set_xticks(range(len(shares)), ["as written" if share == 0 else f"{100 * share:.0f}%" for share in shares])
    ax.set_xlim(-0.6, len(shares) - 0.4)
    ax.set_xlabel("share of letters obfuscated (mean of the seven kinds)")
    ax.set_ylabel(f"difference in {FIGURE_NAMES[figure]}")
    ax.yaxis.set_major_locator(MaxNLocator(6))
    handles = [Line2D([], [], color=_colour(model), marker="o", label=_name(model)) for model in models]
    ax.legend(handles=handles, loc="upper left", frameon=False, fontsize=9.5)
    bare(ax, grid="y")
    return titled(ax, f"What normalisation changes: {FIGURE_NAMES[figure]}", origin)


def _curve(figures: pd.DataFrame, kind: str, figure: str) -> tuple[list[float], list[float]]:
    """Shares and values of one curve, from the texts as they were written on."""
    clean = figures.loc[figures["kind"] == CLEAN.kind, figure]
    stressed = figures[figures["kind"] != CLEAN.kind]
    if kind != ALL_KINDS:
        stressed = stressed[stressed["kind"] == kind]
    by_share = stressed.groupby("share")[figure].mean()
    return [0.0, *by_share.index], [float(clean.iloc[0]), *by_share]


def _colour(model: str) -> str:
    return colours_of([model.removesuffix(SUFFIX)])[0]


def _name(model: str) -> str:
    plain = model.removesuffix(SUFFIX)
    return f"{MODEL_NAMES.get(plain, pretty(plain))}{', normalised' if model.endswith(SUFFIX) else ''}"


def _handles(curves: Mapping[str, pd.DataFrame]) -> list[Line2D]:
    plain = dict.fromkeys(model.removesuffix(SUFFIX) for model in curves)
    ordered = [name for name in MODEL_COLOURS if name in plain] + [name for name in plain if name not in MODEL_COLOURS]
    ordered.sort(key=lambda name: name == "tfidf")
    models = [
        Line2D([], [], color=_colour(name), linewidth=1.1 if name == "tfidf" else 2.4, label=_name(name))
        for name in ordered
    ]
    dashes = (0, (3.2, 1.6))
    return [
        *models,
        Line2D([], [], color=INK, linestyle="-", label="normalised first"),
        Line2D([], [], color=INK, linestyle=dashes, label="not normalised"),
    ]
