"""How many labels is pretraining on unlabelled text worth? Five arms, from 100 labelled comments to all of them.

`python -m toxres.experiments.efficiency` starts or goes on; each run leaves its test comments' probabilities by id
under `data/results/efficiency/`, and what is there is not run again. `--summary` writes `data/results/efficiency.json`.
"""

import argparse
import dataclasses
import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.data import load_comments, targets
from toxres.data.splits import TEST_FOLD
from toxres.data.subsets import nested_order
from toxres.errors import InputError
from toxres.experiments.efficiency_design import ALL, ARMS, Cell, Settings, cells
from toxres.experiments.efficiency_starts import adapted_encoder, adapted_language, random_language
from toxres.files import atomic_path, read_json, write_json
from toxres.labels import LABELS


def labelled(settings: Settings) -> pd.DataFrame:
    """The comments that labelled ones are drawn from: every fold but the test fold and, while settings are chosen on
    the validation fold, that one."""
    comments = load_comments(settings.source)
    return comments[~comments["fold"].isin([TEST_FOLD, settings.test_fold])].reset_index(drop=True)


def subset(settings: Settings, size: int | str, seed: int) -> pd.DataFrame:
    """The labelled comments of a run; with the same seed each size holds all of the smaller ones.

    Raises:
        InputError: There are not so many.
    """
    pool = labelled(settings)
    if size == ALL:
        return pool
    if size > len(pool):
        raise InputError(
            f"{settings.source}: has {len(pool):,} comments to train on, not {size:,}; give a smaller size"
        )
    return pool.iloc[nested_order(targets(pool), seed)[:size]]


