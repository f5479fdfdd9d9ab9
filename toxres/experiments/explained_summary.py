"""`data/results/explained.json`: what the cells of the experiment `explained` say, for notebook and headline."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from toxres.errors import InputError
from toxres.evaluation.groups import with_family
from toxres.evaluation.means import mean_difference, mean_interval
from toxres.experiments import explained_cells as design
from toxres.experiments.explained_cells import ALONE, CONTROLS, MODELS, Cell
from toxres.explain import METHODS
from toxres.files import read_json, write_json
from toxres.results import HEADLINE, current_commit, update_headline

HEADLINE_GROUP = "spans.test.f1"
HEADLINE_METHODS = (
    "attention",
    "integrated_gradients",
    "gradient_x_input",
    "occlusion",
    "shapley",
    "lexicon",
    "random",
    "supervised",
)

SETS = ("tsd_test", "synthetic")
"""Posts whose toxic characters are known: marked by people, planted by the grammar."""

PAIRS = (
    ("attention", "integrated_gradients"),
    ("attention", "gradient_x_input"),
    ("attention", "occlusion"),
    ("attention", "shapley"),
    ("attention", "lexicon"),
    ("attention", "random"),
    ("attention", "supervised"),
    ("integrated_gradients", "occlusion"),
    ("integrated_gradients", "lexicon"),
    ("integrated_gradients", "random"),
    ("gradient_x_input", "random"),
    ("occlusion", "lexicon"),
    ("occlusion", "random"),
    ("shapley", "occlusion"),
    ("shapley", "lexicon"),
    ("shapley", "random"),
)
"""Methods of a model that are compared on the same posts, the first minus the second."""

MEASURES = ("tsd_test", "synthetic", "comprehensiveness", "sufficiency")
"""What they are compared by, each with all its comparisons a family of its own: character F1 of a set, or AOPC."""


class Results:
    """What is in the folder of results: the tables by post, and the records.

    Args:
        folder: `data/results/explained` by default.

    Raises:
        InputError: No cell is done, or the cells of a model scored other posts.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or design.RESULTS
        self.cells = [cell for cell in _all_cells() if (self.folder / f"{cell.name}.json").is_file()]
        if not self.cells:
            raise InputError(f"{self.folder}: no cell is done; run `python -m toxres.experiments.explained` first")
        self.records = {cell: read_json(self.folder / f"{cell.name}.json") for cell in self.cells}
        self.marked = {cell: self._table(cell, "spans") for cell in self.cells if cell.marks}
        self.deleted = {cell: self._table(cell, "faithful") for cell in self.cells if cell.faithful}
        if limited := [cell.name for cell in self.cells if self.records[cell]["limit"] is not None]:
            raise InputError(f"{self.folder / limited[0]}.json: is a trial on few posts; remove it and do the cell")
        self._need_same_posts()

    def _table(self, cell: Cell, kind: str) -> pd.DataFrame:
        path = self.folder / f"{cell.name}.{kind}.csv"
        if not path.is_file():
            raise InputError(f"{path}: is missing beside its record; remove {cell.name}.json and do the cell again")
        return pd.read_csv(path, dtype={"id": str})

    def _need_same_posts(self) -> None:
        groups: dict[str, list[tuple[Cell, pd.DataFrame, list[str]]]] = {}
        for cell, table in self.marked.items():
            groups.setdefault(str(design.sizes_of(cell.model)), []).append((cell, table, ["set", "id"]))
        for cell, table in self.deleted.items():
            groups.setdefault(cell.model, []).append((cell, table, ["source", "id"]))
        for (first, table, columns), *others in groups.values():
            for cell, other, _ in others:
                if not table[columns].equals(other[columns]):
                    raise InputError(
                        f"{self.folder}: {cell.name} scored other posts than {first.name}; do the older again"
                    )

    def values(self, measure: str, cell: Cell) -> dict[str, float] | None:
        """Post to value of a cell by one of `MEASURES`; None where it is not done.

        What a control marks is the same for all models, so it is taken from where no model is asked.
        """
        if measure in SETS:
            cell = Cell(ALONE, cell.method) if cell.method in CONTROLS else cell
            table = self.marked.get(cell)
            return None if table is None else table[table["set"] == measure].set_index("id")["f1"].to_dict()
        table = self.deleted.get(cell)
        if table is None:
            return None
        columns = [name for name in table if name.startswith(f"{measure}@")]
        return table.assign(post=table["source"] + "/" + table["id"]).set_index("post")[columns].mean(axis=1).to_dict()


