"""`adapt_encoder`: from any amount of unlabelled text to an adapted encoder's folder, resumable, never half-written."""

import copy
import dataclasses
import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from transformers import set_seed

from toxres.checkpoint import RUN
from toxres.data.documents import Corpus, open_corpus, text_pieces
from toxres.errors import InputError
from toxres.files import atomic_path, need_writable, write_json
from toxres.models.awd_lstm import AwdLstmConfig
from toxres.models.encoders import Encoder, load_encoder
from toxres.training.bptt import saved_states
from toxres.training.masked_training import MaskedConfig, MaskedTraining, masked_config, text_windows
from toxres.training.record import provenance
from toxres.training.work import claimed, has_key

FAMILY = "masked_language_model"
"""What the record of an adapted encoder's run says it is."""

STATES = "states"

__all__ = ["FAMILY", "MaskedConfig", "adapt_encoder", "masked_config"]


class Survey(NamedTuple):
    """What is to be read.

    Attributes:
        record: Texts, windows, tokens and a digest of these, for `run.json`.
        counts: How often each token of the vocabulary occurs (V).
    """

    record: dict
    counts: torch.Tensor


def adapt_encoder(
    corpus: Corpus,
    encoder: str,
    config: MaskedConfig,
    out: str | Path,
    *,
    seed: int = 0,
    resume: bool = False,
    replace: bool = False,
    validation: Sequence[str] | None = None,
    save_steps: int = 200,
    progress: bool = True,
) -> Path:
    """Let a transformer encoder go on with masked language modelling on unlabelled texts, and write its folder.

    Gururangan et al. 2020 ("Don't Stop Pretraining") call it domain- or task-adaptive pretraining. The head that
    guesses the hidden tokens starts fresh (weights that a folder may ship for one are not read) above the encoder's own
    word embeddings, and is thrown away. The corpus is read once to count and hash its tokens, then once an epoch, and
    never held in memory. A finished run of the same description at `out` is returned as it is.

    Args:
        corpus: A list of texts, or a function that begins to read them anew, always in the same order.
        encoder: As in `load_encoder`.
        config: Windows and optimiser.
        out: The folder to write: configuration, weights, tokenizer, `run.json`. `load_encoder` and
            `toxres train --encoder` take it. Work in progress stands beside it, in `<out>.partial`.
        seed: Of the head, the order of the texts and the choice of tokens.
        resume: Go on with an interrupted run in `<out>.partial`; it ends with the weights an unbroken run has.
        replace: Replace what another run left at `out` or `<out>.partial`, instead of refusing.
        validation: Held-out texts; their masked perplexity before training (by a fresh head, which knows how frequent
            each token is and nothing of context) and after each epoch is in the record.
        save_steps: Save a state to resume from every so many steps, and after each epoch.
        progress: Show a progress bar.

    Returns:
        The folder.

    Raises:
        InputError: No text, an encoder that can't be loaded or has no mask token, `out` holds something else or cannot
            be written, or the training diverged.
    """
    out = Path(out)
    need_writable(out, folder=True)
    taken = out.exists() or out.is_symlink()
    refusal = f"{out}: exists and is no finished run of these settings; remove it or choose another --out"
    if taken and not (out / RUN).is_file():
        raise InputError(refusal)
    set_seed(seed)
    loaded = _load(encoder, config)
    surveyed = _survey(open_corpus(corpus), loaded, config, "corpus")
    description = _describe(surveyed, loaded, config, seed, encoder, validation)
    if taken and has_key(out, description["key"]):
        return out
    if taken and not replace:
        raise InputError(refusal)
    partial = out.with_name(out.name + ".partial")
    with claimed(partial, description, resume=resume, replace=replace):
        started = time.monotonic()
        try:
            run = MaskedTraining(loaded, config, surveyed.counts, seed, partial / STATES, save_steps)
            run.fit(corpus, validation, progress)
            seconds = round(time.monotonic() - started, 1)
            record = description | {"seconds": seconds, **provenance(), "history": run.history}
            with atomic_path(out) as folder:
                loaded.model.to("cpu").save_pretrained(folder)
                loaded.tokenizer.save_pretrained(folder)
                # safetensors makes a file that no other user can read.
                (folder / "model.safetensors").chmod((folder / "config.json").stat().st_mode)
                write_json(folder / RUN, record)
        except BaseException as error:
            if isinstance(error, InputError) or not saved_states(partial / STATES):
                shutil.rmtree(partial, ignore_errors=True)
            raise
        shutil.rmtree(partial)
    return out


def _load(name: str, config: MaskedConfig) -> Encoder:
    """The encoder, if it is one that can be adapted."""
    loaded = load_encoder(name)
    if loaded.model.config.model_type == AwdLstmConfig.model_type:
        raise InputError(f"encoder {name!r}: is an AWD-LSTM, which reads from left to right; name a transformer")
    if loaded.tokenizer.mask_token_id is None or loaded.tokenizer.pad_token_id is None:
        raise InputError(f"encoder {name!r}: its tokenizer has no mask or no padding token; take another encoder")
    longest = getattr(loaded.model.config, "max_position_embeddings", None)
    if longest is not None and config.max_length > longest:
        raise InputError(f"{config.name}: max_length is {config.max_length}; {name!r} reads at most {longest} tokens")
    return loaded


def _describe(
    surveyed: Survey, loaded: Encoder, config: MaskedConfig, seed: int, name: str, validation: Sequence[str] | None
) -> dict:
    """What defines a run: the same description adapts an encoder in the same way. Its digest is in `key`."""
    weights = hashlib.sha256()
    for key, tensor in sorted(loaded.model.state_dict().items()):
        weights.update(key.encode() + np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    defining = {
        "family": FAMILY,
        "config": dataclasses.asdict(config),
        "corpus": surveyed.record,
        "validation": None if validation is None else _survey(validation, loaded, config, "validation").record,
        "encoder_sha256": weights.hexdigest(),
        "seed": seed,
    }
    key = hashlib.sha256(json.dumps(defining, sort_keys=True).encode()).hexdigest()[:16]
    return {"key": key, "encoder": Path(name).name, **defining}


def _survey(texts: Iterable[str], loaded: Encoder, config: MaskedConfig, name: str) -> Survey:
    """Count what is to be read and hash the tokens.

    Raises:
        InputError: There is no text, or something that is no text.
    """
    digest, count = hashlib.sha256(), dict.fromkeys(("texts", "windows", "tokens"), 0)
    tokenizer = copy.deepcopy(loaded.tokenizer)
    counts = np.zeros(len(loaded.model.get_input_embeddings().weight), dtype=np.int64)

    def counted():
        for piece in text_pieces(texts, name):
            count["texts"] += piece.last
            yield piece

    for window in text_windows(counted(), tokenizer, config.max_length):
        ids = np.array(window.ids, dtype="<u4")
        count["windows"] += 1
        count["tokens"] += len(ids)
        np.add.at(counts, ids, 1)
        digest.update(ids.tobytes())
    if not count["windows"]:
        raise InputError(f"{name}: holds no text; give it some")
    return Survey(count | {"sha256": digest.hexdigest()}, torch.from_numpy(counts))
