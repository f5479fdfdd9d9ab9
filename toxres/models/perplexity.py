"""How well a language model predicts held-out text."""

import itertools
import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from transformers import PreTrainedTokenizerBase

from toxres.data.documents import Pieces, encode_pieces, text_pieces
from toxres.errors import InputError
from toxres.models.awd_lstm import AwdLstmForCausalLM
from toxres.models.softmax import token_losses

BLOCK = 2_048
"""Pieces of text that are sorted by length at a time."""

ROWS = 64
STEPS = 128


class Perplexity(NamedTuple):
    """How well held-out text was predicted; each text was read from a fresh state.

    A text beyond `documents.PIECE` characters is read in pieces, and the first token of each later piece is not scored.

    Figures for a token compare models of one vocabulary. Those for a word, a character and a byte are of the text as it
    was written, so that they compare models of different vocabularies; but a normalising tokenizer, or one with
    unknown tokens, predicts less than was written. The end of each text counts as one more word, character and byte.

    Attributes:
        per_token: Perplexity of a token, exp of the mean loss.
        per_word: Perplexity of a word between white space.
        bits_per_character: Bits it takes to tell a Unicode character.
        bits_per_byte: Bits it takes to tell a byte of UTF-8.
        nats: Loss of all the text.
        tokens: Tokens predicted.
        unknown: Share of them that are the tokenizer's unknown token.
        texts: Texts, empty ones left out.
        words: Words in them.
        characters: Characters in them.
        bytes: Bytes in them.
    """

    per_token: float
    per_word: float
    bits_per_character: float
    bits_per_byte: float
    nats: float
    tokens: int
    unknown: float
    texts: int
    words: int
    characters: int
    bytes: int


class _Count:
    def __init__(self) -> None:
        self.texts = self.words = self.characters = self.bytes = 0

    def watch(self, pieces: Pieces) -> Pieces:
        for piece in pieces:
            self.texts += piece.last
            self.words += len(piece.text.split())
            self.characters += len(piece.text)
            self.bytes += len(piece.text.encode("utf-8", "replace"))
            yield piece


def perplexity(
    model: AwdLstmForCausalLM, tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], name: str = "held-out text"
) -> Perplexity:
    """Score held-out texts.

    Args:
        model: A language model; it is in its own mode again afterwards.
        tokenizer: The model's.
        texts: Any number; they are read as a stream, and a long one in pieces.
        name: What an error calls them.

    Raises:
        InputError: There is no text, or something that is no text.
    """
    count, nats, tokens, unknown = _Count(), 0.0, 0, 0
    pieces = count.watch(text_pieces(texts, name))
    training = model.training
    model.eval()
    try:
        for encoded in _blocks(encode_pieces(pieces, tokenizer)):
            for start in range(0, len(encoded), ROWS):
                nats += _nats(model, encoded[start : start + ROWS])
            tokens += sum(len(ids) - 1 for ids in encoded)
            unknown += sum(ids[1:].count(tokenizer.unk_token_id) for ids in encoded)
    finally:
        model.train(training)
    if not tokens:
        raise InputError(f"{name}: holds no text; give it some")
    texts_read = count.texts
    return Perplexity(
        per_token=_exp(nats / tokens),
        per_word=_exp(nats / (count.words + texts_read)),
        bits_per_character=nats / math.log(2) / (count.characters + texts_read),
        bits_per_byte=nats / math.log(2) / (count.bytes + texts_read),
        nats=nats,
        tokens=tokens,
        unknown=unknown / tokens,
        texts=texts_read,
        words=count.words,
        characters=count.characters,
        bytes=count.bytes,
    )


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def _blocks(encoded: Iterable[list[int]]) -> Iterable[list[list[int]]]:
    """Blocks of documents, the longest first in each; a document of one token predicts nothing and is left out."""
    stream = (ids for ids in encoded if len(ids) > 1)
    while block := list(itertools.islice(stream, BLOCK)):
        yield sorted(block, key=len, reverse=True)


@torch.inference_mode()
def _nats(model: AwdLstmForCausalLM, rows: list[list[int]]) -> float:
    """Loss of some documents, read side by side, `STEPS` tokens at a time."""
    width, device = len(rows[0]), model.device
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    lengths = torch.tensor([len(row) for row in rows])
    for row, values in enumerate(rows):
        ids[row, : len(values)] = torch.tensor(values)
    ids = ids.to(device)
    real = (torch.arange(width) < lengths[:, None]).to(device)
    total, state = 0.0, None
    for start in range(0, width - 1, STEPS):
        end = min(start + STEPS, width - 1)
        output = model.encoder(ids[:, start:end], state=state)
        state, counted = output.state, real[:, start + 1 : end + 1]
        hidden, targets = output.last_hidden_state[counted], ids[:, start + 1 : end + 1][counted]
        losses = token_losses(hidden, model.decoder.weight, model.decoder.bias, targets)
        total += losses.double().sum().item()
    return total
