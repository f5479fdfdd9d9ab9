"""`train_language_model`: from any amount of text to a language model's folder, resumable and never half-written."""

import dataclasses
import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase, set_seed

from toxres.checkpoint import RUN
from toxres.data.documents import Corpus, encode_pieces, open_corpus, text_pieces
from toxres.errors import InputError
from toxres.files import atomic_path, need_writable, write_json
from toxres.models.perplexity import Perplexity, perplexity
from toxres.training.bptt import BpttTraining, saved_states
from toxres.training.language_config import LanguageModelConfig
from toxres.training.language_start import FAMILY, Start, load_start, new_model
from toxres.training.record import provenance
from toxres.training.work import claimed, has_key

STATES = "states"

__all__ = ["Perplexity", "perplexity", "train_language_model"]


def train_language_model(
    corpus: Corpus,
    tokenizer: PreTrainedTokenizerBase | None,
    config: LanguageModelConfig,
    out: str | Path,
    *,
    seed: int = 0,
    resume: bool = False,
    replace: bool = False,
    init: str | Path | None = None,
    validation: Sequence[str] | None = None,
    save_steps: int = 500,
    progress: bool = True,
) -> Path:
    """Train a language model on unlabelled texts and write its folder.

    The corpus is read once to count and hash its tokens, then once an epoch, and never held in memory. A finished run
    of the same description at `out` is returned as it is. The last weights are kept: the schedule ends with its
    lowest learning rate.

    Args:
        corpus: A list of texts, or a function that begins to read them anew, always in the same order.
        tokenizer: A fast tokenizer; None takes that of `init`.
        config: Size and optimiser.
        out: The folder to write: configuration, weights, tokenizer, `run.json`. Work in progress stands beside it, in
            `<out>.partial`.
        seed: Of weights, order and dropout.
        resume: Go on with an interrupted run in `<out>.partial`; it ends with the weights an unbroken run has.
        replace: Replace what another run left at `out` or `<out>.partial`, instead of refusing.
        init: A language model of the same size to go on from. Words its vocabulary does not have start at the mean
            of its embeddings (Howard and Ruder 2018, section 3.2, as published in code).
        validation: Held-out texts; their perplexity after each epoch is in the record.
        save_steps: Save a state to resume from every so many steps, and after each epoch.
        progress: Show a progress bar.

    Returns:
        The folder.

    Raises:
        InputError: No text or too little, a tokenizer or `init` that does not fit, `out` holds something else or
            cannot be written, or the training diverged.
    """
    out = Path(out)
    need_writable(out, folder=True)
    taken = out.exists() or out.is_symlink()
    refusal = f"{out}: exists and is no finished run of these settings; remove it or choose another --out"
    if taken and not (out / RUN).is_file():
        raise InputError(refusal)
    start = None if init is None else load_start(init, tokenizer, config)
    tokenizer = start.tokenizer if start is not None else tokenizer
    if tokenizer is None:
        raise InputError("tokenizer: is missing; give one, or a language model to go on from")
    description = _describe(corpus, tokenizer, config, seed, start, validation)
    if taken and has_key(out, description["key"]):
        return out
    if taken and not replace:
        raise InputError(refusal)
    partial = out.with_name(out.name + ".partial")
    with claimed(partial, description, resume=resume, replace=replace):
        started = time.monotonic()
        try:
            set_seed(seed)
            model = new_model(tokenizer, config, start)
            tokens = description["corpus"]["tokens"]
            run = BpttTraining(model, tokenizer, config, tokens, seed, partial / STATES, save_steps)
            run.fit(corpus, validation, progress)
            seconds = round(time.monotonic() - started, 1)
            record = description | {"seconds": seconds, **provenance(), "history": run.history}
            with atomic_path(out) as folder:
                model.save_pretrained(folder)
                tokenizer.save_pretrained(folder)
                write_json(folder / RUN, record)
        except BaseException as error:
            if isinstance(error, InputError) or not saved_states(partial / STATES):
                shutil.rmtree(partial, ignore_errors=True)
            raise
        shutil.rmtree(partial)
    return out


def _describe(
    corpus: Corpus,
    tokenizer: PreTrainedTokenizerBase,
    config: LanguageModelConfig,
    seed: int,
    start: Start | None,
    validation: Sequence[str] | None,
) -> dict:
    """What defines a run: the same description trains the same model. Its digest is in `key`."""
    vocabulary = json.dumps(sorted(tokenizer.get_vocab().items()), ensure_ascii=True)
    defining = {
        "family": FAMILY,
        "config": dataclasses.asdict(config),
        "corpus": _survey(open_corpus(corpus), tokenizer, "corpus"),
        "validation": None if validation is None else _survey(validation, tokenizer, "validation"),
        "vocabulary": {"size": len(tokenizer), "sha256": hashlib.sha256(vocabulary.encode()).hexdigest()},
        "seed": seed,
        "initial": None if start is None else start.record,
    }
    pieces, rows = defining["corpus"]["pieces"], config.batch_size
    if pieces < rows:
        raise InputError(
            f"corpus: {pieces} texts are too few for batch_size {rows}; give more text or a smaller batch_size"
        )
    return {"key": hashlib.sha256(json.dumps(defining, sort_keys=True).encode()).hexdigest()[:16], **defining}


def _survey(texts: Iterable[str], tokenizer: PreTrainedTokenizerBase, name: str) -> dict:
    """Count what is to be read and hash the tokens.

    Raises:
        InputError: There is no text, or something that is no text.
    """
    digest, count = hashlib.sha256(), dict.fromkeys(("texts", "pieces", "tokens"), 0)

    def counted():
        for piece in text_pieces(texts, name):
            count["texts"] += piece.last
            count["pieces"] += 1
            yield piece

    for ids in encode_pieces(counted(), tokenizer):
        count["tokens"] += len(ids)
        digest.update(np.array(ids, dtype="<u4").tobytes())
    if not count["texts"]:
        raise InputError(f"{name}: holds no text; give it some")
    return count | {"sha256": digest.hexdigest()}
