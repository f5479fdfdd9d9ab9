"""A comment and what models say of it, as HTML: cards for the live widget, its twin in a saved notebook, and a page.

Without a style sheet, as GitHub shows it, a card is a plain table whose bars are characters.
"""

import base64
import hashlib
import html
import math
from collections.abc import Sequence
from importlib import resources

from toxres.explain.characters import as_html, as_plain
from toxres.explain.html import WARNING, fragment
from toxres.explain.sheet import style_sheet, theme_rules
from toxres.labels import LABEL_COLOURS, LABELS
from toxres.plots.style import pretty
from toxres.serving.colours import ON_DARK, VERDICTS
from toxres.widgets.rulings import REFUSED, Ruling
from toxres.widgets.shown import escaped
from toxres.widgets.talk import Judgement

SIGNS = {"accept": "✓", "uncertain": "?", "reject": "✕", REFUSED: "–"}
"""What stands before a verdict, so that its colour is not all that tells."""

CELLS = 10
"""Characters of a bar where there is no style."""

LONG = 1_500
"""Characters of a comment that a saved notebook shows."""


def sheet() -> str:
    """The style sheet of cards, and of explanations in them: constants only."""
    pairs = {f"label-{name}": (colour, ON_DARK.get(name, colour)) for name, colour in LABEL_COLOURS.items()}
    pairs |= {f"verdict-{name}": both for name, both in VERDICTS.items()}
    light = "".join(f"--{role}:{colours[0]};" for role, colours in pairs.items())
    both = "".join(f"--{role}:light-dark({one},{other});" for role, (one, other) in pairs.items())
    own = resources.files("toxres.widgets").joinpath("compare.css").read_text(encoding="utf-8")
    return "\n".join(
        [
            *theme_rules(".toxres-compare", ".toxres-compare"),
            f".toxres-compare {{{light}}}",
            f"@supports (color: light-dark(#000, #fff)) {{ .toxres-compare {{{both}}} }}",
            *(f".toxres-compare .tc-{name} {{ fill: var(--label-{name}); }}" for name in LABELS),
            own,
            style_sheet(1),
        ]
    )


def card(each: Judgement, *, live: bool = False, most: int | None = None) -> str:
    """One comment: its text, what models agree on, six bars a model, verdicts, and the explanation that is open.

    Args:
        each: The comment, judged.
        live: With buttons, for the widget.
        most: Characters of the comment to show.
    """
    turn = each.turn
    number = f'<span class="tc-number">{turn.number or "draft"}</span> '
    pinned = '<span class="tc-pin">pinned</span> ' if turn.pinned and not live else ""
    acts = _acts(each) if live and turn.number else ""
    agree = all(map(each.agree, LABELS)) and all(map(each.verdicts_agree, each.policies))
    state = f"tc-turn{' tc-pinned' if turn.pinned else ''}{'' if turn.number else ' tc-draft-card'}"
    name = f"Comment {turn.number}" if turn.number else "What you are writing"
    return (
        f'<div class="{state}" data-turn="{turn.number}" role="group" aria-label="{name}">'
        f'<div class="tc-said">{number}{pinned}{_text(turn.text, most)}{acts}</div>'
        f'<p class="tc-told {"tc-same" if agree else "tc-other"}">{escaped(each.told())}</p>'
        f"{_table(each, live and bool(turn.number))}{_why(each)}</div>"
    )


def page(judgements: Sequence[Judgement], title: str, origin: str) -> str:
    """A whole page of comments: it needs no other file and no network, and its policy forbids scripts."""
    style = f"{sheet()}\nbody {{ margin: 0 auto; padding: 20px; max-width: 1180px; }}"
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    cards = "\n".join(map(card, judgements)) or "<p>No comment has been compared.</p>"
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">',
            f"<title>{escaped(title)}</title>\n<style>{style}</style>\n</head>",
            '<body class="toxres-compare">\n<main>',
            f'<h1 class="tc-title">{escaped(title)}</h1>\n<p class="tc-origin">{escaped(origin)}</p>',
            f'<p class="tc-origin"><strong>Content warning.</strong> {WARNING}</p>',
            cards,
            "</main>\n</body>\n</html>\n",
        ]
    )


def _acts(each: Judgement) -> str:
    number, pinned = each.turn.number, each.turn.pinned
    pressed, word = ("true", "Pinned") if pinned else ("false", "Pin")
    return (
        f'<span class="tc-acts"><button type="button" data-act="pin" data-turn="{number}" aria-pressed="{pressed}" '
        f'aria-label="Pin comment {number}">{word}</button><button type="button" data-act="drop" '
        f'data-turn="{number}" aria-label="Remove comment {number}">Remove</button></span>'
    )


def _text(text: str, most: int | None) -> str:
    shown = text if most is None or len(text) <= most else text[:most]
    rest = f' <span class="tc-note">… and {len(text) - len(shown):,} more characters</span>' if shown != text else ""
    return f'<div class="tc-text" dir="auto" lang="">{as_html(shown)}{rest}</div>'


