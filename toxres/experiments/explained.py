"""Is attention an explanation? Every model explained by every method, on one scoreboard.

`python -m toxres.experiments.explained [--models NAMES] [--methods NAMES]` starts or goes on; `--summary` puts what is
there into `data/results/explained.json` and the headline. A cell, a model explained by a method, is scored twice.
Plausibility: do the words it points at overlap with the characters that people marked in the test posts of SemEval-2021
Task 5, and with the phrases planted in the synthetic corpus? The rule that turns attributions into marked characters
is tuned on other posts. Faithfulness: does the score fall when these words are deleted from comments that the model
calls toxic? A cell writes its figures by post under `data/results/explained` as it ends, and is never repeated.
Checkpoints that are missing are trained first.
"""

import argparse
import dataclasses
import datetime
import functools
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.config import FULL
from toxres.errors import InputError
from toxres.evaluation.faithfulness import measure_faithfulness
from toxres.evaluation.rationales import (
    SCALES,
    character_f1,
    mark_characters,
    probability_of,
    tune_span_threshold,
    word_average_precision,
)
from toxres.experiments.explained_cells import (
    ALONE,
    CONTROLS,
    LABEL,
    OPTIONS,
    RESULTS,
    SEED,
    SPAN_MEMBERS,
    SPAN_MODEL,
    SPAN_SOURCES,
    SPAN_START,
    WORK,
    Cell,
    MarkedPosts,
    Sizes,
    cells,
    data_sources,
    is_trained,
    planted_posts,
    scored_posts,
    settings_of,
    sizes_of,
    toxic_comments,
    tuning_posts,
)
from toxres.explain import Explanation
from toxres.files import atomic_path, write_json
from toxres.results import current_commit

CONVERGED = 0.05
"""Share of f(x) - f(baseline) that a convergence delta may be of, as the authors of integrated gradients ask."""


@functools.lru_cache(maxsize=2)
def checkpoint_of(model: str):
    """The checkpoint of a model, trained as `toxres train` does it if it is not there."""
    from toxres.checkpoint import load_checkpoint
    from toxres.training import train, train_spans

    folder = WORK / model
    if not is_trained(folder):
        if model == SPAN_MODEL:
            start = checkpoint_of(SPAN_START).path
            train_spans(
                list(SPAN_SOURCES), FULL, SEED, folder, init=start, members=SPAN_MEMBERS, resume=True, progress=False
            )
        else:
            recipe, preset, sources = settings_of(model)
            train(recipe, list(sources), preset, SEED, folder, resume=True, progress=False)
    return load_checkpoint(folder)


@functools.lru_cache(maxsize=2)
def explained_comments(model: str, limit: int) -> pd.DataFrame:
    """The comments that a model's explanations are tested on, the same for every method."""
    return toxic_comments(checkpoint_of(model), limit)


def explanations_of(cell: Cell, texts: Sequence[str]) -> list[Explanation]:
    """A cell's explanations; of occlusion and Shapley for all labels, as these cost nothing there."""
    from toxres.explain import explain

    labels = None if cell.method in ("occlusion", "shapley") else [LABEL]
    options = dict(OPTIONS.get(cell.method, {}))
    if cell.model != ALONE:
        checkpoint = checkpoint_of(cell.model)
        if cell.method == "supervised":
            options["spans"] = checkpoint_of(SPAN_MODEL)
    else:
        checkpoint = checkpoint_of(SPAN_MODEL) if cell.method == "supervised" else None
    return explain(checkpoint, list(texts), cell.method, labels, **options)


def execute(cell: Cell, limit: int | None = None, folder: Path | None = None) -> dict:
    """Do one cell: write its figures by post, then its record, and return the record.

    Args:
        cell: Which.
        limit: Most posts of each kind, to try it out; as many as `explained_cells.sizes_of` says by default.
        folder: Where to write; `data/results/explained`, or beside the checkpoints where there is a limit.
    """
    folder = folder or (RESULTS if limit is None else WORK / "trial")
    started = time.monotonic()
    sizes = sizes_of(cell.model) if limit is None else Sizes(limit, limit, limit)
    record: dict = {"cell": dataclasses.asdict(cell), "options": OPTIONS.get(cell.method, {}), "limit": limit}
    record |= {"tuned": {}, "seconds": {}, "sources": {}}
    if cell.marks:
        rows = []
        files = ("trial",) if cell.method == "supervised" else ("trial", "train")
        for name, tune, test in (
            ("tsd_test", lambda: tuning_posts(sizes.tuning, files), lambda: scored_posts(sizes.scored)),
            ("synthetic", lambda: planted_posts("validation", limit), lambda: planted_posts("test", limit)),
        ):
            rows += _plausibility(cell, name, tune(), test(), record)
        _write_rows(folder / f"{cell.name}.spans.csv", pd.DataFrame(rows))
    if cell.faithful:
        _write_rows(folder / f"{cell.name}.faithful.csv", _faithfulness(cell, sizes.faithful, record))
    record["checkpoints"] = _checkpoints(cell)
    record |= {"commit": current_commit(), "date": datetime.date.today().isoformat()}
    record["seconds"]["all"] = round(time.monotonic() - started, 1)
    write_json(folder / f"{cell.name}.json", record)
    return record


