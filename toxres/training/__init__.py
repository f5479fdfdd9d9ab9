"""Training: from a recipe, sources and a preset to a checkpoint folder."""

from toxres.training.run import train

__all__ = ["train"]
