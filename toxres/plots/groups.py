"""Groups of sites: who transfers to whom, and which way of serving them wins where."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from toxres.evaluation.groups import POOLED, STRATEGY_NAMES
from toxres.plots.style import BLUE, BLUES, FAINT, INK, MUTED, ORANGE, bare, new_axes, pretty, titled

STRATEGY_COLOURS = {"own": ORANGE, POOLED: BLUE, "shared": "#009E73"}
"""One colour a way to serve several groups."""


def transfer_heatmap(
    matrix: pd.DataFrame,
    ax: Axes | None = None,
    *,
    metric: str = "AUROC",
    title: str | None = None,
    origin: str = "",
    less_is_better: bool = False,
) -> Axes:
    """Heatmap of a transfer matrix: a row is what was trained on, a column the group tested on; darker is better.

    A frame marks the cells in which a model is tested on its own group.

    Args:
        matrix: Of `evaluation.groups.transfer_matrix` or `bits_matrix`; NaN is drawn as a dash. Where it has columns
            `n` and `positives`, the share of positives stands under the group's name.
        ax: Axes to draw on; new ones by default.
        metric: What is measured.
        title: By default that this is who transfers to whom.
        origin: Where the data came from.
        less_is_better: For bits per character.
    """
    rows = list(dict.fromkeys(matrix.index.get_level_values("trained")))
    columns = list(dict.fromkeys(matrix.index.get_level_values("tested")))
    values = np.array([[matrix["score"].get((row, column), np.nan) for column in columns] for row in rows], float)
    ax = new_axes(ax, 2.6 + 1.55 * len(columns), 2.0 + 0.72 * len(rows))
    colours = (BLUES.reversed() if less_is_better else BLUES).with_extremes(bad="#F0F0F0")
    image = ax.imshow(np.ma.masked_invalid(values), cmap=colours, aspect="auto")
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            if np.isnan(values[i, j]):
                ax.text(j, i, "–", ha="center", va="center", color=MUTED, fontsize=11)
                continue
            ink = readable_ink(image.to_rgba(values[i, j]))
            ax.text(j, i - 0.12, f"{values[i, j]:.3f}", ha="center", va="center", color=ink, fontsize=11.5)
            cell = matrix.loc[(row, column)]
            told = f"[{cell['low']:.3f}, {cell['high']:.3f}]"
            ax.text(j, i + 0.24, told, ha="center", va="center", color=ink, fontsize=8.5)
            if row == column:
                frame = {"fill": False, "edgecolor": ORANGE, "linewidth": 2.2, "zorder": 3}
                ax.add_patch(_patch(j, i, **frame))
    ax.set_xticks(range(len(columns)), [_column_name(matrix, column) for column in columns])
    ax.set_yticks(range(len(rows)), [f"{pretty(row)}" for row in rows])
    ax.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    ax.tick_params(which="both", length=0)
    ax.grid(False)
    ax.grid(True, which="minor", color="white", linewidth=2)
    ax.spines[:].set_visible(False)
    ax.set_ylabel("trained on")
    ax.set_xlabel("tested on")
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.05, pad=0.03)
    bar.set_label(f"{metric} ({'less' if less_is_better else 'more'} is better)")
    if less_is_better:
        bar.ax.invert_yaxis()
    bar.outline.set_visible(False)
    return titled(ax, title or f"Who transfers to whom: {metric}", origin)


def _patch(column: int, row: int, **options):
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, **options)


def _column_name(matrix: pd.DataFrame, column: str) -> str:
    if "positives" not in matrix:
        return pretty(column)
    cell = matrix.xs(column, level="tested").iloc[0]
    return f"{pretty(column)}\n{100 * cell['positives'] / max(cell['n'], 1):.0f}% positive"


def readable_ink(colour: object) -> str:
    """White or ink, whichever has more contrast with a colour (relative luminance of WCAG 2.1)."""

    def luminance(rgb: tuple[float, ...]) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    ground, ink = luminance(to_rgb(colour)), luminance(to_rgb(INK))
    return "white" if 1.05 / (ground + 0.05) > (ground + 0.05) / (ink + 0.05) else INK


def strategy_dots(
    scores: pd.DataFrame,
    ax: Axes | None = None,
    *,
    metric: str = "AUROC",
    winners: Mapping[str, str] | None = None,
    chance: Mapping[str, float] | None = None,
    title: str | None = None,
    origin: str = "",
) -> Axes:
    """The strategies as dots with their intervals, a row a group; a dot is filled where it is shown to win.

    Args:
        scores: Index (strategy, group); columns `score`, `low`, `high`.
        ax: Axes to draw on; new ones by default.
        metric: What is measured.
        winners: Group to the strategy that is shown to be better than the others there.
        chance: Group to the score of guessing, drawn as a grey tick.
        title: By default what is compared.
        origin: Where the data came from.
    """
    strategies = list(dict.fromkeys(scores.index.get_level_values(0)))
    groups = list(dict.fromkeys(scores.index.get_level_values(1)))
    ax = new_axes(ax, 7.6, 2.2 + 0.85 * len(groups))
    rows = {group: len(groups) - 1 - i for i, group in enumerate(groups)}
    for row in range(len(groups) - 1):
        ax.axhline(row + 0.5, color=FAINT, linewidth=1)
    for i, strategy in enumerate(strategies):
        colour = STRATEGY_COLOURS.get(strategy, MUTED)
        label = STRATEGY_NAMES.get(strategy, pretty(strategy))
        for group, row in rows.items():
            if (strategy, group) not in scores.index:
                continue
            value, low, high = scores.loc[(strategy, group), ["score", "low", "high"]].astype(float)
            height = row + 0.24 * ((len(strategies) - 1) / 2 - i)
            ax.plot([low, high], [height, height], color=colour, linewidth=2.2, solid_capstyle="round", zorder=2)
            face = colour if (winners or {}).get(group) == strategy else "white"
            ax.scatter([value], [height], s=52, facecolor=face, edgecolor=colour, linewidth=1.8, zorder=3, label=label)
            place = {"xytext": (6, 0), "textcoords": "offset points", "va": "center", "fontsize": 8.8, "color": MUTED}
            ax.annotate(f"{value:.3f}", (high, height), **place)
            label = None
    for group, value in (chance or {}).items():
        ax.plot([value, value], [rows[group] - 0.4, rows[group] + 0.4], color=MUTED, linewidth=1.4, linestyle=":")
        place = {"xytext": (4, 0), "textcoords": "offset points", "va": "top", "fontsize": 8.8, "color": MUTED}
        ax.annotate("guessing", (value, rows[group] + 0.4), **place)
    ax.set_yticks(list(rows.values()), [pretty(group) for group in rows])
    ax.set_ylim(-0.6, len(groups) - 0.4)
    ax.margins(x=0.1)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(f"{metric} (filled: shown to be better than the others)")
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.45, -0.17), ncols=3, frameon=False, fontsize=9.5)
    bare(ax, grid="x")
    return titled(ax, title or f"One model a group, or one for all? {metric}", origin)
