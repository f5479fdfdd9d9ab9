"""The step for words with spaces in them: letter by letter (`i d i o t`), or torn in places (`fu ck`, `id iot`)."""

import functools
import re

from toxres.text.edits import Edit
from toxres.text.words import abuse_words, find_spaced, known_words

_RUN = re.compile(r"(?<![\w'\u2019@#&/.-])[^\W\d_]++(?: [^\W\d_]++)++")
_GOES_ON = re.compile(r"[\w'\u2019@/-]|\.\w")
_NO_VOWEL = re.compile(r"(?i)[^aeiouy\u0105\u0119\u00f3]+")
_MOST_PIECES = 8
_SHORTEST = 4


def find_broken(text: str) -> list[Edit]:
    """Words with spaces in them: torn ones where there are any, else those written letter by letter."""
    return find_torn(text) or find_spaced(text)


def find_torn(text: str) -> list[Edit]:
    """Spaces within words of the lexicon, of four letters or more, where a piece is too short to be a word.

    A word that is no abuse needs a piece without a vowel, and no single letter at its end (`th is`, but not `a bout`,
    nor `the n`). What a capital begins begins a
    word, and a capital alone is an initial unless it begins the text's next stretch of words (`Plan B lack`).
    """
    edits = []
    for match in _RUN.finditer(text):
        pieces = match.group().split(" ")
        if _GOES_ON.match(text, match.end()):
            pieces.pop()
        place = match.start()
        at = 0
        while at < len(pieces):
            count = _torn(pieces, at)
            for piece in pieces[at : at + count]:
                place += len(piece) + 1
                edits.append(Edit(place - 1, place, ""))
            if count:
                edits.pop()
            else:
                place += len(pieces[at]) + 1
            at += count or 1
    return edits


def _torn(pieces: list[str], at: int) -> int:
    """How many pieces from `at` on make one torn word: the most that do, or 0."""
    first = pieces[at]
    if first.lower() not in _beginnings():
        return 0
    if len(first) == 1 and first.isupper() and at and not pieces[at - 1].isupper():
        return 0
    shouted = len(pieces) > at + 1 and first.isupper() and pieces[at + 1].isupper()
    best, joined = 0, first.lower()
    for count in range(2, min(_MOST_PIECES, len(pieces) - at) + 1):
        piece = pieces[at + count - 1]
        joined += piece.lower()
        if joined not in _beginnings() or (piece[0].isupper() and not (shouted and piece.isupper())):
            break
        if len(joined) >= _SHORTEST and _is_torn(joined, tuple(part.lower() for part in pieces[at : at + count])):
            best = count
    return best


def _is_torn(joined: str, pieces: tuple[str, ...]) -> bool:
    if max(map(len, pieces)) == 1:
        return False
    scraps = [at for at, piece in enumerate(pieces) if piece not in known_words() and _is_scrap(piece)]
    if joined in abuse_words():
        return bool(scraps)
    return joined in known_words() and any(
        _NO_VOWEL.fullmatch(pieces[at]) and (len(pieces[at]) > 1 or at + 1 < len(pieces)) for at in scraps
    )


def _is_scrap(piece: str) -> bool:
    """Whether a piece that is not known is too short to be a word, or cannot be said."""
    return len(piece) < 3 or _NO_VOWEL.fullmatch(piece) is not None


@functools.cache
def _beginnings() -> frozenset[str]:
    return frozenset(word[:length] for word in known_words() for length in range(1, len(word) + 1))
