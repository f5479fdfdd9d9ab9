"""What text normalisation does to clean and to obfuscated comments: the stress curve.

`python -m toxres.experiments.stress [--folds 0,1] [--limit N]` trains each model with and without normalisation on
Jigsaw's other folds, then scores a sample of the test fold, as it was written and with a growing share of its letters
obfuscated, the same texts for every model. A model leaves `data/results/stress/<model>-fold<k>.csv`; one whose file is
there is done. `--summary` computes `data/results/stress.json` from them.
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from toxres.config import NORMALISATION, TFIDF, Recipe
from toxres.data import load_comments, targets
from toxres.errors import InputError
from toxres.evaluation.stress import CLEAN, CONDITIONS, Condition
from toxres.files import atomic_path
from toxres.labels import LABELS
from toxres.perturb import perturb
from toxres.training.experiments import FOLDS, Run, write_record

EXPERIMENT = "stress"
EPOCHS = 2
SAMPLE = 400
"""Comments of a test fold that are scored: those with a label, and as many others as fit."""

SEED = 0
"""Of the sample and of the letters that are obfuscated."""

MODELS = {
    "tfidf": "tfidf",
    "tfidf_normalised": "tfidf",
    "baseline": "baseline",
    "custom": "custom",
    "baseline_normalised": "baseline_normalised",
    "custom_normalised": "custom_normalised",
}
"""Name of each model and its recipe; the floor has none with normalisation, so its texts are normalised here."""


def runs_stress(
    folds: Collection[int] = (0,), models: Sequence[str] = tuple(MODELS), source: str = "jigsaw"
) -> list[Run]:
    """One run a model and fold, every model of a fold before the next fold.

    Raises:
        InputError: A fold or model that does not exist.
    """
    if unknown := sorted(set(models) - set(MODELS)):
        raise InputError(f"unknown model {unknown[0]!r}; choose out of: {', '.join(MODELS)}")
    if unknown := sorted(set(folds) - set(FOLDS)):
        raise InputError(f"fold {unknown[0]} does not exist; choose out of {', '.join(map(str, FOLDS))}")
    return [
        Run(EXPERIMENT, f"{name}-fold{fold}", MODELS[name], (source,), fold, epochs=EPOCHS, keep=True)
        for fold in folds
        for name in MODELS
        if name in models
    ]


def sample_comments(comments: pd.DataFrame, size: int = SAMPLE, seed: int = SEED) -> pd.DataFrame:
    """Every comment with a label and a random sample of the others, with what each stands for.

    Args:
        comments: In the schema of `toxres.data.schema`.
        size: Comments to keep; never fewer than have a label.
        seed: Of the draw.

    Returns:
        The chosen comments in their order, with a column `weight`: 1 for those with a label, for the others how many
        comments each stands for, so that weighted scores are those of all comments.
    """
    labelled = (np.nan_to_num(targets(comments)) >= 0.5).any(axis=1)
    others = np.flatnonzero(~labelled)
    wanted = min(len(others), max(size - int(labelled.sum()), 0))
    drawn = np.random.default_rng(seed).choice(others, wanted, replace=False)
    chosen = np.sort(np.concatenate([np.flatnonzero(labelled), drawn]))
    weight = np.where(labelled[chosen], 1.0, len(others) / max(wanted, 1))
    return comments.iloc[chosen].reset_index(drop=True).assign(weight=weight)


def stressed_texts(texts: Sequence[str], condition: Condition) -> list[str]:
    """The texts as one condition has them, the same for every model."""
    if condition == CLEAN:
        return list(texts)
    return [perturb(text, condition.share, condition.kind, SEED) for text in texts]


def execute(run: Run) -> None:
    """Train one model, score its sample under every condition, and write the scores and their record."""
    comments = sample_comments(load_comments(run.sources[0], split=f"fold:{run.fold}"))
    model, record = _floor(run) if run.recipe == TFIDF.name else _transformer(run)
    texts = comments["text"].tolist()
    tables = []
    for condition in CONDITIONS:
        probs = model.predict_proba(stressed_texts(texts, condition))
        table = pd.DataFrame(probs, columns=list(LABELS)).map("{:.5g}".format)
        table.insert(0, "weight", comments["weight"].map("{:.5g}".format))
        table.insert(0, "share", f"{condition.share:g}")
        table.insert(0, "kind", condition.kind)
        table.insert(0, "id", comments["id"])
        tables.append(table)
    write_record(run, record)
    with atomic_path(run.result) as temporary:
        pd.concat(tables).to_csv(temporary, index=False, lineterminator="\n")


def _transformer(run: Run) -> tuple:
    """A trained transformer and the record of its run."""
    from toxres.checkpoint import load_checkpoint
    from toxres.training import train

    path = train(
        run.recipe, run.sources, run.preset, run.seed, run.checkpoint,
        resume=True, test_fold=run.fold, validation_fold=None, progress=False,
    )  # fmt: skip
    checkpoint = load_checkpoint(path)
    return checkpoint, checkpoint.run


class NormalisedFloor:
    """TF-IDF of normalised texts.

    Args:
        normalisation: Steps of `toxres.text.normalise`; none leaves texts as they are.
    """

    def __init__(self, normalisation: Sequence[str]) -> None:
        from toxres.models.tfidf import TfidfModel

        self.normalisation = tuple(normalisation)
        self.model = TfidfModel()

    def fit(self, texts: Sequence[str], targets: np.ndarray) -> "NormalisedFloor":
        """Fit on N texts and N x L targets. Returns itself."""
        self.model.fit(self._prepared(texts), targets)
        return self

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Probabilities, N x L."""
        return self.model.predict_proba(self._prepared(texts))

    def _prepared(self, texts: Sequence[str]) -> list[str]:
        from toxres.text import normalise

        return [normalise(text, self.normalisation).text if self.normalisation else text for text in texts]


