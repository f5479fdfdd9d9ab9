"""The units of work: so many rows of a file, which of their texts are new, and which rows are no comments."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from toxres.data.textfiles import Rejected, Row, TextFile, need_row
from toxres.errors import InputError
from toxres.scoring.distinct import Distinct, digest

CHUNK = 8_192
"""Rows that are read, scored and written at a time."""

CHARACTERS = 1 << 24
"""A chunk ends early when its texts have more than so many characters, which bounds the memory of long ones."""


class Plan(NamedTuple):
    """How a file is cut into chunks, which depends on nothing but the file.

    Attributes:
        source: The file.
        text_column: Name of its text column; None takes the usual ones.
        group_column: Name of the column of groups, or None.
        route: Tells which model answers for a group, or None.
        strict: A row that is no comment is an error.
        size: Rows of a chunk.
    """

    source: str | Path
    text_column: str | None
    group_column: str | None
    route: Callable[[str], str] | None
    strict: bool
    size: int


class Chunk(NamedTuple):
    """Some rows of a file.

    Attributes:
        number: Counted from 0.
        rows: Rows of the file, N comments and the rejected ones.
        key: "id", or "row" where the file has no ids.
        keys: The N ids, or numbers of rows.
        numbers: (N,): which distinct text of the file each comment is.
        first: The number of the first distinct text that is new in this chunk.
        texts: The M new texts, in order.
        groups: Their groups.
        rejected: The rows that are no comments.
        share: Which share of the file has been read; None if nobody knows.
        digest: Sixteen bytes that tell the rows from any others.
    """

    number: int
    rows: int
    key: str
    keys: list
    numbers: np.ndarray
    first: int
    texts: list[str]
    groups: list[str | None]
    rejected: list[Rejected]
    share: float | None
    digest: bytes

    def total(self, before: int) -> int | None:
        """About how many rows the file has, if so many stand before the chunk; None if nobody knows."""
        return max(before + self.rows, round((before + self.rows) / self.share)) if self.share else None


def read_chunks(plan: Plan, index: str | Path) -> Iterator[Chunk]:
    """The chunks of a file, in its order.

    Args:
        plan: How to cut it.
        index: A folder to keep the digests of texts in, made anew and removed at the end.

    Raises:
        InputError: The file as a whole is at fault, or, if the plan is strict, a row.
    """
    file = TextFile(plan.source, plan.text_column, plan.group_column)
    rows, number, distinct = file.rows(), 0, Distinct(index)
    try:
        while True:
            comments, rejected, digests = _take(rows, plan, file.name)
            if not comments and not rejected:
                return
            first = distinct.count
            numbered = distinct.number(digests)
            key = comments[0].key if comments else "row"
            keys = [row.value for row in comments]
            yield Chunk(
                number,
                len(comments) + len(rejected),
                key,
                keys,
                numbered.numbers,
                first,
                [comments[place].text for place in numbered.new],
                [comments[place].group for place in numbered.new],
                rejected,
                file.share,
                _fingerprint(key, keys, digests, rejected),
            )
            number += 1
    finally:
        distinct.close()


def check_groups(plan: Plan) -> None:
    """Read a whole file to see whether every comment's group has a model.

    Raises:
        InputError: One has none, or a row is no comment.
    """
    file = TextFile(plan.source, plan.text_column, plan.group_column)
    for row in file.rows():
        row = need_row(row, file.name)
        try:
            plan.route(row.group)
        except InputError as error:
            raise InputError(f"{file.name}: {row.place}: {error}") from None


def _take(rows: Iterator[Row | Rejected], plan: Plan, name: str) -> tuple[list[Row], list[Rejected], list[bytes]]:
    """The comments of the next chunk, its rejected rows, and the comments' digests."""
    comments: list[Row] = []
    rejected: list[Rejected] = []
    digests: list[bytes] = []
    characters = 0
    for row in rows:
        if plan.strict:
            row = need_row(row, name)
        if isinstance(row, Row):
            route = None
            try:
                if plan.route is not None:
                    route = plan.route(row.group)
            except InputError as error:
                row = Rejected(row.place, f": {error}", _numbers(row), row.value if row.key == "id" else None)
                if plan.strict:
                    need_row(row, name)
                rejected.append(row)
            else:
                comments.append(row)
                digests.append(digest(row.text, route))
                characters += len(row.text)
        else:
            rejected.append(row)
        if len(comments) + len(rejected) >= plan.size or characters > CHARACTERS:
            break
    return comments, rejected, digests


def _numbers(row: Row) -> dict[str, int]:
    unit, _, number = row.place.partition(" ")
    return {unit: int(number)}


def _fingerprint(key: str, keys: list, digests: list[bytes], rejected: list[Rejected]) -> bytes:
    total = hashlib.blake2b(b"".join(digests), digest_size=16)
    total.update(repr((key, keys, rejected)).encode("utf-8", "backslashreplace"))
    return total.digest()
