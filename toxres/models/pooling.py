"""From the hidden states of a comment's tokens to one vector: first token, mean, attention, or three of them."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Pooled(NamedTuple):
    """What a pooling returns.

    Attributes:
        pooled: B x D, or as wide as the pooling's `out_size(D)`.
        attention_weights: B x T, the share each token has in `pooled`: they sum to 1 and are 0 on padding. A row that
            is all padding has weights 0 and a pooled vector of zeros. `ConcatPooling` gives the shares in its mean.
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


class Pooling(nn.Module):
    """What the poolings share: how wide their vector is."""

    parts = 1

    @classmethod
    def out_size(cls, hidden_size: int) -> int:
        """Width of `pooled` for hidden states of width D."""
        return cls.parts * hidden_size


class ClsPooling(Pooling):
    """The hidden state of the first token ([CLS]; Devlin et al. 2019, section 3.2)."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()

    def forward(self, hidden_states: Tensor, attention_mask: Tensor) -> Pooled:
        """Pool `hidden_states` (B, T, D) under `attention_mask` (B, T)."""
        weights = torch.zeros_like(attention_mask, dtype=torch.float32)
        weights[:, 0] = attention_mask[:, 0].float()
        return Pooled(hidden_states[:, 0] * weights[:, :1].to(hidden_states.dtype), weights)


class MeanPooling(Pooling):
    """The mean over the tokens that are not padding (Reimers and Gurevych 2019, section 3)."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()

    def forward(self, hidden_states: Tensor, attention_mask: Tensor) -> Pooled:
        """Pool `hidden_states` (B, T, D) under `attention_mask` (B, T)."""
        weights = mean_weights(attention_mask)
        return Pooled(weighted_sum(hidden_states, weights), weights)


class AttentionPooling(Pooling):
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


class ConcatPooling(Pooling):
    """The last token's state, the maximum and the mean, side by side (Howard and Ruder 2018, section 3.3).

    All three are over the tokens that are not padding. `attention_weights` are the shares in the mean: the last state
    and the maximum have no such shares.
    """

    parts = 3

    def __init__(self, hidden_size: int) -> None:
        super().__init__()

    def forward(self, hidden_states: Tensor, attention_mask: Tensor) -> Pooled:
        """Pool `hidden_states` (B, T, D) under `attention_mask` (B, T) to B x 3D."""
        mask = attention_mask.bool()
        positions = torch.arange(mask.shape[1], device=mask.device)
        last = (mask * positions).amax(dim=1)  # B
        state = hidden_states.gather(1, last[:, None, None].expand(-1, 1, hidden_states.shape[2])).squeeze(1)
        highest = hidden_states.masked_fill(~mask[..., None], torch.finfo(hidden_states.dtype).min).amax(dim=1)
        some = mask.any(dim=1, keepdim=True)
        weights = mean_weights(attention_mask)
        parts = [torch.where(some, part, 0.0) for part in (state, highest)]
        return Pooled(torch.cat([*parts, weighted_sum(hidden_states, weights)], dim=-1), weights)


def mean_weights(attention_mask: Tensor) -> Tensor:
    """Equal shares (B, T) of the tokens that are not padding; all zero in a row that is all padding."""
    mask = attention_mask.float()
    return mask / mask.sum(dim=-1, keepdim=True).clamp(min=1)


def weighted_sum(hidden_states: Tensor, weights: Tensor) -> Tensor:
    """Sum of `hidden_states` (B, T, D) over the tokens with `weights` (B, T), in the states' type: B x D."""
    return torch.einsum("bt,btd->bd", weights.to(hidden_states.dtype), hidden_states)


POOLINGS = {"cls": ClsPooling, "mean": MeanPooling, "attention": AttentionPooling, "concat": ConcatPooling}
"""The poolings by the name that a recipe gives them."""