def _floor(run: Run) -> tuple:
    """A fitted floor, with normalisation if the run's name says so, and the record of its run."""
    from toxres.training.record import describe_run, provenance
    from toxres.training.rows import select_rows

    recipe: Recipe = TFIDF
    if run.name.startswith("tfidf_normalised"):
        recipe = dataclasses.replace(TFIDF, name="tfidf_normalised", normalisation=NORMALISATION)
    started = time.monotonic()
    rows = select_rows(run.sources, run.preset, run.seed, run.fold, None)
    model = NormalisedFloor(recipe.normalisation).fit(rows.train["text"].tolist(), targets(rows.train))
    record = describe_run(recipe, run.preset, rows, run.seed, run.fold, None, None)
    return model, record | {"seconds": round(time.monotonic() - started, 1), **provenance()}


def continue_stress(
    folds: Sequence[int] = (0,),
    limit: int | None = None,
    models: Sequence[str] = tuple(MODELS),
    source: str = "jigsaw",
) -> int:
    """Do what is left, one run after the other. Returns how many were done.

    Args:
        folds: Test folds.
        limit: Do at most so many.
        models: Names out of `MODELS`.
        source: What is trained on and scored.

    Raises:
        InputError: A fold or model that does not exist.
    """
    left = [run for run in runs_stress(folds, models, source) if not run.result.exists()][:limit]
    print(f"{EXPERIMENT}: {len(left)} runs to do", flush=True)
    for run in left:
        started = time.monotonic()
        execute(run)
        print(f"{run.name}: done after {time.monotonic() - started:.0f} s", flush=True)
    return len(left)


def main(arguments: list[str] | None = None) -> int:
    """Start or go on with the experiment, or summarise it."""
    parser = argparse.ArgumentParser(prog="python -m toxres.experiments.stress", description=__doc__)
    parser.add_argument("--folds", default="0", help="test folds, such as 0,1; 0 by default")
    parser.add_argument("--models", default=",".join(MODELS), help="such as baseline,custom; all by default")
    parser.add_argument("--limit", type=int, help="do at most so many runs")
    parser.add_argument("--summary", action="store_true", help="write data/results/stress.json from what is done")
    options = parser.parse_args(arguments)
    try:
        if options.summary:
            from toxres.experiments.stress_summary import summarise

            summarise()
        else:
            continue_stress(_folds(options.folds), options.limit, options.models.split(","))
    except InputError as error:
        parser.error(str(error))
    return 0


def _folds(written: str) -> list[int]:
    try:
        return [int(part) for part in written.split(",")]
    except ValueError:
        raise InputError(f"argument --folds: {written!r} is no list of folds, such as 0,1") from None


if __name__ == "__main__":
    sys.exit(main())
