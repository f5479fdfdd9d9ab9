"""From the hidden states of a comment's tokens to one vector: first token, mean, or learned attention."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Pooled(NamedTuple):
    """What a pooling returns.

    Attributes:
        pooled: B x D.
        attention_weights: B x T, the share each token has in `pooled`: they sum to 1 and are 0 on padding. A row that
            is all padding has weights 0 and a pooled vector of zeros.
    """

    pooled: Tensor
    attention_weights: Tensor


def masked_softmax(scores: Tensor, attention_mask: Tensor) -> Tensor:
    """Softmax over the last dimension that gives exactly 0 where the mask is 0.

    Args:
        scores: B x T, any float type; computed in float32.
        attention_mask: B x T, non-zero where a token counts.

    Returns:
        B x T in float32. A row whose mask is all zero is all zero, not NaN.
    """
    mask = attention_mask.bool()
    scores = scores.float().masked_fill(~mask, torch.finfo(torch.float32).min)
    return torch.softmax(scores, dim=-1) * mask


class ClsPooling(nn.Module):
    """The hidden state of the first token ([CLS]; Devlin et al. 2019, section 3.2)."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()

    def forward(self, hidden_states: Tensor, attention_mask: Tensor) -> Pooled:
        """Pool `hidden_states` (B, T, D) under `attention_mask` (B, T)."""
        weights = torch.zeros_like(attention_mask, dtype=torch.float32)
        weights[:, 0] = attention_mask[:, 0].float()
        return Pooled(hidden_states[:, 0] * weights[:, :1].to(hidden_states.dtype), weights)


class MeanPooling(nn.Module):
    """The mean over the tokens that are not padding (Reimers and Gurevych 2019, section 3)."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()

    def forward(self, hidden_states: Tensor, attention_mask: Tensor) -> Pooled:
        """Pool `hidden_states` (B, T, D) under `attention_mask` (B, T)."""
        mask = attention_mask.float()
        weights = mask / mask.sum(dim=-1, keepdim=True).clamp(min=1)
        return Pooled(weighted_sum(hidden_states, weights), weights)


class AttentionPooling(nn.Module):
    """A learned score a token, a masked softmax over the comment, a weighted sum (Yang et al. 2016, section 2.2).

    The score is one linear layer over the hidden state. It starts at zero, so that training begins at the mean.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.score = nn.Linear(hidden_size, 1)

    def forward(self, hidden_states: Tensor, attention_mask: Tensor) -> Pooled:
        """Pool `hidden_states` (B, T, D) under `attention_mask` (B, T)."""
        scores = self.score(hidden_states).squeeze(-1)  # B x T x 1 -> B x T
        weights = masked_softmax(scores, attention_mask)
        return Pooled(weighted_sum(hidden_states, weights), weights)


def weighted_sum(hidden_states: Tensor, weights: Tensor) -> Tensor:
    """Sum of `hidden_states` (B, T, D) over the tokens with `weights` (B, T), in the states' type: B x D."""
    return torch.einsum("bt,btd->bd", weights.to(hidden_states.dtype), hidden_states)


POOLINGS = {"cls": ClsPooling, "mean": MeanPooling, "attention": AttentionPooling}
"""The poolings by the name that a recipe gives them."""
