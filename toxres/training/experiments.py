"""Long experiments: lists of runs whose results are written as they end and never repeated.

`python -m toxres.training.experiments NAME --workers 2` starts or goes on with one. Each run is a process of one
thread: on a small machine two of them side by side go further than one of two threads. A run leaves one CSV under
`data/results/<experiment>/` with the probabilities of its test fold by comment id, and its checkpoint under
`build/experiments/`; a run whose CSV is there is done.
"""

import argparse
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from toxres.allocator import ENVIRONMENT
from toxres.config import ABLATION, FULL, Preset, get_recipe
from toxres.errors import InputError
from toxres.files import ROOT, atomic_path, write_json
from toxres.labels import LABELS

RESULTS = ROOT / "data" / "results"
WORK = ROOT / "build" / "experiments"
FOLDS = range(5)
AUXILIARY = ("civil_spans", "davidson")

FREEZE_LAYERS = 2
"""Lowest layers that stay as they are while Jigsaw is learned, which saves a quarter of the time."""


SECOND_RATE = 3e-3
"""Peak learning rate of ULMFiT where it goes on from another classifier; chosen on fold 1, trained on folds 2-4."""


@dataclasses.dataclass(frozen=True)
class Run:
    """One training run of an experiment.

    Attributes:
        experiment: Folder of its result under `data/results`.
        name: Of its result and checkpoint.
        recipe: What is trained.
        sources: On what, the most important first.
        fold: Test fold of the first source, scored at the end; None scores nothing.
        seed: Of weights, order and dropout.
        held_out: Sources of which no comment may be trained on.
        init: Name of the run whose weights it starts from.
        pretrain: Learn a language model from all comments there are, labelled or not, and no more.
        language_model: Name of the run whose language model it starts from. Without `init` and with a test fold, it
            goes on with these comments before they are classified.
        epochs: Passes over the comments.
        head_learning_rate: Peak learning rate of pooling and head; None is the encoder's.
        keep: Keep the checkpoint.
    """

    experiment: str
    name: str
    recipe: str
    sources: tuple[str, ...]
    fold: int | None
    seed: int = 0
    held_out: tuple[str, ...] = ()
    init: str | None = None
    pretrain: bool = False
    language_model: str | None = None
    epochs: int = FULL.epochs
    head_learning_rate: float | None = FULL.head_learning_rate
    keep: bool = False

    @property
    def checkpoint(self) -> Path:
        """Folder of the trained model."""
        return WORK / self.experiment / self.name

    @property
    def result(self) -> Path:
        """File that says the run is done."""
        if self.fold is None:
            return self.checkpoint / "run.json"
        return RESULTS / self.experiment / f"{self.name}.csv"

    @property
    def needs(self) -> Path | None:
        """File that must be there before the run can start."""
        first = self.init or self.language_model
        return None if first is None else WORK / self.experiment / first / "run.json"

    @property
    def adapts_language(self) -> bool:
        """Whether its language model goes on with the comments that are then classified."""
        return self.language_model is not None and self.init is None and self.fold is not None

    @property
    def preset(self) -> Preset:
        """The `full` preset as this run uses it: one stage."""
        freeze = 0 if self.fold is None or get_recipe(self.recipe).language_model else FREEZE_LAYERS
        changed = {"epochs": self.epochs, "head_learning_rate": self.head_learning_rate, "freeze_layers": freeze}
        if self.pretrain:
            changed["max_rows_auxiliary"] = None
        if self.init is not None and self.language_model is not None:
            changed["language_model_learning_rate"] = SECOND_RATE
        return dataclasses.replace(FULL, epochs_auxiliary=0, **changed)


