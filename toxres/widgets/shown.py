"""A comment of a table of errors in words and HTML: a line of a list, and what each model says of each label.

Nothing here holds the text of a comment.
"""

import html
import math
from collections.abc import Sequence
from importlib import resources

from toxres.data.functional import FUNCTIONALITIES
from toxres.evaluation.arrays import POSITIVE_AT
from toxres.evaluation.disagreement import label_sets
from toxres.explain.characters import as_plain
from toxres.explain.sheet import theme_rules
from toxres.labels import LABEL_COLOURS, LABELS
from toxres.plots.style import pretty
from toxres.widgets.choice import ANY, Choice, judged_label, loosened, patterns
from toxres.widgets.table import Judged

LISTED = 200
"""Comments that a list holds at most."""

FIELDS = {
    "label": "any label",
    "outcome": "any outcome",
    "group": "any group",
    "functionality": "any functionality",
    "search": "no search",
}
"""What a limit is loosened to, in words."""


def sheet() -> str:
    """The style sheet of the browser and its twin: constants only."""
    own = resources.files("toxres.widgets").joinpath("errors.css").read_text(encoding="utf-8")
    return "\n".join([*theme_rules(".toxres-errors", ".toxres-errors"), own])


def escaped(name: object) -> str:
    """A name or number: in one line, what would not show told by its code point, and no markup."""
    return html.escape(as_plain(str(name)))


def functionality_name(code: str) -> str:
    """A functional test in words, where it is one of HateCheck's."""
    return FUNCTIONALITIES[code].name if code in FUNCTIONALITIES else code


def truth_word(value: float) -> str:
    """A target: "yes", "no", "unknown", or the share of raters with what it counts as."""
    if math.isnan(value):
        return "unknown"
    word = "yes" if value >= POSITIVE_AT else "no"
    return word if value in (0, 1) else f"{word} ({value:.2f})"


def is_wrong(given: bool, value: float) -> bool:
    """Whether a decision differs from a target; nothing is wrong about an unknown one."""
    return not math.isnan(value) and given != (value >= POSITIVE_AT)


def list_lines(each: Judged, rows: Sequence[int], label: str = ANY) -> list[tuple[str, int]]:
    """A line for each row of a list, beside the row: id, outcome, a label, and the models' probabilities of it."""
    if not len(rows):
        return []
    names = [as_plain(str(each.table["id"].iat[row])) for row in rows]
    found = patterns(each, label)
    cases = [found.iat[row] for row in rows]
    shown = [judged_label(each, row, label) for row in rows]
    widths = [min(max(map(len, column)), 40) for column in (names, cases, list(map(pretty, shown)))]
    lines = []
    for row, name, case, one in zip(rows, names, cases, shown, strict=True):
        cells = [cell.ljust(width, "\u00a0") for cell, width in zip((name, case, pretty(one)), widths, strict=True)]
        column = LABELS.index(one)
        cells += [f"{model} {each.probs[model][row, column]:.2f}" for model in each.models]
        lines.append(("\u00a0\u00a0".join(cells), int(row)))
    return lines


def count_html(each: Judged, choice: Choice, count: int) -> str:
    """How many comments fit, and what to loosen where none does."""
    told = f"<strong>{count:,}</strong> of {len(each.table):,} comments"
    if count > LISTED:
        told += f"; the first {LISTED} by {escaped(choice.order)} are listed"
    if count == 0:
        options = [f"{FIELDS[field]}: {found:,}" for field, found in loosened(each, choice).items()]
        advice = f"Loosen one limit ({'; '.join(options)})." if options else "Loosen several limits at once."
        told += f". None fits. {advice}"
    return f'<div class="toxres-errors te-count" role="status">{told}</div>'


def details_html(each: Judged, row: int, label: str) -> str:
    """What is true of a comment and what each model says, without its text.

    Args:
        each: The table.
        row: Of the comment.
        label: The label whose row stands out.
    """
    line = each.table.iloc[row]
    facts = [f"<strong>{escaped(line['id'])}</strong>", f"group {escaped(line['group'])}"]
    if line["functionality"]:
        facts.append(f"tests {escaped(functionality_name(line['functionality']))}")
    truth = label_sets(each.targets[row : row + 1])[0]
    unknown = int(sum(map(math.isnan, each.targets[row])))
    facts.append(f"true labels: {escaped(truth)}" + (f" ({unknown} unknown)" if unknown else ""))
    facts.append(escaped(patterns(each).iat[row]))
    heads = "".join(f'<th scope="colgroup" colspan="3">{escaped(name)}</th>' for name in each.models)
    subheads = "".join(f'<th scope="col">{name}</th>' for name in ("probability", "threshold", "decision"))
    body = "\n".join(_label_row(each, row, one, one == label) for one in LABELS)
    return (
        f'<div class="toxres-errors te-details"><p class="te-facts">{" · ".join(facts)}</p>\n'
        '<div class="te-scroll" tabindex="0" role="region" aria-label="Labels and models"><table>'
        f'<thead><tr><th rowspan="2" scope="col">label</th><th rowspan="2" scope="col">true</th>{heads}</tr>'
        f"<tr>{subheads * len(each.models)}</tr></thead>\n<tbody>{body}</tbody></table></div></div>"
    )


def message_html(text: str, kind: str = "hint") -> str:
    """One line for the panel: a "hint", that something is "busy", or an "error"."""
    role = "alert" if kind == "error" else "status"
    return f'<div class="toxres-errors te-{kind}" role="{role}">{escaped(text)}</div>'


def swatch(label: str) -> str:
    """A patch of a label's colour."""
    return f'<i class="te-swatch" style="background:{LABEL_COLOURS[label]}"></i>'


def _label_row(each: Judged, row: int, label: str, marked: bool) -> str:
    column, parts = LABELS.index(label), []
    value = each.targets[row, column]
    for model in each.models:
        prob, cut = each.probs[model][row, column], each.thresholds[model][column]
        given = bool(each.decided[model][row, column])
        word = "given" if given else "not given"
        wrong = is_wrong(given, value)
        told = f'<strong class="te-wrong">{word}, wrong</strong>' if wrong else word
        bar = (
            f'<span class="te-bar" aria-hidden="true"><i style="width:{100 * prob:.1f}%;'
            f'background:{LABEL_COLOURS[label]}"></i><b style="left:{100 * cut:.1f}%"></b></span>'
        )
        parts.append(f'<td class="te-first">{bar}{prob:.3f}</td><td>{cut:.3f}</td><td>{told}</td>')
    mark = ' class="te-marked"' if marked else ""
    return (
        f'<tr{mark}><th scope="row">{swatch(label)}{pretty(label)}</th><td>{truth_word(value)}</td>'
        f"{''.join(parts)}</tr>"
    )
