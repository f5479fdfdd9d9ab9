"""`train_spans`: from posts whose toxic characters people marked to a checkpoint folder, resumable."""

import dataclasses
import functools
import hashlib
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
import transformers
from safetensors.torch import load_file, save

from toxres.allocator import keeping_memory
from toxres.checkpoint import CALIBRATION, LABELS_FILE, RUN, THRESHOLDS, load_checkpoint
from toxres.config import SPANS, Preset, get_preset
from toxres.data.marked import as_marks, char_targets
from toxres.errors import InputError
from toxres.evaluation.calibration import Calibration
from toxres.evaluation.rationales import SpanRule, character_f1s, mark_characters, tune_span_threshold
from toxres.files import atomic_path, need_writable, read_json, write_json
from toxres.models.encoders import Encoder
from toxres.models.losses import binary_cross_entropy, masked_mean
from toxres.models.span_reading import read_words
from toxres.models.spans import SpanModel
from toxres.tasks import SPANS as TASK
from toxres.training.layers import freeze
from toxres.training.record import describe_run, provenance
from toxres.training.run import initial_run
from toxres.training.span_rows import SpanCollator, SpanDataset, SpanRows, select_span_rows
from toxres.training.states import latest_state
from toxres.training.trainer import build_trainer
from toxres.training.work import claimed, has_key

EPOCHS = 2
"""Most passes over the posts, whatever the preset says: raters agree too little to be learned by heart."""

SCALES = ("absolute", "highest")
"""How words may be measured by the rule that is tuned: by their probability, or as a share of the post's highest."""

WEIGHTS = ".safetensors"
SEED_STEP = 1_000_003
PLAIN = SpanRule("absolute", 0.5, bridge=0)


def train_spans(
    sources: str | Sequence[str],
    preset: str | Preset | None = None,
    seed: int = 0,
    out: str | Path = "build/checkpoints/spans",
    *,
    init: str | Path | None = None,
    members: int = 1,
    resume: bool = False,
    replace: bool = False,
    save_steps: int | None = None,
    progress: bool = True,
) -> Path:
    """Train a span model and write a checkpoint folder.

    Every token learns the share of its characters that is marked, by binary cross-entropy. The rule that makes spans of
    the words' probabilities is the one with the highest character F1 on the first source's validation posts
    (`validation` in `run.json`). A finished run of the same description at `out` is returned as it is.

    Args:
        sources: Out of `toxres.data.marked.MARKED_SOURCES`, the most important first.
        preset: A preset or its name; None takes `TOXRES_PRESET`, else "quick". Of its epochs at most `EPOCHS` are made,
            and posts longer than its `max_length` are read in several windows.
        seed: Of the head, the order of posts and dropout.
        out: The checkpoint folder to write. Work in progress stands beside it, in `<out>.partial`.
        init: A checkpoint to start from, instead of the preset's encoder: a transformer classifier, of which the
            encoder is taken, with its dropout, or a span model.
        members: Runs from one start, which differ in the order of the posts and in dropout, whose weights are averaged
            (Wortsman et al. 2022, "Model soups").
        resume: Go on with an interrupted run in `<out>.partial`; it ends with the weights an unbroken run has.
        replace: Replace what another run left at `out` or `<out>.partial`, instead of refusing.
        save_steps: Save a state to resume from every so many steps; None saves after each epoch.
        progress: Show progress bars.

    Returns:
        The checkpoint folder.

    Raises:
        InputError: Unknown names, unusable data, no member, `init` is no transformer, or `out` holds something else or
            cannot be written.
    """
    if members < 1:
        raise InputError(f"members is {members}; give at least 1")
    preset = preset if isinstance(preset, Preset) else get_preset(preset)
    preset = dataclasses.replace(preset, epochs=min(preset.epochs, EPOCHS), epochs_auxiliary=0)
    sources, out = [sources] if isinstance(sources, str) else list(sources), Path(out)
    need_writable(out, folder=True)
    taken = out.exists() or out.is_symlink()
    refusal = f"{out}: exists and is no finished run of these settings; remove it or choose another --out"
    if taken and not (out / RUN).is_file():
        raise InputError(refusal)
    initial = None if init is None else initial_run(_checked_init(init).run)
    rows = select_span_rows(sources, preset, seed)
    description = describe_run(SPANS, preset, rows, seed, None, None, initial) | {"members": members}
    description["key"] = hashlib.sha256(f"{description['key']}-{members}".encode()).hexdigest()[:16]
    if taken and has_key(out, description["key"]):
        return out
    if taken and not replace:
        raise InputError(refusal)
    partial = out.with_name(out.name + ".partial")
    with claimed(partial, description, resume=resume, replace=replace):
        started = time.monotonic()
        try:
            fitted, history = _fit(preset, rows, seed, members, partial, init, save_steps, progress)
            validation = validate(fitted, preset.max_length, rows.validation)
            seconds = round(time.monotonic() - started, 1)
            record = description | {"seconds": seconds, **provenance(), "history": history, "validation": validation}
            _write(out, fitted, record)
        except BaseException:
            if not any(partial.glob(f"*{WEIGHTS}")) and latest_state(partial / "0.states") is None:
                shutil.rmtree(partial, ignore_errors=True)
            raise
        shutil.rmtree(partial)
    return out


