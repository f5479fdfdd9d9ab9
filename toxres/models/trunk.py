"""An encoder cut in two: a frozen trunk that reads every comment once, and upper layers that are trained above it.

Where only the upper layers learn, the trunk's states of a comment never change, so they are computed once and kept: an
epoch then costs half, and five models above one trunk share its pass over a new comment.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from toxres.data.batching import CommentDataset, PadCollator
from toxres.errors import InputError
from toxres.lengths import length_batches
from toxres.models.encoders import Encoder
from toxres.models.heads import HEADS
from toxres.models.pooling import POOLINGS

MAX_TOKENS = 4_096
"""Tokens a batch, padding included, where nothing is learned."""


class States(NamedTuple):
    """The trunk's hidden states of N comments, one after the other.

    Attributes:
        values: (sum of lengths) x D, bfloat16.
        starts: (N + 1,) where each comment's tokens begin, and where the last one's end.
    """

    values: Tensor
    starts: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each comment (N,)."""
        return np.diff(self.starts)

    def batch(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Hidden states (B, T, D) in float32, zero where padded, and the attention mask (B, T) of some comments."""
        width = int(self.lengths[rows].max())
        hidden = torch.zeros(len(rows), width, self.values.shape[1])
        mask = torch.zeros(len(rows), width, dtype=torch.long)
        for index, row in enumerate(rows):
            tokens = self.values[self.starts[row] : self.starts[row + 1]]
            hidden[index, : len(tokens)] = tokens
            mask[index, : len(tokens)] = 1
        return hidden, mask


class Read(NamedTuple):
    """What one pass over N comments gives.

    Attributes:
        states: Of the trunk's last layer, for the models above it.
        means: N x (chosen layers * D) float32: the mean over the tokens of each chosen layer's hidden states.
        peaks: The same of the maximum over the tokens, where one word tells.
    """

    states: States
    means: np.ndarray
    peaks: np.ndarray


def read_comments(
    encoder: Encoder, texts: Sequence[str], depth: int, layers: Sequence[int] = (), max_length: int = 128
) -> Read:
    """Read comments once with an encoder, without learning.

    Args:
        encoder: A BERT-like encoder: embeddings, then a list of layers.
        texts: N comments.
        depth: Layers of the trunk.
        layers: Layers whose mean becomes features, 1 is the first; none stops the pass at the trunk.
        max_length: Tokens a comment is cut off at.

    Raises:
        InputError: The encoder has no such layers.
    """
    stack = encoder_layers(encoder, max(depth, *layers, 0))
    encoder.model.eval()
    dataset = CommentDataset(texts, encoder.tokenizer, max_length)
    starts = np.concatenate(([0], np.cumsum(dataset.lengths))).astype(np.int64)
    width = encoder.model.config.hidden_size
    values = torch.zeros(int(starts[-1]), width, dtype=torch.bfloat16)
    means, peaks = np.zeros((2, len(dataset), len(layers), width), dtype=np.float32)
    collate = PadCollator(encoder.tokenizer.pad_token_id)
    with torch.inference_mode(), autocast():
        for rows in length_batches(dataset.lengths, MAX_TOKENS):
            batch = collate([dataset[row] for row in rows])
            mask = batch["attention_mask"]
            hidden = encoder.model.embeddings(input_ids=batch["input_ids"])
            for number, hidden in _through(hidden, mask, stack[: max(depth, *layers, 0)]):  # noqa: B020
                if number == depth:
                    for index, row in enumerate(rows):
                        values[starts[row] : starts[row + 1]] = hidden[index, : dataset.lengths[row]].bfloat16()
                if number in layers:
                    hidden32, column = hidden.float(), list(layers).index(number)
                    means[rows, column] = (hidden32 * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
                    peaks[rows, column] = hidden32.masked_fill(mask[..., None] == 0, -torch.inf).amax(dim=1)
    return Read(States(values, starts), means.reshape(len(dataset), -1), peaks.reshape(len(dataset), -1))


class Upper(nn.Module):
    """The upper layers of an encoder, a pooling and a head: from the trunk's states to logits.

    Args:
        layers: The encoder's layers above the trunk.
        width: Of their hidden states.
        n_labels: Logits a comment.
        pooling: A name in `POOLINGS`.
        head: A name in `HEADS`.
    """

    def __init__(self, layers: nn.ModuleList, width: int, n_labels: int, pooling: str, head: str) -> None:
        super().__init__()
        self.layers = layers
        self.pooling = POOLINGS[pooling](width)
        self.head = HEADS[head](POOLINGS[pooling].out_size(width), n_labels, 0.1)

    def forward(self, hidden_states: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits (B, L), not probabilities, of the trunk's states (B, T, D)."""
        hidden = hidden_states
        for _, state in _through(hidden_states, attention_mask, self.layers):
            hidden = state
        return self.head(self.pooling(hidden, attention_mask).pooled)


def build_upper(
    encoder: Encoder, depth: int, n_labels: int, dropout: float, pooling: str = "attention", head: str = "linear"
) -> Upper:
    """A trainable copy of an encoder's layers above `depth`, with a new pooling and head.

    Args:
        encoder: It is left as it is.
        depth: Layers of the trunk.
        n_labels: Logits a comment.
        dropout: Inside the layers.
        pooling: A name in `POOLINGS`.
        head: A name in `HEADS`.
    """
    layers = copy.deepcopy(encoder_layers(encoder, depth)[depth:])
    for module in layers.modules():
        if isinstance(module, nn.Dropout):
            module.p = dropout
    return Upper(layers.requires_grad_(), encoder.model.config.hidden_size, n_labels, pooling, head)


def member_logits(member: Upper, states: States, rows: np.ndarray | None = None) -> np.ndarray:
    """Logits, not probabilities, of some comments (all by default): N x L, float32, in the order of `rows`."""
    rows = np.arange(len(states.lengths)) if rows is None else np.asarray(rows)
    logits = np.zeros((len(rows), member.head.out.out_features), dtype=np.float32)
    member.eval()
    with torch.inference_mode(), autocast():
        for batch in length_batches(states.lengths[rows].tolist(), MAX_TOKENS):
            hidden, mask = states.batch(rows[batch])
            logits[batch] = member(hidden, mask).float().numpy()
    return logits


def encoder_layers(encoder: Encoder, needed: int) -> nn.ModuleList:
    """The list of an encoder's layers.

    Raises:
        InputError: It has none, or fewer than `needed`.
    """
    layers = getattr(getattr(encoder.model, "encoder", None), "layer", None)
    if layers is None or not hasattr(encoder.model, "embeddings"):
        raise InputError(
            f"encoder {encoder.model.config.name_or_path!r}: has no list of layers; take minilm or e5, or a folder "
            "with another BERT"
        )
    if len(layers) < needed:
        raise InputError(f"layer {needed} is asked for, but the encoder has {len(layers)}; give fewer")
    encoder.model.config._attn_implementation = "eager"
    return layers


def autocast() -> torch.autocast:
    """bfloat16 where this CPU multiplies it in hardware, else nothing."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    fast = any(getattr(torch.cpu, check, lambda: False)() for check in checks)
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast)


def _through(hidden: Tensor, attention_mask: Tensor, layers: Sequence[nn.Module]) -> Iterator[tuple[int, Tensor]]:
    """Hidden states (B, T, D) after each layer, numbered from 1."""
    mask = torch.zeros(attention_mask.shape, dtype=hidden.dtype).masked_fill(attention_mask == 0, -1e4)[:, None, None]
    for number, layer in enumerate(layers, start=1):
        hidden = layer(hidden, mask)
        yield number, hidden
