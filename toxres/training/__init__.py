"""Training: from a recipe, sources and a preset to a checkpoint folder."""

from toxres.training.run import train
from toxres.training.spans import train_spans

__all__ = ["train", "train_spans"]
