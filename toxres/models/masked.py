"""Masked language modelling: which tokens of a text are hidden, and the head that guesses them (Devlin et al. 2019)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IGNORED = -1
"""Target of a token that is not to be guessed."""

HIDDEN, REPLACED = 0.8, 0.1
"""Shares of the chosen tokens that the mask token, or a random one, stands for; the others stay as they are."""


class Masked(NamedTuple):
    """A batch as the encoder reads it.

    Attributes:
        input_ids: B x T, with some tokens hidden.
        targets: B x T, the id of each token that is to be guessed, else `IGNORED`.
    """

    input_ids: Tensor
    targets: Tensor


def mask_tokens(
    input_ids: Tensor, maskable: Tensor, mask_id: int, vocab_size: int, generator: torch.Generator, share: float = 0.15
) -> Masked:
    """Choose tokens to be guessed, each with probability `share`, and hide them (Devlin et al. 2019, section 3.1).

    Of the chosen, 80% become the mask token, 10% a random token of the vocabulary, and 10% stay: which tokens will be
    asked for can't be seen in the input. Where chance chooses none, the first that could be is chosen.

    Args:
        input_ids: B x T.
        maskable: B x T, true on tokens of a text, false on special tokens and padding; true at least once.
        mask_id: Id of the mask token.
        vocab_size: Ids to draw random tokens from.
        generator: Of the choice; on the CPU, whatever device the batch is on.
        share: Of the tokens that are chosen.
    """
    draws = torch.rand((2, *input_ids.shape), generator=generator).to(input_ids.device)
    words = torch.randint(vocab_size, input_ids.shape, generator=generator).to(input_ids.device)
    chosen = maskable & (draws[0] < share)
    if not chosen.any():
        chosen.view(-1)[maskable.view(-1).nonzero()[0]] = True
    hidden = torch.where(draws[1] < HIDDEN, mask_id, torch.where(draws[1] < HIDDEN + REPLACED, words, input_ids))
    return Masked(torch.where(chosen, hidden, input_ids), torch.where(chosen, input_ids, IGNORED))


class MaskedHead(nn.Module):
    """From hidden states to what a softmax over the vocabulary takes: Dense -> GELU -> LayerNorm, as BERT has it.

    The softmax's weights are the encoder's word embeddings (tied, so they are not here), its bias is `bias` (V).

    Args:
        hidden_size: Width of the encoder's hidden states.
        embedding_size: Width of its word embeddings.
        vocab_size: V.
        eps: Of the LayerNorm.
    """

    def __init__(self, hidden_size: int, embedding_size: int, vocab_size: int, eps: float = 1e-12) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden_size, embedding_size)
        self.norm = nn.LayerNorm(embedding_size, eps=eps)
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, hidden: Tensor) -> Tensor:
        """N x hidden_size to N x embedding_size."""
        return self.norm(F.gelu(self.dense(hidden)))

    @torch.no_grad()
    def set_prior(self, counts: Tensor) -> None:
        """Start the bias at the log share of each token, (V,) counts: the guess of a model that has read no context."""
        smoothed = counts.to(self.bias) + 1
        self.bias.copy_(torch.log(smoothed / smoothed.sum()))
