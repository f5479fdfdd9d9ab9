"""Explanations as HTML: a fragment for a notebook, or a page of its own. No script, no network, all text escaped."""

import base64
import hashlib
import html
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from toxres.colours import LEVELS
from toxres.errors import InputError
from toxres.explain.characters import as_html, as_plain, hidden_characters, name_html
from toxres.explain.record import METHODS, Explanation
from toxres.explain.sheet import shade_class, style_sheet
from toxres.explain.told import (
    Scale,
    checked,
    first_label,
    labels_of,
    logit,
    notes,
    number,
    plain_text,
    probability,
    scale_of,
    strongest,
    who,
)

WARNING = (
    "This page shows comments in full, so that they can be judged. They may be abusive, obscene or hateful; "
    "they are not the view of whoever made this page."
)
"""What a page says before its first comment."""

HOW = (
    "Words are shaded by how they count for the label whose tab is chosen: by mouse, or with the tab and arrow keys. "
    "A probability is a model's own; how far to trust it is another question."
)
"""What a page says of its use."""

SCROLL_LINES = 10
"""A comment longer than this many lines of 40 characters has a box that scrolls."""


def fragment(explanations: Sequence[Explanation], label: str | None = None, *, styled: bool = True) -> str:
    """One comment and why it has its scores: a tab a label; models or methods side by side.

    The tabs are radio buttons switched by CSS; their names differ from one call to the next.

    Args:
        explanations: Of the same text, by one model or method, or several.
        label: Whose tab is open at first; by default the label that scores highest.
        styled: With its style sheet; False where `style_sheet` stands on the page already.

    Raises:
        InputError: No explanation, different comments, or a label that none of them explains.
    """
    explanations = checked(explanations)
    sheet = f"<style>{style_sheet(len(labels_of(explanations)))}</style>" if styled else ""
    return _fragment(explanations, f"tx-{secrets.token_hex(6)}", label, sheet)


def page(
    explanations: Sequence[Sequence[Explanation]],
    title: str = "Why these comments have their scores",
    label: str | None = None,
) -> str:
    """A whole page: it needs no other file and no network, and its policy forbids scripts. Same input, same page.

    Args:
        explanations: For each comment, explanations of its text as in `fragment`.
        title: Of the page.
        label: Whose tabs are open at first; by default the label that scores highest with each comment.

    Raises:
        InputError: No comment, or one that `fragment` would refuse.
    """
    comments = [checked(each) for each in explanations]
    if not comments:
        raise InputError("no comment to show; pass the explanations of at least one")
    sheet = style_sheet(max(len(labels_of(each)) for each in comments), page=True)
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    articles = []
    for i, each in enumerate(comments, start=1):
        head = f"Comment {i} of {len(comments)}" if len(comments) > 1 else "The comment"
        body = _fragment(each, f"c{i}", label)
        articles.append(f'<article aria-labelledby="c{i}-head">\n<h2 id="c{i}-head">{head}</h2>\n{body}\n</article>')
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{html.escape(as_plain(title))}</title>",
            f"<style>{sheet}</style>",
            "</head>",
            '<body class="toxres-page">',
            f"<header>\n<h1>{name_html(title)}</h1>",
            f'<p class="tx-warning" role="note"><strong>Content warning.</strong> {WARNING}</p>',
            f'<p class="tx-how">{HOW}</p>',
            "</header>",
            "<main>",
            *articles,
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


@dataclass(frozen=True, repr=False)
class View:
    """What a notebook shows: the fragment, or the same in plain text where there is no HTML.

    Attributes:
        explanations: Of one comment.
        label: Whose tab is open at first.
    """

    explanations: tuple[Explanation, ...]
    label: str | None = None

    def _repr_html_(self) -> str:
        return fragment(self.explanations, self.label)

    def __repr__(self) -> str:
        return plain_text(self.explanations)


