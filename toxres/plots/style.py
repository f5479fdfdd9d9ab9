"""One look for every figure: fonts, colours, where the title and the data's origin stand, and how a figure is saved."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from toxres.colours import BLUE, DIVERGING, ORANGE
from toxres.errors import InputError
from toxres.files import ROOT, atomic_path
from toxres.labels import LABEL_COLOURS

INK, MUTED, FAINT = "#222222", "#666666", "#D9D9D9"
"""Text, secondary text, and lines that should not be seen first."""

BLUE_ORANGE = LinearSegmentedColormap.from_list("blue_orange", DIVERGING)
"""Diverging: blue is below the middle, orange above."""

BLUES = LinearSegmentedColormap.from_list("white_blue", ["#FFFFFF", "#CFE4F1", "#76B3D8", BLUE, "#003F66"])
"""Sequential."""

MODEL_COLOURS = {
    "tfidf": "#8C8C8C",
    "baseline": BLUE,
    "custom": ORANGE,
    "ulmfit": "#009E73",
    "custom_balanced": "#8C510A",
}
"""One colour a model, the same in every figure; other names take turns among `CYCLE`."""

CYCLE = (BLUE, ORANGE, "#009E73", "#CC79A7", "#8C8C8C", "#E69F00", "#000000", "#56B4E9", "#882255")
"""Colours for whatever is neither a label nor a named model."""

STYLE = {
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9A9A9A",
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.9,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "image.cmap": "viridis",
}
"""What `use_style` sets."""

FIGURES_VARIABLE = "TOXRES_FIGURES"
"""Environment variable that names the folder figures are saved to."""

ORIGIN_SIZE = 9.5
"""Points of the line under a title."""

MAX_BYTES = 300 * 1024
"""A saved figure is smaller than this; its resolution is lowered until it is."""


def use_style() -> None:
    """Set matplotlib's defaults for the session; a notebook calls it once, after its imports.

    The backend is loaded here. A notebook's makes figures show when a cell ends, by a setting that would be undone if
    the backend was loaded with the first figure, among settings that hold for that figure alone.
    """
    plt.switch_backend(matplotlib.get_backend())
    plt.rcParams.update(STYLE)


def figures_folder() -> Path:
    """Where figures are saved: `TOXRES_FIGURES`, else `build/figures` in the project's folder."""
    return Path(os.environ.get(FIGURES_VARIABLE) or ROOT / "build" / "figures")


def save_figure(fig: Figure, name: str, folder: str | Path | None = None, *, dpi: int = 120) -> Path:
    """Save `fig` as `<folder>/<name>.png`, atomically and smaller than 300 KiB; returns the path.

    Args:
        fig: The figure.
        name: Such as "03_pr_curves": letters, digits, dots, hyphens and underscores.
        folder: `figures_folder()` by default.
        dpi: Resolution to begin with.

    Raises:
        InputError: The name is a path, or holds other characters.
    """
    name = name.removesuffix(".png")
    if not name or name.startswith(".") or not all(letter.isalnum() or letter in "._-" for letter in name):
        raise InputError(f"figure name {name!r}: use letters, digits, '.', '-' and '_' only, such as '03_pr_curves'")
    path = Path(folder or figures_folder()) / f"{name}.png"
    with atomic_path(path) as temporary:
        for resolution in (dpi, dpi * 0.8, dpi * 0.6, dpi * 0.45):
            options = {"bbox_inches": "tight", "pad_inches": 0.12, "facecolor": "white", "metadata": {"Software": None}}
            fig.savefig(temporary, format="png", dpi=resolution, **options)
            if temporary.stat().st_size < MAX_BYTES:
                break
    return path


def new_axes(ax: Axes | None, width: float = 7.0, height: float = 4.2) -> Axes:
    """`ax`, or the axes of a new figure of this size in inches."""
    if ax is not None:
        return ax
    with plt.rc_context(STYLE):
        return plt.subplots(figsize=(width, height), layout="constrained")[1]


def titled(ax: Axes, title: str, origin: str) -> Axes:
    """Put the title above `ax`, and under it, in grey and as wide as the figure lets it, where the data came from."""
    font = {"fontsize": STYLE["axes.titlesize"], "fontweight": "bold", "color": INK}
    lines = wrapped(origin, _room(ax), ORIGIN_SIZE)
    ax.set_title(title, loc="left", pad=10 + 14 * len(lines), **font)
    if lines:
        above = {"xycoords": "axes fraction", "xytext": (0, 8), "textcoords": "offset points"}
        ax.annotate("\n".join(lines), (0, 1), color=MUTED, fontsize=ORIGIN_SIZE, **above)
    return ax


def wrapped(text: str, inches: float, size: float) -> list[str]:
    """`text` in lines of at most so many inches, broken between words; a word that is wider has a line of its own."""
    lines: list[str] = [text] if text else []
    if text and text_inches(text, size) > inches:
        lines = []
        for word in text.split():
            if lines and text_inches(f"{lines[-1]} {word}", size) <= inches:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
    return lines


def text_inches(text: str, size: float, family: str | None = None) -> float:
    """How wide a text of `size` points is, its longest line that is."""
    font, path = FontProperties(family=family, size=size), TextToPath()
    return max(path.get_text_width_height_descent(line, font, ismath=False)[0] for line in text.split("\n")) / 72


def _room(ax: Axes) -> float:
    """Inches from the left of the axes to the right of what belongs to them in the figure, as far as is known yet."""
    place = ax.get_subplotspec()
    columns = place.get_gridspec().ncols if place is not None else 1
    ticks = [text_inches(item.get_text(), item.get_size()) for item in ax.get_yticklabels() if item.get_text()]
    return ax.figure.get_figure(root=True).get_figwidth() / columns - max(ticks, default=0.4) - 0.4


def legend_outside(ax: Axes, **options) -> None:
    """Put the legend to the right of the data."""
    place = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "borderaxespad": 0.3}
    ax.legend(**({"frameon": False, "fontsize": 9.5} | place | options))


def legend_below(ax: Axes, *, ncols: int = 2) -> None:
    """Put the legend under the axis' own label."""
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=ncols, frameon=False, fontsize=9.5)


def bare(ax: Axes, *, grid: str | None = None) -> None:
    """Remove the upper and right spine, and all of the grid but that of axis `grid`."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    ax.grid(False)
    if grid:
        ax.grid(True, axis=grid, color=STYLE["grid.color"], linewidth=STYLE["grid.linewidth"])


def colours_of(names: Sequence[str]) -> list[str]:
    """A colour for each name: that of the label or model, others in turn."""
    taken = {MODEL_COLOURS[name] for name in names if name in MODEL_COLOURS}
    free: Iterator[str] = iter([colour for colour in CYCLE if colour not in taken] * (len(names) + 1))
    known = {**LABEL_COLOURS, **MODEL_COLOURS}
    return [known[name] if name in known else next(free) for name in names]


def pretty(label: str) -> str:
    """A label as it is written in a figure: `severe_toxic` without the underscore."""
    return str(label).replace("_", " ")


def percent(share: float) -> str:
    """A share as a percentage with two significant digits: 9.6%, 0.30%, 0.034%."""
    value = 100 * share
    if value == 0 or value >= 10:
        return f"{value:.0f}%"
    return f"{value:.1f}%" if value >= 1 else f"{value:#.2g}%"
