"""What notebooks show of the error analysis: tables from its summary, and where each came from."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from toxres.data.functional import FUNCTIONALITIES
from toxres.evaluation.identity import AREAS, PUBLISHED_AUC
from toxres.experiments.errors_fix import AFTER, BEFORE
from toxres.experiments.errors_told import CORPUS_NAMES, frame
from toxres.findings import with_holm
from toxres.plots.errors import SLICE_NAMES
from toxres.plots.hatecheck import MODEL_NAMES, PART_NAMES

AREA_COLUMNS = {"overall": "AUC", "subgroup": "subgroup", "bpsn": "BPSN", "bnsp": "BNSP"}
"""What the table of areas calls its columns."""


FLIPPED = {
    "balanced": "{rate:.0%} of each label's\npositives and as many negatives",
    "uniform": "{rate:.0%} of all labels",
}
"""What was flipped on purpose, in as many words as an axis has room for."""


def by_model(summary: Mapping, part: str, *keys: str) -> dict[str, pd.DataFrame]:
    """A table a model out of one part of the summary: `by_model(summary, "hatecheck", "overall")`."""
    found = {}
    for model, values in summary[part]["models"].items():
        for key in keys:
            values = values[key]
        found[model] = frame(values)
    return found


def origin(summary: Mapping, part: str) -> str:
    """What stands under a figure: whose texts, how many, and until when the models were trained.

    Args:
        summary: Of the experiment.
        part: "hatecheck", "madlibs", "statements", "civil", "oof", "tested", or "real", which the fix is held against.
    """
    counted = {
        "hatecheck": lambda: f"HateCheck, {summary['hatecheck']['cases']:,} cases",
        "madlibs": lambda: f"madlibs, {summary['madlibs']['sentences']:,} sentences",
        "statements": lambda: f"{summary['statements']['statements']:,} harmless sentences written for this",
        "civil": lambda: f"civil_spans, {summary['civil']['comments']:,} test comments",
        "oof": lambda: f"Jigsaw sample, {summary['disagreement']['oof']['comments']:,} comments out of fold",
        "tested": lambda: f"{summary['disagreement']['tested']['comments']:,} test comments of three sources",
        "real": lambda: "validation comments of Jigsaw, and test comments of three sources",
    }
    if part == "oof":
        return counted[part]()
    dates = [record["checkpoint"]["date"][:10] for record in summary["run"]["models"].values()]
    return f"{counted[part]()}; models trained until {max(dates)}"


def decision_table(summary: Mapping) -> pd.DataFrame:
    """By which rule each model decides what is hateful, and how well it did that where the rule was chosen."""
    rows = {}
    for model, found in summary["hatecheck"]["models"].items():
        chosen = found["decision"]
        rows[shown(model)] = {
            "rule": chosen["rule"].replace("_", " "),
            "validation comments": chosen["rows"],
            "hateful ones": chosen["hateful"],
            "balanced accuracy there": chosen["balanced_accuracy"][chosen["rule"]],
            "AUROC on HateCheck": found["auroc"],
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def comparison_table(summary: Mapping) -> pd.DataFrame:
    """Model against model on HateCheck, in points of accuracy: a row a pair, a column a part, Holm's p in brackets."""
    pairs = [
        {"a": each["a"], "b": each["b"], "part": part, **row}
        for each in summary["hatecheck"]["comparisons"]
        for part, row in each["parts"].items()
    ]
    cells: dict[str, dict[str, str]] = {}
    for _, row in with_holm(pd.DataFrame(pairs)).iterrows():
        interval = f"{100 * row['difference']:+.1f} [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
        name = f"{shown(row['a'])} against {shown(row['b'])}"
        cells.setdefault(name, {})[PART_NAMES[row["part"]]] = f"{interval} (p = {row['p_holm']:.3f})"
    return pd.DataFrame.from_dict(cells, orient="index")


def group_cells(summary: Mapping, model: str) -> pd.DataFrame:
    """HateCheck's accuracy of a model by functionality and group, as `plots.hatecheck.group_matrix` takes it."""
    return frame(summary["hatecheck"]["models"][model]["cells"], ["functionality", "target"])


