"""From the committed out-of-fold probabilities to the figures of `data/results/headline.json`.

`python -m toxres.training.summaries [oof] [ablation]` computes them anew; it needs the labels of the Jigsaw sample, not
the models.
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.config import ABLATION, FULL
from toxres.data import load_comments, targets
from toxres.errors import InputError
from toxres.evaluation.bootstrap import paired_bootstrap
from toxres.evaluation.metrics import evaluate_probs
from toxres.evaluation.oof import CrossFitted, cross_fitted
from toxres.evaluation.seeds import paired_seeds_table, seed_differences
from toxres.files import read_json, write_json
from toxres.labels import LABELS, RARE_LABELS
from toxres.results import current_commit, update_headline
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
    scores = pd.concat([pd.read_csv(file, dtype={"id": str}).assign(fold=int(file.stem[-1])) for file in files])
    comments = load_comments(source)
    attrs = dict(comments.attrs)
    comments = comments.set_index("id", drop=False)
    comments.attrs = attrs
    unknown = scores.loc[~scores["id"].isin(comments.index), "id"]
    if len(unknown):
        raise InputError(f"{experiment}/{name}: {len(unknown)} ids are not in {source}, e.g. {unknown.iloc[0]}")
    rows = comments.loc[scores["id"]]
    runs = [read_json(file.with_suffix(".json")) for file in files]
    same_files = all(run["sources"][0]["sha256"] == comments.attrs["sha256"] for run in runs)
    misplaced = rows["fold"].to_numpy() != scores["fold"].to_numpy()
    if same_files and misplaced.any():
        fold = scores["fold"].to_numpy()[misplaced][0]
        raise InputError(f"{experiment}/{name}: holds comments that are not in fold {fold} of {source}; run it again")
    probs = scores[list(LABELS)].to_numpy(dtype=np.float64).clip(1e-9, 1 - 1e-7)
    logits = np.log(probs) - np.log1p(-probs)
    truth, folds = targets(rows), scores["fold"].to_numpy()
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


HEADLINE_GROUPS = {
    "jigsaw.oof": ("oof", OOF_MODELS, oof_figures),
    "ablation": ("ablation", ABLATION, ablation_figures),
}
"""Groups of headline figures: the experiment, its models, and what is computed of each."""


def oof_comparisons(folder: Path = RESULTS) -> list[dict]:
    """Pairs of models on the same Jigsaw comments, all rows pooled, by paired bootstrap: see `comparison_rows`."""
    pairs = [("baseline", "tfidf"), ("custom", "tfidf"), ("custom", "baseline")]
    pairs.append(("tfidf_all", "tfidf"))
    models = {name: read_out_of_fold("oof", name, folder) for name in ("tfidf", "tfidf_all", "baseline", "custom")}
    if len(list((folder / "oof").glob("baseline_alone-fold[0-9].csv"))) > 1:
        models["baseline_alone"] = read_out_of_fold("oof", "baseline_alone", folder)
        pairs.append(("baseline", "baseline_alone"))
    rows = []
    for a, b in pairs:
        one, other = _on_common_folds(models[a], models[b])
        for metric in ("auroc", "ap", "f1", "ece"):
            probs = [scores.calibrated if metric == "ece" else scores.probs for scores in (one.fitted, other.fitted)]
            cuts = {"thresholds_a": one.fitted.thresholds, "thresholds_b": other.fitted.thresholds}
            table = paired_bootstrap(one.targets, *probs, metric, **cuts).table()
            rows += comparison_rows(table, a=a, b=b, metric=metric, rows=len(one.ids))
    return rows


def ablation_comparisons(folder: Path = RESULTS) -> list[dict]:
    """Arms of the ablation, seed by seed, each seed on its own test fold: mean difference and Student's t interval.

    "rare" is the mean over the three rare labels. Both "ece" (as trained) and "ece_calibrated" are there.
    """
    pairs = [
        ("attention_bce", "cls_bce"),
        ("attention_focal", "cls_focal"),
        ("cls_focal", "cls_bce"),
        ("attention_focal", "attention_bce"),
        ("attention_focal", "cls_bce"),
    ]
    arms = {name: read_out_of_fold("ablation", name, folder) for name in ABLATION}
    rows = []
    for a, b in pairs:
        one, other = _on_common_folds(arms[a], arms[b])
        for metric in ("auroc", "ap", "f1", "ece", "ece_calibrated"):
            probs = [
                scores.by_fold(scores.fitted.calibrated if metric == "ece_calibrated" else scores.fitted.probs)
                for scores in (one, other)
            ]
            cuts = [scores.by_fold(scores.fitted.thresholds) for scores in (one, other)]
            differences = seed_differences(
                one.by_fold(one.targets),
                *probs,
                metric.removesuffix("_calibrated"),
                thresholds_a=cuts[0],
                thresholds_b=cuts[1],
            ).drop(columns="undefined")
            differences["rare"] = differences[list(RARE_LABELS)].mean(axis=1)
            table = paired_seeds_table(differences)
            by_seed = {label: differences[label].tolist() for label in differences}
            rows += comparison_rows(table, a=a, b=b, metric=metric, by_seed=by_seed)
    return rows


def comparison_rows(table: pd.DataFrame, by_seed: dict[str, list[float]] | None = None, **common) -> list[dict]:
    """One entry a row of a table of differences (a minus b), for JSON.

    Args:
        table: Index "macro", "rare" or a label; columns `difference`, `low`, `high`, `p_value` and others.
        by_seed: For each row the differences of the single seeds.
        **common: Put into every entry: `a`, `b`, `metric`.
    """
    entries = [{**common, "label": label, **values} for label, values in table.to_dict(orient="index").items()]
    return [entry | ({} if by_seed is None else {"by_seed": by_seed[entry["label"]]}) for entry in entries]


def _on_common_folds(one: OutOfFold, other: OutOfFold) -> tuple[OutOfFold, OutOfFold]:
    """The two on the folds both have, their rows in the same order."""
    if not np.array_equal(one.ids, other.ids):
        folds = np.intersect1d(one.folds, other.folds)
        one, other = (
            dataclasses.replace(
                scores,
                ids=scores.ids[kept],
                folds=scores.folds[kept],
                targets=scores.targets[kept],
                logits=scores.logits[kept],
                fitted=cross_fitted(scores.targets[kept], scores.logits[kept], scores.folds[kept]),
            )
            for scores in (one, other)
            for kept in [np.isin(scores.folds, folds)]
        )
    if not np.array_equal(one.ids, other.ids):
        raise InputError(f"{one.name} and {other.name} score different comments of the same folds; run them again")
    return one, other


def summarise(folder: Path = RESULTS, experiments: Sequence[str] = ("oof", "ablation")) -> dict[str, float]:
    """Compute every figure the committed scores give, and write them into `headline.json`. Returns them, flat."""
    figures: dict[str, float] = {}
    for group, (experiment, names, compute) in HEADLINE_GROUPS.items():
        if experiment not in experiments:
            continue
        scores = [read_out_of_fold(experiment, name, folder) for name in names]
        folds = {one.name: sorted(set(one.folds.tolist())) for one in scores}
        if len(set(map(str, folds.values()))) > 1:
            raise InputError(f"{experiment}: not every model has scored the same folds: {folds}; run it to the end")
        values = {f"{group}.{one.name}": compute(one) for one in scores}
        for one in scores:
            update_headline({f"{group}.{one.name}": compute(one)}, run_record([one]), folder / "headline.json")
        figures |= {f"{key}.{name}": value for key, part in values.items() for name, value in part.items()}
        details = {one.name: one.fitted.evaluation.to_dict() for one in scores}
        pairs = oof_comparisons(folder) if experiment == "oof" else ablation_comparisons(folder)
        record = run_record(scores) | {"commit": current_commit()}
        write_json(folder / f"{experiment}.json", {"evaluations": details, "comparisons": pairs, "run": record})
    return figures


def run_record(scores: list[OutOfFold]) -> dict:
    """What computed some scores: preset, source hashes, the commits and dates of the training runs."""
    runs = [run for one in scores for run in one.runs]
    entries = [entry for run in runs for entry in [*run["sources"], *((run.get("initial") or {}).get("sources", ()))]]
    return {
        "preset": "; ".join(sorted({preset_told(run) for run in runs})),
        "rows": max(len(one.ids) for one in scores),
        "sources": {entry["name"]: entry["sha256"] for entry in entries},
        "trained_at_commits": sorted({run["commit"] for run in runs}),
        "trained_on": max(run["date"] for run in runs)[:10],
    }


def preset_told(run: dict) -> str:
    """The preset a run was trained with, as the named one and what differs from it: "full with epochs=2"."""
    if run["recipe"] == "tfidf":
        return FULL.name
    named = dataclasses.asdict(FULL) | {"epochs_auxiliary": 0}
    changed = {key: value for key, value in run["preset"].items() if key in named and named[key] != value}
    return " ".join(
        [FULL.name, *(["with"] if changed else []), ", ".join(f"{k}={v}" for k, v in changed.items())]
    ).strip()


if __name__ == "__main__":
    for key, value in summarise(experiments=sys.argv[1:] or ("oof", "ablation")).items():
        print(f"{key:45s} {value:.4f}")
