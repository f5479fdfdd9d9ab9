"""What the findings changed: a model that also learned balanced comments, before and after, with what that costs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from toxres.data import targets
from toxres.evaluation.bootstrap import paired_bootstrap
from toxres.evaluation.hatecheck import compare_hatecheck, score_hatecheck
from toxres.evaluation.hateful import HateDecision, choose_decision
from toxres.experiments.errors_rows import is_balanced, is_hateful
from toxres.labels import LABELS

BEFORE, AFTER = "custom", "custom_balanced"
"""The models that are compared; both learned from the same real comments."""

VALIDATED = "jigsaw:"
"""What ids of the validation comments begin with that both models were chosen on."""

METRICS = ("ap", "auroc")

ON_REAL, WITH_BALANCED = "on real comments", "with balanced comments"
"""What a decision was chosen on."""


def steps(
    cases: pd.DataFrame, validation: Mapping[str, tuple[pd.DataFrame, np.ndarray]], probs: Mapping[str, np.ndarray]
) -> list[dict]:
    """HateCheck before, with the old model's decision chosen anew, and with the new model.

    The decision is chosen on real validation comments alone, then on these and balanced ones: frames of a fold that no
    model has trained on.

    Args:
        cases: Of HateCheck.
        validation: By model, its validation comments with `id`, and its probabilities of them (N, 6).
        probs: By model, its probabilities of the cases (C, 6).

    Returns:
        A row a step: `model`, `decision`, `rule`, `balanced_accuracy` (where the rule was chosen), `overall`.
    """
    found = []
    for model, with_balanced in ((BEFORE, False), (BEFORE, True), (AFTER, False), (AFTER, True)):
        comments, scores = validation[model]
        decision = _decision(comments, scores, with_balanced)
        result = score_hatecheck(cases, decision.decide(probs[model]))
        found.append(
            {
                "model": model,
                "decision": WITH_BALANCED if with_balanced else ON_REAL,
                "rule": decision.rule,
                "rows": decision.rows,
                "hateful": decision.hateful,
                "balanced_accuracy": decision.balanced_accuracy[decision.rule],
                "overall": result.overall.to_dict(orient="index"),
            }
        )
    return found


def _decision(comments: pd.DataFrame, probs: np.ndarray, with_balanced: bool) -> HateDecision:
    if with_balanced:
        return choose_decision(is_hateful(comments), probs, is_balanced(comments))
    real = ~is_balanced(comments)
    return choose_decision(is_hateful(comments[real]), probs[real])


def against_before(
    cases: pd.DataFrame, validation: Mapping[str, tuple[pd.DataFrame, np.ndarray]], probs: Mapping[str, np.ndarray]
) -> dict[str, dict]:
    """The whole fix on HateCheck, by part: the new model with its decision minus the old with the old one."""
    old = _decision(*validation[BEFORE], with_balanced=False).decide(probs[BEFORE])
    new = _decision(*validation[AFTER], with_balanced=True).decide(probs[AFTER])
    return compare_hatecheck(cases, new, old).to_dict(orient="index")


def costs(comments: pd.DataFrame, probs: Mapping[str, np.ndarray], n_resamples: int = 1_000) -> list[dict]:
    """What the new model gains or loses on comments as people wrote them, source by source: paired differences.

    Args:
        comments: In our schema, with `source`.
        probs: By model, (N, 6).
        n_resamples: Of the comments.

    Returns:
        A row a source, metric and label that has both classes there: `score_a` (after), `score_b` (before),
        `difference`, `low`, `high`, `p_value`; and a row "macro" where there are several labels.
    """
    found = []
    for source, rows in comments.groupby("source", sort=False).indices.items():
        truth = targets(comments.iloc[rows]).astype(float)
        known = [k for k in range(len(LABELS)) if len(set(truth[:, k][~np.isnan(truth[:, k])] >= 0.5)) == 2]
        names = [LABELS[k] for k in known]
        for metric in METRICS:
            both = [probs[name][rows][:, known] for name in (AFTER, BEFORE)]
            table = paired_bootstrap(truth[:, known], *both, metric, n_resamples, labels=names).table()
            if len(names) == 1:
                table = table.drop(index="macro")
            table = table.reset_index().assign(source=source, metric=metric, comments=len(rows))
            found += table.to_dict(orient="records")
    return found


def cost_table(fix: Mapping, metric: str, label: str = "macro") -> pd.DataFrame:
    """Rows for `toxres.plots.forest_plot`: what a label's score changes by, on each set of comments."""
    rows = pd.DataFrame([row for row in fix["costs"] if row["metric"] == metric and row["label"] == label])
    return rows.set_index("set").rename_axis("label") if len(rows) else rows


STEP_NAMES = {
    (BEFORE, False): "before",
    (BEFORE, True): "decision with\nbalanced comments",
    (AFTER, False): "training with\nbalanced comments",
    (AFTER, True): "both",
}
"""What figures call the steps, by model and whether balanced comments helped to choose the decision."""


def step_tables(fix: Mapping) -> dict[str, pd.DataFrame]:
    """The steps for `toxres.plots.hatecheck.system_dots`: name to accuracy by part."""
    return {
        STEP_NAMES[step["model"], step["decision"] == WITH_BALANCED]: pd.DataFrame.from_dict(
            step["overall"], orient="index"
        )
        for step in fix["steps"]
    }