def area_table(summary: Mapping, part: str) -> pd.DataFrame:
    """AUC and the generalised means over terms of the three areas: a row a model, on madlibs then the published ones.

    On madlibs also the terms whose harmless sentences are called toxic the least and the most often.

    Args:
        summary: Of the experiment.
        part: "madlibs" or "civil".
    """
    rows: dict[str, dict] = {}
    for model, values in summary[part]["models"].items():
        rows[shown(model)] = {name: values["auc"][key] for key, name in AREA_COLUMNS.items()}
        if part == "madlibs":
            rates = frame(values["false_positives"])["rate"].sort_values(kind="stable")
            ends = {"least flagged": 0, "most flagged": -1}
            told = {name: f"{rates.index[at]} {100 * rates.iloc[at]:.0f}%" for name, at in ends.items()}
            rows[shown(model)] |= told
    if part == "madlibs":
        for name, value in PUBLISHED_AUC.items():
            rows[f"{name} (published)"] = {"AUC": value, "least flagged": "–", "most flagged": "–"}
    return pd.DataFrame.from_dict(rows, orient="index")


def most_biased(tables: Mapping[str, pd.DataFrame], count: int, leave_out: str = "tfidf") -> dict[str, pd.DataFrame]:
    """The terms with the smallest area of any model, for a figure that can be read; the floor is left out of it.

    Args:
        tables: By model, areas with a row a term.
        count: Terms that are kept.
        leave_out: A model whose areas would dwarf the others' differences.
    """
    chosen = {model: table for model, table in tables.items() if model != leave_out} or dict(tables)
    least = pd.concat([table[list(AREAS)].min(axis=1) for table in chosen.values()], axis=1).min(axis=1)
    kept = least.sort_values(kind="stable").index[:count]
    return {model: table.loc[table.index.isin(kept)] for model, table in chosen.items()}


def alone_right(summary: Mapping, part: str) -> pd.DataFrame:
    """How many comments of each kind each model alone has right: rows (division, kind), columns models and comments.

    Args:
        summary: Of the experiment.
        part: "oof" or "tested".
    """
    table = frame(summary["disagreement"][part]["slices"])
    several = table.groupby("slice")["value"].transform("nunique") > 1
    table = table[several]
    names = table["slice"].map(lambda name: SLICE_NAMES.get(name, name)) + ": " + table["value"].astype(str)
    wide = table.assign(kind=names).pivot(index="kind", columns="model", values="alone")
    order, models = list(dict.fromkeys(names)), list(dict.fromkeys(table["model"]))
    counts = table.assign(kind=names).drop_duplicates("kind").set_index("kind")["n"]
    wide = wide.loc[order, models].rename(columns=lambda model: f"only {shown(model)} right")
    wide.insert(0, "comments", counts.loc[order])
    return wide.astype(int).rename_axis(index=None, columns=None)


def confusion(summary: Mapping, model: str) -> pd.DataFrame:
    """Label sets that a model takes for which, as `plots.errors.set_confusion_heatmap` takes it."""
    found = summary["disagreement"]["oof"]["confusion"][model]
    return pd.DataFrame(found["counts"], index=found["sets"], columns=found["sets"])


def hardest_table(summary: Mapping, count: int = 5) -> pd.DataFrame:
    """The comments of highest loss of each model, by id; no text."""
    rows = [
        {"model": shown(model), **row}
        for model, found in summary["disagreement"]["oof"]["hardest"].items()
        for row in found[:count]
    ]
    names = {"loss": "loss, nats", "worst": "costliest label", "true": "true labels", "probable": "labels above 0.5"}
    return pd.DataFrame(rows).rename(columns=names).set_index("model").rename_axis(None)


