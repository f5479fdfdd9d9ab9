"""Comments scored by a model under a triage, for the moderation database: those of a file, and those that wait."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sqlmodel import select

from toxres.checkpoint import Checkpoint, load_checkpoint, need_scores
from toxres.data.textfiles import read_rows
from toxres.errors import InputError
from toxres.tasks import TOXICITY
from toxres.triage.database import Database
from toxres.triage.intake import Recorded, ScoredComment, record_comments
from toxres.triage.record import load_triage
from toxres.triage.registry import champion
from toxres.triage.tables import Comment, Item
from toxres.triage.verdicts import Triage

CHUNK = 512


class Decider(NamedTuple):
    """A model with the triage that was fitted for it.

    Attributes:
        model: Gives calibrated probabilities.
        triage: Gives verdicts.
        version: What the database calls the model.
    """

    model: Checkpoint
    triage: Triage
    version: str

    def score(self, comments: Iterable[tuple[str, str, str]]) -> Iterator[list[ScoredComment]]:
        """`(id, text, group)` as scored comments, `CHUNK` at a time."""
        rows = iter(comments)
        while chunk := list(islice(rows, CHUNK)):
            ids, texts, groups = zip(*chunk, strict=True)
            probs = np.asarray(self.model.predict_proba(list(texts), calibrated=True), dtype=np.float64)
            verdicts = self.triage.decide(probs, groups).verdict
            policy, labels = self.triage.policy, self.triage.labels
            yield [
                ScoredComment(
                    each[0], each[1], each[2], dict(zip(labels, row.tolist(), strict=True)), str(verdict),
                    self.version, policy.hash, policy.enforced,
                )
                for each, row, verdict in zip(zip(ids, texts, groups, strict=True), probs, verdicts, strict=True)
            ]  # fmt: skip


def open_decider(
    registry: str | Path | None = None, checkpoint: str | Path | None = None, triage: str | Path | None = None
) -> Decider:
    """The champion of a registry, or a checkpoint with a triage.

    Raises:
        InputError: Neither or both are named, or one is missing or broken.
    """
    if (registry is None) == (checkpoint is None) or (checkpoint is None) != (triage is None):
        raise InputError("say who scores: --registry DIR for its champion, or --checkpoint DIR with --triage DIR")
    if registry is not None:
        version = champion(registry)
        if version is None:
            raise InputError(f"{registry}: has no champion yet; `toxres retrain` makes the first")
        return Decider(load_checkpoint(version.checkpoint), load_triage(version.triage), version.name)
    model = need_scores(load_checkpoint(checkpoint))
    if model.task != TOXICITY:
        raise InputError(f"{checkpoint}: doesn't give the six labels that a policy enforces; name another checkpoint")
    return Decider(model, load_triage(triage), f"{model.recipe}-{model.run.get('key', 'unknown')}")


def add_file(
    database: Database,
    source: str | Path,
    decider: Decider,
    *,
    group: str | None = None,
    group_column: str | None = None,
    text_column: str | None = None,
    on_chunk: Callable[[int], None] | None = None,
) -> Recorded:
    """Score the comments of a file and record them; those that are uncertain wait for a moderator then.

    Comments keep their ids; where the file has none they are called by the file's name and their row. Adding the same
    file again adds scores and no comment.

    Args:
        database: An open one.
        source: What `toxres score` reads, or "-".
        decider: Who scores.
        group: Of all comments.
        group_column: Column with the group of each; "group" where neither is given.
        text_column: Column of the texts.
        on_chunk: Called with the number of comments recorded so far.

    Raises:
        InputError: The file is missing or broken, or a comment contradicts what is recorded; chunks before it stay.
    """
    if group is not None and group_column is not None:
        raise InputError("--group and --group-column: name one of them")
    column = None if group is not None else group_column or "group"
    total = Recorded(0, 0, 0)
    rows = read_rows(source, text_column, column)
    name = "stdin" if str(source) == "-" else Path(source).name
    comments = (
        (str(row.value) if row.key == "id" else f"{name}:{row.value}", row.text, row.group or group) for row in rows
    )
    for chunk in decider.score(comments):
        total = Recorded(*map(sum, zip(total, record_comments(database, chunk), strict=True)))
        if on_chunk is not None:
            on_chunk(total.added + total.rescored)
    if not total.added + total.rescored:
        raise InputError(f"{source}: there are no comments in it; give at least one")
    return total


def rescore(database: Database, decider: Decider, on_chunk: Callable[[int], None] | None = None) -> int:
    """Score every undecided comment anew, so that the queue is that of a new champion; returns how many."""
    done, last = 0, ""
    while True:
        wanted = (
            select(Comment.id, Comment.text, Item.group)
            .join(Item, Item.id == Comment.item_id)
            .where(Item.decisions == 0, Comment.id > last)
            .order_by(Comment.id)
            .limit(CHUNK)
        )
        with database.read() as session:
            chunk = [tuple(row) for row in session.exec(wanted).all()]
        if not chunk:
            return done
        for scored in decider.score(chunk):
            record_comments(database, scored)
        done, last = done + len(chunk), chunk[-1][0]
        if on_chunk is not None:
            on_chunk(done)
