"""`train`: from comments to a checkpoint folder, resumable and never half-written."""

import contextlib
import dataclasses
import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
import transformers

from toxres.checkpoint import CALIBRATION, LABELS_FILE, RUN, THRESHOLDS, load_checkpoint
from toxres.config import Preset, Recipe, get_preset, get_recipe
from toxres.data import targets
from toxres.data.batching import CommentDataset
from toxres.data.documents import Corpus
from toxres.data.sources import is_beside
from toxres.data.splits import TEST_FOLD, VALIDATION_FOLD
from toxres.errors import InputError
from toxres.evaluation.arrays import to_probs
from toxres.evaluation.calibration import Calibration, fit_calibration
from toxres.evaluation.metrics import evaluate_probs
from toxres.evaluation.thresholds import tune_class_thresholds, tune_thresholds
from toxres.files import atomic_path, need_writable, read_json, write_json
from toxres.models import ToxicityModel, build_loss, loss_weights
from toxres.models.predict import predict_logits
from toxres.models.stack import StackModel
from toxres.models.tfidf import TfidfModel
from toxres.tasks import Task, task_of
from toxres.training.layers import freeze
from toxres.training.multiview import fit_multiview, has_members
from toxres.training.record import describe_run, provenance
from toxres.training.rows import TrainingRows, select_rows
from toxres.training.states import latest_state
from toxres.training.trainer import build_trainer
from toxres.training.ulmfit import describe_language_model, learn_language
from toxres.training.work import claimed, has_key


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


def train(
    recipe: str | Recipe,
    sources: str | Sequence[str],
    preset: str | Preset | None = None,
    seed: int = 0,
    out: str | Path = "build/checkpoints/run",
    *,
    resume: bool = False,
    replace: bool = False,
    test_fold: int | None = TEST_FOLD,
    validation_fold: int | None = VALIDATION_FOLD,
    held_out: Sequence[str] = (),
    init: str | Path | None = None,
    language_model: str | Path | None = None,
    corpus: Corpus | None = None,
    decisions: pd.DataFrame | None = None,
    save_steps: int | None = None,
    progress: bool = True,
) -> Path:
    """Train a recipe and write a checkpoint folder.

    A finished run of the same description at `out` is returned as it is. A preset with `epochs_auxiliary` trains first
    on all sources but the first, then on the first and what is `beside` it (see `toxres.data.sources.Source`). A
    recipe with a language model first learns one from the training comments of all sources, in `<out>.language_model`.

    Args:
        recipe: A recipe or its name.
        sources: Names of sources or CSV files in Kaggle's format, the most important first.
        preset: A preset or its name; None takes `TOXRES_PRESET`, else "quick".
        seed: Of weights, the order of comments and dropout.
        out: The checkpoint folder to write. Work in progress stands beside it, in `<out>.partial`.
        resume: Go on with an interrupted run in `<out>.partial`; it ends with the weights an unbroken run has.
        replace: Replace what another run left at `out` or `<out>.partial`, instead of refusing.
        test_fold: Fold of the first source that is kept out.
        validation_fold: Fold of the first source on which the checkpoint is chosen and calibrated and thresholds are
            tuned; None trains on it too, keeps the last weights and leaves thresholds at 0.5.
        held_out: Sources of which no comment may be trained on.
        init: A checkpoint to start from, with the same pooling and head.
        language_model: For recipes with one: a finished language model to take as it is, instead of learning one.
        corpus: For recipes with one: further texts without labels to learn it from.
        decisions: Further labelled comments, in the schema of `toxres.data.schema`, all of which are trained on beside
            the first source: what moderators decided.
        save_steps: Save a state to resume from every so many steps, then keep the last weights; None saves after each
            epoch and keeps the best by validation.
        progress: Show progress bars.

    Returns:
        The checkpoint folder.

    Raises:
        InputError: Unknown names, unusable data, data without the task's targets, or `out` holds something else or
            cannot be written.
    """
    recipe = get_recipe(recipe) if isinstance(recipe, str) else recipe
    if recipe.family == "spans":
        raise InputError(f"recipe {recipe.name!r}: marks spans and scores no comment; train it with train_spans")
    preset = preset if isinstance(preset, Preset) else get_preset(preset)
    sources = [sources] if isinstance(sources, str) else list(sources)
    task = task_of(recipe)
    out = Path(out)
    need_writable(out, folder=True)
    partial = out.with_name(out.name + ".partial")
    if preset.split == "90/10":
        test_fold = validation_fold = None
    taken = out.exists() or out.is_symlink()
    replaceable = replace and (out / RUN).is_file()
    refusal = f"{out}: exists and is no finished run of these settings; remove it or choose another --out"
    if taken and not replaceable and not _is_run_of(out, recipe, preset, seed):
        raise InputError(refusal)
    if not recipe.language_model and (language_model is not None or corpus is not None):
        raise InputError(f"recipe {recipe.name!r} has no language model; leave language_model and corpus out")
    learned = None
    if recipe.language_model:
        own = out.with_name(out.name + ".language_model")
        if language_model is None and taken and not replaceable and not own.exists():
            learned = read_json(out / RUN).get("language_model")
        else:
            if language_model is None:
                _need_one_process(recipe)
                words = select_rows(
                    sources, preset, seed, test_fold, validation_fold, held_out, task=task, decisions=decisions
                )
                language_model = learn_language(
                    recipe, preset, words.train["text"].tolist(), own, seed=seed, corpus=corpus,
                    validation=None if words.validation is None else words.validation["text"].tolist(),
                    resume=resume, replace=replace, progress=progress,
                )  # fmt: skip
            learned = describe_language_model(language_model)
    auxiliary = sources[1:]
    others = [name for name in auxiliary if not is_beside(name)]
    if preset.epochs_auxiliary and others and init is None and recipe.family == "transformer":
        first = dataclasses.replace(
            preset, epochs=preset.epochs_auxiliary, epochs_auxiliary=0, max_rows=preset.max_rows_auxiliary
        )
        sources = [name for name in sources if name not in others]
        if taken:
            # A finished run is returned even if its first stage is gone: what that was can be told without it.
            fold = None if preset.split == "90/10" else TEST_FOLD
            rows = select_rows(auxiliary, first, seed, fold, None, sources[:1], task=task)
            initial = initial_run(describe_run(recipe, first, rows, seed, fold, None, None, learned))
            rows = select_rows(
                sources, preset, seed, test_fold, validation_fold, held_out, task=task, decisions=decisions
            )
            description = describe_run(recipe, preset, rows, seed, test_fold, validation_fold, initial, learned)
            if has_key(out, description["key"]):
                return out
        init = train(
            recipe, auxiliary, first, seed, out.with_name(out.name + ".auxiliary"), resume=resume,
            replace=replace, validation_fold=None, held_out=sources[:1], language_model=language_model,
            save_steps=save_steps, progress=progress,
        )  # fmt: skip
    rows = select_rows(sources, preset, seed, test_fold, validation_fold, held_out, task=task, decisions=decisions)
    initial = None if init is None else initial_run(load_checkpoint(init).run)
    description = describe_run(recipe, preset, rows, seed, test_fold, validation_fold, initial, learned)
    if taken and has_key(out, description["key"]):
        return out
    if taken and not replaceable:
        raise InputError(refusal)
    leader = os.environ.get("RANK", "0") == "0"
    claim = claimed(partial, description, resume=resume, replace=replace) if leader else contextlib.nullcontext()
    with claim:
        started = time.monotonic()
        try:
            if recipe.family != "transformer":
                if recipe.family == "stack":
                    model = fit_multiview(preset, rows, seed, partial, progress).model
                else:
                    model = TfidfModel().fit(rows.train["text"].tolist(), targets(rows.train, rows.labels))
                logits = None if rows.validation is None else model.predict_logits(rows.validation["text"].tolist())
                fitted = Fitted(model, None, [], logits)
            else:
                encoder = preset.encoder if language_model is None else str(language_model)
                fitted = _fit(recipe, preset, encoder, rows, seed, partial, resume, init, save_steps, progress)
            if leader:
                seconds = round(time.monotonic() - started, 1)
                description |= {"seconds": seconds, **provenance(), "history": fitted.history}
                _write(out, fitted, description, rows, task)
        except BaseException:
            resumable = latest_state(partial / "trainer", _processes()) is not None or has_members(partial)
            if leader and not resumable:
                shutil.rmtree(partial, ignore_errors=True)
            raise
        if leader:
            shutil.rmtree(partial)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
    return out


