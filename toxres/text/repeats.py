"""Steps for what is written again and again: letters, syllables, punctuation; white space."""

import functools
import re

import numpy as np

from toxres.text.edits import Edit
from toxres.text.words import lexicon

_BLANKS = re.compile(r"\s\s+")
_RUN = re.compile(r"(?i)([^\s\d])\1\1+")
_UNITS = re.compile(r"(?i)(?P<unit>[^\W\d_]{2,3}?|[^\w\s<>]{2,3}?)(?P=unit){2,}")
_ROMAN = re.compile(r"M{0,4}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_NEVER_DOUBLED = frozenset("ahijkquvwxy")
_REACH = 40
_TRUE = bytes([1] * 6)


def find_blanks(text: str) -> list[Edit]:
    """Runs of white space become one space, or one newline if there is one in the run."""
    return [Edit(*match.span(), "\n" if "\n" in match.group() else " ") for match in _BLANKS.finditer(text)]


def find_repeats(text: str) -> list[Edit]:
    """Runs of three and more of a letter or a mark become two (a dot three), of a syllable two.

    A letter that is hardly ever doubled becomes one (`heyyy` -> `hey`), as does any in a word with several such runs,
    and a consonant that a word begins with.
    A word of the lexicon is written as it stands there (`fuuuck` -> `fuck`). Roman numerals and `www` stay, and a word
    that is but one letter keeps four (`zzzz`).
    """
    runs, units = _may_repeat(text)
    edits: list[Edit] = []
    if runs:
        edits += (edit for match in _RUN.finditer(text) if (edit := _shortened(text, match)))
    if units:
        edits += (
            Edit(match.start() + 2 * len(match["unit"]) - 1, match.end(), match["unit"][-1])
            for match in _UNITS.finditer(text)
            if len(set(match["unit"].lower())) > 1
        )
    edits.sort()
    return [edit for at, edit in enumerate(edits) if at == 0 or edit.start >= edits[at - 1].end]


def _may_repeat(text: str) -> tuple[bool, bool]:
    """Whether one character, and whether two or three, stand three times in a row, white space and digits included."""
    lower = text.lower()
    codes = np.frombuffer((lower if len(lower) == len(text) else text).encode("utf-32-le", "surrogatepass"), np.uint32)
    once, twice, thrice = (
        _TRUE[: 2 * lag] in (codes[:-lag] == codes[lag:]).tobytes() if len(codes) > lag else False for lag in (1, 2, 3)
    )
    return once, twice or thrice


def _shortened(text: str, match: re.Match) -> Edit | None:
    start, end = match.span()
    char = match[1]
    keep = 2
    if char == ".":
        keep = 3
    elif char.isalpha():
        left, right = _word_around(text, start, end)
        word = text[left:right]
        if (word.isupper() and _ROMAN.fullmatch(word)) or word.lower() == "www" or _is_colour(text, left, right):
            return None
        if right - left == end - start:
            keep = 4
        elif right - left <= _REACH and (meant := _meant(word.lower())):
            keep = meant[sum(1 for _ in _RUN.finditer(text, left, start))]
        elif char.lower() in _NEVER_DOUBLED or _runs(word) > 1 or (left == start and _is_begun(word)):
            keep = 1
    if end - start <= keep:
        return None
    return Edit(start + keep - 1, end, text[start + keep - 1])


def _is_begun(word: str) -> bool:
    """Whether a word begins with a consonant and is no abbreviation."""
    return word[0].lower() not in "aeiou" and not word.isupper()


def _runs(word: str) -> int:
    return sum(match[1].isalpha() for match in _RUN.finditer(word))


def _is_colour(text: str, left: int, right: int) -> bool:
    before = text[max(left - 1, 0) : left]
    return (before == "#" or before.isdigit()) and set(text[left:right]) <= set("ABCDEF")


def _word_around(text: str, start: int, end: int) -> tuple[int, int]:
    low, high = max(0, start - _REACH), min(len(text), end + _REACH)
    while start > low and text[start - 1].isalpha():
        start -= 1
    while end < high and text[end].isalpha():
        end += 1
    return start, end


@functools.cache
def _by_skeleton() -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for words in lexicon():
        for word in words:
            table.setdefault(re.sub(r"(.)\1+", r"\1", word), []).append(word)
    return table


@functools.lru_cache(maxsize=4096)
def _meant(word: str) -> tuple[int, ...] | None:
    """How long each run of three or more letters is in the word of the lexicon that is meant, if one is."""
    runs = [(match[1], len(match.group())) for match in re.finditer(r"(.)\1*", word)]
    for known in _by_skeleton().get("".join(char for char, _ in runs), ()):
        lengths = [len(match.group()) for match in re.finditer(r"(.)\1*", known)]
        if all(wanted == given or given > 2 for wanted, (_, given) in zip(lengths, runs, strict=True)):
            return tuple(wanted for wanted, (_, given) in zip(lengths, runs, strict=True) if given > 2)
    return None
