"""The results in README.md, generated from the recorded figures.

    python -m toxres.readme            write them
    python -m toxres.readme --check    exit with 1 if README.md shows anything else

`data/results/headline.json` holds our figures, `data/results/published.json` those of others, with their sources.
"""

import sys
from collections.abc import Mapping, Sequence

from toxres import findings
from toxres.bench.results import read_results
from toxres.bench.shown import bench_section
from toxres.errors import InputError
from toxres.experiments import scale_told, told
from toxres.files import ROOT, read_json, write_text
from toxres.results import read_headline

README = ROOT / "README.md"
PUBLISHED = ROOT / "data" / "results" / "published.json"
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
SCALE_BEGIN, SCALE_END = "<!-- scale:begin -->", "<!-- scale:end -->"
SPEED_BEGIN, SPEED_END = "<!-- bench:begin -->", "<!-- bench:end -->"

TITLES = {
    "jigsaw.oof": "Jigsaw, out of fold: no model has seen the comments it scores, nor their near duplicates",
    "ablation": "Pooling and loss, Jigsaw alone, mean over seeds",
    "poleval.6-1": "PolEval 2019, task 6-1: which Polish tweets are harmful? The official test file, scored once",
    "poleval.6-2": "PolEval 2019, task 6-2: cyberbullying, hate speech or neither? The official test file, scored once",
    "hatecheck": "HateCheck, 3,728 functional tests: share decided right, by a rule chosen on other comments",
    "madlibs": "Madlibs, 76,564 sentences about identities: does the toxic score rank them right?",
    "triage": "Accept, reject or ask a person: Jigsaw, out of fold, toxic or not, at most 1% of all automatic "
    "decisions wrong with confidence 95%; means of random splits into halves",
    "spans.test": "Toxic spans: do explanations mark what people did? SemEval-2021 Task 5, test posts, character F1",
}
"""Tables of the README: groups `<section>.<row>` of the headline figures become rows of their section."""

COLUMNS = {
    "toxic_auroc": "toxic AUROC",
    "macro_auroc": "macro AUROC",
    "macro_ap": "macro AP",
    "rare_ap": "rare AP",
    "macro_f1_tuned": "macro-F1, tuned",
    "macro_ece": "macro ECE",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy",
    "micro_f": "micro-F",
    "macro_f": "macro-F",
    "total": "all cases",
    "hateful": "hateful",
    "non_hateful": "not hateful",
    "auc": "AUC",
    "attention": "attention",
    "integrated_gradients": "integrated gradients",
    "gradient_x_input": "gradient x input",
    "occlusion": "occlusion",
    "shapley": "Shapley, both ends",
    "lexicon": "word list",
    "random": "random",
    "supervised": "learned from spans",
    "seeds": "seeds",
    "coverage_at_99": "decided automatically",
    "accuracy_automated": "right of these",
    "promise_broken_share": "true error above 1%",
    "heldout_above_share": "held-out half shows above 1%",
}
"""Figures in the order they are shown, and what they are called."""

ROWS_OF = {
    ("triage", "tfidf"): "TF-IDF, promised",
    ("triage", "baseline"): "baseline, promised",
    ("triage", "custom"): "custom, promised",
    ("triage", "ulmfit"): "ULMFiT, promised",
}
"""What a section means by a row: triage promises something of each model."""

COLUMNS_OF = {("jigsaw.oof", "macro_ece"): "macro ECE, recalibrated", ("ablation", "macro_ece"): "macro ECE, raw"}
"""What a section means by a figure: the ablation's ECE is that before recalibration."""

ROWS = {
    "tfidf": "TF-IDF + logistic regression",
    "baseline": "baseline: [CLS], linear head, BCE",
    "custom": "custom: attention pooling, residual head, focal loss",
    "custom_balanced": "custom, with balanced comments too",
    "ulmfit": "ULMFiT",
    "cls_bce": "[CLS], BCE",
    "cls_focal": "[CLS], focal loss",
    "attention_bce": "attention pooling, BCE",
    "attention_focal": "attention pooling, focal loss",
    "jigsaw": "six models, promised by Learn-then-Test",
    "jigsaw_tuned": "six models, tuned on the calibration half",
    "jigsaw_certainty": "six models, certainty of 99% at face value",
    "pair": "baseline and custom, promised",
    "f1": "ours; for each method the model with the highest F1 where its rule was tuned",
    "test": "multiview: n-grams and a multilingual encoder, frozen and fine-tuned",
}
"""Rows in the order they are shown, and what they are called."""

VERDICT_QUESTIONS = ("macro AP", "macro AUROC")
"""Questions of `findings.QUESTIONS` that the README answers; all of an experiment's count when it is corrected."""

NOTHING = "No figure has been recorded yet."


def results_section(figures: Mapping[str, object], published: Sequence[Mapping]) -> str:
    """The generated part of the README, in Markdown.

    Args:
        figures: As in `data/results/headline.json`.
        published: Figures of others: `section`, `name`, `values`, `differs`, `source`, `url`.
    """
    parts, shown = [], set()
    for section, title in TITLES.items():
        groups = _groups(figures, section)
        if groups:
            parts.append(
                _table(section, title, groups, figures, [row for row in published if row["section"] == section])
            )
            shown |= {f"{section}.{row}.{name}" for row, values in groups.items() for name in values}
    rest = {
        key: value
        for key, value in figures.items()
        if key not in shown and not key.endswith("._run") and not key.startswith("bench.")  # those have their own place
    }
    if rest:
        lines = ["**Further figures**", "", "| figure | value |", "| --- | ---: |"]
        parts.append("\n".join([*lines, *(f"| `{key}` | {_number(value)} |" for key, value in sorted(rest.items()))]))
    return "\n\n".join(parts) if parts else NOTHING


