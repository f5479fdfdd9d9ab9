"""The registry of champions: immutable versions of model and triage, and one pointer to the one that decides.

    REGISTRY/
      champion -> versions/0003-tfidf     a symbolic link, replaced by a rename: it names a whole version, or none
      versions/0003-tfidf/                checkpoint/, triage/ and record.json; never changed once it stands there
      attempts/0004-tfidf.json            why a challenger was not promoted
      events.jsonl                        promotions and rollbacks, for people

A process that dies leaves at most a temporary folder, which the next one that works here removes.
"""

import contextlib
import dataclasses
import datetime
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from toxres.errors import InputError
from toxres.files import read_json, sha256, write_json

try:
    import fcntl
except ImportError:
    fcntl = None

CHAMPION, VERSIONS, ATTEMPTS, EVENTS, LOCK = "champion", "versions", "attempts", "events.jsonl", "lock"
RECORD, CHECKPOINT, TRIAGE = "record.json", "checkpoint", "triage"
_NUMBER = re.compile(r"(\d{4,})-")


@dataclasses.dataclass(frozen=True)
class Version:
    """A version in a registry.

    Attributes:
        name: Such as "0003-tfidf".
        path: Its folder.
        record: What `record.json` says: parent, decisions, gate, files, and why it was promoted.
    """

    name: str
    path: Path
    record: dict

    @property
    def checkpoint(self) -> Path:
        """The model's checkpoint folder."""
        return self.path / CHECKPOINT

    @property
    def triage(self) -> Path:
        """The folder of the triage that was fitted for it."""
        return self.path / TRIAGE


def champion(registry: str | Path) -> Version | None:
    """The version that decides now, or None where nothing was ever promoted.

    The pointer is followed once: paths of the result stay those of one version, whatever is promoted meanwhile.

    Raises:
        InputError: There is no such registry, or its champion is broken.
    """
    registry = Path(registry)
    if not registry.is_dir():
        raise InputError(f"{registry}: no such registry; `toxres retrain --registry {registry}` makes one")
    pointer = registry / CHAMPION
    try:
        name = Path(os.readlink(pointer)).name
    except FileNotFoundError:
        return None
    except OSError:
        raise InputError(f"{pointer}: is no pointer to a version; restore it with `toxres rollback`") from None
    return read_version(registry, name)


def read_version(registry: str | Path, name: str) -> Version:
    """A version by its name.

    Raises:
        InputError: There is none, or its record is broken.
    """
    path = Path(registry).resolve() / VERSIONS / name
    if not path.is_dir():
        choice = ", ".join(versions(registry)) or "none"
        raise InputError(f"{registry}: has no version {name!r}; choose one of: {choice}")
    try:
        record = read_json(path / RECORD)
        record["files"].items(), record["decisions"], record["parent"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            f"{path / RECORD}: is missing or broken; restore it, or `toxres rollback` to another"
        ) from None
    return Version(name, path, record)


def versions(registry: str | Path) -> list[str]:
    """The names of all versions that were promoted once, oldest first."""
    folder = Path(registry) / VERSIONS
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


def verify_version(version: Version) -> None:
    """Check every file of a version against the digests in its record.

    Raises:
        InputError: A file is missing, was changed or added.
    """
    found = _digests(version.path)
    for name in sorted(found.keys() | version.record["files"].keys()):
        if found.get(name) != version.record["files"].get(name):
            raise InputError(
                f"{version.path}: {name} is missing, was changed or added since it was promoted; restore it, or "
                "`toxres rollback` to another version"
            )


