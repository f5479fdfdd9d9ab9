"""Scores that go to standard output, where nothing can be taken back or gone on with."""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from toxres.files import append
from toxres.scoring.chunks import Chunk
from toxres.scoring.output import encode_rows
from toxres.scoring.work import SCORES, State, scores_of

SHOWN = 20
"""Rejected rows that are said on standard error one by one."""


class Stream:
    """As `toxres.scoring.work.Work`, to standard output; rejected rows are said on standard error.

    Attributes:
        state: How far it has come.
    """

    def __init__(self, labels: tuple[str, ...]) -> None:
        """Begin with scores of these labels."""
        self.labels, self.state = labels, State()
        self._folder = tempfile.TemporaryDirectory(prefix="toxres-")
        self._scores = os.open(Path(self._folder.name) / SCORES, os.O_RDWR | os.O_CREAT | os.O_APPEND)

    @property
    def index(self) -> Path:
        """A folder that lasts no longer than the process."""
        return Path(self._folder.name) / "index"

    def commit(self, chunk: Chunk, probs: np.ndarray, seconds: float) -> None:
        """Write a chunk, whose new texts have these M x L probabilities, and which took so long."""
        if chunk.keys:
            scores = scores_of(chunk, probs, self._scores)
            append(self._scores, np.ascontiguousarray(probs, dtype=np.float64).tobytes())
            header = self.state.comments == 0
            sys.stdout.write(encode_rows("csv", chunk.key, chunk.keys, scores, self.labels, header=header).decode())
        for number, row in enumerate(chunk.rejected, start=self.state.rejected):
            if number < SHOWN:
                print(f"rejected: {row.place}: {row.reason}", file=sys.stderr)
        self.state = self.state.after(chunk, len(probs), seconds, {})

    def finish(self) -> None:
        """Write what is still held back."""
        sys.stdout.flush()

    def close(self) -> None:
        """Remove what was kept meanwhile."""
        os.close(self._scores)
        self._folder.cleanup()
