"""Attention for training on a CPU, with weights in the precision that matrices are multiplied in."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import eager_mask

LEAN = "toxres_lean"
"""Name by which transformers knows it."""


def lean_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **ignored: object,
) -> tuple[Tensor, Tensor]:
    """What transformers' "eager" computes, without going to and fro between precisions.

    Under autocast the eager way widens scores to float32 for the softmax and narrows the weights again, forward and
    backward; that takes longer than the matrices do. Torch's softmax sums in float32 whatever it is given. Torch's own
    fused attention is slower yet in bfloat16 on a CPU, above all backward.

    Args:
        module: The attention layer.
        query: B x H x T x D.
        key: B x H x T x D.
        value: B x H x T x D.
        attention_mask: B x 1 x T x T, added to the scores: 0, or the least number there is; None masks nothing.
        scaling: Of the scores; one over the square root of D by default.
        dropout: Of the weights, in training.
        **ignored: What other ways take.

    Returns:
        B x T x H x D, and the weights B x H x T x T.
    """
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    with torch.autocast(query.device.type, enabled=False):
        scores = torch.matmul(query * scaling, key.transpose(2, 3))
        if attention_mask is not None:
            scores = scores + attention_mask.clamp(min=torch.finfo(scores.dtype).min).to(scores.dtype)
        weights = F.dropout(torch.softmax(scores, dim=-1), p=dropout, training=module.training)
        return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


AttentionInterface.register(LEAN, lean_attention)
AttentionMaskInterface.register(LEAN, eager_mask)


def for_training(model: PreTrainedModel, encoder: PreTrainedModel) -> None:
    """Let a model's encoder attend in the way that trains fastest here; on a GPU nothing changes.

    Args:
        model: The whole model.
        encoder: Its encoder, which says what it can do.
    """
    if not torch.cuda.is_available():
        model.set_attn_implementation(LEAN if encoder._supports_attention_backend else "eager")
