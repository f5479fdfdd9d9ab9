"""`data/results/groups.json`: what the scores of the experiment `groups` say, for the notebooks."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.data import load_comments
from toxres.errors import InputError
from toxres.evaluation.groups import (
    POOLED,
    STRATEGIES,
    bits_matrix,
    compare_bits,
    compare_strategies,
    transfer_matrix,
    who_wins,
)
from toxres.experiments import groups as experiment
from toxres.experiments.groups import FLOOR, GROUPS, RECIPE, Step, steps
from toxres.files import read_json, write_json
from toxres.labels import LABELS

MAIN_LABEL = "toxic"
"""The label that every group knows and has many of; the winners are told by it."""

METRICS = ("auroc", "ap")

RECIPE_NAMES = {RECIPE: "ULMFiT, small", FLOOR: "TF-IDF"}
"""What figures call the recipes."""

MIN_POSITIVES = 10
"""A label with fewer positives in a group's test comments is not scored there."""


def summary_path() -> Path:
    """Where the summary is written."""
    return experiment.RESULTS.with_suffix(".json")


def read_scores(recipe: str = RECIPE) -> tuple[dict[Step, pd.DataFrame], dict[Step, dict]]:
    """Probabilities and records of a recipe's classifiers, of every seed that is complete, by step.

    Raises:
        InputError: No seed is complete, two models were trained with other settings or scored other comments.
    """
    seeds = 0
    while all(step.record.is_file() for step in _classifiers(recipe, seeds + 1)):
        if seeds and recipe == FLOOR:
            break
        seeds += 1
    if not seeds:
        missing = [step.name for step in _classifiers(recipe, 1) if not step.record.is_file()]
        raise InputError(
            f"{experiment.RESULTS}: {len(missing)} results of {recipe} are missing, e.g. {missing[0]}; "
            "run `python -m toxres.experiments.groups` first"
        )
    chosen = _classifiers(recipe, seeds)
    records = {step: read_json(step.record) for step in chosen}
    tables = {step: pd.read_csv(step.record.with_suffix(".csv"), dtype={"id": str}) for step in chosen}
    first = chosen[0]
    for step in chosen[1:]:
        if records[step]["preset"] != records[first]["preset"]:
            raise InputError(
                f"{step.record}: its preset differs from {first.name}'s; remove the older and run it again"
            )
        if not tables[step][["id", "group"]].equals(tables[first][["id", "group"]]):
            raise InputError(f"{step.record}: scores other comments than {first.name}; remove both and run them again")
    return tables, records


def _classifiers(recipe: str, seeds: int) -> list[Step]:
    return [step for step in steps(seeds) if step.recipe == recipe and step.strategy in STRATEGIES]


def read_targets(table: pd.DataFrame, records: Mapping[Step, dict]) -> dict[str, pd.DataFrame]:
    """The labels of the scored comments by group, in the order of the scores.

    Raises:
        InputError: The source at hand is not the one that was scored.
    """
    hashes = {entry["name"]: entry["sha256"] for record in records.values() for entry in record["sources"]}
    found = {}
    for group, source in GROUPS.items():
        comments = load_comments(source)
        if comments.attrs.get("sha256") != hashes.get(source):
            raise InputError(f"{source}: is not the file that was trained and scored on; get that one, or run it again")
        ids = table.loc[table["group"] == group, "id"]
        found[group] = comments.set_index("id").loc[ids, list(LABELS)]
    return found


def summarise(n_resamples: int = 1_000) -> dict:
    """Transfer matrices, comparisons and winners of each recipe that is done, and bits per character, as plain values.

    Args:
        n_resamples: Resamples of an interval; a comparison takes more, for its p-value is corrected.

    Raises:
        InputError: As `read_scores` and `read_targets` do; or no recipe is done.
    """
    done = [recipe for recipe in (RECIPE, FLOOR) if all(step.record.is_file() for step in _classifiers(recipe, 1))]
    languages = {step.group: read_json(step.record) for step in _languages() if step.record.is_file()}
    blocks = {
        name: {group: np.column_stack([each["nats"], each["characters"]]) for group, each in record["tested"].items()}
        for name, record in languages.items()
    }
    bits = None
    if len(languages) == len(_languages()):
        bits = {"matrix": _rows(bits_matrix(blocks)), "comparisons": compare_bits(blocks).to_dict("records")}
    return {
        "groups": dict(GROUPS),
        "recipes": {recipe: _of_recipe(recipe, n_resamples) for recipe in done or [RECIPE]},
        "bits": bits,
        "language_models": {
            name: {key: record[key] for key in ("config", "corpus", "seconds", "commit", "date")}
            for name, record in languages.items()
        },
    }


def _languages() -> list[Step]:
    return [step for step in steps(1) if step.strategy == "language"]