def error_shares(summary: Mapping) -> pd.DataFrame:
    """Errors of each model at tuned thresholds, and how many stand on a label that its own search calls wrong."""
    rows = {}
    for model, found in summary["label_errors"]["models"].items():
        table = frame(found["model_errors"])
        errors, flagged = int(table["errors"].sum()), int(table["flagged"].sum())
        rows[shown(model)] = {
            "labels to review": int(frame(found["labels"])["flagged"].sum()),
            "comments they stand in": found["comments"],
            "errors of the model": errors,
            "share on a label to review": flagged / errors if errors else np.nan,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def review_table(summary: Mapping, model: str, count: int = 8) -> pd.DataFrame:
    """The labels that are the least credible by a model's scores, by id; no text."""
    table = pd.DataFrame(summary["label_errors"]["models"][model]["review"][:count]).set_index("id")
    table["given"] = table["given"].map({True: "given", False: "not given"})
    return table.rename_axis(None)[["label", "given", "prob"]].rename(columns={"prob": "out-of-fold probability"})


def trials(summary: Mapping) -> dict[str, pd.DataFrame]:
    """Checks of the search for wrong labels, as `plots.errors.recovery_dots` takes them; none where not made."""
    check = summary["label_errors"]["check"] or {"corpora": {}}
    return {
        f"{CORPUS_NAMES.get(corpus, corpus)}, {FLIPPED[trial['noise']].format(rate=trial['rate'])}": frame(
            trial["labels"]
        )
        for corpus, found in check["corpora"].items()
        for trial in found
    }


def fix_record(summary: Mapping) -> str:
    """That the fix was measured, on how many texts; or that it was not, and what to run."""
    if not summary.get("fix"):
        return (
            f"`{AFTER}` has not been scored, so nothing of it is shown: "
            f"`python -m toxres.experiments.errors --models {AFTER}` does that, and `--summary` puts it in."
        )
    steps = summary["fix"]["steps"]
    real, both = (min(step["rows"] for step in steps), max(step["rows"] for step in steps))
    return (
        f"`{BEFORE}` and `{AFTER}` learned from the same real comments. What is hateful was decided by a rule that was "
        f"chosen on {real:,} real validation comments, or on {both:,} with balanced ones among them."
    )


def cost_cells(summary: Mapping) -> pd.DataFrame:
    """What the fix changes on real comments: a row a set of comments, a column a label and metric, with intervals."""
    cells: dict[str, dict[str, str]] = {}
    for row in summary["fix"]["costs"]:
        if row["label"] in ("toxic", "macro") and row["difference"] is not None:
            told = f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
            cells.setdefault(row["set"], {})[f"{row['label']} {row['metric'].upper()}"] = told
    return pd.DataFrame.from_dict(cells, orient="index").fillna("–")


def changed_functionalities(summary: Mapping, most: int = 5) -> pd.DataFrame:
    """Accuracy by functionality before and after the fix, and the change: the largest and the smallest changes."""
    tables = by_model(summary, "hatecheck", "functionality")
    before, after = (tables[summary["fix"][which]]["accuracy"] for which in ("before", "after"))
    names = [shown(summary["fix"][which]) for which in ("before", "after")]
    table = pd.DataFrame(dict(zip((*names, "change"), (before, after, after - before), strict=True)))
    table.index = [FUNCTIONALITIES[code].name if code in FUNCTIONALITIES else code for code in table.index]
    table = table.sort_values("change", ascending=False, kind="stable")
    table["change"] = [f"{100 * change:+.0f} points" for change in table["change"]]
    return table if len(table) <= 2 * most else pd.concat([table.head(most), table.tail(most)])


def flagged_before_and_after(summary: Mapping) -> pd.DataFrame:
    """Shares of neutral sentences that are called toxic or hateful before the fix and after it, by kind of group."""
    columns = {}
    for what in ("toxic", "hateful"):
        rates = by_model(summary, "statements", what, "kind")
        for which in ("before", "after"):
            columns[f"{what}: {shown(summary['fix'][which])}"] = rates[summary["fix"][which]]["rate"]
    return pd.DataFrame(columns).rename(index={summary["statements"]["control"]: "no group"})


def shown(model: str) -> str:
    """What tables and sentences call a model."""
    return MODEL_NAMES.get(model, model)
