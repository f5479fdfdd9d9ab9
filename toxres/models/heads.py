"""From the pooled vector to one logit a label."""

from torch import Tensor, nn


class LinearHead(nn.Module):
    """Dropout, then one linear layer: the usual classifier of a BERT (Devlin et al. 2019, section 4.1)."""

    def __init__(self, hidden_size: int, num_labels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden_size, num_labels)

    def forward(self, pooled: Tensor) -> Tensor:
        """Logits (B, L), not probabilities, from `pooled` (B, D)."""
        return self.out(self.dropout(pooled))


class ResidualHead(nn.Module):
    """A pre-norm residual block, pooled + GELU(Dense(LayerNorm(pooled))), then dropout and one linear layer."""

    def __init__(self, hidden_size: int, num_labels: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden_size)
        self.dense = nn.Linear(hidden_size, hidden_size)
        self.activation = nn.GELU()
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden_size, num_labels)

    def forward(self, pooled: Tensor) -> Tensor:
        """Logits (B, L), not probabilities, from `pooled` (B, D)."""
        hidden = pooled + self.activation(self.dense(self.norm(pooled)))
        return self.out(self.dropout(hidden))


HEADS = {"linear": LinearHead, "residual": ResidualHead}
"""The heads by the name that a recipe gives them."""