def view(explanations: Sequence[Explanation], label: str | None = None) -> View:
    """`fragment` for a notebook: the last expression of a cell, or an argument of `display`.

    A viewer that removes styles shows `toxres.plots.explanation.static` instead.

    Raises:
        InputError: As in `fragment`.
    """
    explanations = checked(explanations)
    first_label(explanations, label)
    return View(explanations, label)


def _fragment(explanations: tuple[Explanation, ...], uid: str, label: str | None, style: str = "") -> str:
    labels, opened = labels_of(explanations), first_label(explanations, label)
    hidden = hidden_characters(explanations[0].text)
    panels = []
    for k, name in enumerate(labels, start=1):
        cards = "\n".join(
            _card(explanations, each, name, hidden, f"{uid}-{k}-{i}") for i, each in enumerate(explanations, start=1)
        )
        only = " tx-only" if len(labels) == 1 else ""
        described = html.escape(as_plain(name))
        panels.append(
            f'<div class="tx-panel tx-panel-{k}{only}" role="group" aria-label="{described}">\n'
            f'<div class="tx-cards">\n{cards}\n</div>\n</div>'
        )
    parts = [style, _tabs(explanations, labels, opened, uid), *panels, _legend(explanations, hidden)]
    parts.append(_tables(explanations, hidden))
    inner = "\n".join(part for part in parts if part)
    return f'<section class="toxres-why" aria-label="Why a comment has its scores">\n{inner}\n</section>'


def _tabs(explanations: tuple[Explanation, ...], labels: tuple[str, ...], opened: str, uid: str) -> str:
    if len(labels) == 1:
        return ""
    tabs = []
    for k, name in enumerate(labels, start=1):
        told = " · ".join(probability(logit(each, name)) if name in each.labels else "–" for each in explanations)
        checked_one = " checked" if name == opened else ""
        tabs.append(
            f'<label class="tx-tab"><input type="radio" name="{uid}" id="{uid}-{k}" class="tx-{k}"{checked_one}>'
            f"<span>{name_html(name)}<small>{html.escape(told)}</small></span></label>"
        )
    return '<fieldset class="tx-tabs"><legend>Label</legend>\n' + "\n".join(tabs) + "\n</fieldset>"


def _card(
    explanations: tuple[Explanation, ...], each: Explanation, label: str, hidden: frozenset[int], uid: str
) -> str:
    parts = [
        f'<section class="tx-card" aria-labelledby="{uid}">',
        f'<p class="tx-name" id="{uid}">{_who(each)}</p>',
    ]
    if label not in each.labels:
        parts.append('<p class="tx-score">This label is not explained here.</p>\n</section>')
        return "\n".join(parts)
    score, scale = logit(each, label), scale_of(explanations, each.method, label)
    told = "score not known" if math.isnan(score) else f"<strong>{html.escape(probability(score))}</strong>"
    told += f" {name_html(label)}" + ("" if math.isnan(score) else f" (logit {number(score)})")
    parts += [f'<p class="tx-score">{told}</p>', _text(each, label, scale, hidden), _scale(scale)]
    items = [
        f'<li>{_word(each, i, hidden)} <span class="tx-value">{scale.told(each.of(label)[i])}</span></li>'
        for i in strongest(each, label)
    ]
    if items:
        head = "Strongest words, strongest first"
        parts.append(f'<p class="tx-head" aria-hidden="true">{head}</p>')
        parts.append(f'<ol class="tx-strongest" role="list" aria-label="{head}">' + "".join(items) + "</ol>")
    if each.note:
        parts.append(f'<p class="tx-note" role="note">Careful: {as_html(each.note)}.</p>')
    sentences = html.escape(" ".join(notes(each, label)))
    parts.append(f'<p class="tx-notes">{sentences}</p>\n</section>')
    return "\n".join(parts)


def _who(each: Explanation) -> str:
    method = f"<span>{METHODS[each.method]}</span>"
    return f"{name_html(each.model)}, {method}" if each.model else method


