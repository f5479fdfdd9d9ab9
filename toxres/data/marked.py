"""Posts with the characters that make them toxic: as a task's gold spans, or as shares of the raters who marked any."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.data.civil import CIVIL_FILES
from toxres.data.csvfiles import read_table
from toxres.data.loading import load_comments
from toxres.data.official import load_official_texts
from toxres.data.paths import need_columns, needed
from toxres.data.spans import load_toxic_spans
from toxres.data.splits import drop_overlap
from toxres.errors import InputError

Marks = tuple[tuple[int, int, float], ...]
"""Intervals (start, end, share) of a post, in order, none overlapping; characters outside have share 0."""

MARKED_SOURCES = ("toxic_spans", "civil_spans", "synthetic")
"""Sources that mark characters: the files of SemEval-2021 Task 5, its raters one by one, and the planted spans."""


def load_marked(source: str, split: str, data_dir: str | Path | None = None) -> pd.DataFrame:
    """Posts of a source with the characters that make them toxic, none of which stands in an official test file.

    `toxic_spans` are the gold spans of the task: its train file is the split "train", its trial file "validation".
    `civil_spans` are the same posts and more, with the share of raters that marked a character *among those who marked
    any* in the post: a share of at least one half is the gold span in nine of ten posts of the task. The official test
    texts, and posts that say nearly the same, are left out of every source. `synthetic` has its planted spans.

    Args:
        source: One of `MARKED_SOURCES`.
        split: "train" or "validation".
        data_dir: Where to look first; see `toxres.data.paths.data_folders`.

    Returns:
        A row a post: `id`, `text` and `marks` (see `Marks`). `attrs` as comments have them.

    Raises:
        InputError: Another source or split, or a file is not at hand or broken.
    """
    if source not in MARKED_SOURCES:
        raise InputError(f"source {source!r}: marks no characters; choose out of: {', '.join(MARKED_SOURCES)}")
    if split not in ("train", "validation"):
        raise InputError(f"{source}: split {split!r} is not for training; choose train or validation")
    if source == "toxic_spans":
        posts = load_toxic_spans("train" if split == "train" else "trial", data_dir)
        marks = [tuple((start, end, 1.0) for start, end in spans) for spans in posts["spans"]]
        attrs, posts = posts.attrs, posts[["id", "text"]].assign(marks=pd.Series(marks, dtype=object))
        posts.attrs = attrs
        return _without_official(posts, data_dir)
    posts = load_comments(source, data_dir=data_dir, split=split)
    if source == "civil_spans":
        shares = _rater_shares(posts, data_dir)
    else:
        shares = [
            as_marks(_covered(len(text), spans)) for text, spans in zip(posts["text"], posts["spans"], strict=True)
        ]
    marked = posts[["id", "text"]].assign(marks=pd.Series(shares, dtype=object))
    marked.attrs = dict(posts.attrs)
    return marked


def char_targets(text: str, marks: Iterable[Sequence[float]]) -> np.ndarray:
    """The share of each character (len(text),), float32, of marks or of plain intervals, which count as 1.

    Raises:
        InputError: An interval is empty or outside of the text, or a share outside of [0, 1].
    """
    shares = np.zeros(len(text), dtype=np.float32)
    for start, end, *share in marks:
        value = float(share[0]) if share else 1.0
        if not 0 <= start < end <= len(text):
            raise InputError(f"marks: ({start}, {end}) is no stretch of a text of {len(text)} characters")
        if not 0 <= value <= 1:
            raise InputError(f"marks: ({start}, {end}) has the share {value}; give one in [0, 1]")
        shares[start:end] = value
    return shares


def as_marks(shares: np.ndarray) -> Marks:
    """The shares of the characters of a post (len(text),) as intervals: what `char_targets` undoes."""
    edges = [0, *(np.flatnonzero(np.diff(shares)) + 1).tolist(), len(shares)]
    return tuple(
        (start, end, float(shares[start])) for start, end in itertools.pairwise(edges) if start < end and shares[start]
    )


def _rater_shares(posts: pd.DataFrame, data_dir: str | Path | None) -> list[Marks]:
    """For each post of `civil_spans` the share of its raters, among those who marked any, that marked each character.

    A rater's marks of several types in one place count once.
    """
    paths = [needed(file, "civil_spans", data_dir) for file in CIVIL_FILES[1:]]
    annotations, spans = (read_table(path) for path in paths)
    need_columns(annotations, paths[0], ("annotation", "comment_id"))
    need_columns(spans, paths[1], ("annotation", "start", "end"))
    spans = spans.merge(annotations[["annotation", "comment_id"]], on="annotation", how="inner")
    spans = spans[spans["comment_id"].isin(set(posts["id"]))]
    by_post: dict[str, dict[str, list[tuple[int, int]]]] = {}
    for post, rater, start, end in zip(
        spans["comment_id"], spans["annotation"], spans["start"].astype(int), spans["end"].astype(int), strict=True
    ):
        by_post.setdefault(post, {}).setdefault(rater, []).append((start, end))
    found = []
    for post, text in zip(posts["id"], posts["text"], strict=True):
        covered = [_covered(len(text), marked) for marked in by_post.get(post, {}).values()]
        covered = [one for one in covered if one.any()]
        found.append(as_marks(np.mean(covered, axis=0)) if covered else ())
    return found


def _covered(length: int, spans: Iterable[Sequence]) -> np.ndarray:
    """Which characters (length,) are in one of the intervals; 1 or 0."""
    covered = np.zeros(length)
    for start, end, *_ in spans:
        covered[start:end] = 1
    return covered


def _without_official(posts: pd.DataFrame, data_dir: str | Path | None) -> pd.DataFrame:
    """The posts that duplicate, exactly or nearly, no official test text."""
    texts = list(itertools.chain.from_iterable(load_official_texts(data_dir).values()))
    if not texts:
        return posts
    return drop_overlap(posts, pd.DataFrame({"text": texts}))
