"""Obfuscation on purpose: what writers do to slip past a filter, in measured doses, for the stress curve."""

import zlib
from collections.abc import Callable
from typing import Final

import numpy as np

from toxres.errors import InputError

_LEET: Final = {
    "a": "4@",
    "b": "8",
    "e": "3",
    "g": "9",
    "i": "1!",
    "l": "1",
    "o": "0",
    "s": "5$",
    "t": "7",
}
_TWINS: Final = {
    **dict(zip("acehijkopsxyABCEHIJKMOPSTXY", "асеһіјкорѕхуАВСЕНІЈКМОРЅТХУ", strict=True)),
    **dict(zip("vuNZ", "νυΝΖ", strict=True)),
}
"""Latin letters to the Cyrillic and Greek ones that look the same."""

_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"

Choice = tuple[str, int]
"""What is written instead, and how many of the next letters it has used up."""


def perturb(text: str, share: float, kind: str, seed: int = 0) -> str:
    """Obfuscate a share of the letters of a text.

    The letters are drawn once for a text, kind and seed, so the ones obfuscated at a share are obfuscated, in the same
    way, at every greater share too (a swap may take along a letter that was to be obfuscated itself). Where a kind can
    be done to some letters only (leet speak knows no sign for "m"), it is done to no more than there are.

    Args:
        text: Any string.
        share: Share of the text's letters, 0 to 1; 0 leaves the text as it is.
        kind: One of `KINDS`: "typo" (swapped, dropped, doubled letters), "leet", "homoglyph", "spaces" (within a
            word), "stars" (never its first letter), "repeat" (two to four more of the letter), "zero_width" (an
            invisible character within a word).
        seed: Another seed draws other letters.

    Raises:
        InputError: An unknown kind, or a share outside 0 to 1.
    """
    if kind not in KINDS:
        raise InputError(f"unknown kind of perturbation {kind!r}; choose one of: {', '.join(KINDS)}")
    if not 0 <= share <= 1:
        raise InputError(f"share is {share}; give a share of the letters between 0 and 1")
    letters = sum(map(str.isalpha, text))
    able = [at for at in range(len(text)) if text[at].isalpha() and _ABLE[kind](text, at)]
    key = [seed & 0xFFFFFFFF, zlib.crc32(text.encode("utf-8", "surrogatepass")), KINDS.index(kind)]
    random = np.random.default_rng(key)
    order = random.permutation(len(able))
    draws = random.random(len(able))
    count = min(len(able), round(share * letters))
    chosen = {able[index]: float(draws[index]) for index in order[:count]}
    pieces = []
    at = 0
    while at < len(text):
        if at in chosen:
            piece, used = _WRITE[kind](text, at, chosen[at])
            pieces.append(piece)
            at += 1 + used
        else:
            pieces.append(text[at])
            at += 1
    return "".join(pieces)


def _before_a_letter(text: str, at: int) -> bool:
    return text[at + 1 : at + 2].isalpha()


def _after_a_letter(text: str, at: int) -> bool:
    return at > 0 and text[at - 1].isalpha()


def _always(text: str, at: int) -> bool:
    return True


def _has_sign(text: str, at: int) -> bool:
    return text[at].lower() in _LEET


def _has_twin(text: str, at: int) -> bool:
    return text[at] in _TWINS


def _pick(options: str, draw: float) -> str:
    return options[int(draw * len(options))]


def _typo(text: str, at: int, draw: float) -> Choice:
    if draw < 1 / 3:
        return "", 0
    if draw < 2 / 3 or not _before_a_letter(text, at) or text[at + 1] == text[at]:
        return text[at] * 2, 0
    return text[at + 1] + text[at], 1


def _leet(text: str, at: int, draw: float) -> Choice:
    return _pick(_LEET[text[at].lower()], draw), 0


def _twin(text: str, at: int, draw: float) -> Choice:
    return _TWINS[text[at]], 0


def _space(text: str, at: int, draw: float) -> Choice:
    return text[at] + " ", 0


def _star(text: str, at: int, draw: float) -> Choice:
    return "*", 0


def _repeat(text: str, at: int, draw: float) -> Choice:
    return text[at] * (3 + int(draw * 3)), 0


def _zero_width(text: str, at: int, draw: float) -> Choice:
    return text[at] + _pick(_ZERO_WIDTH, draw), 0


_ABLE: Final[dict[str, Callable[[str, int], bool]]] = {
    "typo": _always,
    "leet": _has_sign,
    "homoglyph": _has_twin,
    "spaces": _before_a_letter,
    "stars": _after_a_letter,
    "repeat": _always,
    "zero_width": _before_a_letter,
}
_WRITE: Final[dict[str, Callable[[str, int, float], Choice]]] = {
    "typo": _typo,
    "leet": _leet,
    "homoglyph": _twin,
    "spaces": _space,
    "stars": _star,
    "repeat": _repeat,
    "zero_width": _zero_width,
}

KINDS: Final = tuple(_WRITE)
"""Kinds of obfuscation, one curve each."""