def _checked_init(init: str | Path):
    """A checkpoint with an encoder to start from."""
    source = load_checkpoint(init)
    if source.run["recipe"]["family"] not in ("transformer", "spans") or source.run["recipe"].get("language_model"):
        raise InputError(f"{init}: {source.recipe} has no transformer encoder to start from; name another checkpoint")
    return source


@keeping_memory()
def _fit(
    preset: Preset,
    rows: SpanRows,
    seed: int,
    members: int,
    folder: Path,
    init: str | Path | None,
    save_steps: int | None,
    progress: bool,
) -> tuple[Encoder, list[list[dict]]]:
    """The trained model with its tokenizer, and each member's log; those in `folder` are not trained again."""
    fitted = _start(preset, seed, init)
    texts, marks = rows.train["text"].tolist(), rows.train["marks"].tolist()
    train = SpanDataset(texts, marks, fitted.tokenizer, preset.max_length)
    is_new = init is None or load_checkpoint(init).task != TASK
    histories, total = [], {}
    for number in range(members):
        weights, history, states = (folder / f"{number}{end}" for end in (WEIGHTS, ".json", ".states"))
        if not history.exists():
            model, tokenizer = _start(preset, seed, init)
            if preset.prior_bias and is_new:
                model.set_prior(train.prevalence())
            freeze(model, preset)
            trainer = build_trainer(
                model, SPANS, preset, train, None, functools.partial(masked_mean, binary_cross_entropy),
                tokenizer.pad_token_id, states, (seed + number * SEED_STEP) % (1 << 32), save_steps, progress,
                SpanCollator(tokenizer.pad_token_id),
            )  # fmt: skip
            state = latest_state(states)
            trainer.train(resume_from_checkpoint=None if state is None else str(state))
            model = trainer.accelerator.unwrap_model(model, keep_fp32_wrapper=False)
            learned = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
            with atomic_path(weights) as temporary:
                temporary.write_bytes(save(learned))
            write_json(history, trainer.state.log_history)
            shutil.rmtree(states)
        histories.append(read_json(history))
        for name, value in load_file(weights).items():
            total[name] = total.get(name, 0) + value / members
    fitted.model.load_state_dict(total)
    return fitted, histories


def _start(preset: Preset, seed: int, init: str | Path | None) -> Encoder:
    """A model before training, and its tokenizer; the same whenever it is asked for."""
    transformers.set_seed(seed)
    if init is None:
        model, tokenizer = SpanModel.from_encoder(preset.encoder, preset.dropout)
    else:
        source = _checked_init(init)
        model, tokenizer = source.model.to("cpu"), source.tokenizer
        if not isinstance(model, SpanModel):
            model = SpanModel.from_encoder(Encoder(model.encoder, tokenizer)).model
    if not torch.cuda.is_available():
        model.set_attn_implementation("eager")
    tokenizer.model_max_length = preset.max_length
    return Encoder(model, tokenizer)


def validate(fitted: Encoder, max_length: int, posts: pd.DataFrame) -> dict:
    """The rule that marks characters, tuned on validation posts, and what it is worth there.

    Args:
        fitted: The trained model and its tokenizer.
        max_length: Tokens of a window.
        posts: With `text` and `marks`; a character is toxic from a share of one half.

    Returns:
        `rule` (fields of `SpanRule`), `character_f1` by it, `character_f1_at_half` where every word of a probability of
        one half is marked, `posts`, and how many rules were `tried`.
    """
    texts = posts["text"].tolist()
    read = read_words(fitted.model, fitted.tokenizer, texts, max_length)
    gold = [
        [(start, end) for start, end, _ in as_marks(char_targets(text, marks) >= 0.5)]
        for text, marks in zip(texts, posts["marks"], strict=True)
    ]
    tuned = tune_span_threshold(read, gold, scales=SCALES, readings=("label",))
    plain = character_f1s([mark_characters(one, PLAIN) for one in read], gold)
    return {
        "rule": dataclasses.asdict(tuned.rule),
        "character_f1": tuned.f1,
        "character_f1_at_half": float(plain.mean()),
        "posts": tuned.posts,
        "tried": tuned.tried,
    }


def _write(out: Path, fitted: Encoder, run: dict) -> None:
    """Write the checkpoint folder: weights, tokenizer, label, threshold, record; nothing is recalibrated."""
    with atomic_path(out) as folder:
        folder.mkdir()
        fitted.model.to("cpu").save_pretrained(folder)
        fitted.tokenizer.save_pretrained(folder)
        # safetensors makes a file that no other user can read.
        (folder / "model.safetensors").chmod((folder / "config.json").stat().st_mode)
        write_json(folder / LABELS_FILE, list(TASK.labels))
        write_json(folder / CALIBRATION, Calibration.identity(TASK.labels, TASK.exclusive).to_dict())
        write_json(folder / THRESHOLDS, {TASK.labels[0]: min(run["validation"]["rule"]["threshold"], 1.0)})
        write_json(folder / RUN, run)
