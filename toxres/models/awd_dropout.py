"""The dropouts of the AWD-LSTM (Merity et al. 2018, "Regularizing and Optimizing LSTM Language Models", section 4)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = tuple[Tensor, Tensor]
"""Hidden and cell state of one LSTM layer, each (1, B, H)."""


class LockedDropout(nn.Module):
    """Variational dropout: one mask a sequence, the same at every time step (Gal and Ghahramani 2016; section 4.2).

    Args:
        rate: Share of the units that are dropped.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, inputs: Tensor) -> Tensor:
        """`inputs` (B, T, D) under one mask (B, 1, D); in evaluation mode as they are."""
        if not self.training or self.rate == 0:
            return inputs
        mask = F.dropout(inputs.new_ones(inputs.shape[0], 1, inputs.shape[2]), self.rate)
        return inputs * mask

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


class DroppedEmbedding(nn.Embedding):
    """Word embeddings of which whole words are dropped, wherever in the batch they stand (section 4.3).

    The mask of the words, not the V x D matrix, is what is multiplied: a step costs nothing that grows with V x D.

    Args:
        num_embeddings: V, the size of the vocabulary.
        embedding_dim: D.
        padding_idx: Id of padding.
        rate: Share of the words that are dropped; the others are scaled up.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None, rate: float) -> None:
        super().__init__(num_embeddings, embedding_dim, padding_idx=padding_idx)
        self.rate = rate

    def forward(self, input: Tensor) -> Tensor:
        """Vectors (B, T, D) of the words `input` (B, T)."""
        vectors = super().forward(input)
        if not self.training or self.rate == 0:
            return vectors
        mask = F.dropout(vectors.new_ones(self.num_embeddings, 1), self.rate)
        return vectors * F.embedding(input, mask)


class WeightDropLSTM(nn.LSTM):
    """One LSTM layer with DropConnect on its hidden-to-hidden weights (Wan et al. 2013; section 2).

    Each forward pass draws one mask, which therefore holds across all its time steps, and hands the dropped copy of
    the weights to the same kernel `nn.LSTM` uses. The parameters are `nn.LSTM`'s own, under their own names; with a
    rate of 0, or in evaluation mode, the result is `nn.LSTM`'s.

    Args:
        input_size: D.
        hidden_size: H.
        rate: Share of the hidden-to-hidden weights that are dropped.
    """

    def __init__(self, input_size: int, hidden_size: int, rate: float) -> None:
        super().__init__(input_size, hidden_size, batch_first=True)
        self.rate = rate

    def forward(self, input: Tensor, hx: State | None = None) -> tuple[Tensor, State]:
        """Run over a batch.

        Args:
            input: B x T x D.
            hx: The state to start from, zeros by default.

        Returns:
            The hidden states (B, T, H) and the state after the last step.
        """
        if hx is None:
            zeros = input.new_zeros(1, input.shape[0], self.hidden_size)
            hx = (zeros, zeros)
        # As if in training wherever a gradient may be asked for: cuDNN has no backward of an evaluation pass. There is
        # no dropout between the layers of a single one, so that nothing else depends on it.
        train = self.training or torch.is_grad_enabled()
        output, hidden, cell = torch.lstm(input, hx, self._weights(), True, 1, 0.0, train, False, True)
        return output, (hidden, cell)

    def _weights(self) -> list[Tensor]:
        weights = [self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0]
        if not self.training or self.rate == 0:
            return weights
        weights[1] = F.dropout(weights[1], self.rate)
        if weights[1].is_cuda:
            # cuDNN wants all weights in one piece of memory, and would warn and copy them at every step.
            flat = torch.cat([weight.flatten() for weight in weights])
            pieces = flat.split([weight.numel() for weight in weights])
            weights = [piece.view_as(weight) for piece, weight in zip(pieces, weights, strict=True)]
        return weights

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, rate={self.rate}"