def runs_oof() -> list[Run]:
    """Every Jigsaw comment scored by models that did not see it, nor its duplicates.

    One model a recipe learns from the other sources; five go on from it, each on four of Jigsaw's folds. The runs of
    `baseline_alone` differ from those of `baseline` in nothing but where they start. ULMFiT learns the language of the
    other sources once, then to classify them, and goes on from there like the others; `ulmfit_alone` learns the
    language of Jigsaw's other folds instead, and then to classify these alone.
    """
    recipes = ("baseline", "custom")
    first = [
        Run("oof", f"{recipe}-auxiliary", recipe, AUXILIARY, None, held_out=("jigsaw",), epochs=2, keep=True)
        for recipe in recipes
    ]
    floor = [Run("oof", f"tfidf-fold{fold}", "tfidf", ("jigsaw",), fold) for fold in FOLDS]
    floor += [Run("oof", f"tfidf_all-fold{fold}", "tfidf", ("jigsaw", *AUXILIARY), fold) for fold in FOLDS]
    then = [
        Run("oof", f"{recipe}-fold{fold}", recipe, ("jigsaw",), fold, init=f"{recipe}-auxiliary", keep=True)
        for fold in FOLDS
        for recipe in recipes
    ]
    alone = [Run("oof", f"baseline_alone-fold{fold}", "baseline", ("jigsaw",), fold) for fold in FOLDS]
    language = Run("oof", "language", "ulmfit", AUXILIARY, None, held_out=("jigsaw",), pretrain=True, keep=True)
    ulmfit = [
        Run("oof", "ulmfit-auxiliary", "ulmfit", AUXILIARY, None, held_out=("jigsaw",), language_model="language",
            keep=True),
        *(Run("oof", f"ulmfit-fold{fold}", "ulmfit", ("jigsaw",), fold, init="ulmfit-auxiliary",
              language_model="language", epochs=4, keep=True) for fold in FOLDS),
        *(Run("oof", f"ulmfit_alone-fold{fold}", "ulmfit", ("jigsaw",), fold, language_model="language", epochs=6)
          for fold in FOLDS),
    ]  # fmt: skip
    return [*floor, *first, *then, *alone, language, *ulmfit]


def runs_ablation() -> list[Run]:
    """Pooling x loss on Jigsaw alone.

    Each seed has a test fold of its own, the same for every arm: five seeds score every comment once. Two epochs each.
    """
    return [
        Run("ablation", f"{arm}-fold{fold}", arm, ("jigsaw",), fold, seed=fold + 1, epochs=2)
        for fold in FOLDS
        for arm in ABLATION
    ]


def runs_synthetic() -> list[Run]:
    """The floor and the baseline on the synthetic corpus: is it hard enough to be worth training on?"""
    return [Run("synthetic", f"{recipe}-fold0", recipe, ("synthetic",), 0) for recipe in ("tfidf", "baseline")]


EXPERIMENTS = {"oof": runs_oof, "ablation": runs_ablation, "synthetic": runs_synthetic}


def execute(run: Run) -> None:
    """Train one run, score its test fold and write the result."""
    from toxres.checkpoint import load_checkpoint
    from toxres.data import load_comments
    from toxres.training import train

    recipe = get_recipe(run.recipe)
    fold = run.fold if run.fold is not None else 0
    if run.pretrain:
        _learn_language(run, run.checkpoint, fold)
        return
    init = None if run.init is None else WORK / run.experiment / run.init
    options = {}
    if run.language_model is not None:
        options["language_model"] = WORK / run.experiment / run.language_model
        if run.adapts_language:
            options["language_model"] = run.checkpoint.with_name(f"{run.name}.language_model")
            _learn_language(run, options["language_model"], fold, WORK / run.experiment / run.language_model)
    path = train(
        recipe, run.sources, run.preset, run.seed, run.checkpoint,
        resume=True, test_fold=fold, validation_fold=None,
        held_out=run.held_out, init=init, progress=False, **options,
    )  # fmt: skip
    if run.fold is not None:
        checkpoint = load_checkpoint(path)
        comments = load_comments(run.sources[0], split=f"fold:{run.fold}")
        probs = checkpoint.predict_proba(comments["text"].tolist())
        write_record(run, checkpoint.run)
        write_probs(run.result, comments["id"], probs)
    if not run.keep:
        shutil.rmtree(path)
        if run.adapts_language:
            shutil.rmtree(options["language_model"])


def _learn_language(run: Run, out: Path, fold: int, init: Path | None = None) -> None:
    """A language model of the run's training comments, from nothing or going on from another."""
    from toxres.training.rows import select_rows
    from toxres.training.ulmfit import learn_language

    rows = select_rows(run.sources, run.preset, run.seed, fold, None, run.held_out)
    learn_language(
        get_recipe(run.recipe), run.preset, rows.train["text"].tolist(), out,
        seed=run.seed, init=init, resume=True, progress=False,
    )  # fmt: skip


