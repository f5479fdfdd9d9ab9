"""How much can be decided without a person at 99% accuracy, and do promises about it hold?

    python -m toxres.experiments.triage              compute everything, write data/results/triage.json and the headline
    python -m toxres.experiments.triage --summary    print what the written results say

Everything comes from committed scores; no model is run. *Coverage and promises*: out-of-fold scores of Jigsaw's
comments (toxic or not; all automatic decisions count together), recalibrated across folds, split 500 times. The
headline's scores are the mean logit of all models with out-of-fold scores, none weighted by results; single models
stand beside it. *Audit*: the same scores, each fold decided by thresholds of the other four. *Shift*: one model's
scores of three groups of sites; thresholds are chosen on validation comments and tried on test comments.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from toxres.data import load_comments, targets
from toxres.errors import InputError
from toxres.evaluation.calibration import fit_calibration
from toxres.evaluation.oof import cross_fitted
from toxres.files import read_json, write_json
from toxres.labels import LABELS
from toxres.results import HEADLINE, current_commit, update_headline
from toxres.training.experiments import RESULTS
from toxres.training.out_of_fold import OutOfFold, read_out_of_fold
from toxres.triage.audit import audit, label_audit, mentions
from toxres.triage.curves import accuracy_at, cost_curve, coverage_at, coverage_curve
from toxres.triage.policy import Policy
from toxres.triage.resplits import draw, resplit, resplit_summary
from toxres.triage.shift import CLIP, Scored, cross_table, repair
from toxres.triage.thresholds import choose_thresholds
from toxres.triage.verdicts import ACCEPT, REJECT, UNCERTAIN

MODELS: Final = ("tfidf", "baseline", "custom", "ulmfit", "baseline_alone", "tfidf_all")
"""The models with out-of-fold scores on Jigsaw."""

SETS: Final[Mapping[str, tuple[str, ...]]] = {
    "tfidf": ("tfidf",),
    "baseline": ("baseline",),
    "custom": ("custom",),
    "ulmfit": ("ulmfit",),
    "pair": ("baseline", "custom"),
    "all": MODELS,
}
"""Whose logits are averaged."""

HEADLINE_SET: Final = "all"
ROWS: Final = {"promised": "jigsaw", "tuned": "jigsaw_tuned", "certainty": "jigsaw_certainty"}
"""Rows of the headline's section `triage`, by method; those of single models are named after them."""

ACCURACY: Final = 0.99
TOLERATED: Final = 0.01
CONFIDENCE: Final = 0.95
SPLITS: Final = 500
COVERAGES: Final = (0.95, 0.9, 0.85, 0.8)
"""Where published accuracies are."""

SHIFT_MODEL: Final = "baseline"
SHIFT_TOLERATED: Final = (0.02, 0.05)
GROUPS: Final = {"wikipedia": "jigsaw", "twitter": "davidson", "news": "civil_spans"}
"""Groups of sites by the source that their comments are of; of news no comment is left that no model was trained on."""


class Scores(NamedTuple):
    """Calibrated out-of-fold scores of Jigsaw's comments.

    Attributes:
        ids: (N,) comment ids.
        folds: (N,) folds.
        targets: (N, 6).
        violates: (N,) booleans, whether a comment is toxic.
        by_set: Name in `SETS` to calibrated probabilities (N,) of `toxic`.
        record: What the headline says of the runs: `preset`, `sources`.
    """

    ids: np.ndarray
    folds: np.ndarray
    targets: np.ndarray
    violates: np.ndarray
    by_set: dict[str, np.ndarray]
    record: dict


def read_scores(results: Path = RESULTS, sets: Mapping[str, Sequence[str]] = SETS) -> Scores:
    """The committed out-of-fold scores, averaged and recalibrated across folds.

    Raises:
        InputError: A model's scores or the comments are not at hand, or models score other comments.
    """
    models = {
        name: read_out_of_fold("oof", name, results) for name in dict.fromkeys(sum(map(tuple, sets.values()), ()))
    }
    first = next(iter(models.values()))
    order = {name: _order(scores, first) for name, scores in models.items()}
    logits = {
        name: np.clip(scores.logits[order[name], 0], np.log(CLIP), -np.log(CLIP)) for name, scores in models.items()
    }
    truth = first.targets[:, :1]
    by_set = {}
    for name, members in sets.items():
        mean = np.mean([logits[member] for member in members], axis=0)
        by_set[name] = cross_fitted(truth, mean[:, None], first.folds, labels=["toxic"]).calibrated[:, 0]
    runs = [run for scores in models.values() for run in scores.runs]
    entries = [entry for run in runs for entry in [*run["sources"], *((run.get("initial") or {}).get("sources", ()))]]
    record = {"preset": "full", "sources": {entry["name"]: entry["sha256"] for entry in entries}}
    return Scores(first.ids, first.folds, first.targets, truth[:, 0] >= 0.5, by_set, record)


