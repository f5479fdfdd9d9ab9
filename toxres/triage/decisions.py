"""A decision is a label: moderators' decisions as training comments, and how far moderators agree."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sqlmodel import select

from toxres.data.schema import make_comments, targets
from toxres.errors import InputError
from toxres.evaluation.proportions import wilson_interval
from toxres.files import atomic_path
from toxres.labels import LABELS
from toxres.triage.database import Database
from toxres.triage.tables import ROLES, Comment, Decision, Item

_RESAMPLES = 1_000


def decision_targets(verdict: str, labels: Iterable[str], enforced: Iterable[str]) -> np.ndarray:
    """Targets (L,) of the six labels: an accept makes the enforced 0, a reject those it names 1; else NaN."""
    found = np.full(len(LABELS), np.nan, dtype=np.float32)
    chosen, value = (enforced, 0.0) if verdict == "accept" else (labels, 1.0)
    for label in chosen:
        found[LABELS.index(label)] = value
    return found


def read_decisions(database: Database, *, roles: Sequence[str] = ROLES, group: str | None = None) -> pd.DataFrame:
    """The decided texts as comments, each distinct text of a group once, however many comments have it.

    Where a decision was corrected, the correction alone counts. Where several moderators decided a text independently,
    a label's target is the mean of what they say of it, as a share of raters is.

    Args:
        database: An open one.
        roles: Texts drawn for these roles (see `toxres.triage.tables.ROLES`).
        group: Of this group alone.

    Returns:
        Comments (see `toxres.data.schema`), in the order of their last decision, with the further columns `role`,
        `verdict` (of the last decision), `moderator` (who made it), `copies`, `decision` (its number) and `decided`.
        No rows where nothing is decided.
    """
    wanted = (
        select(Item, Comment.text, Decision)
        .join(Decision, Decision.item_id == Item.id)
        .join(Comment, Comment.id == Item.comment_id)
        .where(Item.role.in_(list(roles)), *(() if group is None else (Item.group == group,)))
        .order_by(Decision.id)
    )
    with database.read() as session:
        rows = session.exec(wanted).all()
    items, texts, counted = {}, {}, {}
    for item, text, decision in rows:
        items[item.id], texts[item.id] = item, text
        if decision.supersedes is not None:
            counted[item.id] = []
        counted.setdefault(item.id, []).append(decision)
    if not items:
        return pd.DataFrame(columns=["id", "text", "group", *LABELS, *_FURTHER])
    order = sorted(items, key=lambda key: counted[key][-1].id)
    said = [[decision_targets(d.verdict, d.labels, d.enforced) for d in counted[key]] for key in order]
    truth = np.array([_mean(np.array(each)) for each in said], dtype=np.float32)
    last = [counted[key][-1] for key in order]
    comments = make_comments(
        [items[key].comment_id for key in order],
        [texts[key] for key in order],
        [items[key].group for key in order],
        dict(zip(LABELS, truth.T, strict=True)),
        name=database.name,
    )
    comments.attrs.update(source="decisions", origin="moderators", sha256="")
    return comments.assign(
        role=[items[key].role for key in order],
        verdict=[decision.verdict for decision in last],
        moderator=[decision.moderator for decision in last],
        copies=[items[key].copies for key in order],
        decision=[decision.id for decision in last],
        decided=[decision.decided for decision in last],
    )


_FURTHER = ("role", "verdict", "moderator", "copies", "decision", "decided")


def _mean(said: np.ndarray) -> np.ndarray:
    """Mean over decisions (D, L) of what is known of each label, NaN where nothing is."""
    known = ~np.isnan(said)
    count = known.sum(axis=0)
    return np.where(count > 0, np.nansum(said, axis=0) / np.maximum(count, 1), np.nan)


def export_decisions(decisions: pd.DataFrame, out: str | Path) -> int:
    """Write decided texts as a CSV file in Kaggle's format, which every verb of `toxres` reads; returns the rows.

    Raises:
        InputError: There is none.
    """
    if decisions.empty:
        raise InputError("no decision is recorded yet, so there is nothing to export; decide some comments first")
    table = decisions.rename(columns={"text": "comment_text"})
    columns = ["id", "comment_text", "group", *LABELS, "role", "verdict", "moderator", "copies", "decided"]
    table = table[columns].assign(decided=[when.isoformat(timespec="seconds") for when in table["decided"]])
    with atomic_path(out) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", float_format="%.6g")
    return len(table)


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How far two moderators who decided the same text, the second without knowing the first, agree.

    Attributes:
        pairs: Texts decided so.
        same: Of these, texts with the same verdict.
        rate: `same / pairs`; NaN without pairs.
        low: Lower end of its interval (Wilson, 95%).
        high: Upper end.
        kappa: Cohen's kappa of the verdicts: 0 is what chance gives, 1 is perfect; NaN where it is undefined.
        kappa_low: Lower end of its interval (percentiles of 1,000 resamples of the texts).
        kappa_high: Upper end.
    """

    pairs: int
    same: int
    rate: float
    low: float
    high: float
    kappa: float
    kappa_low: float
    kappa_high: float

    def __str__(self) -> str:
        if not self.pairs:
            return "agreement: unknown, no comment was decided by two moderators (`toxres queue next --second`)"
        kappa = "undefined (one verdict only)"
        if not np.isnan(self.kappa):
            kappa = f"{self.kappa:.2f} [{self.kappa_low:.2f}, {self.kappa_high:.2f}]"
        return (
            f"agreement: {self.same} of {self.pairs}, {self.rate:.2f} [{self.low:.2f}, {self.high:.2f}]; kappa {kappa}"
        )


