"""Figures that explain a mechanism rather than data: what the focal loss does, how pooling reads a comment."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from toxres.plots.style import BLUES, INK, MUTED, ORANGE, bare, legend_outside, new_axes, titled

GAMMAS = (0.0, 0.5, 1.0, 2.0, 5.0)
"""The focusing parameters that Lin et al. 2017 plot."""

NO_DATA = "computed, no data"


def focal_loss_values(p: np.ndarray, gamma: float) -> np.ndarray:
    """Focal loss of a positive that was given probability `p`: -(1 - p)^gamma log p (Lin et al. 2017, equation 4)."""
    p = np.asarray(p, dtype=np.float64)
    return -((1 - p) ** gamma) * np.log(p)


def focal_gradient_values(p: np.ndarray, gamma: float) -> np.ndarray:
    """|d loss / d logit| of a positive that was given probability `p`: (1 - p)^gamma (1 - p - gamma p log p)."""
    p = np.asarray(p, dtype=np.float64)
    return (1 - p) ** gamma * (1 - p - gamma * p * np.log(p))


def focal_gradient(ax: Axes | None = None, *, gammas: Sequence[float] = GAMMAS, origin: str = NO_DATA) -> Axes:
    """How hard a positive pulls on its logit, against the probability it was given; gamma 0 is cross-entropy."""
    ax = _by_gamma(ax, focal_gradient_values, gammas)
    ax.axvspan(0.5, 1, color="#F5F5F5", zorder=0)
    ax.annotate("already right", (0.75, 0.95), xycoords=("data", "axes fraction"), ha="center", va="top", color=MUTED)
    ax.annotate("still wrong", (0.25, 0.06), xycoords=("data", "axes fraction"), ha="center", color=MUTED)
    ax.set(ylabel="|d loss / d logit|")
    return titled(ax, "What gamma does to the gradient", origin)


def focal_loss(ax: Axes | None = None, *, gammas: Sequence[float] = GAMMAS, origin: str = NO_DATA) -> Axes:
    """The focal loss of a positive against the probability it was given; gamma 0 is cross-entropy."""
    ax = _by_gamma(ax, focal_loss_values, gammas)
    ax.set(ylabel="loss", ylim=(0, 5))
    return titled(ax, "What gamma does to the loss", origin)


def pooling_sketch(
    tokens: Sequence[str],
    weights: Mapping[str, Sequence[float]],
    ax: Axes | None = None,
    *,
    origin: str = "",
) -> Axes:
    """How much of each token's hidden state goes into the pooled vector, a strip a way of pooling.

    Args:
        tokens: T tokens of one comment.
        weights: T weights that sum to 1, by the name of the pooling, such as "[CLS]", "mean", "attention".
        ax: Axes to draw on; new ones by default.
        origin: Where tokens and weights came from.
    """
    table = np.array([list(values) for values in weights.values()], dtype=float)
    ax = new_axes(ax, max(6.0, 1.8 + 0.82 * len(tokens)), 1.2 + 0.62 * len(table))
    image = ax.imshow(table, cmap=BLUES, vmin=0, vmax=1, aspect="auto")
    for row, values in enumerate(table):
        for column, value in enumerate(values):
            told = f"{value:.2f}".removeprefix("0") if 0 < value < 1 else f"{value:.0f}"
            colour = "white" if value > 0.5 else (INK if value >= 0.005 else "#BBBBBB")
            ax.text(column, row, told, ha="center", va="center", fontsize=9.5, color=colour)
    ax.set_xticks(range(len(tokens)), tokens, family="monospace", fontsize=9.5)
    ax.set_yticks(range(len(table)), list(weights))
    ax.set_xticks(np.arange(len(tokens) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(table) + 1) - 0.5, minor=True)
    ax.tick_params(which="both", length=0)
    ax.grid(False)
    ax.grid(True, which="minor", color="white", linewidth=3)
    ax.spines[:].set_visible(False)
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.025, pad=0.015, label="weight")
    bar.outline.set_visible(False)
    return titled(ax, "Which tokens the pooled vector is made of", origin)


def _by_gamma(ax: Axes | None, curve, gammas: Sequence[float]) -> Axes:
    ax = new_axes(ax, 6.8, 4.0)
    p = np.linspace(1e-4, 1 - 1e-4, 800)
    shades = iter(np.linspace(0.3, 1.0, len(gammas)))
    for gamma in gammas:
        plain = gamma == 0
        colour = ORANGE if plain else BLUES(next(shades))
        told = "γ = 0 (cross-entropy)" if plain else f"γ = {gamma:g}"
        ax.plot(p, curve(p, gamma), color=colour, linewidth=2.4 if plain else 1.9, label=told)
    ax.set(xlim=(0, 1), xlabel="probability given to the true class")
    legend_outside(ax)
    bare(ax, grid="both")
    return ax
