"""Writing tokens and targets of millions of comments to a file that is mapped into memory, and drawing some of them."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from toxres.data.batching import LENGTHS_FILE, TOKENS_FILE
from toxres.data.schema import targets

WRITTEN_AT_ONCE = 1_000


class Sample:
    """At most so many rows of a stream, each with the same chance, in the stream's order; memory holds twice as many.

    Args:
        most: Rows that are drawn.
        seed: Of the draw.
    """

    def __init__(self, most: int, seed: int) -> None:
        self.most, self._random = most, np.random.default_rng(seed)
        self._rows: list[pd.DataFrame] = []
        self._held, self._bound = 0, np.inf

    def add(self, table: pd.DataFrame) -> None:
        """The next rows of the stream."""
        draws = self._random.random(len(table))
        table = table.assign(draw=draws)[draws < self._bound]
        if len(table):
            self._rows.append(table)
            self._held += len(table)
        if self._held > 2 * self.most:
            self._prune()

    def drawn(self) -> pd.DataFrame:
        """The rows drawn so far."""
        if self._held > self.most:
            self._prune()
        if not self._rows:
            return pd.DataFrame()
        return pd.concat(self._rows, ignore_index=True).drop(columns="draw")

    def _prune(self) -> None:
        table = pd.concat(self._rows, ignore_index=True)
        order = np.argsort(table["draw"].to_numpy(), kind="stable")[: self.most]
        self._bound = float(table["draw"].to_numpy()[order[-1]])
        self._rows, self._held = [table.iloc[np.sort(order)]], len(order)


class TokenWriter:
    """Tokenises comments and writes them as an Arrow file that `toxres.data.batching.MappedComments` opens.

    Attributes:
        rows: Comments written so far.
        known: (L,) how many targets are known; for exclusive classes, comments whose class is.
        positives: (L,) sum of these.

    Args:
        folder: Where the files go.
        tokenizer: A fast tokenizer.
        max_length: Tokens a comment is cut off at.
        labels: L.
        exclusive: Whether a comment is unknown as a whole where one target is.
    """

    def __init__(
        self, folder: Path, tokenizer: PreTrainedTokenizerBase, max_length: int, labels: int, exclusive: bool
    ) -> None:
        self.folder, self.tokenizer, self.max_length, self.exclusive = folder, tokenizer, max_length, exclusive
        self.rows = 0
        self.known, self.positives = np.zeros(labels), np.zeros(labels)
        self._lengths: list[np.ndarray] = []
        self._texts, self._targets = hashlib.sha256(), hashlib.sha256()
        schema = pa.schema([("input_ids", pa.list_(pa.int32())), ("labels", pa.list_(pa.float32()))])
        self._file = pa.OSFile(str(folder / TOKENS_FILE), "wb")
        self._stream = pa.ipc.new_stream(self._file, schema)

    def write(self, comments: pd.DataFrame, labels: tuple[str, ...]) -> None:
        """Write comments with their targets."""
        for start in range(0, len(comments), WRITTEN_AT_ONCE):
            self._write(comments.iloc[start : start + WRITTEN_AT_ONCE], labels)

    def _write(self, comments: pd.DataFrame, labels: tuple[str, ...]) -> None:
        texts, values = comments["text"].tolist(), targets(comments, labels)
        ids = self.tokenizer(texts, truncation=True, max_length=self.max_length)["input_ids"]
        for identifier, text in zip(comments["id"], texts, strict=True):
            self._texts.update(f"{identifier}\0{text}\0".encode("utf-8", "surrogatepass"))
        self._targets.update(np.nan_to_num(values, nan=-1.0).astype("<f4").tobytes())
        known = ~np.isnan(values)
        if self.exclusive:
            known = np.repeat(known.all(axis=1, keepdims=True), values.shape[1], axis=1)
        self.known += known.sum(axis=0)
        self.positives += np.where(known, values, 0).sum(axis=0, dtype=np.float64)
        self._lengths.append(np.array([len(row) for row in ids], dtype=np.int32))
        self.rows += len(texts)
        offsets = np.arange(0, values.size + 1, values.shape[1], dtype=np.int32)
        rows = pa.ListArray.from_arrays(offsets, pa.array(values.ravel(), pa.float32()))
        self._stream.write_batch(pa.record_batch([pa.array(ids, pa.list_(pa.int32())), rows], ["input_ids", "labels"]))

    def close(self) -> None:
        """Finish the files."""
        self._stream.close()
        self._file.close()
        np.save(self.folder / LENGTHS_FILE, np.concatenate([np.zeros(0, np.int32), *self._lengths]))

    def digest(self) -> bytes:
        """Of ids, texts and targets written, in order."""
        return self._texts.digest() + self._targets.digest()
