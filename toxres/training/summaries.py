"""From the committed out-of-fold probabilities to the figures of `data/results/headline.json`.

`python -m toxres.training.summaries` computes them anew; it needs the labels of the Jigsaw sample, not the models.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.config import ABLATION
from toxres.data import load_comments, targets
from toxres.errors import InputError
from toxres.evaluation.metrics import evaluate_probs
from toxres.evaluation.oof import CrossFitted, cross_fitted
from toxres.files import read_json
from toxres.labels import LABELS, RARE_LABELS
from toxres.results import update_headline
from toxres.training.experiments import RESULTS

OOF_MODELS = ("tfidf", "baseline", "custom")
"""The models of the headline; `tfidf_all`, the floor with every source, stands beside them in the notebook."""


@dataclasses.dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold scores of one model on Jigsaw.

    Attributes:
        name: Of the model.
        ids: (N,) comment ids.
        folds: (N,) fold of each comment, which its model was not trained on.
        targets: (N, 6).
        logits: (N, 6), from the committed probabilities.
        fitted: Cross-fitted thresholds, calibration and the evaluation of all rows pooled.
        runs: The record of each fold's run.
    """

    name: str
    ids: np.ndarray
    folds: np.ndarray
    targets: np.ndarray
    logits: np.ndarray
    fitted: CrossFitted
    runs: list[dict]

    def by_fold(self, values: np.ndarray) -> list[np.ndarray]:
        """Rows of `values` (N, ...), one array a fold."""
        return [values[self.folds == fold] for fold in np.unique(self.folds)]


def read_out_of_fold(experiment: str, name: str, folder: Path = RESULTS, source: str = "jigsaw") -> OutOfFold:
    """Read what the runs of one model left and fit thresholds and calibration across folds.

    Args:
        experiment: "oof" or "ablation".
        name: Of the model, e.g. "baseline".
        folder: Of the results.
        source: Of the comments' labels and folds.

    Raises:
        InputError: There are fewer than two folds, the comments are not at hand, or ids do not fit.
    """
    files = sorted((folder / experiment).glob(f"{name}-fold[0-9].csv"))
    if len(files) < 2:
        raise InputError(
            f"{folder / experiment}: scores of {len(files)} folds of {name!r}; "
            f"run `python -m toxres.training.experiments {experiment}` first"
        )
    scores = pd.concat([pd.read_csv(file, dtype={"id": str}) for file in files])
    comments = load_comments(source).set_index("id", drop=False)
    unknown = scores.loc[~scores["id"].isin(comments.index), "id"]
    if len(unknown):
        raise InputError(f"{experiment}/{name}: {len(unknown)} ids are not in {source}, e.g. {unknown.iloc[0]}")
    rows = comments.loc[scores["id"]]
    for file in files:
        fold = int(file.stem[-1])
        if not (rows.loc[pd.read_csv(file, dtype={"id": str})["id"], "fold"] == fold).all():
            raise InputError(f"{file}: holds comments that are not in fold {fold} of {source}; run it again")
    probs = scores[list(LABELS)].to_numpy(dtype=np.float64).clip(1e-9, 1 - 1e-7)
    logits = np.log(probs) - np.log1p(-probs)
    truth, folds = targets(rows), rows["fold"].to_numpy()
    runs = [read_json(file.with_suffix(".json")) for file in files]
    return OutOfFold(name, rows["id"].to_numpy(), folds, truth, logits, cross_fitted(truth, logits, folds), runs)


def oof_figures(scores: OutOfFold) -> dict[str, float]:
    """The headline figures of one model: macro means over the six labels, all rows pooled."""
    evaluation = scores.fitted.evaluation
    return {
        "toxic_auroc": evaluation.per_label.loc["toxic", "auroc"],
        "macro_auroc": evaluation.macro["auroc"],
        "macro_ap": evaluation.macro["ap"],
        "macro_f1_tuned": evaluation.macro["f1_tuned"],
        "macro_ece": evaluation.macro["ece_calibrated"],
    }


def ablation_figures(scores: OutOfFold) -> dict[str, float]:
    """Mean over the seeds, each on its own test fold; ECE before recalibration, which is where focal loss shows."""
    table = []
    parts = zip(*map(scores.by_fold, (scores.targets, scores.fitted.probs, scores.fitted.thresholds)), strict=True)
    for truth, probs, thresholds in parts:
        evaluation = evaluate_probs(truth, probs, thresholds)
        table.append(
            {
                "macro_ap": evaluation.macro["ap"],
                "macro_f1_tuned": evaluation.macro["f1_tuned"],
                "macro_ece": evaluation.macro["ece"],
                "rare_ap": float(evaluation.per_label.loc[list(RARE_LABELS), "ap"].mean()),
            }
        )
    return pd.DataFrame(table).mean().to_dict() | {"seeds": len(table)}


def summarise(folder: Path = RESULTS) -> dict[str, float]:
    """Compute every figure the committed scores give, and write them into `headline.json`. Returns them, flat."""
    figures: dict[str, float] = {}
    groups = {
        "jigsaw.oof": ("oof", OOF_MODELS, oof_figures),
        "ablation": ("ablation", ABLATION, ablation_figures),
    }
    for group, (experiment, names, compute) in groups.items():
        scores = [read_out_of_fold(experiment, name, folder) for name in names]
        values = {f"{group}.{one.name}": compute(one) for one in scores}
        update_headline(values, run_record(scores), folder / "headline.json")
        figures |= {f"{key}.{name}": value for key, part in values.items() for name, value in part.items()}
    return figures


def run_record(scores: list[OutOfFold]) -> dict:
    """What computed some scores: preset, source hashes, the commits and dates of the training runs."""
    runs = [run for one in scores for run in one.runs]
    sources = {entry["name"]: entry["sha256"] for run in runs for entry in run["sources"]}
    return {
        "preset": "full",
        "sources": sources,
        "trained_at_commits": sorted({run["commit"] for run in runs}),
        "trained_on": max(run["date"] for run in runs)[:10],
    }


if __name__ == "__main__":
    for key, value in summarise().items():
        print(f"{key:45s} {value:.4f}")