def _of_recipe(recipe: str, n_resamples: int) -> dict:
    tables, records = read_scores(recipe)
    truth = read_targets(next(iter(tables.values())), records)
    transfer, comparisons = {}, {}
    for label in LABELS:
        targets = {
            group: frame[label].to_numpy(float)
            for group, frame in truth.items()
            if (frame[label] >= 0.5).sum() >= MIN_POSITIVES
        }
        by_model = _scores(tables, records, label, targets)
        transfer[label] = {
            metric: {
                kind: _rows(transfer_matrix(targets, models, metric, n_resamples=n_resamples))
                for kind, models in by_model.items()
                if models and targets
            }
            for metric in METRICS
        }
        served = _served(by_model)
        comparisons[label] = compare_strategies(targets, served, METRICS, n_resamples=5 * n_resamples // 2)
    main = comparisons[MAIN_LABEL]
    return {
        "record": _record(tables, records),
        "transfer": transfer,
        "comparisons": {label: table.to_dict("records") for label, table in comparisons.items() if len(table)},
        "winners": [who_wins(main, group, metric)._asdict() for metric in METRICS for group in GROUPS],
    }


def _scores(
    tables: Mapping[Step, pd.DataFrame], records: Mapping[Step, dict], label: str, targets: Mapping
) -> dict[str, dict[str, dict[str, list[np.ndarray]]]]:
    """Scores of one label: kind of model ("own", with the pooled one, or "shared"), trained on, tested on, by seed."""
    found: dict[str, dict[str, dict[str, list[np.ndarray]]]] = {"own": {}, "shared": {}}
    for step, table in tables.items():
        if label not in records[step]["labels"]:
            continue
        by_group = {group: table.loc[table["group"] == group, label].to_numpy(float) for group in targets}
        kind = "shared" if step.strategy == "shared" else "own"
        for group, values in by_group.items():
            found[kind].setdefault(step.group, {}).setdefault(group, []).append(values)
    return found


def _served(by_model: Mapping) -> dict[str, dict[str, list[np.ndarray]]]:
    """What each strategy says of each group: its own model's scores, or those of the one for all."""
    own, shared = by_model["own"], by_model["shared"]
    return {
        "own": {group: tested[group] for group, tested in own.items() if group in tested},
        POOLED: dict(own.get(POOLED, {})),
        "shared": {group: tested[group] for group, tested in shared.items() if group in tested},
    }


def _record(tables: Mapping[Step, pd.DataFrame], records: Mapping[Step, dict]) -> dict:
    first = next(iter(records.values()))
    counts = next(iter(tables.values()))["group"].value_counts()
    return {
        "seeds": len({step.seed for step in tables}),
        "preset": first["preset"],
        "rows_each": first["preset"]["max_rows"],
        "tested": {group: int(counts[group]) for group in GROUPS},
        "dropped_from_tests": first["dropped_from_tests"],
        "sources": {entry["name"]: entry["sha256"] for record in records.values() for entry in record["sources"]},
        "seconds": sum(record["seconds"] for record in records.values()),
        "trained_on": max(record["date"] for record in records.values())[:10],
        "trained_at_commits": sorted({record["commit"] for record in records.values()}),
    }


def _rows(matrix: pd.DataFrame) -> list[dict]:
    return matrix.reset_index().to_dict("records")


def write_summary() -> dict:
    """Write `data/results/groups.json` and return what it holds."""
    found = summarise()
    write_json(summary_path(), found)
    return found


def matrix_of(rows: list[dict]) -> pd.DataFrame:
    """A matrix of the summary as `plots.groups.transfer_heatmap` takes it; null becomes NaN."""
    frame = pd.DataFrame(rows).set_index(["trained", "tested"])
    return frame.astype(float)


def strategy_scores(summary: Mapping, metric: str, label: str = MAIN_LABEL, recipe: str = RECIPE) -> pd.DataFrame:
    """Each strategy's score of each group with its interval, as `plots.groups.strategy_dots` takes it."""
    tables = {kind: matrix_of(rows) for kind, rows in summary["recipes"][recipe]["transfer"][label][metric].items()}
    rows = {}
    for strategy in STRATEGIES:
        table = tables.get("shared" if strategy == "shared" else "own")
        for group in summary["groups"] if table is not None else ():
            place = (POOLED if strategy == POOLED else group, group)
            if place in table.index:
                rows[strategy, group] = table.loc[place, ["score", "low", "high"]]
    return pd.DataFrame.from_dict(rows, orient="index")


def told_origin(summary: Mapping, recipe: str = RECIPE) -> str:
    """What stands under a figure of a recipe: its name, whose comments, how many, trained how often, when."""
    record = summary["recipes"][recipe]["record"]
    tested = ", ".join(f"{count:,} {group}" for group, count in record["tested"].items())
    seeds = f"mean of {record['seeds']} seeds" if record["seeds"] > 1 else "one seed"
    seeds = "" if recipe == FLOOR else f", {seeds}"
    trained = f"{record['rows_each']:,} labelled a group{seeds}"
    return f"{RECIPE_NAMES[recipe]}; test comments: {tested}; {trained}; {record['trained_on']}"


def told_language_origin(summary: Mapping) -> str:
    """What stands under a figure of the language models."""
    dates = [each["date"][:10] for each in summary["language_models"].values()]
    return f"AWD-LSTM language models, each of all training comments of its group, trained once; {max(dates)}"
