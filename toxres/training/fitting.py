"""Training the model of one run, and writing it as a checkpoint folder."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import transformers

from toxres.allocator import keeping_memory
from toxres.checkpoint import CALIBRATION, LABELS_FILE, RUN, THRESHOLDS, load_checkpoint
from toxres.config import Preset, Recipe
from toxres.data import targets
from toxres.data.batching import CommentDataset
from toxres.errors import InputError
from toxres.evaluation.arrays import to_probs
from toxres.evaluation.calibration import Calibration, fit_calibration
from toxres.evaluation.metrics import evaluate_probs
from toxres.evaluation.thresholds import tune_class_thresholds, tune_thresholds
from toxres.files import atomic_path, write_json
from toxres.models import ToxicityModel, build_loss, loss_weights
from toxres.models.attention import for_training
from toxres.models.losses import counted_weights
from toxres.models.predict import predict_logits
from toxres.models.stack import StackModel
from toxres.models.tfidf import TfidfModel
from toxres.tasks import Task
from toxres.training.layers import freeze
from toxres.training.rows import TrainingRows
from toxres.training.states import latest_state
from toxres.training.streamed import StreamedRows
from toxres.training.trainer import build_trainer


class Fitted(NamedTuple):
    """What training gives.

    Attributes:
        model: With its best or last weights.
        tokenizer: None where the model needs none.
        history: The trainer's log.
        logits: Of the validation comments (N, L), or None without validation.
    """

    model: ToxicityModel | TfidfModel | StackModel
    tokenizer: transformers.PreTrainedTokenizerBase | None
    history: list[dict]
    logits: np.ndarray | None


def processes() -> int:
    """How many processes train one run together, as their launcher says."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@keeping_memory()
def fit(
    recipe: Recipe,
    preset: Preset,
    encoder: str,
    rows: TrainingRows | StreamedRows,
    seed: int,
    folder: Path,
    resume: bool,
    init: str | Path | None,
    save_steps: int | None,
    progress: bool,
) -> Fitted:
    """Train a transformer.

    Args:
        recipe: What is trained.
        preset: How much.
        encoder: Of `load_encoder`.
        rows: On which comments.
        seed: Of weights, order and dropout.
        folder: The work folder.
        resume: Go on from the newest whole state in it.
        init: A checkpoint whose weights it starts from.
        save_steps: See `toxres.training.run.train`.
        progress: Show progress bars.

    Raises:
        InputError: The encoder can't be loaded or made to learn as the preset says, or `init` does not fit.
    """
    transformers.set_seed(seed)
    model, tokenizer = ToxicityModel.from_recipe(recipe, encoder, preset.dropout)
    tokenizer.model_max_length = preset.max_length
    if preset.gradient_checkpointing and not model.encoder.supports_gradient_checkpointing:
        kind = type(model.encoder).__name__
        raise InputError(f"gradient_checkpointing: {kind} has no layers to compute again; leave it out")
    if preset.gradient_checkpointing:
        model.encoder.config.use_cache = False
    if isinstance(rows, StreamedRows):
        positives, known = torch.tensor(rows.positives).float(), torch.tensor(rows.known).float()
        prevalence, weights = positives / known, counted_weights(recipe, positives, known)
    else:
        train_targets = torch.tensor(targets(rows.train, rows.labels))
        prevalence, weights = torch.nanmean(train_targets, dim=0), loss_weights(recipe, train_targets)
    if init is not None:
        _start_from(model, init)
    elif preset.prior_bias:
        model.set_prior(prevalence)
    if not recipe.language_model:
        for_training(model, model.encoder)
        freeze(model, preset)

    def dataset(frame):
        return CommentDataset(frame["text"].tolist(), tokenizer, preset.max_length, targets(frame, rows.labels))

    trainer = build_trainer(
        model,
        recipe,
        preset,
        rows.train if isinstance(rows, StreamedRows) else dataset(rows.train),
        None if rows.validation is None else dataset(rows.validation),
        build_loss(recipe, weights),
        tokenizer.pad_token_id,
        folder / "trainer",
        seed,
        save_steps,
        progress,
    )
    state = latest_state(folder / "trainer", processes()) if resume else None
    trainer.train(resume_from_checkpoint=None if state is None else str(state))
    # Thresholds and calibration are for the weights as they are saved, not under the trainer's mixed precision.
    model = trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    logits = None
    if rows.validation is not None:
        logits = predict_logits(model, tokenizer, rows.validation["text"].tolist(), preset.max_length)
    return Fitted(model, tokenizer, trainer.state.log_history, logits)


def _start_from(model: ToxicityModel, init: str | Path) -> None:
    source = load_checkpoint(init)
    try:
        model.load_state_dict(source.model.state_dict())
    except (RuntimeError, AttributeError) as error:
        raise InputError(f"{init}: its pooling, head or encoder is not this recipe's; start from another") from error


def write_checkpoint(out: Path, fitted: Fitted, run: dict, rows: TrainingRows | StreamedRows, task: Task) -> None:
    """Write the checkpoint folder: weights, tokenizer, labels, calibration, thresholds, record."""
    labels = task.labels
    calibration = Calibration.identity(labels, task.exclusive)
    thresholds = np.full(len(labels), 1 / len(labels) if task.exclusive else 0.5)
    model, tokenizer, _, logits = fitted
    if logits is not None:
        truth = targets(rows.validation, labels)
        probs = to_probs(logits, task.exclusive)
        calibration = fit_calibration(truth, logits, "softmax" if task.exclusive else "platt", labels=labels)
        thresholds = (tune_class_thresholds if task.exclusive else tune_thresholds)(truth, probs, labels=labels)
        calibrated = calibration.apply(logits)
        found = evaluate_probs(truth, probs, thresholds, calibrated, labels=labels, exclusive=task.exclusive)
        run = run | {"validation": found.to_dict()}
    with atomic_path(out) as folder:
        folder.mkdir()
        if isinstance(model, TfidfModel | StackModel):
            model.save(folder)
        else:
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            # safetensors makes a file that no other user can read.
            (folder / "model.safetensors").chmod((folder / "config.json").stat().st_mode)
        write_json(folder / LABELS_FILE, list(labels))
        write_json(folder / CALIBRATION, calibration.to_dict())
        write_json(folder / THRESHOLDS, dict(zip(labels, thresholds.tolist(), strict=True)))
        write_json(folder / RUN, run)
