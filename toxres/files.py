"""Writing so that nothing is ever half-written: a temporary name in the same folder, then a rename."""

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from toxres.errors import InputError

try:
    import fcntl
except ImportError:
    fcntl = None

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder, where `data/`, `figures/` and `build/` stand."""

LOCK = "lock"
"""The file in a work folder that the process which works there has locked."""


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds, else remove it.

    The block may create a file or a folder there. An existing folder at `path` is replaced as a whole, by a folder.

    Raises:
        InputError: The block made a file and `path` is a folder, which is left as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        if not temporary.is_dir():
            _refuse_folder(path)
        if path.is_dir():
            old = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.old")
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def need_writable(path: str | Path, *, folder: bool = False) -> None:
    """Check, before long work, that a result can be written to `path`; nothing is left there.

    Args:
        path: Where a file is to be written.
        folder: A folder is to be written instead, so one may stand there.

    Raises:
        InputError: `path` names nothing or is a folder, a file stands where one of its parent folders would, or nothing
            can be made in the nearest folder above it.
    """
    kind = "folder" if folder else "file"
    if Path(path).name in ("", ".."):
        raise InputError(f"{str(path)!r}: is no name of a {kind} to write; give one, such as build/result")
    if not folder:
        _refuse_folder(path)
    for parent in Path(path).absolute().parents:
        if parent.exists() or parent.is_symlink():
            if not parent.is_dir():
                raise InputError(f"{path}: {parent} is no folder; choose another place")
            _probe(parent, path)
            return


def _probe(parent: Path, path: str | Path) -> None:
    """Make and remove a folder: `os.access` alone says yes to root where the file system says no, as in /proc."""
    try:
        if not os.access(parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        os.rmdir(tempfile.mkdtemp(prefix=".toxres-", dir=parent))
    except OSError as error:
        raise InputError(
            f"{path}: nothing can be written in {parent} ({error.strerror}); choose another place"
        ) from None


def _refuse_folder(path: str | Path) -> None:
    if Path(path).is_dir():
        raise InputError(f"{path}: is a folder; name a file")


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as indented JSON, atomically; NaN and infinities become null."""
    write_text(path, json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | Path) -> object:
    """Read a JSON file written in UTF-8."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def well_formed(text: str) -> str:
    """The text with U+FFFD in place of lone surrogates, so that it can be written in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def lock_folder(folder: Path, refusal: str) -> IO:
    """A file in `folder` that is locked until it is closed; systems without such locks go without.

    Raises:
        InputError: Another process has locked it, or the folder is gone; says `refusal`.
    """
    if fcntl is None:
        return open(os.devnull)
    try:
        file = (folder / LOCK).open("a")
    except FileNotFoundError as error:
        raise InputError(refusal) from error
    try:
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(refusal) from error
        if not os.path.samestat(os.fstat(file.fileno()), os.stat(folder / LOCK)):
            raise InputError(refusal)  # whoever had it removed the folder meanwhile
    except FileNotFoundError as error:
        file.close()
        raise InputError(refusal) from error
    except InputError:
        file.close()
        raise
    return file


def append(file: int, data: bytes) -> None:
    """Write all of the data to an open file, a descriptor: `os.write` may write less."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def sha256(path: str | Path) -> str:
    """Hex SHA-256 of a file's bytes, read in blocks."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
