"""Recording scored comments: what a model and a policy said of them, and whether a person is to decide."""

import dataclasses
import datetime
import hashlib
import numbers
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, select

from toxres.data.duplicates import normalise_for_duplicates
from toxres.errors import InputError
from toxres.files import well_formed
from toxres.triage.database import Database
from toxres.triage.tables import TRAIN, Comment, Item, Score
from toxres.triage.value import values

VERDICTS: Final = ("accept", "uncertain", "reject")
CHUNK = 500


@dataclasses.dataclass(frozen=True)
class ScoredComment:
    """A comment and what was said of it.

    Attributes:
        id: The site's own; unique in the database.
        text: As it was written.
        group: Of sites.
        probs: Label to calibrated probability.
        verdict: "accept", "uncertain" or "reject".
        model: Version of the model.
        policy_hash: Of the policy and thresholds.
        enforced: The labels that the policy enforces.
        created: When it was written, aware; None is unknown.
    """

    id: str
    text: str
    group: str
    probs: Mapping[str, float]
    verdict: str
    model: str
    policy_hash: str
    enforced: tuple[str, ...]
    created: datetime.datetime | None = None


class Recorded(NamedTuple):
    """What came of recording comments.

    Attributes:
        added: Comments that were new.
        copies: Of these, comments whose text the group had already.
        rescored: Comments that were there, whose new score was added.
    """

    added: int
    copies: int
    rescored: int


def text_sha256(text: str) -> str:
    """Digest of a text without what does not make two comments different."""
    return hashlib.sha256(normalise_for_duplicates(text).encode("utf-8", "surrogatepass")).hexdigest()


def record_comments(database: Database, comments: Iterable[ScoredComment]) -> Recorded:
    """Record scored comments; those that are uncertain wait for a moderator from then on.

    Comments of a group with the same text, but for case, punctuation, links and the like, are one item of the queue,
    and one decision is on them all. A comment that is recorded again gets a further score; what was decided stays. The
    comments are written in one transaction for each `CHUNK` of them, and are checked before the first.

    Raises:
        InputError: A field of a comment is empty, malformed or contradicts what is recorded of its id; the message
            names the comment. Nothing of its chunk is written.
    """
    comments = [_checked(comment) for comment in comments]
    found = [_record(database, chunk) for chunk in _chunks(comments)]
    return Recorded(*(sum(numbers) for numbers in zip(*found, strict=True))) if found else Recorded(0, 0, 0)


def _chunks(comments: list[ScoredComment]) -> Iterator[list[ScoredComment]]:
    for start in range(0, len(comments), CHUNK):
        yield comments[start : start + CHUNK]


def _record(database: Database, comments: list[ScoredComment]) -> Recorded:
    digests = [text_sha256(comment.text) for comment in comments]
    worth = values([comment.probs for comment in comments], [comment.enforced for comment in comments])
    now = database.clock()
    with database.write() as session:
        items = _items(session, comments, digests, now)
        before = _known_ids(session, [comment.id for comment in comments])
        fresh: dict[str, dict] = {}
        for comment, digest in zip(comments, digests, strict=True):
            row = {"id": comment.id, "item_id": items[comment.group, digest].id, "text": comment.text}
            if before.get(comment.id, fresh.get(comment.id, row)["item_id"]) != row["item_id"]:
                raise InputError(
                    f"comment {comment.id!r}: is recorded with another text or group; give an edited comment an id of "
                    "its own"
                )
            if comment.id not in before:
                fresh.setdefault(comment.id, row | {"created": comment.created, "arrived": now})
        inserted = _insert(session, Comment, [fresh[key] for key in sorted(fresh)], ["id"])
        if len(inserted) < len(fresh):  # another process recorded some of them in the meantime
            later = _known_ids(session, list(set(fresh) - inserted))
            wrong = [key for key, item in later.items() if item != fresh[key]["item_id"]]
            if wrong:
                raise InputError(
                    f"comment {wrong[0]!r}: was just recorded with another text or group; give it its own id"
                )
        copies = 0
        for key in sorted(inserted):
            item = session.get(Item, fresh[key]["item_id"])
            copies += item.copies > 0
            item.copies += 1
        for comment, digest, (unsure, change) in zip(comments, digests, worth, strict=True):
            item = items[comment.group, digest]
            item.verdict, item.uncertainty, item.change = comment.verdict, float(unsure), float(change)
            item.waits = not item.decisions and (comment.verdict == "uncertain" or item.role != TRAIN)
        scores = [
            {
                "comment_id": comment.id, "model": comment.model, "policy_hash": comment.policy_hash,
                "probs": dict(comment.probs), "enforced": list(comment.enforced), "verdict": comment.verdict,
                "scored": now,
            }
            for comment in comments
        ]  # fmt: skip
        session.execute(Score.__table__.insert(), scores)
    return Recorded(len(inserted), copies, len(comments) - len(inserted))


