"""A corpus larger than memory as a stream: texts shuffled in a bounded buffer, tokenised, read in parallel rows."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from toxres.errors import InputError

Corpus = Sequence[str] | Callable[[], Iterable[str]]
"""Texts at hand, or a function that begins to read them anew (a pass over the corpus calls it once)."""

PIECE = 10_000
"""Characters; a longer text is read as several pieces."""

ENCODED_AT_ONCE = 128
"""Pieces handed to the tokenizer at a time."""

SHORTEST_WINDOW = 5


class Piece(NamedTuple):
    """A text, or a part of a long one.

    Attributes:
        text: At most `PIECE` characters.
        first: Whether the text begins here.
        last: Whether it ends here.
    """

    text: str
    first: bool
    last: bool


Pieces = Iterable[Piece]


def open_corpus(corpus: Corpus) -> Iterable[str]:
    """Begin to read a corpus.

    Raises:
        InputError: It can be read only once, or is a single text.
    """
    if callable(corpus):
        return corpus()
    if isinstance(corpus, str | bytes) or not hasattr(corpus, "__len__"):
        kind = type(corpus).__name__
        raise InputError(f"corpus: is a {kind}; give a list of texts, or a function that begins to read them anew")
    return corpus


def text_pieces(texts: Iterable[str], name: str = "corpus") -> Iterator[Piece]:
    """The texts in pieces, cut at a space where there is one; empty texts are left out.

    Raises:
        InputError: Something is no text.
    """
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise InputError(f"{name}: text {number} is a {type(text).__name__}; give strings")
        if not text.strip():
            continue
        start = 0
        while start < len(text):
            end = start + PIECE
            if end < len(text):
                space = text.rfind(" ", end - PIECE // 10, end)
                end = space if space > start else end
            yield Piece(text[start:end], start == 0, end >= len(text))
            start = end


def shuffled(items: Iterable, size: int, generator: random.Random) -> Iterator:
    """The items in random order, `size` of them in memory at a time: each is within reach of its place in the stream.

    A stream of at most `size` items is shuffled as a whole.
    """
    stream = iter(items)
    buffer = list(itertools.islice(stream, size))
    for item in stream:
        place = generator.randrange(len(buffer))
        yield buffer[place]
        buffer[place] = item
    generator.shuffle(buffer)
    yield from buffer


def special_ids(tokenizer) -> tuple[int, int]:
    """Ids of the tokens with which a fast tokenizer of transformers begins and ends a text.

    Raises:
        InputError: It has none.
    """
    begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.cls_token_id
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    if begin is None or end is None:
        raise InputError("tokenizer: has no token for the beginning or the end of a text; set bos_token and eos_token")
    return begin, end


def encode_pieces(pieces: Pieces, tokenizer) -> Iterator[list[int]]:
    """Token ids of each piece, with the token of the text's beginning and end where it begins and ends."""
    begin, end = special_ids(tokenizer)
    stream = iter(pieces)
    while block := list(itertools.islice(stream, ENCODED_AT_ONCE)):
        # A lone surrogate, which no tokenizer takes, becomes a question mark.
        texts = [piece.text.encode("utf-8", "replace").decode() for piece in block]
        encoded = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        for piece, ids in zip(block, encoded, strict=True):
            yield [begin] * piece.first + list(ids) + [end] * piece.last


def window_lengths(bptt: int, generator: random.Random) -> Iterator[int]:
    """Lengths of the windows: around `bptt`, one in twenty around half of it (Merity et al. 2018, section 4.1)."""
    while True:
        around = bptt if generator.random() < 0.95 else bptt / 2
        yield min(max(SHORTEST_WINDOW, round(generator.gauss(around, 5))), bptt + 20)


def windows(documents: Iterable[list[int]], batch_size: int, lengths: Iterator[int]) -> Iterator[np.ndarray]:
    """Parallel rows through a stream of documents.

    Whichever row is shortest gets the next document, so that each document stands in one row, whole, and at the end all
    rows end at about the same place. What then stands beyond the shortest one's end is left out.

    Args:
        documents: Token ids.
        batch_size: B.
        lengths: T of each window.

    Yields:
        B x (T + 1) token ids, int64: inputs are all but the last column, targets all but the first. The last column is
        the first of the next window.
    """
    stream, rows = iter(documents), [[] for _ in range(batch_size)]
    for length in lengths:
        ended = False
        while not ended and len(shortest := min(rows, key=len)) <= length:
            document = next(stream, None)
            ended = document is None
            shortest.extend(document or ())
        length = min(length, min(map(len, rows)) - 1)
        if length >= 1:
            yield np.array([row[: length + 1] for row in rows], dtype=np.int64)
        if ended:
            return
        for row in rows:
            del row[:length]
