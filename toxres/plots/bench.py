"""How many times faster than the alternatives, with the spread of the runs, and how much memory both take."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from toxres.plots.style import BLUE, FAINT, INK, MUTED, ORANGE, ORIGIN_SIZE, STYLE, bare, titled, wrapped

ROW_INCHES = 0.3


def bench_panels(results: Mapping[str, Mapping], order: Sequence[str] = (), *, origin: str = "") -> Figure:
    """All measurements that have an alternative: a row each, the ratio on the left, memory on the right.

    Args:
        results: As in `data/results/bench.json`.
        order: Of the benchmarks; others follow.
        origin: Where and when it was measured.
    """
    rows = paired(results, order)
    with plt.rc_context(STYLE):
        fig, (left, right) = plt.subplots(
            1, 2, figsize=(11.5, 2.2 + ROW_INCHES * max(6, len(rows))), sharey=True, layout="constrained",
            width_ratios=(3, 2),
        )  # fmt: skip
    ratio_plot(rows, left)
    memory_plot(rows, right)
    lines = wrapped(origin, 11.0, ORIGIN_SIZE)
    fig.suptitle("\n".join(lines), x=0.008, ha="left", fontsize=ORIGIN_SIZE, color=MUTED)
    return fig


def paired(results: Mapping[str, Mapping], order: Sequence[str] = ()) -> list[Mapping]:
    """The measurements that have an alternative, in the order of the benchmarks; not those that have to reach a value
    of their own, such as the seconds of an import, whose ratio says little."""
    names = [*(name for name in order if name in results), *(name for name in results if name not in order)]
    return [each for name in names for each in results[name]["measurements"] if _is_ratio(each)]


def _is_ratio(each: Mapping) -> bool:
    return each["ratio"] is not None and (each["target"] is None or each["target"]["of"] == "ratio")


def ratio_plot(rows: Sequence[Mapping], ax: Axes) -> Axes:
    """How many times better each is: median of the pairs, from the worst to the best pair; diamonds are targets, and
    what is slower, or misses its target, is orange.

    Args:
        rows: Measurements, from the top.
        ax: Axes to draw on.
    """
    for place, row in enumerate(rows):
        colour = ORANGE if row["ratio"] < 1 or row["reached"] is False else BLUE
        ax.plot([row["ratio_low"], row["ratio_high"]], [place, place], color=colour, alpha=0.45, linewidth=4, zorder=2)
        ax.scatter(row["ratio"], place, s=38, color=colour, zorder=4)
        target = row["target"]
        if target is not None and target["of"] == "ratio":
            ax.scatter(target["value"], place, s=44, marker="D", facecolor="none", edgecolor=INK, zorder=3)
        beside = {"xytext": (8, 0), "textcoords": "offset points", "va": "center", "fontsize": 9, "color": INK}
        ax.annotate(times(row["ratio"]), (max(row["ratio_high"], row["ratio"]), place), **beside)
    ax.axvline(1, color=MUTED, linewidth=1)
    ax.set_xscale("log")
    low = min([0.9, *(row["ratio_low"] for row in rows)])
    high = max([2.0, *(row["ratio_high"] for row in rows)])
    ax.set_xlim(low / 1.15, high * 1.7)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yticks(range(len(rows)), [row["name"] for row in rows], fontsize=9)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlabel("times better than the alternative (log scale)")
    bare(ax, grid="x")
    return titled(ax, "Speed", "median pair, worst to best pair; diamond: target")


def memory_plot(rows: Sequence[Mapping], ax: Axes) -> Axes:
    """Peak memory of both, joined by a line.

    Args:
        rows: Measurements, from the top.
        ax: Axes to draw on.
    """
    for place, row in enumerate(rows):
        ours, theirs = row["memory_ours"], row["memory_theirs"]
        if ours is None or theirs is None:
            continue
        ax.plot([ours, theirs], [place, place], color=FAINT, linewidth=2, zorder=1)
        ax.scatter(theirs, place, s=32, facecolor="white", edgecolor=MUTED, linewidth=1.5, zorder=3)
        ax.scatter(ours, place, s=32, color=BLUE, zorder=4)
    ax.scatter([], [], s=32, color=BLUE, label="toxres")
    ax.scatter([], [], s=32, facecolor="white", edgecolor=MUTED, linewidth=1.5, label="alternative")
    ax.set_xlim(left=0)
    ax.set_xlabel("MiB")
    ax.tick_params(axis="y", labelleft=False)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -1.9 / max(4, len(rows))), ncols=2, frameon=False)
    bare(ax, grid="x")
    return titled(ax, "Peak memory", "of the process that does the work")


def times(ratio: float) -> str:
    """A ratio as it is said: 5.4x, 0.8x, 120x."""
    return f"{ratio:,.0f}x" if ratio >= 20 else f"{ratio:.3g}x" if ratio < 1 else f"{ratio:.1f}x"
