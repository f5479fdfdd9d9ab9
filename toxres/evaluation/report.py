"""Tables of evaluations, for terminals, Markdown and notebooks."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from toxres.evaluation.metrics import Evaluation

TITLES = {
    "support": "known",
    "positives": "positive",
    "prevalence": "prevalence",
    "auroc": "AUROC",
    "ap": "AP",
    "f1_at_half": "F1@0.5",
    "f1_tuned": "F1 tuned",
    "threshold": "threshold",
    "precision": "precision",
    "recall": "recall",
    "brier": "Brier",
    "ece": "ECE",
    "brier_calibrated": "Brier cal.",
    "ece_calibrated": "ECE cal.",
    "micro_f1_tuned": "micro-F1 tuned",
}
"""What a column of `Evaluation.per_label` is called in print."""

COMPARED = ("auroc", "ap", "f1_at_half", "f1_tuned", "micro_f1_tuned", "ece", "ece_calibrated")
"""The macro means that `compare_table` shows."""

EXCLUSIVE_TITLES = {"f1_at_half": "F1 argmax", "micro_f1_tuned": "accuracy tuned"}
"""What some of them are called where the labels are exclusive classes."""

OPTIONAL = ("f1_tuned", "brier_calibrated", "ece_calibrated")
"""Metrics that are NaN throughout when no thresholds or no calibrated probabilities were given."""


def evaluation_table(evaluation: Evaluation) -> str:
    """One evaluation as aligned text: a row a label, the macro means, and how many labels each mean leaves out."""
    titles = TITLES | (EXCLUSIVE_TITLES if evaluation.exclusive else {})
    frame = evaluation.per_label.drop(columns="brier_calibrated").rename(columns=titles).astype(object)
    frame.loc["macro"] = {name: evaluation.macro.get(key, "") for key, name in titles.items() if name in frame}
    frame = frame.drop(columns=[title for title in frame if _all_nan(frame[title])])
    return f"{format_table(frame)}\n\n{undefined_note({'': evaluation})}"


def comparison_frame(evaluations: Mapping[str, Evaluation]) -> pd.DataFrame:
    """Macro means of several evaluations, a row each; columns named as in `Evaluation.macro`, and `undefined`.

    `undefined` counts the labels left out of the macro AUROC, AP or F1, whichever left out most.
    """
    rows = {name: {metric: item.macro[metric] for metric in COMPARED} for name, item in evaluations.items()}
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(COMPARED))
    ranked = ("auroc", "ap", "f1_at_half")
    frame["undefined"] = [max(item.macro["undefined"][key] for key in ranked) for item in evaluations.values()]
    return frame.rename_axis("model")


def label_frame(evaluations: Mapping[str, Evaluation], metric: str = "ap") -> pd.DataFrame:
    """One metric of several evaluations: a row a label, a column a model."""
    return pd.DataFrame({name: item.per_label[metric] for name, item in evaluations.items()})


def compare_table(evaluations: Mapping[str, Evaluation], *, title: str = "") -> str:
    """Macro means of several evaluations as a Markdown table, which is aligned for terminals too.

    Args:
        evaluations: By the name to print.
        title: A line above the table; say there where the data came from.
    """
    titles = TITLES | (EXCLUSIVE_TITLES if any(item.exclusive for item in evaluations.values()) else {})
    frame = comparison_frame(evaluations).drop(columns="undefined").astype(object).rename(columns=titles)
    frame = frame.drop(columns=[column for column in frame if _all_nan(frame[column])])
    lines = [title, ""] if title else []
    return "\n".join([*lines, format_table(frame, corner="model"), "", undefined_note(evaluations)])


def undefined_note(evaluations: Mapping[str, Evaluation]) -> str:
    """How many labels the macro means leave out, in words."""
    notes = []
    for name, item in evaluations.items():
        counts = {
            TITLES[metric]: count
            for metric, count in item.macro["undefined"].items()
            if count and not (metric in OPTIONAL and np.isnan(item.macro[metric]))
        }
        if counts:
            told = ", ".join(f"{count} from {metric}" for metric, count in counts.items())
            notes.append(f"{name + ': ' if name else ''}{told}")
    return "Labels left out of the macro means (undefined): " + ("; ".join(notes) or "none").removesuffix(".") + "."


def format_table(frame: pd.DataFrame, *, corner: str = "label", digits: int = 3) -> str:
    """A frame as an aligned Markdown table; floats get `digits` decimals, NaN a dash."""
    header = [corner, *map(str, frame.columns)]
    body = [[str(index), *(_cell(value, digits) for value in row)] for index, *row in frame.itertuples()]
    widths = [max(len(row[i]) for row in [header, *body]) for i in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    rows = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in [header, *body]]
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], rule, *rows[1:]])


def _cell(value: object, digits: int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    return "–" if np.isnan(value) else f"{value:.{digits}f}"


def _all_nan(column: pd.Series) -> bool:
    return all(value == "" or value != value for value in column)
