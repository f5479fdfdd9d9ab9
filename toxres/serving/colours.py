"""The page's colours as a style sheet: labels, shades of words and themes, from where every other figure has them."""

from toxres.colours import DIVERGING_DARK, LEVELS, ink_on, shade
from toxres.explain.sheet import THEMES, shade_class
from toxres.labels import LABEL_COLOURS

ON_DARK = {"threat": "#F2F2F2"}
"""Labels whose colour can't be seen on a dark ground, and what stands for it there."""

VERDICTS = {"accept": ("#0072B2", "#7CC4F0"), "uncertain": ("#6B6B6B", "#B9B9BE"), "reject": ("#B34A00", "#FFB981")}
"""Colours of verdicts, on a light and on a dark ground; blue and orange, as what lowers and raises a score."""


def page_colours() -> dict[str, str]:
    """One colour a label."""
    return dict(LABEL_COLOURS)


def colour_sheet() -> str:
    """CSS custom properties, and a class for each shade of a word; nothing in it comes from outside."""
    pairs = dict(THEMES)
    pairs |= {f"label-{name}": (colour, ON_DARK.get(name, colour)) for name, colour in LABEL_COLOURS.items()}
    pairs |= {f"verdict-{name}": both for name, both in VERDICTS.items()}
    pairs |= {"mark": (shade(3), shade(3, dark=True)), "deep": ("#F7F7F5", DIVERGING_DARK[3])}
    light = "".join(f"--{role}:{colours[0]};" for role, colours in pairs.items())
    both = "".join(f"--{role}:light-dark({one},{other});" for role, (one, other) in pairs.items())
    rules = [f":root{{color-scheme:light dark;{light}}}"]
    rules.append(f"@supports (color:light-dark(#000,#fff)){{:root{{{both}}}}}")
    rules += [f".label-{name}{{--label:var(--label-{name})}}" for name in LABEL_COLOURS]
    rules += [_shade_rule(level) for level in range(-LEVELS, LEVELS + 1) if level]
    return "\n".join(rules) + "\n"


def _shade_rule(level: int) -> str:
    light, dark = shade(level), shade(level, dark=True)
    plain = f"background:{light};color:{ink_on(light)};"
    both = f"background:light-dark({light},{dark});color:light-dark({ink_on(light)},{ink_on(dark)});"
    return f".{shade_class(level)}{{{plain}{both}}}"
