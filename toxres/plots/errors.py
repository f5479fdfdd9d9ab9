"""Where models disagree, on which comments they err, which label sets they confuse, which labels are doubtful."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.ticker import FuncFormatter

from toxres.evaluation.disagreement import OTHER
from toxres.plots.groups import readable_ink
from toxres.plots.hatecheck import MODEL_NAMES
from toxres.plots.style import (
    BLUE,
    BLUES,
    FAINT,
    INK,
    MUTED,
    ORANGE,
    bare,
    colours_of,
    legend_outside,
    new_axes,
    pretty,
    titled,
)

SLICE_NAMES = {
    "length": "characters",
    "group": "site",
    "labels": "true labels",
    "disguised": "spelling",
    "identity": "identity",
    "raters": "raters",
}
"""What figures call the ways in which comments are divided."""

_ALL_WRONG = "#4D4D4D"


def disagreement_bars(
    patterns: pd.DataFrame, ax: Axes | None = None, *, title: str | None = None, origin: str = ""
) -> Axes:
    """Who is right where not all are: a stacked bar a label, with the number of such comments.

    Args:
        patterns: Of `patterns_by_label`: columns `n`, "all right", "only A right", ..., "all wrong".
        ax: Axes to draw on; new ones by default.
        title: By default what is drawn.
        origin: Where the data came from.
    """
    shown = [name for name in patterns if name not in ("n", "all right")]
    models = [name.removeprefix("only ").removesuffix(" right") for name in shown if name.endswith(" right")]
    colours = dict(zip(models, colours_of(models), strict=True))
    ax = new_axes(ax, 9.4, 1.7 + 0.48 * len(patterns))
    rows, left = np.arange(len(patterns))[::-1], np.zeros(len(patterns))
    total = patterns[shown].sum(axis=1).to_numpy(dtype=float)
    for name in shown:
        share = np.divide(patterns[name].to_numpy(dtype=float), total, out=np.zeros(len(total)), where=total > 0)
        model = name.removeprefix("only ").rsplit(" ", 1)[0]
        wrong = name.endswith(" wrong") and model in colours
        colour = colours.get(model, _ALL_WRONG if name == "all wrong" else FAINT)
        hatch = {"hatch": "////", "facecolor": "white", "edgecolor": colour} if wrong else {"color": colour}
        ax.barh(rows, share, left=left, height=0.66, label=_pattern(name), linewidth=0.8, **hatch)
        for row, width, start, count in zip(rows, share, left, patterns[name], strict=True):
            if width > 0.045:
                ink = INK if wrong else readable_ink(colour)
                style = {"ha": "center", "va": "center", "fontsize": 8.8, "color": ink}
                box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none"} if wrong else None
                ax.text(start + width / 2, row, f"{count:,}", bbox=box, **style)
        left += share
    for row, count, n in zip(rows, total, patterns["n"], strict=True):
        ax.text(1.01, row, f"{count:,.0f} of {n:,}", va="center", fontsize=9, color=MUTED)
    ax.set_yticks(rows, [pretty(name) for name in patterns.index])
    ax.set_xlim(0, 1.16)
    ax.set_xticks(np.linspace(0, 1, 6), [f"{100 * tick:.0f}%" for tick in np.linspace(0, 1, 6)])
    ax.set_xlabel("share of the comments that not all models have right")
    ax.tick_params(axis="y", length=0)
    legend_outside(ax, bbox_to_anchor=(1.0, 0.5))
    bare(ax)
    return titled(ax, title or "Where the models disagree, at tuned thresholds", origin)


def _pattern(name: str) -> str:
    """A pattern with the models as figures name them."""
    for model, shown in MODEL_NAMES.items():
        name = name.replace(f"only {model} ", f"only {shown} ")
    return name


def slice_dots(
    slices: pd.DataFrame,
    ax: Axes | None = None,
    *,
    which: Sequence[str] | None = None,
    title: str | None = None,
    origin: str = "",
) -> Axes:
    """Share of comments that a model has wrong, by kind of comment: a row a kind, a dot a model with its interval.

    Args:
        slices: Of `errors_by_slice`.
        ax: Axes to draw on; new ones by default.
        which: Ways to divide comments, out of those that are there; all that have several values by default.
        title: By default what is drawn.
        origin: Where the data came from.
    """
    values = slices.groupby("slice", sort=False)["value"].nunique()
    chosen = list(which) if which is not None else values.index[values > 1].tolist()
    table = slices[slices["slice"].isin(chosen)]
    models = list(dict.fromkeys(table["model"]))
    keys = list(dict.fromkeys(zip(table["slice"], table["value"], strict=True)))
    rows = {key: len(keys) - 1 - place for place, key in enumerate(keys)}
    ax = new_axes(ax, 7.8, 1.7 + 0.34 * len(keys))
    for k, (model, colour) in enumerate(zip(models, colours_of(models), strict=True)):
        part = table[table["model"] == model]
        places = [
            rows[key] + 0.22 * ((len(models) - 1) / 2 - k) for key in zip(part["slice"], part["value"], strict=True)
        ]
        ax.hlines(places, part["low"], part["high"], color=colour, linewidth=1.8, zorder=2)
        ax.scatter(part["rate"], places, s=30, color=colour, zorder=3, label=MODEL_NAMES.get(model, model))
    names, counts = [], table.drop_duplicates(["slice", "value"]).set_index(["slice", "value"])["n"]
    for key in keys:
        names.append(f"{key[1]} ({counts[key]:,})")
    for above, below in itertools.pairwise(keys):
        edge = rows[above] - 0.5
        ax.axhline(edge, color=MUTED if above[0] != below[0] else FAINT, linewidth=0.9)
    for name in chosen:
        middle = np.mean([rows[key] for key in keys if key[0] == name])
        place = {"transform": ax.get_yaxis_transform(), "va": "center", "fontsize": 9, "color": MUTED}
        ax.text(1.015, middle, SLICE_NAMES.get(name, pretty(name)), **place)
    ax.set_yticks(range(len(keys) - 1, -1, -1), names)
    ax.set_ylim(-0.6, len(keys) - 0.4)
    ax.set_xlim(left=0)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))
    ax.set_xlabel("comments with at least one label wrong (95% intervals)")
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.45, -0.5 / (0.34 * len(keys))), ncols=3, frameon=False, fontsize=9.5
    )
    bare(ax, grid="x")
    return titled(ax, title or "On which comments the models err", origin)


def set_confusion_heatmap(
    table: pd.DataFrame, ax: Axes | None = None, *, title: str | None = None, origin: str = ""
) -> Axes:
    """Comments by true and by predicted label set: the number in a cell, the share of its row as the colour.

    A frame marks the cells in which the two are the same.

    Args:
        table: Of `set_confusion`.
        ax: Axes to draw on; new ones by default.
        title: By default what is drawn.
        origin: Where the data came from.
    """
    counts = table.to_numpy(dtype=float)
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    ax = new_axes(ax, 3.0 + 0.82 * table.shape[1], 2.4 + 0.48 * table.shape[0])
    image = ax.imshow(share, cmap=BLUES, norm=PowerNorm(0.7, 0, 1), aspect="auto")
    for i, j in np.argwhere(counts > 0):
        ink = readable_ink(image.to_rgba(share[i, j]))
        ax.text(j, i, f"{counts[i, j]:,.0f}", ha="center", va="center", fontsize=9.2, color=ink)
        if i == j and table.index[i] != OTHER:
            corners = [j - 0.5, j + 0.5, j + 0.5, j - 0.5, j - 0.5], [i - 0.5, i - 0.5, i + 0.5, i + 0.5, i - 0.5]
            ax.plot(*corners, color=ORANGE, linewidth=1.6, zorder=3, clip_on=False)
    ax.set_xticks(range(table.shape[1]), [str(name).replace("+", "\n+ ") for name in table.columns], fontsize=8.8)
    ax.set_yticks(
        range(table.shape[0]),
        [
            f"{str(name).replace('+', ' + ')} ({count:,.0f})"
            for name, count in zip(table.index, total[:, 0], strict=True)
        ],
        fontsize=8.8,
    )
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.grid(False)
    return titled(ax, title or "Which label sets are taken for which (shade: share of the row)", origin)


def label_error_bars(
    per_label: pd.DataFrame, ax: Axes | None = None, *, title: str | None = None, origin: str = ""
) -> Axes:
    """Labels that are probably wrong: to the left those given, to the right those missing.

    Args:
        per_label: `LabelErrors.per_label`: columns `n`, `positives`, `too_much`, `missing`.
        ax: Axes to draw on; new ones by default.
        title: By default what is drawn.
        origin: Where the data came from.
    """
    ax = new_axes(ax, 7.6, 1.8 + 0.46 * len(per_label))
    rows = np.arange(len(per_label))[::-1]
    ax.barh(rows, -per_label["too_much"], height=0.62, color=ORANGE, label="given, probably wrongly")
    ax.barh(rows, per_label["missing"], height=0.62, color=BLUE, label="missing, probably wrongly")
    for row, (_, values) in zip(rows, per_label.iterrows(), strict=True):
        given = f"{values['too_much']:.0f} of {values['positives']:,.0f}"
        style = {"textcoords": "offset points", "va": "center", "fontsize": 8.8, "color": MUTED}
        ax.annotate(given, (-values["too_much"], row), xytext=(-4, 0), ha="right", **style)
        ax.annotate(f"{values['missing']:.0f}", (values["missing"], row), xytext=(4, 0), ha="left", **style)
    most = max(1.0, float(per_label[["too_much", "missing"]].to_numpy().max()))
    ax.set_xlim(-1.4 * most, 1.25 * most)
    ax.axvline(0, color=INK, linewidth=1)
    ax.set_yticks(rows, [pretty(name) for name in per_label.index])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):,.0f}"))
    ax.set_xlabel("labels to review")
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.17), ncols=2, frameon=False, fontsize=9.5)
    bare(ax, grid="x")
    return titled(ax, title or "Labels that are probably wrong", origin)


def recovery_dots(
    trials: Mapping[str, pd.DataFrame],
    ax: Axes | None = None,
    *,
    row: str = "all labels",
    title: str | None = None,
    origin: str = "",
) -> Axes:
    """How well the search finds labels that were flipped on purpose: precision and recall of a trial each.

    Args:
        trials: By name, a table of `recovery`.
        ax: Axes to draw on; new ones by default.
        row: Of the tables.
        title: By default what is drawn.
        origin: Where the data came from.
    """
    ax = new_axes(ax, 7.6, 1.7 + 0.55 * len(trials))
    shown = {
        "recall": (BLUE, "o", "flipped labels that are flagged"),
        "precision": (ORANGE, "s", "flagged labels that were flipped"),
    }
    names = []
    for place, (name, table) in enumerate(trials.items()):
        height, values = len(trials) - 1 - place, table.loc[row]
        ax.plot([values["precision"], values["recall"]], [height, height], color=FAINT, linewidth=3, zorder=1)
        for key, (colour, marker, label) in shown.items():
            options = {"color": colour, "marker": marker, "s": 46, "zorder": 3}
            ax.scatter([values[key]], [height], label=label if place == 0 else None, **options)
            above = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center", "fontsize": 8.8, "color": colour}
            ax.annotate(f"{100 * values[key]:.0f}%", (values[key], height), **above)
        names.append(f"{name}\n{values['injected']:,.0f} flipped, {values['flagged']:,.0f} flagged")
    ax.set_yticks(range(len(trials) - 1, -1, -1), names, fontsize=9.2)
    ax.set_xlim(0, 1.03)
    ax.set_ylim(-0.5, len(trials) - 0.3)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="upper center", bbox_to_anchor=(0.4, -0.2), ncols=2, frameon=False, fontsize=9.5)
    bare(ax, grid="x")
    return titled(ax, title or "What the search for wrong labels is worth", origin)