def _text(each: Explanation, label: str, scale: Scale, hidden: frozenset[int]) -> str:
    """The comment as it was written, its words in spans with shade and value."""
    values = each.of(label)
    levels, parts, place = scale.levels(values), [], 0
    for i, (start, end) in enumerate(each.words):
        parts.append(as_html(each.text, hidden, place, start))
        if each.read[i]:
            classes, title = f"w {shade_class(int(levels[i]))}".strip(), scale.told(values[i])
        else:
            classes, title = "w tx-unread", "not read by the model"
        parts.append(f'<span class="{classes}" title="{title}">{as_html(each.text, hidden, start, end)}</span>')
        place = end
    parts.append(as_html(each.text, hidden, place))
    lines = sum(1 + len(line) // 40 for line in each.text.split("\n"))
    scroll = ' tx-scroll" tabindex="0" role="region" aria-label="The comment, scrolling' if lines > SCROLL_LINES else ""
    return f'<div class="tx-text{scroll}" dir="auto" lang="">{"".join(parts)}</div>'


def _scale(scale: Scale) -> str:
    ends = [(scale.told(scale.limit), "raises" if scale.signed else "most")]
    ends.insert(0, (scale.told(0.0), "nothing"))
    described = f"Scale: {ends[0][0]} is not shaded, {ends[1][0]} is the deepest orange"
    if scale.signed:
        ends.insert(0, (scale.told(-scale.limit), "lowers"))
        described += f" and raises the score, {ends[0][0]} is the deepest blue and lowers it"
    shades = "".join(
        f'<i class="{shade_class(level)}"></i>' for level in range(-LEVELS if scale.signed else 0, LEVELS + 1)
    )
    ticks = "".join(f"<span>{value}<small>{meaning}</small></span>" for value, meaning in ends)
    if scale.limit == 0:
        shades, ticks, described = "<i></i>", "<span>0.00<small>every value</small></span>", "Scale: every value is 0"
    return (
        f'<div class="tx-scale" role="img" aria-label="{described}."><div class="tx-shades">{shades}</div>'
        f'<div class="tx-ticks">{ticks}</div></div>'
    )


def _word(each: Explanation, i: int, hidden: frozenset[int]) -> str:
    start, end = each.words[i]
    return f'<bdi lang="">{as_html(each.text, hidden, start, end)}</bdi>'


def _legend(explanations: tuple[Explanation, ...], hidden: frozenset[int]) -> str:
    told = []
    if not all(each.read.all() for each in explanations):
        told.append('<span class="w tx-unread">word</span> was not read by the model, which cuts off long comments.')
    if any(explanations[0].text[i] != "\r" for i in hidden):
        told.append('<span class="tx-char">U+200B</span> is a character that would not show, by its Unicode number.')
    return f'<p class="tx-legend">{" ".join(told)}</p>' if told else ""


def _tables(explanations: tuple[Explanation, ...], hidden: frozenset[int]) -> str:
    tables = []
    for each in explanations:
        scales = [scale_of(explanations, each.method, label) for label in each.labels]
        head = "".join(f'<th scope="col">{name_html(label)}</th>' for label in each.labels)
        rows = []
        for i, values in enumerate(each.attributions):
            cells = [scale.told(value) for scale, value in zip(scales, values, strict=True)]
            cells = cells if each.read[i] else ["not read"] * len(cells)
            told = "".join(f"<td>{cell}</td>" for cell in cells)
            rows.append(f'<tr><th scope="row">{_word(each, i, hidden)}</th>{told}</tr>')
        described = html.escape(as_plain(f"Values by word and label: {who(each)}"))
        tables.append(
            f'<div class="tx-scroll tx-table" tabindex="0" role="region" aria-label="{described}"><table>'
            f'<caption>{_who(each)}</caption><thead><tr><th scope="col">word</th>{head}</tr></thead>\n'
            f"<tbody>{chr(10).join(rows)}</tbody></table></div>"
        )
    inner = f'<div class="tx-tables">{"".join(tables)}</div>'
    return f"<details><summary>Values of all words and labels</summary>{inner}</details>"
