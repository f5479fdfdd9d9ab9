"""Which posts a span model trains on, which it is tuned on, and their tokens' targets."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase

from toxres.config import Preset
from toxres.data.batching import PadCollator
from toxres.data.duplicates import normalise_for_duplicates
from toxres.data.marked import as_marks, char_targets, load_marked
from toxres.data.splits import drop_overlap
from toxres.errors import InputError
from toxres.models.span_reading import tokenize, windows_of


class SpanRows(NamedTuple):
    """The posts of one run.

    Attributes:
        train: Training posts of all sources: `id`, `text`, `marks` (see `toxres.data.marked`) and `source`.
        validation: Validation posts of the first source.
        sources: For each source its name, origin, SHA-256 and number of training posts, for `run.json`.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    sources: list[dict]

    @property
    def sha256(self) -> str:
        """Digest of ids, texts and marks of all posts, in order."""
        digest = hashlib.sha256()
        for frame in (self.train, self.validation):
            for row in frame[["id", "text", "marks"]].itertuples(index=False):
                digest.update(f"{row.id}\0{row.text}\0{row.marks}\0".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def select_span_rows(sources: Sequence[str], preset: Preset, seed: int = 0) -> SpanRows:
    """The posts of one run.

    The first source gives training and validation posts; further sources give both to be trained on, but never their
    test split. No post is trained on that says, exactly or nearly, what an official test text or one of the validation
    posts says. A post that several sources have is read once, with the mean of their marks.

    Args:
        sources: Out of `MARKED_SOURCES`, the most important first.
        preset: Its `max_rows` and `max_rows_auxiliary` are read.
        seed: Of the draw where rows are limited.

    Raises:
        InputError: A source is unknown, not at hand, named twice or leaves no post, or no character of any is marked.
    """
    if len(set(sources)) < len(sources) or not sources:
        raise InputError(f"sources {','.join(sources)!r}: name at least one source, and each only once")
    if not 0 <= seed < 1 << 32:
        raise InputError(f"seed {seed}: is no seed; give a whole number from 0 to {(1 << 32) - 1}")
    validation = load_marked(sources[0], "validation")
    frames: list[pd.DataFrame] = []
    for name in sources:
        posts = load_marked(name, "train")
        if frames:
            attrs = posts.attrs
            posts = pd.concat([posts, load_marked(name, "validation")], ignore_index=True)
            posts.attrs = attrs
        posts = drop_overlap(posts, validation)
        attrs = dict(posts.attrs)
        posts = posts[~posts["text"].map(normalise_for_duplicates).duplicated()]
        for earlier in frames:
            posts = _merge(earlier, posts)
        posts = _limit(posts, preset.max_rows_auxiliary if frames else preset.max_rows, seed)
        if posts.empty:
            raise InputError(f"source {name!r}: no training posts are left; take another source")
        posts.attrs = attrs
        frames.append(posts)
    if preset.max_rows is not None:
        validation = _limit(validation, max(1, preset.max_rows // 3), seed)
    if not any(marks for frame in frames for marks in frame["marks"]):
        raise InputError(f"source {', '.join(map(repr, sources))}: no character of any post is marked; take another")
    manifest = [
        {"name": name, **{key: frame.attrs.get(key) for key in ("origin", "sha256")}, "rows": len(frame)}
        for name, frame in zip(sources, frames, strict=True)
    ]
    train = pd.concat([frame.assign(source=name) for name, frame in zip(sources, frames, strict=True)])
    return SpanRows(train.reset_index(drop=True), validation.reset_index(drop=True), manifest)


def _merge(earlier: pd.DataFrame, posts: pd.DataFrame) -> pd.DataFrame:
    """The posts that no earlier source has; the marks of the others are averaged with those there, in place."""
    marks = dict(zip(posts["text"], posts["marks"], strict=True))
    earlier["marks"] = [
        as_marks((char_targets(text, held) + char_targets(text, marks[text])) / 2) if text in marks else held
        for text, held in zip(earlier["text"], earlier["marks"], strict=True)
    ]
    known = set(earlier["text"].map(normalise_for_duplicates))
    return posts[~posts["text"].map(normalise_for_duplicates).isin(known)]


def _limit(frame: pd.DataFrame, most: int | None, seed: int) -> pd.DataFrame:
    if most is None or len(frame) <= most:
        return frame
    rows = np.sort(np.random.default_rng(seed).choice(len(frame), most, replace=False))
    return frame.iloc[rows]


class SpanDataset(Dataset):
    """Windows of posts with a target for each token: the mean share of its characters.

    Each item is a dictionary of `input_ids`, `length` and `labels`, one float a token. Special tokens have NaN, as have
    tokens that no character stands behind and those that another window answers for: they never enter a loss.

    Args:
        texts: N posts.
        marks: Of each post.
        tokenizer: A fast tokenizer.
        max_length: Tokens of a window, special tokens included.
    """

    def __init__(
        self, texts: Sequence[str], marks: Sequence[Sequence], tokenizer: PreTrainedTokenizerBase, max_length: int
    ) -> None:
        tokens = tokenize(texts, tokenizer)
        shares = [char_targets(text, marked) for text, marked in zip(texts, marks, strict=True)]
        self.windows = windows_of(tokens, tokenizer, max_length)
        self.lengths = [len(window.ids) for window in self.windows]
        self.targets = []
        for window in self.windows:
            targets = np.full(len(window.ids), np.nan, dtype=np.float32)
            for place in range(window.own.start, window.own.stop):
                start, end = tokens[window.row].offsets[place]
                if start < end:
                    targets[window.inner.start + place - window.start] = shares[window.row][start:end].mean()
            self.targets.append(targets)

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> dict:
        return {
            "input_ids": self.windows[index].ids,
            "length": self.lengths[index],
            "labels": self.targets[index],
        }

    def prevalence(self) -> float:
        """Mean target of the tokens that have one."""
        known = np.concatenate([targets[~np.isnan(targets)] for targets in self.targets])
        return float(known.mean()) if len(known) else 0.0


class SpanCollator:
    """Pads a batch as `PadCollator` does, and its targets with NaN.

    Args:
        pad_token_id: The tokenizer's id of padding.
    """

    def __init__(self, pad_token_id: int) -> None:
        self.pad = PadCollator(pad_token_id)

    def __call__(self, items: Sequence[dict]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` and `labels`, each B x T."""
        batch = self.pad([{"input_ids": item["input_ids"]} for item in items])
        labels = torch.full(batch["input_ids"].shape, float("nan"))
        for row, item in enumerate(items):
            labels[row, : len(item["labels"])] = torch.as_tensor(item["labels"])
        return batch | {"labels": labels}
