"""Shapley values by the two ends: what a word adds to nothing, and what everything loses without it."""

from collections.abc import Sequence

import numpy as np

from toxres.explain.occlusion import MAX_WORDS, Versions, versions_without
from toxres.explain.record import Explanation
from toxres.explain.subject import Subject


def explain_shapley(subject: Subject, text: str, columns: Sequence[int], *, max_words: int = MAX_WORDS) -> Explanation:
    """The mean of a word's worth alone and of its worth beside all others, for each word in turn.

    A word's Shapley value is the mean, over how many words are there already, of what it adds to them (Castro, Gómez
    and Tejada 2009). Of these strata two are computed here: no word and all others, the coalitions that KernelSHAP
    weighs most (Lundberg and Lee 2017). Occlusion is the second alone, in which a comment that is abusive twice loses
    nothing without either word. Words are removed, not masked; special tokens stay.

    Args:
        subject: Any model.
        text: The comment.
        columns: K labels.
        max_words: As in `explain_occlusion`.

    Raises:
        InputError: There is no model.
    """
    found = versions_without(subject, text, "remove", max_words, method="shapley")
    alone, nothing = _alone(subject, found)
    attributions = np.zeros((len(found.reading.words), len(subject.labels)))
    attributions[found.words] = ((found.scores - found.without) + (alone - nothing)) / 2
    return subject.explanation(
        found.reading,
        columns,
        attributions[:, list(columns)],
        "shapley",
        scores=found.scores,
        baseline_scores=nothing,
        baseline="a comment without words",
    )


def _alone(subject: Subject, found: Versions) -> tuple[np.ndarray, np.ndarray]:
    """Logits (V, L) of each word by itself, and (L,) of no word."""
    reading = found.reading
    if subject.model is None:
        words = [reading.text[start:end] for start, end in (reading.words[word] for word in found.words)]
        logits = np.asarray(subject.predict([*words, ""]), dtype=np.float64)
        return logits[:-1], logits[-1]
    from toxres.explain.forward import score_ids

    ids = np.array(reading.input_ids, dtype=np.int64)
    held = np.zeros((len(reading.words), len(ids)), dtype=bool)
    held[reading.shares.words, reading.shares.tokens] = True
    frame = ~held.any(axis=0)
    versions = [ids[held[word] | frame].tolist() for word in found.words]
    logits = score_ids(subject.model, subject.tokenizer.pad_token_id, [*versions, ids[frame].tolist()])
    return logits[:-1], logits[-1]