def write_probs(path: Path, ids: pd.Series, probs) -> None:
    """Write N x 6 probabilities by comment id, five significant digits, atomically."""
    table = pd.DataFrame(probs, columns=list(LABELS)).map("{:.5g}".format)
    table.insert(0, "id", ids.to_numpy())
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_record(run: Run, record: dict) -> None:
    """Write what a committed result needs to say about its run: settings, data hashes, commit, date; no paths."""
    wanted = ("key", "seed", "test_fold", "rows_train", "rows_sha256", "seconds", "commit", "date", "versions")
    initial = record["initial"]
    if initial is not None:
        initial = {"key": initial["key"], "sources": without_paths(initial["sources"])}
    told = {"recipe": record["recipe"]["name"], "preset": record["preset"]}
    told |= {"sources": without_paths(record["sources"]), "initial": initial}
    if "language_model" in record:
        told["language_model"] = record["language_model"]
    write_json(run.result.with_suffix(".json"), told | {key: record[key] for key in wanted})


def without_paths(sources: list[dict]) -> list[dict]:
    """The sources of a run by name, hash and number of rows."""
    return [{key: entry[key] for key in ("name", "sha256", "rows")} for entry in sources]


def continue_experiment(name: str, workers: int = 2, limit: int | None = None) -> int:
    """Do what is left of an experiment, `workers` processes of one thread at a time.

    Args:
        name: One of `EXPERIMENTS`.
        workers: Processes side by side.
        limit: Start at most so many runs.

    Returns:
        The number of runs that failed.

    Raises:
        InputError: No experiment has this name.
    """
    if name not in EXPERIMENTS:
        raise InputError(f"unknown experiment {name!r}; choose one of: {', '.join(EXPERIMENTS)}")
    left = [run for run in EXPERIMENTS[name]() if not run.result.exists()]
    needed = {run.needs for run in left}
    left = [run for run in left if run.fold is not None or run.result in needed][:limit]
    print(f"{name}: {len(left)} runs to do", flush=True)
    active: dict[str, tuple[Run, subprocess.Popen, float]] = {}
    failed = 0
    waiting = list(left)
    try:
        while waiting or active:
            for run in list(waiting):
                ready = run.needs is None or run.needs.exists()
                if len(active) < workers and ready:
                    waiting.remove(run)
                    active[run.name] = (run, _start(name, run), time.monotonic())
            for key, (run, process, started) in list(active.items()):
                if process.poll() is not None:
                    del active[key]
                    failed += process.returncode != 0
                    state = "failed, see its log" if process.returncode else "done"
                    print(f"{run.name}: {state} after {time.monotonic() - started:.0f} s", flush=True)
            if waiting and not active and not any(run.needs is None for run in waiting):
                missing = {run.needs.parent.name for run in waiting if not run.needs.exists()}
                if missing:
                    print(f"not started: {len(waiting)} runs that need {', '.join(sorted(missing))}", flush=True)
                    return failed + len(waiting)
            time.sleep(0.5)
    finally:
        for _, process, _ in active.values():
            process.terminate()
        for _, process, _ in active.values():
            process.wait()
    return failed


def _start(experiment: str, run: Run) -> subprocess.Popen:
    log = WORK / run.experiment / f"{run.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "toxres.training.experiments", experiment, "--only", run.name]
    with log.open("w") as file:
        return subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=os.environ | ENVIRONMENT | {"OMP_NUM_THREADS": "1"}
        )


def main(arguments: list[str] | None = None) -> int:
    """Start or go on with an experiment."""
    parser = argparse.ArgumentParser(prog="python -m toxres.training.experiments", description=__doc__)
    parser.add_argument("name", choices=EXPERIMENTS)
    parser.add_argument("--workers", type=int, default=2, help="runs side by side, one thread each")
    parser.add_argument("--limit", type=int, help="start at most so many runs")
    parser.add_argument("--only", metavar="RUN", help="do one run in this process")
    options = parser.parse_args(arguments)
    if options.only is not None:
        run = next((run for run in EXPERIMENTS[options.name]() if run.name == options.only), None)
        if run is None:
            parser.error(f"argument --only: {options.name} has no run {options.only!r}")
        execute(run)
        return 0
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        return int(continue_experiment(options.name, options.workers, options.limit) > 0)
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
