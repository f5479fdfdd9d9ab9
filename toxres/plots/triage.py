"""What certainty buys, which promises hold, who waits, and where thresholds stop to fit."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from toxres.plots.style import BLUE, FAINT, INK, MODEL_COLOURS, MUTED, ORANGE, bare, legend_below, new_axes, titled
from toxres.triage.published import CMP, CMP_UNAIDED, UNCERTAINTY_BASELINES

METHOD_COLOURS = {"promised": BLUE, "tuned": ORANGE, "certainty": "#8C8C8C"}
METHOD_NAMES = {"promised": "promised", "tuned": "tuned", "certainty": "certainty at face value"}
WAY_COLOURS = {"local": ORANGE, "recalibrated": BLUE}
WAY_NAMES = {"local": "thresholds chosen anew", "recalibrated": "a third recalibrates the scores first"}
GREEN, PURPLE = "#009E73", "#882255"


def coverage_accuracy(
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    ax: Axes | None = None,
    *,
    names: Mapping[str, str] | None = None,
    promised: tuple[float, float] | None = None,
    target: float = 0.99,
    title: str = "What certainty buys",
    origin: str = "",
) -> Axes:
    """Accuracy of the automatic decisions against their share, with the published points.

    Args:
        curves: Model to `coverage` and `accuracy`, as of `triage.curves.coverage_curve`.
        ax: Axes to draw on; new ones by default.
        names: What models are called.
        promised: Coverage and accuracy that a promise comes to, drawn as a star.
        target: Accuracy at which a line is drawn.
        title: The title.
        origin: Where the data came from.
    """
    ax = new_axes(ax, 8.2, 5.2)
    colours = {**MODEL_COLOURS, "all": PURPLE, "pair": "#CC79A7"}
    for model, curve in curves.items():
        ax.plot(
            curve["coverage"], curve["accuracy"], color=colours.get(model, INK), label=(names or {}).get(model, model)
        )
    ax.axhline(target, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
    for loss, marker in (("BCE", "s"), ("focal loss", "D")):
        points = [anchor for anchor in UNCERTAINTY_BASELINES if anchor.name.endswith(loss)]
        ax.plot(
            [point.coverage for point in points],
            [point.accuracy for point in points],
            marker,
            color=INK,
            markerfacecolor="white",
            markersize=6,
            label=f"{points[0].name}, oracle reviewer (published)",
        )
    ax.annotate(
        "",
        (CMP.coverage, CMP.accuracy),
        (1.0, CMP_UNAIDED),
        arrowprops={"arrowstyle": "->", "color": FAINT, "linewidth": 1.4, "connectionstyle": "arc3,rad=0.12"},
    )
    ax.plot([1.0, CMP.coverage], [CMP_UNAIDED, CMP.accuracy], "o", color=INK, markersize=6, label="CMP (published)")
    if promised is not None:
        ax.plot(*promised, "*", color=PURPLE, markersize=15, markeredgecolor="white", label="promised, held-out rows")
        ax.annotate(f"{promised[0]:.0%} promised", promised, (9, 7), textcoords="offset points", color=PURPLE)
    ax.annotate("half at 99%: CMP", CMP[1:], (-2, -16), textcoords="offset points", ha="center", color=INK)
    ax.set(xlabel="decided automatically", ylabel="right among the decided", xlim=(0.38, 1.015), ylim=(0.925, 1.002))
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    bare(ax, grid="both")
    legend_below(ax)
    return titled(ax, title, origin)


def promises(
    splits: Mapping[str, Mapping[str, Sequence[float]]],
    ax: Axes | None = None,
    *,
    tolerated: float,
    what: str = "true error rate",
    title: str = "Promised and realised",
    origin: str = "",
) -> Axes:
    """How often which error was realised over many splits, by method, with the share above what is tolerated.

    Args:
        splits: Method to `coverage` and `error` of each split; None or NaN where nothing was decided.
        ax: Axes to draw on; new ones by default.
        tolerated: Share that is tolerated, a line.
        what: What the errors are.
        title: The title.
        origin: Where the data came from.
    """
    ax = new_axes(ax, 7.4, 4.4)
    errors = {method: np.array(values["error"], dtype=float) for method, values in splits.items()}
    most = max(float(np.nanmax(error)) for error in errors.values())
    bins = np.linspace(0, max(most, 1.5 * tolerated) * 1.02, 46)
    for method, error in errors.items():
        above = float(np.mean(np.nan_to_num(error) > tolerated))
        decided = float(np.mean(np.array(splits[method]["coverage"], dtype=float)))
        told = f"{METHOD_NAMES.get(method, method)}: {decided:.0%} decided, {above:.1%} of {len(error):,} above"
        colour = METHOD_COLOURS.get(method, INK)
        shares = np.full(len(error), 1 / len(error))
        ax.hist(error, bins, weights=shares, histtype="stepfilled", color=colour, alpha=0.3)
        ax.hist(error, bins, weights=shares, histtype="step", color=colour, linewidth=1.5, label=told)
    top = max(
        np.histogram(error, bins)[0].max() / len(error) for method, error in errors.items() if method != "certainty"
    )
    ax.axvline(tolerated, color=INK, linewidth=1.1, linestyle=(0, (4, 3)))
    ax.annotate(f"tolerated: {tolerated:.0%}", (tolerated, 0.97), (5, 0), xycoords=("data", "axes fraction"),
                textcoords="offset points", va="top", color=INK, fontsize=9.5)  # fmt: skip
    ax.set(xlabel=f"{what} of the decided", ylabel="share of the splits", xlim=(0, bins[-1]), ylim=(0, 1.45 * top))
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    bare(ax, grid="y")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), frameon=False, fontsize=9.5)
    return titled(ax, title, origin)


def audit_intervals(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    column: str = "harmless_reviewed",
    p_column: str = "harmless_p",
    reference: str = "none",
    xlabel: str = "harmless comments that wait for a person",
    title: str = "Who waits",
    origin: str = "",
) -> Axes:
    """A share of each part of the comments with its exact interval, the reference as a line, differences in orange.

    Args:
        table: As of `triage.audit.audit`.
        ax: Axes to draw on; new ones by default.
        column: The share.
        p_column: Its corrected p-value against the reference.
        reference: The part that others are compared with.
        xlabel: What the share is.
        title: The title.
        origin: Where the data came from.
    """
    rows = table[table[column].notna()].sort_values(column)
    ax = new_axes(ax, 7.4, 1.6 + 0.235 * len(rows))
    shown = (rows[p_column] < 0.05).to_numpy()
    for place, ((name, row), different) in enumerate(zip(rows.iterrows(), shown, strict=True)):
        colour = INK if name == reference else ORANGE if different else BLUE
        ax.plot([row[f"{column}_low"], row[f"{column}_high"]], [place, place], color=colour, linewidth=1.6, alpha=0.7)
        ax.plot(row[column], place, "o", color=colour, markersize=5)
    ax.axvline(table.loc[reference, column], color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    counted = rows["n"] - rows["violations"] if column.startswith("harmless") else rows["n"]
    titles = {"none": "no group mentioned", "any group": "any group mentioned"}
    names = [
        titles.get(name, f"{name.removeprefix('kind: ')}: any" if "kind: " in name else name) for name in rows.index
    ]
    labels = [f"{name} ({int(n):,})" for name, n in zip(names, counted, strict=True)]
    ax.set_yticks(range(len(rows)), labels, fontsize=9.5)
    ax.set(xlabel=xlabel, ylim=(-0.7, len(rows) - 0.3), xlim=(0, None))
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    bare(ax, grid="x")
    return titled(ax, title, origin)


def shift_errors(
    table: pd.DataFrame, ax: Axes | None = None, *, tolerated: float, home: str, title: str = "", origin: str = ""
) -> Axes:
    """The error of one group's thresholds on every group, with exact intervals and coverage.

    Args:
        table: As of `triage.shift.cross_table`.
        ax: Axes to draw on; new ones by default.
        tolerated: What was promised, a line.
        home: The group whose thresholds are applied.
        title: The title.
        origin: Where the data came from.
    """
    rows = table[table["calibrated_on"] == home].iloc[::-1]
    ax = new_axes(ax, 7.0, 2.9)
    for place, row in enumerate(rows.itertuples()):
        colour = ORANGE if row.low > tolerated else BLUE
        ax.plot([row.low, row.high], [place, place], color=colour, linewidth=2)
        ax.plot(row.error, place, "o", color=colour, markersize=7)
        told = f"{row.error:.1%} wrong, {row.coverage:.0%} decided"
        ax.annotate(told, (row.high, place), (8, 0), textcoords="offset points", va="center", color=INK, fontsize=9.5)
    ax.axvline(tolerated, color=INK, linewidth=1.1, linestyle=(0, (4, 3)))
    ax.set_yticks(range(len(rows)), [f"on {name}" for name in rows["applied_to"]])
    ax.set(
        xlabel=f"wrong among the decided (dashed: {tolerated:.0%} promised)",
        ylim=(-0.6, len(rows) - 0.4),
        xlim=(0, 1.45 * float(rows["high"].max())),
    )
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    bare(ax, grid="x")
    return titled(ax, title or f"Thresholds of {home} on other groups", origin)


def repair_curves(
    table: pd.DataFrame, ax: Axes | None = None, *, title: str = "What local labels repair", origin: str = ""
) -> Axes:
    """How much a group can decide again with its own labels, by their number: mean coverage, and draws with a promise.

    Args:
        table: As of `triage.shift.repair`.
        ax: Axes to draw on; new ones by default.
        title: The title.
        origin: Where the data came from.
    """
    ax = new_axes(ax, 7.0, 4.4)
    for way, colour in WAY_COLOURS.items():
        rows = table[table["way"] == way]
        ax.plot(rows["labels"], rows["coverage"], "o-", color=colour, label=f"{WAY_NAMES[way]}: decided")
        ax.plot(rows["labels"], rows["promised_share"], "o:", color=colour, mfc="white", lw=1.3,
                label=f"{WAY_NAMES[way]}: draws with a promise")  # fmt: skip
    ax.set_xscale("log")
    labels = sorted(set(table.loc[table["labels"] > 0, "labels"]))
    ax.set_xticks(labels, [f"{number:,}" for number in labels])
    ax.minorticks_off()
    ax.set(xlabel="local labels", ylabel="share", ylim=(-0.02, 1.04))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    bare(ax, grid="both")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=1, frameon=False, fontsize=9.5)
    return titled(ax, title, origin)


def cost_curves(
    costs: Mapping[str, Mapping[str, Sequence[float]]],
    ax: Axes | None = None,
    *,
    title: str = "What an error may cost",
    origin: str = "",
) -> Axes:
    """Mean cost of a comment, in reviews, against the share decided automatically; the cheapest point is marked.

    Args:
        costs: Cost of one error, in reviews, to `coverage` and `cost`, as of `triage.curves.cost_curve`.
        ax: Axes to draw on; new ones by default.
        title: The title.
        origin: Where the data came from.
    """
    ax = new_axes(ax, 7.0, 4.2)
    for (price, values), colour in zip(costs.items(), (BLUE, GREEN, ORANGE, INK), strict=False):
        coverage, cost = np.array(values["coverage"]), np.array(values["cost"])
        best = int(np.argmin(cost))
        ax.plot(coverage, cost, color=colour, label=f"an error costs {price} reviews")
        ax.plot(coverage[best], cost[best], "o", color=colour)
    ax.axhline(1, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
    ax.annotate("a person sees all", (0.01, 1), (0, 4), xycoords=("axes fraction", "data"), color=MUTED, fontsize=9.5,
                textcoords="offset points")  # fmt: skip
    ax.set(xlabel="decided automatically", ylabel="mean cost of a comment, in reviews", ylim=(0, 1.5))
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    bare(ax, grid="both")
    legend_below(ax, ncols=3)
    return titled(ax, title, origin)
