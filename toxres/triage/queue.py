"""The moderators' queue: who gets which comment, and what is decided."""

import dataclasses
import datetime
from collections.abc import Sequence

from sqlalchemy import func, or_, text
from sqlmodel import Session, select

from toxres.errors import InputError
from toxres.files import well_formed
from toxres.labels import LABELS
from toxres.triage.database import Database
from toxres.triage.refusals import AlreadyDecided, NotClaimed, UnknownComment
from toxres.triage.tables import TRAIN, Comment, Decision, Item, Score
from toxres.triage.value import ORDERS

CLAIM_MINUTES = 30
_NAME = 200
_CAP_LOCK = 6_148_914_692


@dataclasses.dataclass(frozen=True)
class Claimed:
    """A comment that a moderator is to decide.

    Attributes:
        comment_id: The site's.
        text: As it was written.
        group: Of sites.
        created: When it was written, or None.
        copies: Comments that have this text; the decision is on all of them.
        verdict: Of the latest score. Whether moderators see it and the probabilities is the caller's choice: to see
            them sways people.
        probs: Label to probability, of the latest score.
        enforced: The labels that the policy enforces.
        model: Version of the model that scored it.
        policy_hash: Of the policy it was scored under.
        second: A second opinion is wanted.
        until: When the claim runs out.
    """

    comment_id: str
    text: str
    group: str
    created: datetime.datetime | None
    copies: int
    verdict: str
    probs: dict[str, float]
    enforced: tuple[str, ...]
    model: str
    policy_hash: str
    second: bool
    until: datetime.datetime


def claim_next(
    database: Database,
    moderator: str,
    *,
    group: str | None = None,
    order: str = "uncertain",
    limit: int = 1,
    minutes: float = CLAIM_MINUTES,
    daily_cap: int | None = None,
    second: bool = False,
) -> list[Claimed]:
    """Give a moderator the next comments; nobody else gets them before the claim runs out.

    What the moderator has claimed already comes first, with the claim renewed, so that asking again loses nothing. Then
    come texts drawn for calibration or the gate, then the rest by `order`.

    Args:
        database: An open one.
        moderator: Who asks.
        group: Comments of this group alone.
        order: One of `ORDERS`.
        limit: Most comments to give.
        minutes: How long the claims hold.
        daily_cap: Most comments a day (UTC) that the group's moderators, or without `group` all, are asked to decide.
        second: Give comments that one other moderator has decided instead, in no particular order, to be decided again
            without a word about the first decision: what the moderators' agreement is measured by.

    Returns:
        At most `limit` comments; none when nothing waits, or the day's cap is reached (see `left_today`).

    Raises:
        InputError: An unknown order, or an argument that can't be.
    """
    moderator = _checked_name(moderator)
    if order not in ORDERS:
        raise InputError(f"unknown order {order!r}; choose one of: {', '.join(ORDERS)}")
    if limit < 1 or minutes <= 0:
        raise InputError(f"limit {limit}, minutes {minutes:g}: give at least one comment and some time")
    now = database.clock()
    until = now + datetime.timedelta(minutes=minutes)
    mine = Item.claimed_by == moderator, Item.claimed_until >= now, Item.claimed_second == second
    free = or_(Item.claimed_until.is_(None), Item.claimed_until < now)
    in_group = () if group is None else (Item.group == group,)
    with database.write() as session:
        if daily_cap is not None and not database.is_sqlite:  # SQLite has one writer at a time anyway
            session.execute(text(f"SELECT pg_advisory_xact_lock({_CAP_LOCK})"))
        held = select(Item).where(*mine, *in_group).order_by(Item.id).limit(limit)
        items = list(session.exec(held.with_for_update(skip_locked=True)))
        room = limit - len(items)
        if daily_cap is not None:
            room = min(room, daily_cap - _asked_today(session, group, now))
        if room > 0:
            rank = {"uncertain": Item.uncertainty.desc(), "change": Item.change.desc(), "oldest": Item.since}[order]
            wanted = select(Item).where(free, *in_group)
            if second:
                others = select(Decision.item_id).where(Decision.moderator == moderator)
                wanted = wanted.where(Item.decisions == 1, Item.id.not_in(others)).order_by(Item.sha256)
            else:
                wanted = wanted.where(Item.waits).order_by((Item.role == TRAIN), rank, Item.id)
            items += session.exec(wanted.limit(room).with_for_update(skip_locked=True))
        for item in items:
            item.claimed_by, item.claimed_until, item.claimed_second = moderator, until, second
        session.flush()
        return [_claimed(session, item) for item in items]


