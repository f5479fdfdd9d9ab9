"""The style sheet of explanations: shades and themes from `toxres.colours`, the rest from the files beside this one."""

import functools
from importlib import resources

from toxres.colours import LEVELS, ink_on, shade

THEMES = {
    "ground": ("#FFFFFF", "#1B1B1D"),
    "ink": ("#1F1F1F", "#ECECEC"),
    "muted": ("#595959", "#B4B4B4"),
    "soft": ("#F1F1F1", "#2C2C30"),
    "line": ("#C9C9C9", "#4C4C50"),
    "focus": ("#0072B2", "#7CC4F0"),
    "warning": ("#B34A00", "#FFB981"),
}
"""Colours by role, on a light and on a dark ground."""


def shade_class(level: int) -> str:
    """Class of a word with this shade: `b1` to `b8` in blue, `o1` to `o8` in orange, none at 0."""
    return "" if level == 0 else f"{'o' if level > 0 else 'b'}{abs(level)}"


@functools.cache
def style_sheet(n_labels: int, *, page: bool = False) -> str:
    """CSS for explanations of up to `n_labels` labels, and for the page around them.

    A theme follows the system's, unless a notebook's page says its own. Browsers without `light-dark()` see the light
    one. The result holds nothing but constants and numbers, so it cannot be escaped from.
    """
    scopes = ".toxres-why, .toxres-page" if page else ".toxres-why"
    levels = [level for level in range(-LEVELS, LEVELS + 1) if level]
    rules = [
        *theme_rules(scopes, ".toxres-why"),
        *(_read("page.css"), _read("explanation.css"))[0 if page else 1 :],
        *(_shade_rule(level) for level in levels),
    ]
    for k in range(1, n_labels + 1):
        rules.append(f".toxres-why:has(.tx-tabs .tx-{k}:checked) > .tx-panel-{k} {{ display: block; }}")
    return "\n" + "\n".join(rules) + "\n"


def theme_rules(scopes: str, notebook: str) -> list[str]:
    """Rules that give `scopes` the colours of `THEMES`, and `notebook` the theme that the page around it says it has.

    Args:
        scopes: A CSS selector.
        notebook: The class that stands in notebooks, such as ".toxres-why".
    """
    plain = "".join(f"--{role}: {light};" for role, (light, _) in THEMES.items())
    either = "".join(f"--{role}: light-dark({light}, {dark});" for role, (light, dark) in THEMES.items())
    return [
        f"{scopes} {{ color-scheme: light dark; {plain} }}",
        f"@supports (color: light-dark(#000, #fff)) {{ {scopes} {{ {either} }} }}",
        *(
            f'body[data-jp-theme-light="{light}"] {notebook}, body.vscode-{name} {notebook} {{ color-scheme: {name}; }}'
            for light, name in (("true", "light"), ("false", "dark"))
        ),
    ]


def _shade_rule(level: int) -> str:
    light, dark = shade(level), shade(level, dark=True)
    plain = f"background-color: {light}; color: {ink_on(light)};"
    both = f"background-color: light-dark({light}, {dark}); color: light-dark({ink_on(light)}, {ink_on(dark)});"
    return f".toxres-why .{shade_class(level)} {{ {plain} {both} }}"


def _read(name: str) -> str:
    return resources.files("toxres.explain").joinpath(name).read_text(encoding="utf-8")
