"""One schema for comments from all sources, and the check that a table keeps to it.

A table of comments is a pandas DataFrame with the columns of `COLUMNS`: `id` and `text` and `group` (strings), then the
six labels as float32 in [0, 1], NaN where the label is unknown. A column `spans` may follow: for each comment a list of
`(start, end, label)`, Python character offsets into `text`, `end` exclusive. `attrs` say where it comes from:
`source` (name), `origin` (file, or "embedded") and `sha256` (of the files read).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.labels import LABELS

COLUMNS: Final = ("id", "text", "group", *LABELS)
"""The columns every table of comments has, in this order."""


def targets(comments: pd.DataFrame, labels: Sequence[str] = LABELS) -> np.ndarray:
    """The targets matrix (N, L), float32 in [0, 1], NaN where unknown, columns in the order of `labels`."""
    return comments[list(labels)].to_numpy(dtype=np.float32)


def make_comments(
    ids: object,
    texts: object,
    group: object,
    labels: dict[str, object],
    spans: object = None,
    *,
    name: str,
    field: str = "text",
) -> pd.DataFrame:
    """Build a table of comments from columns; labels that are not given are unknown.

    Args:
        ids: N identifiers.
        texts: N comments.
        group: One group for all, or N of them.
        labels: Some of the six labels to N values in [0, 1], NaN for unknown.
        spans: N lists of `(start, end, label)`, or None for no such column.
        name: What an error calls the table, e.g. the file.
        field: What an error calls the column of texts: its name in the file.

    Raises:
        InputError: As `validate_comments` does.
    """
    frame = pd.DataFrame({"id": pd.Series(list(ids), dtype=object), "text": pd.Series(list(texts), dtype=object)})
    frame["group"] = group
    for label in LABELS:
        frame[label] = np.asarray(labels.get(label, np.nan), dtype=np.float32)
    if spans is not None:
        frame["spans"] = pd.Series(list(spans), dtype=object)
    frame["id"] = frame["id"].astype(str)
    return validate_comments(frame, name=name, field=field)


def validate_comments(comments: pd.DataFrame, *, name: str = "comments", field: str = "text") -> pd.DataFrame:
    """Check a table of comments against the schema and return it.

    Args:
        comments: The table.
        name: What an error calls it, e.g. the file it was read from.
        field: What an error calls the column of texts.

    Raises:
        InputError: A column is missing, a text is empty or no string, an id stands twice, or a label is outside [0, 1].
            The message names the table, the first bad row (1 is the first comment), the field and what to do.
    """
    missing = [column for column in COLUMNS if column not in comments.columns]
    if missing:
        raise InputError(f"{name}: no column {missing[0]!r}; a table of comments has the columns {', '.join(COLUMNS)}")
    if comments.empty:
        raise InputError(f"{name}: there are no comments; give at least one row")
    texts = comments["text"].to_numpy(dtype=object)
    check_rows(
        [not isinstance(text, str) for text in texts], name, field, "is not a string", "give it a text or drop the row"
    )
    check_rows([not text.strip() for text in texts], name, field, "is empty", "give it a text or drop the row")
    check_rows(comments["id"].duplicated().to_numpy(), name, "id", "repeats an earlier id", "make ids unique")
    for label in LABELS:
        values = comments[label].to_numpy()
        if values.dtype.kind not in "fiub":
            raise InputError(f"{name}: column {label!r} is not numeric; give fractions in [0, 1], empty for unknown")
        outside = ~(np.isnan(values) | ((values >= 0) & (values <= 1)))
        check_rows(outside, name, label, "is outside [0, 1]", "give a fraction, NaN for unknown")
    return comments


def check_rows(bad: object, name: str, field: str, problem: str, remedy: str, first: int = 1) -> None:
    """Raise if any row is bad, such as "x.csv: row 3 (and 2 more: 7, 9), field 'text': is empty; drop the row".

    Args:
        bad: N booleans.
        name: The file or table.
        field: The column.
        problem: What is wrong with the field there.
        remedy: What to do about it.
        first: Number of the first of these rows.

    Raises:
        InputError: At least one row is bad.
    """
    rows = np.flatnonzero(np.asarray(bad, dtype=bool)) + first
    if len(rows):
        others = ", ".join(map(str, rows[1:6])) + (", ..." if len(rows) > 6 else "")
        more = f" (and {len(rows) - 1} more: {others})" if len(rows) > 1 else ""
        raise InputError(f"{name}: row {rows[0]}{more}, field {field!r}: {problem}; {remedy}")
