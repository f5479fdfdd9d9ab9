"""What every notebook does in the same way: train once, score a split, say where its numbers come from."""

import dataclasses
import hashlib
import platform
from importlib import metadata

import numpy as np
import pandas as pd

from toxres.checkpoint import Checkpoint, load_checkpoint
from toxres.config import Preset
from toxres.data import load_comments, targets
from toxres.data.functional import HATECHECK_FILE, hatecheck_comments, load_hatecheck
from toxres.data.paths import resolve
from toxres.data.schema import COLUMNS
from toxres.errors import InputError
from toxres.evaluation import Evaluation, evaluate_probs
from toxres.evaluation.arrays import sigmoid
from toxres.files import atomic_path
from toxres.findings import committed_results, source_name
from toxres.paths import build_dir

SCORED_PER_TRAINED = 2
"""Where a preset limits the rows that are trained on, at most so many times as many are scored."""

SHARES = {None: 1.0, "train": 0.6, "validation": 0.2, "test": 0.2}
"""Share of a source that a split is."""


@dataclasses.dataclass(frozen=True)
class Scored:
    """A checkpoint's scores of one split, or of a draw from it.

    Attributes:
        name: Of the recipe.
        targets: (N, 6), NaN where unknown.
        probs: (N, 6), as trained.
        calibrated: (N, 6), recalibrated on the run's validation rows.
        thresholds: (6,), tuned on the run's validation rows, for `probs`.
        evaluation: Of all of these.
        origin: What stands under a figure's title: whose comments, how many, which preset trained on others.
    """

    name: str
    targets: np.ndarray
    probs: np.ndarray
    calibrated: np.ndarray
    thresholds: np.ndarray
    evaluation: Evaluation
    origin: str


class Missing(dict):
    """In place of results that are not there: it is empty, and a notebook shows what to run.

    Attributes:
        why: One sentence.
    """

    def __init__(self, why: str) -> None:
        """Take the sentence."""
        super().__init__()
        self.why = why

    def __repr__(self) -> str:
        return self.why

    def _repr_markdown_(self) -> str:
        return f"*{self.why}*"


def results_at_hand(experiment: str) -> dict:
    """What `findings.committed_results` gives, or `Missing` where the experiment has not been run."""
    try:
        return committed_results(experiment)
    except InputError:
        return Missing(
            f"data/results/{experiment}.json is not there, so nothing of it is shown: "
            f"`python -m toxres.experiments.{experiment}` makes it, which takes hours."
        )


def train_once(recipe: str, source: str, preset: str | Preset, seed: int = 0, *, name: str | None = None) -> Checkpoint:
    """The checkpoint of a recipe under `build/checkpoints`: trained if it is not there, with progress shown meanwhile.

    An interrupted run goes on where it was; one of other data or settings is replaced.

    Args:
        recipe: Name of the recipe.
        source: Name of the source.
        preset: A preset or its name.
        seed: Of the training.
        name: What the checkpoint's folder is called in place of the recipe: settings are not the preset's own.
    """
    from toxres.training import train

    named = preset if isinstance(preset, str) else preset.name
    out = build_dir() / "checkpoints" / f"{name or recipe}-{source}-{named}-seed{seed}"
    path = train(recipe, [source], preset, seed, out, resume=True, replace=True)
    _clear_output()
    return load_checkpoint(path)


def score_split(checkpoint: Checkpoint, source: str, split: str) -> Scored:
    """A checkpoint's scores of one split of a source, with its own thresholds and calibration.

    Where the preset limits the rows that are trained on, those that are scored are limited too: the same seeded draw
    for every checkpoint of that preset. Scores are kept under `build/scores` and not computed twice.
    """
    most = scored_rows(checkpoint.run["preset"])
    comments = load_comments(source, split=split, limit=most)
    logits = _logits(checkpoint, comments)
    truth, probs, calibrated = targets(comments), sigmoid(logits), checkpoint.calibration.apply(logits)
    evaluation = evaluate_probs(truth, probs, checkpoint.thresholds, calibrated)
    told = origin(source, len(comments), split, drawn=most is not None and len(comments) == most)
    told += f"; preset {checkpoint.run['preset']['name']}"
    return Scored(checkpoint.name, truth, probs, calibrated, checkpoint.thresholds, evaluation, told)


