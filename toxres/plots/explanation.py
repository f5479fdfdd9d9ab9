"""Why a comment has its score, as a figure: its words on the colours of their values, in the lines they fill."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from toxres.colours import LEVELS, ink_on, shade
from toxres.errors import InputError
from toxres.explain.record import Explanation
from toxres.explain.told import Scale, checked, first_label, plain_text, scale_of, score_text, who
from toxres.plots.style import INK, MUTED, ORIGIN_SIZE, STYLE, new_axes, pretty, titled, wrapped
from toxres.plots.wordlines import PLACEHOLDER, Piece, drawable, word_lines

WIDTH, SIZE = 7.6, 10.5
"""Inches of a figure of its own, and points of its words."""

GRID_WIDTH, GRID_SIZE = 9.6, 10.0
"""The same of a grid."""

BAR_WIDTH, BAR_HEIGHT = 2.8, 0.12
"""Inches of a scale."""


def explanation_plot(
    explanations: Sequence[Explanation],
    ax: Axes | None = None,
    *,
    label: str,
    title: str | None = None,
    origin: str = "",
) -> Axes:
    """The words of one comment on patches coloured by their values, with the scale; one explanation under the other.

    Lines break where the comment's do and where the axes end; words not read by the model have a dashed frame. What the
    font cannot draw, and what would not show, is drawn as a box.

    Args:
        explanations: Of the same text, by several models or methods, or one.
        ax: Axes to draw on, whose size says how small the letters get; new ones by default, as high as they need be.
        label: The label whose values are drawn; explanations without it are left out.
        title: By default that this is what counts for the label.
        origin: Where the comment came from.

    Raises:
        InputError: No explanation, different comments, or a label that none of them explains.
    """
    explanations = checked(explanations)
    label = first_label(explanations, label)
    explanations = tuple(each for each in explanations if label in each.labels)
    title = title or f"What counts for “{pretty(label)}”"
    own = ax is None
    width, size, room = WIDTH - 0.2, SIZE, 0.0
    if own:
        ax = new_axes(None, WIDTH, _height(explanations, label, width, size) + (0.75 if origin else 0.5))
    ax.set_axis_off()
    titled(ax, drawable(title).replace("$", r"\$"), origin.replace("$", r"\$"))
    if not own:
        width, room = _room(ax)
        while size > 3 and (needed := _height(explanations, label, width, size)) > room:
            size *= min(0.97, (room / needed) ** 0.5)
    ax.set(xlim=(0, width), ylim=(-max(_height(explanations, label, width, size), room), 0))
    _draw(ax, explanations, label, width, size)
    return ax


def explanation_grid(
    rows: Sequence[Sequence[Explanation]], *, label: str, title: str | None = None, origin: str = ""
) -> Figure:
    """Comments one under the other, each explained by as many methods or models side by side.

    Args:
        rows: For each comment its explanations, which stand in columns.
        label: The label whose values are drawn.
        title: By default that this is what counts for the label.
        origin: Where the comments came from.

    Raises:
        InputError: No comment, one without explanations or with another number of them, or one in a row that is of
            another comment or does not explain the label.
    """
    grid = [checked(row) for row in rows]
    if len({len(row) for row in grid}) != 1:
        raise InputError("explanations: give at least one comment, and as many explanations of each")
    for row in grid:
        for each in row:
            each.of(label)
    columns, step = len(grid[0]), _step(GRID_SIZE)
    width = GRID_WIDTH / columns - 0.3
    bodies = [max(_height((each,), label, width, GRID_SIZE, bare=True) for each in row) for row in grid]
    lines = wrapped(origin, GRID_WIDTH - 0.2, ORIGIN_SIZE)
    above = 0.45 + 0.2 * len(lines)
    total = above + step + sum(bodies) + step * len(grid)
    with plt.rc_context(STYLE):
        fig = plt.figure(figsize=(GRID_WIDTH, total))
    ax = fig.add_axes((0, 0, 1, 1), xlim=(0, GRID_WIDTH), ylim=(-total, 0))
    ax.set_axis_off()
    _write(ax, 0.1, -0.27, drawable(title or f"What counts for “{pretty(label)}”"), 12.5, color=INK, fontweight="bold")
    for i, line in enumerate(lines):
        _write(ax, 0.1, -0.5 - 0.2 * i, line, ORIGIN_SIZE, color=MUTED)
    lefts = [0.1 + column * GRID_WIDTH / columns for column in range(columns)]
    for left, each in zip(lefts, grid[0], strict=True):
        _write(ax, left, -above - 0.7 * step, drawable(who(each)), GRID_SIZE + 0.5, color=INK, fontweight="bold")
    top = above + step
    for row, body in zip(grid, bodies, strict=True):
        for left, each in zip(lefts, row, strict=True):
            _write(ax, left, -top - 0.7 * step, score_text(each, label), GRID_SIZE * 0.9, color=MUTED)
            place = (left / GRID_WIDTH, 1 - (top + step + body) / total, width / GRID_WIDTH, body / total)
            cell = fig.add_axes(place, xlim=(0, width), ylim=(-body, 0))
            cell.set_axis_off()
            _draw(cell, (each,), label, width, GRID_SIZE, bare=True)
        top += step + body
    return fig


def _draw(
    ax: Axes, explanations: tuple[Explanation, ...], label: str, width: float, size: float, *, bare: bool = False
) -> None:
    """Draw explanations of one comment from the top of axes that are measured in inches; bare ones have no head."""
    top = 0.0
    for i, each in enumerate(explanations):
        scale = scale_of(explanations, each.method, label)
        for line in [] if bare else _head(each, label, width, size):
            _write(ax, 0, top - _step(size) * 0.7, line, size, color=INK, fontweight="bold")
            top -= _step(size)
        top -= _step(size) * 0.15
        top = _draw_lines(ax, each, scale.levels(each.of(label)), word_lines(each, width, size), top, size)
        if _ends_scale(explanations, i):
            _draw_scale(ax, scale, top, size)
            top -= _scale_height(size)
        top -= _step(size) * 0.35
    for line in _footnotes(explanations, width, size):
        _write(ax, 0, top - _step(size) * 0.4, line, size * 0.85, color=MUTED)
        top -= _step(size) * 0.85


@dataclass(frozen=True, repr=False)
class Picture:
    """An explanation that survives where HTML is stripped: an image, and plain text for those who cannot see it.

    Attributes:
        png: The image.
        text: Scores and strongest words.
    """

    png: bytes
    text: str

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


def static(
    explanations: Sequence[Explanation], labels: Sequence[str] | None = None, *, origin: str = "", dpi: int = 110
) -> Picture:
    """The twin of `toxres.explain.html.view` for exported notebooks and for viewers that remove styles.

    Args:
        explanations: Of the same text.
        labels: Drawn one under the other; by default the label that scores highest.
        origin: Where the comment came from.
        dpi: Resolution of the image.

    Raises:
        InputError: As in `explanation_plot`.
    """
    from PIL import Image

    explanations = checked(explanations)
    names = [first_label(explanations, name) for name in (labels or [None])]
    images = []
    for name in names:
        fig = explanation_plot(explanations, label=name, origin=origin).figure
        try:
            buffer = io.BytesIO()
            fig.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
        finally:
            plt.close(fig)
        images.append(buffer.getvalue())
    if len(images) > 1:
        parts = [np.asarray(Image.open(io.BytesIO(image)).convert("RGB")) for image in images]
        buffer = io.BytesIO()
        Image.fromarray(np.concatenate(parts)).save(buffer, format="png", dpi=(dpi, dpi))
        images = [buffer.getvalue()]
    return Picture(images[0], plain_text(explanations, names))


def _step(size: float) -> float:
    """Inches from one line to the next."""
    return size * 1.75 / 72


def _scale_height(size: float) -> float:
    return BAR_HEIGHT + 0.12 + 2.8 * size / 72


def _head(each: Explanation, label: str, width: float, size: float) -> list[str]:
    """Who says so, and the score, in lines; bold letters are about an eighth wider than others."""
    head = f"{who(each)}: {score_text(each, label)}"
    return wrapped(drawable(head), width / 1.13, size)


def _height(
    explanations: tuple[Explanation, ...], label: str, width: float, size: float, *, bare: bool = False
) -> float:
    lines = sum(
        (0 if bare else len(_head(each, label, width, size))) + len(word_lines(each, width, size)) + 0.5
        for each in explanations
    )
    lines += 0.85 * len(_footnotes(explanations, width, size))
    scales = sum(_ends_scale(explanations, i) for i in range(len(explanations)))
    return lines * _step(size) + scales * _scale_height(size)


def _ends_scale(explanations: tuple[Explanation, ...], i: int) -> bool:
    """Whether no later explanation has the method of the one at `i`, and so its scale."""
    return all(each.method != explanations[i].method for each in explanations[i + 1 :])


def _footnotes(explanations: tuple[Explanation, ...], width: float, size: float) -> list[str]:
    told = [drawable(f"Careful, {who(each)}: {each.note}") for each in explanations if each.note]
    if not all(each.read.all() for each in explanations):
        told.append("Dashed frame: a word that the model did not read.")
    text = explanations[0].text
    if PLACEHOLDER in drawable(text) and PLACEHOLDER not in text:
        told.append(f"{PLACEHOLDER}  a character that would not show here.")
    return [line for note in told for line in wrapped(note, width, size * 0.85)]


def _room(ax: Axes) -> tuple[float, float]:
    """Width and height of axes in inches, once the figure's layout is settled."""
    figure = ax.figure.get_figure(root=True)
    figure.draw_without_rendering()
    box = ax.get_window_extent()
    return box.width / figure.dpi, box.height / figure.dpi


