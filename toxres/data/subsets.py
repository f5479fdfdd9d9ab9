"""Smaller and smaller training sets, each inside the next: what a model would learn from fewer labels."""

import numpy as np

POSITIVE_AT = 0.5


def nested_order(targets: np.ndarray, seed: int = 0) -> np.ndarray:
    """An order of the rows in which every beginning is a stratified sample: the first n rows are a training set of n.

    Each row belongs to the stratum of the rarest label it is a positive of, or to that of the harmless. A stratum's
    rows are spread evenly over the order, so that any beginning holds its share of each, give or take one. Before them
    stands one positive of each label, the rarest first, as far as those before do not have it: with as many rows as
    labels, every label that has a positive at all has one. That makes rare labels more frequent in a small beginning
    than they are.

    Args:
        targets: N x L in [0, 1]; NaN is unknown and no positive.
        seed: Of the order within a stratum, and where each begins.

    Returns:
        N row numbers.
    """
    random = np.random.default_rng(seed)
    positive = np.nan_to_num(targets, nan=0.0) >= POSITIVE_AT
    counts = positive.sum(axis=0)
    rarest = np.argsort(counts, kind="stable")
    stratum = np.full(len(targets), len(counts))
    for label in rarest[::-1]:
        stratum[positive[:, label]] = label
    place = np.empty(len(targets))
    for number in np.unique(stratum):
        rows = random.permutation(np.flatnonzero(stratum == number))
        place[rows] = (np.arange(len(rows)) + random.random()) / len(rows)
    first: list[int] = []
    for label in rarest[counts[rarest] > 0]:
        if not positive[first, label].any():
            rows = np.flatnonzero(positive[:, label])
            first.append(int(rows[np.argmin(place[rows])]))
    place[first] = np.arange(len(first)) - len(first)
    return np.argsort(place, kind="stable")
