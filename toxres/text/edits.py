"""Edits of a text that keep, for every character, the span of the original text it stands for."""

import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Normalised(NamedTuple):
    """A normalised text and where each of its characters comes from.

    Attributes:
        text: The normalised text.
        spans: (len(text), 2) int32: start and end in the original text of every character. No span is empty, and both
            starts and ends never decrease.
    """

    text: str
    spans: np.ndarray

    def to_original(self, positions: np.ndarray) -> np.ndarray:
        """Spans in the original text of spans in the normalised one, both (K, 2); an empty text has (0, 0) only."""
        if not len(self.spans):
            return np.zeros_like(positions)
        last = len(self.spans) - 1
        starts = self.spans[np.clip(positions[:, 0], 0, last), 0]
        ends = self.spans[np.clip(positions[:, 1] - 1, 0, last), 1]
        return np.stack([starts, ends], axis=1)


class Edit(NamedTuple):
    """Characters `start` to `end` (at least one) become `text`, all of which stands for all of them."""

    start: int
    end: int
    text: str


def identity(text: str) -> Normalised:
    """The text as it is, every character standing for itself."""
    starts = np.arange(len(text) + 1, dtype=np.int32)
    return Normalised(text, np.stack([starts[:-1], starts[1:]], axis=1))


def apply_edits(before: Normalised, edits: Iterable[Edit]) -> Normalised:
    """Make ordered edits that do not overlap; spans go on pointing into the original text."""
    text, old = before
    pieces: list[str] = []
    spans: list[np.ndarray] = []
    done = 0
    for start, end, new in edits:
        pieces += text[done:start], new
        spans.append(old[done:start])
        if new:
            spans.append(np.array([[old[start, 0], old[end - 1, 1]]] * len(new), dtype=np.int32))
        done = end
    return Normalised("".join([*pieces, text[done:]]), np.concatenate([*spans, old[done:]]))


def token_edits(text: str, found: Iterable[tuple[int, int, str]]) -> list[Edit]:
    """Edits that put tokens for stretches of a text, with a space where a token would touch a word or another token."""
    edits: list[Edit] = []
    previous = -1
    for start, end, token in found:
        left = " " if start > 0 and start != previous and _touches(text[start - 1]) else ""
        right = " " if end < len(text) and _touches(text[end]) else ""
        edits.append(Edit(start, end, f"{left}{token}{right}"))
        previous = end
    return edits


def _touches(char: str) -> bool:
    return char.isalnum() or char in "_<>" or (not char.isascii() and unicodedata.category(char) in ("So", "Sk", "Cf"))
