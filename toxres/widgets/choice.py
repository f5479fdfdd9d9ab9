"""Which comments a browser of errors lists, and in which order: pure functions of a table and a choice."""

import dataclasses
import re
from typing import Final

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.evaluation.arrays import known, positives
from toxres.evaluation.disagreement import pattern, pattern_names, rightness
from toxres.explain.record import METHODS
from toxres.labels import LABELS
from toxres.widgets.table import Judged

ANY: Final = "any"
"""No limit."""

WRONG: Final = "any model wrong"
"""The outcome of a comment that not all models have right."""

ORDERS: Final = ("highest loss", "biggest disagreement", "id")
"""How comments are sorted; equal ones by id."""

OFFERED: Final = tuple(name for name in METHODS if name != "supervised")
"""Methods of explanation to choose among: those that explain a classifier."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """What a person wants to see.

    Attributes:
        label: One of the six, or `ANY`: the comment as a whole.
        outcome: One of `outcome_names`.
        group: A group of sites, or `ANY`.
        functionality: What a test case tests, or `ANY`.
        order: One of `ORDERS`.
        search: Part of an id or a text, in any case; empty for all.
    """

    label: str = ANY
    outcome: str = ANY
    group: str = ANY
    functionality: str = ANY
    order: str = ORDERS[0]
    search: str = ""


def outcome_names(models: list[str]) -> list[str]:
    """Every outcome there is to choose: `ANY`, `WRONG`, those of `pattern_names`, and each model's two errors."""
    errors = [f"{kind} of {name}" for name in models for kind in ("false positive", "false negative")]
    return [ANY, WRONG, *pattern_names(models), *errors]


def checked(each: Judged, choice: Choice) -> Choice:
    """The choice itself.

    Raises:
        InputError: It names a label, outcome or order that there is not.
    """
    known_values = {"label": [ANY, *LABELS], "outcome": outcome_names(each.models), "order": ORDERS}
    for field, values in known_values.items():
        if getattr(choice, field) not in values:
            raise InputError(f"{field} {getattr(choice, field)!r} is not known; choose one of: {', '.join(values)}")
    return choice


def columns_of(label: str) -> list[int]:
    """The columns that a choice of label is about."""
    return list(range(len(LABELS))) if label == ANY else [LABELS.index(label)]


def patterns(each: Judged, label: str = ANY) -> pd.Series:
    """What each comment is a case of (see `pattern`); "unknown" where no target of the label is known."""
    columns = columns_of(label)
    truth = each.targets[:, columns]
    found = pattern(rightness(truth, {name: given[:, columns] for name, given in each.decided.items()}))
    return found.where(known(truth).any(axis=1), "unknown")


def wrongly(each: Judged, model: str, kind: str, label: str = ANY) -> np.ndarray:
    """Comments (N,) with a "false positive" or "false negative" of a model; an unknown target is neither."""
    columns = columns_of(label)
    truth, given = each.targets[:, columns], each.decided[model][:, columns]
    wrong = given & ~positives(truth) if kind == "false positive" else ~given & positives(truth)
    return (wrong & known(truth)).any(axis=1)


def has_outcome(each: Judged, outcome: str, label: str = ANY) -> np.ndarray:
    """Comments (N,) with an outcome of `outcome_names`."""
    if outcome == ANY:
        return np.ones(len(each.table), dtype=bool)
    kind, _, model = outcome.partition(" of ")
    if model in each.models:
        return wrongly(each, model, kind, label)
    found = patterns(each, label)
    return (~found.isin(["all right", "unknown"]) if outcome == WRONG else found == outcome).to_numpy()


def select(each: Judged, choice: Choice) -> np.ndarray:
    """Rows of the comments that fit a choice, in its order."""
    fits = has_outcome(each, choice.outcome, choice.label)
    for field in ("group", "functionality"):
        if getattr(choice, field) != ANY:
            fits = fits & (each.table[field].astype(str) == getattr(choice, field)).to_numpy()
    if words := choice.search.strip().casefold():
        ids, texts = (each.table[field].astype(str).str.casefold() for field in ("id", "text"))
        fits = fits & (ids.str.contains(words, regex=False) | texts.str.contains(words, regex=False)).to_numpy()
    rows = np.flatnonzero(fits)
    ids = each.table["id"].astype(str).tolist()
    rows = np.array(sorted(rows, key=lambda row: _natural(ids[row])), dtype=int)
    return rows[np.argsort(-_weight(each, choice)[rows], kind="stable")]


def judged_label(each: Judged, row: int, label: str = ANY) -> str:
    """The label to look at in a comment: the chosen one, or the known one that costs the models most."""
    return LABELS[int(each.loss[row].argmax())] if label == ANY else label


def loosened(each: Judged, choice: Choice) -> dict[str, int]:
    """How many comments there would be without one of the limits: by the limit, largest first, none that gives 0."""
    nothing = Choice()
    found = {}
    for field in ("label", "outcome", "group", "functionality", "search"):
        if getattr(choice, field) != getattr(nothing, field):
            found[field] = len(select(each, dataclasses.replace(choice, **{field: getattr(nothing, field)})))
    return {field: count for field, count in sorted(found.items(), key=lambda item: -item[1]) if count}


def _weight(each: Judged, choice: Choice) -> np.ndarray:
    """What comments are sorted by, (N,), largest first."""
    columns = columns_of(choice.label)
    if choice.order == "highest loss":
        return each.loss[:, columns].sum(axis=1)
    if choice.order == "biggest disagreement":
        return each.spread[:, columns].max(axis=1)
    return np.zeros(len(each.table))


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """A key that sorts row-9 before row-10."""
    parts = re.split(r"([0-9]+)", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts if part]
