"""What people marked as an explanation: the probability of each word to be part of a toxic span, by a span model."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toxres.errors import InputError
from toxres.evaluation.rationales import SpanRule, mark_characters
from toxres.explain.record import Explanation

if TYPE_CHECKING:
    from toxres.checkpoint import Checkpoint
    from toxres.explain.subject import Subject


def explain_supervised(
    subject: "Subject", text: str, columns: Sequence[int], *, spans: "Checkpoint | str | Path | None" = None
) -> Explanation:
    """The probability of each word to be part of a toxic span: the mean over its characters.

    It is what a model that learned from people's marks would mark, and the same for every label: it says nothing of
    what the classifier beside it does. The whole comment is read, whatever its length; a word of which the span model's
    tokenizer keeps nothing is not, and has 0.

    Args:
        subject: A classifier, whose scores are told; or a span model itself, whose one score is the highest logit of a
            token, "toxic" if any word is.
        text: The comment.
        columns: K labels of the subject.
        spans: The span model's checkpoint, of `toxres train spans`, or its folder; not needed where the subject is one.

    Raises:
        InputError: No span model is named, or the checkpoint is none.
    """
    from toxres.models.span_reading import char_probs, highest_logit, token_logits, tokenize, word_probs
    from toxres.models.spans import SpanModel

    itself = isinstance(subject.model, SpanModel)
    if spans is None and not itself:
        raise InputError(
            f"{subject.name}: marks no spans; name a span model's checkpoint (toxres train spans) with the option spans"
        )
    if spans is None:
        model, tokenizer, max_length = subject.model, subject.tokenizer, subject.max_length
    else:
        checkpoint = open_spans(spans)
        model, tokenizer, max_length = checkpoint.model, checkpoint.tokenizer, checkpoint.max_length
    tokens = tokenize([text], tokenizer)
    logits = token_logits(model, tokenizer, tokens, max_length)[0]
    reading = subject.read(text)
    words = word_probs(char_probs(text, tokens[0].offsets, logits), reading.words)
    reading = dataclasses.replace(reading, read=~np.isnan(words))
    words = np.nan_to_num(words)
    scores = highest_logit(logits) if itself else None
    return subject.explanation(
        reading, columns, np.repeat(words[:, None], len(columns), axis=1), "supervised", scores=scores
    )


def mark_spans(
    spans: "Checkpoint | str | Path", texts: Sequence[str], threshold: float | None = None
) -> list[tuple[tuple[int, int], ...]]:
    """The toxic spans of comments of any length.

    Args:
        spans: A span model's checkpoint, or its folder.
        texts: N comments.
        threshold: Mark the words with at least this probability, and what stands between neighbours; None takes the
            rule that was tuned on validation posts.

    Returns:
        For each comment intervals (start, end), in order; none where the rule marks nothing.

    Raises:
        InputError: The checkpoint marks no spans, a text is no string, or the threshold is no probability.
    """
    from toxres.models.span_reading import read_words

    checkpoint = open_spans(spans)
    if threshold is None:
        rule = SpanRule(**checkpoint.run["validation"]["rule"])
    elif 0 <= threshold <= 1:
        rule = SpanRule("absolute", threshold, bridge=0)
    else:
        raise InputError(f"threshold is {threshold}; give one in [0, 1]")
    if isinstance(texts, str | bytes):
        raise InputError("texts: is a single text; give a list of texts, such as [text]")
    for number, text in enumerate(texts := list(texts)):
        if not isinstance(text, str):
            raise InputError(f"texts[{number}]: is a {type(text).__name__}, not a string; give it a text or drop it")
    read = read_words(checkpoint.model, checkpoint.tokenizer, texts, checkpoint.max_length)
    return [mark_characters(one, rule) for one in read]


_opened: dict[tuple, "Checkpoint"] = {}


def open_spans(spans: "Checkpoint | str | Path") -> "Checkpoint":
    """A span model's checkpoint; a folder is opened once, and again when its record changes.

    Raises:
        InputError: It is no checkpoint of a span model.
    """
    from toxres.checkpoint import RUN, Checkpoint, load_checkpoint
    from toxres.data.memory import fingerprint

    if isinstance(spans, Checkpoint):
        checkpoint = spans
    elif isinstance(spans, str | Path):
        key = fingerprint([Path(spans) / RUN])
        checkpoint = _opened.get(key) if key else None
        if checkpoint is None:
            checkpoint = load_checkpoint(spans)
            if key:
                _opened.clear()
                _opened[key] = checkpoint
    else:
        raise InputError(f"spans: is a {type(spans).__name__}; give a span model's checkpoint or its folder")
    if not checkpoint.marks_spans:
        raise InputError(
            f"{checkpoint.path}: is a classifier ({checkpoint.name}) and marks no spans; name one that `toxres train "
            "spans` wrote"
        )
    return checkpoint
