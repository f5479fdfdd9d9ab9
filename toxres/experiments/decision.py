"""Is a head that learns a policy's decision better than one derived from labels, and what does loss compensation do?

A moderation system saw 74 % of its comments accepted and 26 % rejected. Here a policy that enforces `ENFORCED` decides
on comments of three sources, drawn to that share. `python -m toxres.experiments.decision --language-model DIR` trains
what is not there yet, each arm into a CSV of probabilities by comment id under `data/results/decision/`, and then
writes `data/results/decision.json`. All arms learn from the same comments and get thresholds and recalibration from the
same validation comments; those they are scored on, of fold 0, are read by nothing before.
"""

import argparse
import dataclasses
import functools
import hashlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.config import FULL, TFIDF_DECISION, ULMFIT, ULMFIT_DECISION, Preset, Recipe
from toxres.data import drop_overlap, load_comments
from toxres.data.splits import FOLDS, TEST_FOLD, VALIDATION_FOLD
from toxres.data.tasks import decision_targets
from toxres.errors import InputError
from toxres.evaluation import bootstrap_interval, fit_calibration, paired_bootstrap, tune_thresholds
from toxres.evaluation.arrays import sigmoid
from toxres.files import ROOT, atomic_path, read_json, write_json
from toxres.labels import LABELS
from toxres.tasks import DECISION

ENFORCED = DECISION.enforced
REJECTED = 0.26
"""Share of rejected comments, in training, validation and test."""

COLUMN = ("reject",)
TRAINING_FOLDS = tuple(fold for fold in range(FOLDS) if fold not in (TEST_FOLD, VALIDATION_FOLD))
PLAIN = dataclasses.replace(ULMFIT_DECISION, name="ulmfit_decision_plain", loss="bce")
ARMS: dict[str, Recipe] = {
    "weighted": ULMFIT_DECISION,
    "plain": PLAIN,
    "six_labels": ULMFIT,
    "tfidf": TFIDF_DECISION,
}
"""With loss compensation, without it, the largest logit of the enforced labels of a model of six, and the floor."""

PRESET = dataclasses.replace(FULL, name="decision", max_length=96, epochs=3, epochs_auxiliary=0)
"""Of every arm, as far as it goes."""

AGAINST = {"weighted": ("plain", "six_labels", "tfidf")}
"""Which arms are compared with which."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Where the comments come from, how much is trained, and where things are written.

    Attributes:
        train: Sources of training and validation comments, in equal parts as far as they go; validation is fold 1.
        test: Sources of the comments of fold 0 that are scored.
        rows: Training comments; a quarter as many are for validation.
        preset: Of every arm.
        seed: Of the draws, the weights and the order.
        language_model: Folder of the language model that the arms of ULMFiT start from; None learns one each.
        results: Folder for what is committed.
        work: Folder for the training file and the checkpoints.
    """

    train: tuple[str, ...] = ("jigsaw", "civil_spans", "davidson")
    test: tuple[str, ...] = ("jigsaw", "civil_spans")
    rows: int = 6_000
    preset: Preset = PRESET
    seed: int = 0
    language_model: Path | None = None
    results: Path = ROOT / "data" / "results"
    work: Path = ROOT / "build" / "experiments" / "decision"


def test_rows(settings: Settings) -> pd.DataFrame:
    """Comments of the test folds, as many as there are at `REJECTED`, with the decision in a column `reject`."""
    pool = _pool(settings.test, [TEST_FOLD])
    counts = pool["reject"].value_counts()
    rows = int(min(counts.get(1.0, 0) / REJECTED, counts.get(0.0, 0) / (1 - REJECTED)))
    return _draw(pool, rows, settings.seed)


def training_rows(settings: Settings) -> pd.DataFrame:
    """Comments of the other folds, unlike any test or validation comment, `settings.rows` of them at `REJECTED`."""
    kept_out = pd.concat([_pool(settings.test, [TEST_FOLD]), validation_rows(settings)])
    return _draw(drop_overlap(_pool(settings.train, TRAINING_FOLDS), kept_out), settings.rows, settings.seed)


