"""`data/results/headline.json`: the one flat dictionary of the figures the README shows.

The commands that compute a figure write it here, each keeping the others' keys.
"""

import contextlib
import datetime
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from toxres.errors import InputError
from toxres.files import ROOT, read_json, write_json

try:
    import fcntl
except ImportError:
    fcntl = None

HEADLINE = ROOT / "data" / "results" / "headline.json"
"""Where the figures stand."""


def read_headline(path: str | Path = HEADLINE) -> dict:
    """The figures recorded so far; an empty dictionary when there are none.

    Raises:
        InputError: The file is not a JSON object.
    """
    return read_object(path, "restore it from the repository")


def read_object(path: str | Path, remedy: str) -> dict:
    """A JSON object of recorded figures; an empty dictionary when there is no such file.

    Args:
        path: The file.
        remedy: What to do about one that is broken.

    Raises:
        InputError: The file is not a JSON object.
    """
    path = Path(path)
    if not path.exists():
        return {}
    try:
        values = read_json(path)
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error}); {remedy}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: must hold one JSON object, not a {type(values).__name__}; {remedy}")
    return values


def update_headline(group_values: Mapping[str, Mapping[str, float]], run: Mapping, path: str | Path = HEADLINE) -> dict:
    """Record figures and the run they come from; every other key keeps its value.

    Args:
        group_values: Figures by group, e.g. `{"jigsaw.oof.baseline": {"macro_auroc": 0.98}}` for the key
            `jigsaw.oof.baseline.macro_auroc`. A NaN (an undefined score) is written as null.
        run: What computed them: `preset` and `sources` (SHA-256 by source name). `commit` and `date` are added
            unless given; further entries are kept.
        path: The file to update.

    Returns:
        All figures in the file, sorted by key.

    Raises:
        InputError: `run` lacks `preset` or `sources`, a name is malformed, or a figure is not a number.
    """
    for field in ("preset", "sources"):
        if field not in run:
            raise InputError(f"update_headline: run lacks {field!r}; say what computed the figures")
    record = {"commit": current_commit(), "date": datetime.date.today().isoformat(), **run}
    new = {}
    for group, values in group_values.items():
        if not group or group.startswith(".") or group.endswith("."):
            raise InputError(f"update_headline: {group!r} is not a group's name, such as 'jigsaw.oof.baseline'")
        for name, value in values.items():
            if not name or "." in name or name.startswith("_"):
                raise InputError(f"update_headline: {group}: {name!r} is not a figure's name, such as 'macro_auroc'")
            try:
                new[f"{group}.{name}"] = float(value)
            except (TypeError, ValueError):
                raise InputError(f"update_headline: {group}.{name}: {value!r} is not a number") from None
        new[f"{group}._run"] = record
    with _locked(Path(path).parent):
        merged = dict(sorted({**read_headline(path), **new}.items()))
        write_json(path, merged)
        return read_headline(path)


def current_commit(root: Path = ROOT) -> str:
    """The commit checked out in `root`, with `+` when tracked files differ from it; "unknown" outside Git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
