"""`train`: from comments to a checkpoint folder, resumable and never half-written."""

import contextlib
import dataclasses
import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

from toxres.checkpoint import RUN, load_checkpoint
from toxres.config import Preset, Recipe, get_preset, get_recipe
from toxres.data import targets
from toxres.data.documents import Corpus
from toxres.data.sources import is_beside
from toxres.data.splits import TEST_FOLD, VALIDATION_FOLD
from toxres.errors import InputError
from toxres.files import need_writable, read_json
from toxres.models.tfidf import TfidfModel
from toxres.tasks import task_of
from toxres.training.fitting import Fitted, fit, processes, write_checkpoint
from toxres.training.multiview import fit_multiview, has_members
from toxres.training.precision import describe_device
from toxres.training.record import describe_run, provenance
from toxres.training.rows import select_rows
from toxres.training.states import latest_state
from toxres.training.stream_inputs import has_inputs, stream_inputs, streaming_tokenizer
from toxres.training.streamed import select_streamed
from toxres.training.ulmfit import describe_language_model, learn_language
from toxres.training.work import claimed, has_key


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
    stream: bool = False,
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
        stream: Read the sources once, row by row, and train from a file of tokens that is mapped into memory, so that
            millions of comments fit (see `select_streamed` for what differs). The file is in `<out>.stream`, which is
            removed when the run ends; an interrupted one goes on with it.
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
    if stream:
        tokenizer = streaming_tokenizer(recipe, preset, language_model)
        place = out.with_name(out.name + ".stream")
        inputs = stream_inputs(
            (recipe, preset, seed, None if init is None else load_checkpoint(init).run["key"]),
            (sources, preset, seed, test_fold, validation_fold, held_out, task, decisions, tokenizer),
        )
        if taken and has_inputs(out, inputs):
            return out
        if taken and not replaceable:
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
        if taken and not stream:
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
            save_steps=save_steps, stream=stream, progress=progress,
        )  # fmt: skip
    if stream:
        rows = select_streamed(
            sources, preset, seed, test_fold, validation_fold, held_out, task, decisions, tokenizer, place, progress
        )
    else:
        rows = select_rows(sources, preset, seed, test_fold, validation_fold, held_out, task=task, decisions=decisions)
    initial = None if init is None else initial_run(load_checkpoint(init).run)
    description = describe_run(recipe, preset, rows, seed, test_fold, validation_fold, initial, learned)
    if stream:
        description["stream"] = {"inputs": inputs}
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
                fitted = fit(recipe, preset, encoder, rows, seed, partial, resume, init, save_steps, progress)
            if leader:
                seconds = round(time.monotonic() - started, 1)
                description |= {"seconds": seconds, **provenance(), "history": fitted.history}
                if recipe.family == "transformer":
                    description["device"] = describe_device(preset)
                write_checkpoint(out, fitted, description, rows, task)
        except BaseException:
            resumable = latest_state(partial / "trainer", processes()) is not None or has_members(partial)
            if leader and not resumable:
                shutil.rmtree(partial, ignore_errors=True)
                if stream:
                    shutil.rmtree(place, ignore_errors=True)
            raise
        if leader:
            shutil.rmtree(partial)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
    if stream and leader:
        shutil.rmtree(place)
    return out


def _is_run_of(folder: Path, recipe: Recipe, preset: Preset, seed: int) -> bool:
    """Whether a folder holds a run of these settings, as far as can be said before any comment is read."""
    wanted = {"recipe": recipe.to_dict(), "preset": preset.to_dict(), "seed": seed}
    wanted = json.loads(json.dumps(wanted))
    try:
        run = read_json(folder / RUN)
        return all(run[key] == value for key, value in wanted.items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _need_one_process(recipe: Recipe) -> None:
    """Raises InputError where several processes would learn one language model."""
    if processes() > 1:
        raise InputError(
            f"recipe {recipe.name!r}: a language model is learned in one process; make one with `toxres pretrain` and "
            "name it with --language-model"
        )


def initial_run(run: dict) -> dict:
    """What the description of a run says about the run whose weights it starts from."""
    return {key: run[key] for key in ("key", "recipe", "sources")}
