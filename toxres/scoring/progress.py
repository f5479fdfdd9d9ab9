"""How far the scoring of a file has come: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from datetime import timedelta

EVERY = 60.0
"""Seconds between two lines where there is no terminal."""


class Progress:
    """Says on standard error how many rows are done, how many a second, and how long the others will take."""

    def __init__(self, shown: bool = True) -> None:
        """Begin.

        Args:
            shown: Say anything at all.
        """
        self.shown, self._bar = shown, None
        self._start = self._last = time.monotonic()
        self._first: int | None = None

    def say(self, line: str) -> None:
        """A line of its own."""
        if self._bar is not None:
            self._bar.clear()
        if self.shown:
            print(line, file=sys.stderr, flush=True)

    def at(self, rows: int, total: int | None) -> None:
        """So many rows are done, of about so many, or None; those of the first call do not count for the rate."""
        if not self.shown:
            return
        now = time.monotonic()
        if self._first is None:
            self._first, self._start = rows, now
        if sys.stderr.isatty():
            if self._bar is None:
                from tqdm import tqdm

                self._bar = tqdm(initial=rows, unit=" rows", unit_scale=True, file=sys.stderr, leave=False)
            self._bar.total = total
            self._bar.update(rows - self._bar.n)
        elif now - self._last >= EVERY:
            self._last = now
            rate = max(rows - self._first, 1) / max(now - self._start, 1e-9)
            known = "" if total is None else f" of about {total:,} ({rows / max(total, 1):.0%})"
            left = "" if total is None else f", {timedelta(seconds=round((total - rows) / rate))} left"
            self.say(f"{rows:,} rows{known}, {rate:,.0f} rows/s{left}")

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
