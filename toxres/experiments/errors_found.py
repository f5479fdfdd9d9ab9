"""The findings of the error analysis in short, each computed; `errors_told` says them at length."""

from collections.abc import Mapping

import pandas as pd

from toxres.evaluation.hatecheck import PUBLISHED
from toxres.experiments.errors_shown import by_model, fix_record, shown
from toxres.experiments.errors_told import disagreement_told, label_errors_told, search_told, worst_functionalities

AIM = {"total": PUBLISHED["Perspective"]["total"], "non_hateful": 0.60}
"""Accuracy on HateCheck that was aimed at: Perspective's of all cases."""

PART_WORDS = {"total": "all cases", "hateful": "the hateful ones", "non_hateful": "the others"}
"""What sentences call the parts of HateCheck."""


def found(summary: Mapping) -> dict[str, list[str]]:
    """Sentences by what they are about: functions, identities, disagreement, labels, and what was changed."""
    hatecheck, statements = summary["hatecheck"], by_model(summary, "statements", "hateful", "kind")
    best = max(hatecheck["models"], key=lambda model: hatecheck["models"][model]["overall"]["total"]["accuracy"])
    right = {part: row["accuracy"] for part, row in hatecheck["models"][best]["overall"].items()}
    told = ", ".join(f"{100 * right[part]:.1f}% of {words}" for part, words in PART_WORDS.items())
    aims = {part: "reached" if right[part] > value else "not reached" for part, value in AIM.items()}
    lines = {
        "Functions": [
            f"Best on HateCheck is {shown(best)}: {told} right. Aimed at were more than {100 * AIM['total']:.1f}% of "
            f"all cases ({aims['total']}), with more than {100 * AIM['non_hateful']:.0f}% of those that are not "
            f"hateful ({aims['non_hateful']}).",
            *worst_functionalities({"hatecheck": {"models": {best: hatecheck["models"][best]}}}),
        ]
    }
    lines["Identities"] = [_flagged_told(model, table, summary) for model, table in statements.items()]
    lines["Disagreement"] = disagreement_told(summary)[:1]
    lines["Labels"] = [label_errors_told(summary)[-2], search_told(summary)[-1]]
    lines["What we changed"] = _changed(summary)
    return lines


def _flagged_told(model: str, table: pd.DataFrame, summary: Mapping) -> str:
    control = table.loc[summary["statements"]["control"]]
    groups = table.drop(index=summary["statements"]["control"])
    rate = (groups["rate"] * groups["n"]).sum() / groups["n"].sum()
    areas = summary["madlibs"]["models"][model]["auc"]
    return (
        f"{shown(model)} calls {100 * rate:.0f}% of neutral sentences about groups hateful, and "
        f"{100 * control['rate']:.0f}% of those about people of none; on madlibs its AUC is {areas['overall']:.3f}, "
        f"the generalised mean of BPSN over the terms {areas['bpsn']:.3f}."
    )


def _changed(summary: Mapping) -> list[str]:
    if not summary.get("fix"):
        return [fix_record(summary)]
    gain = summary["fix"]["hatecheck"]
    told = "; ".join(
        f"{PART_WORDS[part]} {100 * row['difference']:+.1f} points [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
        for part, row in gain.items()
    )
    sentences = [f"Balanced comments, in training and in the decision, change HateCheck: {told}."]
    costs = [row for row in summary["fix"]["costs"] if row["label"] == "toxic" and row["difference"] is not None]
    shown = [row for row in costs if row["low"] > 0 or row["high"] < 0]
    listed = "; ".join(f"{row['set']}, {row['metric'].upper()} {row['difference']:+.3f}" for row in shown)
    rest = f"shown in {len(shown)} of {len(costs)} comparisons" + (f" ({listed})" if listed else "")
    return [*sentences, f"A difference for `toxic` on real comments, each by its own interval, is {rest}."]
