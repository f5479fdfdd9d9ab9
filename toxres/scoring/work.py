"""Scores on their way to an output: kept beside it, chunk by chunk, so that a broken run goes on where it stopped."""

import contextlib
import errno
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO, NamedTuple

import numpy as np

from toxres.errors import InputError, RunError
from toxres.files import LOCK, append, lock_folder, read_json
from toxres.scoring.chunks import Chunk
from toxres.scoring.output import encode_rows, json_line, to_parquet

FORMAT = 1
"""Version of what stands in the work folder."""

STATE = "state.json"
ROWS, SCORES, REJECTED, DIGESTS = "rows", "scores", "rejected", "digests"
"""Files of the work folder that grow: rows of the output; scores of distinct texts, float64; the list of rejected
rows; and sixteen bytes a chunk that tell its rows from any others."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NAMES = {
    "model": "another model",
    "calibrated": "other probabilities (--calibrated)",
    "text_column": "another text column",
    "group": "another group",
    "group_column": "another column of groups",
    "chunk": "another size of chunks (--chunk)",
}


class OtherInput(InputError):
    """The rows that are done are not those of this input."""


class State(NamedTuple):
    """How far the work has come; what its files hold beyond `sizes` does not count.

    Attributes:
        chunks: Chunks that are done.
        rows: Rows of the input that they have.
        comments: Those that have scores, duplicates among them.
        distinct: Texts that a model scored.
        rejected: Rows that are no comments.
        first: Place and reason of the first of them.
        seconds: What it has taken, all processes together.
        sizes: Bytes of each file that grows.
        replace: An output that stands there may be replaced.
        placing: The output is whole, and is being put where it belongs.
    """

    chunks: int = 0
    rows: int = 0
    comments: int = 0
    distinct: int = 0
    rejected: int = 0
    first: str = ""
    seconds: float = 0.0
    sizes: Mapping[str, int] = MappingProxyType(dict.fromkeys((ROWS, SCORES, REJECTED, DIGESTS), 0))
    replace: bool = False
    placing: bool = False

    def after(self, chunk: Chunk, new: int, seconds: float, added: Mapping[str, bytes]) -> "State":
        """The state when a chunk with so many new texts is done too, and so much is added to the files."""
        first = f"{chunk.rejected[0].place}: {chunk.rejected[0].reason}" if chunk.rejected else ""
        return self._replace(
            chunks=self.chunks + 1,
            rows=self.rows + chunk.rows,
            comments=self.comments + len(chunk.keys),
            distinct=self.distinct + new,
            rejected=self.rejected + len(chunk.rejected),
            first=self.first or first,
            seconds=self.seconds + seconds,
            sizes={name: size + len(added.get(name, b"")) for name, size in self.sizes.items()},
        )


def work_folder(out: str | Path) -> Path:
    """Where the work on an output stands."""
    return Path(out).with_name(f"{Path(out).name}.partial")


def rejected_file(out: str | Path) -> Path:
    """Where the rows that are no comments are listed."""
    return Path(out).with_name(f"{Path(out).stem}.rejected.jsonl")


class Work:
    """The work on one output, which no other process may touch meanwhile.

    Attributes:
        state: How far it has come.
        folder: Where it stands.
    """

    def __init__(self, out: Path, kind: str, labels: tuple[str, ...], description: dict, *, replace: bool) -> None:
        """Begin the work, or take over what a broken run left.

        Args:
            out: The output.
            kind: Its format.
            labels: Of the scores.
            description: Plain values: what the scores depend on beside the input.
            replace: Replace an output that stands there, and begin anew where broken work is of another description or
                was begun without `replace`.

        Raises:
            InputError: Another process works there, the work left there is of another description or broken, or the
                output exists.
        """
        self.out, self.kind, self.labels, self._description = out, kind, labels, description
        self.folder, self._files = work_folder(out), {}
        self._lock = _locked(self.folder)
        try:
            self.state = self._left(replace)
            if not self.state.replace:
                refuse_existing(out)
                if not self.state.placing:
                    refuse_existing(rejected_file(out))
            for name in (DIGESTS,) if self.state.placing else self.state.sizes:
                self._open(name, self.state.sizes[name])
        except BaseException:
            self.close()
            raise

    @property
    def index(self) -> Path:
        """A folder that lasts no longer than the process."""
        return self.folder / "index"

    def check(self, chunk: Chunk) -> None:
        """Check that a chunk which is done has the rows that it had then.

        Raises:
            OtherInput: It has not.
        """
        size = len(chunk.digest)
        if os.pread(self._files[DIGESTS], size, chunk.number * size) != chunk.digest:
            raise self.other_input(chunk.number)

    def other_input(self, chunk: int) -> OtherInput:
        """The error of an input that differs, from this chunk on, from the one that is being scored."""
        return OtherInput(
            f"{self.folder}: is unfinished work on another input, which differs from row "
            f"{chunk * self._description['chunk'] + 1:,} on; add --replace to begin anew, or choose another --out"
        )

    def commit(self, chunk: Chunk, probs: np.ndarray, seconds: float) -> None:
        """Add a chunk, durably.

        Args:
            chunk: The next one.
            probs: M x L: of its new texts.
            seconds: What it took.
        """
        rejected = "".join(
            json_line(row.numbers | ({} if row.id is None else {"id": row.id}) | {"reason": row.reason})
            for row in chunk.rejected
        )
        added = {REJECTED: rejected.encode(), DIGESTS: chunk.digest}
        if chunk.keys:
            scores = scores_of(chunk, probs, self._files[SCORES])
            header = self.state.comments == 0
            added[SCORES] = np.ascontiguousarray(probs, dtype=np.float64).tobytes()
            added[ROWS] = encode_rows(self.kind, chunk.key, chunk.keys, scores, self.labels, header=header)
        for name, data in added.items():
            if data:
                append(self._files[name], data)
                os.fsync(self._files[name])
        self._save(self.state.after(chunk, len(probs), seconds, added))

    def finish(self) -> None:
        """Put the output, and the list of rejected rows if there are any, where they belong; the work folder goes."""
        whole = self.folder / self._whole
        if not self.state.placing:
            if self.kind == "parquet":
                to_parquet(self.folder / ROWS, whole)
                _sync(whole)
            self._save(self.state._replace(placing=True))
        listed, place = self.folder / REJECTED, rejected_file(self.out)
        if not self.state.rejected:
            if self.state.replace:
                place.unlink(missing_ok=True)
        elif listed.exists():
            os.replace(listed, place)
        os.replace(whole, self.out)
        _sync(self.out.parent)
        shutil.rmtree(self.folder)

    def close(self) -> None:
        """Let go of the folder; it is removed if there is nothing in it to go on with."""
        for file in self._files.values():
            os.close(file)
        self._files = {}
        state = getattr(self, "state", None)
        if state is not None and not state.comments:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    @property
    def _whole(self) -> str:
        return "parquet" if self.kind == "parquet" else ROWS

    def _left(self, replace: bool) -> State:
        """The state that a broken run left, or that of a new one in an empty folder."""
        try:
            state, description = self._read()
            if state is not None and description != self._description:
                differ = [name for name, value in self._description.items() if description.get(name) != value]
                what = _NAMES.get(differ[0], f"another {differ[0]}") if differ else "other options"
                raise InputError(
                    f"{self.folder}: is unfinished work with {what}; repeat that command, add --replace to begin anew, "
                    "or choose another --out"
                )
        except InputError:
            if not replace:
                raise
            state = None
        placed = state is not None and state.placing and not (self.folder / self._whole).exists()
        if state is None or placed or (replace and not state.replace):
            for path in self.folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name != LOCK:
                    path.unlink()
            state = State(replace=replace)
        return state

    def _read(self) -> tuple[State | None, dict]:
        path = self.folder / STATE
        if not path.exists():
            rows = self.folder / ROWS
            if rows.exists() and rows.stat().st_size:
                raise self._broken(f"{STATE} is missing")
            return None, {}
        try:
            record = read_json(path)
            version, description = record.pop("format"), record.pop("description")
            if version != FORMAT:
                raise self._broken(f"its format is {version!r}, this version of toxres writes {FORMAT}")
            state = State(**record)
            counts = (state.chunks, state.rows, state.comments, state.distinct, state.rejected)
            sizes = [state.sizes[name] for name in State().sizes]
            if not all(type(count) is int and count >= 0 for count in (*counts, *sizes)):
                raise ValueError("a count is no whole number")
            return state, description
        except InputError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._broken(f"{STATE}: {type(error).__name__}") from None

    def _broken(self, what: str) -> InputError:
        return InputError(
            f"{self.folder}: holds unfinished work that is broken ({what}); add --replace to begin anew, or choose "
            "another --out"
        )

    def _open(self, name: str, size: int) -> None:
        """Open a file that grows, without what was added to it after the last commit."""
        file = self._files[name] = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        if os.fstat(file).st_size < size:
            raise self._broken(f"{name} is shorter than it was")
        os.ftruncate(file, size)

    def _save(self, state: State) -> None:
        record = {"format": FORMAT, "description": self._description, **state._asdict(), "sizes": dict(state.sizes)}
        path = self.folder / f"{STATE}.tmp"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            append(file, json.dumps(record, indent=2).encode())
            os.fsync(file)
        finally:
            os.close(file)
        os.replace(path, self.folder / STATE)
        _sync(self.folder)
        self.state = state


def scores_of(chunk: Chunk, probs: np.ndarray, file: int) -> np.ndarray:
    """Scores of a chunk's comments: N x L.

    Args:
        chunk: The chunk.
        probs: M x L: of its new texts.
        file: Descriptor of a file with those of all distinct texts before, float64.
    """
    scores = np.empty((len(chunk.numbers), probs.shape[1]), dtype=np.float64)
    new = chunk.numbers >= chunk.first
    scores[new] = probs[chunk.numbers[new] - chunk.first]
    if not new.all():
        known, places = np.unique(chunk.numbers[~new], return_inverse=True)
        size = scores.itemsize * scores.shape[1]
        data = b"".join(os.pread(file, size, number * size) for number in known.tolist())
        scores[~new] = np.frombuffer(data, dtype=np.float64).reshape(-1, scores.shape[1])[places]
    return scores


@contextlib.contextmanager
def said_when_full(name: str, advice: Callable[[], str]) -> Iterator[None]:
    """Turn the error of a disk that has no room left, or of a quota that is used up, into one line.

    Args:
        name: Of the output.
        advice: What to do.

    Raises:
        RunError: There was no room.
    """
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        code = getattr(error, "sqlite_errorcode", None)
        if getattr(error, "errno", None) in _FULL or code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE):
            reason = getattr(error, "strerror", None) or error
            raise RunError(f"{name}: the disk is full ({reason}); {advice()}") from error
        raise


def refuse_existing(path: Path) -> None:
    """Refuse to write where something stands.

    Raises:
        InputError: Something does.
    """
    if path.exists() or path.is_symlink():
        raise InputError(f"{path}: exists; choose another --out, or add --replace to put the new one in its place")


def _locked(folder: Path) -> IO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise InputError(f"{folder}: is no folder; remove it or choose another --out") from None
    return lock_folder(folder, f"{folder}: another process is writing this output; wait for it or choose another --out")


def _sync(path: Path) -> None:
    """Wait until what is written to a file, or the names in a folder, are on the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