def _order(scores: OutOfFold, first: OutOfFold) -> np.ndarray:
    """Rows of one model in the order of another.

    Raises:
        InputError: They score different comments.
    """
    place = pd.Series(np.arange(len(scores.ids)), index=scores.ids)
    if set(scores.ids) != set(first.ids):
        raise InputError(f"oof/{scores.name}: scores other comments than {first.name}; run the experiment again")
    return place.loc[first.ids].to_numpy()


def coverage_figures(scores: np.ndarray, violates: np.ndarray, n_splits: int = SPLITS) -> dict:
    """What one set of scores can promise: hindsight, the resplits and the draws, by method."""
    curve = coverage_curve(scores, violates)
    options = {"tolerated": TOLERATED, "confidence": CONFIDENCE}
    split = resplit(scores, violates, n_splits=n_splits, **options)
    drawn = draw(scores, violates, n_draws=n_splits, **options)
    return {
        "hindsight": {
            "coverage_at_99": coverage_at(curve, ACCURACY),
            "accuracy": accuracy_at(curve, 1.0),
            "accuracy_at": {f"{share:g}": accuracy_at(curve, share) for share in COVERAGES},
        },
        "curve": _thinned(curve),
        "resplits": resplit_summary(split).to_dict(orient="index"),
        "draws": resplit_summary(drawn).to_dict(orient="index"),
        "splits": {
            design: {
                method: {
                    "coverage": part["coverage"].round(4).tolist(),
                    "error": (1 - part["accuracy"]).round(5).tolist(),
                }
                for method, part in frame.groupby("method", sort=False)
            }
            for design, frame in (("resplits", split), ("draws", drawn))
        },
    }


def _thinned(curve: pd.DataFrame, points: int = 200) -> dict[str, list[float]]:
    """The curve at about so many coverages, from the first at which an accuracy says anything."""
    kept = curve[curve["coverage"] >= 0.05]
    rows = np.unique(np.linspace(0, len(kept) - 1, points).astype(int))
    return {name: kept[name].iloc[rows].round(5).tolist() for name in ("coverage", "accuracy")}


def cross_fitted_verdicts(scores: np.ndarray, violates: np.ndarray, folds: np.ndarray, policy: Policy) -> np.ndarray:
    """Verdicts (N,) of each fold by thresholds that the other folds promise."""
    verdict = np.full(len(scores), UNCERTAIN, dtype=f"<U{len(UNCERTAIN)}")
    for fold in np.unique(folds):
        here = folds == fold
        chosen = choose_thresholds(scores[~here], violates[~here], policy, explain=False)
        if chosen.accept is not None:
            verdict[here & (scores < chosen.accept)] = ACCEPT
        if chosen.reject is not None:
            verdict[here & (scores >= chosen.reject)] = REJECT
    return verdict


def audit_figures(scores: Scores, results: Path = RESULTS) -> dict:
    """Who waits and who is wronged: by group of people mentioned, and by label."""
    policy = Policy("audit", {"toxic": 1}, wrong_decisions=TOLERATED, confidence=CONFIDENCE)
    verdict = cross_fitted_verdicts(scores.by_set[HEADLINE_SET], scores.violates, scores.folds, policy)
    texts = load_comments("jigsaw").set_index("id")["text"].loc[scores.ids].tolist()
    return {
        "terms": audit(verdict, scores.violates, mentions(texts)).to_dict(orient="index"),
        "labels": label_audit(verdict, scores.targets, LABELS).to_dict(orient="index"),
        "costs": {
            f"{price:g}": _cost(scores.by_set[HEADLINE_SET], scores.violates, price) for price in (5.0, 20.0, 100.0)
        },
    }


def _cost(scores: np.ndarray, violates: np.ndarray, price: float) -> dict:
    curve = cost_curve(scores, violates, wrong_accept=price, wrong_reject=price)
    rows = np.unique(np.linspace(0, len(curve) - 1, 150).astype(int))
    return {name: curve[name].iloc[rows].round(5).tolist() for name in ("certainty", "coverage", "cost")}