def _groups(figures: Mapping[str, object], section: str) -> dict[str, dict[str, object]]:
    """The figures of a section: row to figure to value, rows in the order of `ROWS`."""
    groups: dict[str, dict[str, object]] = {}
    for key, value in figures.items():
        row, _, name = key.removeprefix(f"{section}.").partition(".")
        if key.startswith(f"{section}.") and name in COLUMNS:
            groups.setdefault(row, {})[name] = value
    order = list(ROWS)
    return dict(sorted(groups.items(), key=lambda item: (order.index(item[0]) if item[0] in ROWS else 99, item[0])))


def _table(
    section: str, title: str, groups: Mapping[str, Mapping], figures: Mapping[str, object], published: Sequence[Mapping]
) -> str:
    columns = [name for name in COLUMNS if any(name in values for values in groups.values())]
    header = ["", *(COLUMNS_OF.get((section, name), COLUMNS[name]) for name in columns)]
    lines = [f"**{title}**", "", _row(header), _row(["---", *["---:"] * len(columns)])]
    for row, values in groups.items():
        lines.append(
            _row([ROWS_OF.get((section, row), ROWS.get(row, row)), *(_number(values.get(name)) for name in columns)])
        )
    notes: dict[str, int] = {}
    for item in published:
        source = f"[{item['source']}]({item['url']})" if item["url"] else item["source"]
        note = f"{source}: {item['differs']}."
        number = notes.setdefault(note, len(notes) + 1)
        name = f"*{item['name']}* ({number})"
        lines.append(_row([name, *(_number(item["values"].get(column)) for column in columns)]))
    remarks = []
    if runs := sorted({_run_line(figures[key]) for row in groups if (key := f"{section}.{row}._run") in figures}):
        remarks.append(f"Computed by {'; '.join(runs)}.")
    if notes:
        remarks.append("In italics, as published: " + " ".join(f"({n}) {note}" for note, n in notes.items()))
    return "\n".join([*lines, "", *remarks]).rstrip()


def _run_line(run: Mapping) -> str:
    sources = ", ".join(f"{name} {digest[:8]}" for name, digest in sorted(run["sources"].items()))
    return f"preset {run['preset']} on {sources} (sha256), commit {run['commit']}, {run['date']}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) and (value <= 1 or value % 1) else f"{value:,.0f}"


def verdicts_section(results: Mapping[str, Mapping]) -> str:
    """What the committed comparisons say, a sentence each, nulls included; "" where there are none.

    Args:
        results: By experiment, what `data/results/<experiment>.json` holds.
    """
    parts = []
    for experiment in findings.PAIRS:
        if experiment in results:
            tests = findings.family(results[experiment], experiment)
            if lines := findings.verdicts(tests, VERDICT_QUESTIONS):
                parts.append("\n".join([*(f"- {line}" for line in lines), "", findings.family_note(tests, experiment)]))
    if not parts:
        return ""
    return "\n\n".join(["**Who beats whom** (same comments, 95% intervals)", *parts])


def committed_results() -> dict[str, Mapping]:
    """The committed results by family of comparisons, where there are some."""
    files = {name: PUBLISHED.with_name(f"{findings.EXPERIMENT_OF.get(name, name)}.json") for name in findings.PAIRS}
    return {name: read_json(file) for name, file in files.items() if file.is_file()}


def generated() -> str:
    """What stands between the markers: tables, then findings in words, folded, from the figures recorded now."""
    tables = results_section(read_headline(), read_json(PUBLISHED))
    verdicts = folded("Who beats whom: every comparison in words", verdicts_section(committed_results()))
    questions = folded("Normalisation, unlabelled text, groups of sites, decisions", told.as_lists(told.headlines()))
    return "\n\n".join(filter(None, [tables, verdicts, questions]))


def folded(title: str, section: str) -> str:
    """A section that opens when its title is clicked; nothing where it is empty."""
    return section and f"<details>\n<summary>{title}</summary>\n\n{section}\n\n</details>"


def with_results(text: str, section: str, begin: str = BEGIN, end: str = END) -> str:
    """The README's text with a generated part replaced: what stands between two markers.

    Raises:
        InputError: The two markers do not stand there once each, in order.
    """
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end) or begin in rest or end in after:
        raise InputError(f"README.md: needs one line {begin} and below it one line {end}; put them back")
    return f"{before}{begin}\n\n{section}\n\n{end}{after}"


def up_to_date(text: str) -> str:
    """The README's text with what is recorded now: results, how fast it is, and training at scale."""
    text = with_results(text, generated())
    text = with_results(text, bench_section(read_results(), read_headline()), SPEED_BEGIN, SPEED_END)
    return with_results(text, scale_told.section(), SCALE_BEGIN, SCALE_END)


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m toxres.readme [--check]`: 0, 1 if `--check` finds a difference, 2 for bad usage or input."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        if argv not in ([], ["--check"]):
            raise InputError(f"unknown arguments {' '.join(argv)!r}; the only one is --check")
        old = README.read_text(encoding="utf-8")
        new = up_to_date(old)
        if argv:
            if new != old:
                print("README.md does not show the recorded figures; run python -m toxres.readme", file=sys.stderr)
            return int(new != old)
        write_text(README, new)
        return 0
    except InputError as error:
        print(f"toxres.readme: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
