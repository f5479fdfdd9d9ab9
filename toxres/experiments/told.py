"""What the committed experiments say, as notebooks show it: sentences and small tables from their summaries."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.data.poleval import load_poleval
from toxres.errors import InputError
from toxres.evaluation.poleval import PUBLISHED, HarmfulScores, TypeScores
from toxres.evaluation.stress import ALL_KINDS, CLEAN
from toxres.experiments import explained_told
from toxres.files import read_json
from toxres.findings import MODEL_NAMES, RESULTS, verdict, with_holm

ARMS = {
    "baseline_adapted": "Transformer adapted by masked language modelling against as published",
    "ulmfit": "ULMFiT with its language model against random weights",
}
"""What sentences call the comparisons of label efficiency."""

DECIDERS = {
    "weighted": "decision, loss compensated",
    "plain": "decision, plain loss",
    "six_labels": "strongest of the enforced labels",
    "tfidf": "decision, n-grams",
}
"""What the table calls the arms of accept or reject."""

VIEWS = {
    "nb-char_wb-2-5": "letters, weighted by class",
    "tfidf-word-1-2": "words",
    "tfidf-word-1-2-stem5-plain": "beginnings of words",
    "layers-mean": "encoder as published, mean",
    "layers-max": "encoder as published, maximum",
    "first": "encoder after English toxicity",
    "members": "encoder fine-tuned",
}
"""What figures call the views of a tweet."""

DECISION_METRICS = {
    "ap": "AP",
    "f1": "F1 of rejects at 0.5",
    "f1_tuned": "F1 of rejects, tuned",
    "recall_tuned": "recall of rejects, tuned",
    "accuracy_tuned": "accuracy, tuned",
    "ece": "ECE, raw",
    "ece_calibrated": "ECE, recalibrated",
    "accuracy_at_half_coverage": "accuracy on the surest half",
}


DECISION_QUESTIONS = ("ap", "f1", "f1_tuned", "accuracy_at_half_coverage", "ece")
"""Metrics that the arms are compared by, which Holm's correction counts."""


def stress_sentences(
    stress: Mapping, figure: str = "toxic_auroc", name: str = "toxic AUROC", shares: Collection[float] | None = None
) -> list[str]:
    """Normalised against plain for each model: on comments as written, and at each share of obfuscated letters.

    Args:
        stress: The summary of the experiment.
        figure: What is measured, as the summary calls it.
        name: As sentences call it.
        shares: Only these; all by default.
    """
    sentences = []
    for model, found in stress["differences"].items():
        table = pd.DataFrame(found["table"])
        table = table[(table["figure"] == figure) & table["kind"].isin([CLEAN.kind, ALL_KINDS])]
        for row in table.sort_values("share").to_dict("records"):
            if shares is not None and row["share"] not in shares:
                continue
            place = "as written" if row["share"] == 0 else f"{row['share']:.0%} of the letters obfuscated"
            sentences.append(verdict(f"Normalised {MODEL_NAMES.get(model, model)}, {place}", row, name))
    return sentences


def efficiency_sentences(efficiency: Mapping, metric: str = "toxic_ap", name: str = "toxic AP") -> list[str]:
    """With and without reading first, for each family and number of labels."""
    rows = [row for row in efficiency["differences"] if row["metric"] == metric]
    return [verdict(f"{ARMS[row['arm']]}, {row['labels']:,} labels", {**row, "tests": len(rows)}, name) for row in rows]


