"""The cross-entropy of a linear softmax layer over a vocabulary, without a logit for every token and word in memory."""

import torch
import torch.nn.functional as F
from torch import Tensor

ROWS = 256
"""Tokens of which the logits are held at a time: with a vocabulary of some thousand words they stay in the cache."""


def softmax_cross_entropy(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
    """Mean cross-entropy of `softmax(hidden @ weight.T + bias)`, in nats, a few tokens at a time.

    The gradient is computed along with the loss, so that no logits are kept (Wijmans et al. 2024, "Cut Your Losses in
    Large-Vocabulary Language Models", go further). On one CPU thread this takes half the time of a linear layer and
    `F.cross_entropy`, a third in bfloat16. It has no second derivative.

    Args:
        hidden: N x D.
        weight: V x D.
        bias: V.
        targets: N word ids.
        dtype: The matrices are multiplied in it; sums and the softmax are in float32.

    Returns:
        A scalar in float32.
    """
    return _SoftmaxCrossEntropy.apply(hidden, weight, bias, targets, dtype)


@torch.no_grad()
def token_losses(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each token, in nats: N. Arguments as in `softmax_cross_entropy`."""
    losses = [
        F.cross_entropy(F.linear(rows, weight, bias).float(), wanted, reduction="none")
        for rows, wanted in zip(hidden.split(ROWS), targets.split(ROWS), strict=True)
    ]
    return torch.cat(losses)


class _SoftmaxCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
        total = torch.zeros((), device=hidden.device)
        gradients = [torch.zeros_like(tensor, dtype=torch.float32) for tensor in (hidden, weight, bias)]
        of_hidden, of_weight, of_bias = gradients
        matrix, offset = weight.to(dtype), bias.to(dtype)
        for start in range(0, len(hidden), ROWS):
            part = slice(start, start + ROWS)
            rows, wanted = hidden[part].to(dtype), targets[part, None]
            logs = torch.log_softmax(torch.addmm(offset, rows, matrix.t()).float(), dim=-1)  # rows x V
            total -= logs.gather(1, wanted).sum()
            # Of the cross-entropy by the logits: softmax, less one at the target.
            slope = logs.exp_()
            slope.scatter_add_(1, wanted, slope.new_full(wanted.shape, -1.0))
            of_bias += slope.sum(dim=0)
            slope = slope.to(dtype)
            of_hidden[part] = slope @ matrix
            of_weight += slope.t() @ rows
        ctx.save_for_backward(*[gradient.div_(len(hidden)) for gradient in gradients])
        ctx.dtypes = [tensor.dtype for tensor in (hidden, weight, bias)]
        return total / len(hidden)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, slope: Tensor) -> tuple:
        gradients = zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        return *[(gradient * slope).to(dtype) for gradient, dtype in gradients], None, None