def summarise(folder: Path | None = None) -> dict:
    """Scores with intervals, differences and the headline, as plain values.

    Raises:
        InputError: As `Results` does.
    """
    results = Results(folder)
    return {
        "plausibility": plausibility(results),
        "faithfulness": faithfulness(results),
        "differences": differences(results),
        "headline": headline(results),
        "run": run_record(results),
    }


def plausibility(results: Results) -> list[dict]:
    """A row a cell and set: mean character F1 and word AP with intervals, and the rule it was marked by."""
    rows = []
    for cell, table in results.marked.items():
        for name in SETS:
            part = table[table["set"] == name]
            f1, ap = mean_interval(part["f1"]), mean_interval(part["ap"])
            tuned = results.records[cell]["tuned"][name]
            rows.append(
                {
                    "model": cell.model,
                    "method": cell.method,
                    "set": name,
                    "posts": len(part),
                    **{"f1": f1.score, "low": f1.low, "high": f1.high},
                    **{"ap": ap.score, "ap_low": ap.low, "ap_high": ap.high},
                    "rule": tuned["rule"],
                    "f1_where_tuned": tuned["f1"],
                    "tuned_on": tuned["posts"],
                }
            )
    return rows


def faithfulness(results: Results) -> list[dict]:
    """A row a cell: AOPC of comprehensiveness and sufficiency and the mean deletion curve, all with intervals."""
    rows = []
    for cell, table in results.deleted.items():
        row = {"model": cell.model, "method": cell.method, "comments": len(table)}
        for measure in ("comprehensiveness", "sufficiency"):
            found = mean_interval(list(results.values(measure, cell).values()))
            row[measure] = {"score": found.score, "low": found.low, "high": found.high}
        steps = results.records[cell]["steps"]
        means = [mean_interval(table[f"deleted@{share:g}"].tolist()) for share in steps]
        row["curve"] = {
            "share": list(steps),
            "probability": [found.score for found in means],
            "low": [found.low for found in means],
            "high": [found.high for found in means],
        }
        rows.append(row)
    return rows


def differences(results: Results) -> list[dict]:
    """`PAIRS` of methods of each model on the same posts, corrected within each of `MEASURES` (Holm 1979)."""
    rows = []
    for measure in MEASURES:
        family = []
        for model in MODELS:
            for a, b in PAIRS:
                pair = [results.values(measure, Cell(model, method)) for method in (a, b)]
                if any(each is None for each in pair):
                    continue
                if b in CONTROLS and measure in SETS:  # which may have marked more posts than the model was asked about
                    pair[1] = {post: value for post, value in pair[1].items() if post in pair[0]}
                found = mean_difference(pair[0], pair[1])
                family.append({"measure": measure, "model": model, "a": a, "b": b, **found._asdict()})
        rows += with_family(pd.DataFrame(family)).to_dict("records") if family else []
    return rows


def headline(results: Results) -> dict[str, dict]:
    """For each method its test F1 with the model whose rule had the highest F1 where it was tuned.

    The model is chosen by that, not by the test posts.
    """
    chosen = {}
    for method in METHODS:
        done = [cell for cell in results.marked if cell.method == method]
        if done:
            best = max(done, key=lambda cell: results.records[cell]["tuned"]["tsd_test"]["f1"])
            found = mean_interval(list(results.values("tsd_test", best).values()))
            chosen[method] = {"model": best.model, "f1": found.score, "low": found.low, "high": found.high}
    return chosen


