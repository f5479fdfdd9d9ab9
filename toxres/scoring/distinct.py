"""Which texts have been met before, in bounded memory: sorted segments of digests on the disk.

New digests make a small segment; two of about the same size are merged into one, so that there are never many. To look
up is to read through the segments' keys, block by block, once a chunk. Ten million texts take 240 MB on the disk and a
tenth of the time of an SQLite table of digests, whose pages are all over the disk.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from toxres.files import append

BLOCK = 1 << 18
"""Keys that are in memory at a time."""

_DIGEST = 16


class Numbered(NamedTuple):
    """Texts with numbers, the same for the same text.

    Attributes:
        numbers: (N,), counted from 0 in the order in which the texts were first met.
        new: (M,) places among the N of those that were met for the first time, in order.
    """

    numbers: np.ndarray
    new: np.ndarray


def digest(text: str, route: str | None = None) -> bytes:
    """Sixteen bytes that tell a text from any other, and which model it is for."""
    if route is not None:
        text = f"{route}\0{text}"
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST).digest()


class Distinct:
    """Numbers texts, by their digests, in the order in which they are first met.

    It is derived from what has been read, and is made anew by reading that again: nothing in it needs to last.

    Attributes:
        count: Texts met so far.
    """

    def __init__(self, folder: str | Path) -> None:
        """Begin with no texts.

        Args:
            folder: For its files; made, or made anew.
        """
        self.count, self._folder, self._made = 0, Path(folder), 0
        self._segments: list[_Segment] = []
        shutil.rmtree(folder, ignore_errors=True)
        self._folder.mkdir(parents=True)

    def number(self, digests: Sequence[bytes]) -> Numbered:
        """The numbers of N texts, which from now on have been met."""
        known = self._find(list(dict.fromkeys(digests)))
        numbers, new, first = [], [], self.count
        for place, key in enumerate(digests):
            number = known.get(key)
            if number is None:
                number = known[key] = first + len(new)
                new.append(place)
            numbers.append(number)
        if new:
            self._add([digests[place] for place in new], first)
        self.count += len(new)
        return Numbered(np.array(numbers, dtype=np.int64), np.array(new, dtype=np.int64))

    def close(self) -> None:
        """Remove its files."""
        for segment in self._segments:
            segment.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _find(self, digests: list[bytes]) -> dict[bytes, int]:
        """Numbers of those digests that were met before."""
        keys, rests = _halves(digests)
        order = np.argsort(keys)
        found: dict[bytes, int] = {}
        for segment in self._segments:
            for query, place in segment.find(keys[order]):
                key, rest = keys[order[query]], rests[order[query]]
                number = segment.number(place, key, rest)
                if number is not None:
                    found[digests[order[query]]] = number
        return found

    def _add(self, digests: list[bytes], first: int) -> None:
        """A segment of new digests, numbered from `first` on; and the merging of the last ones."""
        keys, rests = _halves(digests)
        order = np.argsort(keys)
        rest = np.stack([rests, np.arange(first, first + len(digests), dtype=np.uint64)], axis=1)
        segment = self._new()
        segment.append(keys[order], rest[order])
        self._segments.append(segment)
        while len(self._segments) > 1 and self._segments[-2].size <= 2 * self._segments[-1].size:
            second, first_one = self._segments.pop(), self._segments.pop()
            self._segments.append(_merged(first_one, second, self._new()))

    def _new(self) -> "_Segment":
        self._made += 1
        return _Segment(self._folder / str(self._made))


class _Segment:
    """Digests in order: one file of their first eight bytes, one of the other eight and the number."""

    def __init__(self, path: Path) -> None:
        self.paths = path.with_suffix(".keys"), path.with_suffix(".rest")
        self.files = [os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600) for path in self.paths]
        self.size = 0

    def append(self, keys: np.ndarray, rest: np.ndarray) -> None:
        """Add S keys (S,), which follow those that are there, and what belongs to them (S, 2)."""
        for file, array in zip(self.files, (keys, rest), strict=True):
            append(file, array.tobytes())
        self.size += len(keys)

    def keys(self, start: int, stop: int) -> np.ndarray:
        """Keys at some places: (S,)."""
        return np.frombuffer(os.pread(self.files[0], 8 * (stop - start), 8 * start), dtype=np.uint64)

    def rest(self, start: int, stop: int) -> np.ndarray:
        """What belongs to the keys at some places: (S, 2)."""
        return np.frombuffer(os.pread(self.files[1], 16 * (stop - start), 16 * start), dtype=np.uint64).reshape(-1, 2)

    def find(self, wanted: np.ndarray) -> list[tuple[int, int]]:
        """Which of the sorted keys (Q,) are here: their places in `wanted`, and the first here."""
        found: list[tuple[int, int]] = []
        for start in range(0, self.size, BLOCK):
            block = self.keys(start, min(start + BLOCK, self.size))
            low, high = np.searchsorted(wanted, block[0], "left"), np.searchsorted(wanted, block[-1], "right")
            places = np.searchsorted(block, wanted[low:high])
            hits = np.flatnonzero(block[places] == wanted[low:high])
            found += zip((low + hits).tolist(), (start + places[hits]).tolist(), strict=True)
        return found

    def number(self, place: int, key: np.uint64, rest: np.uint64) -> int | None:
        """The number of a digest whose first half first stands at a place; None if the second half is nowhere."""
        while place < self.size and self.keys(place, place + 1)[0] == key:
            other, number = self.rest(place, place + 1)[0]
            if other == rest:
                return int(number)
            place += 1
        return None

    def cut(self, key: int) -> int:
        """How many keys are below this one."""
        low, high = 0, self.size
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if int(self.keys(middle, middle + 1)[0]) < key else (low, middle)
        return low

    def close(self) -> None:
        """Remove it."""
        for file, path in zip(self.files, self.paths, strict=True):
            os.close(file)
            path.unlink(missing_ok=True)


def _halves(digests: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    both = np.frombuffer(b"".join(digests), dtype=np.uint64).reshape(-1, 2)
    return both[:, 0].copy(), both[:, 1].copy()


def _merged(one: _Segment, other: _Segment, into: _Segment) -> _Segment:
    """Two segments as one; digests are spread evenly, so that equal ranges of keys have about equally many."""
    ranges = -(-(one.size + other.size) // BLOCK)
    done = [0, 0]
    for number in range(1, ranges + 1):
        cuts = [segment.cut((number << 64) // ranges) for segment in (one, other)]
        parts = list(zip((one, other), done, cuts, strict=True))
        keys = np.concatenate([segment.keys(start, stop) for segment, start, stop in parts])
        rest = np.concatenate([segment.rest(start, stop) for segment, start, stop in parts])
        order = np.argsort(keys, kind="stable")
        into.append(keys[order], rest[order])
        done = cuts
    one.close()
    other.close()
    return into
