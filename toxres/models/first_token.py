"""The last layer of an encoder, computed for the one token that is read of it.

A model that pools by [CLS] reads one of the T hidden states that its last layer gives, and each of them is a function
of what the layer below gives of all tokens. So queries, residuals and the feed-forward part of T - 1 tokens can be left
out without a change to any score; of six layers that is nearly one.
"""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from transformers.models.bert.modeling_bert import BertSelfAttention

from toxres.models.toxicity import ToxicityModel


class FirstTokenAttention(nn.Module):
    """A BERT layer's self-attention in which the first token alone asks.

    Args:
        attention: The layer's own, whose weights are used.
    """

    def __init__(self, attention: BertSelfAttention) -> None:
        super().__init__()
        self.query, self.key, self.value = attention.query, attention.key, attention.value
        self.heads, self.scaling = attention.num_attention_heads, attention.scaling

    def forward(self, hidden_states: Tensor, attention_mask: Tensor | None = None, **ignored: object) -> tuple:
        """What the first token takes from `hidden_states` (B, T, D): B x 1 x D, and its weights, B x H x 1 x T.

        Args:
            hidden_states: Of the layer below.
            attention_mask: B x 1 x T x T: true where a token may look, or added to the scores; None masks nothing.
            **ignored: What other ways of attention take.
        """
        asked = self._by_head(self.query(hidden_states[:, :1]))
        offered, taken = self._by_head(self.key(hidden_states)), self._by_head(self.value(hidden_states))
        scores = torch.matmul(asked * self.scaling, offered.transpose(2, 3))
        if attention_mask is not None:
            mask, least = attention_mask[:, :, :1], torch.finfo(scores.dtype).min
            scores = scores.masked_fill(~mask, least) if mask.dtype == torch.bool else scores + mask
        weights = torch.softmax(scores, dim=-1)
        return torch.matmul(weights, taken).transpose(1, 2).flatten(2), weights

    def _by_head(self, states: Tensor) -> Tensor:
        return states.unflatten(2, (self.heads, -1)).transpose(1, 2)


@contextlib.contextmanager
def first_token_only(model: ToxicityModel) -> Iterator[bool]:
    """While the block lasts, an encoder gives the hidden state of the first token alone, where no other is read.

    Gives whether it does: the model pools by [CLS], and its encoder is a BERT.
    """
    layers = getattr(getattr(model.encoder, "encoder", None), "layer", None)
    attention = layers[-1].attention if layers else None
    if model.config.pooling != "cls" or not isinstance(getattr(attention, "self", None), BertSelfAttention):
        yield False
        return
    whole = attention.self
    attention.self = FirstTokenAttention(whole).train(whole.training)
    hook = attention.output.register_forward_pre_hook(lambda layer, given: (given[0], given[1][:, :1]))
    try:
        yield True
    finally:
        hook.remove()
        attention.self = whole