def claim_comment(database: Database, comment_id: str, moderator: str, *, minutes: float = CLAIM_MINUTES) -> Claimed:
    """Give a moderator a certain comment, whatever its verdict: to overrule an automatic one.

    Raises:
        UnknownComment: There is none of this id.
        NotClaimed: Another moderator has it.
        AlreadyDecided: It is decided.
    """
    moderator = _checked_name(moderator)
    now = database.clock()
    with database.write() as session:
        item = _item(session, comment_id, lock=True)
        if item.decisions:
            raise AlreadyDecided(_already(session, comment_id, item))
        if item.claimed_by not in (None, moderator) and item.claimed_until >= now:
            raise NotClaimed(
                f"comment {comment_id!r}: is claimed by {item.claimed_by!r} {_until(item)}; wait, or ask them"
            )
        item.claimed_by, item.claimed_second = moderator, False
        item.claimed_until = now + datetime.timedelta(minutes=minutes)
        session.flush()
        return _claimed(session, item, comment_id)


def release(database: Database, comment_id: str, moderator: str) -> None:
    """Give a claimed comment back undecided.

    Raises:
        UnknownComment: There is none of this id.
        NotClaimed: The moderator has no claim on it.
    """
    with database.write() as session:
        item = _item(session, comment_id, lock=True)
        if item.claimed_by != moderator:
            raise NotClaimed(f"comment {comment_id!r}: is not claimed by {moderator!r}; there is nothing to give back")
        item.claimed_by = item.claimed_until = None


def decide(
    database: Database,
    comment_id: str,
    moderator: str,
    verdict: str,
    labels: Sequence[str] = (),
    *,
    enforced: Sequence[str] | None = None,
    correct: bool = False,
) -> int:
    """Record a moderator's decision. Once this returns, it survives a crash of the process or the machine.

    An accept says that none of the policy's enforced labels is true of the comment, a reject names those that are; all
    others stay unknown. The moderator needs the claim; one that ran out still holds as long as nobody else took it.

    Args:
        database: An open one.
        comment_id: The comment that was shown.
        moderator: Who decides.
        verdict: "accept" or "reject".
        labels: What it is rejected for; none for an accept.
        enforced: Labels that an accept denies; those of the policy that the comment was last scored under.
        correct: Change an earlier decision, anybody's; no claim is needed. The earlier ones stay on record.

    Returns:
        The decision's number.

    Raises:
        UnknownComment: There is none of this id.
        NotClaimed: The moderator has no claim on it.
        AlreadyDecided: It, or another comment with its text, is decided, and this is no correction.
        InputError: An unknown verdict or label, a reject without or an accept with labels, or nothing to correct.
    """
    moderator = _checked_name(moderator)
    labels = _checked_labels(comment_id, verdict, labels)
    now = database.clock()
    with database.write() as session:
        item = _item(session, comment_id, lock=True)
        earlier = session.exec(select(Decision).where(Decision.item_id == item.id).order_by(Decision.id)).all()
        second = False
        if correct:
            if not earlier:
                raise InputError(
                    f"comment {comment_id!r}: was not decided yet, so there is nothing to correct; decide it"
                )
        elif item.claimed_by == moderator and item.claimed_second and all(d.moderator != moderator for d in earlier):
            second = True
        elif earlier:
            raise AlreadyDecided(_already(session, comment_id, item))
        elif item.claimed_by != moderator:
            whose = "nobody" if item.claimed_by is None or item.claimed_until < now else repr(item.claimed_by)
            raise NotClaimed(
                f"comment {comment_id!r}: is claimed by {whose}, not by {moderator!r}; ask the queue for it first"
            )
        if enforced is None:
            enforced = _latest_score(session, comment_id, item).enforced
        decision = Decision(
            item_id=item.id, comment_id=comment_id, moderator=moderator, verdict=verdict, labels=labels,
            enforced=list(enforced), decided=now, second=second, supersedes=earlier[-1].id if correct else None,
        )  # fmt: skip
        session.add(decision)
        item.decisions += not correct
        item.waits = False
        if item.claimed_by == moderator:
            item.claimed_by = item.claimed_until = None
        session.flush()
        return decision.id


