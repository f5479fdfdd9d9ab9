"""Figures of what a data set hides: what is cut off, what splits leak, who speaks alike, where raters differ."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from toxres.plots.comparison import group_comparison
from toxres.plots.data import rater_disagreement
from toxres.plots.style import (
    BLUES,
    INK,
    MUTED,
    ORANGE,
    STYLE,
    bare,
    colours_of,
    legend_outside,
    new_axes,
    percent,
    pretty,
    titled,
)


def truncation_curves(
    tables: Mapping[str, pd.DataFrame], ax: Axes | None = None, *, cut: int | None = None, origin: str = ""
) -> Axes:
    """Share of comments that are cut off (solid) and of tokens that are lost (dashed), by the length they are cut at.

    Args:
        tables: By source or group, as `toxres.data.statistics.truncation` makes them.
        ax: Axes to draw on; new ones by default.
        cut: The length in use, marked by a line.
        origin: Where the data came from.
    """
    ax = new_axes(ax, 7.8, 4.2)
    for (name, table), colour in zip(tables.items(), colours_of(list(tables)), strict=True):
        ax.plot(table.index, table["comments"], "o-", markersize=4, color=colour, label=pretty(name))
        ax.plot(table.index, table["tokens"], "--", linewidth=1.4, color=colour)
    ax.plot([], [], color=MUTED, label="comments cut off")
    ax.plot([], [], "--", linewidth=1.4, color=MUTED, label="tokens lost")
    lengths = sorted({length for table in tables.values() for length in table.index})
    ax.set_xscale("log", base=2)
    shown = [length for length in lengths if np.log2(length).is_integer()]
    ax.set_xticks(shown, [str(length) for length in shown])
    if cut is not None:
        ax.axvline(cut, color=ORANGE, linewidth=1.4, linestyle=":", label=f"cut at {cut}")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("tokens a comment is cut off at (log scale)")
    ax.set_ylabel("share")
    legend_outside(ax)
    bare(ax, grid="both")
    return titled(ax, "What a cut takes away", origin)


def share_bars(shares: pd.DataFrame, ax: Axes | None = None, *, quantity: str, title: str, origin: str = "") -> Axes:
    """Shares as horizontal bars with their values, a group of bars a row, a bar a column; zeros are written out.

    Args:
        shares: In [0, 1]; NaN is written as a dash.
        ax: Axes to draw on; new ones by default.
        quantity: What is measured.
        title: The title.
        origin: Where the data came from.
    """
    names = list(shares.columns)
    ax = new_axes(ax, 7.8, 1.5 + 0.34 * max(shares.size, 2))
    height = 0.78 / len(names)
    rows = np.arange(len(shares))[::-1]
    for i, (name, colour) in enumerate(zip(names, colours_of(names), strict=True)):
        values = shares[name].to_numpy(dtype=float)
        where = rows + ((len(names) - 1) / 2 - i) * height
        ax.barh(where, np.nan_to_num(values), height * 0.88, color=colour, label=pretty(name))
        for value, place in zip(values, where, strict=True):
            told = "–" if np.isnan(value) else percent(value)
            beside = {"xytext": (4, 0), "textcoords": "offset points", "va": "center", "fontsize": 9.5}
            ax.annotate(told, (np.nan_to_num(value), place), **beside)
    ax.set_yticks(rows, [pretty(name) for name in shares.index])
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(0, 1.18 * max(np.nanmax(shares.to_numpy(dtype=float), initial=0), 1e-3))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g}%"))
    ax.set_xlabel(quantity)
    legend_outside(ax)
    bare(ax, grid="x")
    return titled(ax, title, origin)


def vocabulary_heatmap(shares: pd.DataFrame, ax: Axes | None = None, *, origin: str = "") -> Axes:
    """How many words of one group (row) another one (column) has seen, as percentages in a heatmap.

    Args:
        shares: As `toxres.data.statistics.vocabulary_shares` makes them.
        ax: Axes to draw on; new ones by default.
        origin: Where the data came from.
    """
    ax = new_axes(ax, 2.6 + 1.05 * len(shares), 1.9 + 0.62 * len(shares))
    values = shares.to_numpy(dtype=float)
    lowest = np.floor(10 * values.min()) / 10
    image = ax.imshow(values, cmap=BLUES, vmin=lowest, vmax=1, aspect="auto")
    for row, column in np.ndindex(values.shape):
        value = values[row, column]
        colour = "white" if value > lowest + 0.6 * (1 - lowest) else INK
        ax.text(column, row, percent(value), ha="center", va="center", color=colour, fontsize=10.5)
    ax.set_xticks(range(len(shares.columns)), [pretty(name) for name in shares.columns])
    ax.set_yticks(range(len(shares)), [pretty(name) for name in shares.index])
    ax.set_xticks(np.arange(len(shares.columns) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(shares) + 1) - 0.5, minor=True)
    ax.tick_params(which="both", length=0)
    ax.grid(False)
    ax.grid(True, which="minor", color="white", linewidth=2)
    ax.spines[:].set_visible(False)
    size = f" ({shares.attrs['words']:,} running words each)" if "words" in shares.attrs else ""
    ax.set_xlabel(f"… that stand in the vocabulary of{size}")
    ax.set_ylabel("words in new comments of …")
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.05, pad=0.02, format=PercentFormatter(1, decimals=0))
    bar.outline.set_visible(False)
    return titled(ax, "Which words a group shares with another", origin)


def rater_panels(sources: Mapping[str, pd.DataFrame], *, label: str = "toxic") -> Figure:
    """`rater_disagreement` for each source whose targets are shares of raters, side by side; a note if there is none.

    Args:
        sources: Comments by name.
        label: Whose shares.
    """
    soft = {}
    for name, comments in sources.items():
        shares = comments[label].to_numpy(dtype=float)
        if ((shares > 0) & (shares < 1)).any():
            soft[name] = shares
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(
            1,
            max(len(soft), 1),
            figsize=(5.4 * max(len(soft), 1), 3.9),
            layout="constrained",
            squeeze=False,
            sharey=True,
        )
    for ax, (name, shares) in zip(axes[0], soft.items(), strict=False):
        rater_disagreement(shares, ax, label=label, origin=f"{name}, {(~np.isnan(shares)).sum():,} comments")
    if not soft:
        axes[0, 0].set_axis_off()
        note = "no source at hand says how its raters voted"
        axes[0, 0].text(0.5, 0.5, note, ha="center", va="center", color=MUTED, transform=axes[0, 0].transAxes)
        titled(axes[0, 0], f"Where raters disagree: {pretty(label)}", "no data")
    return fig


def spread_panels(spreads: Mapping[str, pd.DataFrame], *, origin: str = "") -> Figure:
    """How far average precision and F1 of one model differ by luck, a panel each: a row a label, a dot a test set.

    Args:
        spreads: By size of the test set, as `toxres.evaluation.chance.spread_by_label` makes them.
        origin: Where the counts came from.
    """
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(1, 2, figsize=(11.5, 5.8), layout="constrained", sharey=True)
    for ax, key, name in zip(axes, ("ap", "f1"), ("average precision", "F1"), strict=True):
        middle, low, high = (
            pd.DataFrame({size: table[f"{key}{end}"] for size, table in spreads.items()})
            for end in ("", "_low", "_high")
        )
        group_comparison(middle, ax, quantity=name, low=low, high=high)
        ax.set_xlim(-0.02, 1.02)
        titled(ax, f"{name[0].upper()}{name[1:]}: the middle 95%", origin if ax is axes[0] else " ")
    axes[0].get_legend().remove()
    return fig
