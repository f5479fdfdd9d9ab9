"""Fields of a row of comments: the text, the id and the group, each checked, and the columns they stand in."""

import json
import math
from collections.abc import Container, Sequence

from toxres.errors import InputError
from toxres.files import well_formed

TEXT_COLUMNS = ("comment_text", "text")
"""Where the comment stands in a table; the first that is there."""

NAME_GROUPS = "name the column of groups with --group-column, or one group for all with --group"
NUL = "holds a NUL byte; remove it"


class Bad(Exception):
    """A row is no comment; holds the complaint, in the words that follow the row's place in an error."""


def text(value: object, where: str) -> str:
    """The comment, with U+FFFD in place of lone surrogates.

    Raises:
        Bad: It is no string, empty, or holds a NUL byte.
    """
    if not isinstance(value, str):
        raise Bad(f"{where} is not text; give a string or drop the row")
    if not value or value.isspace():
        raise Bad(f"{where} is empty; give text or drop the row")
    if "\0" in value:
        raise Bad(f"{where} {NUL}")
    return value if value.isascii() else well_formed(value)


def group(value: object, where: str) -> str:
    """The name of a group without the space around it.

    Raises:
        Bad: It is no string or empty.
    """
    if not isinstance(value, str):
        raise Bad(f"{where} is not text; name the group of each comment")
    if not value.strip():
        raise Bad(f"{where} is empty; name the group of each comment")
    return well_formed(value.strip())


def identifier(value: object, where: str) -> object:
    """The id: a string, a number, or what else has a name, as a string.

    Raises:
        Bad: It is empty, or neither a string nor a number.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        raise Bad(f"{where} 'id' is empty; fill it in or leave ids out")
    if isinstance(value, bool | list | dict) or (isinstance(value, float) and not math.isfinite(value)):
        raise Bad(f"{where} 'id' is {json.dumps(value)[:40]}; give a string or a number")
    return value if isinstance(value, str | int | float) else str(value)


def known(value: object) -> object:
    """An id that a list of rejected rows can name, or None."""
    try:
        return identifier(value, "")
    except Bad:
        return None


def need_groups(columns: Container[str], wanted: str | None, name: str) -> None:
    """Check that the column of groups is there, if one is wanted.

    Raises:
        InputError: It is not.
    """
    if wanted is not None and wanted not in columns:
        raise InputError(f"{name}: no column {wanted!r}; {NAME_GROUPS}")


def text_column(columns: Sequence[str], wanted: str | None, name: str | None = None) -> str:
    """Which of the columns holds the text.

    Args:
        columns: Their names.
        wanted: The one to take; None takes the first of `TEXT_COLUMNS`.
        name: Of the file; None for the columns of a single row.

    Raises:
        InputError: None does, of a file.
        Bad: None does, of a single row.
    """
    for column in (wanted,) if wanted else TEXT_COLUMNS:
        if column in columns:
            return column
    found = ", ".join(map(str, columns[:8]))
    needed = repr(wanted) if wanted else " or ".join(map(repr, TEXT_COLUMNS))
    complaint = f": no column {needed} (found: {found}); name the text column with --text-column"
    raise Bad(complaint) if name is None else InputError(name + complaint)


def parquet_values(batch, column: str | None) -> list:
    """Values of a column of a record batch, bytes where a string is no UTF-8; without a column as many None."""
    import pyarrow

    if column is None:
        return [None] * batch.num_rows
    try:
        return batch.column(column).to_pylist()
    except UnicodeDecodeError:
        return list(map(_decoded, batch.column(column).cast(pyarrow.large_binary()).to_pylist()))


def _decoded(value: bytes | None) -> str | bytes | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return value
