"""Comments of any length as a span model reads them: windows of tokens, and probabilities of words and characters."""

import dataclasses
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from toxres.data.batching import PadCollator
from toxres.errors import InputError
from toxres.files import well_formed
from toxres.lengths import length_batches
from toxres.models.spans import SpanModel
from toxres.tasks import SPANS

OVERLAP = 0.25
"""Share of a window's tokens that stand in the next one too."""

_WORD = re.compile(r"[^\W_]+(?:['\u2019.*@$#&_-]+[^\W_]+)*|(?:(?![^\W_])\S)+")


class Tokens(NamedTuple):
    """A comment in tokens, without special ones.

    Attributes:
        ids: M token ids.
        offsets: M x 2, start and end of each token in the comment as it was written; equal where no text stands behind.
    """

    ids: list[int]
    offsets: np.ndarray


class Window(NamedTuple):
    """Tokens that are read at once.

    Attributes:
        row: Of the comment.
        start: Place of the first token in the comment, special tokens left out.
        ids: T token ids with the special tokens around them.
        inner: Where the comment's own tokens stand in `ids`.
        own: Which of the comment's tokens this window answers for: in an overlap each window keeps its nearer half.
    """

    row: int
    start: int
    ids: list[int]
    inner: slice
    own: slice


def tokenize(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[Tokens]:
    """The whole of each comment in tokens; a lone surrogate is read as U+FFFD.

    Args:
        texts: N comments.
        tokenizer: A fast tokenizer.
    """
    if not len(texts):
        return []
    encoded = tokenizer(
        [well_formed(text) for text in texts], add_special_tokens=False, return_offsets_mapping=True,
        return_attention_mask=False, truncation=False, verbose=False,
    )  # fmt: skip
    return [
        Tokens(list(ids), np.array(offsets, dtype=np.int64).reshape(-1, 2))
        for ids, offsets in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ]


def windows_of(
    tokens: Sequence[Tokens],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    overlap: float = OVERLAP,
) -> list[Window]:
    """Every comment in windows; one that fits is one window, one without tokens is none.

    Args:
        tokens: Of N comments.
        tokenizer: Whose special tokens go around each window.
        max_length: Tokens of a window, special tokens included.
        overlap: Share of a window that stands in the next one too, at most one half.

    Raises:
        InputError: A window has no room for tokens of the comment.
    """
    before, after = _special_ids(tokenizer)
    room = max_length - len(before) - len(after)
    if room < 1:
        raise InputError(f"max_length is {max_length}; give more than the {len(before) + len(after)} special tokens")
    shared = int(room * min(max(overlap, 0.0), 0.5))
    windows = []
    for row, (ids, _) in enumerate(tokens):
        starts = range(0, max(len(ids) - shared, 1), room - shared) if len(ids) > room else range(1)
        for start in starts if ids else ():
            stop = min(start + room, len(ids))
            first = start + shared // 2 if start else 0
            last = stop - (shared - shared // 2) if stop < len(ids) else stop
            inner = slice(len(before), len(before) + stop - start)
            windows.append(Window(row, start, before + ids[start:stop] + after, inner, slice(first, last)))
    return windows


def _special_ids(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Ids of the special tokens before and after a text."""
    encoded = tokenizer("a", return_special_tokens_mask=True)
    ids, mask = encoded["input_ids"], encoded["special_tokens_mask"]
    first = mask.index(0)
    last = len(mask) - mask[::-1].index(0)
    return list(ids[:first]), list(ids[last:])


@torch.inference_mode()
def token_logits(
    model: SpanModel,
    tokenizer: PreTrainedTokenizerBase,
    tokens: Sequence[Tokens],
    max_length: int,
    max_tokens: int = 4_096,
) -> list[np.ndarray]:
    """Logits, not probabilities, of each comment's tokens: N arrays (M,), float32.

    Args:
        model: Put into evaluation mode and left there.
        tokenizer: The model's.
        tokens: Of N comments.
        max_length: Tokens of a window.
        max_tokens: Most tokens a batch, padding included.
    """
    model.eval()
    windows = windows_of(tokens, tokenizer, max_length)
    collate = PadCollator(tokenizer.pad_token_id)
    found = [np.zeros(len(ids), dtype=np.float32) for ids, _ in tokens]
    for group in length_batches([len(window.ids) for window in windows], max_tokens):
        batch = collate([{"input_ids": windows[index].ids} for index in group])
        logits = model(**{name: tensor.to(model.device) for name, tensor in batch.items()}).logits.float().cpu().numpy()
        for index, line in zip(group, logits, strict=True):
            window = windows[index]
            own = line[window.inner][window.own.start - window.start : window.own.stop - window.start]
            found[window.row][window.own] = own
    return found


def char_probs(text: str, offsets: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Probability of each character of a comment to be part of a toxic span (len(text),), NaN between tokens.

    A character under several tokens, as an emoji split into bytes is, has the mean of their logits.

    Args:
        text: The comment.
        offsets: M x 2, of its tokens.
        logits: (M,), of its tokens.
    """
    total, count = np.zeros(len(text)), np.zeros(len(text))
    for (start, end), logit in zip(offsets.tolist(), logits.tolist(), strict=True):
        total[start:end] += logit
        count[start:end] += 1
    with np.errstate(invalid="ignore"):
        return 1 / (1 + np.exp(-np.clip(total / count, -60, 60)))


def word_probs(probs: np.ndarray, words: Sequence[tuple[int, int]]) -> np.ndarray:
    """Probability of each word (W,): the mean over its characters that were read, NaN where none was.

    Args:
        probs: Of the characters, as `char_probs` gives them.
        words: W spans (start, end).
    """
    means = np.full(len(words), np.nan)
    for number, (start, end) in enumerate(words):
        part = probs[start:end]
        if (known := ~np.isnan(part)).any():
            means[number] = part[known].mean()
    return means


@dataclasses.dataclass(frozen=True, eq=False)
class ReadWords:
    """A comment with the probabilities of its words, as `toxres.evaluation.rationales` reads explanations.

    Attributes:
        text: The comment.
        words: W spans (start, end).
        attributions: W x 1, the probability of each word to be part of a toxic span; 0 where it was not read.
        scores: (1,), the highest logit of a token; NaN without tokens.
        labels: The label.
    """

    text: str
    words: tuple[tuple[int, int], ...]
    attributions: np.ndarray
    scores: np.ndarray
    labels: tuple[str, ...] = SPANS.labels

    def of(self, label: str) -> np.ndarray:
        """Attributions (W,) for one label."""
        return self.attributions[:, self.labels.index(label)]


def read_words(
    model: SpanModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int
) -> list[ReadWords]:
    """The words of N comments of any length: runs of letters and digits, with signs inside; and runs of other signs.

    Args:
        model: Put into evaluation mode and left there.
        tokenizer: The model's.
        texts: N comments.
        max_length: Tokens of a window.
    """
    found = []
    tokens = tokenize(texts, tokenizer)
    for text, one, line in zip(texts, tokens, token_logits(model, tokenizer, tokens, max_length), strict=True):
        words = tuple(match.span() for match in _WORD.finditer(text))
        probs = np.nan_to_num(word_probs(char_probs(text, one.offsets, line), words))
        found.append(ReadWords(text, words, probs[:, None], highest_logit(line)))
    return found


def highest_logit(logits: np.ndarray) -> np.ndarray:
    """A comment's one score (1,) of its tokens' logits: it is toxic if any token is. NaN without tokens."""
    return np.array([max(logits.tolist(), default=np.nan)])
