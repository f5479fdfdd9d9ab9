"""Do moderators' decisions make a model better, month after month, and does it matter which comments they decide?

A model that knows Wikipedia (`jigsaw`) is set before comments of another group of sites. Each month so many come in;
it decides what it can promise, moderators decide a few of the rest, with errors, and at the month's end it learns from
them. Every comment is scored before anything is learned from it, and judged by its true labels. The model is a logistic
regression on frozen MiniLM vectors, so that a year takes seconds: what is compared is how comments are chosen, not how
good a model can be. `python -m toxres.experiments.months` writes `data/results/months.json` (minutes, most of them for
vectors, which are kept under `build/`). No comment of an official test file or of fold 0 is read.
"""

import argparse
import dataclasses
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.data import load_comments, targets
from toxres.data.splits import VALIDATION_FOLD
from toxres.evaluation.arrays import positives
from toxres.evaluation.calibration import fit_calibration
from toxres.evaluation.metrics import average_precision
from toxres.files import ROOT, atomic_path, read_json, write_json
from toxres.labels import JIGSAW_PREVALENCE, LABELS
from toxres.paths import build_dir
from toxres.triage.decisions import decision_targets
from toxres.triage.fit import fit_triage, truth
from toxres.triage.gate_check import Gate, compare_on_gate
from toxres.triage.policy import Policy
from toxres.triage.value import expected_change, uncertainty
from toxres.triage.verdicts import UNCERTAIN, Triage

ENFORCED = ("toxic", "identity_hate")
"""The labels that all three sources know."""

COLUMNS = tuple(LABELS.index(label) for label in ENFORCED)

ARMS = {
    "never": "never learns",
    "thresholds": "learns thresholds only",
    "random": "learns, queue in random order",
    "uncertain": "learns, most uncertain first",
    "change": "learns, most change expected first",
    "gated": "most uncertain first, promoted by a gate",
}
"""What the system does with decisions; all but the first set thresholds on the same number of random ones."""

LEARNING = ("random", "uncertain", "change", "gated")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is simulated.

    Attributes:
        home: The source that the model knows.
        streams: Source of a new group to comments drawn from its training folds.
        months: Months.
        decided: Comments that moderators decide of each month's queue.
        audited: Comments of each month, drawn at random, that they decide for the thresholds.
        gate: Comments of the first month, drawn at random, that judge challengers in the arm "gated".
        wrong: Share of the moderators' decisions that are wrong, at random.
        tolerated: Share of the accepted, and of the rejected, that the policy tolerates to be wrong.
        seeds: Runs, each with its own order, errors and draws.
        every: Months between retrainings.
        max_length: Tokens that a vector is made of.
        results: Where the figures are written.
        work: Folder for each run's months, which are simulated once.
    """

    home: str = "jigsaw"
    streams: Mapping[str, int] = dataclasses.field(default_factory=lambda: {"davidson": 6_000, "civil_spans": 4_000})
    months: int = 10
    decided: int = 60
    audited: int = 60
    gate: int = 100
    wrong: float = 0.05
    tolerated: float = 0.1
    seeds: int = 3
    every: int = 1
    max_length: int = 48
    results: Path = ROOT / "data" / "results" / "months.json"
    work: Path = dataclasses.field(default_factory=lambda: build_dir() / "experiments" / "months")

    @property
    def policy(self) -> Policy:
        """The site's policy, the same for every arm."""
        return Policy("months", dict.fromkeys(ENFORCED, 1.0), self.tolerated, self.tolerated)


def frozen_vectors(texts: list[str], max_length: int, encoder: str = "minilm") -> np.ndarray:
    """Vectors (N, D) of MiniLM as it is published; computed once for the same texts, and kept under `build/`."""
    digest = hashlib.sha256(f"{encoder} {max_length}".encode())
    for text in texts:
        digest.update(f"{text}\0".encode("utf-8", "surrogatepass"))
    path = build_dir() / "experiments" / "months" / f"vectors-{digest.hexdigest()[:16]}.npy"
    if not path.is_file():
        import torch

        from toxres.models.e5 import embed
        from toxres.models.encoders import load_encoder

        with torch.autocast("cpu", torch.bfloat16):
            vectors = embed(load_encoder(encoder, 0.0), texts, max_length=max_length)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.save(file, vectors)
    return np.load(path)


@dataclasses.dataclass(frozen=True)
class Rows:
    """Comments as the simulation sees them.

    Attributes:
        vectors: (N, D).
        targets: (N, 6), NaN unknown.
    """

    vectors: np.ndarray
    targets: np.ndarray

    def __getitem__(self, rows: np.ndarray | slice) -> "Rows":
        return Rows(self.vectors[rows], self.targets[rows])

    def __len__(self) -> int:
        return len(self.vectors)