def shift_figures(results: Path = RESULTS, n_draws: int = 200) -> dict:
    """Thresholds of one group of sites on the others, and what local labels repair.

    The scores are recalibrated on the first group's validation comments, as a site would that knows no other.
    """
    parts = {
        part: pd.read_csv(results / "errors" / f"{SHIFT_MODEL}-{part}.csv", dtype={"id": str}).set_index("id")
        for part in ("validation", "tested")
    }
    known = pd.concat(
        [
            load_comments(source).assign(id=lambda frame, name=source: name + ":" + frame["id"])
            for source in GROUPS.values()
        ]
    ).set_index("id")
    raw: dict[str, dict[str, Scored]] = {part: {} for part in parts}
    for part, frame in parts.items():
        for group, source in GROUPS.items():
            rows = frame[frame.index.str.startswith(f"{source}:")]
            if len(rows):
                truth = targets(known.loc[rows.index])[:, 0] >= 0.5
                raw[part][group] = Scored(rows["toxic"].to_numpy(dtype=float), truth)
    home = next(iter(GROUPS))
    scaling = fit_calibration(
        raw["validation"][home].violates[:, None].astype(float),
        _logits(raw["validation"][home].scores),
        labels=["toxic"],
    )
    scored = {
        part: {group: one._replace(scores=scaling.apply(_logits(one.scores))[:, 0]) for group, one in groups.items()}
        for part, groups in raw.items()
    }
    found = {"model": SHIFT_MODEL, "home": home, "cross": {}, "repair": {}, "rows": {}}
    for part, groups in scored.items():
        found["rows"][part] = {group: len(one.scores) for group, one in groups.items()}
    for tolerated in SHIFT_TOLERATED:
        policy = Policy("shift", {"toxic": 1}, wrong_decisions=tolerated, confidence=CONFIDENCE)
        table = cross_table(scored["validation"], scored["tested"], policy)
        found["cross"][f"{tolerated:g}"] = table.to_dict(orient="records")
        mended = repair(
            scored["validation"][home], scored["validation"]["twitter"], scored["tested"]["twitter"], policy,
            n_draws=n_draws,
        )  # fmt: skip
        found["repair"][f"{tolerated:g}"] = mended.to_dict(orient="records")
    return found


def _logits(scores: np.ndarray) -> np.ndarray:
    scores = np.clip(scores, CLIP, 1 - CLIP)
    return (np.log(scores) - np.log1p(-scores))[:, None]


def summarise(
    results: Path = RESULTS, path: Path | None = None, headline: Path = HEADLINE, n_splits: int = SPLITS
) -> dict:
    """Compute everything, write `triage.json` and the headline's `triage.*`, and return what was written.

    Args:
        results: The folder of the committed scores.
        path: Where to write; `triage.json` there unless given.
        headline: The headline's file.
        n_splits: Resplits and draws.

    Raises:
        InputError: Scores or comments are not at hand.
    """
    scores = read_scores(results)
    found = {
        "sets": {name: list(members) for name, members in SETS.items()},
        "tolerated": TOLERATED,
        "confidence": CONFIDENCE,
        "n_splits": n_splits,
        "rows": len(scores.ids),
        "violations": int(scores.violates.sum()),
        "models": {},
    }
    for name, one in scores.by_set.items():
        found["models"][name] = coverage_figures(one, scores.violates, n_splits)
        if name != HEADLINE_SET:
            del found["models"][name]["splits"]
        print(f"{name}: {n_splits} resplits and {n_splits} draws", flush=True)
    found["audit"] = audit_figures(scores, results)
    found["shift"] = shift_figures(results)
    found["run"] = {"commit": current_commit(), **scores.record}
    path = path or results / "triage.json"
    write_json(path, found)
    update_headline(headline_figures(found), {**scores.record, "splits": n_splits}, headline)
    return read_json(path)


def headline_figures(found: Mapping) -> dict[str, dict[str, float]]:
    """The headline's groups: a row a method for `HEADLINE_SET`, and the promise of every other set."""
    groups = {f"triage.{row}": _figures(found["models"][HEADLINE_SET], method) for method, row in ROWS.items()}
    others = [name for name in found["models"] if name != HEADLINE_SET]
    return groups | {f"triage.{name}": _figures(found["models"][name], "promised") for name in others}


def _figures(model: Mapping, method: str) -> dict[str, float]:
    split, drawn = model["resplits"][method], model["draws"][method]
    return {
        "coverage_at_99": split["coverage"],
        "accuracy_automated": split["accuracy"],
        "promise_broken_share": drawn["broken_share"],
        "heldout_above_share": split["broken_share"],
    }


def main(arguments: list[str] | None = None) -> int:
    """Compute, or print what was computed."""
    parser = argparse.ArgumentParser(prog="python -m toxres.experiments.triage", description=__doc__.split("\n")[0])
    parser.add_argument("--summary", action="store_true", help="only print what data/results/triage.json says")
    options = parser.parse_args(arguments)
    from toxres.experiments.triage_told import findings

    found = read_json(RESULTS / "triage.json") if options.summary else summarise()
    print(*findings(found), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
