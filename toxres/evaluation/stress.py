"""The stress curve: how scores fall as more of a text's letters are obfuscated, and what a second model changes."""

from typing import Final, NamedTuple

from toxres.perturb import KINDS


class Condition(NamedTuple):
    """How texts were obfuscated before they were scored.

    Attributes:
        kind: One of `KINDS`, or "clean".
        share: Share of the letters obfuscated.
    """

    kind: str
    share: float


SHARES: Final = (0.1, 0.2, 0.4)
"""Shares of the letters that are obfuscated."""

CLEAN: Final = Condition("clean", 0.0)
"""The texts as they were written."""

CONDITIONS: Final = (CLEAN, *(Condition(kind, share) for kind in KINDS for share in SHARES))
"""Everything a model is scored under."""
