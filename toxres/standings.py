"""Where every model stands on every test: the recorded figures, ours beside those that others published."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from toxres.files import ROOT, read_json
from toxres.readme import COLUMNS, ROWS
from toxres.results import read_headline

PUBLISHED = ROOT / "data" / "results" / "published.json"


class Measure(NamedTuple):
    """One test and the figure that it is told by.

    Attributes:
        name: What tables and figures call it.
        section: Of the recorded figures.
        figure: In the section; "" where a section's only row names a system a figure.
    """

    name: str
    section: str
    figure: str


TESTS = (
    Measure("Jigsaw, macro AUROC", "jigsaw.oof", "macro_auroc"),
    Measure("Jigsaw, macro AP", "jigsaw.oof", "macro_ap"),
    Measure("Jigsaw, macro-F1", "jigsaw.oof", "macro_f1_tuned"),
    Measure("HateCheck, accuracy", "hatecheck", "total"),
    Measure("HateCheck, not hateful", "hatecheck", "non_hateful"),
    Measure("madlibs, AUC", "madlibs", "auc"),
    Measure("toxic spans, F1", "spans.test", ""),
    Measure("PolEval 6-1, F1", "poleval.6-1", "f1"),
    Measure("PolEval 6-2, macro-F", "poleval.6-2", "macro_f"),
)
"""The tests in the order they are shown; of all of them more is better."""

SHORT = {
    "tfidf": "TF-IDF",
    "baseline": "baseline",
    "custom": "custom",
    "custom_balanced": "custom, balanced",
    "ulmfit": "ULMFiT",
    "test": "multiview",
}
"""What our systems are called; others as the README calls them."""


def standings(figures: Mapping[str, object] | None = None, published: Sequence[Mapping] | None = None) -> pd.DataFrame:
    """Every recorded figure of the tests, and every published one.

    Args:
        figures: As in `data/results/headline.json`, which is read by default.
        published: As in `data/results/published.json`, which is read by default.

    Returns:
        A row a figure: `test`, `system`, `value`, `kind` ("ours" or "published"); tests in order, best first.
    """
    figures = read_headline() if figures is None else figures
    published = read_json(PUBLISHED) if published is None else published
    rows = []
    for test in TESTS:
        prefix = f"{test.section}."
        for key, value in figures.items():
            row, _, name = key.removeprefix(prefix).rpartition(".")
            if not key.startswith(prefix) or name not in COLUMNS or value is None:
                continue
            if test.figure in (name, ""):
                system = SHORT.get(row, ROWS.get(row, row)) if test.figure else f"ours, {COLUMNS[name]}"
                rows.append((test.name, system, float(value), "ours"))
        for each in published:
            values = each["values"] if each["section"] == test.section else {}
            for name, value in values.items():
                if test.figure in (name, "") and value is not None:
                    rows.append((test.name, each["name"], float(value), "published"))
    table = pd.DataFrame(rows, columns=["test", "system", "value", "kind"])
    order = {test.name: place for place, test in enumerate(TESTS)}
    table = table.assign(place=table["test"].map(order)).sort_values(
        ["place", "value"], ascending=[True, False], kind="stable"
    )
    return table.drop(columns="place").reset_index(drop=True)


def standings_table(table: pd.DataFrame) -> pd.DataFrame:
    """A row a test: each of our classifiers, the best of ours, and the best that was published, with its name.

    Args:
        table: Of `standings`.
    """
    columns = [name for name in SHORT.values() if name in set(table["system"])]
    rows = {}
    for test in dict.fromkeys(table["test"]):
        here = table[table["test"] == test]
        ours, theirs = (here[here["kind"] == kind] for kind in ("ours", "published"))
        found = dict(zip(ours["system"], ours["value"], strict=True))
        row = {name: found.get(name) for name in columns}
        row["best of ours"] = ours["value"].max() if len(ours) else None
        row["best published"] = theirs["value"].max() if len(theirs) else None
        row["by"] = theirs["system"].iat[0] if len(theirs) else ""
        rows[test] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def standings_told(table: pd.DataFrame) -> list[str]:
    """A sentence a test: our best, and whether the best published system is ahead."""
    told = []
    for test in dict.fromkeys(table["test"]):
        here = table[table["test"] == test]
        ours, theirs = (here[here["kind"] == kind] for kind in ("ours", "published"))
        if not len(ours):
            continue
        best = ours.iloc[0]
        sentence = f"{test}: our best is {best['system']}, {best['value']:.3f}"
        if len(theirs):
            other = theirs.iloc[0]
            ahead = "ahead of" if best["value"] > other["value"] else "behind"
            sentence += f", {ahead} {other['system']}, {other['value']:.3f}"
        told.append(f"{sentence}.")
    return told
