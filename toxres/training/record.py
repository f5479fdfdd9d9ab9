"""The record of a run: `run.json`, which says what was trained, on what, by which code."""

import datetime
import hashlib
import json
import platform
from importlib import metadata

from toxres.config import Preset, Recipe
from toxres.results import current_commit
from toxres.training.rows import TrainingRows

_PACKAGES = ("torch", "transformers", "tokenizers", "accelerate", "scikit-learn", "numpy", "toxres")


def describe_run(
    recipe: Recipe,
    preset: Preset,
    rows: TrainingRows,
    seed: int,
    test_fold: int | None,
    validation_fold: int | None,
    initial: dict | None,
    language_model: dict | None = None,
) -> dict:
    """What defines a run: the same description trains the same model. Its digest is in `key`.

    Args:
        recipe: What is trained.
        preset: How much.
        rows: On which comments.
        seed: Of weights, order and dropout.
        test_fold: Fold kept out, or None.
        validation_fold: Fold for validation, or None.
        initial: `key` and `recipe` of the checkpoint whose weights the run starts from, or None.
        language_model: Of `describe_language_model`, where the encoder is one.
    """
    defining = {
        "recipe": recipe.to_dict(),
        "preset": preset.to_dict(),
        "sources": rows.sources,
        "rows_sha256": rows.sha256,
        "rows_train": len(rows.train),
        "rows_validation": 0 if rows.validation is None else len(rows.validation),
        "seed": seed,
        "test_fold": test_fold,
        "validation_fold": validation_fold,
        "initial": initial,
    }
    if language_model is not None:
        defining["language_model"] = language_model
    payload = json.dumps({**defining, "sources": [entry["name"] for entry in rows.sources]}, sort_keys=True)
    return {"key": hashlib.sha256(payload.encode()).hexdigest()[:16], **defining}


def provenance() -> dict:
    """Commit, date, versions and machine of this process."""
    return {
        "commit": current_commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {name: metadata.version(name) for name in _PACKAGES},
    }
