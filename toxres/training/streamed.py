"""The comments of a run that need not fit into memory: read once, hashed, tokenised, and then mapped from disk."""

import contextlib
import dataclasses
import hashlib
import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerBase

from toxres.config import Preset
from toxres.data import load_official_texts, targets
from toxres.data.batching import MappedComments
from toxres.data.sources import is_beside
from toxres.data.splits import FOLDS, OFFICIAL_FOLD, TEST_FOLD, VALIDATION_FOLD
from toxres.data.streams import HashSet, Stream, open_stream, stream_of, text_hashes
from toxres.data.tasks import need_two_classes, with_task
from toxres.errors import InputError, RunError
from toxres.files import atomic_path, read_json, write_json
from toxres.tasks import TOXICITY, Task
from toxres.training.mapped import Sample, TokenWriter
from toxres.training.rows import DECISIONS, MOST_BESIDE
from toxres.training.stream_inputs import stream_key

try:
    import fcntl
except ImportError:
    fcntl = None

VALIDATION_ROWS = 20_000
"""Most validation comments of a stream, drawn at random: enough for thresholds, and scored after each epoch."""

_ROWS, _STATE, _VALIDATION = "rows", "state.json", "validation.parquet"


@dataclasses.dataclass(frozen=True)
class StreamedRows:
    """The comments of one run, as `toxres.training.rows.TrainingRows` but for the training comments' place.

    Attributes:
        train: Tokens and targets of the training comments, mapped from disk.
        validation: Validation comments, or None.
        sources: As in `TrainingRows`; also how many comments were read, and dropped because their text stands in an
            official test file, among the first source's own held-out comments, or in a held-out source.
        labels: The task's.
        sha256: Digest of ids, texts and targets of all rows, in order.
        known: (L,) how many training targets are known; for exclusive classes, comments.
        positives: (L,) sum of these targets.
    """

    train: MappedComments
    validation: pd.DataFrame | None
    sources: list[dict]
    labels: tuple[str, ...]
    sha256: str
    known: np.ndarray
    positives: np.ndarray


def select_streamed(
    sources: Sequence[str],
    preset: Preset,
    seed: int,
    test_fold: int | None,
    validation_fold: int | None,
    held_out: Sequence[str],
    task: Task,
    decisions: pd.DataFrame | None,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    progress: bool = False,
) -> StreamedRows:
    """The rows of one run, of sources of any size; memory holds some rows and eight bytes for each held-out one.

    Which comments are for training, validation or testing is as `select_rows` says, with these differences: where a
    source has no folds or splits of its own, the hash of a comment's text chooses its fold; duplicates are those with
    the same normalised text, not near ones; of validation comments at most `VALIDATION_ROWS` are drawn; and comments of
    a split that a dataset calls `test` are never trained on.

    Args:
        sources: Names, files, folders or hub datasets (see `open_stream`), the most important first.
        preset: Its `split`, `max_rows`, `max_rows_auxiliary` and `max_length` are read.
        seed: Of the draw where rows are limited.
        test_fold: Fold of the first source that is kept out; None keeps none out.
        validation_fold: Fold of the first source for validation; None is no validation, and the fold is trained on.
        held_out: Sources of which no text may be trained on.
        task: What is to be learned.
        decisions: Further training comments (see `select_rows`).
        tokenizer: Of the model.
        folder: Where the rows are kept, for other processes and for a run that goes on; other rows there are replaced.
        progress: Show a progress bar.

    Raises:
        InputError: As `select_rows`, or a row is broken; nothing is left in `folder` then.
        RunError: The rows cannot be written, as on a full disk; nothing is left of them.
    """
    if len(set(sources)) < len(sources) or not sources:
        raise InputError(f"sources {','.join(sources)!r}: name at least one source, and each only once")
    key = stream_key(sources, preset, seed, test_fold, validation_fold, held_out, task, decisions, tokenizer)
    ninety = preset.split == "90/10"
    test_fold, validation_fold = (None, VALIDATION_FOLD) if ninety else (test_fold, validation_fold)
    with _alone(folder):
        if not _holds(folder, key):
            for leftover in folder.glob(f".{_ROWS}.*"):
                shutil.rmtree(leftover, ignore_errors=True)
            folds = 2 * FOLDS if ninety else FOLDS
            streams = [open_stream(name, folds) for name in sources]
            if decisions is not None and len(decisions):
                streams.append(stream_of(decisions, DECISIONS))
            others = [open_stream(name) for name in held_out]
            bar = tqdm(unit=" comments", disable=not progress, leave=False)
            try:
                with atomic_path(folder / _ROWS) as work, bar:
                    work.mkdir()
                    reader = _Reader(work, preset, seed, test_fold, validation_fold, task, tokenizer, bar)
                    write_json(work / _STATE, {"key": key, **reader.read(streams, others)})
            except OSError as error:
                reason = error.strerror or " ".join(str(error).split())
                raise RunError(f"{folder}: cannot be written ({reason}); make room or choose another --out") from error
    return _mapped(folder / _ROWS, task)


