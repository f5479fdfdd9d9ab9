"""Explanations that ask no model, which every other one has to beat: a word list, and chance."""

import functools
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from toxres.explain.record import Explanation
from toxres.explain.subject import Subject
from toxres.explain.words import Span, share_tokens
from toxres.text import normalise

_FILE = Path(__file__).resolve().parent / "lexicon.txt"
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


def explain_lexicon(subject: Subject, text: str, columns: Sequence[int]) -> Explanation:
    """Weight 1, for every label, of each word that holds a listed one; 0 of the others.

    The list is looked up in the comment as it was written and after `toxres.text.normalise`, so that a disguised word
    ("1d10t", "i d i o t") counts too: all that it was written with gets weight 1.
    """
    reading = subject.read(text)
    matched = np.zeros(len(reading.words))
    matched[share_tokens(text, reading.words, listed_spans(text)).words] = 1.0
    attributions = np.repeat((matched * reading.read)[:, None], len(columns), axis=1)
    return subject.explanation(reading, columns, attributions, "lexicon")


def explain_random(subject: Subject, text: str, columns: Sequence[int], *, seed: int = 0) -> Explanation:
    """Attributions drawn evenly from [0, 1), anew for every label; 0 for words the model did not read.

    They depend on the text, the label and the seed alone, not on what else is explained.

    Args:
        subject: Whose scores are told.
        text: The comment.
        columns: K labels.
        seed: Another seed draws other attributions.
    """
    reading = subject.read(text)
    key = [seed & 0xFFFFFFFF, zlib.crc32(text.encode())]
    drawn = [np.random.default_rng([*key, column]).random(len(reading.words)) for column in columns]
    return subject.explanation(reading, columns, np.stack(drawn, axis=1) * reading.read[:, None], "random")


def listed_spans(text: str) -> list[Span]:
    """Where the words of the list stand in a text, in the order they were found; one may be found twice."""
    found = [match.span() for match in _WORD.finditer(text) if is_listed(match.group())]
    plain, spans = normalise(text)
    for match in _WORD.finditer(plain):
        if is_listed(match.group()):
            found.append((int(spans[match.start(), 0]), int(spans[match.end() - 1, 1])))
    return found


@functools.lru_cache(maxsize=1 << 14)
def is_listed(word: str) -> bool:
    """Whether a word, in upper or lower case, is on the list or begins like a stem of it."""
    word = word.casefold()
    words, stems, lengths = _lists()
    return word in words or any(word[:length] in stems for length in lengths)


@functools.cache
def _lists() -> tuple[frozenset[str], frozenset[str], tuple[int, ...]]:
    """Whole words, stems, and the lengths of the stems."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    entries = [entry for line in lines if not line.startswith("#") for entry in line.split()]
    stems = frozenset(entry[:-1] for entry in entries if entry.endswith("*"))
    words = frozenset(entry for entry in entries if not entry.endswith("*"))
    return words, stems, tuple(sorted({len(stem) for stem in stems}))