def _table(each: Judgement, live: bool) -> str:
    several = len(each.models) > 1
    share = 84 // len(each.models)
    heads = "".join(f'<th scope="col" width="{share}%">{escaped(name)}</th>' for name in each.models)
    last = '<th scope="col">agreement</th>' if several else ""
    rows = "".join(_label_row(each, label, live, several) for label in LABELS)
    rows += "".join(_policy_row(each, policy, several) for policy in each.policies)
    named = f"Scores of comment {each.turn.number}" if each.turn.number else "Scores of what you are writing"
    return (
        f'<div class="tc-scroll" tabindex="0" role="region" aria-label="{named}"><table><thead><tr>'
        f'<th scope="col">label</th>{heads}{last}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _label_row(each: Judgement, label: str, live: bool, several: bool) -> str:
    column, cells = LABELS.index(label), []
    for model in each.models:
        prob, cut = float(each.turn.probs[model][column]), float(each.thresholds[model][column])
        given = bool(each.given[model][column])
        word = '<strong class="tc-given">given</strong>' if given else '<span class="tc-not">not given</span>'
        sign = "≥" if given else "&lt;"
        cells.append(
            f'<td><div class="tc-cell">{_bar(label, prob, cut)}'
            f'<span class="tc-value">{_number(prob)} <small>{sign} {_number(cut)}</small></span> {word}</div></td>'
        )
    name = pretty(label)
    if live:
        opened = each.turn.label == label
        name = (
            f'<button type="button" class="tc-label" data-act="why" data-turn="{each.turn.number}" '
            f'data-label="{label}" aria-expanded="{"true" if opened else "false"}" '
            f'aria-label="{name}: explain it on the words of comment {each.turn.number}">{name}</button>'
        )
    same = each.agree(label)
    return f'<tr{_marks(same)}><th scope="row">{name}</th>{"".join(cells)}{_agreement(same, several)}</tr>'


def _policy_row(each: Judgement, policy: str, several: bool) -> str:
    cells = "".join(f"<td>{_ruling(each.rulings[model].get(policy))}</td>" for model in each.models)
    same = each.verdicts_agree(policy)
    asked = sum(policy in rulings for rulings in each.rulings.values())
    last = _agreement(same, several) if asked > 1 else "<td></td>" * several
    return f'<tr{_marks(same, "tc-policy")}><th scope="row">policy {escaped(policy)}</th>{cells}{last}</tr>'


def _ruling(ruling: Ruling | None) -> str:
    if ruling is None:
        return '<span class="tc-not">not for this model</span>'
    name = "refused" if ruling.verdict == REFUSED else ruling.verdict
    hand = "; thresholds set by hand" if ruling.by_hand else ""
    return (
        f'<strong class="tc-verdict tc-v-{name}"><span aria-hidden="true">{SIGNS[ruling.verdict]}</span> '
        f"{ruling.verdict}</strong> <small>{html.escape(ruling.why)}{hand}</small>"
    )


def _marks(same: bool, also: str = "") -> str:
    names = " ".join(filter(None, [also, "" if same else "tc-differ"]))
    return f' class="{names}"' if names else ""


def _agreement(same: bool, several: bool) -> str:
    if not several:
        return ""
    return f'<td class="tc-agree">{"agree" if same else "<strong>differ</strong>"}</td>'


def _bar(label: str, prob: float, cut: float) -> str:
    """The bar twice: as a picture, and in characters for viewers without style; both are told by the numbers."""
    full = round(CELLS * prob)
    at = min(max(100 * cut - 0.8, 0), 98.4)
    return (
        '<svg class="tc-bar" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<rect class="tc-ground" y="3" width="100" height="8"/>'
        f'<rect class="tc-fill tc-{label}" y="3" width="{100 * prob:.1f}" height="8"/>'
        f'<rect class="tc-cut" x="{at:.1f}" width="1.6" height="14"/></svg>'
        f'<span class="tc-chars" aria-hidden="true">{"█" * full}{"░" * (CELLS - full)} </span>'
    )


def _number(value: float) -> str:
    """A probability with two digits; never 0 or 1, which no model can be sure of."""
    if math.isnan(value):
        return "–"
    return "&lt;.01" if 0 < value < 0.005 else "&gt;.99" if 0.995 <= value < 1 else f"{value:.2f}"


def _why(each: Judgement) -> str:
    turn = each.turn
    if not turn.label:
        return ""
    parts = [
        f'<p class="tc-error" role="alert">{escaped(name)} can\'t be explained so: {escaped(line)}</p>'
        for name, line in turn.failed.items()
    ]
    if turn.explanations:
        parts.append(fragment(list(turn.explanations.values()), turn.label, styled=False))
        parts.append('<p class="tc-note">Explained is each model\'s own score, as it is before calibration.</p>')
    elif not turn.failed:
        parts.append(f'<p class="tc-busy">Explaining {pretty(turn.label)} …</p>')
    return f'<div class="tc-why">{"".join(parts)}</div>'


def plain(each: Judgement) -> str:
    """A comment and its agreement in a line of plain text."""
    text = as_plain(each.turn.text[:80])
    return f"{each.turn.number or 'draft'}  {text}{'…' if len(each.turn.text) > 80 else ''}\n   {each.told()}"
