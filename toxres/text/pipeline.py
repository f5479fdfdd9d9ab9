"""The steps of normalisation in their order, and `normalise`, which repeats them until nothing changes."""

from collections.abc import Callable, Sequence
from typing import Final

from toxres.errors import InputError
from toxres.text.edits import Edit, Normalised, apply_edits, identity
from toxres.text.emotions import EMOTIONS, find_emoji, find_emoticons
from toxres.text.encoding import find_compositions, find_entities, find_invisible, find_mojibake
from toxres.text.fragments import find_broken
from toxres.text.lookalikes import find_lookalikes
from toxres.text.repeats import find_blanks, find_repeats
from toxres.text.tokens import find_emails, find_links, find_mentions, find_numbers
from toxres.text.words import find_leet, find_starred

_FINDERS: Final[dict[str, Callable[[str], list[Edit]]]] = {
    "mojibake": find_mojibake,
    "entities": find_entities,
    "invisible": find_invisible,
    "compose": find_compositions,
    "lookalikes": find_lookalikes,
    "links": find_links,
    "emails": find_emails,
    "emoticons": find_emoticons,
    "emoji": find_emoji,
    "leet": find_leet,
    "stars": find_starred,
    "mentions": find_mentions,
    "numbers": find_numbers,
    "spaced": find_broken,
    "whitespace": find_blanks,
    "repeats": find_repeats,
}

STEPS: Final = tuple(_FINDERS)
"""Names of the steps, in the order they are applied.

mojibake: text decoded with the wrong codec (ftfy), surrogates. entities: HTML entities, backslash escapes. invisible:
zero-width, directional and control characters; every kind of space becomes a plain one. compose: Unicode NFC, stacked
accents off. lookalikes: letters of another script or style that stand for plain ones. links, emails, mentions,
numbers: tokens. emoticons, emoji: the token of the emotion they carry, then their name. leet, stars, spaced: disguised
words as they are meant. whitespace: runs of white space. repeats: runs of a letter, of a syllable, of punctuation.
"""

SPECIAL_TOKENS: Final = ("<url>", "<email>", "<mention>", "<number>", "<emoji>", *(f"<{name}>" for name in EMOTIONS))
"""What normalisation may put in: what was there, or the emotion it carried; `<emoji>` for one that carries none."""

PASSES: Final = 12
"""So often the steps are repeated; comments settle in two passes, text made to trouble the steps may not."""


def normalise(text: str, steps: Sequence[str] = STEPS) -> Normalised:
    """Normalise a text; every character of the result knows the span of the original it stands for.

    The steps run in the order of `STEPS`, whatever the order they are named in, and are repeated until they change
    nothing, so that normalising a normalised text changes nothing. A text that has not settled after `PASSES` passes
    first loses all that is neither letter nor white space. A literal special token in the text counts as that token.

    Args:
        text: Any string, lone surrogates included.
        steps: Names out of `STEPS`.

    Raises:
        InputError: A step that does not exist.
    """
    chosen = frozenset(steps)
    if unknown := [name for name in steps if name not in _FINDERS]:
        raise InputError(f"unknown normalisation step {unknown[0]!r}; choose out of: {', '.join(STEPS)}")
    finders = [find for name, find in _FINDERS.items() if name in chosen]
    result, settled = _settle(identity(text), finders)
    if not settled:
        plain = [
            Edit(at, at + 1, "") for at, char in enumerate(result.text) if not char.isalpha() and char not in " \n"
        ]
        result, _ = _settle(apply_edits(result, plain), finders)
    return result


def _settle(result: Normalised, finders: list[Callable[[str], list[Edit]]]) -> tuple[Normalised, bool]:
    for _ in range(PASSES):
        before = result
        for find in finders:
            if edits := find(result.text):
                result = apply_edits(result, edits)
        if result is before:
            return result, True
    return result, False