def _draw_lines(
    ax: Axes, each: Explanation, levels: np.ndarray, lines: list[list[Piece]], top: float, size: float
) -> float:
    """Draw a comment's lines from `top` down; returns where they end."""
    for line in lines:
        base = top - _step(size) * 0.68
        for piece in line:
            if piece.word is None:
                if not piece.text.isspace():
                    _write(ax, piece.x, base, piece.text, size, color=INK, zorder=4)
            elif not each.read[piece.word]:
                frame = {"facecolor": "white", "edgecolor": MUTED, "linestyle": (0, (2, 2)), "linewidth": 0.075 * size}
                _write(ax, piece.x, base, piece.text, size, color=MUTED, bbox=frame | _BOX)
            else:
                level = int(levels[piece.word])
                patch = {"facecolor": shade(level), "edgecolor": "none", "linewidth": 0} | _BOX
                # Patches overlap where no space is between words: the stronger one is seen whole.
                above = {"color": ink_on(shade(level)), "zorder": 3 + abs(level) / (LEVELS + 1)}
                _write(ax, piece.x, base, piece.text, size, bbox=patch, **above)
        top -= _step(size)
    return top


_BOX = {"boxstyle": "round,pad=0.12,rounding_size=0.15"}


def _write(ax: Axes, x: float, y: float, text: str, size: float, **options) -> None:
    """Write at a place that is settled: the figure's layout need not make room for it."""
    settled = {"ha": "left", "va": "baseline", "parse_math": False, "in_layout": False}
    ax.text(x, y, text, fontsize=size, **settled, **options)