def _items(
    session: Session, comments: Sequence[ScoredComment], digests: Sequence[str], now: datetime.datetime
) -> dict[tuple[str, str], Item]:
    """The items of the comments' texts, made where they are new, locked in one order so that none waits in a circle."""
    rows = {}
    for number, (comment, digest) in enumerate(zip(comments, digests, strict=True)):
        # A call's comments have one time of arrival, but are in an order.
        since = comment.created or now + datetime.timedelta(microseconds=number)
        rows.setdefault(
            (comment.group, digest),
            {
                "group": comment.group, "sha256": digest, "comment_id": comment.id, "copies": 0,
                "verdict": comment.verdict, "uncertainty": 0.0, "change": 0.0, "role": TRAIN, "waits": False,
                "decisions": 0, "since": since, "claimed_second": False,
            },
        )  # fmt: skip
    _insert(session, Item, [rows[key] for key in sorted(rows)], ["group", "sha256"])
    wanted = select(Item).where(Item.sha256.in_({digest for _, digest in rows})).order_by(Item.id).with_for_update()
    found = {(item.group, item.sha256): item for item in session.exec(wanted)}
    return {key: found[key] for key in rows}


def _known_ids(session: Session, ids: list[str]) -> dict[str, int]:
    return dict(session.exec(select(Comment.id, Comment.item_id).where(Comment.id.in_(ids))).all())


def _insert(session: Session, table: type, rows: list[dict], keys: list[str]) -> set:
    """Insert rows but those whose keys are taken; returns the first key of each inserted row."""
    if not rows:
        return set()
    dialect = {"sqlite": sqlite, "postgresql": postgresql}[session.get_bind().dialect.name]
    statement = dialect.insert(table).on_conflict_do_nothing(index_elements=keys).returning(getattr(table, keys[0]))
    return set(session.execute(statement.values(rows)).scalars())


def _checked(comment: ScoredComment) -> ScoredComment:
    """The comment with texts that both databases can hold.

    Raises:
        InputError: A field can't be.
    """
    name = f"comment {comment.id!r}"
    texts = {}
    for field in ("id", "text", "group", "model", "policy_hash"):
        value = getattr(comment, field)
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"{name}, field {field!r}: is empty or no text; fill it in")
        if "\0" in value:
            raise InputError(f"{name}, field {field!r}: holds a NUL byte; remove it")
        texts[field] = well_formed(value)
    if comment.verdict not in VERDICTS:
        raise InputError(f"{name}, field 'verdict': is {comment.verdict!r}; give one of {', '.join(VERDICTS)}")
    if not comment.probs or not comment.enforced:
        raise InputError(f"{name}: has no probabilities, or no enforced labels; score it under a policy first")
    for label, value in comment.probs.items():
        if not isinstance(value, numbers.Real) or not 0 <= value <= 1:
            raise InputError(
                f"{name}, probability of {label}: {value!r} is outside [0, 1]; give calibrated probabilities"
            )
    missing = [label for label in comment.enforced if label not in comment.probs]
    if missing:
        raise InputError(
            f"{name}: the enforced label {missing[0]!r} has no probability; score it with a model that has"
        )
    if comment.created is not None and comment.created.tzinfo is None:
        raise InputError(f"{name}, field 'created': has no time zone; add one, such as +00:00")
    return dataclasses.replace(
        comment, **texts, probs={label: float(value) for label, value in comment.probs.items()},
        enforced=tuple(comment.enforced),
    )  # fmt: skip
