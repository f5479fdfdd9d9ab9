"""HateCheck: which functionalities a system fails, beside published systems and by the group that is talked about."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from toxres.data.functional import FUNCTIONALITIES
from toxres.evaluation.hatecheck import ALWAYS, PARTS, PUBLISHED, PUBLISHED_FUNCTIONALITIES
from toxres.plots.groups import readable_ink
from toxres.plots.style import BLUES, CYCLE, FAINT, INK, bare, new_axes, pretty, titled

PART_NAMES = {"total": "all cases", "hateful": "hateful", "non_hateful": "not hateful"}
"""What figures call the parts of HateCheck."""

MODEL_NAMES = {"tfidf": "TF-IDF", "baseline": "baseline", "custom": "custom", "custom_balanced": "custom, balanced"}
"""What figures call our models."""

_EMPTY = "#F0F0F0"


def functionality_matrix(ours: Mapping[str, pd.DataFrame], published: bool = True) -> pd.DataFrame:
    """Accuracy by functionality: a column a model of ours, then the published systems, NaN where not published.

    Args:
        ours: By model, `HateCheckResult.functionality`.
        published: With the published systems.
    """
    order = [code for code in FUNCTIONALITIES if any(code in table.index for table in ours.values())]
    columns = {name: table["accuracy"].reindex(order) for name, table in ours.items()}
    if published:
        for system in PUBLISHED:
            values = [PUBLISHED_FUNCTIONALITIES.get(code, {}).get(system, np.nan) for code in order]
            if not np.isnan(values).all():
                columns[system] = pd.Series(values, order)
    return pd.DataFrame(columns, index=pd.Index(order, name="functionality"))


def functionality_heatmap(
    matrix: pd.DataFrame, ax: Axes | None = None, *, ours: int | None = None, title: str | None = None, origin: str = ""
) -> Axes:
    """Accuracy in each functionality, in percent: a row a functionality, a column a system; darker is better.

    Functionalities whose cases are hateful have an H after their name. A line stands before the published systems.

    Args:
        matrix: Of `functionality_matrix`, or with a column a group of people; NaN is left blank.
        ax: Axes to draw on; new ones by default.
        ours: How many columns are ours, if others follow.
        title: By default that this is accuracy by functionality.
        origin: Where the data came from.
    """
    values = matrix.to_numpy(dtype=float)
    rows, columns = values.shape
    ax = new_axes(ax, 3.6 + 0.86 * columns, 1.6 + 0.27 * rows)
    image = ax.imshow(np.ma.masked_invalid(values), cmap=BLUES.with_extremes(bad=_EMPTY), vmin=0, vmax=1, aspect="auto")
    for i, j in np.argwhere(~np.isnan(values)):
        ink = readable_ink(image.to_rgba(values[i, j]))
        ax.text(j, i, f"{100 * values[i, j]:.0f}", ha="center", va="center", color=ink, fontsize=9)
    names = [_functionality(code) for code in matrix.index]
    ax.set_yticks(range(rows), names, fontsize=9)
    ax.set_xticks(range(columns), [_column(name) for name in matrix.columns], fontsize=9)
    ax.tick_params(length=0)
    kinds = [FUNCTIONALITIES[code].kind if code in FUNCTIONALITIES else code for code in matrix.index]
    for row in range(1, rows):
        if kinds[row] != kinds[row - 1]:
            ax.axhline(row - 0.5, color="white", linewidth=2.4)
    if ours is not None and 0 < ours < columns:
        ax.axvline(ours - 0.5, color=INK, linewidth=1.4)
    ax.spines[:].set_visible(False)
    ax.grid(False)
    return titled(ax, title or "HateCheck: accuracy by functionality, in % (H: the cases are hateful)", origin)


def group_matrix(cells: pd.DataFrame) -> pd.DataFrame:
    """Accuracy by functionality and group of people, for `functionality_heatmap`.

    Args:
        cells: `HateCheckResult.cells`: index (functionality, target), column `accuracy`.
    """
    table = cells["accuracy"].unstack("target")
    order = [code for code in FUNCTIONALITIES if code in table.index]
    return table.loc[order, sorted(table.columns, key=str.lower)]


def system_dots(
    ours: Mapping[str, pd.DataFrame],
    always: Mapping[str, float] | None = None,
    ax: Axes | None = None,
    *,
    title: str | None = None,
    origin: str = "",
) -> Axes:
    """Accuracy on hateful and on other cases and on all: a row a system, ours with intervals, the published below.

    Args:
        ours: By model, `HateCheckResult.overall`.
        always: Accuracy by part of calling every case hateful; None draws no such row.
        ax: Axes to draw on; new ones by default.
        title: By default what is drawn.
        origin: Where the data came from.
    """
    others: dict[str, Mapping[str, float]] = {**PUBLISHED, **({ALWAYS: always} if always else {})}
    names = [*ours, *others]
    ax = new_axes(ax, 7.8, 1.9 + 0.42 * len(names))
    colours = dict(zip(PARTS, (INK, CYCLE[1], CYCLE[0]), strict=True))
    shapes = dict(zip(PARTS, ("D", "o", "s"), strict=True))
    for row, name in enumerate(names):
        height = len(names) - 1 - row
        for k, part in enumerate(PARTS):
            at = height + 0.2 * (1 - k)
            if name in ours:
                value, low, high = ours[name].loc[part, ["accuracy", "low", "high"]].astype(float)
                ax.plot([100 * low, 100 * high], [at, at], color=colours[part], linewidth=1.8, zorder=2)
            else:
                value = others[name][part]
            face = colours[part] if name in ours else "white"
            style = {"marker": shapes[part], "s": 34, "facecolor": face, "edgecolor": colours[part], "zorder": 3}
            ax.scatter([100 * value], [at], label=PART_NAMES[part] if row == 0 else None, clip_on=False, **style)
    for row in range(1, len(names)):
        ax.axhline(row - 0.5, color=INK if row == len(others) else FAINT, linewidth=1)
    ax.set_yticks(range(len(names) - 1, -1, -1), [MODEL_NAMES.get(name, name) for name in names])
    ax.set_ylim(-0.55, len(names) - 0.45)
    ax.set_xlim(-2, 102)
    ax.set_xlabel("accuracy, % (ours filled, with 95% intervals; others as published)")
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=3, frameon=False, fontsize=9.5)
    bare(ax, grid="x")
    return titled(ax, title or "HateCheck: who finds hate, and who lets the rest be?", origin)


def _functionality(code: str) -> str:
    if code not in FUNCTIONALITIES:
        return pretty(code)
    item = FUNCTIONALITIES[code]
    return f"{item.name}  {'H' if item.hateful else '–'}"


def _column(name: str) -> str:
    """A system's name on at most two lines."""
    shown = MODEL_NAMES.get(name, str(name))
    return shown.replace("-", "-\n").replace(" ", "\n") if len(shown) > 9 else shown