def _draw_scale(ax: Axes, scale: Scale, top: float, size: float) -> None:
    """A bar of the shades with the values of its ends, under `top`."""
    if scale.limit == 0:
        _write(ax, 0, top - _step(size) * 0.7, "Every value is 0.", size * 0.9, color=MUTED)
        return
    levels = np.arange(-LEVELS if scale.signed else 0, LEVELS + 1)
    edges = np.append(levels - 0.5, LEVELS + 0.5) * scale.limit / LEVELS
    colours = ListedColormap([shade(int(level)) for level in levels])
    place = [0.2, top - 0.1 - BAR_HEIGHT, BAR_WIDTH, BAR_HEIGHT]
    bar_ax = ax.inset_axes(place, transform=ax.transData)
    mappable = ScalarMappable(BoundaryNorm(edges, colours.N), colours)
    bar = ax.figure.colorbar(mappable, cax=bar_ax, orientation="horizontal", spacing="proportional")
    ticks = {0.0: "nothing", scale.limit: "raises" if scale.signed else "most"}
    if scale.signed:
        ticks = {-scale.limit: "lowers"} | ticks
    bar.set_ticks(list(ticks), labels=[f"{scale.told(value)}\n{meaning}" for value, meaning in ticks.items()])
    bar.minorticks_off()
    bar.ax.tick_params(length=0, pad=2, labelsize=size * 0.8, labelcolor=INK)
    bar.outline.set(edgecolor="#9A9A9A", linewidth=0.6)