def decision_table(decision: Mapping) -> pd.DataFrame:
    """A row an arm, a column a metric, each with its 95% interval in brackets."""
    rows = {
        DECIDERS[name]: {
            told: "{:.3f} [{:.3f}, {:.3f}]".format(*arm["metrics"][metric]) for metric, told in DECISION_METRICS.items()
        }
        for name, arm in decision["arms"].items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def decision_sentences(decision: Mapping, wanted: Collection[str] = DECISION_QUESTIONS) -> list[str]:
    """The head with loss compensation against the other arms.

    Args:
        decision: The summary of the experiment.
        wanted: Metrics out of `DECISION_METRICS`.
    """
    chosen = [row for row in decision["comparisons"] if row["metric"] in DECISION_QUESTIONS]
    table = with_holm(pd.DataFrame(chosen))
    table = table[table["metric"].isin(list(wanted))]
    return [
        verdict(f"{DECIDERS[row['a']]} against {DECIDERS[row['b']]}", row, DECISION_METRICS[row["metric"]])
        for _, row in table.iterrows()
    ]


def poleval_steps(poleval: Mapping) -> dict[str, Mapping]:
    """The cross-validated steps of the system, views by names for a figure."""
    names = {}
    for step, found in poleval["cv"]["steps"].items():
        view = step.removeprefix("+ ")
        names[("+ " if step != view else "") + VIEWS.get(view, view)] = found
    return names


def poleval_ours(poleval: Mapping, task: str) -> dict[str, HarmfulScores | TypeScores]:
    """Our rows of the table of systems, from the one run on the test file."""
    kind = {"6-1": HarmfulScores, "6-2": TypeScores}[task]
    names = {task: "ours: multiview", f"{task}, prior shift": "ours, prior re-estimated from the scores"}
    scores = poleval["test"]["scores"]
    return {
        told: kind(**{field: scores[name][field] for field in kind._fields})
        for name, told in names.items()
        if name in scores
    }


def poleval_tags(task: str) -> np.ndarray | None:
    """The tags of the test file, for the systems that give one tag always; None where it is not at hand."""
    try:
        return load_poleval(task, "test")["tag"].to_numpy()
    except InputError:
        return None


def poleval_sentences(poleval: Mapping) -> list[str]:
    """What the one run on the test file gave, beside the task's winner, in per cent."""
    sentences = []
    for name, scores in poleval_ours(poleval, "6-1").items():
        f1, precision, recall = (f"{100 * value:.1f}" for value in (scores.f1, scores.precision, scores.recall))
        sentences.append(f"6-1, {name}: F1 of harmful {f1} (precision {precision}, recall {recall}).")
    for name, scores in poleval_ours(poleval, "6-2").items():
        sentences.append(f"6-2, {name}: macro-F {100 * scores.macro_f:.1f}, micro-F {100 * scores.micro_f:.1f}.")
    for item in PUBLISHED:
        told = ", ".join(f"{metric.replace('_', '-')} {100 * value:.1f}" for metric, value in item.scores.items())
        sentences.append(f"{item.task}, {item.system}: {told} ({item.source}; {item.differs}).")
    return sentences


def headlines(folder: Path = RESULTS) -> dict[str, list[str]]:
    """The findings the README shows, by question; of experiments that have been done."""
    found = {path.stem: read_json(path) for path in folder.glob("*.json")}
    parts = {}
    if "stress" in found:
        parts["Does it help to normalise comments first?"] = stress_sentences(found["stress"], shares=(0.0, 0.4))
    if "efficiency" in found and found["efficiency"]["differences"]:
        parts["What is reading unlabelled comments worth?"] = efficiency_sentences(found["efficiency"])
    if "ulmfit" in found.get("groups", {}).get("recipes", {}):
        winners = found["groups"]["recipes"]["ulmfit"]["winners"]
        parts["Does each group of sites need its own model (ULMFiT)?"] = [winner["sentence"] for winner in winners]
    if "decision" in found:
        parts["A head for accept or reject?"] = decision_sentences(found["decision"], ("ap", "f1"))
    if "explained" in found:
        parts["Is attention an explanation?"] = explained_told.told(found["explained"])
    return parts


def as_lists(parts: Mapping[str, Sequence[str]]) -> str:
    """Markdown: each part's title, and its sentences as a list."""
    return "\n\n".join(
        "\n".join([f"**{title}**", "", *(f"- {line}" for line in lines)]) for title, lines in parts.items()
    )
