"""What every notebook does in the same way: train once, score a split, read committed results, say what came out."""

import dataclasses
import platform
from importlib import metadata

import numpy as np
import pandas as pd

from toxres.checkpoint import Checkpoint, load_checkpoint
from toxres.config import ABLATION, get_preset
from toxres.data import load_comments, targets
from toxres.errors import InputError
from toxres.evaluation import Evaluation, evaluate_probs
from toxres.evaluation.arrays import sigmoid
from toxres.files import ROOT, read_json
from toxres.paths import build_dir
from toxres.results import read_headline

RESULTS = ROOT / "data" / "results"

SOURCE_PAIRS = {"tfidf": ("tfidf_all", "tfidf"), "baseline": ("baseline", "baseline_alone")}
"""Models that were trained on every source and on Jigsaw alone, everything else the same."""

ABLATION_FIGURES = {
    "macro_ap": "macro AP",
    "rare_ap": "rare AP",
    "macro_f1_tuned": "macro-F1, tuned",
    "macro_ece": "macro ECE",
}
"""Headline figures of an arm of the ablation, and what tables call them."""

ABLATION_QUESTIONS = {("ap", "macro"): "macro AP", ("ap", "rare"): "rare-label AP", ("ece", "macro"): "ECE"}
"""Metric and row of a comparison that the ablation's verdict speaks of, and what it calls them."""

EFFECTS = {
    "Attention pooling instead of [CLS]": [("attention_bce", "cls_bce"), ("attention_focal", "cls_focal")],
    "Focal loss instead of BCE": [("cls_focal", "cls_bce"), ("attention_focal", "attention_bce")],
}
"""What the ablation varies, and the pairs of arms that differ in nothing else."""


@dataclasses.dataclass(frozen=True)
class Scored:
    """A checkpoint's scores of one split.

    Attributes:
        name: Of the recipe.
        targets: (N, 6), NaN where unknown.
        probs: (N, 6), as trained.
        calibrated: (N, 6), recalibrated on the run's validation rows.
        thresholds: (6,), tuned on the run's validation rows, for `probs`.
        evaluation: Of all of these.
    """

    name: str
    targets: np.ndarray
    probs: np.ndarray
    calibrated: np.ndarray
    thresholds: np.ndarray
    evaluation: Evaluation


def train_once(recipe: str, source: str, preset: str, seed: int = 0) -> Checkpoint:
    """The checkpoint of a recipe under `build/checkpoints`: trained if it is not there, with progress shown meanwhile.

    An interrupted run goes on where it was; one of other data or settings is replaced.
    """
    from toxres.training import train

    out = build_dir() / "checkpoints" / f"{recipe}-{source}-{preset}-seed{seed}"
    path = train(recipe, [source], preset, seed, out, resume=True, replace=True)
    _clear_output()
    return load_checkpoint(path)


def score_split(checkpoint: Checkpoint, source: str, split: str) -> Scored:
    """A checkpoint's scores of one split of a source, with its own thresholds and calibration."""
    comments = load_comments(source, split=split)
    logits = checkpoint.predict_logits(comments["text"].tolist())
    truth, probs, calibrated = targets(comments), sigmoid(logits), checkpoint.calibration.apply(logits)
    evaluation = evaluate_probs(truth, probs, checkpoint.thresholds, calibrated)
    return Scored(checkpoint.name, truth, probs, calibrated, checkpoint.thresholds, evaluation)


def origin(source: str, *, preset: str | None = None, split: str | None = None) -> str:
    """What stands under a figure's title: whose comments they are, which split, which preset trained on them."""
    count = len(load_comments(source, split=split))
    names = {"synthetic": "synthetic corpus", "jigsaw": "Jigsaw sample"}
    parts = [f"{names.get(source, source)}, {count:,} {f'{split} ' if split else ''}comments"]
    return "; ".join(parts + ([f"preset {get_preset(preset).name}"] if preset else []))


def versions() -> str:
    """The versions a notebook ran with, in one line."""
    packages = ("torch", "transformers", "scikit-learn", "numpy", "pandas")
    told = [f"{name} {metadata.version(name)}" for name in packages]
    return ", ".join([f"Python {platform.python_version()}", *told])


def committed_results(experiment: str) -> dict:
    """Evaluations, comparisons and record of an experiment in `data/results/<experiment>.json`.

    Raises:
        InputError: The experiment has not been run.
    """
    path = RESULTS / f"{experiment}.json"
    if not path.is_file():
        raise InputError(f"{path}: not there; run `python -m toxres.training.experiments {experiment}` first")
    return read_json(path)


