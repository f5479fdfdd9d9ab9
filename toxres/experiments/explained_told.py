"""Is attention an explanation? What the experiment `explained` says, in sentences made from its summary."""

from collections.abc import Mapping

import pandas as pd

from toxres.evaluation.seeds import is_shown
from toxres.experiments.explained_cells import ALONE
from toxres.explain import METHODS
from toxres.plots.scoreboard import model_name

MEASURES = {
    "tsd_test": "character F1 on the posts people marked",
    "synthetic": "character F1 on planted phrases",
    "comprehensiveness": "comprehensiveness",
    "sufficiency": "sufficiency",
}
"""What sentences call what methods are compared by."""

AOPC = ("comprehensiveness", "sufficiency")
LESS_IS_BETTER = ("sufficiency",)

RIVALS = ("integrated_gradients", "occlusion", "random")
"""What attention is compared with in the answer."""


def attention_sentences(summary: Mapping, rivals: tuple[str, ...] = RIVALS) -> list[str]:
    """Attention against other methods of the same model, by each measure; nulls are told as such."""
    rows = [
        row
        for row in summary["differences"]
        if row["a"] == "attention" and row["b"] in rivals
    ]  # fmt: skip
    return [difference_sentence(row) for row in rows]


def difference_sentence(row: Mapping) -> str:
    """One sentence about a row of `differences`: better, worse, or not shown to differ."""
    names = [METHODS[row[side]] for side in ("a", "b")]
    subject = f"{model_name(row['model'])}: {names[0]} against {names[1]}"
    values = f"{row['score_a']:.3f} against {row['score_b']:.3f}"
    interval = f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
    measure = MEASURES[row["measure"]]
    if not is_shown(row):
        return (
            f"{subject}: no difference in {measure} could be shown, {values}, {interval}, Holm p = {row['p_holm']:.3f}."
        )
    better = (row["difference"] > 0) != (row["measure"] in LESS_IS_BETTER)
    less = " (less is better)" if row["measure"] in LESS_IS_BETTER else ""
    return f"{subject}: {'better' if better else 'worse'} in {measure}{less}, {values}, {interval}."


def answer(summary: Mapping) -> str:
    """Whether attention is an explanation, in one sentence a model that pools by it.

    It says more of the scores than chance if it is shown to beat random attributions in comprehensiveness and in
    sufficiency; methods that are shown to beat it in either are named.
    """
    by_model: dict[str, dict[tuple[str, str], int]] = {}
    for row in summary["differences"]:
        if row["a"] == "attention" and row["measure"] in AOPC:
            sign = 0
            if is_shown(row):
                sign = 1 if (row["difference"] > 0) != (row["measure"] in LESS_IS_BETTER) else -1
            by_model.setdefault(row["model"], {})[row["measure"], row["b"]] = sign
    sentences = []
    for model, signs in by_model.items():
        chance = [signs.get((measure, "random"), 0) for measure in AOPC]
        worse = [METHODS[name] for name in METHODS if name != "random" and -1 in (signs.get((m, name)) for m in AOPC)]
        if min(chance) > 0 and not worse:
            told = "its attention is as faithful an explanation as any that was tried"
        elif min(chance) > 0:
            told = f"its attention says more of its scores than chance, and less than {_listed(worse)}"
        elif max(chance) > 0:
            told = "its attention is shown to say more of its scores than chance by one of the two measures alone"
        else:
            told = "its attention is not shown to say more of its scores than chance"
        sentences.append(f"For “{model_name(model)}”, {told}.")
    return " ".join(sentences) or "No model with attention pooling has been explained yet."


def plausible_sentences(summary: Mapping) -> list[str]:
    """For each method the test F1 of the model that was chosen for it, best first, and what others published."""
    rows = sorted(summary["headline"].items(), key=lambda item: -item[1]["f1"])
    sentences = []
    for method, found in rows:
        of = "" if found["model"] == ALONE else f" of “{model_name(found['model'])}”"
        interval = f"[{found['low']:.3f}, {found['high']:.3f}]"
        sentences.append(f"{METHODS[method]}{of}: character F1 {found['f1']:.3f} {interval}.")
    return sentences


def agreement_sentence(summary: Mapping) -> str:
    """Whether the methods that people find plausible are those that are faithful, over the cells that have both.

    Spearman's rank correlation of test F1 and comprehensiveness; a number of so few cells proves nothing by itself.
    """
    marked = {(row["model"], row["method"]): row["f1"] for row in summary["plausibility"] if row["set"] == "tsd_test"}
    pairs = []
    for row in summary["faithfulness"]:
        f1 = marked.get((row["model"], row["method"]), marked.get((ALONE, row["method"])))
        if f1 is not None:
            pairs.append((f1, row["comprehensiveness"]["score"]))
    if len(pairs) < 4:
        return "Too few cells have both scores to say whether what is plausible is faithful."
    value = pd.DataFrame(pairs).corr(method="spearman").iloc[0, 1]
    kind = "do not simply go together"
    if abs(value) > 0.5:
        kind = "go together" if value > 0 else "go against each other"
    return (
        f"Plausible and faithful {kind}: over {len(pairs)} pairs of model and method, the rank correlation of "
        f"character F1 and comprehensiveness is {value:+.2f}."
    )


def told(summary: Mapping) -> list[str]:
    """The answer, then what it rests on."""
    return [answer(summary), *plausible_sentences(summary), agreement_sentence(summary)]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
