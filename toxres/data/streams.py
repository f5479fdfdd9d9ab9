"""Comments of any number as a stream of small tables in one schema, each row with its fold and the hash of its text.

Which fold a row is in follows from its normalised text alone, so that no text crosses a fold and nothing has to be
remembered. Near duplicates, which `toxres.data.splits` keeps together too, are not looked for.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.data.civil_comments import SOURCE as CIVIL_COMMENTS
from toxres.data.civil_comments import civil_comments_parts
from toxres.data.duplicates import normalise_for_duplicates
from toxres.data.loading import load_comments
from toxres.data.sources import SOURCES
from toxres.data.splits import FOLDS, OFFICIAL_FOLD, TEST_FOLD, VALIDATION_FOLD
from toxres.data.tables import ROWS, Part, comments_of, file_part, hub_parts
from toxres.errors import InputError

TRAIN_FOLD = 2
"""The fold of rows whose source says that they are for training."""


@dataclasses.dataclass(frozen=True)
class Stream:
    """A source to be read in small tables.

    Attributes:
        name: What `--source` calls it.
        digest: Says what is in it, without its being read row by row.
        tables: Begins to read it: tables of comments in the schema of `toxres.data.schema`, with the further columns
            `fold` and `hash`; rows for validation and testing come first where the source keeps them apart.
        origin: The file, or what else it comes from.
        sha256: Of the file; None for a dataset, whose texts have to be read for it.
        own: Which of "test" and "validation" it keeps apart itself.
    """

    name: str
    digest: str
    tables: Callable[[], Iterator[pd.DataFrame]]
    origin: str
    sha256: str | None = None
    own: frozenset[str] = frozenset()


def text_hashes(texts: Iterable[str]) -> np.ndarray:
    """Hashes (N,), uint64, of the texts as `normalise_for_duplicates` reads them.

    Among ten million texts, two that differ have the same hash with a probability of 3 in a million.
    """
    normal = (normalise_for_duplicates(text).encode("utf-8", "surrogatepass") for text in texts)
    return np.array([int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) for text in normal], dtype=np.uint64)


class HashSet:
    """Hashes to look others up in: eight bytes each."""

    def __init__(self) -> None:
        self._added: list[np.ndarray] = []
        self._later: list[np.ndarray] = []
        self._sorted = np.zeros(0, dtype=np.uint64)

    def add(self, hashes: np.ndarray) -> None:
        """Put hashes (N,) in."""
        if len(hashes):
            self._added.append(hashes)

    def add_later(self, hashes: np.ndarray) -> None:
        """Put hashes (N,) in, to be found from `settle` on: looking up is slow where one adds all the time."""
        self._later.append(hashes)

    def settle(self) -> None:
        """Let what was added for later be found."""
        self._added, self._later = self._added + self._later, []

    def holds(self, hashes: np.ndarray) -> np.ndarray:
        """Which of N hashes are in it (N,)."""
        if self._added:
            self._sorted = np.unique(np.concatenate([self._sorted, *self._added]))
            self._added = []
        if not len(self._sorted):
            return np.zeros(len(hashes), dtype=bool)
        places = np.searchsorted(self._sorted, hashes).clip(max=len(self._sorted) - 1)
        return self._sorted[places] == hashes


def open_stream(source: str, folds: int = FOLDS) -> Stream:
    """A source as a stream.

    A file or a dataset without splits of its own is cut by the hashes of its texts: fold 0 is for testing, 1 for
    validation. Where a dataset has a split `validation` or `test`, these are folds 1 and 0, and the rest is the split
    `train`; a validation fold it does not have is cut from that, and further splits are not read. Named sources have
    the folds they always have.

    Args:
        source: A named source, a CSV, JSON lines or Parquet file, a folder of data files, or "hub:NAME". Columns as in
            Kaggle's format or in the Civil Comments; `id` and `group` are optional.
        folds: How many the hashes make.

    Raises:
        InputError: There is no such source, or it cannot be opened. While reading: a row is broken, named with file,
            number and field. That ids are unique is not checked.
    """
    if source == CIVIL_COMMENTS:
        parts, group = civil_comments_parts(), SOURCES[source].group
    elif source in SOURCES:
        return stream_of(load_comments(source), source, folds)
    elif source.startswith("hub:") or Path(source).is_dir():
        parts, group = hub_parts(source.removeprefix("hub:")), "hub"
    else:
        parts, group = {"all": file_part(source)}, "csv"
    digest = hashlib.sha256(repr([(split, part.digest) for split, part in parts.items()]).encode()).hexdigest()
    own = frozenset(split for split in ("test", "validation") if split in parts)
    if own and "train" not in parts:
        raise InputError(f"{source}: has the splits {', '.join(parts)}, and none is called train; rename one")
    sha256 = next(iter(parts.values())).digest if set(parts) == {"all"} else None
    origin = ", ".join(part.name for part in parts.values()) if source == CIVIL_COMMENTS else source
    return Stream(source, digest, lambda: _parts_tables(parts, group, own, folds), origin, sha256, own)


def stream_of(comments: pd.DataFrame, name: str, folds: int = FOLDS) -> Stream:
    """A table of comments as a stream; where it has no folds, or is to have others, the hashes of its texts make them.

    Args:
        comments: In the schema of `toxres.data.schema`.
        name: What the stream is called.
        folds: How many the hashes make.
    """

    def tables() -> Iterator[pd.DataFrame]:
        for start in range(0, len(comments), ROWS):
            block = comments.iloc[start : start + ROWS].reset_index(drop=True)
            hashes = text_hashes(block["text"])
            fold = (hashes % np.uint64(folds)).astype(np.int64)
            if "fold" in block:
                known = block["fold"].to_numpy()
                fold = known if folds == FOLDS else np.where(known == OFFICIAL_FOLD, known, fold)
            yield block.assign(fold=fold, hash=hashes)

    sha256 = comments.attrs.get("sha256")
    digest = sha256 or hashlib.sha256(pd.util.hash_pandas_object(comments["text"], index=False).to_numpy()).hexdigest()
    return Stream(name, digest, tables, str(comments.attrs.get("origin", name)), sha256)


def _parts_tables(parts: dict[str, Part], group: str, own: frozenset[str], folds: int) -> Iterator[pd.DataFrame]:
    fixed = {"test": TEST_FOLD, "validation": VALIDATION_FOLD}
    chosen = [*sorted(own), "train"] if "train" in parts else list(parts)
    first_of_all = 1
    for split in chosen:
        first = 1
        for table in parts[split]:
            comments = comments_of(table, parts[split].name, group, first, first_of_all)
            hashes = text_hashes(comments["text"])
            fold = (hashes % np.uint64(folds)).astype(np.int64)
            if split in own:
                fold[:] = fixed[split]
            elif own:
                fold[(fold != VALIDATION_FOLD) | ("validation" in own)] = TRAIN_FOLD
            first, first_of_all = first + len(comments), first_of_all + len(comments)
            yield comments.assign(fold=fold, hash=hashes)