def results_origin(record: dict, experiment: str) -> str:
    """What stands under a figure of committed results: of which comments, trained when and from which commit."""
    rows = f"Jigsaw sample, {record['rows']:,} comments out of fold"
    commits = ", ".join(commit[:7] for commit in record["trained_at_commits"])
    return f"{rows}; `{experiment}` runs of {record['trained_on']}, commit {commits}"


def comparison(results: dict, a: str, b: str, metric: str) -> pd.DataFrame:
    """The rows of one comparison (a minus b) by label, as `forest_plot` takes them."""
    rows = [row for row in results["comparisons"] if (row["a"], row["b"], row["metric"]) == (a, b, metric)]
    if not rows:
        raise InputError(f"no comparison of {a!r} and {b!r} by {metric!r} in these results")
    return pd.DataFrame(rows).set_index("label")


def source_comparisons(results: dict, metric: str) -> dict[str, pd.DataFrame]:
    """Every source against Jigsaw alone, for each model that was trained both ways: see `comparison`."""
    there = {(row["a"], row["b"]) for row in results["comparisons"]}
    return {name: comparison(results, *pair, metric) for name, pair in SOURCE_PAIRS.items() if pair in there}


def verdict(what: str, row: pd.Series | dict, metric: str, digits: int = 3) -> str:
    """One sentence about a difference and its 95% interval: better, worse, or not shown to differ.

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
    good = (difference > 0) != any(metric.lower().startswith(name) for name in ("ece", "brier"))
    return f"{what}: {'better' if good else 'worse'} in {metric}, {interval}."


def pooling_weights(checkpoint: Checkpoint, text: str) -> tuple[list[str], dict[str, list[float]]]:
    """The tokens of a text, and how much of each goes into the pooled vector under [CLS], mean and the model's pooling.

    Args:
        checkpoint: A model with attention pooling.
        text: One short text; special tokens are kept.

    Returns:
        T tokens, and T weights that sum to 1 by the name of the pooling.
    """
    import torch

    batch = checkpoint.tokenizer(text, return_tensors="pt", truncation=True, max_length=checkpoint.max_length)
    tokens = checkpoint.tokenizer.convert_ids_to_tokens(batch["input_ids"][0].tolist())
    with torch.inference_mode():
        output = checkpoint.model(**batch.to(checkpoint.model.device), output_attention_weights=True)
    count = len(tokens)
    return tokens, {
        "[CLS]": [1.0] + [0.0] * (count - 1),
        "mean": [1 / count] * count,
        checkpoint.model.config.pooling: output.attention_weights[0].tolist(),
    }


def ablation_table() -> pd.DataFrame:
    """The headline figures of the ablation: a row an arm, means over the seeds."""
    figures = read_headline()
    arms = {arm: {key: figures.get(f"ablation.{arm}.{key}") for key in ABLATION_FIGURES} for arm in ABLATION}
    return pd.DataFrame(arms).T.astype(float).rename(columns=ABLATION_FIGURES)


def seeds(ablation: dict) -> int:
    """With how many seeds the arms of the ablation were trained."""
    return int(comparison(ablation, ABLATION[1], ABLATION[0], "ap").loc["macro", "n_seeds"])


def ablation_verdict(ablation: dict) -> str:
    """The ablation in a few sentences, nulls included: what pooling does, what the loss does, to ranking and ECE."""
    sentences = []
    for what, pairs in EFFECTS.items():
        for metric, label, name in (
            ("ap", "macro", "macro AP"),
            ("ap", "rare", "rare-label AP"),
            ("ece", "macro", "ECE"),
        ):
            rows = [comparison(ablation, *pair, metric).loc[label] for pair in pairs]
            shown = [row for row in rows if row["low"] > 0 or row["high"] < 0]
            signs = {np.sign(row["difference"]) for row in shown}
            if not shown:
                told = "no effect could be shown"
            elif len(signs) == 1:
                told = (
                    f"{'raises' if signs == {1.0} else 'lowers'} it, shown in {len(shown)} of {len(rows)} pairs of arms"
                )
            else:
                told = "raises it in one pair of arms and lowers it in another"
            mean = np.mean([row["difference"] for row in rows])
            sentences.append(f"- **{what}**, {name}: {told} (mean difference {mean:+.3f}).")
    return "\n".join(sentences)


def _clear_output() -> None:
    try:
        from IPython import get_ipython
        from IPython.display import clear_output
    except ImportError:
        return
    if get_ipython() is not None:
        clear_output()
