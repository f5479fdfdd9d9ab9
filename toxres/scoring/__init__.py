"""Scoring files of comments of any size: resumable, each text once, bad rows set aside."""

from collections.abc import Iterator
from pathlib import Path

from toxres.data.textfiles import read_rows
from toxres.scoring.chunks import CHUNK
from toxres.scoring.models import Asked, Scorer
from toxres.scoring.run import ENGINES, Summary, score, score_file

__all__ = ["CHUNK", "ENGINES", "Asked", "Scorer", "Summary", "read_texts", "score", "score_file"]


def read_texts(source: str | Path, text_column: str | None = None) -> Iterator[str]:
    """The comments of a file that `score` can read, one after the other, never all of them in memory.

    Args:
        source: As in `score`.
        text_column: Its text column; None takes "comment_text" or "text".

    Raises:
        InputError: There is no such file, or a row is no comment.
    """
    return (row.text for row in read_rows(source, text_column))
