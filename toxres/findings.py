"""What the committed results say: comparisons, the families they are tested in, and verdicts in words."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from toxres.config import ABLATION
from toxres.errors import InputError
from toxres.evaluation.seeds import holm, is_shown, paired_seeds_table
from toxres.files import ROOT, read_json
from toxres.labels import RARE_LABELS

RESULTS = ROOT / "data" / "results"

WHOLE_JIGSAW = 159_571
"""Comments in the training file of Kaggle's challenge; fewer are a sample of it."""

MODEL_NAMES = {"tfidf": "TF-IDF", "baseline": "baseline"}
"""What sentences call a model."""

OOF_PAIRS = {
    ("baseline", "tfidf"): "baseline against TF-IDF",
    ("custom", "tfidf"): "custom against TF-IDF",
    ("custom", "baseline"): "custom against baseline",
    ("baseline", "baseline_alone"): "baseline with a first stage on the other sources against Jigsaw alone",
    ("tfidf_all", "tfidf"): "TF-IDF with the other sources mixed in against Jigsaw alone",
}
"""Comparisons of the out-of-fold scores, and what sentences call them."""

ULMFIT_PAIRS = {
    ("ulmfit", "tfidf_all"): "ULMFiT against TF-IDF, both on every source",
    ("ulmfit", "tfidf"): "ULMFiT on every source against TF-IDF on Jigsaw alone, where it is better",
    ("ulmfit", "baseline"): "ULMFiT against baseline",
    ("ulmfit", "ulmfit_alone"): "ULMFiT with a first stage on the other sources' labels against their words alone",
    ("ulmfit_alone", "tfidf"): "ULMFiT without the other sources' labels against TF-IDF",
}
"""Further comparisons of the out-of-fold scores, a family of their own."""

SOURCE_PAIRS = {"baseline": ("baseline", "baseline_alone"), "tfidf": ("tfidf_all", "tfidf")}
"""Models that were trained on every source and on Jigsaw alone, everything else the same."""

ABLATION_PAIRS = {
    ("attention_bce", "cls_bce"): "attention pooling against [CLS], under BCE",
    ("attention_focal", "cls_focal"): "attention pooling against [CLS], under focal loss",
    ("cls_focal", "cls_bce"): "focal loss against BCE, with [CLS]",
    ("attention_focal", "attention_bce"): "focal loss against BCE, with attention pooling",
    ("attention_focal", "cls_bce"): "both against neither",
}
"""Comparisons of the ablation's arms, and what sentences and figures call them."""

EFFECTS = {
    "Attention pooling instead of [CLS]": [("attention_bce", "cls_bce"), ("attention_focal", "cls_focal")],
    "Focal loss instead of BCE": [("cls_focal", "cls_bce"), ("attention_focal", "attention_bce")],
}
"""What the ablation varies, and the pairs of arms that differ in nothing else."""

QUESTIONS = {
    "oof": {("ap", "macro"): "macro AP", ("auroc", "macro"): "macro AUROC"},
    "ablation": {
        ("ap", "macro"): "macro AP",
        ("auroc", "macro"): "macro AUROC",
        ("ap", "rare"): "rare-label AP",
        ("f1", "macro"): "macro-F1, tuned",
        ("ece", "macro"): "macro ECE, raw",
        ("ece_calibrated", "macro"): "macro ECE, recalibrated",
    },
}
"""Metric and row of the comparisons that are put into words, and what these are called."""

QUESTIONS["ulmfit"] = QUESTIONS["oof"]
PAIRS = {"oof": OOF_PAIRS, "ulmfit": ULMFIT_PAIRS, "ablation": ABLATION_PAIRS}
"""Families of comparisons."""

EXPERIMENT_OF = {"ulmfit": "oof"}
"""The experiment whose results hold a family, where it is not called like it."""

LESS_IS_BETTER = ("ece", "brier")
"""Metrics of which less is better."""


def committed_results(experiment: str) -> dict:
    """Evaluations, comparisons and record of an experiment in `data/results/<experiment>.json`.

    Raises:
        InputError: The experiment has not been run.
    """
    path = RESULTS / f"{experiment}.json"
    if not path.is_file():
        module = f"training.experiments {experiment}" if experiment in PAIRS else f"experiments.{experiment}"
        raise InputError(f"{path}: not there; run `python -m toxres.{module}` first")
    return read_json(path)


def source_name(source: str, rows: int, share: float = 1.0) -> str:
    """What a caption calls a source of which so many comments were used.

    Args:
        source: Its name.
        rows: The comments that were used.
        share: Of the whole source that these would be: 0.2 for a fold.
    """
    if source == "jigsaw":
        return "Jigsaw sample" if rows < 0.99 * share * WHOLE_JIGSAW else "Jigsaw"
    return "synthetic corpus" if source == "synthetic" else source


def results_origin(record: Mapping, rows: int | None = None) -> str:
    """What stands under a figure of committed results: how many comments, scored when.

    Args:
        record: Of the experiment.
        rows: Comments of this figure, if not those of the record.
    """
    rows = int(rows or record["rows"])
    name = source_name("jigsaw", rows, record.get("folds", 5) / 5)
    return f"{name}, {rows:,} comments out of fold; models trained until {record['trained_on']}"


