"""A comment's characters on a page: escaped, and none that hides, or that turns the text around it, works unseen."""

import html
import unicodedata
from collections.abc import Iterator

FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""Characters that show nothing though their category says letter, mark or symbol."""

MAX_MARKS = 4
"""Combining marks on one letter; more serve to cover the lines above and below."""

JOINERS = "\u200c\u200d"


def hidden_characters(text: str) -> frozenset[int]:
    """Places of characters that show nothing or rearrange others.

    Controls but tab and line feed, format characters (zero width, direction), line and paragraph separators, lone
    surrogates, noncharacters, fillers, and all but `MAX_MARKS` combining marks on a letter. Joiners and variation
    selectors stay where they do their work: in emoji, and between letters of scripts that join.
    """
    hidden, marks = set(), 0
    for i, letter in enumerate(text):
        if " " <= letter <= "~":
            marks = 0
            continue
        category = unicodedata.category(letter)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if letter in JOINERS:
            found = not _joins(text, i)
        elif "\ufe00" <= letter <= "\ufe0f":
            found = i == 0 or unicodedata.category(text[i - 1])[0] in "LZC"
        elif category in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            found = letter not in "\t\n"
        else:
            found = letter in FILLERS or "\U000e0100" <= letter <= "\U000e01ef" or _noncharacter(letter)
        if found or marks > MAX_MARKS:
            hidden.add(i)
    return frozenset(hidden)


def _joins(text: str, i: int) -> bool:
    """Whether a joiner at `i` stands between two emoji, or two letters of scripts from Arabic to Mongolian."""
    if not 0 < i < len(text) - 1:
        return False
    before, after = text[i - 1], text[i + 1]
    if text[i] == "\u200d" and unicodedata.category(after) == "So":
        return before == "\ufe0f" or unicodedata.category(before) in ("So", "Sk")
    return all("\u0600" <= letter <= "\u18ff" and unicodedata.category(letter)[0] in "LM" for letter in (before, after))


def _noncharacter(letter: str) -> bool:
    code = ord(letter)
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def pieces(text: str, hidden: frozenset[int], start: int = 0, end: int | None = None) -> Iterator[tuple[bool, str]]:
    """`text[start:end]` in pieces, each with whether all of its characters, or none, are hidden."""
    end = len(text) if end is None else end
    while start < end:
        stop = start + 1
        while stop < end and (stop in hidden) == (start in hidden):
            stop += 1
        yield start in hidden, text[start:stop]
        start = stop


def as_html(text: str, hidden: frozenset[int] | None = None, start: int = 0, end: int | None = None) -> str:
    """`text[start:end]` as HTML: escaped, and hidden characters as chips that tell their code points.

    A chip is `<span class="tx-char" data-char="200B" title="ZERO WIDTH SPACE">U+200B</span>`; `data-char` holds all
    code points it stands for, in hexadecimal, so that the text can be put together again. A carriage return before a
    line feed has an empty chip, any other is a line break.
    """
    hidden = hidden_characters(text) if hidden is None else hidden
    end = len(text) if end is None else end
    parts, place = [], start
    for is_hidden, piece in pieces(text, hidden, start, end):
        if not is_hidden:
            parts.append(html.escape(piece))
        elif set(piece) == {"\r"}:
            feed = text[place + len(piece) : place + len(piece) + 1] == "\n"
            breaks = "<br>" * (len(piece) - feed)
            parts.append(f'<span class="tx-return" data-char="{_codes(piece)}">{breaks}</span>')
        else:
            title = f"{_name(piece[0])}, not shown otherwise"
            parts.append(
                f'<span class="tx-char" data-char="{_codes(piece)}" title="{html.escape(title)}">{_chip(piece)}</span>'
            )
        place += len(piece)
    return "".join(parts)


def as_plain(text: str) -> str:
    """The text in one line, with hidden characters as [U+200B], for attributes, titles and terminals."""
    text = text.replace("\r", "\n")
    shown = pieces(text, hidden_characters(text))
    return " ".join("".join(f"[{_chip(piece)}]" if is_hidden else piece for is_hidden, piece in shown).split())


def name_html(name: str) -> str:
    """A name of a model or label: escaped, and isolated from the direction of the text around it."""
    return f"<bdi>{as_html(' '.join(str(name).split()))}</bdi>"


def _codes(piece: str) -> str:
    return " ".join(f"{ord(letter):X}" for letter in piece)


def _chip(piece: str) -> str:
    first = f"U+{ord(piece[0]):04X}"
    if len(set(piece)) == 1:
        return first if len(piece) == 1 else f"{first} ×{len(piece)}"
    return f"{first} and {len(piece) - 1} more"


def _name(letter: str) -> str:
    kinds = {"Cc": "control character", "Cs": "lone surrogate"}
    return unicodedata.name(letter, kinds.get(unicodedata.category(letter), "unnamed character")).lower()