def scored_rows(preset: dict) -> int | None:
    """How many rows of a split are scored at most after training at a preset; None is all."""
    limit = preset.get("max_rows")
    return None if limit is None else SCORED_PER_TRAINED * limit


def _logits(checkpoint: Checkpoint, comments: pd.DataFrame) -> np.ndarray:
    run = checkpoint.run
    digest = hashlib.sha256(f"{run.get('key')}\0{run.get('date')}\0{checkpoint.path}".encode())
    for text in comments["text"]:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    file = build_dir() / "scores" / f"{checkpoint.name}-{digest.hexdigest()[:24]}.npy"
    if file.is_file():
        return np.load(file, allow_pickle=False)
    logits = checkpoint.predict_logits(comments["text"].tolist())
    with atomic_path(file) as temporary, temporary.open("wb") as handle:
        np.save(handle, logits)
    return logits


def comments_to_browse(source: str, most: int = 300, seed: int = 0) -> pd.DataFrame:
    """Comments for a browser of errors: a draw from a source's validation comments, and one of HateCheck's cases.

    Args:
        source: Name of the source.
        most: Comments of each at most.
        seed: Of the draws.

    Returns:
        Comments in the schema with columns `source` and `functionality` ("" for real comments). HateCheck is left out
        where it is not at hand.
    """
    own = load_comments(source, split="validation", limit=most, seed=seed)
    frames = [own[list(COLUMNS)].assign(source=source, functionality="")]
    if resolve(HATECHECK_FILE) is not None:
        cases = load_hatecheck()
        cases = cases.sample(min(most, len(cases)), random_state=seed).sort_index()
        frames.append(hatecheck_comments(cases).assign(source="hatecheck"))
    return pd.concat(frames, ignore_index=True)


def browsed_origin(browsed: pd.DataFrame, source: str) -> str:
    """Whose comments `comments_to_browse` gave, and how many."""
    own = int((browsed["source"] == source).sum())
    told = f"{source_name(source, own, SHARES['validation'])}, {own:,} of its validation comments"
    cases = len(browsed) - own
    return f"{told}; {cases:,} of HateCheck's cases" if cases else told


def origin(source: str, rows: int, split: str | None = None, *, drawn: bool = False) -> str:
    """Whose comments something was computed on, and how many.

    Args:
        source: Name of the source.
        rows: Comments that were used.
        split: Split they are from, or None for all.
        drawn: They are a random draw from it.
    """
    name = source_name(source, rows, SHARES.get(split, 1.0))
    kind = {None: "", "train": "training "}.get(split, f"{split} ")
    return f"{name}, {rows:,} {kind}comments{' drawn at random' if drawn else ''}"


def trained_on(checkpoint: Checkpoint) -> str:
    """What stands under a figure of a training run: whose comments, how many, which preset."""
    run = checkpoint.run
    entry = run["sources"][0]
    drawn = entry["rows"] == run["preset"].get("max_rows")
    first = [source["name"] for source in (run.get("initial") or {}).get("sources", ())]
    after = f" after a first stage on {' and '.join(first)}" if first else ""
    return f"{origin(entry['name'], entry['rows'], 'train', drawn=drawn)}{after}; preset {run['preset']['name']}"


def selected_by(run: dict) -> str:
    """The validation score by which the epoch of a run was chosen, such as "macro_ap"."""
    return run["preset"].get("select") or run["recipe"]["select"]


def settings_table(checkpoint: Checkpoint) -> pd.DataFrame:
    """The settings of a run that matter most, and what it took: a column named like the recipe."""
    run = checkpoint.run
    names = ["encoder", "epochs", "batch_size", "learning_rate", "head_learning_rate", "max_length"]
    settings = pd.Series({name: run["preset"].get(name) for name in names})
    settings["training comments"], settings["seconds"] = run["rows_train"], run["seconds"]
    return settings.to_frame(checkpoint.name)


def versions() -> str:
    """The versions a notebook ran with, in one line."""
    packages = ("torch", "transformers", "scikit-learn", "numpy", "pandas")
    told = [f"{name} {metadata.version(name)}" for name in packages]
    return ", ".join([f"Python {platform.python_version()}", *told])


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


def _clear_output() -> None:
    try:
        from IPython import get_ipython
        from IPython.display import clear_output
    except ImportError:
        return
    if get_ipython() is not None:
        clear_output()
