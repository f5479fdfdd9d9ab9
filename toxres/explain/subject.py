"""What is explained: a model with its tokenizer, a model that reads texts itself, or none."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from toxres.errors import InputError
from toxres.explain.record import Explanation
from toxres.explain.words import Shares, Span, share_tokens, words_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from toxres.models import ToxicityModel


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a model gets to see of a comment.

    Attributes:
        text: The comment.
        words: W spans of its words.
        read: W booleans: the word begins before the place where the model cuts the comment off.
        input_ids: T token ids, special tokens included; none for a model that reads texts itself.
        special: T booleans: the tokenizer put the token in, it is not of the text.
        shares: How the tokens' attributions go to the words.
    """

    text: str
    words: tuple[Span, ...]
    read: np.ndarray
    input_ids: tuple[int, ...]
    special: np.ndarray
    shares: Shares


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is explained.

    Attributes:
        name: What tables call it.
        labels: L, the columns of its logits.
        model: A `ToxicityModel`, ready for use (see `toxres.explain.forward.ready`), or None.
        tokenizer: Its tokenizer, a fast one, or None.
        max_length: Tokens a comment is cut off at, or None.
        predict: Logits (N, L) of N texts, for a model that reads texts itself, or None.
    """

    name: str
    labels: tuple[str, ...]
    model: "ToxicityModel | None" = None
    tokenizer: "PreTrainedTokenizerBase | None" = None
    max_length: int | None = None
    predict: Callable[[Sequence[str]], np.ndarray] | None = None

    def read(self, text: str) -> Reading:
        """Words and tokens of a comment."""
        words = words_of(text)
        if self.tokenizer is None:
            nothing = np.zeros(0, dtype=bool)
            return Reading(text, words, np.ones(len(words), dtype=bool), (), nothing, share_tokens(text, words, []))
        encoding = self.tokenizer([text], truncation=True, max_length=self.max_length).encodings[0]
        offsets, sequences = encoding.offsets, encoding.sequence_ids
        special = np.array([sequence is None for sequence in sequences], dtype=bool)
        offsets = [(0, 0) if other else offset for offset, other in zip(offsets, special, strict=True)]
        end = len(text)
        if encoding.overflowing:
            end = max((offset[1] for offset in offsets), default=0)
        read = np.array([start < end for start, _ in words], dtype=bool)
        return Reading(text, words, read, tuple(encoding.ids), special, share_tokens(text, words, offsets))

    def require_model(self, method: str) -> "ToxicityModel":
        """The model, for a method that looks inside.

        Raises:
            InputError: There is none that can be looked into.
        """
        if self.model is None and self.predict is None:
            raise InputError(f"{method} looks into a model and there is no model; give a checkpoint, or choose lexicon")
        if self.model is None:
            raise InputError(
                f"{self.name}: has no gradients and no tokens that {method!r} could be of, as it is no transformer or "
                "language model; choose occlusion, lexicon or random"
            )
        return self.model

    def scores(self, reading: Reading) -> np.ndarray:
        """Logits (L,) of a comment; NaN where there is no model."""
        if self.model is not None:
            from toxres.explain.forward import score_ids

            return score_ids(self.model, self.tokenizer.pad_token_id, [reading.input_ids])[0]
        if self.predict is not None:
            return np.asarray(self.predict([reading.text])[0], dtype=np.float64)
        return np.full(len(self.labels), np.nan)

    def explanation(
        self,
        reading: Reading,
        columns: Sequence[int],
        attributions: np.ndarray,
        method: str,
        *,
        scores: np.ndarray | None = None,
        baseline_scores: np.ndarray | None = None,
        convergence_delta: np.ndarray | None = None,
        **fields,
    ) -> Explanation:
        """The record of an explanation.

        Args:
            reading: Of the comment.
            columns: K indexes of `labels`.
            attributions: W x K.
            method: Its name.
            scores: (L,) logits, computed if not given.
            baseline_scores: (L,) logits of the baseline, NaN if not given.
            convergence_delta: (K,), NaN if not given.
            **fields: Further fields of `Explanation`.
        """
        columns = list(columns)
        unknown = np.full(len(self.labels), np.nan)
        scores = self.scores(reading) if scores is None else scores
        baseline_scores = unknown if baseline_scores is None else baseline_scores
        return Explanation(
            text=reading.text,
            words=reading.words,
            labels=tuple(self.labels[column] for column in columns),
            attributions=np.asarray(attributions, dtype=np.float64),
            read=reading.read,
            method=method,
            model=self.name,
            scores=np.asarray(scores, dtype=np.float64)[columns],
            baseline_scores=np.asarray(baseline_scores, dtype=np.float64)[columns],
            convergence_delta=unknown[columns] if convergence_delta is None else convergence_delta,
            **fields,
        )
