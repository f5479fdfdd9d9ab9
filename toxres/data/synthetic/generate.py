"""The corpus as comments: any size, seeded, whole or in chunks."""

import random
from collections.abc import Callable, Iterator
from hashlib import blake2b

import numpy as np
import pandas as pd

from toxres.data.synthetic.compose import HARD_SHARE, Comment, compose
from toxres.data.synthetic.grammar import LETTERS, SPLITS
from toxres.data.synthetic.mix import sample_combinations, split_sizes
from toxres.errors import InputError

RETRIES = 8
"""How often a comment that has been written before is written anew; after that it stays a duplicate."""


def generate(n: int, seed: int = 0, split: str | None = None) -> pd.DataFrame:
    """Write `n` comments.

    Args:
        n: Comments, 0 or more.
        seed: The same seed gives the same comments on every machine, for the same `n` and `split`.
        split: "train", "validation" or "test", or None for all three in shares of 60, 20 and 20 %. Templates and the
            words that carry labels are disjoint between splits, so that the test split asks for meaning, not for words.

    Returns:
        A table with the columns `id`, `text`, `group` ("forum", "news" or "chat": three invented registers), the six
        labels (float32, 0 or 1; prevalence and co-occurrence as in Jigsaw's training file, see `mix`), `spans` (lists
        of (start, end, label) in characters of `text`; one or more for each positive label), `case` (name of the hard
        case, "" for a plain comment), `split` and `template` (ids of the templates, divided by "+"). Labels tell what
        the writer does: abuse that is reported, denied or rejected leaves them all 0.

    Raises:
        InputError: `n` or `seed` is negative, or there is no such split.
    """
    return next(stream(n, seed, split, chunk_size=max(n, 1)))


def stream(n: int, seed: int = 0, split: str | None = None, chunk_size: int = 10_000) -> Iterator[pd.DataFrame]:
    """Write `n` comments in tables of `chunk_size` rows: together the same rows as `generate(n, seed, split)`.

    Yields:
        At least one table, empty if `n` is 0.

    Raises:
        InputError: As `generate`; or `chunk_size` is below 1.
    """
    if n < 0 or seed < 0 or chunk_size < 1:
        raise InputError(f"n={n}, seed={seed}, chunk_size={chunk_size}: give n and seed >= 0 and chunk_size >= 1")
    if split is not None and split not in SPLITS:
        raise InputError(f"unknown split {split!r} of the synthetic corpus; choose one of: {', '.join(SPLITS)}")
    return _chunks(n, seed, split, chunk_size)


def _chunks(n: int, seed: int, split: str | None, chunk_size: int) -> Iterator[pd.DataFrame]:
    rng = np.random.default_rng([seed, n, 0 if split is None else 1 + SPLITS.index(split)])
    sizes = split_sizes(n) if split is None else {split: n}
    rows = [(part, letters) for part, size in sizes.items() for letters in sample_combinations(size, rng)]
    order = rng.permutation(n)
    draw = random.Random(int(rng.integers(2**62))).random
    prefix = f"syn-{split or 'all'}-{seed}-{n}-"
    seen: set[bytes] = set()
    credit = [draw(), draw()]
    for start in range(0, max(n, 1), chunk_size):
        chosen = [rows[at] for at in order[start : start + chunk_size]]
        comments = []
        for part, letters in chosen:
            credit[letters != ""] += HARD_SHARE
            hard = credit[letters != ""] >= 1
            credit[letters != ""] -= hard
            comments.append(_new(letters, part, draw, hard, seen))
        yield _table(comments, chosen, [f"{prefix}{start + row:06d}" for row in range(len(comments))])


def _new(letters: str, split: str, draw: Callable[[], float], hard: bool, seen: set[bytes]) -> Comment:
    for _ in range(RETRIES):
        comment = compose(letters, split, draw, hard)
        digest = blake2b(comment.text.lower().encode(), digest_size=8).digest()
        if digest not in seen:
            break
    seen.add(digest)
    return comment


def _table(comments: list[Comment], rows: list[tuple[str, str]], ids: list[str]) -> pd.DataFrame:
    columns = {
        "id": ids,
        "text": [comment.text for comment in comments],
        "group": [comment.group for comment in comments],
    }
    for letter, label in LETTERS.items():
        columns[label] = np.array([letter in letters for _, letters in rows], np.float32)
    columns["spans"] = pd.Series([comment.spans for comment in comments], dtype=object)
    columns["case"] = [comment.case for comment in comments]
    columns["split"] = [split for split, _ in rows]
    columns["template"] = [comment.template for comment in comments]
    text = ["id", "text", "group", "case", "split", "template"]
    return pd.DataFrame(columns).astype(dict.fromkeys(text, "str"))
