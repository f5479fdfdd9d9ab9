"""The weights a language model starts from: fresh ones, or those of another, word by word."""

from pathlib import Path
from typing import NamedTuple

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from toxres.checkpoint import RUN
from toxres.data.documents import special_ids
from toxres.errors import InputError
from toxres.files import read_json
from toxres.models.awd_lstm import AwdLstmConfig, AwdLstmForCausalLM
from toxres.training.language_config import LanguageModelConfig

FAMILY = "language_model"
"""What the record of a language model's run says it is."""


class Start(NamedTuple):
    """A language model to go on from.

    Attributes:
        path: Its folder.
        words: Its vocabulary, ids by word.
        tokenizer: The tokenizer to go on with.
        record: `key` and `config` of its run.
    """

    path: Path
    words: dict[str, int]
    tokenizer: PreTrainedTokenizerBase
    record: dict


def load_start(path: str | Path, tokenizer: PreTrainedTokenizerBase | None, config: LanguageModelConfig) -> Start:
    """Read what there is to know of a language model before its weights.

    Args:
        path: Its folder.
        tokenizer: The one to go on with; None is its own.
        config: Must have its sizes.

    Raises:
        InputError: It is no language model of ours, or has other sizes.
    """
    path = Path(path)
    try:
        run = read_json(path / RUN)
        record = {name: run[name] for name in ("key", "config", "corpus")}
        own = AutoTokenizer.from_pretrained(path)
    except Exception as error:
        reason = type(error).__name__
        raise InputError(f"{path}: is no language model ({reason}); give a folder of train_language_model") from error
    for field in ("embedding_size", "lstm_size", "layers"):
        if record["config"][field] != getattr(config, field):
            raise InputError(
                f"{path}: {field} is {record['config'][field]}, not {getattr(config, field)}; use the same sizes"
            )
    return Start(path, own.get_vocab(), tokenizer or own, record)


def new_model(
    tokenizer: PreTrainedTokenizerBase, config: LanguageModelConfig, start: Start | None = None
) -> AwdLstmForCausalLM:
    """A language model for a tokenizer, with fresh weights (seeded by torch's generator) or those of `start`.

    Raises:
        InputError: The tokenizer has no token for a text's beginning or end, or a dropout is out of range.
    """
    begin, end = special_ids(tokenizer)
    try:
        settings = AwdLstmConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.embedding_size,
            lstm_size=config.lstm_size,
            num_hidden_layers=config.layers,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=begin,
            eos_token_id=end,
            **config.dropouts,
        )
    except ValueError as error:
        raise InputError(f"{config.name}: {error}") from error
    model = AwdLstmForCausalLM(settings)
    if start is not None:
        _take_over(model, AwdLstmForCausalLM.from_pretrained(start.path), start.words, tokenizer.get_vocab())
    return model


@torch.no_grad()
def _take_over(model: AwdLstmForCausalLM, old: AwdLstmForCausalLM, words: dict[str, int], new: dict[str, int]) -> None:
    """Copy the LSTMs, and the embedding and bias of each word; a word that is new gets the mean of the old ones."""
    model.encoder.layers.load_state_dict(old.encoder.layers.state_dict())
    for target, source in ((model.decoder.weight, old.decoder.weight), (model.decoder.bias, old.decoder.bias)):
        target.copy_(source.mean(dim=0).expand_as(target))
        known = [(index, words[word]) for word, index in new.items() if word in words]
        rows, columns = (torch.tensor(ids, dtype=torch.long) for ids in zip(*known, strict=True))
        target[rows] = source[columns]
