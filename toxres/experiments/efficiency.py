"""How many labels is pretraining on unlabelled text worth? Five arms, from 100 labelled comments to all of them.

`python -m toxres.experiments.efficiency` starts or goes on; each run leaves its test comments' probabilities by id
under `data/results/efficiency/`, and what is there is not run again. `--summary` writes `data/results/efficiency.json`.
"""

import argparse
import dataclasses
import hashlib
import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.config import BASELINE, FULL, TFIDF, ULMFIT, Preset, Recipe
from toxres.data import load_comments, targets
from toxres.data.splits import TEST_FOLD, VALIDATION_FOLD
from toxres.data.subsets import nested_order
from toxres.errors import InputError
from toxres.files import ROOT, atomic_path, read_json, write_json
from toxres.labels import LABELS

ALL = "all"
SIZES = (100, 300, 1_000, 3_000, ALL)

ABOVE_LANGUAGE = dataclasses.replace(ULMFIT, layer_decay=1.3, unfreezing=0.0)
"""ULMFiT's classifier as it did best on validation comments, at `LEARNING_RATE`; holding lower layers back more, as the
paper does, would be of no use to random weights."""

LEARNING_RATE = 3e-3

PRESET = dataclasses.replace(FULL, name="efficiency", epochs=2, batch_size=16, max_length=96, freeze_layers=2)
"""The same for every transformer; ULMFiT has no layers that stay frozen, and its own learning rate."""


@dataclasses.dataclass(frozen=True)
class Arm:
    """What is trained on the labelled comments, and what it starts from.

    Attributes:
        name: Of its results.
        recipe: What is trained.
        start: "" as it is, "adapted" (masked language modelling), "language" (a language model) or "random".
        against: The arm it is compared with: the same without pretraining on this text; None for those.
        seeds: How many of each of `SIZES`.
        learning_rate: Peak learning rate above an AWD-LSTM; None is the preset's.
    """

    name: str
    recipe: Recipe
    start: str = ""
    against: str | None = None
    seeds: tuple[int, ...] = (2, 2, 2, 1, 1)
    learning_rate: float | None = None