def validation_rows(settings: Settings) -> pd.DataFrame:
    """Comments of the validation folds, unlike any test comment, a quarter of `settings.rows` of them at `REJECTED`."""
    pool = drop_overlap(_pool(settings.train, [VALIDATION_FOLD]), _pool(settings.test, [TEST_FOLD]))
    return _draw(pool, settings.rows // 4, settings.seed)


def _pool(sources: tuple[str, ...], folds) -> pd.DataFrame:
    """Comments on which the policy's decision is known; ids say the source."""
    frames = []
    for source in sources:
        comments = load_comments(source)
        comments = comments[comments["fold"].isin(list(folds))]
        comments = comments.assign(source=source, reject=decision_targets(comments, ENFORCED))
        comments["id"] = source + ":" + comments["id"]
        frames.append(comments[["id", "text", "group", "source", *LABELS, "reject"]])
    pool = pd.concat(frames, ignore_index=True)
    return pool[pool["reject"].notna()].reset_index(drop=True)


def _draw(pool: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    """So many comments, `REJECTED` of them rejected; of each source the same number, as far as it goes."""
    random = np.random.default_rng(seed)
    chosen: list[int] = []
    n_rejected = round(rows * REJECTED)
    for decision, wanted in ((1.0, n_rejected), (0.0, rows - n_rejected)):
        queues = [
            random.permutation(np.flatnonzero((pool["reject"] == decision) & (pool["source"] == source)))
            for source in sorted(set(pool["source"]))
        ]
        if sum(map(len, queues)) < wanted or not wanted:
            name = "rejected" if decision else "accepted"
            raise InputError(f"decision: {sum(map(len, queues))} {name} comments for {wanted}; draw fewer rows")
        left = wanted
        for number, queue in enumerate(sorted(queues, key=len)):
            part = min(len(queue), left // (len(queues) - number))
            chosen += queue[:part].tolist()
            left -= part
    return pool.iloc[np.sort(chosen)].reset_index(drop=True)


def execute(name: str, settings: Settings) -> None:
    """Train one arm and write what it says of the validation and test comments."""
    from toxres.checkpoint import load_checkpoint
    from toxres.training import train

    recipe = ARMS[name]
    source = str(_training_file(settings))
    options = {"language_model": settings.language_model} if recipe.language_model else {}
    path = train(
        recipe, [source], settings.preset, settings.seed, settings.work / name,
        resume=True, replace=True, test_fold=None, validation_fold=None, progress=False, **options,
    )  # fmt: skip
    checkpoint = load_checkpoint(path)
    tables = []
    for split, frame in (("validation", validation_rows(settings)), ("test", test_rows(settings))):
        logits = checkpoint.predict_logits(frame["text"].tolist())
        columns = [checkpoint.labels.index(label) for label in ENFORCED] if recipe.task == "toxicity" else [0]
        probs = sigmoid(logits[:, columns].max(axis=1))
        tables.append(pd.DataFrame({"id": frame["id"], "split": split, "reject": [f"{p:.5g}" for p in probs]}))
    run = checkpoint.run
    kept = ("key", "seed", "rows_train", "rows_sha256", "seconds", "commit", "date", "versions")
    told = {"recipe": run["recipe"], "preset": run["preset"], "language_model": run.get("language_model")}
    told |= {"training_file_sha256": run["sources"][0]["sha256"]}
    write_json(_result(name, settings).with_suffix(".json"), told | {key: run[key] for key in kept})
    with atomic_path(_result(name, settings)) as temporary:
        pd.concat(tables).to_csv(temporary, index=False, lineterminator="\n")


def _training_file(settings: Settings) -> Path:
    """The training comments as a CSV file; it is written once, and again for other settings."""
    wanted = hashlib.sha256(repr((settings.train, settings.test, settings.rows, settings.seed)).encode()).hexdigest()
    path = settings.work / f"training-{wanted[:12]}.csv"
    if not path.exists():
        table = training_rows(settings).rename(columns={"text": "comment_text"})
        with atomic_path(path) as temporary:
            table[["id", "comment_text", "group", *LABELS]].to_csv(temporary, index=False, lineterminator="\n")
    return path


def _result(name: str, settings: Settings) -> Path:
    return settings.results / "decision" / f"{name}.csv"


@dataclasses.dataclass(frozen=True)
class Scored:
    """What an arm says of the test comments.

    Attributes:
        truth: (N, 1), 1 is rejected.
        probs: (N, 1), as trained.
        calibrated: (N, 1), recalibrated on the validation comments.
        tuned: (N, 1), 1.0 where it rejects at the threshold tuned on them, else 0.0.
        threshold: The tuned threshold, for `probs`.
        run: The record of its run.
    """

    truth: np.ndarray
    probs: np.ndarray
    calibrated: np.ndarray
    tuned: np.ndarray
    threshold: float
    run: dict


def read_arm(name: str, settings: Settings, decisions: pd.Series) -> Scored:
    """Read what `execute` wrote.

    Args:
        name: Of the arm.
        settings: Where it is.
        decisions: The policy's decision by comment id.

    Raises:
        InputError: An id has no decision: the comments at hand are not those that were scored.
    """
    table = pd.read_csv(_result(name, settings), dtype={"id": str})
    missing = table.loc[~table["id"].isin(decisions.index), "id"]
    if len(missing):
        raise InputError(f"decision/{name}: no decision on {missing.iloc[0]} and {len(missing) - 1} more; run it again")
    probs, truth = table[["reject"]].to_numpy().clip(1e-9, 1 - 1e-7), decisions[table["id"]].to_numpy()[:, None]
    logits = np.log(probs) - np.log1p(-probs)
    rows = (table["split"] == "validation").to_numpy()
    calibration = fit_calibration(truth[rows], logits[rows], labels=COLUMN)
    threshold = tune_thresholds(truth[rows], probs[rows], labels=COLUMN)
    test = probs[~rows]
    run = read_json(_result(name, settings).with_suffix(".json"))
    tuned = (test >= threshold).astype(float)
    return Scored(truth[~rows], test, calibration.apply(logits[~rows]), tuned, float(threshold[0]), run)


def accuracy(truth: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Share of comments (1,) decided as the policy does, at 0.5."""
    return ((probs >= 0.5) == (truth >= 0.5)).mean(axis=0)


def recall(truth: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Share of the rejected comments (1,) that are found, at 0.5."""
    return np.array([np.mean(probs[truth >= 0.5] >= 0.5)])


def half_coverage_accuracy(truth: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Accuracy (1,) on the half of the comments of which the model is surest: farthest from 0.5."""
    certain = np.argsort(-np.abs(probs[:, 0] - 0.5), kind="stable")[: len(probs) // 2]
    return accuracy(truth[certain], probs[certain])


METRICS = {
    "accuracy": (accuracy, "probs"),
    "f1": ("f1", "probs"),
    "recall": (recall, "probs"),
    "accuracy_tuned": (accuracy, "tuned"),
    "f1_tuned": ("f1", "tuned"),
    "recall_tuned": (recall, "tuned"),
    "ap": ("ap", "probs"),
    "ece": ("ece", "probs"),
    "ece_calibrated": ("ece", "calibrated"),
    "accuracy_calibrated": (accuracy, "calibrated"),
    "accuracy_at_half_coverage": (half_coverage_accuracy, "calibrated"),
}
"""What is measured of which of `Scored`'s fields; F1 and recall are of the rejected comments."""


def summarise(settings: Settings, n_resamples: int = 1_000) -> dict:
    """Score every arm that is there, with bootstrap intervals, and the arms of `AGAINST` with paired ones."""
    pool = pd.concat([_pool(settings.train, [VALIDATION_FOLD]), _pool(settings.test, [TEST_FOLD])])
    decisions = pool.set_index("id")["reject"]
    arms = {name: read_arm(name, settings, decisions) for name in ARMS if _result(name, settings).exists()}
    if not arms:
        raise InputError(
            f"{settings.results / 'decision'}: no arm is there; run `python -m toxres.experiments.decision` first"
        )
    told = {"enforced": list(ENFORCED), "rejected": REJECTED, "arms": {}, "comparisons": []}
    for name, arm in arms.items():
        interval = functools.partial(bootstrap_interval, n_resamples=n_resamples, labels=COLUMN)
        found = {key: interval(arm.truth, getattr(arm, field), how) for key, (how, field) in METRICS.items()}
        certain = np.argsort(-np.abs(arm.calibrated[:, 0] - 0.5), kind="stable")[: len(arm.truth) // 2]
        told["arms"][name] = {
            "rows": len(arm.truth),
            "rejected": float(arm.truth.mean()),
            "threshold": arm.threshold,
            "rejected_in_surest_half": float(arm.truth[certain].mean()),
            "metrics": {key: [value.score, value.low, value.high] for key, value in found.items()},
            "run": arm.run,
        }
    for one, others in AGAINST.items():
        for other in others:
            if one in arms and other in arms:
                for key, (how, field) in METRICS.items():
                    pair = [getattr(arms[name], field) for name in (one, other)]
                    result = paired_bootstrap(arms[one].truth, *pair, how, n_resamples, labels=COLUMN)
                    row = {"a": one, "b": other, "metric": key, "difference": result.difference}
                    row |= {"low": result.low, "high": result.high, "p_value": result.p_value}
                    told["comparisons"].append(row)
    write_json(settings.results / "decision.json", told)
    return told


def main(arguments: list[str] | None = None) -> int:
    """Do what is left, then summarise."""
    parser = argparse.ArgumentParser(prog="python -m toxres.experiments.decision", description=__doc__)
    parser.add_argument("--language-model", type=Path, metavar="DIR", help="where the arms of ULMFiT start from")
    parser.add_argument("--summary", action="store_true", help="train nothing")
    options = parser.parse_args(arguments)
    settings = Settings(language_model=options.language_model)
    for name in ARMS:
        if not options.summary and not _result(name, settings).exists():
            execute(name, settings)
            print(f"{name}: done", flush=True)
    for name, arm in summarise(settings)["arms"].items():
        scores = {key: f"{value:.3f} [{low:.3f}, {high:.3f}]" for key, (value, low, high) in arm["metrics"].items()}
        print(name, scores, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
