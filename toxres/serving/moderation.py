"""From scores to verdicts with reasons and words, and what of it is recorded for the moderators."""

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from toxres.explain.record import Explanation
from toxres.labels import LABELS
from toxres.serving.scorer import Scored, Scorer
from toxres.serving.why import attend, occlude
from toxres.triage.policy import Policy
from toxres.triage.verdicts import ACCEPT, Reason, Triage, Verdict

if TYPE_CHECKING:
    from toxres.triage.database import Database

SHARE = 0.35
"""A word is shown if it counts at least this share of the strongest one."""

MOST_SPANS = 8
NO_POLICY = "no policy was fitted for these models, so every comment goes to a person (see toxres triage fit)"


class Asked(NamedTuple):
    """A comment that a verdict is wanted on.

    Attributes:
        id: The site's, or None.
        text: Well-formed.
        group: Of sites, or None for the only one there is.
    """

    id: str | None
    text: str
    group: str | None


class Moderation:
    """A triage, the model it was fitted on, and the moderators' database if there is one.

    Args:
        scorer: Holds the models.
        model: Name of the one whose probabilities the triage decides on.
        triage: Fitted, or None: then nothing is promised and a person sees everything.
        database: Open, or None.
    """

    def __init__(self, scorer: Scorer, model: str, triage: Triage | None, database: "Database | None" = None) -> None:
        self.scorer, self.model, self.database = scorer, model, database
        self.fitted = triage is not None
        self.triage = triage or Triage(Policy("none", dict.fromkeys(LABELS, 1.0), wrong_decisions=0.01), {})

    @property
    def promises(self) -> list[str]:
        """What is promised of automatic decisions."""
        return self.triage.told() if self.fitted else [NO_POLICY]

    def group_of(self, asked: Asked) -> str:
        """The group that a comment is decided for: its own, or the only one the triage knows."""
        if asked.group is not None:
            return asked.group
        return next(iter(self.triage.groups)) if len(self.triage.groups) == 1 else "unknown"

    def decide(self, asked: Sequence[Asked], scored: Sequence[Scored]) -> list[Verdict]:
        """The verdicts on comments.

        Raises:
            InputError: A group that the policy refuses.
        """
        probs = np.stack([each.probs for each in scored])
        return list(self.triage.decide(probs, [self.group_of(each) for each in asked]))

    async def spans(
        self, asked: Asked, verdict: Verdict, scored: Scored, method: str, max_words: int
    ) -> dict[str, list[tuple[int, int, float]]]:
        """For each label that a verdict is due to, the words that count most: start, end and weight.

        Raises:
            TooLong, Overloaded: As `Scorer.score`.
        """
        labels = telling(verdict)
        wanted = method == "occlusion" or (method == "attention" and scored.attention is not None)
        if not (labels and wanted and asked.text.strip()):
            return {}
        if method == "occlusion":
            explanation = await occlude(self.scorer, self.model, asked.text, max_words, scored)
        else:
            explanation = await attend(self.scorer, self.model, asked.text, scored)
        return {label: strongest(explanation, label) for label in labels}

    def record(self, asked: Sequence[Asked], scored: Sequence[Scored], verdicts: Sequence[Verdict]) -> list[str | None]:
        """Write scored comments into the database; returns the ids they stand there under, None for one that does not.

        A blank comment has nothing to decide and is left out. NUL, which no database text can hold, is written as
        U+FFFD. When this returns, what it wrote survives a crash.

        Raises:
            InputError: An id that is recorded with another text or group.
            RunError: The database can't be reached, or is held by another process.
        """
        from toxres.triage.intake import ScoredComment, record_comments

        model = self.scorer.models[self.model]
        ids, rows = [], []
        for comment, scores, verdict in zip(asked, scored, verdicts, strict=True):
            if not comment.text.strip().strip("\0"):
                ids.append(None)
                continue
            ids.append(comment.id or uuid.uuid4().hex)
            probs = dict(zip(model.labels, map(float, scores.probs), strict=True))
            rows.append(
                ScoredComment(
                    ids[-1].replace("\0", "\ufffd"),
                    comment.text.replace("\0", "\ufffd"),
                    verdict.group.replace("\0", "\ufffd"),
                    probs,
                    verdict.verdict,
                    model.version,
                    verdict.policy_hash,
                    self.triage.policy.enforced,
                )
            )
        record_comments(self.database, rows)
        return ids


def telling(verdict: Verdict) -> list[str]:
    """The labels that a verdict other than accept is due to: by a rule, above the threshold, or else the highest."""
    if verdict.verdict == ACCEPT or not verdict.reasons:
        return []
    return list(dict.fromkeys(each.label for each in verdict.reasons if _tells(each))) or [verdict.reasons[0].label]


def _tells(reason: Reason) -> bool:
    return reason.rule == "always_review" or (reason.distance is not None and reason.distance >= 0)


def strongest(explanation: Explanation, label: str) -> list[tuple[int, int, float]]:
    """The words that raise a label most, in the text's order, each with its share of the strongest one's."""
    values = explanation.of(label)
    most = values.max(initial=0.0)
    if most <= 0:
        return []
    found = [word for word in np.argsort(-values, kind="stable")[:MOST_SPANS] if values[word] >= SHARE * most]
    return [(*explanation.words[word], round(float(values[word] / most), 4)) for word in sorted(found)]
