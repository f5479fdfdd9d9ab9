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
from toxres.errors import InputError
from toxres.evaluation.bootstrap import paired_bootstrap
from toxres.evaluation.seeds import paired_seeds_table, seed_differences
from toxres.files import write_json
from toxres.labels import RARE_LABELS
from toxres.results import current_commit, update_headline
from toxres.training.experiments import RESULTS
from toxres.training.out_of_fold import OutOfFold, need_same_settings, on_common_folds, read_out_of_fold

OOF_MODELS = ("tfidf", "baseline", "custom", "ulmfit")
"""The models of the headline; `tfidf_all`, the floor with every source, stands beside them in the notebook."""


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


def fold_figures(scores: OutOfFold) -> dict[str, list[float]]:
    """Macro means of each fold by itself, in the order of the folds; `undefined` counts labels left out of the AP's."""
    found = scores.fitted.by_fold
    told = {"auroc": "auroc", "ap": "ap", "f1_tuned": "f1_tuned", "ece": "ece", "ece_calibrated": "ece_calibrated"}
    figures = {f"macro_{name}": [float(fold.macro[key]) for fold in found] for name, key in told.items()}
    figures["rare_ap"] = [float(fold.per_label.loc[list(RARE_LABELS), "ap"].mean()) for fold in found]
    figures["undefined"] = [int(fold.macro["undefined"]["ap"]) for fold in found]
    return figures


def ablation_figures(scores: OutOfFold) -> dict[str, float]:
    """Mean over the seeds, each on its own test fold; ECE before recalibration, which is where focal loss shows."""
    table = fold_figures(scores)
    shown = ("macro_ap", "macro_f1_tuned", "macro_ece", "rare_ap")
    return {key: float(np.mean(table[key])) for key in shown} | {"seeds": len(table["macro_ap"])}


HEADLINE_GROUPS = {
    "jigsaw.oof": ("oof", OOF_MODELS, oof_figures),
    "ablation": ("ablation", ABLATION, ablation_figures),
}
"""Groups of headline figures: the experiment, its models, and what is computed of each."""


OOF_PAIRS = (
    ("baseline", "tfidf"),
    ("custom", "tfidf"),
    ("custom", "baseline"),
    ("tfidf_all", "tfidf"),
    ("baseline", "baseline_alone"),
    ("ulmfit", "tfidf_all"),
    ("ulmfit", "tfidf"),
    ("ulmfit", "baseline"),
    ("ulmfit", "ulmfit_alone"),
    ("ulmfit_alone", "tfidf"),
)
"""Models whose out-of-fold scores are compared, first minus second."""


def oof_comparisons(folder: Path = RESULTS) -> list[dict]:
    """Pairs of models on the same Jigsaw comments, all rows pooled, by paired bootstrap: see `comparison_rows`.

    A pair of which one model has not scored two folds yet is left out.
    """
    wanted = {name for pair in OOF_PAIRS for name in pair}
    there = {name for name in wanted if len(list((folder / "oof").glob(f"{name}-fold[0-9].csv"))) > 1}
    models = {name: read_out_of_fold("oof", name, folder) for name in sorted(there)}
    rows = []
    for a, b in OOF_PAIRS:
        if not {a, b} <= there:
            continue
        one, other = on_common_folds(models[a], models[b])
        if not {a, b} & {"tfidf", "tfidf_all"}:
            of_one_kind = a.startswith("ulmfit") == b.startswith("ulmfit")
            may_differ = ("recipe", "initial") if of_one_kind else ("recipe", "initial", "preset")
            need_same_settings([one.runs[0], other.runs[0]], [a, b], but=may_differ)
        for metric in ("auroc", "ap", "f1", "ece"):
            probs = [scores.calibrated if metric == "ece" else scores.probs for scores in (one.fitted, other.fitted)]
            cuts = {"thresholds_a": one.fitted.thresholds, "thresholds_b": other.fitted.thresholds}
            table = paired_bootstrap(one.targets, *probs, metric, **cuts).table()
            rows += comparison_rows(table, a=a, b=b, metric=metric, rows=len(one.ids))
    return rows


def ablation_comparisons(folder: Path = RESULTS) -> list[dict]:
    """Arms of the ablation, seed by seed, each seed on its own test fold: mean difference and Student's t interval.

    "rare" is the mean over the three rare labels. Both "ece" (as trained) and "ece_calibrated" are there. `undefined`
    says of each seed how many labels its macro or rare mean leaves out, in either arm.
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
        one, other = on_common_folds(arms[a], arms[b])
        need_same_settings([one.runs[0], other.runs[0]], [a, b], but=("recipe",))
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
            )
            rare = differences[list(RARE_LABELS)]
            undefined = {"macro": differences.pop("undefined").tolist(), "rare": rare.isna().sum(axis=1).tolist()}
            differences["rare"] = rare.mean(axis=1)
            table = paired_seeds_table(differences)
            by_seed = {label: differences[label].tolist() for label in differences}
            entries = comparison_rows(table, a=a, b=b, metric=metric, by_seed=by_seed)
            rows += [entry | {"undefined": undefined.get(entry["label"])} for entry in entries]
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
        each = {one.name: fold_figures(one) for one in scores}
        pairs = oof_comparisons(folder) if experiment == "oof" else ablation_comparisons(folder)
        record = run_record(scores) | {"commit": current_commit()}
        found = {"evaluations": details, "by_fold": each, "comparisons": pairs, "run": record}
        write_json(folder / f"{experiment}.json", found)
    return figures


def run_record(scores: list[OutOfFold]) -> dict:
    """What computed some scores: preset, source hashes, the commits and dates of the training runs."""
    runs = [run for one in scores for run in one.runs]
    entries = [entry for run in runs for entry in [*run["sources"], *((run.get("initial") or {}).get("sources", ()))]]
    trained = [run["preset"] for run in runs if run["recipe"] != "tfidf"]
    rates = {
        (preset["learning_rate"], preset.get("head_learning_rate") or preset["learning_rate"]) for preset in trained
    }
    return {
        "preset": "; ".join(sorted({preset_told(run) for run in runs})),
        "learning_rates": [{"encoder": encoder, "pooling and head": head} for encoder, head in sorted(rates)],
        "folds": max(len(one.runs) for one in scores),
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