def left_today(database: Database, daily_cap: int, group: str | None = None) -> int:
    """How many comments may still be given to moderators today (UTC), of a group or of all."""
    with database.read() as session:
        return max(0, daily_cap - _asked_today(session, group, database.clock()))


def _asked_today(session: Session, group: str | None, now: datetime.datetime) -> int:
    """Comments decided today, and those that are claimed now."""
    midnight = now.astimezone(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    in_group = () if group is None else (Item.group == group,)
    decided = select(func.count()).select_from(Decision).join(Item, Item.id == Decision.item_id)
    decided = decided.where(Decision.decided >= midnight, Decision.supersedes.is_(None), *in_group)
    claimed = select(func.count()).select_from(Item).where(Item.claimed_until >= now, *in_group)
    return session.exec(decided).one() + session.exec(claimed).one()


def _item(session: Session, comment_id: str, *, lock: bool) -> Item:
    wanted = select(Item).join(Comment, Comment.item_id == Item.id).where(Comment.id == comment_id)
    known = isinstance(comment_id, str) and "\0" not in comment_id  # which PostgreSQL can't even look for
    item = session.exec(wanted.with_for_update(of=Item) if lock else wanted).first() if known else None
    if item is None:
        raise UnknownComment(f"comment {comment_id!r}: is not in the database; check the id, or record it first")
    return item


def _latest_score(session: Session, comment_id: str, item: Item) -> Score:
    """The latest score of a comment's text."""
    wanted = select(Score).join(Comment, Comment.id == Score.comment_id).where(Comment.item_id == item.id)
    return session.exec(wanted.order_by(Score.id.desc()).limit(1)).one()


def _claimed(session: Session, item: Item, comment_id: str | None = None) -> Claimed:
    comment = session.get(Comment, comment_id or item.comment_id)
    score = _latest_score(session, comment.id, item)
    return Claimed(
        comment.id, comment.text, item.group, comment.created, item.copies, score.verdict, score.probs,
        tuple(score.enforced), score.model, score.policy_hash, item.claimed_second, item.claimed_until,
    )  # fmt: skip


def _already(session: Session, comment_id: str, item: Item) -> str:
    last = session.exec(select(Decision).where(Decision.item_id == item.id).order_by(Decision.id.desc()).limit(1)).one()
    copy = "" if last.comment_id == comment_id else f", as a copy of {last.comment_id!r},"
    return (
        f"comment {comment_id!r}: was decided{copy} by {last.moderator!r} ({last.verdict}, "
        f"{last.decided:%Y-%m-%d %H:%M} UTC); to change that, correct it"
    )


def _until(item: Item) -> str:
    return f"until {item.claimed_until:%H:%M} UTC"


def _checked_name(moderator: str) -> str:
    if not isinstance(moderator, str) or not moderator.strip():
        raise InputError("the moderator's name is empty; say who decides")
    if len(moderator) > _NAME or not moderator.isprintable():
        raise InputError(f"the moderator's name must be at most {_NAME} printable characters; shorten it")
    return well_formed(moderator.strip())


def _checked_labels(comment_id: str, verdict: str, labels: Sequence[str]) -> list[str]:
    if verdict not in ("accept", "reject"):
        raise InputError(f"comment {comment_id!r}: verdict {verdict!r} is neither accept nor reject; give one of them")
    if isinstance(labels, str):
        raise InputError(f"comment {comment_id!r}: labels are a list, such as ['insult']; give one")
    unknown = [label for label in labels if label not in LABELS]
    if unknown:
        raise InputError(f"comment {comment_id!r}: unknown label {unknown[0]!r}; choose from {', '.join(LABELS)}")
    if verdict == "reject" and not labels:
        raise InputError(f"comment {comment_id!r}: a reject names what it is for; give at least one label")
    if verdict == "accept" and labels:
        raise InputError(f"comment {comment_id!r}: an accept has no labels; leave them out, or reject it")
    return [label for label in LABELS if label in labels]
