"""The posts of SemEval-2021 Task 5 (Pavlopoulos et al. 2021), of which people marked the characters that are toxic."""

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from toxres.data.csvfiles import read_table
from toxres.data.paths import need_columns, needed, with_origin
from toxres.data.schema import check_rows
from toxres.errors import InputError

SPLITS: Final = ("train", "trial", "test")
"""The task's own files."""

Spans = tuple[tuple[int, int], ...]
"""Character intervals (start, end), `end` exclusive, in order, none touching another."""


def load_toxic_spans(split: str, data_dir: str | Path | None = None) -> pd.DataFrame:
    """Posts of one file of the task with the characters that make them toxic.

    "test" is for final figures only: no threshold, rule or model may be chosen by it. Every post of the three files
    stands in the source `civil_spans` too, whose loader leaves those of "test" out.

    Args:
        split: "train" (7,939 posts), "trial" (690) or "test" (2,000).
        data_dir: Where to look first; see `toxres.data.paths.data_folders`.

    Returns:
        A row a post: `id` (file and row, such as "tsd_trial-1" for the first), `text`, and `spans`: a tuple of
        intervals (start, end), empty where no part of the post was found toxic. `attrs` as comments have them.

    Raises:
        InputError: An unknown split, the file is not at hand, or a field of it is broken.
    """
    if split not in SPLITS:
        raise InputError(f"split {split!r}: is no file of the toxic spans task; choose one of: {', '.join(SPLITS)}")
    path = needed(f"toxic_spans/tsd_{split}.csv", "toxic_spans", data_dir)
    table = read_table(path)
    need_columns(table, path, ("spans", "text"))
    texts = table["text"].tolist()
    check_rows([not text.strip() for text in texts], str(path), "text", "is empty", "fetch the file again")
    offsets = [_offsets(written) for written in table["spans"]]
    broken = [found is None for found in offsets]
    check_rows(broken, str(path), "spans", "is no list of character offsets, such as [4, 5, 6]", "fetch the file again")
    outside = [
        any(not 0 <= place < len(text) for place in found) for found, text in zip(offsets, texts, strict=True)
    ]  # fmt: skip
    check_rows(outside, str(path), "spans", "has an offset outside of the text", "fetch the file again")
    posts = pd.DataFrame(
        {
            "id": [f"tsd_{split}-{row}" for row in range(1, len(table) + 1)],
            "text": pd.Series(texts, dtype=object),
            "spans": pd.Series([intervals(found) for found in offsets], dtype=object),
        }
    )
    return with_origin(posts, "toxic_spans", [path])


def intervals(offsets: Sequence[int]) -> Spans:
    """The intervals that cover a set of character offsets and nothing else; their order and repeats do not matter."""
    found: list[list[int]] = []
    for place in sorted(set(offsets)):
        if found and found[-1][1] == place:
            found[-1][1] = place + 1
        else:
            found.append([place, place + 1])
    return tuple((start, end) for start, end in found)


def _offsets(written: str) -> list[int] | None:
    """The offsets a field holds, or None where it is no list of whole numbers."""
    try:
        found = ast.literal_eval(written.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(found, list) or not all(type(place) is int for place in found):
        return None
    return found
