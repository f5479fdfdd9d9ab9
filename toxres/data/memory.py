"""What was read from files is remembered in this process for as long as the files stay the same."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import TypeVar

import pandas as pd

MOST = 12
"""Values remembered; the one that was not used for longest goes first."""

_SETTLED_NS = 2_000_000_000
_kept: OrderedDict[Hashable, object] = OrderedDict()

T = TypeVar("T")


def fingerprint(paths: Iterable[str | Path]) -> tuple | None:
    """What changes when one of the files does: inodes, sizes and times, None for a file that is not there.

    None as a whole while a file is less than two seconds old: a further change might not show in its time.
    """
    now, found = time.time_ns(), []
    for path in paths:
        try:
            stat = Path(path).stat()
        except OSError:
            found.append((str(path), None))
            continue
        if now - max(stat.st_mtime_ns, stat.st_ctime_ns) < _SETTLED_NS:
            return None
        found.append((str(Path(path).absolute()), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    return tuple(found)


def remembered(kind: Hashable, state: Hashable | None, make: Callable[[], T], copy: Callable[[T], T]) -> T:
    """The value of `make`, made anew only where `kind` or `state` is new; each caller gets a copy of its own.

    Args:
        kind: What is asked for.
        state: What it depends on, such as a `fingerprint`; None remembers nothing.
        make: Makes the value.
        copy: Copies it, so that no caller can change another one's.
    """
    if state is None:
        return make()
    key = (kind, state)
    if key not in _kept:
        _kept[key] = copy(make())
    _kept.move_to_end(key)
    while len(_kept) > MOST:
        _kept.popitem(last=False)
    return copy(_kept[key])


def forget() -> None:
    """Forget everything."""
    _kept.clear()


def copy_table(table: pd.DataFrame) -> pd.DataFrame:
    """A copy of a table of comments, its lists of spans and its `attrs` too."""
    copied = table.copy()
    if "spans" in copied:
        copied["spans"] = pd.Series([list(spans) for spans in table["spans"]], index=table.index, dtype=object)
    copied.attrs = dict(table.attrs)
    return copied