@contextlib.contextmanager
def working(registry: str | Path) -> Iterator[Path]:
    """Keep other retrainings out of the block; yields an empty folder to work in, which is removed afterwards.

    Rollbacks are not kept out: `promote` notices them.

    Raises:
        InputError: Another process retrains here.
    """
    registry = Path(registry)
    (registry / VERSIONS).mkdir(parents=True, exist_ok=True)
    (registry / ATTEMPTS).mkdir(exist_ok=True)
    with _locked(registry / "retrain.lock", f"{registry}: another process retrains here; wait for it"):
        for left in registry.glob(".work.*.tmp"):
            shutil.rmtree(left)
        folder = registry / f".work.{uuid.uuid4().hex[:8]}.tmp"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path, taken: str | None = None) -> Iterator[None]:
    """Hold a lock, which the system lets go of when the process dies; with `taken` refuse instead of waiting."""
    with path.open("w") as lock:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if taken else 0))
            except BlockingIOError:
                raise InputError(taken) from None
        yield


def next_name(registry: str | Path, recipe: str) -> str:
    """The name of the next version or attempt."""
    taken = [path.name for part in (VERSIONS, ATTEMPTS) for path in (Path(registry) / part).iterdir()]
    numbers = [int(match[1]) for name in taken if (match := _NUMBER.match(name))]
    return f"{max(numbers, default=0) + 1:04d}-{recipe}"


def promote(registry: str | Path, name: str, folder: Path, record: dict) -> Version:
    """Make a folder with `checkpoint` and `triage` the new champion. Call it within `working`.

    First the whole version stands in its place, on disk; then the pointer is renamed to it. Whoever reads the pointer
    gets the old version or the new one.

    Args:
        registry: The folder.
        name: Of `next_name`.
        folder: A folder within what `working` gave, filled; it is moved.
        record: What is to be remembered: at least `parent`, the name of the champion it was judged against or None, and
            `decisions`; `files` is added.

    Raises:
        InputError: The champion is no longer the one it was judged against.
    """
    registry = Path(registry)
    place = registry / VERSIONS / name
    write_json(folder / RECORD, record | {"version": name, "files": _digests(folder)})
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            path.chmod(0o444)
        _sync(path)
    _sync(folder)
    with _locked(registry / LOCK):
        now = champion(registry)
        if (now and now.name) != record["parent"]:
            raise InputError(f"{registry}: the champion was changed in the meantime; retrain against the new one")
        folder.rename(place)
        _sync(registry / VERSIONS)
        _point(registry, name)
        _note(registry, "promoted", name, record["parent"])
    return read_version(registry, name)


def rollback(registry: str | Path, to: str | None = None) -> Version:
    """Let an earlier version decide again: the one before the champion, or the named one. No version is removed.

    Raises:
        InputError: There is no such registry or version, or none before the champion; or the version is damaged.
    """
    registry = Path(registry)
    now = champion(registry) if to is None or registry.is_dir() else None
    if to is None:
        if now is None:
            raise InputError(f"{registry}: has no champion to roll back from; `toxres retrain` makes the first")
        to = now.record["parent"]
        if to is None:
            raise InputError(f"{registry}: {now.name} is the first champion, so there is none before it; keep it")
    if not registry.is_dir():
        raise InputError(f"{registry}: no such registry; check the path")
    with _locked(registry / LOCK):
        version = read_version(registry, to)
        verify_version(version)
        _point(registry, to)
        _note(registry, "rolled back", to, now.name if now else None)
    return version


def note_attempt(registry: str | Path, name: str, record: dict) -> Path:
    """Remember a challenger that was not promoted, without its weights."""
    path = Path(registry) / ATTEMPTS / f"{name}.json"
    write_json(path, record)
    return path


def _point(registry: Path, name: str) -> None:
    for left in registry.glob(f".{CHAMPION}.*.tmp"):
        left.unlink()
    temporary = registry / f".{CHAMPION}.{uuid.uuid4().hex[:8]}.tmp"
    temporary.symlink_to(Path(VERSIONS) / name)
    os.replace(temporary, registry / CHAMPION)
    _sync(registry)


def _note(registry: Path, event: str, name: str, other: str | None) -> None:
    when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with (registry / EVENTS).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"when": when, "event": event, "version": name, "from": other}) + "\n")


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): sha256(path) for path in files if path.relative_to(folder) != Path(RECORD)}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
