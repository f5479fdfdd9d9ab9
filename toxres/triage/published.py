"""What others say they decide without a person: points of coverage and accuracy, to stand beside ours."""

from typing import Final, NamedTuple


class Anchor(NamedTuple):
    """A published point.

    Attributes:
        name: The system.
        coverage: Share of the comments that are decided automatically.
        accuracy: Of these.
    """

    name: str
    coverage: float
    accuracy: float


CMP: Final = Anchor("CMP, certainty threshold", 0.5, 0.99)
"""Websensa's CMP: a certainty threshold automates about half of the comments."""

CMP_UNAIDED: Final = 0.93
"""Accuracy of the CMP system where it decides everything."""

UNCERTAINTY_BASELINES: Final = tuple(
    Anchor(f"BERT-base, {loss}", coverage, accuracy)
    for loss, accuracies in (("BCE", (0.943, 0.960, 0.974, 0.986)), ("focal loss", (0.968, 0.981, 0.990, 0.995)))
    for coverage, accuracy in zip((0.95, 0.90, 0.85, 0.80), accuracies, strict=True)
)
"""Google's Uncertainty Baselines (toxic_comments, Wikipedia, oracle reviewer); accuracies of the automated part by
arithmetic from its tables."""