def results_told(record: Mapping, experiment: str) -> str:
    """Where committed results come from, in full: comments, command, date, commits, learning rates."""
    commits = ", ".join(commit[:7] for commit in record["trained_at_commits"])
    rates = "; ".join(
        f"the encoder learned at a peak rate of {rate['encoder']:g}, pooling and head at {rate['pooling and head']:g}"
        for rate in record.get("learning_rates", ())
    )
    rows = source_name("jigsaw", record["rows"], record.get("folds", 5) / 5)
    return (
        f"{rows}, {record['rows']:,} comments out of fold; experiment {experiment}, models trained until "
        f"{record['trained_on']} at commit {commits}{'; ' + rates if rates else ''}"
    )


def comparison(results: Mapping, a: str, b: str, metric: str) -> pd.DataFrame:
    """The rows of one comparison (a minus b) by label, as `forest_plot` takes them.

    Raises:
        InputError: It has not been made.
    """
    rows = [row for row in results["comparisons"] if (row["a"], row["b"], row["metric"]) == (a, b, metric)]
    if not rows:
        raise InputError(f"no comparison of {a!r} and {b!r} by {metric!r} in these results")
    return pd.DataFrame(rows).set_index("label")


def source_comparisons(results: Mapping, metric: str) -> dict[str, pd.DataFrame]:
    """Every source against Jigsaw alone, for each model that was trained both ways: see `comparison`."""
    there = {(row["a"], row["b"]) for row in results["comparisons"]}
    return {name: comparison(results, *pair, metric) for name, pair in SOURCE_PAIRS.items() if pair in there}


def family(results: Mapping, experiment: str) -> pd.DataFrame:
    """All comparisons of an experiment that are put into words, corrected for being several.

    Args:
        results: What `committed_results` gives.
        experiment: The family: "oof", "ulmfit" or "ablation".

    Returns:
        A row a comparison, index (a, b, metric, label); the columns of the comparisons, `what` and `name` as sentences
        call it, `p_holm`, and `tests`, the size of the family.
    """
    found = {(row["a"], row["b"], row["metric"], row["label"]): row for row in results["comparisons"]}
    rows = {
        (*pair, *question): {**found[*pair, *question], "what": what, "name": name}
        for pair, what in PAIRS[experiment].items()
        for question, name in QUESTIONS[experiment].items()
        if (*pair, *question) in found
    }
    return with_holm(pd.DataFrame(list(rows.values()), index=pd.MultiIndex.from_tuples(rows)) if rows else None)


def with_holm(table: pd.DataFrame | None) -> pd.DataFrame:
    """Comparisons with `p_holm`, corrected for all of them together (Holm 1979), and `tests`, how many they are."""
    if table is None or table.empty:
        return pd.DataFrame(columns=["difference", "low", "high", "p_value", "what", "name", "p_holm", "tests"])
    p_values = table["p_value"].to_numpy(dtype=float)
    return table.assign(p_holm=holm(p_values), tests=int(np.isfinite(p_values).sum()))


def pairs_table(tests: pd.DataFrame, metric: str, label: str) -> pd.DataFrame:
    """The comparisons of a family by one question, a row a pair named as in sentences, as `forest_plot` takes them."""
    chosen = tests[(tests["metric"] == metric) & (tests["label"] == label)]
    return chosen.set_index("what")


def verdict(what: str, row: pd.Series | Mapping, metric: str, digits: int = 3) -> str:
    """One sentence about a difference and its 95% interval: better, worse, or not shown to differ.

    A row with `p_holm` is one of `tests` comparisons: its interval alone then is not enough.

    Args:
        what: The subject, e.g. "attention pooling against [CLS]".
        row: With `difference`, `low`, `high`.
        metric: Named in the sentence; of ECE and Brier less is better.
        digits: Decimals.
    """
    low, high, difference = (float(row[key]) for key in ("low", "high", "difference"))
    interval = f"{difference:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"
    if not np.isfinite([low, high]).all():
        return f"{what}: {metric} {difference:+.{digits}f}, too few runs for an interval."
    if low <= 0 <= high:
        return f"{what}: no difference in {metric} could be shown, {interval}."
    if not is_shown(row):
        among = f"among {row['tests']:.0f} tests (Holm p = {row['p_holm']:.3f})"
        return f"{what}: no difference in {metric} could be shown {among}, {interval}."
    less = any(word in LESS_IS_BETTER for word in metric.lower().replace(",", "").split())
    return f"{what}: {'worse' if (difference > 0) == less else 'better'} in {metric}, {interval}."


def verdicts(tests: pd.DataFrame, questions: Iterable[str] | None = None) -> list[str]:
    """A sentence for each comparison of a family, or for those of the questions named so."""
    wanted = None if questions is None else set(questions)
    return [
        verdict(row["what"], row, row["name"]) for _, row in tests.iterrows() if wanted is None or row["name"] in wanted
    ]


