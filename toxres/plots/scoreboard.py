"""The scoreboard of explanations: do they point where people do, and does the score fall when their words are gone?"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from toxres.explain import METHODS
from toxres.plots.style import BLUE, CYCLE, FAINT, INK, MODEL_COLOURS, MUTED, ORANGE, bare, new_axes, pretty, titled

METHOD_STYLES = {
    "attention": (ORANGE, "-", "o"),
    "integrated_gradients": (BLUE, "-", "s"),
    "gradient_x_input": ("#56B4E9", "--", "D"),
    "occlusion": ("#009E73", "-", "^"),
    "shapley": ("#E69F00", "-", "p"),
    "lexicon": ("#8C8C8C", "--", "v"),
    "random": ("#000000", ":", "x"),
    "supervised": ("#CC79A7", "-.", "P"),
}
"""Colour, line and marker of each method: told apart without colours too."""

ALONE = "none"
"""In place of a model where no classifier is asked."""

MODEL_NAMES = {
    ALONE: "no classifier",
    "attention_bce": "attention, BCE",
    "attention_shallow": "attention, BCE, one layer",
    "cls_bce": "[CLS], BCE",
    "cls_focal": "[CLS], focal loss",
    "ulmfit": "ULMFiT",
}
"""What figures and sentences call models that are not called by their recipe."""


def plausibility_dots(
    scores: pd.DataFrame,
    ax: Axes | None = None,
    *,
    published: Mapping[str, Mapping[str, float]] | None = None,
    metric: str = "f1",
    title: str = "Do explanations point where people do?",
    origin: str = "",
) -> Axes:
    """Character F1 of every method and model with its interval, a row a method; published systems as diamonds.

    Args:
        scores: Index (model, method); columns `metric`, `low`, `high` (for "ap": `ap`, `ap_low`, `ap_high`).
        ax: Axes to draw on; new ones by default.
        published: Method to name of a system and its score, drawn in that method's row.
        metric: "f1" or "ap".
        title: Above the figure.
        origin: Where the data came from.
    """
    methods = [name for name in METHODS if name in scores.index.get_level_values(1)]
    models = list(dict.fromkeys(scores.index.get_level_values(0)))
    colours = dict(zip(models, model_colours(models), strict=True))
    rows: list[tuple[str, list[tuple]]] = []
    for method in methods:
        marks = [("ours", model, scores.loc[(model, method)]) for model in models if (model, method) in scores.index]
        marks += [("theirs", name, value) for name, value in ((published or {}).get(method, {})).items()]
        rows.append((method, marks))
    heights, top = [], 0.0
    for _, marks in rows:
        heights.append(top)
        top += len(marks) + 0.8
    ax = new_axes(ax, 8.6, 1.9 + 0.235 * top)
    ends = ("low", "high") if metric == "f1" else ("ap_low", "ap_high")
    told = set()
    for (_, marks), begin in zip(rows, heights, strict=True):
        for place, (kind, name, value) in enumerate(marks):
            y = begin + place
            if kind == "theirs":
                ax.scatter([value], [y], marker="D", s=36, facecolor="white", edgecolor=INK, linewidth=1.3, zorder=3)
                right, text = value, f"{value:.3f}  {name}"
            else:
                score, low, high = (float(value[column]) for column in (metric, *ends))
                ax.plot([low, high], [y, y], color=colours[name], linewidth=2.2, solid_capstyle="round", zorder=2)
                label = None if name in told else model_name(name)
                told.add(name)
                ax.scatter([score], [y], s=42, color=colours[name], edgecolor="white", zorder=3, label=label)
                right, text = high, f"{score:.3f}"
            place_ = {"xytext": (7, 0), "textcoords": "offset points", "va": "center", "fontsize": 8.8, "color": MUTED}
            ax.annotate(text, (right, y), **place_)
    for begin in heights[1:]:
        ax.axhline(begin - 0.9, color=FAINT, linewidth=1)
    centres = [begin + (len(marks) - 1) / 2 for (_, marks), begin in zip(rows, heights, strict=True)]
    ax.set_yticks(centres, [METHODS[method] for method in methods])
    ax.set_ylim(top - 0.9, -0.9)
    values = [float(mark[2]) if mark[0] == "theirs" else float(mark[2][ends[1]]) for _, marks in rows for mark in marks]
    ax.set_xlim(0, min(1.0, max(values)) * (1.42 if published else 1.12))
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(
        "character F1 (mean over posts)" if metric == "f1" else "average precision of words (mean over posts)"
    )
    if published:
        ax.scatter([], [], marker="D", s=36, facecolor="white", edgecolor=INK, linewidth=1.3, label="published")
    bare(ax, grid="x")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9.5)
    return titled(ax, title, origin)


def faithfulness_dots(
    scores: pd.DataFrame,
    ax: Axes | None = None,
    *,
    measure: str = "comprehensiveness",
    title: str | None = None,
    origin: str = "",
) -> Axes:
    """AOPC of one measure: a row a model, a marker a method, with intervals.

    Args:
        scores: Index (model, method), columns (measure, "score" | "low" | "high").
        ax: Axes to draw on; new ones by default.
        measure: "comprehensiveness" (more is better) or "sufficiency" (less is better).
        title: By default what is asked.
        origin: Where the data came from.
    """
    models = list(dict.fromkeys(scores.index.get_level_values(0)))
    methods = [name for name in METHODS if name in scores.index.get_level_values(1)]
    step = 0.8 / max(len(methods), 1)
    ax = new_axes(ax, 8.4, 1.9 + 0.19 * len(models) * (len(methods) + 1))
    for row, model in enumerate(models):
        if row:
            ax.axhline(row - 0.5, color=FAINT, linewidth=1)
        for place, method in enumerate(methods):
            if (model, method) not in scores.index:
                continue
            colour, _, marker = METHOD_STYLES[method]
            value, low, high = (float(scores.loc[(model, method), (measure, end)]) for end in ("score", "low", "high"))
            y = row + step * (place - (len(methods) - 1) / 2)
            ax.plot([low, high], [y, y], color=colour, linewidth=1.8, solid_capstyle="round", zorder=2)
            ax.scatter([value], [y], s=34, color=colour, marker=marker, zorder=3)
    for method in methods:
        colour, _, marker = METHOD_STYLES[method]
        ax.scatter([], [], s=34, color=colour, marker=marker, label=METHODS[method])
    ax.axvline(0, color=MUTED, linewidth=1)
    ax.set_yticks(range(len(models)), [model_name(model) for model in models])
    ax.set_ylim(len(models) - 0.45, -0.55)
    ax.tick_params(axis="y", length=0)
    better = "more" if measure == "comprehensiveness" else "less"
    ax.set_xlabel(f"{measure}, mean over bins ({better} is better)")
    questions = {
        "comprehensiveness": "Does the score fall when their words are deleted?",
        "sufficiency": "Does the score stay when their words alone are kept?",
    }
    bare(ax, grid="x")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9.5)
    return titled(ax, title or questions[measure], origin)


def deletion_curves(
    curves: Mapping[str, tuple[Sequence[float], ...]],
    ax: Axes | None = None,
    *,
    model: str = "",
    title: str | None = None,
    origin: str = "",
) -> Axes:
    """Mean probability against the share of words deleted, the most important first; lower is more faithful.

    The shares stand on a square-root axis, as the first words matter most.

    Args:
        curves: Method to S shares in [0, 1] and S mean probabilities, and the S lower and upper ends of their intervals
            where bands are to be drawn.
        ax: Axes to draw on; new ones by default.
        model: Named in the title.
        title: Instead of that.
        origin: Where the data came from.
    """
    ax = new_axes(ax, 8.2, 4.4)
    for method in (name for name in METHODS if name in curves):
        shares, probs, *ends = curves[method]
        colour, line, marker = METHOD_STYLES[method]
        style = {"color": colour, "linestyle": line, "marker": marker, "markersize": 5}
        places = np.sqrt(np.asarray(shares, dtype=float))
        ax.plot(places, probs, label=METHODS[method], **style)
        if ends:
            ax.fill_between(places, *ends, color=colour, alpha=0.13, linewidth=0)
    ticks = [0, 0.01, 0.05, 0.1, 0.2, 0.5, 1]
    ax.set_xticks(np.sqrt(ticks), [f"{100 * share:g}%" for share in ticks])
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(0, 1)
    ax.set_xlabel("words deleted, the most important first (square-root scale)")
    ax.set_ylabel("mean probability of toxic")
    bare(ax, grid="y")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9.5)
    return titled(ax, title or f"Deleting what matters{f' to “{model_name(model)}”' if model else ''}", origin)


def model_name(model: str) -> str:
    """What figures call a model."""
    return MODEL_NAMES.get(model) or pretty(model)


def model_colours(models: Sequence[str]) -> list[str]:
    """A colour for each model: its own, black where none is asked and there alone, others in turn."""
    named = MODEL_COLOURS | {ALONE: "#000000"}
    free = iter([colour for colour in CYCLE if colour not in named.values()] * (1 + len(models)))
    return [named[model] if model in named else next(free) for model in models]


def published_spans(rows: Sequence[Mapping], section: str = "spans.test") -> dict[str, dict[str, float]]:
    """Published character F1 by method and system, from the rows of `data/results/published.json`."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["section"] == section:
            for method, value in row["values"].items():
                found.setdefault(method, {})[row["name"]] = value
    return found
