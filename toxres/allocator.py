"""Memory that a process keeps while it trains, and takes in large pages.

A training step takes and frees the same few hundred MiB again and again. As it is set up, glibc gives blocks of more
than some hundred KiB back to the system at once, so that each step waits for the same pages to be mapped and zeroed.
"""

import contextlib
import ctypes
import os
import platform
import threading
from collections.abc import Iterator

ENVIRONMENT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "500000000",
    "THP_MEM_ALLOC_ENABLE": "1",
}
"""For the environment of a process that does nothing but train; the last one is torch's, and asks for large pages."""

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4  # as in glibc's malloc.h
_KEPT = {_MMAP_MAX: 0, _TRIM_THRESHOLD: (1 << 31) - 1, _TOP_PAD: 64 << 20}
_GIVEN_BACK = {_MMAP_MAX: 65_536, _TRIM_THRESHOLD: 64 << 20, _TOP_PAD: 128 << 10, _MMAP_THRESHOLD: 32 << 20}
"""Where glibc's own thresholds end in a process that frees large blocks; they no longer move once they were set."""
_NAMES = frozenset({"MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "MALLOC_MMAP_THRESHOLD_"})

_lock, _inside = threading.Lock(), 0


@contextlib.contextmanager
def keeping_memory() -> Iterator[None]:
    """Keep freed memory for this process until the block ends, then give it back; also a decorator.

    It is for the C library glibc, changes nothing elsewhere, and leaves alone what the environment sets.
    Torch asks for large pages from then on, if it has not taken memory before.
    """
    global _inside
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    libc = ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
    if libc is None or not _NAMES.isdisjoint(os.environ):
        yield
        return
    with _lock:
        _inside += 1
        _set(libc, _KEPT)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _set(libc, _GIVEN_BACK)
                libc.malloc_trim(0)


def _set(libc: ctypes.CDLL, options: dict[int, int]) -> None:
    for option, value in options.items():
        libc.mallopt(option, value)