def rare_label_tests(results: Mapping) -> pd.DataFrame:
    """What the other sources do to the average precision of each rare label, for each model: a family of its own."""
    rows = [
        {**table.loc[label].to_dict(), "what": f"Other sources, {MODEL_NAMES[model]}, `{label}`", "name": "AP"}
        for model, table in source_comparisons(results, "ap").items()
        for label in RARE_LABELS
    ]
    return with_holm(pd.DataFrame(rows))


def family_note(tests: pd.DataFrame, experiment: str) -> str:
    """What the intervals of a family hold and what they do not, and how being several was taken into account."""
    luck = "come from drawing the comments anew (paired bootstrap): they hold the luck of the comments, not of the seed"
    if experiment == "ablation":
        n_seeds = f"{tests['n_seeds'].min():.0f} seeds"
        luck = f"are Student's t over {n_seeds}, each with a test fold of its own: they hold the luck of seed and fold"
    count = len(tests)
    return (
        f"Intervals {luck}. These are {count} tests, of which chance alone would give {0.05 * count:.1f} intervals "
        "without zero, so a difference counts as shown if it also stands after Holm's correction for all of them."
    )


def ablation_effects(ablation: Mapping) -> pd.DataFrame:
    """What pooling does and what the loss does, each averaged over both settings of the other, seed by seed.

    The mean of the two pairs of arms at a seed is one number; `paired_seeds` over the seeds gives interval and
    p-value, corrected for all effects and questions together.

    Returns:
        A row an effect and question: `what`, `name`, `difference`, `low`, `high`, `p_value`, `p_holm`, `tests`,
        `n_seeds`, and `agree`: whether both pairs of arms have the same sign.
    """
    rows = []
    for what, pairs in EFFECTS.items():
        for (metric, label), name in QUESTIONS["ablation"].items():
            found = [comparison(ablation, *pair, metric).loc[label] for pair in pairs]
            by_seed = pd.DataFrame({"mean": np.mean([row["by_seed"] for row in found], axis=0)})
            agree = len({np.sign(row["difference"]) for row in found}) == 1
            rows.append({"what": what, "name": name, "agree": agree, **paired_seeds_table(by_seed).loc["mean"]})
    return with_holm(pd.DataFrame(rows))


def ablation_verdict(ablation: Mapping) -> str:
    """The ablation in a few sentences, nulls included: what pooling does, what the loss does, to ranking and ECE.

    An effect is claimed if it stands after Holm's correction and both pairs of arms agree about its direction.
    """
    effects = ablation_effects(ablation)
    sentences = []
    for _, row in effects.iterrows():
        interval = f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}], Holm p = {row['p_holm']:.3f}"
        if not is_shown(row):
            told = "no effect could be shown"
        elif not row["agree"]:
            told = "the two pairs of arms disagree, no effect is claimed"
        else:
            told = f"{'raises' if row['difference'] > 0 else 'lowers'} it, in both pairs of arms"
        sentences.append(f"- **{row['what']}**, {row['name']}: {told} ({interval}).")
    return "\n".join(sentences)


def ablation_table(ablation: Mapping) -> pd.DataFrame:
    """Means over the seeds: a row an arm; ECE both as trained and recalibrated, each named so."""
    columns = {
        "macro_ap": "macro AP",
        "rare_ap": "rare AP",
        "macro_f1_tuned": "macro-F1, tuned",
        "macro_ece": "macro ECE, raw",
        "macro_ece_calibrated": "macro ECE, recalibrated",
    }
    arms = {arm: {name: np.mean(ablation["by_fold"][arm][key]) for key, name in columns.items()} for arm in ABLATION}
    return pd.DataFrame(arms).T.astype(float)


def pooled_and_by_fold(results: Mapping) -> pd.DataFrame:
    """Macro AP of all comments pooled beside the mean of the folds' own: a row a model.

    Pooling compares scores of different models with each other; the mean over folds does not, but flatters labels with
    few positives a fold, and leaves out a label where a fold has none (`undefined` counts these).
    """
    rows = {}
    for name, found in results["evaluations"].items():
        folds = results["by_fold"][name]
        rows[name] = {
            "macro AP, pooled": found["macro"]["ap"],
            "macro AP, mean of the folds": np.mean(folds["macro_ap"]),
            "lowest fold": np.min(folds["macro_ap"]),
            "highest fold": np.max(folds["macro_ap"]),
            "undefined": sum(folds["undefined"]),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def undefined_told(results: Mapping) -> str:
    """How many labels the comparisons' macro and rare means leave out, in words."""
    counts = {}
    for row in results["comparisons"]:
        left_out = row.get("undefined") or row.get("n_undefined") or 0
        total = sum(left_out) if isinstance(left_out, list) else int(left_out)
        if row["label"] in ("macro", "rare") and total:
            counts[f"{row['label']} {row['metric']}, {row['a']} and {row['b']}"] = total
    told = "; ".join(f"{count} from {name}" for name, count in counts.items())
    return f"Labels left out of a mean because they are undefined: {told or 'none'}."


def seeds(ablation: Mapping) -> int:
    """With how many seeds the arms of the ablation were trained."""
    return int(comparison(ablation, ABLATION[1], ABLATION[0], "ap").loc["macro", "n_seeds"])
