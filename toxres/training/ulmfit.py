"""The first steps of ULMFiT: a vocabulary and a language model learned from the comments' own words."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from toxres.checkpoint import RUN
from toxres.config import Preset, Recipe
from toxres.data.documents import Corpus, open_corpus
from toxres.errors import InputError
from toxres.files import read_json
from toxres.models.sentencepiece_training import train_sentencepiece
from toxres.training.language_config import fine_tuning, get_language_config
from toxres.training.language_model import train_language_model


def learn_language(
    recipe: Recipe,
    preset: Preset,
    texts: Sequence[str],
    out: str | Path,
    *,
    seed: int = 0,
    corpus: Corpus | None = None,
    init: str | Path | None = None,
    validation: Sequence[str] | None = None,
    resume: bool = False,
    replace: bool = False,
    progress: bool = True,
) -> Path:
    """Learn a vocabulary and a language model from comments, or let an existing language model go on with them.

    Args:
        recipe: Its `normalisation` is the tokenizer's.
        preset: Size of the language model and, at most, of its vocabulary, which is smaller where the text is short.
        texts: Comments; may be none where there is a corpus.
        out: The language model's folder.
        seed: Of vocabulary, weights and order.
        corpus: Further texts, of any amount: see `train_language_model`.
        init: A language model to go on from, with its vocabulary; None learns both from nothing.
        validation: Held-out texts; their perplexity is in the record.
        resume: Go on with an interrupted run.
        replace: Replace what another run left at `out`.
        progress: Show a progress bar.

    Returns:
        The folder `out`.

    Raises:
        InputError: Too little text for the vocabulary or the model, or `out` or `init` does not fit.
    """
    together = texts if corpus is None else lambda: itertools.chain(texts, open_corpus(corpus))

    config = get_language_config(preset.language_model)
    tokenizer = None
    if init is None:
        tokenizer = train_sentencepiece(
            open_corpus(together), preset.vocab_size, normalisation=recipe.normalisation, seed=seed, at_most=True
        )
    else:
        config = fine_tuning(config, epochs=max(1, config.epochs // 2))
    return train_language_model(
        together, tokenizer, config, out,
        seed=seed, resume=resume, replace=replace, init=init, validation=validation, progress=progress,
    )  # fmt: skip


def describe_language_model(folder: str | Path) -> dict:
    """What the description of a classifier's run says about the language model it starts from.

    Raises:
        InputError: There is no language model in the folder.
    """
    try:
        record = read_json(Path(folder) / RUN)
        return {name: record[name] for name in ("key", "config", "vocabulary")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: is no language model; name a folder that `toxres pretrain` wrote") from error
