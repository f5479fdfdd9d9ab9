"""What a run on a stream follows from, told without reading its comments row by row."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from transformers import PreTrainedTokenizerBase

from toxres.checkpoint import RUN
from toxres.config import Preset, Recipe
from toxres.data import load_official_texts
from toxres.data.streams import open_stream
from toxres.errors import InputError
from toxres.files import read_json
from toxres.models import ToxicityModel
from toxres.tasks import Task


def stream_key(
    sources: Sequence[str],
    preset: Preset,
    seed: int,
    test_fold: int | None,
    validation_fold: int | None,
    held_out: Sequence[str],
    task: Task,
    decisions: pd.DataFrame | None,
    tokenizer: PreTrainedTokenizerBase,
) -> str:
    """A digest of all that the rows of `select_streamed` follow from, without reading them row by row.

    Raises:
        InputError: A source isn't there.
    """
    digests = {name: open_stream(name).digest for name in (*sources, *held_out)}
    official = hashlib.sha256(repr(sorted(load_official_texts().items())).encode("utf-8", "surrogatepass")).hexdigest()
    vocabulary = hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()
    decided = None if decisions is None else pd.util.hash_pandas_object(decisions, index=False).to_numpy().tobytes()
    limits = (preset.split, preset.max_rows, preset.max_rows_auxiliary, preset.max_length)
    parts = (list(sources), list(held_out), digests, official, limits, seed, test_fold, validation_fold, str(task),
             list(task.labels), type(tokenizer).__name__, vocabulary, decided)  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def stream_inputs(settings: tuple, rows: tuple) -> str:
    """A digest of all that a run follows from, without its comments being read row by row.

    Args:
        settings: Recipe, preset, seed and what else defines it.
        rows: Arguments of `stream_key`.
    """
    return hashlib.sha256(f"{settings!r}-{stream_key(*rows)}".encode()).hexdigest()[:16]


def has_inputs(folder: Path, inputs: str) -> bool:
    """Whether a folder holds the finished run of a stream with this digest."""
    try:
        return read_json(folder / RUN)["stream"]["inputs"] == inputs
    except (OSError, ValueError, KeyError, TypeError):
        return False


def streaming_tokenizer(recipe: Recipe, preset: Preset, language_model: str | Path | None) -> PreTrainedTokenizerBase:
    """The tokenizer of a model that can be trained on a stream.

    Raises:
        InputError: The recipe reads all comments at once, or its encoder can't be loaded.
    """
    if recipe.family != "transformer":
        raise InputError(f"recipe {recipe.name!r}: reads all comments at once and can't be streamed; leave stream out")
    if recipe.language_model and language_model is None:
        raise InputError(
            f"recipe {recipe.name!r}: its language model is learned from all comments at once; make one with "
            "`toxres pretrain --corpus FILE` and name it with --language-model"
        )
    encoder = preset.encoder if language_model is None else str(language_model)
    return ToxicityModel.from_recipe(recipe, encoder, preset.dropout).tokenizer
