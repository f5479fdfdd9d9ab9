"""Bias by identity term: the three areas under the curve, and harmless sentences that are flagged."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from toxres.data.identity_terms import KINDS
from toxres.evaluation.identity import AREA_NAMES, AREAS
from toxres.plots.hatecheck import MODEL_NAMES
from toxres.plots.style import (
    FAINT,
    INK,
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


def term_order(tables: Mapping[str, pd.DataFrame], kinds: Mapping[str, str]) -> list[str]:
    """Terms by kind, within a kind from the most to the least biased: by the mean of the areas over the models."""
    mean = pd.concat([table[list(AREAS)] for table in tables.values()]).groupby(level=0).mean().mean(axis=1)
    order = list(dict.fromkeys([*KINDS, *kinds.values()]))
    return sorted(mean.index, key=lambda term: (order.index(kinds[term]), mean[term]))


def bias_dots(
    tables: Mapping[str, pd.DataFrame],
    kinds: Mapping[str, str],
    *,
    areas: Sequence[str] = AREAS,
    title: str | None = None,
    origin: str = "",
) -> Figure:
    """The areas of each term with their intervals: a panel an area, a row a term, a dot a model.

    Args:
        tables: By model, `bias_table` without its row "overall".
        kinds: Term to its kind; terms of a kind stand together.
        areas: Panels, out of `AREAS`.
        title: By default what is drawn.
        origin: Where the data came from.
    """
    terms = term_order(tables, kinds)
    height = 1.9 + (0.1 + 0.08 * len(tables)) * len(terms)
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(1, len(areas), figsize=(2.2 + 3.3 * len(areas), height), sharey=True, squeeze=False)
    colours = dict(zip(tables, colours_of(list(tables)), strict=True))
    for ax, area in zip(axes[0], areas, strict=True):
        for k, (model, table) in enumerate(tables.items()):
            shift = 0.24 * ((len(tables) - 1) / 2 - k)
            rows = table.reindex(terms)
            places = np.arange(len(terms))[::-1] + shift
            ends = {"colors": colours[model], "linewidth": 1.4, "alpha": 0.55, "zorder": 2}
            ax.hlines(places, rows[f"{area}_low"], rows[f"{area}_high"], **ends)
            ax.scatter(rows[area], places, s=15, color=colours[model], zorder=3)
        for row in range(1, len(terms)):
            if kinds[terms[row]] != kinds[terms[row - 1]]:
                ax.axhline(len(terms) - row - 0.5, color=MUTED, linewidth=0.9)
        ax.set_title("\n".join(wrapped(AREA_NAMES[area], 3.0, 10)), fontsize=10, loc="left", pad=5)
        ax.set_ylim(-0.7, len(terms) - 0.3)
        ax.set_yticks(range(len(terms) - 1, -1, -1), terms, fontsize=8.5)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("AUROC")
        bare(ax, grid="x")
    _kind_names(axes[0, -1], terms, kinds)
    lines = wrapped(origin, 1.6 + 3.3 * len(areas), ORIGIN_SIZE)
    above = 0.62 + 0.2 * len(lines) + 0.35
    fig.subplots_adjust(left=0.115, right=0.925, top=1 - above / height, bottom=0.82 / height, wspace=0.06)
    fig.text(0.012, 1 - 0.3 / height, title or "Bias by identity term", fontsize=12.5, fontweight="bold", color=INK)
    place = {"fontsize": ORIGIN_SIZE, "color": MUTED, "va": "top"}
    fig.text(0.012, 1 - 0.4 / height, "\n".join(lines), **place)
    handles = [Line2D([], [], color=colours[name], marker="o", label=MODEL_NAMES.get(name, name)) for name in tables]
    fig.legend(handles=handles, loc="lower center", ncols=len(tables), frameon=False, fontsize=9.5)
    return fig


def _kind_names(ax: Axes, terms: Sequence[str], kinds: Mapping[str, str]) -> None:
    """Name the kinds to the right of the last panel, each beside its terms."""
    for kind in dict.fromkeys(kinds[term] for term in terms):
        rows = [len(terms) - 1 - row for row, term in enumerate(terms) if kinds[term] == kind]
        style = {"rotation": 270, "ha": "left", "va": "center", "fontsize": 9, "color": MUTED}
        if len(rows) * 0.3 < 0.09 * len(kind):  # too short a stretch for the name to run along it
            style |= {"rotation": 0}
        ax.text(1.02, (max(rows) + min(rows)) / 2, kind, transform=ax.get_yaxis_transform(), **style)


def flagged_bars(
    rates: Mapping[str, pd.DataFrame],
    ax: Axes | None = None,
    *,
    last: str = "control",
    title: str | None = None,
    origin: str = "",
) -> Axes:
    """Share of harmless sentences that are flagged, by kind of group: a bar a model with its interval.

    Args:
        rates: By model, `false_positives`: index kinds, columns `n`, `rate`, `low`, `high`.
        ax: Axes to draw on; new ones by default.
        last: The kind of people who belong to no group, drawn apart at the bottom.
        title: By default what is drawn.
        origin: Where the data came from.
    """
    first = next(iter(rates.values()))
    kinds = [kind for kind in first.index if kind != last] + [kind for kind in first.index if kind == last]
    height = (0.16 + 0.17 * len(rates)) * len(kinds)
    ax = new_axes(ax, 7.4, 1.7 + height)
    step = 0.8 / len(rates)
    for k, (model, colour) in enumerate(zip(rates, colours_of(list(rates)), strict=True)):
        rows = rates[model].reindex(kinds)
        places = np.arange(len(kinds))[::-1] + step * ((len(rates) - 1) / 2 - k)
        ax.barh(places, rows["rate"], height=0.86 * step, color=colour, label=MODEL_NAMES.get(model, model), zorder=2)
        ax.hlines(places, rows["low"], rows["high"], color=INK, linewidth=1.1, zorder=3)
        for place, rate, high in zip(places, rows["rate"], rows["high"], strict=True):
            style = {"xytext": (4, 0), "textcoords": "offset points", "va": "center", "fontsize": 8.5, "color": MUTED}
            ax.annotate(f"{100 * rate:.0f}%", (high, place), **style)
    for row in range(len(kinds) - 1):
        ax.axhline(row + 0.5, color=INK if row == 0 and last in kinds else FAINT, linewidth=1)
    names = [f"{'no group' if kind == last else pretty(kind)} ({first.loc[kind, 'n']:,.0f})" for kind in kinds]
    ax.set_yticks(range(len(kinds) - 1, -1, -1), names)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))
    ax.set_xlim(0, min(1.12, 1.14 * max(0.02, *(rows["high"].max() for rows in rates.values()))))
    ax.set_xlabel("share of harmless sentences flagged (95% intervals)")
    below = (0.45, -0.6 / (0.9 * height))
    ax.legend(loc="upper center", bbox_to_anchor=below, ncols=len(rates), frameon=False, fontsize=9.5)
    bare(ax, grid="x")
    return titled(ax, title or "Neutral sentences about people that are flagged", origin)
