"""A comment's words in the lines of a figure: what its font can draw, how wide it is, and where a line ends."""

import functools
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from matplotlib.font_manager import FontProperties, findfont, get_font

from toxres.explain.characters import hidden_characters
from toxres.explain.record import Explanation
from toxres.plots.style import text_inches

PLACEHOLDER = "\u25a1"
"""Drawn for a character that the font lacks or that shows nothing."""


@dataclass(frozen=True)
class Piece:
    """A stretch of text on one line: x in inches from the left, and which word it belongs to, if any."""

    x: float
    width: float
    text: str
    word: int | None


def word_lines(each: Explanation, width: float, size: float) -> list[list[Piece]]:
    """The comment in lines: broken where it breaks, between words where a line is full, within a word that is wider.

    A line of a paragraph that begins in a script from right to left is set from the right.
    """
    lines, line, x = [], [], 0.0
    first_of_paragraph = 0

    def close() -> None:
        nonlocal line, x
        while line and line[-1].text.isspace():
            line.pop()
        lines.append(line)
        line, x = [], 0.0

    def paragraph() -> None:
        letters = "".join(piece.text for pieces in lines[first_of_paragraph:] for piece in pieces)
        strong = next((kind for kind in map(unicodedata.bidirectional, letters) if kind in ("L", "R", "AL")), "L")
        for k in range(first_of_paragraph if strong != "L" else len(lines), len(lines)):
            lines[k] = [replace(piece, x=width - piece.x - piece.width) for piece in lines[k]]

    for run in _runs(each):
        if run[0][0] == "\n":
            close()
            paragraph()
            first_of_paragraph = len(lines)
            continue
        widths = [_inches(text, size) for text, _ in run]
        if run[0][0].isspace() and x + sum(widths) > width:
            close()
            continue
        if x and x + sum(widths) > width:
            close()
        for (text, word), inches in zip(run, widths, strict=True):
            for part in [text] if x + inches <= width else text:
                inches = _inches(part, size)
                if x and x + inches > width:
                    close()
                line.append(Piece(x, inches, part, word))
                x += inches
    close()
    paragraph()
    return [_joined(pieces) for pieces in lines]


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Letters of a broken word put together again where they stand on one line."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and piece.word is not None and piece.word == last.word and piece.x >= last.x:
            joined[-1] = Piece(last.x, piece.x + piece.width - last.x, last.text + piece.text, last.word)
        else:
            joined.append(piece)
    return joined


def _runs(each: Explanation) -> Iterator[list[tuple[str, int | None]]]:
    """What stays together on a line: a run of spaces, a line break, or what stands between two of them."""
    hidden = hidden_characters(each.text)
    places, place = [], 0
    for word, (start, end) in enumerate(each.words):
        places += [(place, start, None), (start, end, word)]
        place = end
    run: list[tuple[str, int | None]] = []
    for start, end, word in [*places, (place, len(each.text), None)]:
        text = drawable(each.text, hidden, start, end)
        i = 0
        while i < len(text):
            j = i + 1
            if text[i] != "\n":
                while j < len(text) and text[j] != "\n" and text[j].isspace() == text[i].isspace():
                    j += 1
            if run and (text[i].isspace() or run[-1][0].isspace()):
                yield run
                run = []
            run.append((text[i:j], word))
            i = j
    if run:
        yield run


def _inches(text: str, size: float) -> float:
    """Width of a text with what its patch adds."""
    return size * _inches_a_point(text, tuple(FontProperties().get_family()))


@functools.lru_cache(maxsize=4096)
def _inches_a_point(text: str, families: tuple[str, ...]) -> float:
    return text_inches(text, 10, list(families)) / 10 + (0 if text.isspace() else 0.002)


def drawable(text: str, hidden: frozenset[int] | None = None, start: int = 0, end: int | None = None) -> str:
    """`text[start:end]` as the current font can draw it: a run of characters that would not show becomes one box.

    Joiners and variation selectors that the font lacks are left out, other characters it lacks become a box each.
    """
    hidden = hidden_characters(text) if hidden is None else hidden
    shown = []
    for i in range(start, len(text) if end is None else end):
        letter = text[i]
        if letter == "\r":
            continue
        if i in hidden:
            if i == start or i - 1 not in hidden:
                shown.append(PLACEHOLDER)
        elif letter in "\t\n" or _has_glyph(ord(letter), tuple(FontProperties().get_family())):
            shown.append("    " if letter == "\t" else letter)
        elif unicodedata.category(letter) not in ("Mn", "Cf"):
            shown.append(PLACEHOLDER)
    return "".join(shown)


@functools.lru_cache(maxsize=4096)
def _has_glyph(code: int, families: tuple[str, ...]) -> bool:
    return any(get_font(findfont(FontProperties(family=[family]))).get_char_index(code) for family in families)
