"""The moderation loop on a table's scale: synthetic comments come in, moderators decide, and what a notebook shows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.data import targets
from toxres.data.synthetic.generate import generate
from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.triage.database import Database
from toxres.triage.intake import Recorded, record_comments
from toxres.triage.policy import Policy
from toxres.triage.queue import Claimed, claim_next, decide
from toxres.triage.registry import rollback
from toxres.triage.rescoring import Decider

GROUP = "chat"
"""The group of sites whose comments come in."""

POLICY = Policy("chat", {"toxic": 1}, wrong_decisions=0.1, groups=(GROUP,), daily_queue=100)
COMMENTS, GATE, CALIBRATION, DECISIONS, MORE = 900, 100, 200, 650, 300
"""Comments that come in, texts drawn for gate and thresholds, decisions with those of the drawn texts, and comments
that come in later."""

COLUMNS = ("comments", "texts", "accept", "uncertain", "reject", "waiting", "decided", "gate", "calibration")
"""What is shown of `queue_table`."""


def stream(count: int, group: str, seed: int = 0) -> pd.DataFrame:
    """Comments of one group of the synthetic corpus, from templates of its training split; labels are their truth.

    Args:
        count: Comments.
        group: "forum", "news" or "chat".
        seed: Another one than the corpus' own gives other comments.
    """
    made = generate(5 * count, seed=seed + 1_000, split="train")
    chosen = made[made["group"] == group].drop_duplicates("text").head(count).reset_index(drop=True)
    if len(chosen) < count:
        raise InputError(f"group {group!r}: {len(chosen)} of {count} comments could be written; ask for fewer")
    return chosen


def add(database: Database, comments: pd.DataFrame, decider: Decider) -> Recorded:
    """Score comments and record them; those that are uncertain wait from then on."""
    rows = zip(comments["id"], comments["text"], comments["group"], strict=True)
    return record_comments(database, [each for chunk in decider.score(rows) for each in chunk])


def answers(comments: pd.DataFrame, enforced: Sequence[str]) -> dict[str, list[str]]:
    """What a moderator who makes no mistake rejects each comment for, by id; nothing accepts it."""
    truth = targets(comments)
    columns = [LABELS.index(label) for label in enforced]
    rows = zip(comments["id"], truth[:, columns] >= 0.5, strict=True)
    return {name: [label for label, given in zip(enforced, row, strict=True) if given] for name, row in rows}


def moderate(
    database: Database,
    right: Mapping[str, list[str]],
    moderators: Sequence[str],
    count: int,
    *,
    wrong: float = 0.0,
    seed: int = 0,
) -> int:
    """Let moderators take turns at the queue until so many comments are decided, or none waits; returns how many.

    Args:
        database: An open one.
        right: Of `answers`.
        moderators: Their names.
        count: Decisions.
        wrong: Share of decisions that are wrong, at random.
        seed: Of the errors.
    """
    random, done = np.random.default_rng(seed), 0
    while done < count:
        before = done
        for moderator in moderators:
            for each in claim_next(database, moderator, limit=min(20, count - done)) if done < count else ():
                labels = right[each.comment_id]
                if random.random() < wrong:
                    labels = [] if labels else [each.enforced[0]]
                decide(database, each.comment_id, moderator, "reject" if labels else "accept", labels)
                done += 1
        if done == before:
            break
    return done


def misled(right: Mapping[str, list[str]], enforced: Sequence[str]) -> dict[str, list[str]]:
    """The answers of somebody who wants harm: all the other way round."""
    return {name: [] if labels else [enforced[0]] for name, labels in right.items()}


def claimed_table(claims: Mapping[str, Sequence[Claimed]]) -> pd.DataFrame:
    """A row a claimed comment: whose it is, how likely it violates the policy, and until when it is theirs."""
    rows = [
        {
            "moderator": moderator,
            "probability": max(each.probs[label] for label in each.enforced),
            "verdict": each.verdict,
            "claimed until": f"{each.until:%H:%M} UTC",
            "text": " ".join(each.text.split()),
        }
        for moderator, held in claims.items()
        for each in held
    ]
    return pd.DataFrame(rows).set_index("moderator")


def refusal(function, *args) -> str:
    """What the database says when it refuses something.

    Raises:
        AssertionError: It did not refuse.
    """
    try:
        function(*args)
    except InputError as error:
        return f"{type(error).__name__}: {error}"
    raise AssertionError("this was not refused")


def rolled_back(registry: str | Path) -> str:
    """Roll back, and say to what, or why not."""
    try:
        return f"rolled back to: {rollback(registry).name}"
    except InputError as error:
        return f"not rolled back: {str(error).partition(': ')[2]}"


def queue_shown(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of `queue_table` that have something to say here."""
    return table[list(COLUMNS)]
