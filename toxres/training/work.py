"""The work folder of a run: one process at a time trains in it, and only what has the same description goes on."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from toxres.checkpoint import RUN
from toxres.errors import InputError
from toxres.files import atomic_path, lock_folder, read_json, write_json


def has_key(folder: Path, key: str) -> bool:
    """Whether the record in a folder, of a finished run or one at work, has this key."""
    try:
        return read_json(folder / RUN)["key"] == key
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextlib.contextmanager
def claimed(partial: Path, description: dict, *, resume: bool = False, replace: bool = False) -> Iterator[None]:
    """Make the work folder of a run, or take over an interrupted one, and keep other processes out of the block.

    Args:
        partial: The work folder.
        description: Of `describe_run`.
        resume: Take over an interrupted run of the same description.
        replace: Remove an interrupted run of another description.

    Raises:
        InputError: Another process trains there, or an interrupted run is not to be, or cannot be, gone on with.
    """
    taken = f"{partial}: is being trained by another process; wait for it or choose another --out"
    with contextlib.ExitStack() as held:
        if partial.exists():
            held.enter_context(lock_folder(partial, taken))
            if replace and not has_key(partial, description["key"]):
                shutil.rmtree(partial)
                held.close()
            elif not resume:
                raise InputError(f"{partial}: an interrupted run; add --resume to go on with it, or remove it")
            elif not has_key(partial, description["key"]):
                raise InputError(f"{partial}: an interrupted run of other settings; remove it or choose another --out")
        if not partial.exists():
            with atomic_path(partial) as folder:
                folder.mkdir()
                write_json(folder / RUN, description)
                held.enter_context(lock_folder(folder, taken))
                if partial.exists():
                    raise InputError(taken)
        yield
