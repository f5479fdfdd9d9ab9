"""The findings of the error analysis as sentences, computed from its summary; a notebook prints them as they are.

Every function takes what `data/results/errors.json` holds, and says nothing that is not in it.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from toxres.data.functional import FUNCTIONALITIES
from toxres.evaluation.hatecheck import PUBLISHED
from toxres.evaluation.identity import PUBLISHED_AUC
from toxres.findings import with_holm
from toxres.labels import LABELS

NAMES = {
    "tfidf": "TF-IDF",
    "baseline": "the baseline",
    "custom": "the custom model",
    "custom_balanced": "the custom model with balanced comments",
}
"""What sentences call a model."""

CORPUS_NAMES = {"synthetic": "the synthetic corpus", "jigsaw": "the Jigsaw sample"}
NOISE_NAMES = {
    "balanced": "{rate:.0%} of each label's positives and as many negatives flipped",
    "uniform": "{rate:.0%} of all labels flipped",
}

_PARTS = {"total": "all cases", "hateful": "hateful cases", "non_hateful": "cases that are not hateful"}


def frame(rows: Mapping[str, Mapping] | list[Mapping], index: str | list[str] | None = None) -> pd.DataFrame:
    """A table of the summary: of a dictionary of rows, or of a list of them and the names of its index.

    What is undefined, null in the file, is NaN.
    """
    table = pd.DataFrame.from_dict(rows, orient="index") if isinstance(rows, Mapping) else pd.DataFrame(rows)
    for name in filter(lambda column: pd.api.types.is_object_dtype(table[column]), table.columns):
        numbers = pd.to_numeric(table[name], errors="coerce")
        if numbers.notna().sum() == table[name].notna().sum():
            table[name] = numbers
    return table if index is None else table.set_index(index)


def _name(model: str) -> str:
    return NAMES.get(model, model)


def _begin(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _percent(value: float, digits: int = 1) -> str:
    return "undefined" if value is None or np.isnan(value) else f"{100 * value:.{digits}f}%"


def decision_told(summary: Mapping) -> list[str]:
    """By which rule each model decides what is hateful, and how well it did that on validation comments."""
    told = []
    for model, found in summary["hatecheck"]["models"].items():
        chosen = found["decision"]
        rule, best = chosen["rule"], chosen["balanced_accuracy"]
        others = ", ".join(f"{name} {value:.3f}" for name, value in best.items() if name != rule)
        told.append(
            f"{_begin(_name(model))} calls a comment hateful by the rule {rule}, chosen on {chosen['rows']:,} "
            f"validation comments ({chosen['hateful']:,} hateful) for its balanced accuracy of "
            f"{best[rule]:.3f} ({others})."
        )
    return told


def hatecheck_told(summary: Mapping) -> list[str]:
    """Accuracy of each model on HateCheck, against calling everything hateful, and beside the published systems."""
    always = summary["hatecheck"]["always_hateful"]["total"]
    told = []
    for model, found in summary["hatecheck"]["models"].items():
        parts = found["overall"]
        values = {part: f"{_percent(row['accuracy'])} [{_percent(row['low'])}, {_percent(row['high'])}]"
                  for part, row in parts.items()}  # fmt: skip
        if parts["total"]["low"] > always:
            against = "above"
        elif parts["total"]["high"] < always:
            against = "below"
        else:
            against = "not shown to differ from"
        told.append(
            f"HateCheck, {_name(model)}: {values['total']} of all cases right, {values['hateful']} of the hateful and "
            f"{values['non_hateful']} of the others, {against} calling everything hateful ({_percent(always)}); "
            f"AUROC {found['auroc']:.3f}."
        )
    best = max(PUBLISHED, key=lambda system: PUBLISHED[system]["total"])
    above = [_name(model) for model, found in summary["hatecheck"]["models"].items()
             if found["overall"]["total"]["accuracy"] > PUBLISHED[best]["total"]]  # fmt: skip
    verdict = f"reached by {' and '.join(above)}" if above else "which none of these models reaches"
    return [*told, f"The best published system, {best}, has {_percent(PUBLISHED[best]['total'])}, {verdict}."]


def comparisons_told(summary: Mapping) -> list[str]:
    """Which model is better on HateCheck, corrected for all comparisons together (Holm 1979)."""
    rows = [
        {"a": each["a"], "b": each["b"], "part": part, **values}
        for each in summary["hatecheck"]["comparisons"]
        for part, values in each["parts"].items()
    ]
    if not rows:
        return []
    told = []
    for _, row in with_holm(pd.DataFrame(rows)).iterrows():
        interval = f"{100 * row['difference']:+.1f} points [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
        what = f"On HateCheck's {_PARTS[row['part']]}, {_name(row['a'])} against {_name(row['b'])}"
        shown = row["p_holm"] < 0.05 and (row["low"] > 0 or row["high"] < 0)
        verdict = ("better" if row["difference"] > 0 else "worse") if shown else "no difference could be shown"
        told.append(f"{what}: {verdict}, {interval}, Holm p = {row['p_holm']:.3f} of {row['tests']:.0f} tests.")
    return told


def worst_functionalities(summary: Mapping, most: int = 3) -> list[str]:
    """The functionalities that each model fails most."""
    told = []
    for model, found in summary["hatecheck"]["models"].items():
        worst = frame(found["functionality"])["accuracy"].sort_values(kind="stable").head(most)
        names = [f"{FUNCTIONALITIES[code].name} ({_percent(value, 0)} right)" for code, value in worst.items()]
        told.append(f"{_begin(_name(model))} fails most on {', '.join(names[:-1])} and {names[-1]}.")
    return told


def madlibs_told(summary: Mapping) -> list[str]:
    """AUC on madlibs, the generalised means over terms, and which terms are worst, beside the published AUC."""
    told = []
    published = "; ".join(f"{name}: {value:.4f}" for name, value in PUBLISHED_AUC.items())
    for model, found in summary["madlibs"]["models"].items():
        area, terms = found["auc"], frame(found["terms"])
        low = terms["bpsn"].sort_values().head(3)
        rates = frame(found["false_positives"])["rate"].sort_values()
        told.append(
            f"Madlibs, {_name(model)}: AUC {area['overall']:.4f} [{area['low']:.4f}, {area['high']:.4f}] on "
            f"{summary['madlibs']['sentences']:,} sentences (published: {published}); generalised means over the "
            f"terms: subgroup {area['subgroup']:.3f}, BPSN {area['bpsn']:.3f}, BNSP {area['bnsp']:.3f}. Lowest BPSN: "
            f"{', '.join(f'{term} {value:.3f}' for term, value in low.items())}. Harmless sentences called toxic: "
            f"from {_percent(rates.iloc[0], 0)} ({rates.index[0]}) to {_percent(rates.iloc[-1], 0)} "
            f"({rates.index[-1]})."
        )
    return told


def statements_told(summary: Mapping) -> list[str]:
    """How often neutral sentences about people are flagged, by kind of group against people of no group."""
    found, told = summary["statements"], []
    for model, decisions in found["models"].items():
        for what, tables in decisions.items():
            table = frame(tables["kind"])
            control = table.loc[found["control"]]
            groups = table.drop(index=found["control"])["rate"].sort_values(ascending=False)
            apart = [kind for kind in groups.index if table.loc[kind, "low"] > control["high"]]
            more = f"; clearly more than that: {', '.join(apart)}" if apart else "; no kind is clearly apart from that"
            told.append(
                f"Neutral sentences, {_name(model)}: called {what} most often about {groups.index[0]} "
                f"({_percent(groups.iloc[0])}), about people of no group {_percent(control['rate'])}{more}."
            )
    return told


def civil_told(summary: Mapping) -> list[str]:
    """Bias on test comments of news sites, by the terms that enough of them mention."""
    found, told = summary["civil"], []
    for model, values in found["models"].items():
        terms = frame(values["terms"]).drop(index="overall")
        if terms.empty or terms["bpsn"].isna().all():
            continue
        low = terms["bpsn"].idxmin()
        told.append(
            f"News comments that mention an identity, {_name(model)}: AUC {values['auc']['overall']:.3f} on all "
            f"{found['comments']:,}; of {len(terms)} terms the lowest BPSN is that of {low} "
            f"({terms.loc[low, 'bpsn']:.3f} [{terms.loc[low, 'bpsn_low']:.3f}, {terms.loc[low, 'bpsn_high']:.3f}])."
        )
    return told


def disagreement_told(summary: Mapping) -> list[str]:
    """How often the models disagree about Jigsaw's comments, who alone is right, and where they err most."""
    found = summary["disagreement"]["oof"]
    row = frame(found["patterns"]).loc["all labels"]
    alone = {name.removeprefix("only ").removesuffix(" right"): int(count) for name, count in row.items()
             if name.startswith("only ") and name.endswith(" right")}  # fmt: skip
    told = [
        f"Of {row['n']:,.0f} comments out of fold, all models have {row['all right']:,.0f} wholly right and none has "
        f"{row['all wrong']:,.0f}; alone right are "
        + ", ".join(f"{_name(model)} on {count:,}" for model, count in alone.items())
        + "."
    ]
    table = frame(found["slices"])
    for name, what in (("identity", "mention an identity"), ("disguised", "have letters disguised")):
        part = table[table["slice"] == name]
        for model, rows in part.groupby("model", sort=False):
            marked = rows[rows["value"].isin(["mentions an identity", "letters disguised"])]
            rest = rows.drop(index=marked.index)
            if marked.empty or rest.empty:
                continue
            one, other = marked.iloc[0], rest.iloc[0]
            apart = one["low"] > other["high"] or one["high"] < other["low"]
            told.append(
                f"{_begin(_name(model))} errs on {_percent(one['rate'])} of the {one['n']:,.0f} comments that {what} "
                f"and on {_percent(other['rate'])} of the others"
                f"{'' if apart else ' (intervals overlap)'}."
            )
    return told