def run_record(results: Results) -> dict:
    """What computed all this: settings, sources, models, dates."""
    records = results.records.values()
    models = {name: run for record in records for name, run in record["checkpoints"].items()}
    return {
        "preset": "; ".join(sorted({run["preset"] for run in models.values()})) or "none",
        "sources": _merged(record["sources"] for record in records)
        | _merged(run["sources"] for run in models.values()),
        "label": design.LABEL,
        "tuned_on": max((each["tuned"]["tsd_test"]["posts"] for each in records if each["tuned"]), default=None),
        "options": design.OPTIONS,
        "converged": {cell.model: each["converged"] for cell, each in results.records.items() if "converged" in each},
        "seconds": {cell.name: record["seconds"]["all"] for cell, record in results.records.items()},
        "trained_on": max((run["date"][:10] for run in models.values()), default=None),
        "trained_at_commits": sorted({run["commit"] for run in models.values()}),
        "explained_on": max(record["date"] for record in records),
        "explained_at_commits": sorted({record["commit"] for record in records}),
    }


def write_summary(folder: Path | None = None, headline_path: Path | None = None) -> dict:
    """Write `explained.json` beside the folder of results and the headline's figures; return what the file holds.

    Raises:
        InputError: As `Results` does.
    """
    folder = folder or design.RESULTS
    found = summarise(folder)
    write_json(folder.with_suffix(".json"), found)
    figures = {method: found["headline"][method]["f1"] for method in HEADLINE_METHODS if method in found["headline"]}
    run = {
        "preset": found["run"]["preset"],
        "sources": found["run"]["sources"],
        "commit": current_commit(),
        "date": datetime.date.today().isoformat(),
        "models": {method: found["headline"][method]["model"] for method in figures},
        "tuned_on": found["run"]["tuned_on"],
    }
    update_headline({HEADLINE_GROUP: figures}, run, headline_path or HEADLINE)
    return found


def plausibility_table(summary: Mapping, name: str = "tsd_test") -> pd.DataFrame:
    """Scores of one set as `plots.scoreboard.plausibility_dots` takes them: a row a model and method."""
    table = pd.DataFrame(summary["plausibility"])
    table = table[table["set"] == name].set_index(["model", "method"])
    return table[["f1", "low", "high", "ap", "ap_low", "ap_high", "posts"]].astype(float)


def faithfulness_table(summary: Mapping) -> pd.DataFrame:
    """AOPC as `plots.scoreboard.faithfulness_dots` takes it: index (model, method), columns measure and end."""
    rows = {
        (row["model"], row["method"]): {
            (measure, end): row[measure][end]
            for measure in ("comprehensiveness", "sufficiency")
            for end in ("score", "low", "high")
        }
        for row in summary["faithfulness"]
    }
    return pd.DataFrame.from_dict(rows, orient="index").astype(float)


def deletion_curves(summary: Mapping, model: str) -> dict[str, tuple[Sequence[float], ...]]:
    """Method to shares of words deleted, mean probabilities and the ends of their intervals, for one model."""
    return {
        row["method"]: tuple(row["curve"][key] for key in ("share", "probability", "low", "high"))
        for row in summary["faithfulness"]
        if row["model"] == model
    }


def told_origin(summary: Mapping, kind: str = "tsd_test") -> str:
    """What stands under a figure: whose posts, how many, tuned on what, when; `kind` is a set or "faithfulness"."""
    run = summary["run"]
    if kind == "faithfulness":
        count = _told_range(row["comments"] for row in summary["faithfulness"])
        comments = f"{count} validation comments of Jigsaw and civil_spans that the model calls toxic"
        return f"{comments}; {run['explained_on']}"
    rows = [row for row in summary["plausibility"] if row["set"] == kind]
    name = (
        "test posts of SemEval-2021 Task 5" if kind == "tsd_test" else "comments of the synthetic corpus with a phrase"
    )
    posts, tuned = (_told_range(row[column] for row in rows) for column in ("posts", "tuned_on"))
    return f"{posts} {name}; rules tuned on {tuned} other posts; {run['explained_on']}"


def _told_range(counts: Iterable[int]) -> str:
    """The smallest and the largest of some counts, or the one that they all are."""
    counts = sorted(set(counts))
    return f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"


def _all_cells() -> list[Cell]:
    return design.cells([ALONE, *MODELS])


def _merged(parts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {name: value for part in parts for name, value in part.items()}