def _plausibility(cell: Cell, name: str, tune: MarkedPosts, test: MarkedPosts, record: dict) -> list[dict]:
    """Tune a rule on one set of posts, score it on another; a row a post."""
    options = {}
    if cell.method in CONTROLS:
        scales = [scale for scale in SCALES if scale != "confident"]
        options = {"scales": scales, "floors": (0.0,), "readings": ("label",)}
    started = time.monotonic()
    tuned = tune_span_threshold(explanations_of(cell, tune.texts), tune.gold, LABEL, **options)
    middle = time.monotonic()
    found = explanations_of(cell, test.texts)
    record["tuned"][name] = {**tuned._asdict(), "rule": dataclasses.asdict(tuned.rule)}
    record["seconds"][name] = {"tuning": round(middle - started, 1), "test": round(time.monotonic() - middle, 1)}
    record["sources"] |= tune.sources | test.sources
    if cell.method == "integrated_gradients":
        record.setdefault("converged", {})[name] = converged_share(found)
    return [
        {
            "set": name,
            "id": post,
            "f1": character_f1(mark_characters(explanation, tuned.rule, LABEL), gold),
            "ap": word_average_precision(explanation, gold, LABEL),
            "probability": probability_of(explanation, LABEL),
        }
        for post, explanation, gold in zip(test.ids, found, test.gold, strict=True)
    ]


def _faithfulness(cell: Cell, limit: int, record: dict) -> pd.DataFrame:
    comments = explained_comments(cell.model, limit)
    checkpoint = checkpoint_of(cell.model)
    column = checkpoint.labels.index(LABEL)
    started = time.monotonic()
    explanations = explanations_of(cell, comments["text"].tolist())
    if cell.method == "supervised":
        explanations = _as_read_by(cell.model, explanations)
    found = measure_faithfulness(
        explanations,
        lambda texts: checkpoint.predict_proba(texts)[:, column],
        LABEL,
        seed=SEED,
    )
    record["seconds"]["faithful"] = round(time.monotonic() - started, 1)
    record["sources"] |= data_sources()
    record |= {"bins": found.bins, "steps": found.steps}
    table = comments[["source", "id"]].assign(probability=found.probs)
    for kind, values in (("comprehensiveness", found.comprehensiveness), ("sufficiency", found.sufficiency)):
        table[[f"{kind}@{share:g}" for share in found.bins]] = values
    table[[f"deleted@{share:g}" for share in found.steps]] = found.curves
    return table


def _as_read_by(model: str, explanations: Sequence[Explanation]) -> list[Explanation]:
    """The explanations with those words as read that the model reads; the span model reads all of a long comment."""
    texts = [each.text for each in explanations]
    others = explanations_of(Cell(model, "lexicon"), texts)
    return [dataclasses.replace(each, read=other.read) for each, other in zip(explanations, others, strict=True)]


def converged_share(explanations: Sequence[Explanation]) -> float:
    """Share of explanations whose attributions add up to f(x) - f(baseline), but for 5% of it or 0.02 logits."""
    good = [
        np.all(
            np.abs(each.convergence_delta)
            <= np.maximum(CONVERGED * np.abs(each.scores - each.baseline_scores), 0.02) + 1e-9
        )
        for each in explanations
    ]
    return float(np.mean(good))


def _checkpoints(cell: Cell) -> dict[str, dict]:
    """What a committed result needs to say about the models it asked; no paths."""
    names = [] if cell.model == ALONE else [cell.model]
    names += [SPAN_MODEL] if cell.method == "supervised" else []
    wanted = ("key", "seed", "rows_train", "rows_sha256", "seconds", "commit", "date", "versions")
    found = {}
    for name in names:
        run = checkpoint_of(name).run
        entries = [*run["sources"], *((run.get("initial") or {}).get("sources", ()))]
        found[name] = {key: run[key] for key in wanted} | {"preset": run["preset"]["name"]}
        found[name]["sources"] = {entry["name"]: entry["sha256"] for entry in entries}
    return found


def _write_rows(path: Path, table: pd.DataFrame) -> None:
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.5g", lineterminator="\n")


def is_done(cell: Cell, folder: Path = RESULTS) -> bool:
    """Whether a cell's record is there; it is written last."""
    return (folder / f"{cell.name}.json").is_file()


def continue_experiment(
    models: Sequence[str] | None = None, methods: Sequence[str] | None = None, limit: int | None = None
) -> int:
    """Do what is left, one cell after the other in this process.

    Args:
        models: As in `explained_cells.cells`.
        methods: As there.
        limit: Most posts of each kind; such a trial is written beside the checkpoints, and repeated.

    Returns:
        How many cells were done.
    """
    left = [cell for cell in cells(models, methods) if limit is not None or not is_done(cell, RESULTS)]
    print(f"explained: {len(left)} cells to do", flush=True)
    for cell in left:
        record = execute(cell, limit)
        tuned = "".join(f", {name}: F1 {found['f1']:.3f} where tuned" for name, found in record["tuned"].items())
        print(f"{cell.name}: done after {record['seconds']['all']:.0f} s{tuned}", flush=True)
    return len(left)


def main(arguments: list[str] | None = None) -> int:
    """Start or go on with the experiment, or sum it up."""
    parser = argparse.ArgumentParser(prog="python -m toxres.experiments.explained", description=__doc__)
    parser.add_argument("--models", metavar="NAMES", help="such as custom,baseline; none is what asks no model")
    parser.add_argument("--methods", metavar="NAMES", help="such as attention,occlusion")
    parser.add_argument("--limit", type=int, metavar="N", help="try it on at most N posts of each kind; no result")
    parser.add_argument("--summary", action="store_true", help="write data/results/explained.json from what is there")
    options = parser.parse_args(arguments)
    try:
        if options.limit is not None and options.limit < 1:
            raise InputError(f"argument --limit: {options.limit} posts are too few; give 1 or more")
        if options.summary:
            from toxres.experiments.explained_summary import write_summary

            for name, value in write_summary()["headline"].items():
                print(f"{name}: character F1 {value['f1']:.3f} ({value['model']})")
        else:
            names = [None if value is None else value.split(",") for value in (options.models, options.methods)]
            continue_experiment(*names, limit=options.limit)
    except InputError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
