"""The words of a comment as it was written, and what each token has of which word."""

import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from toxres.text.emotions import find_emoticons
from toxres.text.encoding import EMOJI_LIKE

Span = tuple[int, int]
"""Start and end of a stretch of a text: `text[start:end]`."""

SIGNS: Final = frozenset("@$*#%&+_")
"""Signs that belong to the word they touch: they disguise letters, or make a mention, a hashtag, a share."""

_CHUNK = re.compile(r"\S+")
_SYMBOL = (
    f"(?:[\U0001f1e6-\U0001f1ff]{{2}}|[#*0-9]\ufe0f?\u20e3|(?![\u00a9\u00ae\u2122])[{EMOJI_LIKE}])"
    "[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
)
_EMOJI = re.compile(f"{_SYMBOL}(?:\u200d{_SYMBOL})*\u200d?")
"""A symbol, key or flag with modifiers, joined to others or not (UTS #51, section 1.4.9)."""

_LINK = re.compile(r"(?i)://|^www\.")
_LETTERS = r"[^\W\d_]"
_BREAK = re.compile(
    rf"(?<={_LETTERS}{{2}})(?:[,;:/()\[\]{{}}\u2026\u2013\u2014\"\u201c\u201d\u00ab\u00bb]+|[.!?]{{2,}})(?={_LETTERS}{{2}})"
)
_EMPHASIS = frozenset("*_")


class Shares(NamedTuple):
    """How the attributions of T tokens go to W words: entry by entry of a sparse T x W matrix.

    Attributes:
        tokens: (E,) which token.
        words: (E,) to which word.
        shares: (E,) what share of the token's attribution, above 0; those of a token sum to 1, or it has no entry.
        n_words: W.
    """

    tokens: np.ndarray
    words: np.ndarray
    shares: np.ndarray
    n_words: int

    def to_words(self, values: np.ndarray) -> np.ndarray:
        """Attributions of words (W, K), float64, of those of tokens (T, K)."""
        total = np.zeros((self.n_words, values.shape[1]))
        np.add.at(total, self.words, values[self.tokens] * self.shares[:, None])
        return total


def words_of(text: str) -> tuple[Span, ...]:
    """Spans of the words of a text, in order; together they hold every character that is not white space.

    A word is a run of characters without white space, less the punctuation at its edges ("fool!" is "fool" and "!").
    Every run of punctuation is a word of its own, so "!!!" can be what a model heeds. What stands inside stays ("f**l",
    "f.o.o.l", "don't"), as do `SIGNS` at an edge ("a$$", "f***", "@user", "50%"), unless they frame a word for emphasis
    ("*fool*"). Words that touch only by punctuation are apart ("fool,and", "well...you"), if each side has two letters
    and it is no link. Each emoji, with its joiners, skin tones and variation selectors, is a word, and so is an
    emoticon. A run in a script that is written without spaces is one word.
    """
    spans: list[Span] = []
    done = 0
    for start, end in [*_symbols(text), (len(text), len(text))]:
        for chunk in _CHUNK.finditer(text, done, start):
            spans += _pieces(text, *chunk.span())
        if end > start:
            spans.append((start, end))
        done = end
    return tuple(spans)


def share_tokens(text: str, words: Sequence[Span], offsets: Sequence[Span]) -> Shares:
    """Which token belongs to which word, by the characters they have in common.

    A token that spans several words is shared among them in proportion to its characters in each. One without any
    character in a word (special tokens, white space) belongs to none.

    Args:
        text: The text.
        words: W spans, in order, as of `words_of`.
        offsets: T spans of tokens in the text, (0, 0) for those that no text stands behind; in any order.
    """
    owner = np.full(len(text) + 1, -1, dtype=np.int64)
    for number, (start, end) in enumerate(words):
        owner[start:end] = number
    entries: list[tuple[int, int, float]] = []
    for token, (start, end) in enumerate(offsets):
        inside = owner[start:end]
        numbers, counts = np.unique(inside[inside >= 0], return_counts=True)
        entries += [
            (token, int(number), float(count / counts.sum())) for number, count in zip(numbers, counts, strict=True)
        ]
    tokens, numbers, shares = zip(*entries, strict=True) if entries else ((), (), ())
    return Shares(
        np.array(tokens, dtype=np.int64),
        np.array(numbers, dtype=np.int64),
        np.array(shares, dtype=np.float64),
        len(words),
    )


def _pieces(text: str, start: int, end: int) -> Iterator[Span]:
    """Words of a stretch without white space and emoji."""
    low, high = _trimmed(text, start, end)
    if low >= high:
        yield start, end
        return
    if low > start:
        yield start, low
    done = low
    if not _LINK.search(text[low:high]):
        for match in _BREAK.finditer(text, low, high):
            yield done, match.start()
            yield match.span()
            done = match.end()
    yield done, high
    if high < end:
        yield high, end


def _trimmed(text: str, start: int, end: int) -> Span:
    """A stretch without the punctuation at its edges; empty if there is nothing else."""
    if not any(char.isalnum() for char in text[start:end]):
        return start, start
    while _is_punctuation(text[start]):
        start += 1
    while _is_punctuation(text[end - 1]):
        end -= 1
    while end - start > 2 and text[start] == text[end - 1] and text[start] in _EMPHASIS:
        start, end = start + 1, end - 1
    return start, end


def _is_punctuation(char: str) -> bool:
    """Whether a character is cut off at the edge of a word. Currency signs, and invisible characters, are not."""
    kind = unicodedata.category(char)
    return char not in SIGNS and (kind[0] == "P" or kind in ("Sm", "Sk", "So"))


def _symbols(text: str) -> list[Span]:
    """Emoji, and emoticons that are no part of one and hold no white space, in order."""
    found = []
    if not text.isascii() and _EMOJI.search(text):
        first = _emoji_first()
        found = [match.span() for match in _EMOJI.finditer(text) if match.group()[0] in first]
    taken = np.zeros(len(text), dtype=bool)
    for start, end in found:
        taken[start:end] = True
    for edit in find_emoticons(text):
        if not taken[edit.start : edit.end].any() and not any(map(str.isspace, text[edit.start : edit.end])):
            found.append((edit.start, edit.end))
    return sorted(found)


@functools.cache
def _emoji_first() -> frozenset[str]:
    """Characters that emoji begin with."""
    import emoji

    return frozenset(sequence[0] for sequence in emoji.EMOJI_DATA)
