"""From texts to windows of tokens, by the tokenizers library and our normalisation alone: no torch, no transformers."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from toxres.errors import InputError
from toxres.files import read_json, well_formed, write_json
from toxres.text import Normalised, prepare

if TYPE_CHECKING:
    from tokenizers import Encoding

    from toxres.checkpoint import Checkpoint

TOKENIZER = "tokenizer.json"
SETTINGS = "reading.json"


class Window(NamedTuple):
    """What a model gets to see at once: a stretch of a text that is no longer than its `max_length`.

    Attributes:
        text: The whole text, well-formed.
        ids: (T,) int64 token ids, special tokens included; empty for a model that reads texts itself.
        length: T, or an estimate of it for a model that reads texts itself: what the window costs.
    """

    text: str
    ids: np.ndarray
    length: int


class Reading(NamedTuple):
    """A text as a model gets to see it.

    Attributes:
        text: The text without lone surrogates; spans point into it.
        windows: At least one; neighbours overlap.
        encodings: The tokenizers library's, one a window; none for a model that reads texts itself.
        prepared: The normalised text that was tokenised, or None.
    """

    text: str
    windows: tuple[Window, ...]
    encodings: tuple["Encoding", ...] = ()
    prepared: Normalised | None = None

    def begun(self) -> "Reading":
        """The first window alone: what a checkpoint reads, which cuts a long text off."""
        return self._replace(windows=self.windows[:1], encodings=self.encodings[:1])

    def spans(self, window: int) -> np.ndarray:
        """Start and end in `text` of each token of a window, (T, 2); (0, 0) for tokens that no text stands behind."""
        encoding = self.encodings[window]
        spans = np.asarray(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        real = np.array([sequence is not None for sequence in encoding.sequence_ids], dtype=bool)
        found = np.zeros_like(spans)
        found[real] = self.prepared.to_original(spans[real])
        return found


class Reader:
    """A checkpoint's tokenizer with its normalisation, which cuts a long text into overlapping windows.

    The token ids of a text that fits into one window are the checkpoint's own. May be used from several threads.

    Args:
        tokenizer: JSON of the tokenizers library.
        settings: What `reading.json` holds: `max_length` and `overlap` in tokens, `normalisation` (names of steps),
            `dummy_prefix`, `split_special_tokens`, `pad_token_id`.

    Raises:
        InputError: The tokenizer or a setting is broken.
    """

    def __init__(self, tokenizer: str, settings: dict) -> None:
        from tokenizers import Tokenizer

        try:
            self.max_length, self.overlap = int(settings["max_length"]), int(settings["overlap"])
            self.normalisation = tuple(settings["normalisation"])
            self.dummy_prefix = bool(settings["dummy_prefix"])
            self.pad_token_id = int(settings["pad_token_id"])
            self._tokenizer = Tokenizer.from_str(tokenizer)
            self._tokenizer.encode_special_tokens = bool(settings["split_special_tokens"])
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(self.max_length, stride=self.overlap)
        except Exception as error:
            reason = " ".join(str(error).split())
            raise InputError(f"tokenizer: broken ({reason}); export the bundle again") from error

    @classmethod
    def load(cls, folder: Path) -> "Reader":
        """The reader that `write_reader` wrote into a folder."""
        return cls((folder / TOKENIZER).read_text(encoding="utf-8"), read_json(folder / SETTINGS))

    @property
    def vocab_size(self) -> int:
        """Token ids are below it."""
        return self._tokenizer.get_vocab_size()

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Windows of N texts."""
        texts = [well_formed(text) for text in texts]
        prepared = [prepare(text, self.normalisation, self.dummy_prefix) for text in texts]
        encodings = self._tokenizer.encode_batch([each.text for each in prepared])
        return [_reading(*parts) for parts in zip(texts, prepared, encodings, strict=True)]


def _reading(text: str, prepared: Normalised, encoding: "Encoding") -> Reading:
    encodings = (encoding, *encoding.overflowing)
    windows = [Window(text, np.asarray(each.ids, dtype=np.int64), len(each.ids)) for each in encodings]
    return Reading(text, tuple(windows), encodings, prepared)


def write_reader(checkpoint: "Checkpoint", folder: Path) -> None:
    """Write a checkpoint's tokenizer and what else reading a text needs into a folder."""
    tokenizer = checkpoint.tokenizer
    backend = type(tokenizer.backend_tokenizer).from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_truncation()
    backend.no_padding()
    backend.save(str(folder / TOKENIZER))
    max_length = checkpoint.max_length
    room = max_length - tokenizer.num_special_tokens_to_add()
    settings = {
        "max_length": max_length,
        "overlap": min(max_length // 4, max(room - 1, 0)),
        "normalisation": list(getattr(tokenizer, "normalisation", None) or ()),
        "dummy_prefix": bool(getattr(tokenizer, "dummy_prefix", False)),
        "split_special_tokens": bool(tokenizer.split_special_tokens),
        "pad_token_id": int(tokenizer.pad_token_id),
    }
    write_json(folder / SETTINGS, settings)