def _holds(folder: Path, key: str) -> bool:
    try:
        return read_json(folder / _ROWS / _STATE)["key"] == key
    except (OSError, ValueError, KeyError):
        return False


def _mapped(folder: Path, task: Task) -> StreamedRows:
    state = read_json(folder / _STATE)
    validation = folder / _VALIDATION
    return StreamedRows(
        train=MappedComments.open(folder),
        validation=pd.read_parquet(validation) if validation.is_file() else None,
        sources=state["sources"],
        labels=task.labels,
        sha256=state["sha256"],
        known=np.array(state["known"], dtype=np.float64),
        positives=np.array(state["positives"], dtype=np.float64),
    )


class _Reader:
    """Reads the sources of a run once and writes what it is trained and chosen on."""

    def __init__(self, work, preset, seed, test_fold, validation_fold, task, tokenizer, bar) -> None:
        self.work, self.preset, self.seed, self.task, self.bar = work, preset, seed, task, bar
        self.test_fold, self.validation_fold = test_fold, validation_fold
        self.writer = TokenWriter(work, tokenizer, preset.max_length, len(task.labels), task.exclusive)
        self.official, self.kept_out, self.held_out = HashSet(), HashSet(), HashSet()
        self.first_rows = 0

    def read(self, streams: Sequence[Stream], others: Sequence[Stream]) -> dict:
        """The manifest of the sources, digest and sums; tokens and validation comments are on disk then."""
        for texts in load_official_texts().values():
            self.official.add(text_hashes(texts))
        for other in others:
            for table in other.tables():
                self.held_out.add(table["hash"].to_numpy())
        most = None if self.preset.max_rows is None else max(1, self.preset.max_rows // 3)
        sample = Sample(VALIDATION_ROWS if most is None else min(most, VALIDATION_ROWS), self.seed)
        manifest = [self._source(number, stream, sample) for number, stream in enumerate(streams)]
        self.writer.close()
        validation = sample.drawn() if self.validation_fold is not None else None
        self._check(manifest, validation)
        digest = hashlib.sha256(self.writer.digest())
        if validation is not None:
            columns = ["id", "text", "group", *self.task.labels]
            validation[columns].reset_index(drop=True).to_parquet(self.work / _VALIDATION)
            for row in validation[["id", "text"]].itertuples(index=False):
                digest.update(f"{row.id}\0{row.text}\0".encode("utf-8", "surrogatepass"))
            digest.update(np.nan_to_num(targets(validation, self.task.labels), nan=-1.0).astype("<f4").tobytes())
        known, positives = self.writer.known.tolist(), self.writer.positives.tolist()
        return {"sources": manifest, "sha256": digest.hexdigest(), "known": known, "positives": positives}

    def _source(self, number: int, stream: Stream, validation: Sample) -> dict:
        """Read one source: its entry in the manifest."""
        before, read, dropped = self.writer.rows, 0, {"official": 0, "held_out": 0}
        limit = self._limit(number, stream)
        sample, digest = None if limit is None else Sample(limit, self.seed), hashlib.sha256()
        for table in stream.tables():
            table = with_task(table, self.task, stream.name, need=not read and stream.name != DECISIONS)
            read += len(table)
            self.bar.update(len(table))
            if stream.sha256 is None:
                digest.update("".join(f"{text}\n" for text in table["text"]).encode())
            hashes, fold = table["hash"].to_numpy(), table["fold"].to_numpy()
            official = self.official.holds(hashes) | (fold == OFFICIAL_FOLD)
            dropped["official"] += int(official.sum())
            train = self._sort(number, stream, table, hashes, fold, official, validation)
            out = train & (self.kept_out.holds(hashes) | self.held_out.holds(hashes))
            dropped["held_out"] += int(out.sum())
            chosen = table[train & ~out]
            if sample is None:
                self.writer.write(chosen, self.task.labels)
            else:
                sample.add(chosen)
        if sample is not None:
            self.writer.write(sample.drawn(), self.task.labels)
        rows = self.writer.rows - before
        if number == 0:
            self.first_rows = rows
            self.kept_out.settle()
        sha256 = stream.sha256 or digest.hexdigest()
        return {"name": stream.name, "origin": stream.origin, "sha256": sha256, "rows": rows, "read": read,
                "dropped": dropped}  # fmt: skip

    def _sort(self, number, stream, table, hashes, fold, official, validation: Sample) -> np.ndarray:
        """Which rows (N,) are for training; the first source's others are held out, those for validation sampled."""
        own_test = (fold == TEST_FOLD) & ("test" in stream.own)
        if number > 0:
            kept = (fold == TEST_FOLD) | ((fold == VALIDATION_FOLD) & is_beside(stream.name))
            return ~official & ~(kept & (stream.name != DECISIONS))
        test, chosen = own_test | (fold == self.test_fold), fold == self.validation_fold
        # What a source keeps apart comes first, and is looked up from then on; other folds share no text.
        apart = own_test | (chosen & ("validation" in stream.own))
        self.kept_out.add(hashes[apart])
        self.kept_out.add_later(hashes[(test | chosen) & ~apart])
        validation.add(table[chosen & ~official & ~test])
        return ~official & ~test & ~chosen

    def _limit(self, number: int, stream: Stream) -> int | None:
        if number == 0 or stream.name == DECISIONS:
            return self.preset.max_rows if number == 0 else None
        most = self.preset.max_rows_auxiliary
        if is_beside(stream.name):
            beside = math.ceil(MOST_BESIDE * self.first_rows)
            most = beside if most is None else min(most, beside)
        return most

    def _check(self, manifest: list[dict], validation: pd.DataFrame | None) -> None:
        first = manifest[0]["name"]
        if validation is not None and validation.empty:
            raise InputError(f"source {first!r}: no validation comments are left; give it more comments")
        for entry in manifest:
            if not entry["rows"] and entry["name"] != DECISIONS:
                raise InputError(f"source {entry['name']!r}: no training comments are left; take another source")
        if not self.writer.known.any():
            raise InputError(f"source {first!r}: no label of any training comment is known; add a column for one")
        positives, known = self.writer.positives, self.writer.known
        if self.task.exclusive:
            seen = np.eye(len(positives))[positives > 0]
        else:
            seen = np.array([[1.0]] * bool(positives[0] > 0) + [[0.0]] * bool(known[0] > positives[0]))
        if self.task.name != TOXICITY.name:
            need_two_classes(seen, self.task, f"source {', '.join(repr(entry['name']) for entry in manifest)}")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time in the block, the others wait; a folder that is empty afterwards is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "lock"
    try:
        with lock.open("a") as file:
            if fcntl is not None:
                with contextlib.suppress(OSError):
                    fcntl.flock(file, fcntl.LOCK_EX)
            yield
    finally:
        if not (folder / _ROWS).exists():
            lock.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                folder.rmdir()
