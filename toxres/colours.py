"""Colours that figures and pages share, and whether a text can be read on them."""

from collections.abc import Sequence
from typing import Final

BLUE: Final = "#0072B2"
ORANGE: Final = "#E66100"
"""The two ends of everything that diverges; also before and after, first and second model."""

DIVERGING: Final = ("#00507F", BLUE, "#9CC9E3", "#F7F7F7", "#F6BE91", ORANGE, "#994000")
"""Blue, over nothing, to orange: colour-blind safe, the stronger the darker."""

DIVERGING_DARK: Final = ("#9AD2F5", "#2F8FCB", "#0B3F60", "#222225", "#6B3510", "#D9701F", "#FFB981")
"""The same on a dark ground: the stronger the brighter."""

LEVELS: Final = 8
"""Shades on either side of nothing."""

AA: Final = 4.5
"""Least contrast of text and ground (WCAG 2.1, level AA)."""


def shade(level: int, *, dark: bool = False) -> str:
    """Colour of a level from -`LEVELS` (deepest blue) over 0 (nothing) to `LEVELS` (deepest orange), as #RRGGBB."""
    anchors = DIVERGING_DARK if dark else DIVERGING
    place = (level + LEVELS) / (2 * LEVELS) * (len(anchors) - 1)
    first = min(int(place), len(anchors) - 2)
    return blend(anchors[first], anchors[first + 1], place - first)


def blend(one: str, other: str, share: float) -> str:
    """The colour that lies between two, `share` of the way to the other."""
    parts = zip(_parts(one), _parts(other), strict=True)
    return "#" + "".join(f"{round(255 * (a + share * (b - a))):02X}" for a, b in parts)


def ink_on(ground: str) -> str:
    """Black or white, whichever is read better on a colour; one of them always has a contrast of at least `AA`."""
    return max("#000000", "#FFFFFF", key=lambda ink: contrast(ink, ground))


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, from 1 to 21 (WCAG 2.1, relative luminance)."""
    low, high = sorted((_luminance(_parts(one)), _luminance(_parts(other))))
    return (high + 0.05) / (low + 0.05)


def _parts(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))


def _luminance(parts: Sequence[float]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
