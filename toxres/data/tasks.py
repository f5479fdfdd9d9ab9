"""The targets of a task from what a table of comments says: labels, tags, or a policy's decision."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from toxres.data.csvfiles import parse_label
from toxres.data.schema import check_rows, targets
from toxres.errors import InputError
from toxres.tasks import DECISION, TAG_COLUMNS, TOXICITY, Task

ROUNDING = 0.02
"""The classes' shares of one comment may miss 1 by so much."""


def with_task(comments: pd.DataFrame, task: Task, name: str, *, need: bool = True) -> pd.DataFrame:
    """The comments with a column of targets for each label of a task; read them with `targets(comments, task.labels)`.

    Classes stand in columns named as the task's labels (shares of raters, which sum to 1; -1 or nothing is unknown), or
    in one column `tag` or `class`: the number or name of a class. A decision stands in a column `reject`; without one
    it follows from the six labels (see `decision_targets`).

    Args:
        comments: A whole source, or a split of it.
        task: Which targets.
        name: What an error calls the table, e.g. its source.
        need: Refuse a table without such columns; False leaves its targets unknown.

    Raises:
        InputError: No column says the targets, a value is no class or no fraction, or the shares of one comment's
            classes do not sum to 1.
    """
    if task.name == TOXICITY.name:
        return comments
    if all(label in comments.columns for label in task.labels):
        values = np.column_stack([parse_label(_strings(comments[label]), name, label) for label in task.labels])
        if task.exclusive:
            values = _shares(values, task, name)
    elif task.exclusive:
        column = next((column for column in TAG_COLUMNS if column in comments.columns), None)
        if column is not None:
            values = _one_hot(_strings(comments[column]), task, name, column)
        elif need:
            raise InputError(
                f"{name}: no column 'tag' says which of {', '.join(task.labels)} a comment is; add one with these "
                "names or their numbers from 0, or a column of shares for each of them"
            )
        else:
            values = np.full((len(comments), len(task.labels)), np.nan)
    else:
        values = decision_targets(comments, task.enforced)[:, None]
    columns = dict(zip(task.labels, values.astype(np.float32).T, strict=True))
    prepared = comments.assign(**columns)
    prepared.attrs = dict(comments.attrs)
    return prepared


def decision_targets(comments: pd.DataFrame, enforced: Sequence[str] = DECISION.enforced) -> np.ndarray:
    """A policy's decision (N,): 1 rejects, 0 accepts, NaN where it cannot be known.

    Args:
        comments: N comments with the six labels.
        enforced: Labels that the policy rejects a comment for: for any of them, where at least half of the raters gave
            it. A comment is accepted where all of them are known and none is given.
    """
    values = targets(comments, enforced)
    rejected = (np.nan_to_num(values, nan=0.0) >= 0.5).any(axis=1)
    return np.where(rejected, 1.0, np.where(np.isnan(values).any(axis=1), np.nan, 0.0)).astype(np.float32)


def need_two_classes(values: np.ndarray, task: Task, name: str) -> None:
    """Refuse targets (N, L) from which a task that tells classes apart can learn nothing.

    Raises:
        InputError: All known targets are of one class.
    """
    if task.name == TOXICITY.name:
        return
    known = values[~np.isnan(values).any(axis=1)]
    found = np.unique(known.argmax(axis=1) if task.exclusive else known[:, 0] >= 0.5)
    if len(found) < 2:
        only = task.labels[found[0]] if task.exclusive else ("reject" if found[0] else "accept")
        remedy = "" if task.exclusive else f" (a policy that enforces {', '.join(task.enforced)})"
        raise InputError(
            f"{name}: every training comment whose class is known is {only!r}{remedy}; add comments of another class"
        )


def _strings(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), "").astype(str)


def _shares(values: np.ndarray, task: Task, name: str) -> np.ndarray:
    values = np.where(np.isnan(values).any(axis=1, keepdims=True), np.nan, values)
    sums = values.sum(axis=1, keepdims=True)
    check_rows(
        (np.abs(sums - 1) > ROUNDING)[:, 0],
        name,
        "', '".join(task.labels),
        "do not sum to 1, but a comment has exactly one class",
        "give the raters' shares, 1 for the class and 0 for the others, or nothing for unknown",
    )
    return values / sums


def _one_hot(column: pd.Series, task: Task, name: str, field: str) -> np.ndarray:
    parsed = {value: _class_number(value, task.labels) for value in column.unique()}
    numbers = [parsed[value] for value in column]
    check_rows(
        [number is None for number in numbers],
        name,
        field,
        f"is no class of the task {task.name}",
        f"give 0 to {len(task.labels) - 1}, or one of {', '.join(task.labels)}; -1 or nothing for unknown",
    )
    codes = np.array(numbers, dtype=np.float64)[:, None]
    return np.where(np.isnan(codes), np.nan, codes == np.arange(len(task.labels)))


def _class_number(value: str, labels: Sequence[str]) -> float | None:
    """The number of a class; NaN is unknown, None no class."""
    if not value.strip():
        return math.nan
    word = "_".join(value.casefold().split())
    if word in labels:
        return float(labels.index(word))
    try:
        number = float(value)
    except ValueError:
        return None
    if number == -1:
        return math.nan
    return number if number in range(len(labels)) else None