def label_errors_told(summary: Mapping) -> list[str]:
    """How many of Jigsaw's labels are probably wrong, and what part of the models' errors that would explain."""
    found = summary["label_errors"]
    cells = found["rows"] * len(LABELS)
    told = []
    for model, values in found["models"].items():
        flagged = sum(row["flagged"] for row in values["labels"].values())
        errors = sum(row["errors"] for row in values["model_errors"].values())
        share = sum(row["flagged"] for row in values["model_errors"].values()) / errors if errors else float("nan")
        told.append(
            f"By {_name(model)}'s out-of-fold scores {flagged:,} of {cells:,} labels ({_percent(flagged / cells, 2)}) "
            f"are probably wrong, in {values['comments']:,} comments; {_percent(share, 0)} of its {errors:,} errors "
            "stand on one of them."
        )
    agreed = f"{found['by_all']:,} labels are flagged by every model, {found['by_any']:,} by at least one."
    return [*told, agreed]


def search_told(summary: Mapping) -> list[str]:
    """What the search for wrong labels is worth where the wrong labels are known."""
    check = summary["label_errors"]["check"]
    if not check:
        return ["What the search for wrong labels is worth has not been checked."]
    told, precision = [], []
    for corpus, trials in check["corpora"].items():
        right = ", where every label is right by construction" if corpus == "synthetic" else ""
        for trial in trials:
            row = trial["labels"]["all labels"]
            precision.append(row["precision"])
            told.append(
                f"In {CORPUS_NAMES.get(corpus, corpus)}, {NOISE_NAMES[trial['noise']].format(rate=trial['rate'])}: the "
                f"search flags {row['flagged']:,.0f} labels for {row['injected']:,.0f} flipped ones "
                f"({row['flagged_before']:,.0f} before any was flipped{right}), finds {_percent(row['recall'], 0)} of "
                f"these, and {_percent(row['precision'], 0)} of what it flags was flipped; of as many labels as were "
                f"flipped, the least credible first, {_percent(row['at_injected'], 0)} were."
            )
    known = [value for value in precision if value is not None]
    if known:
        told.append(
            f"So {_percent(min(known), 0)} to {_percent(max(known), 0)} of what the search flags are errors that were "
            "put in: it makes a list to review, best from the least credible on, and no count of errors."
        )
    return told


