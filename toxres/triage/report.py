"""What a triage does to comments whose answer is known: coverage, errors, workload, costs, and promises.

The comments are others than those it was calibrated on.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.evaluation.arrays import as_targets
from toxres.evaluation.report import format_table
from toxres.triage.audit import audit, label_audit, mentions
from toxres.triage.bounds import clopper_pearson, risk_p_values
from toxres.triage.curves import cost_curve
from toxres.triage.fit import truth
from toxres.triage.verdicts import ACCEPT, REJECT, UNCERTAIN, Triage, Verdicts, violation_scores

ALL: Final = "all"
"""Row of all groups together."""

REVIEWS_PER_ERROR: Final = 10.0
"""What a wrong decision of severity 1 is taken to cost, in reviews by a person, unless told otherwise."""


@dataclasses.dataclass(frozen=True)
class TriageReport:
    """A triage on comments whose answer is known.

    Attributes:
        triage: What decided.
        rows: Comments in all.
        left_out: Of these, comments whose answer is not known; they count for the workload alone.
        groups: A row a group, and `ALL`: `n`, `violations`, `accepted`, `rejected`, `uncertain` (counts), `coverage`,
            `accuracy` of the decided, `wrong_accepts` of the accepted and `wrong_rejects` of the rejected, these with
            exact 95% intervals (`_low`, `_high`).
        promises: A row a group and promise: `group`, `of`, `tolerated`, `kept` at calibration, and on these comments
            `decided`, `wrong`, `share`, `low`, `high` and `seen`, what they say of the promise.
        labels: What becomes of the comments with each label (see `audit.label_audit`).
        parts: Coverage and error of comments about groups of people (see `audit.audit`); None without texts.
        workload: Share of comments that a person sees.
        daily_comments: Comments a day at which the policy's daily queue is full; None without one.
        cost: Mean cost of a comment in reviews: now, if a person saw all, and the least of any certainty in hindsight.
        costs: The cost curve of `cost_curve`.
    """

    triage: Triage
    rows: int
    left_out: int
    groups: pd.DataFrame
    promises: pd.DataFrame
    labels: pd.DataFrame
    parts: pd.DataFrame | None
    workload: float
    daily_comments: float | None
    cost: dict[str, float]
    costs: pd.DataFrame

    def table(self) -> str:
        """The report as text."""
        policy = self.triage.policy
        head = f"policy {policy.name} ({policy.hash[:12]}): {policy.told()}, confidence {policy.confidence:.3g}"
        shown = ["n", "coverage", "accuracy", "wrong_accepts", "wrong_rejects", "uncertain"]
        groups = self.groups[shown].copy().astype(object)
        for column in ("accuracy", "wrong_accepts", "wrong_rejects"):
            groups[column] = [_with_interval(row, column) for _, row in self.groups.iterrows()]
        lines = [head, "", format_table(groups.rename(columns=_TITLES), corner="group"), ""]
        lines += [f"- {row.group}, {row.of}: {row.seen}" for row in self.promises.itertuples()]
        lines += ["", f"A person sees {self.workload:.1%} of the comments{self._queue()}."]
        lines += [
            f"Mean cost of a comment, in reviews: {self.cost['now']:.3f}; {self.cost['review_all']:.3f} if a person "
            f"saw all; {self.cost['least']:.3f} at the certainty that is best in hindsight."
        ]
        labels = self.labels[["n", "accepted", "uncertain", "rejected"]].astype({"n": object})
        lines += ["", format_table(labels, corner="comments with")]
        if self.parts is not None:
            parts = self.parts[["n", "coverage", "error", "harmless_reviewed"]].astype({"n": object})
            lines += ["", format_table(parts.rename(columns=_TITLES), corner="mentions")]
        if self.left_out:
            lines += [
                "",
                f"{self.left_out:,} of {self.rows:,} comments lack a label of the policy and count only above.",
            ]
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """Plain values, ready for `write_json`."""
        return {
            "policy": self.triage.policy.to_dict(),
            "policy_hash": self.triage.policy.hash,
            "rows": self.rows,
            "left_out": self.left_out,
            "groups": self.groups.to_dict(orient="index"),
            "promises": self.promises.to_dict(orient="records"),
            "labels": self.labels.to_dict(orient="index"),
            "parts": None if self.parts is None else self.parts.to_dict(orient="index"),
            "workload": self.workload,
            "daily_comments": self.daily_comments,
            "cost": self.cost,
        }

    def _queue(self) -> str:
        if self.daily_comments is None:
            return ""
        cap = self.triage.policy.daily_queue
        if not np.isfinite(self.daily_comments):
            return f", so the daily queue of {cap:,} never fills"
        return f", so the daily queue of {cap:,} is full at {self.daily_comments:,.0f} comments a day"


_TITLES = {
    "wrong_accepts": "wrong of accepted",
    "wrong_rejects": "wrong of rejected",
    "uncertain": "to a person",
    "harmless_reviewed": "harmless that wait",
}


def report_triage(
    triage: Triage,
    probs: np.ndarray,
    targets: np.ndarray,
    groups: Sequence[str] | str,
    *,
    texts: Sequence[str] | None = None,
    reviews_per_error: float = REVIEWS_PER_ERROR,
) -> TriageReport:
    """Hold a triage against comments whose answer is known.

    Args:
        triage: Fitted on other comments.
        probs: (N, L) calibrated probabilities.
        targets: (N, L) in [0, 1], NaN unknown.
        groups: The group of each row, or one for all.
        texts: N comments, for the audit by mentioned groups of people.
        reviews_per_error: Cost of a wrong decision of severity 1, in reviews; a wrong accept costs the severity of the
            worst of its labels times as much, a wrong reject once.

    Raises:
        InputError: Arrays that do not match, no row whose answer is known, or a group that the policy refuses.
    """
    verdicts = triage.decide(probs, groups)
    targets = as_targets(targets, triage.labels)
    if targets.shape != verdicts.probs.shape:
        raise InputError(f"targets have shape {targets.shape}, but probs {verdicts.probs.shape}; pass the same rows")
    violates, known = truth(targets, triage.labels, triage.policy)
    if not known.any():
        raise InputError(f"no row has all of {', '.join(triage.policy.enforced)}; give rows whose labels are known")
    names = [*dict.fromkeys(verdicts.group[known])]
    parts = {name: known & (verdicts.group == name) for name in names} | {ALL: known}
    table = pd.DataFrame.from_dict(
        {name: _outcome(verdicts.verdict[rows], violates[rows]) for name, rows in parts.items()}, orient="index"
    )
    promises = [
        _seen(name, promise, table.loc[name])
        for name in names
        if name in triage.groups
        for promise in triage.groups[name].promises
    ]
    told = None
    if texts is not None:
        spoken = mentions([text for text, row in zip(texts, known, strict=True) if row])
        told = audit(verdicts.verdict[known], violates[known], spoken)
    workload = float((verdicts.verdict == UNCERTAIN).mean())
    cap = triage.policy.daily_queue
    cost, costs = _costs(triage, verdicts, targets, violates, known, reviews_per_error)
    return TriageReport(
        triage=triage,
        rows=len(known),
        left_out=int((~known).sum()),
        groups=table,
        promises=pd.DataFrame(promises),
        labels=label_audit(verdicts.verdict, targets, triage.labels).loc[list(triage.policy.enforced)],
        parts=told,
        workload=workload,
        daily_comments=None if cap is None else (cap / workload if workload else np.inf),
        cost=cost,
        costs=costs,
    )


def _outcome(verdict: np.ndarray, violates: np.ndarray) -> dict[str, float]:
    accepted, rejected = verdict == ACCEPT, verdict == REJECT
    wrong = {"wrong_accepts": int((accepted & violates).sum()), "wrong_rejects": int((rejected & ~violates).sum())}
    decided = int(accepted.sum() + rejected.sum())
    row = {
        "n": len(verdict),
        "violations": int(violates.sum()),
        "accepted": int(accepted.sum()),
        "rejected": int(rejected.sum()),
        "uncertain": len(verdict) - decided,
        "coverage": decided / len(verdict),
    }
    shares = {
        "accuracy": (decided - sum(wrong.values()), decided),
        "wrong_accepts": (wrong["wrong_accepts"], row["accepted"]),
        "wrong_rejects": (wrong["wrong_rejects"], row["rejected"]),
    }
    for name, (hits, n) in shares.items():
        low, high = clopper_pearson(hits, n)
        row |= {name: hits / n if n else np.nan, f"{name}_low": float(low), f"{name}_high": float(high)}
    return row


def _seen(name: str, promise, row: pd.Series) -> dict[str, object]:
    """What new comments say of one promise."""
    decided = int(
        {"accepted": row["accepted"], "rejected": row["rejected"]}.get(promise.of, row["n"] - row["uncertain"])
    )
    shares = {"accepted": row["wrong_accepts"], "rejected": row["wrong_rejects"]}
    share = float(shares.get(promise.of, 1 - row["accuracy"]))
    wrong = round(share * decided) if decided else 0
    low, high = (float(end) for end in clopper_pearson(wrong, decided))
    if not promise.kept:
        seen = promise.told().removeprefix(f"{promise.of}: ")
    elif not decided:
        seen = "promised, and none of these comments was decided this way"
    else:
        # The chance of at least so many errors if the true rate were just what is tolerated.
        luck = 1 - float(risk_p_values(wrong - 1, decided, promise.tolerated)) if wrong else 1.0
        kept = wrong <= promise.tolerated * decided
        verdict = "kept" if kept else "broken" if luck < promise.error else "above, but no more than luck allows"
        seen = (
            f"{verdict}: {wrong:,} of {decided:,} wrong ({share:.2%}, 95% interval {low:.2%} to {high:.2%}), "
            f"tolerated {promise.tolerated:.2%}"
        )
    return {
        "group": name,
        "of": promise.of,
        "tolerated": promise.tolerated,
        "kept": promise.kept,
        "decided": decided,
        "wrong": wrong,
        "share": share,
        "low": low,
        "high": high,
        "seen": seen,
    }


def _costs(
    triage: Triage,
    verdicts: Verdicts,
    targets: np.ndarray,
    violates: np.ndarray,
    known: np.ndarray,
    per_error: float,
) -> tuple[dict[str, float], pd.DataFrame]:
    prices = per_error * severities(targets, triage)
    missed = (verdicts.verdict == ACCEPT) & violates & known
    spoilt = (verdicts.verdict == REJECT) & ~violates & known
    reviewed = (verdicts.verdict == UNCERTAIN) & known
    free = known & ~verdicts.ruled
    scores = violation_scores(verdicts.probs, triage.labels, triage.policy)
    curve = cost_curve(scores[free], violates[free], wrong_accept=prices[free], wrong_reject=per_error)
    always = float((known & verdicts.ruled).sum())
    for column, extra in (("cost", always), ("reviews", always)):
        curve[column] = (curve[column] * free.sum() + extra) / known.sum()
    for column in ("coverage", "wrong_accepts", "wrong_rejects"):
        curve[column] = curve[column] * free.sum() / known.sum()
    now = (prices[missed].sum() + per_error * spoilt.sum() + reviewed.sum()) / known.sum()
    return {"now": float(now), "review_all": 1.0, "least": min(float(curve["cost"].min()), 1.0)}, curve


def severities(targets: np.ndarray, triage: Triage) -> np.ndarray:
    """Severity (N,) of the worst enforced label that a comment carries; 0 of a comment that carries none."""
    weights: Mapping[str, float] = triage.policy.labels
    carried = np.nan_to_num(np.asarray(targets, dtype=float), nan=0.0) >= 0.5
    columns = [weights[label] * carried[:, triage.labels.index(label)] for label in triage.policy.enforced]
    return np.max(columns, axis=0)


def _with_interval(row: pd.Series, column: str) -> str:
    if np.isnan(row[column]):
        return "–"
    return f"{row[column]:.3f} [{row[f'{column}_low']:.3f}, {row[f'{column}_high']:.3f}]"
