"""Figures of the data: how rare the labels are, which go together, how long comments are, where raters disagree."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.ticker import FuncFormatter, NullLocator, PercentFormatter
from mpl_toolkits.axes_grid1 import make_axes_locatable

from toxres.errors import InputError
from toxres.evaluation.arrays import as_targets, known, label_names, positives
from toxres.labels import JIGSAW_PREVALENCE
from toxres.plots.style import (
    BLUE,
    BLUES,
    FAINT,
    INK,
    MUTED,
    ORANGE,
    bare,
    colours_of,
    legend_below,
    new_axes,
    percent,
    pretty,
    titled,
)

SLATE, NO_LABEL = "#56707F", "#BDBDBD"
"""Bars that stand for no single label, and for comments without one."""


def prevalence_bars(
    targets: np.ndarray,
    ax: Axes | None = None,
    *,
    origin: str = "",
    published: Mapping[str, float] | None = JIGSAW_PREVALENCE,
    labels: Sequence[str] | None = None,
) -> Axes:
    """Share of positives of each label on a log scale, beside the published share of Jigsaw's full data.

    Args:
        targets: (N, L) in [0, 1], NaN unknown; soft targets count as positive at 0.5.
        ax: Axes to draw on; new ones by default.
        origin: Where the data came from.
        published: Share by label that a diamond marks; None draws none.
        labels: Names of the columns.
    """
    targets = as_targets(targets, labels)
    names = label_names(labels, targets.shape[1])
    count, support = positives(targets).sum(axis=0), known(targets).sum(axis=0)
    share = np.divide(count, support, out=np.full(len(names), np.nan), where=support > 0)
    ax = new_axes(ax, 7.6, 3.9)
    rows = np.arange(len(names))[::-1]
    floor = 10 ** np.floor(np.log10(np.nanmin(np.where(share > 0, share, np.nan), initial=1e-2)) - 0.2)
    drawn = np.nan_to_num(share)
    ax.barh(rows, np.maximum(drawn - floor, 0), left=floor, height=0.62, color=colours_of(names))
    for row, value, n, of in zip(rows, share, count, support, strict=True):
        told = f"{percent(value)}  ({n:,} of {of:,})" if of else "unknown"
        above = max(value, (published or {}).get(names[len(names) - 1 - row], 0)) if of else floor
        beside = {"xytext": (11, 0), "textcoords": "offset points", "va": "center"}
        ax.annotate(told, (max(above, floor), row), fontsize=9.5, **beside)
    marks = [(published[name], row) for name, row in zip(names, rows, strict=True) if name in (published or {})]
    if marks:
        style = {"marker": "D", "s": 46, "facecolor": "white", "edgecolor": INK, "linewidth": 1.4, "zorder": 3}
        ax.scatter(*zip(*marks, strict=True), label="Jigsaw's full data, as published", **style)
        legend_below(ax)
    ax.set_xscale("log")
    ax.set_xlim(floor, 1)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yticks(rows, [pretty(name) for name in names])
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("comments that carry the label (log scale)")
    bare(ax, grid="x")
    return titled(ax, "How rare each label is", origin)


def cooccurrence(targets: np.ndarray, labels: Sequence[str] | None = None) -> pd.DataFrame:
    """P(column | row): of the comments with the row's label and a known column, the share that has the column's too."""
    targets = as_targets(targets, labels)
    names = label_names(labels, targets.shape[1])
    has, is_known = positives(targets).astype(float), known(targets).astype(float)
    both, base = has.T @ has, has.T @ is_known
    share = np.divide(both, base, out=np.full(both.shape, np.nan), where=base > 0)
    return pd.DataFrame(share, index=names, columns=names)


def cooccurrence_heatmap(
    targets: np.ndarray, ax: Axes | None = None, *, origin: str = "", labels: Sequence[str] | None = None
) -> Axes:
    """Heatmap of `cooccurrence`: how often a comment with the row's label has the column's label too."""
    table = cooccurrence(targets, labels)
    names = list(table.index)
    counts = positives(as_targets(targets, labels)).sum(axis=0)
    ax = new_axes(ax, 7.2, 5.4)
    colours = BLUES.with_extremes(bad="#F0F0F0")
    image = ax.imshow(np.ma.masked_invalid(table), cmap=colours, vmin=0, vmax=1, aspect="auto")
    for row in range(len(names)):
        for column in range(len(names)):
            value = table.iat[row, column]
            told = "–" if np.isnan(value) else f"{100 * value:.0f}%"
            colour = "white" if value > 0.6 else (MUTED if row == column or np.isnan(value) else INK)
            ax.text(column, row, told, ha="center", va="center", color=colour, fontsize=10.5)
    ax.set_xticks(range(len(names)), [pretty(name).replace(" ", "\n") for name in names])
    ax.set_yticks(range(len(names)), [f"{pretty(name)} ({n:,})" for name, n in zip(names, counts, strict=True)])
    ax.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.tick_params(which="both", length=0)
    ax.grid(False)
    ax.grid(True, which="minor", color="white", linewidth=2)
    ax.spines[:].set_visible(False)
    ax.set_ylabel("a comment with this label (positives) …")
    ax.set_xlabel("… has this label too")
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.04, pad=0.02, format=PercentFormatter(1, decimals=0))
    bar.outline.set_visible(False)
    return titled(ax, "Which labels go together", origin)


def label_combinations(targets: np.ndarray, labels: Sequence[str] | None = None) -> pd.Series:
    """Comments by the tuple of labels they carry, most frequent first; only rows where every used label is known.

    A label that is unknown on all rows is left aside.

    Raises:
        InputError: No row knows every used label.
    """
    targets = as_targets(targets, labels)
    used = known(targets).any(axis=0)
    names = np.array(label_names(labels, targets.shape[1]))[used]
    rows = positives(targets[known(targets[:, used]).all(axis=1)][:, used])
    if not len(rows):
        raise InputError("label combinations: no comment has a known target for every label; pass one source at a time")
    found = pd.Series([tuple(names[row].tolist()) for row in rows], dtype=object)
    return found.value_counts(sort=True).rename("comments")


def upset_plot(
    targets: np.ndarray,
    ax: Axes | None = None,
    *,
    origin: str = "",
    max_combinations: int = 15,
    labels: Sequence[str] | None = None,
) -> Axes:
    """Label combinations as bars, and below them a matrix of which labels each one holds.

    After Lex et al. 2014 ("UpSet: visualization of intersecting sets").
    """
    counts = label_combinations(targets, labels)
    n_left_out = max(0, len(counts) - max_combinations)
    counts = counts.head(max_combinations)
    targets = as_targets(targets, labels)
    used = known(targets).any(axis=0)
    names = np.array(label_names(labels, targets.shape[1]))[used].tolist()
    totals = dict(zip(names, positives(targets).sum(axis=0)[used], strict=True))
    ax = new_axes(ax, 9.0, 5.6)
    places = np.arange(len(counts))
    ax.bar(places, counts, width=0.62, color=[SLATE if key else NO_LABEL for key in counts.index])
    for place, count in zip(places, counts, strict=True):
        ax.annotate(f"{count:,}", (place, count), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=9)
    ax.set_yscale("log")
    ax.set_ylim(0.7, counts.max() * 3)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.set_ylabel("comments (log scale)")
    ax.tick_params(axis="x", bottom=False, labelbottom=False)
    bare(ax, grid="y")

    matrix = make_axes_locatable(ax).append_axes("bottom", size="62%", pad=0.12, sharex=ax)
    rows = {name: len(names) - 1 - i for i, name in enumerate(names)}
    for row in rows.values():
        matrix.axhspan(row - 0.42, row + 0.42, color="#F6F6F6" if row % 2 else "white", zorder=0)
    matrix.scatter(np.repeat(places, len(rows)), list(rows.values()) * len(places), s=46, color="#DDDDDD", zorder=2)
    for place, key in zip(places, counts.index, strict=True):
        held = [rows[name] for name in key]
        if held:
            matrix.plot([place, place], [min(held), max(held)], color="#888888", linewidth=1.6, zorder=2)
            matrix.scatter([place] * len(held), held, s=70, color=colours_of(list(key)), zorder=3)
    matrix.set_yticks(list(rows.values()), [f"{pretty(name)} ({totals[name]:,})" for name in rows])
    matrix.set_ylim(-0.6, len(names) - 0.4)
    matrix.set_xlim(-0.6, len(counts) - 0.4)
    matrix.tick_params(axis="both", length=0, labelbottom=False)
    matrix.spines[:].set_visible(False)
    matrix.grid(False)
    note = f"grey bar: no label.  {n_left_out} rarer combinations not shown" if n_left_out else "grey bar: no label"
    matrix.set_xlabel(note, color=MUTED, fontsize=9.5)
    return titled(ax, "Which labels comments carry together", origin)


def cardinality_bars(
    targets: np.ndarray, ax: Axes | None = None, *, origin: str = "", labels: Sequence[str] | None = None
) -> Axes:
    """How many labels a comment carries, on a log scale; only rows where every used label is known."""
    counts = label_combinations(targets, labels)
    sizes = pd.Series(counts.to_numpy(), index=[len(key) for key in counts.index]).groupby(level=0).sum()
    ax = new_axes(ax, 6.4, 3.8)
    shade = BLUES(np.linspace(0.35, 0.95, max(len(sizes) - 1, 1)))
    colours = [NO_LABEL if size == 0 else shade[max(0, i - (0 in sizes.index))] for i, size in enumerate(sizes.index)]
    ax.bar(sizes.index, sizes, width=0.66, color=colours)
    for size, count in sizes.items():
        told = f"{count:,}\n{percent(count / sizes.sum())}"
        ax.annotate(told, (size, count), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=9.5)
    ax.set_yscale("log")
    ax.set_ylim(0.7, sizes.max() * 6)
    ax.set_xticks(sizes.index)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.set_xlabel("labels a comment carries")
    ax.set_ylabel("comments (log scale)")
    bare(ax, grid="y")
    return titled(ax, "How many labels at once", origin)


def length_histogram(
    lengths: np.ndarray | Mapping[str, np.ndarray],
    ax: Axes | None = None,
    *,
    cut: int | None = None,
    unit: str = "tokens",
    origin: str = "",
) -> Axes:
    """Lengths of comments on a log axis, with a line at `cut` and the share of comments that it cuts off.

    Args:
        lengths: (N,) whole numbers; or several, by name, drawn as outlines.
        ax: Axes to draw on; new ones by default.
        cut: Longest length that is kept whole.
        unit: What is counted.
        origin: Where the data came from.
    """
    series = dict(lengths) if isinstance(lengths, Mapping) else {"": lengths}
    series = {name: np.maximum(np.asarray(values, dtype=float), 1) for name, values in series.items()}
    top = max(values.max(initial=2) for values in series.values())
    edges = np.unique(np.round(np.geomspace(1, top + 1, 46))) - 0.5
    densities = [np.histogram(values, edges)[0] / len(values) / np.diff(np.log(edges)) for values in series.values()]
    ax = new_axes(ax, 7.4, 3.9)
    colours = colours_of(list(series)) if len(series) > 1 else [BLUE]
    for (name, values), density, colour in zip(series.items(), densities, colours, strict=True):
        told = f"{name}: {percent((values > cut).mean())} cut off" if cut and name else name
        filled = {"fill": True, "alpha": 0.85} if len(series) == 1 else {"linewidth": 1.8, "baseline": None}
        ax.stairs(density, edges, color=colour, label=told or None, **filled)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.set_xlabel(f"{unit} in a comment (log scale)")
    ax.set_ylabel("share of comments (density)")
    ax.tick_params(axis="y", length=0, labelleft=False)
    ax.set_ylim(0, ax.get_ylim()[1] * 1.12)
    if cut:
        ax.axvline(cut, color=ORANGE, linewidth=1.8, linestyle="--")
        told = f"{cut} {unit}"
        if len(series) == 1:
            told += f"\n{percent((next(iter(series.values())) > cut).mean())} cut off"
        point = {"xytext": (6, -4), "xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
        ax.annotate(told, (cut, 1), color="#B34B00", va="top", fontsize=10, **point)
    if len(series) > 1:
        legend_below(ax, ncols=3)
    bare(ax, grid="y")
    return titled(ax, f"How long comments are, in {unit}", origin)


def rater_disagreement(
    fractions: np.ndarray, ax: Axes | None = None, *, label: str = "toxic", origin: str = "", n_bins: int = 10
) -> Axes:
    """Histogram of rater fractions: unanimous comments at the ends, disagreement between (darker bars).

    Args:
        fractions: (N,) share of raters who gave the label; NaN is left out.
        ax: Axes to draw on; new ones by default.
        label: Its name.
        origin: Where the data came from.
        n_bins: Bars between 0 and 1; unanimous comments have bars of their own at 0 and 1.
    """
    values = np.asarray(fractions, dtype=float)
    values = values[~np.isnan(values)]
    split = (values > 0) & (values < 1)
    edges = np.linspace(0, 1, n_bins + 1)
    middle, _ = np.histogram(values[split], edges)
    ax = new_axes(ax, 7.0, 3.8)
    width, total = 1 / n_bins, max(len(values), 1)
    ends = [-0.75 * width, 1 + 0.75 * width]
    share = np.array([(values == 0).sum(), (values == 1).sum()]) / total
    (colour,) = colours_of([label])
    pale = tuple(0.35 * part + 0.65 for part in to_rgb(colour))
    ax.bar(ends, share, width * 0.88, color=[pale], label=f"unanimous ({percent(share.sum())})")
    told = f"raters differ ({percent(split.sum() / total)})"
    ax.bar(edges[:-1] + width / 2, middle / total, width * 0.88, color=colour, label=told)
    ax.axvline(0.5, color=MUTED, linewidth=1, linestyle=":")
    ax.set_xticks([ends[0], 0.25, 0.5, 0.75, ends[1]], ["none", "¼", "½", "¾", "all"])
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_xlabel(f"share of raters who said “{pretty(label)}”")
    ax.set_ylabel("comments")
    legend_below(ax)
    bare(ax, grid="y")
    ax.spines["left"].set_color(FAINT)
    return titled(ax, f"Where raters disagree: {pretty(label)}", origin)