def _is_run_of(folder: Path, recipe: Recipe, preset: Preset, seed: int) -> bool:
    """Whether a folder holds a run of these settings, as far as can be said before any comment is read."""
    wanted = {"recipe": recipe.to_dict(), "preset": dataclasses.asdict(preset), "seed": seed}
    wanted = json.loads(json.dumps(wanted))
    try:
        run = read_json(folder / RUN)
        return all(run[key] == value for key, value in wanted.items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _need_one_process(recipe: Recipe) -> None:
    """Raises InputError where several processes would learn one language model."""
    if _processes() > 1:
        raise InputError(
            f"recipe {recipe.name!r}: a language model is learned in one process; make one with `toxres pretrain` and "
            "name it with --language-model"
        )


def _processes() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def initial_run(run: dict) -> dict:
    """What the description of a run says about the run whose weights it starts from."""
    return {key: run[key] for key in ("key", "recipe", "sources")}


def _fit(
    recipe: Recipe,
    preset: Preset,
    encoder: str,
    rows: TrainingRows,
    seed: int,
    folder: Path,
    resume: bool,
    init: str | Path | None,
    save_steps: int | None,
    progress: bool,
) -> Fitted:
    """Train a transformer."""
    transformers.set_seed(seed)
    model, tokenizer = ToxicityModel.from_recipe(recipe, encoder, preset.dropout)
    tokenizer.model_max_length = preset.max_length
    train_targets = torch.tensor(targets(rows.train, rows.labels))
    if init is not None:
        _start_from(model, init)
    elif preset.prior_bias:
        model.set_prior(torch.nanmean(train_targets, dim=0))
    if not recipe.language_model:
        if not torch.cuda.is_available():
            model.set_attn_implementation("eager")
        freeze(model, preset)

    def dataset(frame):
        return CommentDataset(frame["text"].tolist(), tokenizer, preset.max_length, targets(frame, rows.labels))

    trainer = build_trainer(
        model,
        recipe,
        preset,
        dataset(rows.train),
        None if rows.validation is None else dataset(rows.validation),
        build_loss(recipe, loss_weights(recipe, train_targets)),
        tokenizer.pad_token_id,
        folder / "trainer",
        seed,
        save_steps,
        progress,
    )
    state = latest_state(folder / "trainer", _processes()) if resume else None
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


def _write(out: Path, fitted: Fitted, run: dict, rows: TrainingRows, task: Task) -> None:
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
