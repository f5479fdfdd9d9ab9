"""Comments in batches of similar length, so that little is padded."""

from collections.abc import Sequence

import numpy as np


def length_batches(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Row numbers grouped into batches of similar length, the longest comments first.

    Args:
        lengths: Tokens of each comment.
        max_tokens: Most tokens a batch, padding included; a batch holds at least one comment.
    """
    batches: list[list[int]] = []
    current: list[int] = []
    for row in np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable").tolist():
        if current and lengths[current[0]] * (len(current) + 1) > max_tokens:
            batches.append(current)
            current = []
        current.append(row)
    return [*batches, current] if current else batches
