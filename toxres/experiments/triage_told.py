"""The findings of the triage experiment as sentences and tables; notebooks print them as they are.

Every function takes what `data/results/triage.json` holds, and says nothing that is not in it.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from toxres.triage.published import UNCERTAINTY_BASELINES

SET_NAMES = {
    "tfidf": "TF-IDF",
    "baseline": "baseline",
    "custom": "custom",
    "ulmfit": "ULMFiT",
    "pair": "baseline and custom",
    "all": "all six models",
}
"""What tables call the sets of averaged models."""

METHOD_NAMES = {
    "promised": "promised (Learn-then-Test)",
    "tuned": "tuned on the calibration rows",
    "certainty": "certainty at face value",
}


def coverage_table(found: Mapping) -> pd.DataFrame:
    """Coverage at 99% in hindsight, tuned and promised, a row a set of models."""
    rows = {}
    for name, model in found["models"].items():
        promised, tuned = model["resplits"]["promised"], model["resplits"]["tuned"]
        rows[SET_NAMES[name]] = {
            "accuracy of all": model["hindsight"]["accuracy"],
            "coverage at 99%, hindsight": model["hindsight"]["coverage_at_99"],
            "coverage, tuned": tuned["coverage"],
            "coverage, promised": promised["coverage"],
            "accuracy, promised": promised["accuracy"],
            "certainty at face value": model["resplits"]["certainty"]["coverage"],
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def promise_table(found: Mapping, name: str = "all") -> pd.DataFrame:
    """What became of promises, a row a method: resplits, and draws whose true error rate is known."""
    model = found["models"][name]
    rows = {}
    for method, title in METHOD_NAMES.items():
        split, drawn = model["resplits"][method], model["draws"][method]
        rows[title] = {
            "coverage": split["coverage"],
            "accuracy": split["accuracy"],
            "true error above": drawn["broken_share"],
            "seen above, held-out rows": split["broken_share"],
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def anchor_table(found: Mapping) -> pd.DataFrame:
    """Accuracy of the automated part at the coverages of the published points, ours beside theirs; in hindsight."""
    rows = {}
    for name in ("baseline", "custom", "all"):
        rows[SET_NAMES[name]] = found["models"][name]["hindsight"]["accuracy_at"]
    for loss in ("BCE", "focal loss"):
        points = [anchor for anchor in UNCERTAINTY_BASELINES if anchor.name == f"BERT-base, {loss}"]
        rows[f"BERT-base, {loss} (published)"] = {f"{one.coverage:g}": one.accuracy for one in points}
    return pd.DataFrame.from_dict(rows, orient="index").rename(columns=lambda share: f"{float(share):.0%} automated")


def audit_table(found: Mapping) -> pd.DataFrame:
    """The audit, a row a part of the comments, as numbers."""
    return pd.DataFrame.from_dict(found["audit"]["terms"], orient="index").astype(float)


def findings(found: Mapping) -> list[str]:
    """Everything the experiment says, a sentence each."""
    return [*coverage_told(found), *promises_told(found), *audit_told(found), *shift_told(found)]


def coverage_told(found: Mapping) -> list[str]:
    """What can be decided without a person, beside the published points."""
    best, single = found["models"]["all"], found["models"]["baseline"]
    promised = best["resplits"]["promised"]
    lines = [
        f"Of {found['rows']:,} comments, {promised['coverage']:.1%} can be decided without a person under the promise "
        f"that at most {found['tolerated']:.0%} of the decisions are wrong (confidence {found['confidence']:.0%}; "
        f"mean of {found['n_splits']} splits, middle 95%: {promised['coverage_low']:.1%} to "
        f"{promised['coverage_high']:.1%}); "
        f"{promised['accuracy']:.2%} of them are right. The CMP system decides about half at 99%.",
        f"These are the mean logits of six models; the baseline alone decides "
        f"{single['resplits']['promised']['coverage']:.1%} under the same promise, and baseline and custom together "
        f"{found['models']['pair']['resplits']['promised']['coverage']:.1%}.",
        f"In hindsight, with the threshold chosen on the very comments it is judged on, 99% accuracy is reached at "
        f"{best['hindsight']['coverage_at_99']:.1%}.",
    ]
    point = best["hindsight"]["accuracy_at"]["0.85"]
    published = next(one for one in UNCERTAINTY_BASELINES if one.name.endswith("focal loss") and one.coverage == 0.85)
    lines.append(
        f"With 85% decided automatically {point:.1%} are right, also in hindsight; published for BERT-base, with an "
        f"oracle reviewer: {published.accuracy:.1%}, on other rows of the same kind."
    )
    return lines


def promises_told(found: Mapping) -> list[str]:
    """Which rule keeps its promise."""
    model, tolerated = found["models"]["all"], found["tolerated"]
    lines = []
    for method, name in METHOD_NAMES.items():
        drawn = model["draws"][method]
        lines.append(
            f"{name}: the true error rate is above {tolerated:.0%} in {drawn['broken_share']:.1%} of "
            f"{found['n_splits']} draws of calibration rows (95% interval {drawn['broken_low']:.1%} to "
            f"{drawn['broken_high']:.1%}), at a coverage of {drawn['coverage']:.1%}."
        )
    split = model["resplits"]["promised"]
    lines.append(
        f"Half of the rows held out show more than {tolerated:.0%} errors in {split['broken_share']:.1%} of the splits "
        "under the promise: a held-out half measures the error rate itself only with luck of its own, and holds more "
        "errors just where the calibration half holds fewer. The promise is about the true rate."
    )
    return lines


def audit_told(found: Mapping, below: float = 0.05) -> list[str]:
    """Whom the certainty threshold makes wait, and whose comments it gets wrong."""
    table = audit_table(found)
    none, anyone = table.loc["none"], table.loc["any group"]
    lines = [
        f"Comments that mention a group of people are decided automatically in {anyone['coverage']:.1%} of the cases, "
        f"others in {none['coverage']:.1%}; of the decided {anyone['error']:.2%} and {none['error']:.2%} are wrong.",
        f"Of harmless comments that mention a group, {anyone['harmless_reviewed']:.1%} wait for a person, of other "
        f"harmless ones {none['harmless_reviewed']:.1%}.",
    ]
    terms = table.drop(
        index=[name for name in table.index if name in ("none", "any group") or name.startswith("kind:")]
    )
    slower = terms[(terms["harmless_p"] < below) & (terms["harmless_reviewed"] > none["harmless_reviewed"])]
    worst = ", ".join(
        f"{name} ({row['harmless_reviewed']:.0%} of {int(row['n'] - row['violations'])})"
        for name, row in slower.sort_values("harmless_reviewed", ascending=False).iterrows()
    )
    lines.append(
        f"Harmless comments wait more often, beyond luck (Fisher's exact test, Holm over all rows), where they "
        f"mention: {worst}."
        if worst
        else "No single term makes harmless comments wait more often beyond luck (Fisher's exact test, Holm)."
    )
    wrong = table[(table["error_p"] < below) & (table["error"] > none["error"])].index.tolist()
    lines.append(
        f"Decisions are wrong more often, beyond luck, about: {', '.join(wrong)}."
        if wrong
        else "For no group could it be shown that decisions are wrong more often."
    )
    published = {label: row for label, row in found["audit"]["labels"].items() if row["n"]}
    told = ", ".join(f"{label} {row['accepted']:.0%} of {row['n']:,}" for label, row in published.items())
    lines.append(f"Published without a person although they carry the label: {told}.")
    return lines


def shift_told(found: Mapping) -> list[str]:
    """Where the promise ends, and what repairs it."""
    shift, lines = found["shift"], []
    for tolerated, rows in shift["cross"].items():
        of_home = [row for row in rows if row["calibrated_on"] == shift["home"]]
        if not any(row["promised"] for row in of_home):
            lines.append(f"With {float(tolerated):.0%} tolerated, {shift['home']} can promise nothing.")
            continue
        told = "; ".join(
            f"on {row['applied_to']} {row['error']:.1%} of the decided are wrong ({row['coverage']:.0%} decided)"
            for row in of_home
        )
        lines.append(f"Thresholds of {shift['home']} that promise at most {float(tolerated):.0%}: {told}.")
    for tolerated, rows in shift["repair"].items():
        table = pd.DataFrame(rows)
        mended = table[(table["way"] == "recalibrated") & (table["promised_share"] >= 0.9)]
        if mended.empty:
            most = int(table["labels"].max())
            lines.append(
                f"For twitter {most:,} local labels are not enough to promise {float(tolerated):.0%} reliably."
            )
            continue
        first = mended.iloc[int(np.argmin(mended["labels"]))]
        lines.append(
            f"For twitter, {int(first['labels']):,} local labels, a third of them to recalibrate, restore a promise of "
            f"{float(tolerated):.0%} in {first['promised_share']:.0%} of the draws: {first['coverage']:.0%} decided on "
            f"average, {first['error']:.1%} of it wrong."
        )
    return lines