def fix_told(summary: Mapping) -> list[str]:
    """What balanced comments changed on HateCheck, step by step, on the other cards, and what they cost."""
    fix = summary.get("fix")
    if not fix:
        return []
    told = []
    for step in fix["steps"]:
        parts = {part: _percent(row["accuracy"]) for part, row in step["overall"].items()}
        told.append(
            f"{_begin(_name(step['model']))}, decision chosen {step['decision']} ({step['rows']:,}, rule "
            f"{step['rule']}, balanced accuracy {step['balanced_accuracy']:.3f}): HateCheck {parts['total']}, hateful "
            f"{parts['hateful']}, not hateful {parts['non_hateful']}."
        )
    for part, row in fix["hatecheck"].items():
        told.append(
            f"Balanced comments in training and in choosing the decision change HateCheck's {_PARTS[part]} by "
            f"{100 * row['difference']:+.1f} points [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]."
        )
    before, after = (summary["madlibs"]["models"][fix[which]]["auc"] for which in ("before", "after"))
    told.append(f"Madlibs: AUC {before['overall']:.3f} before, {after['overall']:.3f} after.")
    rates = [
        {what: frame(found[what]["kind"]) for what in found}
        for found in (summary["statements"]["models"][fix[which]] for which in ("before", "after"))
    ]
    for what in rates[0]:
        counts = [(table[what]["rate"] * table[what]["n"]).sum() / table[what]["n"].sum() for table in rates]
        told.append(
            f"Neutral sentences about people called {what}: {_percent(counts[0])} before, {_percent(counts[1])} after."
        )
    for row in fix["costs"]:
        if row["label"] in ("macro", "toxic") and row["difference"] is not None:
            interval = f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
            told.append(
                f"{row['set']}, {row['label']} {row['metric'].upper()}: {row['score_b']:.3f} before, "
                f"{row['score_a']:.3f} after, {interval}"
                f"{'' if row['low'] > 0 or row['high'] < 0 else ', not shown to differ'}."
            )
    return told


def findings(summary: Mapping) -> list[str]:
    """Every sentence, in the order a reader needs them."""
    parts = (
        decision_told, hatecheck_told, comparisons_told, worst_functionalities, madlibs_told, statements_told,
        civil_told, disagreement_told, label_errors_told, search_told, fix_told,
    )  # fmt: skip
    return [sentence for part in parts for sentence in part(summary)]
