"""Figures of a vocabulary and a language model: the words a site has of its own, and how well they are predicted."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from toxres.plots.style import BLUE, INK, MUTED, bare, colours_of, legend_outside, new_axes, text_inches, titled


def own_piece_bars(pieces: pd.DataFrame, ax: Axes | None = None, *, reference: str, origin: str = "") -> Axes:
    """How many comments hold each word that is one piece here, with the pieces it is elsewhere beside its bar.

    Args:
        pieces: From `toxres.vocabulary.own_pieces`.
        ax: Axes to draw on; new ones by default.
        reference: What the other vocabulary is called.
        origin: Where the data came from.
    """
    ax = new_axes(ax, 8.2, 0.9 + 0.235 * max(4, len(pieces)))
    places = np.arange(len(pieces))
    ax.barh(places, pieces["comments"], color=BLUE, height=0.72)
    for place, (count, split) in enumerate(zip(pieces["comments"], pieces["reference"], strict=True)):
        ax.annotate(
            split, (count, place), xytext=(5, 0), textcoords="offset points", va="center", color=MUTED, fontsize=9
        )
    longest = max((text_inches(split, 9) for split in pieces["reference"]), default=1.0)
    ax.set_xlim(0, max(pieces["comments"], default=1) * (1 + longest / 5.2))
    ax.set_yticks(places, pieces.index, fontsize=9.5)
    ax.set(ylim=(len(pieces) - 0.5, -0.5), xlabel=f"comments it stands in; in grey, how {reference} cuts it")
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    bare(ax, grid="x")
    return titled(ax, "Words that are one piece in the comments' own vocabulary", origin)


def tokens_per_word_bars(table: pd.DataFrame, ax: Axes | None = None, *, origin: str = "") -> Axes:
    """How many tokens a word takes: a group of bars a row of `table`, a bar a column (a tokenizer)."""
    ax = new_axes(ax, max(6.4, 1.6 + 0.75 * table.size), 3.8)
    width = 0.8 / table.shape[1]
    for index, (name, colour) in enumerate(zip(table.columns, colours_of(list(table.columns)), strict=True)):
        where = np.arange(len(table)) + (index - (table.shape[1] - 1) / 2) * width
        ax.bar(where, table[name], width * 0.92, color=colour, label=name)
        for x, value in zip(where, table[name], strict=True):
            ax.annotate(f"{value:.2f}", (x, value), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=9)
    ax.axhline(1, color=INK, linewidth=0.8, linestyle=":")
    ax.set_xticks(np.arange(len(table)), table.index)
    ax.tick_params(axis="x", length=0)
    ax.set(ylabel="tokens a word", ylim=(0, 1.12 * table.to_numpy().max()))
    legend_outside(ax)
    bare(ax, grid="y")
    return titled(ax, "How many tokens a word takes", origin)


def perplexity_curves(
    histories: Mapping[str, list[dict]], ax: Axes | None = None, *, measure: str = "per_token", origin: str = ""
) -> Axes:
    """Perplexity of held-out text after each epoch, a line a language model.

    Args:
        histories: By name, the `history` of a language model's record.
        ax: Axes to draw on; new ones by default.
        measure: A field of `toxres.models.perplexity.Perplexity`.
        origin: Where the data came from.
    """
    names = {"per_token": "perplexity of a token", "bits_per_character": "bits a character", "per_word": "of a word"}
    ax = new_axes(ax, 6.4, 3.8)
    for (name, history), colour in zip(histories.items(), colours_of(list(histories)), strict=True):
        epochs = [entry["epoch"] for entry in history]
        values = [entry["validation"][measure] for entry in history]
        ax.plot(epochs, values, "o-", color=colour, label=name, markersize=5)
        ax.annotate(
            f"{values[-1]:.3g}", (epochs[-1], values[-1]), xytext=(7, 0), textcoords="offset points", va="center"
        )
    ax.set(xlabel="epoch", ylabel=names.get(measure, measure.replace("_", " ")))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.margins(x=0.12)
    if len(histories) > 1:
        legend_outside(ax)
    bare(ax, grid="y")
    return titled(ax, "How surprised the model is by comments it has not read", origin)
