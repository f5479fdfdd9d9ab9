"""The tables of the moderation database, the same in SQLite and PostgreSQL; `SCHEMA` counts their versions."""

import datetime
from typing import Any, Final

from sqlalchemy import JSON, Column, DateTime, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, MetaData, SQLModel

SCHEMA: Final = 1
"""Version of these tables; a database of another one is refused."""

TRAIN, CALIBRATION, GATE = "train", "calibration", "gate"
ROLES: Final = (TRAIN, CALIBRATION, GATE)
"""What the decision on a text is for: to train on, to set thresholds on, or to judge challengers on."""


class UtcDateTime(TypeDecorator):
    """Aware times in UTC, also where the database keeps no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, dialect: Any) -> datetime.datetime | None:
        """To UTC; SQLite then stores the bare time."""
        if value is None:
            return None
        value = value.astimezone(datetime.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime.datetime | None, dialect: Any) -> datetime.datetime | None:
        """Back to an aware time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=datetime.UTC) if value.tzinfo is None else value.astimezone(datetime.UTC)


class Table(SQLModel):
    """What all tables share: metadata of their own, so that nothing else's tables are made with them."""

    metadata = MetaData()


def _time(*, null: bool = False) -> Any:
    return Field(sa_column=Column(UtcDateTime, nullable=null))


def _text() -> Any:
    return Field(sa_column=Column(Text, nullable=False))


class SchemaVersion(Table, table=True):
    """One row: which tables these are."""

    __tablename__ = "toxres_schema"
    version: int = Field(primary_key=True)
    created: datetime.datetime = _time()


class Item(Table, table=True):
    """A distinct text of a group, which is what a moderator decides: a flood of one text is one item.

    Attributes:
        sha256: Of the text without what makes no difference (`data.duplicates.normalise_for_duplicates`).
        comment_id: The first comment with this text, which stands for all.
        copies: Comments with this text.
        verdict: Of the latest score.
        uncertainty: Value of a decision by `triage.value.uncertainty`.
        change: Value of a decision by `triage.value.expected_change`.
        role: One of `ROLES`.
        waits: Whether a moderator is to decide it.
        decisions: How often it was decided independently.
        since: When its first comment was written, or where that is unknown, arrived.
        claimed_by: Whose it is until `claimed_until`.
        claimed_second: The claim is for a second opinion.
    """

    __tablename__ = "toxres_item"
    __table_args__ = (
        UniqueConstraint("group", "sha256", name="toxres_item_text"),
        Index("toxres_item_waiting", "waits", "group"),
    )
    id: int | None = Field(default=None, primary_key=True)
    group: str = _text()
    sha256: str = _text()
    comment_id: str = _text()
    copies: int = 0
    verdict: str = _text()
    uncertainty: float = 0.0
    change: float = 0.0
    role: str = Field(default=TRAIN)
    waits: bool = False
    decisions: int = 0
    since: datetime.datetime = _time()
    claimed_by: str | None = None
    claimed_until: datetime.datetime | None = _time(null=True)
    claimed_second: bool = False


class Comment(Table, table=True):
    """A comment as it came from a site. `created` is the site's own time of it, `arrived` when it came here."""

    __tablename__ = "toxres_comment"
    id: str = Field(primary_key=True)
    item_id: int = Field(sa_column=Column(ForeignKey("toxres_item.id"), nullable=False, index=True))
    text: str = _text()
    created: datetime.datetime | None = _time(null=True)
    arrived: datetime.datetime = _time()


class Score(Table, table=True):
    """What a model and a policy said of a comment; a comment that is scored again gets a further row.

    Attributes:
        model: Version of the model.
        policy_hash: Of the policy and thresholds.
        probs: Label to calibrated probability.
        enforced: The labels that the policy enforces for the comment's group.
        verdict: "accept", "uncertain" or "reject".
    """

    __tablename__ = "toxres_score"
    id: int | None = Field(default=None, primary_key=True)
    comment_id: str = Field(sa_column=Column(ForeignKey("toxres_comment.id"), nullable=False, index=True))
    model: str = _text()
    policy_hash: str = _text()
    probs: dict = Field(sa_column=Column(JSON, nullable=False))
    enforced: list = Field(sa_column=Column(JSON, nullable=False))
    verdict: str = _text()
    scored: datetime.datetime = _time()


class Decision(Table, table=True):
    """A moderator's decision. Rows are only ever added.

    Attributes:
        comment_id: The comment that was shown; the decision is on its text.
        labels: What a rejected comment is rejected for.
        enforced: The labels that the policy enforced when it was decided: 0 after an accept.
        second: A second opinion, made without knowing the first.
        supersedes: The decision that this one corrects; earlier ones no longer count.
    """

    __tablename__ = "toxres_decision"
    id: int | None = Field(default=None, primary_key=True)
    item_id: int = Field(sa_column=Column(ForeignKey("toxres_item.id"), nullable=False, index=True))
    comment_id: str = Field(sa_column=Column(ForeignKey("toxres_comment.id"), nullable=False))
    moderator: str = _text()
    verdict: str = _text()
    labels: list = Field(sa_column=Column(JSON, nullable=False))
    enforced: list = Field(sa_column=Column(JSON, nullable=False))
    decided: datetime.datetime = _time()
    second: bool = False
    supersedes: int | None = Field(
        default=None, sa_column=Column(ForeignKey("toxres_decision.id"), nullable=True, unique=True)
    )


class Drawn(Table, table=True):
    """A draw of texts for a role other than training; a group's gate is drawn once."""

    __tablename__ = "toxres_drawn"
    __table_args__ = (UniqueConstraint("group", "role", "number", name="toxres_drawn_once"),)
    id: int | None = Field(default=None, primary_key=True)
    group: str = _text()
    role: str = _text()
    number: int = 1
    size: int
    seed: int
    drawn: datetime.datetime = _time()