def execute(cell: Cell, settings: Settings) -> None:
    """Train one run, score the test fold, write probabilities and record."""
    from toxres.checkpoint import load_checkpoint
    from toxres.training import train

    chosen, out = subset(settings, cell.size, cell.seed), settings.work / cell.name
    file = settings.work / f"{cell.name}.csv"
    preset, options = settings.preset, {}
    steps = max(cell.arm.min_steps or settings.min_steps, preset.epochs * -(-len(chosen) // preset.batch_size))
    preset = dataclasses.replace(preset, max_rows=None, epochs_auxiliary=0, max_steps=steps)
    if cell.arm.start == "adapted":
        preset = dataclasses.replace(preset, encoder=str(adapted_encoder(settings)))
    elif cell.arm.recipe.language_model:
        changed = {"freeze_layers": 0}
        if cell.arm.learning_rate is not None:
            changed["language_model_learning_rate"] = cell.arm.learning_rate
        preset = dataclasses.replace(preset, **changed)
        make = random_language if cell.arm.start == "random" else adapted_language
        options["language_model"] = make(settings, cell.seed)
    settings.work.mkdir(parents=True, exist_ok=True)
    with atomic_path(file) as temporary:
        chosen.rename(columns={"text": "comment_text"})[["id", "comment_text", *LABELS]].to_csv(temporary, index=False)
    path = train(
        cell.arm.recipe, str(file), preset, cell.seed, out,
        resume=True, replace=True, test_fold=None, validation_fold=None, save_steps=10_000, progress=False, **options,
    )  # fmt: skip
    checkpoint = load_checkpoint(path)
    comments = load_comments(settings.source, split=f"fold:{settings.test_fold}")
    probs = checkpoint.predict_proba(comments["text"].tolist())
    write_json(settings.results / f"{cell.name}.json", _record(cell, settings, checkpoint.run, chosen, options))
    write_compact(settings.results / f"{cell.name}.csv", comments["id"], probs)
    for leftover in (out, settings.work / f"random-seed{cell.seed}"):
        shutil.rmtree(leftover, ignore_errors=True)
    file.unlink()


def _record(cell: Cell, settings: Settings, run: dict, chosen: pd.DataFrame, options: dict) -> dict:
    """What a committed result needs to say about its run; no paths."""
    preset = dict(run["preset"])
    started = {"start": cell.arm.start or "as published"}
    if cell.arm.start == "adapted":
        preset["encoder"] = settings.preset.encoder
        started |= _told(read_json(adapted_encoder(settings) / "run.json"))
    elif options:
        started |= _told(read_json(Path(options["language_model"]) / "run.json"))
    positives = (targets(chosen) >= 0.5).sum(axis=0)
    return {
        "arm": cell.arm.name, "size": cell.size, "seed": cell.seed, "rows": len(chosen),
        "positives": dict(zip(LABELS, positives.tolist(), strict=True)), "source": settings.source,
        "source_sha256": load_comments(settings.source).attrs.get("sha256"), "test_fold": settings.test_fold,
        "recipe": run["recipe"], **({} if cell.arm.recipe.family == "tfidf" else {"preset": preset}), **started,
        **{key: run[key] for key in ("rows_train", "rows_sha256", "seconds", "commit", "date", "versions")},
    }  # fmt: skip


def _told(run: dict) -> dict:
    """What a record says of the run that its encoder comes from."""
    names = ("key", "corpus", "config", "history", "random", "spread", "seconds", "commit")
    return {"pretraining": {name: run[name] for name in names if name in run}}


def write_compact(path: Path, ids: pd.Series, probs: np.ndarray) -> None:
    """Write N x 6 probabilities by comment id, four significant digits and no zero before the point, atomically."""
    table = pd.DataFrame(probs, columns=list(LABELS)).map(lambda value: f"{value:.4g}".removeprefix("0") or "0")
    table.insert(0, "id", ids.to_numpy())
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def go_on(settings: Settings, only: str | None = None, limit: int | None = None, minutes: float = float("inf")) -> int:
    """Do what is left, one run after the other, and begin none after so many minutes; returns how many that were.

    Raises:
        InputError: No arm has this name, or what a run starts from is not there.
    """
    if only is not None and only not in ARMS:
        raise InputError(f"unknown arm {only!r}; choose one of: {', '.join(ARMS)}")
    left = [cell for cell in cells(settings.sizes) if only in (None, cell.arm.name)]
    left = [cell for cell in left if not (settings.results / f"{cell.name}.csv").is_file()][:limit]
    begun = time.monotonic()
    for done, cell in enumerate(left):
        started = time.monotonic()
        if started - begun > 60 * minutes:
            return done
        execute(cell, settings)
        print(f"{cell.name}: done after {time.monotonic() - started:.0f} s", flush=True)
    return len(left)


def read_scores(settings: Settings) -> tuple[np.ndarray, dict[str, dict[int, list[np.ndarray]]], list[dict]]:
    """What the runs so far have scored.

    Returns:
        Targets (N, 6); by arm and number of labelled comments the probabilities (N, 6) of each seed; the records.

    Raises:
        InputError: Nothing is there, or a file has other comments than the test fold.
    """
    comments = load_comments(settings.source, split=f"fold:{settings.test_fold}")
    found: dict[str, dict[int, list[np.ndarray]]] = {}
    records = []
    for cell in cells(settings.sizes):
        file = settings.results / f"{cell.name}.csv"
        if not file.is_file():
            continue
        table = pd.read_csv(file, dtype={"id": str}).set_index("id")
        if sorted(table.index) != sorted(comments["id"]):
            raise InputError(f"{file}: has other comments than fold {settings.test_fold}; remove it and run it again")
        record = read_json(file.with_suffix(".json"))
        probs = table.loc[comments["id"], list(LABELS)].to_numpy(dtype=float)
        found.setdefault(cell.arm.name, {}).setdefault(record["rows"], []).append(probs)
        records.append(record)
    if not found:
        raise InputError(f"{settings.results}: no run has been done; start it without --summary")
    return targets(comments), found, records


def summarise(settings: Settings) -> dict:
    """Compute the curves of the runs so far, and write them beside their folder. Returns them."""
    from toxres.evaluation.efficiency import label_efficiency
    from toxres.results import current_commit

    truth, found, records = read_scores(settings)
    pairs = [(name, arm.against) for name, arm in ARMS.items() if name in found and arm.against in found]
    result = label_efficiency(truth, found, pairs)
    run = {
        "source": settings.source, "test_fold": settings.test_fold, "rows": len(truth), "runs": len(records),
        "min_steps": settings.min_steps, "sources": {settings.source: records[0]["source_sha256"]},
        "trained_at_commits": sorted({record["commit"] for record in records}),
        "trained_on": max(record["date"] for record in records)[:10], "commit": current_commit(),
        "pretraining": {record["arm"]: record["pretraining"] for record in records if "pretraining" in record},
    }  # fmt: skip
    value = {**result.to_dict(), "run": run}
    write_json(settings.results.with_suffix(".json"), value)
    return value


def draw(settings: Settings) -> Path:
    """Save the figure of what `summarise` wrote; returns its path.

    Raises:
        InputError: It has not written anything.
    """
    from toxres.plots.efficiency import efficiency_panels
    from toxres.plots.style import save_figure

    file = settings.results.with_suffix(".json")
    if not file.is_file():
        raise InputError(f"{file}: is not there; write it with --summary")
    value = read_json(file)
    scores = pd.DataFrame(value["scores"]).replace({None: np.nan})
    told = f"{settings.source}, {value['run']['rows']:,} test comments; bands: 95% intervals over comments and seeds"
    return save_figure(efficiency_panels(scores, origin=f"{told}; hollow: one seed, comments only"), "label_efficiency")


def main(arguments: list[str] | None = None) -> int:
    """Start or go on with the experiment."""
    parser = argparse.ArgumentParser(prog="python -m toxres.experiments.efficiency", description=__doc__)
    parser.add_argument("--only", metavar="ARM", help=f"one of: {', '.join(ARMS)}")
    parser.add_argument("--limit", type=int, metavar="N", help="do at most so many runs")
    parser.add_argument("--minutes", type=float, default=float("inf"), metavar="M", help="begin none after M minutes")
    parser.add_argument("--summary", action="store_true", help="compute the figures of what is there, and draw them")
    options = parser.parse_args(arguments)
    try:
        if options.summary:
            for row in summarise(Settings())["differences"]:
                print(json.dumps(row))
            print(draw(Settings()))
        else:
            go_on(Settings(), options.only, options.limit, options.minutes)
    except InputError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
