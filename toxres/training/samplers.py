"""The order in which comments are trained on, drawn without a Python object for each of millions."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

POOL = 50
"""Steps whose comments are drawn together and then sorted by length."""


class LengthGroups(Sampler[int]):
    """All comments once, in random order, so that those of a step are of similar length.

    The comments are shuffled; the shuffled row is cut into pools of `POOL` steps (fewer where there are few comments),
    and each pool is sorted by length, as in transformers' `LengthGroupedSampler`. The longest comment of all comes
    first, so that what does not fit into memory fails at once. The order depends on the seed and the epoch alone: all
    processes draw the same.

    Args:
        lengths: Tokens of each of N comments.
        step: Comments of a step.
        seed: Of the order.
        grouped: False leaves the comments as they were shuffled.
    """

    def __init__(self, lengths: Sequence[int], step: int, seed: int, grouped: bool = True) -> None:
        self.lengths = np.asarray(lengths, dtype=np.int32)
        self.step, self.seed, self.grouped, self.epoch = step, seed, grouped, 0

    def set_epoch(self, epoch: int) -> None:
        """The order of which pass over the comments is wanted next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        count = len(self.lengths)
        order = np.random.default_rng((self.seed, self.epoch)).permutation(np.arange(count, dtype=np.int32))
        size = self.step * max(1, min(count // (self.step * 4), POOL))
        if count and self.grouped:
            longest = int(np.argmax(self.lengths[order]))
            order[[0, longest]] = order[[longest, 0]]
        for start in range(0, count, size):
            pool = order[start : start + size]
            yield from (pool[np.argsort(-self.lengths[pool], kind="stable")] if self.grouped else pool).tolist()
