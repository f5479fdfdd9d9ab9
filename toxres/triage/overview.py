"""Where moderation stands: for each group what came in, what waits, what is decided."""

import pandas as pd
from sqlalchemy import Integer, cast, func, or_
from sqlmodel import select

from toxres.triage.database import Database
from toxres.triage.decisions import Agreement, moderators_agreement
from toxres.triage.tables import CALIBRATION, GATE, Decision, Item

COLUMNS = (
    "comments", "texts", "accept", "uncertain", "reject", "waiting", "claimed", "decided", "decided_today", "gate",
    "gate_decided", "calibration", "calibration_decided",
)  # fmt: skip
"""Columns of `queue_table`."""


def queue_table(database: Database) -> pd.DataFrame:
    """One row a group: comments, distinct texts, these by latest verdict, waiting and claimed ones, and decisions.

    `gate` and `calibration` are the texts drawn for it, `gate_decided` and `calibration_decided` those decided.
    """
    now = database.clock()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    claimed = Item.claimed_until >= now

    def count(condition):
        return func.coalesce(func.sum(cast(condition, Integer)), 0)

    columns = {
        "comments": func.coalesce(func.sum(Item.copies), 0),
        "texts": func.count(),
        **{verdict: count(Item.verdict == verdict) for verdict in ("accept", "uncertain", "reject")},
        "waiting": count(Item.waits & or_(Item.claimed_until.is_(None), Item.claimed_until < now)),
        "claimed": count(claimed & Item.claimed_until.is_not(None)),
        "decided": count(Item.decisions > 0),
        "gate": count(Item.role == GATE),
        "gate_decided": count((Item.role == GATE) & (Item.decisions > 0)),
        "calibration": count(Item.role == CALIBRATION),
        "calibration_decided": count((Item.role == CALIBRATION) & (Item.decisions > 0)),
    }
    today = (
        select(Item.group, func.count())
        .join(Decision, Decision.item_id == Item.id)
        .where(Decision.decided >= midnight, Decision.supersedes.is_(None))
        .group_by(Item.group)
    )
    with database.read() as session:
        rows = session.exec(select(Item.group, *columns.values()).group_by(Item.group).order_by(Item.group)).all()
        decided_today = dict(session.exec(today).all())
    table = pd.DataFrame([tuple(row) for row in rows], columns=["group", *columns]).set_index("group")
    table["decided_today"] = [decided_today.get(group, 0) for group in table.index]
    return table[list(COLUMNS)].astype(int)


def moderators_table(database: Database) -> pd.DataFrame:
    """One row a moderator: decisions, of them rejects, second opinions and corrections, and the latest one's time."""
    wanted = (
        select(
            Decision.moderator,
            func.count(),
            func.sum(cast(Decision.verdict == "reject", Integer)),
            func.sum(cast(Decision.second, Integer)),
            func.count(Decision.supersedes),
            func.max(Decision.decided),
        )
        .group_by(Decision.moderator)
        .order_by(Decision.moderator)
    )
    with database.read() as session:
        rows = session.exec(wanted).all()
    columns = ["moderator", "decisions", "rejects", "second", "corrections", "latest"]
    return pd.DataFrame([tuple(row) for row in rows], columns=columns).set_index("moderator")


def agreements(database: Database) -> dict[str, Agreement]:
    """The moderators' agreement in each group in which two have decided the same text, and in "all"."""
    with database.read() as session:
        groups = session.exec(select(Item.group).where(Item.decisions > 1).distinct().order_by(Item.group)).all()
    return {"all": moderators_agreement(database)} | {group: moderators_agreement(database, group) for group in groups}
