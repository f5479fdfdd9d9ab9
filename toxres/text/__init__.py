"""Text normalisation with offsets back to the original: links, emoji, obfuscation and damage become plain tokens."""

from toxres.text.edits import Normalised
from toxres.text.emotions import EMOTIONS
from toxres.text.pipeline import SPECIAL_TOKENS, STEPS, normalise
from toxres.text.prepared import prepare

__all__ = ["EMOTIONS", "SPECIAL_TOKENS", "STEPS", "Normalised", "normalise", "prepare"]
