"""What a tokenizer gets to see of a text."""

import re
from collections.abc import Iterable

import numpy as np

from toxres.text.edits import Normalised
from toxres.text.pipeline import normalise

_SURROGATE = re.compile("[\ud800-\udfff]")


def prepare(text: str, steps: Iterable[str] = (), dummy_prefix: bool = False) -> Normalised:
    """Normalise a text, read lone surrogates as U+FFFD, and put a space before it where the tokenizer expects one.

    Args:
        text: Any string, lone surrogates included.
        steps: Names out of `STEPS`.
        dummy_prefix: Put a space before a text that is not empty, as SentencePiece does.

    Raises:
        InputError: A step that does not exist.
    """
    text, spans = normalise(text, tuple(steps))
    text = _SURROGATE.sub("\ufffd", text)
    if dummy_prefix and text:
        return Normalised(" " + text, np.concatenate([spans[:1], spans]))
    return Normalised(text, spans)
