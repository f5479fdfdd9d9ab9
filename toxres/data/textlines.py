"""Lines of a text file that may be packed, of any size, and how far it has been read."""

import contextlib
import gzip
import io
import os
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from toxres.data.records import not_utf8_complaint
from toxres.errors import InputError

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".txt": "text"}
"""Endings and what they mean."""

LINE_LIMIT = 1 << 26
"""Bytes of a line; what has longer ones is a file of another kind, and would fill the memory."""

_PACKED = (".gz", ".zip")


def text_format(path: str | Path) -> str:
    """What the ending of a file means (see `FORMATS`), packed or not; a `.zip` alone is taken for a CSV file.

    Raises:
        InputError: The ending is unknown.
    """
    suffix, inner = Path(path).suffix.lower(), Path(Path(path).stem).suffix.lower()
    if suffix == ".zip" and inner not in FORMATS:
        return "csv"
    if suffix in _PACKED and FORMATS.get(inner, "parquet") != "parquet":
        return FORMATS[inner]
    if suffix not in FORMATS:
        found = inner + suffix if suffix in _PACKED else suffix
        known = f"{', '.join(FORMATS)}, packed as .csv.gz, .jsonl.gz, .txt.gz or .csv.zip"
        raise InputError(f"{path}: unknown ending {found!r}; use one of {known}")
    return FORMATS[suffix]


class Lines:
    """Lines with what ends them: a line feed, a carriage return or both; a byte order mark is left out.

    Bytes that are no UTF-8 come as lone surrogates (see PEP 383), so that whoever reads on can tell where they stand.

    Attributes:
        bad: By number of a line, counted from 1, that holds such bytes: what an error says of it.
        nul: Whether a line so far holds a NUL byte.
    """

    def __init__(self, source: str | Path) -> None:
        """Name a file, or "-": standard input; it is opened with the first line."""
        self.source = source
        self.bad: dict[int, str] = {}
        self.nul = False
        self._raw: IO[bytes] | None = None
        self._size = 0

    def share(self) -> float | None:
        """Which share of the file's bytes, as they lie on the disk, has been read; None of standard input."""
        if str(self.source) == "-":
            return None
        if self._raw is None or self._raw.closed:
            return 0.0 if self._raw is None else 1.0
        return min(1.0, self._raw.tell() / self._size) if self._size else 1.0

    def __iter__(self) -> Iterator[str]:
        """The lines.

        Raises:
            InputError: The archive is broken, or a line is longer than `LINE_LIMIT`.
        """
        number = read = 0
        try:
            with self._opened() as file:
                while line := file.readline(LINE_LIMIT):
                    if len(line) == LINE_LIMIT and not line.endswith(b"\n"):
                        raise InputError(
                            f"{self.source}: line {number + 1} does not end within {LINE_LIMIT >> 20} MiB; give each "
                            "comment a line of its own"
                        )
                    try:
                        text, complaint = line.decode("utf-8" if number else "utf-8-sig"), ""
                    except UnicodeDecodeError as error:
                        text, complaint = line.decode(errors="surrogateescape"), not_utf8_complaint(error, read)
                    read += len(line)
                    if "\0" in text:
                        self.nul = True
                    for part in io.StringIO(text, newline="") if "\r" in text else (text,):
                        number += 1
                        if complaint and has_escapes(part):
                            self.bad[number] = complaint
                        yield part
        except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise InputError(f"{self.source}: the archive is broken ({error}); fetch or make it again") from None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        """The bytes of the file; what is packed, by its first bytes, is unpacked while it is read."""
        if str(self.source) == "-":
            yield sys.stdin.buffer
            return
        with Path(self.source).open("rb") as file, contextlib.ExitStack() as opened:
            self._raw, self._size = file, os.fstat(file.fileno()).st_size
            head = file.read(4)
            file.seek(0)
            if head.startswith(b"\x1f\x8b"):
                yield opened.enter_context(gzip.GzipFile(fileobj=file))
            elif head == b"PK\x03\x04":
                archive = opened.enter_context(zipfile.ZipFile(file))
                yield opened.enter_context(archive.open(_member(archive, self.source)))
            else:
                yield file


def decoded_lines(source: str | Path) -> Iterator[str]:
    """The lines of a file, or of "-": standard input, as `Lines` gives them, none of which may be bad.

    Raises:
        InputError: One is no UTF-8, or the archive is broken.
    """
    lines = Lines(source)
    for number, line in enumerate(lines, start=1):
        if number in lines.bad:
            raise InputError(f"{source}: line {number}{lines.bad[number]}")
        yield line


def has_escapes(text: str) -> bool:
    """Whether bytes that are no UTF-8 stand in a text of `Lines`."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _member(archive: zipfile.ZipFile, source: str | Path) -> str:
    endings = tuple(ending for ending, kind in FORMATS.items() if kind == text_format(source))
    names = [name for name in archive.namelist() if name.lower().endswith(endings) and "__MACOSX" not in name]
    if len(names) != 1:
        raise InputError(f"{source}: {len(names)} {endings[0]} files in the zip; leave exactly one, or unpack it")
    return names[0]