ARMS = {
    arm.name: arm
    for arm in (
        Arm("baseline", BASELINE),
        Arm("baseline_adapted", BASELINE, "adapted", "baseline"),
        Arm("tfidf", TFIDF, seeds=(3, 3, 3, 3, 1)),
        Arm("ulmfit_none", ABOVE_LANGUAGE, "random", learning_rate=LEARNING_RATE),
        Arm("ulmfit", ABOVE_LANGUAGE, "language", "ulmfit_none", learning_rate=LEARNING_RATE),
    )
}
"""Every arm. The encoder of both transformers has been pretrained on other text by those who published it."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Where the comments come from, how much is trained, and where things are written.

    Attributes:
        source: Source of the labelled comments.
        auxiliary: Sources whose comments are read without their labels, too.
        test_fold: Fold of the source that is scored; the test fold is never trained on.
        sizes: Numbers of labelled comments; "all" is all there are.
        preset: Of every run, as far as it goes.
        min_steps: Optimiser steps that every run has at least.
        read: Characters of a comment that are read for pretraining.
        language_model: Folder of the language model that ULMFiT starts from; it has not read the source.
        results: Where probabilities and records go.
        work: Where encoders, language models and subsets go.
    """

    source: str = "jigsaw"
    auxiliary: tuple[str, ...] = ("civil_spans", "davidson")
    test_fold: int = TEST_FOLD
    sizes: tuple[int | str, ...] = SIZES
    preset: Preset = PRESET
    min_steps: int = 120
    read: int = 300
    language_model: Path = ROOT / "build" / "experiments" / "oof" / "language"
    results: Path = ROOT / "data" / "results" / "efficiency"
    work: Path = ROOT / "build" / "experiments" / "efficiency"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One training run: an arm with so many labelled comments, drawn and trained with a seed."""

    arm: Arm
    size: int | str
    seed: int

    @property
    def name(self) -> str:
        """Of its result."""
        return f"{self.arm.name}-{self.size}-seed{self.seed}"


def cells(sizes: tuple[int | str, ...] = SIZES) -> list[Cell]:
    """Every run, the most telling first: small sizes of the transformers, the floor, ULMFiT, then the large sizes."""
    small = [size for size in sizes if size != ALL and size <= 1_000]
    large = [size for size in sizes if size not in small]
    found = []
    for part in (small, large):
        for family in (("baseline", "baseline_adapted"), ("tfidf",), ("ulmfit_none", "ulmfit")):
            for seed in range(max(ARMS[family[0]].seeds)):
                for size in part:
                    arms = [ARMS[name] for name in family]
                    number = dict(zip(SIZES, arms[0].seeds, strict=True)).get(size, arms[0].seeds[0])
                    found += [Cell(arm, size, seed) for arm in arms if seed < number]
    return found


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


def unlabelled(settings: Settings, sources: tuple[str, ...]) -> list[str]:
    """The beginnings of all training comments of some sources, none of which stands, nearly, in the test fold."""
    from toxres.training.rows import select_rows

    preset = dataclasses.replace(settings.preset, max_rows=None, max_rows_auxiliary=None)
    validation = VALIDATION_FOLD if settings.test_fold == VALIDATION_FOLD else None
    rows = select_rows(sources, preset, 0, TEST_FOLD, validation, need_labels=False)
    return [text[: settings.read] for text in rows.train["text"]]


def execute(cell: Cell, settings: Settings) -> None:
    """Train one run, score the test fold, write probabilities and record."""
    from toxres.checkpoint import load_checkpoint
    from toxres.training import train

    chosen, out = subset(settings, cell.size, cell.seed), settings.work / cell.name
    file = settings.work / f"{cell.name}.csv"
    preset, options = settings.preset, {}
    steps = max(settings.min_steps, preset.epochs * -(-len(chosen) // preset.batch_size))
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
    names = ("key", "corpus", "config", "history", "seconds", "commit")
    return {"pretraining": {name: run[name] for name in names if name in run}}


def adapted_encoder(settings: Settings) -> Path:
    """MiniLM after masked language modelling on every training comment of all sources; made once."""
    from toxres.training.masked_language_model import MaskedConfig, adapt_encoder

    out = settings.work / "adapted"
    if (out / "run.json").is_file():
        return out
    preset = settings.preset
    config = MaskedConfig("efficiency", epochs=1, max_length=preset.max_length, batch_tokens=4_096)
    held_out = load_comments((settings.auxiliary or (settings.source,))[0], split="test", limit=500)["text"]
    return adapt_encoder(
        unlabelled(settings, (settings.source, *settings.auxiliary)), preset.encoder, config, out,
        validation=[text[: settings.read] for text in held_out], resume=True, save_steps=60, progress=False,
    )  # fmt: skip


def adapted_language(settings: Settings, seed: int = 0) -> Path:
    """The language model of the other sources after the source's training comments; made once, for every seed."""
    from toxres.training.ulmfit import learn_language

    out = settings.work / "language"
    if (out / "run.json").is_file():
        return out
    if not (settings.language_model / "run.json").is_file():
        raise InputError(f"{settings.language_model}: is not there yet; run toxres.training.experiments oof first")
    texts = unlabelled(settings, (settings.source,))
    return learn_language(
        ULMFIT, settings.preset, texts, out, init=settings.language_model, resume=True, progress=False
    )


def random_language(settings: Settings, seed: int) -> Path:
    """A language model with the same vocabulary and sizes that has learned nothing."""
    import torch
    import transformers

    from toxres.training.language_config import LanguageModelConfig
    from toxres.training.language_start import load_start, new_model

    out = settings.work / f"random-seed{seed}"
    if (out / "run.json").is_file():
        return out
    run = read_json(settings.language_model / "run.json")
    config = LanguageModelConfig(**run["config"])
    start = load_start(settings.language_model, None, config)
    torch.manual_seed(seed)
    transformers.utils.logging.disable_progress_bar()
    model = new_model(start.tokenizer, config)
    defining = {"config": run["config"], "vocabulary": run["vocabulary"], "random": seed}
    key = hashlib.sha256(json.dumps(defining, sort_keys=True).encode()).hexdigest()[:16]
    with atomic_path(out) as folder:
        model.save_pretrained(folder)
        start.tokenizer.save_pretrained(folder)
        write_json(folder / "run.json", {"key": key, **defining})
    return out


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
