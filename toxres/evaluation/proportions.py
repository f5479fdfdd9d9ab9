"""Intervals of proportions: the score interval of Wilson (1927), which stays in [0, 1] and is right for few cases."""

from statistics import NormalDist

import numpy as np
import pandas as pd

from toxres.errors import InputError


def wilson_interval(hits: object, n: object, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of the intervals of `hits / n`; NaN where `n` is 0.

    Holds for independent cases; cases that were made from one template are not, so that it is too narrow for them.

    Args:
        hits: Counts, any shape.
        n: Counts, the same shape.
        confidence: Of the intervals.

    Raises:
        InputError: More hits than cases, a negative count, or a confidence outside (0, 1).
    """
    hits, n = np.asarray(hits, dtype=float), np.asarray(n, dtype=float)
    if not 0 < confidence < 1:
        raise InputError(f"confidence must be between 0 and 1, not {confidence}")
    if ((hits < 0) | (hits > n)).any():
        raise InputError("wilson_interval: hits must be from 0 to n; swap the arguments or count again")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = hits / n
        middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    empty = n == 0
    low = np.where(hits == 0, 0.0, middle - half)  # exactly, not but for rounding
    high = np.where(hits == n, 1.0, middle + half)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def share_table(hits: np.ndarray, by: pd.Series | pd.DataFrame, name: str = "share") -> pd.DataFrame:
    """Share of the hits in each group of rows: columns `n`, `hits`, `name`, `low`, `high` (Wilson, 95%).

    Args:
        hits: (N,) booleans.
        by: The group of each row, or several columns of groups; groups stand in the order they first occur in.
        name: Of the column with the share.
    """
    keys = by.columns.tolist() if isinstance(by, pd.DataFrame) else [by.name or "group"]
    frame = pd.DataFrame(by).set_axis(keys, axis=1).reset_index(drop=True).assign(_hit=np.asarray(hits, dtype=bool))
    table = frame.groupby(keys if len(keys) > 1 else keys[0], sort=False, dropna=False)["_hit"].agg(["size", "sum"])
    table.columns = ["n", "hits"]
    low, high = wilson_interval(table["hits"], table["n"])
    return table.assign(**{name: table["hits"] / table["n"], "low": low, "high": high})