def moderators_agreement(database: Database, group: str | None = None, seed: int = 0) -> Agreement:
    """Agreement of first decisions and second opinions; corrections, whose author knew the decision, don't count."""
    wanted = select(Decision).join(Item, Item.id == Decision.item_id).where(Decision.supersedes.is_(None))
    wanted = wanted.where(*(() if group is None else (Item.group == group,))).order_by(Decision.id)
    pairs: dict[int, list[str]] = {}
    with database.read() as session:
        for decision in session.exec(wanted):
            pairs.setdefault(decision.item_id, []).append(decision.verdict)
    return agreement([said[:2] for said in pairs.values() if len(said) > 1], seed)


def agreement(pairs: Sequence[Sequence[str]], seed: int = 0) -> Agreement:
    """Agreement of pairs of verdicts."""
    verdicts = (np.array(pairs, dtype=object).reshape(-1, 2) == "reject").astype(int)
    n, same = len(verdicts), int((verdicts[:, 0] == verdicts[:, 1]).sum())
    low, high = (float(end) for end in wilson_interval(same, n))
    # A resample of the pairs is a draw of how many of them are accept-accept, accept-reject, and so on.
    counts = np.bincount(2 * verdicts[:, 0] + verdicts[:, 1], minlength=4)
    kappa = float(_kappa(counts[None])[0])
    ends = (np.nan, np.nan)
    if not np.isnan(kappa):
        samples = _kappa(np.random.default_rng(seed).multinomial(n, counts / n, _RESAMPLES))
        ends = np.nanquantile(samples, [0.025, 0.975])
    return Agreement(n, same, same / n if n else np.nan, low, high, kappa, float(ends[0]), float(ends[1]))


def _kappa(counts: np.ndarray) -> np.ndarray:
    """Cohen's kappa (K,) of counts (K, 4) of the pairs of two verdicts; NaN where chance alone would say as much.

    It is scikit-learn's `cohen_kappa_score`, of many tables at once.
    """
    tables = counts.reshape(-1, 2, 2).astype(float)
    n = tables.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = (tables[:, 0, 0] + tables[:, 1, 1]) / n
        expected = (tables.sum(axis=2) * tables.sum(axis=1)).sum(axis=1) / n**2
        return np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)


def usable(decisions: pd.DataFrame) -> pd.DataFrame:
    """The decided texts of which at least one label is known."""
    return decisions[~np.isnan(targets(decisions)).all(axis=1)] if len(decisions) else decisions
