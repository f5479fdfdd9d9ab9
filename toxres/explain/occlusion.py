"""Occlusion: how a logit falls when a word is taken away (Zeiler and Fergus 2014; Li et al. 2016 for words).

The versions of a comment are scored here, in batches, as Captum's `FeatureAblation` takes one version at a time where a
model has several logits, or goes through all versions again for each of them.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from toxres.errors import InputError
from toxres.explain.record import Explanation
from toxres.explain.subject import Reading, Subject

REPLACEMENTS = {
    "remove": "the comment without the word",
    "mask": "the word's tokens are the mask token",
    "pad": "the word's tokens are padding",
}
"""What a word can be replaced by, and how the record says it."""

MAX_WORDS = 400
"""Words of a comment that are asked about of a model that reads texts itself, unless told otherwise."""

MOST_CHARACTERS = 8_000
"""Characters of a comment that are asked about of a model that reads texts itself."""


class Versions(NamedTuple):
    """A comment's scores with each word, and without.

    Attributes:
        reading: Of the comment.
        scores: (L,) logits of the comment.
        words: (V,) the words that were taken away, one a version.
        without: (V, L) logits.
    """

    reading: Reading
    scores: np.ndarray
    words: np.ndarray
    without: np.ndarray


def explain_occlusion(
    subject: Subject, text: str, columns: Sequence[int], *, replacement: str = "remove", max_words: int = MAX_WORDS
) -> Explanation:
    """f(x) less the logit of the comment without a word, for each word in turn.

    Of a comment that is tokens to the model, all tokens that hold some of the word are removed ("remove", what every
    model knows), or become the mask token ("mask") or padding that counts ("pad") at the same positions. The part that
    the model cut off stays away. For a model that reads texts itself the word is cut out of the text, and what stood
    beside it stays apart.

    Args:
        subject: Any model.
        text: The comment.
        columns: K labels.
        replacement: One of `REPLACEMENTS`.
        max_words: For models that read texts itself, which know no end: the comment is cut off after so many words
            (or `MOST_CHARACTERS`), and `scores` are of what is left.

    Raises:
        InputError: There is no model, the replacement is unknown, or the model does not know it.
    """
    reading, scores, words, without = versions_without(subject, text, replacement, max_words)
    attributions = np.zeros((len(reading.words), len(subject.labels)))
    attributions[words] = scores - without
    return subject.explanation(
        reading, columns, attributions[:, list(columns)], "occlusion", scores=scores, baseline=REPLACEMENTS[replacement]
    )


def versions_without(
    subject: Subject, text: str, replacement: str, max_words: int, method: str = "occlusion"
) -> Versions:
    """A comment's scores, and those without each word in turn; arguments as of `explain_occlusion`.

    Raises:
        InputError: As there; `method` is what the message calls the method.
    """
    if replacement not in REPLACEMENTS:
        raise InputError(f"unknown replacement {replacement!r}; choose one of: {', '.join(REPLACEMENTS)}")
    if subject.model is None and subject.predict is None:
        raise InputError(f"{method} needs a model to ask; give a checkpoint, or choose lexicon or random")
    if subject.model is None:
        return _of_text(subject, text, replacement, max_words)
    return _of_tokens(subject, text, replacement)


def without_word(text: str, start: int, end: int) -> str:
    """The text less `text[start:end]` and one of the spaces beside it, or with one if its neighbours would touch."""
    before, after = text[:start], text[end:]
    if before and after:
        spaces = before[-1].isspace() + after[0].isspace()
        return before + (" " if spaces == 0 else "") + after[spaces == 2 :]
    return before + after


def _of_text(subject: Subject, text: str, replacement: str, max_words: int) -> Versions:
    if replacement != "remove":
        raise InputError(f"{subject.name}: knows no tokens, so a word can't be replaced by {replacement!r}; use remove")
    if not isinstance(max_words, int) or isinstance(max_words, bool) or max_words < 1:
        raise InputError(f"max_words is {max_words!r}; give a whole number above 0")
    reading = subject.read(text)
    end = min(len(text), MOST_CHARACTERS)
    if len(reading.words) > max_words:
        end = min(end, reading.words[max_words - 1][1])
    spans = [(start, min(stop, end)) for start, stop in reading.words if start < end]
    reading = dataclasses.replace(reading, read=np.arange(len(reading.words)) < len(spans))
    versions = [text[:end], *(without_word(text[:end], *span) for span in spans)]
    logits = np.asarray(subject.predict(versions), dtype=np.float64)
    return Versions(reading, logits[0], np.arange(len(spans)), logits[1:])


def _of_tokens(subject: Subject, text: str, replacement: str) -> Versions:
    from toxres.explain.forward import MAX_TOKENS, as_tensor, embedding_layer, score_ids, score_vectors

    model, tokenizer, reading = subject.model, subject.tokenizer, subject.read(text)
    ids = np.array(reading.input_ids, dtype=np.int64)
    words = np.unique(reading.shares.words)
    holds = np.zeros((len(reading.words), len(ids)), dtype=bool)
    holds[reading.shares.words, reading.shares.tokens] = True
    if replacement == "remove" or not len(words):
        left = [ids[~holds[word]].tolist() for word in words]
        logits = score_ids(model, tokenizer.pad_token_id, [ids.tolist(), *left])
        return Versions(reading, logits[0], words, logits[1:])
    other = {"mask": tokenizer.mask_token_id, "pad": tokenizer.pad_token_id}[replacement]
    if other is None:
        raise InputError(f"{subject.name}: its tokenizer has no {replacement} token; replace words by remove or pad")
    import torch

    with torch.no_grad():
        vectors = embedding_layer(model)(as_tensor(model, [*ids, other]))  # 1 x (T + 1) x D
    vectors, instead = vectors[:, :-1], vectors[:, -1:]
    logits = [score_vectors(model, as_tensor(model, ids), vectors)]
    for part in np.array_split(words, -(-len(words) * len(ids) // MAX_TOKENS)):
        hidden = torch.from_numpy(holds[part]).to(vectors.device)[..., None]  # V x T x 1
        logits.append(score_vectors(model, as_tensor(model, ids), torch.where(hidden, instead, vectors)))
    logits = np.concatenate(logits)
    return Versions(reading, logits[0], words, logits[1:])