def read_rows(comments: pd.DataFrame, max_length: int) -> Rows:
    """The comments' vectors and targets."""
    return Rows(frozen_vectors(comments["text"].tolist(), max_length), targets(comments).astype(float))


def home_rows(settings: Settings) -> tuple[Rows, Rows]:
    """Training and validation comments of the home source."""
    comments = load_comments(settings.home)
    comments = comments[comments["fold"] >= VALIDATION_FOLD].reset_index(drop=True)
    rows = read_rows(comments, settings.max_length)
    validation = (comments["fold"] == VALIDATION_FOLD).to_numpy()
    return rows[~validation], rows[validation]


def stream_rows(source: str, count: int, settings: Settings) -> Rows:
    """Training comments of a new group, on which the policy's answer is known."""
    comments = load_comments(source, split="train", limit=count)
    rows = read_rows(comments, settings.max_length)
    _, answered = truth(rows.targets, LABELS, settings.policy)
    return rows[answered]


class Model:
    """The logistic regression on frozen vectors, recalibrated on the home source's validation comments."""

    def __init__(self, train: Rows, validation: Rows) -> None:
        from toxres.models.views import FeatureView

        self.view = FeatureView(C=0.003, balanced=False).fit(train.vectors, train.targets[:, COLUMNS])
        logits = self.view.predict_logits(validation.vectors)
        self.calibration = fit_calibration(validation.targets[:, COLUMNS], logits, labels=ENFORCED)

    def probs(self, vectors: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of the enforced labels, (N, 2)."""
        return self.calibration.apply(self.view.predict_logits(vectors))


def fit_thresholds(model: Model, rows: Rows, policy: Policy) -> Triage | None:
    """Thresholds from comments that were drawn at random; None where they are of a kind that promises nothing."""
    violates, answered = truth(rows.targets, LABELS, policy)
    if not answered.any() or violates[answered].all():
        return None
    return fit_triage(model.probs(rows.vectors), rows.targets[:, COLUMNS], "new", policy, labels=ENFORCED)


def decide_rows(rows: Rows, wrong: float, random: np.random.Generator) -> Rows:
    """What moderators say of comments: accept or reject as is true, but for a share of errors; a reject names labels.

    A harmless comment that is rejected by mistake is rejected as toxic.
    """
    true = positives(rows.targets[:, COLUMNS])
    rejects = true.any(axis=1) ^ (random.random(len(rows)) < wrong)
    said = np.full(rows.targets.shape, np.nan)
    for row, reject in enumerate(rejects):
        named = [label for label, given in zip(ENFORCED, true[row], strict=True) if given] or ["toxic"]
        verdict, labels = ("reject", named) if reject else ("accept", ())
        said[row] = decision_targets(verdict, labels, ENFORCED)
    return Rows(rows.vectors, said)


def joined(parts: list[Rows]) -> Rows:
    """Several sets of comments as one."""
    return Rows(np.concatenate([part.vectors for part in parts]), np.concatenate([part.targets for part in parts]))


def choose(arm: str, probs: np.ndarray, waiting: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Which of a month's waiting comments the moderators get to, by the arm's order of the queue."""
    rows = random.permutation(np.flatnonzero(waiting))
    if arm in ("uncertain", "gated"):
        rows = rows[np.argsort(-uncertainty(probs[rows]), kind="stable")]
    elif arm == "change":
        prevalence = [JIGSAW_PREVALENCE[label] for label in ENFORCED]
        rows = rows[np.argsort(-expected_change(probs[rows], prevalence), kind="stable")]
    return rows[:count]


def simulate(arm: str, home: tuple[Rows, Rows], stream: Rows, settings: Settings, seed: int) -> pd.DataFrame:
    """One arm's months, a row each: what the system did with comments that it had not learned from.

    The order of the stream, the audits and the moderators' errors depend on the seed alone, not on the arm.

    Returns:
        `month` (from 1), `comments`, `coverage`, `error` (share wrong of the automatic decisions; NaN without any),
        `accuracy` (of a model without a person, at 0.5), `ap` (of "violates the policy"), `uncertain` (comments left to
        people), `decisions` (made in the month) and `promoted` (whether a new model decides from then on).
    """
    train, validation = home
    policy = settings.policy
    month_of = np.random.default_rng([seed, 0]).permutation(len(stream)) % settings.months
    said = decide_rows(stream, settings.wrong, np.random.default_rng([seed, 1]))
    random, audits = np.random.default_rng([seed, 2]), np.random.default_rng([seed, 3])
    model = Model(train, validation)
    triage = fit_thresholds(model, validation, policy)
    learned: list[Rows] = [train]
    audited: list[Rows] = []
    gate: Rows | None = None
    table = []
    for month in range(settings.months):
        rows = np.flatnonzero(month_of == month)
        now = stream[rows]
        probs = model.probs(now.vectors)
        verdict = np.full(len(now), UNCERTAIN) if triage is None else triage.decide(probs, "new").verdict
        figures = month_figures(now, probs, verdict, policy)
        drawn = audits.permutation(len(rows))
        audit, gated = drawn[: settings.audited], drawn[settings.audited : settings.audited + settings.gate]
        waiting = verdict == UNCERTAIN
        waiting[audit] = False
        made, promoted = 0, False
        if arm != "never":
            audited.append(said[rows[audit]])
            made += len(audit)
        if arm == "gated" and month == 0:
            gate = said[rows[gated]]
            waiting[gated] = False
            made += len(gated)
        if arm in LEARNING:
            chosen = choose(arm, probs, waiting, settings.decided, random)
            learned.append(said[rows[chosen]])
            made += len(chosen)
            if (month + 1) % settings.every == 0:
                challenger = Model(joined(learned), validation)
                promoted = gate is None or passes_gate(challenger, model, gate)
                model = challenger if promoted else model
        if arm != "never":
            triage = fit_thresholds(model, joined(audited), policy)
        table.append({"month": month + 1, **figures, "decisions": made, "promoted": promoted})
    return pd.DataFrame(table)


def month_figures(rows: Rows, probs: np.ndarray, verdict: np.ndarray, policy: Policy) -> dict:
    """What a month's decisions came to, by the true labels."""
    violates, _ = truth(rows.targets, LABELS, policy)
    automatic = verdict != UNCERTAIN
    wrong = (verdict == "reject") != violates
    score = probs.max(axis=1)
    return {
        "comments": len(rows),
        "coverage": float(automatic.mean()),
        "error": float(wrong[automatic].mean()) if automatic.any() else float("nan"),
        "wrong": int(wrong[automatic].sum()),
        "accuracy": float(((score >= 0.5) == violates).mean()),
        "ap": float(average_precision(violates[:, None], score[:, None], labels=("violates",))[0]),
        "uncertain": int((~automatic).sum()),
    }


def passes_gate(challenger: Model, champion: Model, gate: Rows) -> bool:
    """Whether a gate shows no loss on any enforced label, as `toxres retrain` asks."""
    wide = [np.full((len(gate), len(LABELS)), 0.0) for _ in range(2)]
    for values, model in zip(wide, (challenger, champion), strict=True):
        values[:, COLUMNS] = model.probs(gate.vectors)
    table = compare_on_gate(Gate("new", gate.targets, *wide), ENFORCED, n_resamples=300)
    return all(passes is not False for passes in table["passes"])


def run_all(settings: Settings, on_run: Callable[[str], None] = print) -> pd.DataFrame:
    """Simulate what is not there yet; the months of every stream, seed and arm, one table."""
    home = home_rows(settings)
    streams = {source: stream_rows(source, count, settings) for source, count in settings.streams.items()}
    fields = {name: value for name, value in dataclasses.asdict(settings).items() if name not in _PLACES}
    key = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:12]
    tables = []
    for seed in range(settings.seeds):
        for source, stream in streams.items():
            for arm in ARMS:
                path = settings.work / key / f"{source}-{arm}-{seed}.json"
                if not path.is_file():
                    months = simulate(arm, home, stream, settings, seed)
                    write_json(path, months.to_dict(orient="list"))
                    on_run(f"{source}, {arm}, seed {seed}: done")
                tables.append(pd.DataFrame(read_json(path)).assign(source=source, arm=arm, seed=seed))
    return pd.concat(tables, ignore_index=True).astype({"error": float})


_PLACES = ("results", "work", "seeds")


def main(arguments: list[str] | None = None) -> int:
    """Simulate, summarise, and say what came out."""
    parser = argparse.ArgumentParser(prog="python -m toxres.experiments.months", description=__doc__)
    parser.add_argument("--seeds", type=int, default=Settings.seeds, metavar="N", help="runs of each arm")
    options = parser.parse_args(arguments)
    settings = Settings(seeds=options.seeds)
    from toxres.experiments.months_summary import months_told, summarise

    figures = summarise(run_all(settings), settings)
    write_json(settings.results, figures)
    print("\n".join(months_told(figures)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
