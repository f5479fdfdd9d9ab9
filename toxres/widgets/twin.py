"""What stands in a saved notebook for the browser of errors: counts and a short list, without the text of a comment."""

import dataclasses
import hashlib
from collections.abc import Sequence

import pandas as pd

from toxres.evaluation.arrays import known, positives
from toxres.evaluation.disagreement import label_sets, pattern_names, patterns_by_label
from toxres.labels import LABELS
from toxres.plots.style import pretty
from toxres.widgets.choice import ANY, Choice, judged_label, patterns, select, wrongly
from toxres.widgets.shown import escaped, functionality_name, is_wrong, sheet, swatch
from toxres.widgets.table import Judged


@dataclasses.dataclass(frozen=True, repr=False)
class Twin:
    """Tables that any viewer shows, with styles or without.

    Attributes:
        html: Escaped, without script.
        text: The same counts in plain text.
        name: A class of the outermost element, by which a page that shows the live browser hides it.
    """

    html: str
    text: str
    name: str

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


def twin(each: Judged, choice: Choice, top: int = 10, origin: str = "") -> Twin:
    """Counts of outcomes and errors by label and model, and the first comments of a choice by their ids.

    Args:
        each: The table.
        choice: Which comments the list is of, and its order.
        top: Comments of the list.
        origin: Where the comments came from.
    """
    title = f"What {' and '.join(each.models)} get{'s' * (len(each.models) == 1)} wrong, label by label"
    rows = select(each, choice)
    origin = origin or f"{len(each.table):,} comments"
    parts = [
        f'<p class="te-title"><b>{escaped(title)}</b></p><p class="te-origin">{escaped(origin)}</p>',
        _counts(each),
        _top(each, rows[:top], choice, len(rows)),
        '<p class="te-note">Ids only: the texts are shown by the live browser, when this notebook runs.</p>',
    ]
    body = "\n".join(parts)
    name = f"te-{hashlib.sha256(body.encode()).hexdigest()[:12]}"
    text = f"{title} ({origin})\n{_cases(each).to_string()}"
    return Twin(f'<div class="toxres-errors te-twin {name}"><style>{sheet()}</style>\n{body}</div>', text, name)


def _cases(each: Judged) -> pd.DataFrame:
    """Comments of which something is known, by outcome."""
    some = known(each.targets).any(axis=1)
    return patterns_by_label(each.targets[some], {name: given[some] for name, given in each.decided.items()})


def _counts(each: Judged) -> str:
    cases = _cases(each)
    order = pattern_names(each.models)
    heads = [f'<th scope="colgroup" colspan="2">errors of {escaped(name)}</th>' for name in each.models]
    pair = '<th scope="col" class="te-first">false positives</th><th scope="col">false negatives</th>'
    outcomes = "".join(f'<th scope="col"{_first(i)}>{escaped(name)}</th>' for i, name in enumerate(order))
    lines = []
    for i, label in enumerate((ANY, *LABELS)):
        row = cases.iloc[i]
        true = "" if label == ANY else f"{int(positives(each.targets[:, i - 1]).sum()):,}"
        if label == ANY:
            true = f"{int((positives(each.targets) & known(each.targets)).any(axis=1).sum()):,}"
        cells = [f"<td>{row['n']:,}</td><td>{true}</td>"]
        cells += [f"<td{_first(k)}>{row[name]:,}</td>" for k, name in enumerate(order)]
        for model in each.models:
            for k, kind in enumerate(("false positive", "false negative")):
                cells.append(f"<td{_first(k)}>{int(wrongly(each, model, kind, label).sum()):,}</td>")
        name = "the whole comment" if label == ANY else f"{swatch(label)}{pretty(label)}"
        lines.append(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>')
    return (
        '<div class="te-scroll"><table><thead><tr><th rowspan="2" scope="col">label</th>'
        '<th rowspan="2" scope="col">comments</th><th rowspan="2" scope="col">with it</th>'
        f'<th scope="colgroup" colspan="{len(order)}">comments by outcome</th>{"".join(heads)}</tr>'
        f"<tr>{outcomes}{pair * len(each.models)}</tr></thead>\n<tbody>{chr(10).join(lines)}</tbody></table></div>"
    )


def _top(each: Judged, rows: Sequence[int], choice: Choice, count: int) -> str:
    limits = [str(getattr(choice, field)) for field in ("label", "outcome", "group", "functionality")]
    limits = [pretty(limit) for limit in limits if limit != ANY]
    what = f"{count:,} comments" + (f" ({', '.join(limits)})" if limits else "")
    if not len(rows):
        return f'<p class="te-note">{escaped(what)}.</p>'
    order = "by id" if choice.order == "id" else f"those of the {choice.order}"
    tested = any(each.table["functionality"].iloc[rows])
    groups = each.table["group"].nunique() > 1
    heads = ["id", *(["group"] if groups else []), *(["tests"] if tested else []), "true labels", "outcome", "label"]
    found, lines = patterns(each, choice.label), []
    for row in rows:
        line, label = each.table.iloc[row], judged_label(each, row, choice.label)
        column = LABELS.index(label)
        cells = [line["group"]] * groups + [functionality_name(line["functionality"])] * tested
        cells += [label_sets(each.targets[row : row + 1])[0], found.iat[row]]
        shown = [f'<td class="te-text">{escaped(cell)}</td>' for cell in cells]
        shown.append(f'<td class="te-text">{swatch(label)}{pretty(label)}</td>')
        for model in each.models:
            given = bool(each.decided[model][row, column])
            word = "given" if given else "not given"
            wrong = is_wrong(given, each.targets[row, column])
            told = f'<strong class="te-wrong">{word}, wrong</strong>' if wrong else word
            shown.append(f'<td class="te-first">{each.probs[model][row, column]:.2f} {told}</td>')
        lines.append(f'<tr><th scope="row">{escaped(line["id"])}</th>{"".join(shown)}</tr>')
    columns = "".join(f'<th scope="col" class="te-text">{name}</th>' for name in heads)
    columns += "".join(f'<th scope="col" class="te-first">{escaped(name)}</th>' for name in each.models)
    caption = f"The first {len(rows)} of {what}, {order}"
    return (
        f'<div class="te-scroll"><table><caption>{escaped(caption)}</caption><thead><tr>{columns}</tr></thead>\n'
        f"<tbody>{chr(10).join(lines)}</tbody></table></div>"
    )


def _first(place: int) -> str:
    return ' class="te-first"' if place == 0 else ""
