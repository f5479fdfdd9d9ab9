"""Exact binomial tails, and the tests of thresholds that they allow: what a promise about an error rate rests on.

Learn-then-Test (Angelopoulos, Bates, Candes, Jordan and Lei, 2021, "Learn then Test: Calibrating predictive algorithms
to achieve risk control") turns a choice of thresholds into tests: for each candidate the null hypothesis "its error
rate is above what is tolerated", with a p-value from calibration rows. Whatever is chosen among the rejected nulls
keeps its promise with the stated confidence, if the tests together reject a true null with probability at most
`1 - confidence`.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import beta, binom

from toxres.errors import InputError

MOST_ROWS = 10_000_000
"""More rows than anybody labels: where `decisions_needed` gives up."""


def risk_p_values(wrong: object, decided: object, tolerated: float) -> np.ndarray:
    """p-values of "the true error rate is above `tolerated`": the chance of so few errors if it were `tolerated`.

    The errors among `decided` decisions of a fixed rule are binomial, so that the tail is exact: under the null,
    P(p <= u) <= u for every u. Without a decision the p-value is 1.

    Args:
        wrong: Counts of wrong decisions, any shape.
        decided: Counts of decisions, the same shape.
        tolerated: Share in (0, 1).
    """
    return binom.cdf(np.asarray(wrong), np.asarray(decided), tolerated)


def clopper_pearson(wrong: object, decided: object, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of the exact intervals of `wrong / decided` (Clopper and Pearson, 1934).

    Each holds the true rate with at least the confidence, for any number of decisions; both ends are NaN for none.

    Args:
        wrong: Counts, any shape.
        decided: Counts, the same shape.
        confidence: Of the intervals.

    Raises:
        InputError: More wrong decisions than decisions, a negative count, or a confidence outside (0, 1).
    """
    wrong, decided = np.asarray(wrong, dtype=float), np.asarray(decided, dtype=float)
    if not 0 < confidence < 1:
        raise InputError(f"confidence must be between 0 and 1, not {confidence}")
    if ((wrong < 0) | (wrong > decided)).any():
        raise InputError("clopper_pearson: wrong must be from 0 to decided; swap the arguments or count again")
    tail = (1 - confidence) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(wrong > 0, beta.ppf(tail, wrong, decided - wrong + 1), 0.0)
        high = np.where(wrong < decided, beta.ppf(1 - tail, wrong + 1, decided - wrong), 1.0)
    empty = decided == 0
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def walk(p_values: Sequence[float], budgets: Sequence[float]) -> np.ndarray:
    """Which nulls are rejected by walking through them in a fixed order: booleans (K,).

    The fallback procedure (Wiens, 2003, "A fixed sequence Bonferroni procedure for testing multiple endpoints"): each
    null brings its own share of the error budget, and a rejected one hands what it was tested with to the next. A true
    null is then rejected with probability at most the sum of the budgets, whatever the dependence between p-values.
    With the whole budget at the first null this is fixed-sequence testing; with equal shares it is no worse than
    Bonferroni's correction.

    Args:
        p_values: (K,), in an order that does not depend on the targets they were computed from.
        budgets: (K,), 0 or more.
    """
    rejected = np.zeros(len(p_values), dtype=bool)
    carried = 0.0
    for k, (p_value, own) in enumerate(zip(p_values, budgets, strict=True)):
        carried += own
        rejected[k] = carried > 0 and p_value <= carried
        if not rejected[k]:
            carried = 0.0
    return rejected


def decisions_needed(rate: float, tolerated: float, error: float) -> int | None:
    """How many decisions at an error rate can show that it is at most the tolerated one; None if none ever can.

    Args:
        rate: Share of errors that is expected.
        tolerated: Share that is tolerated.
        error: Probability with which a promise may be wrong, `1 - confidence`.
    """
    if rate >= tolerated:
        return None
    low, high = 1, math.ceil(math.log(error) / math.log1p(-tolerated))
    while risk_p_values(math.ceil(rate * high), high, tolerated) > error:
        low, high = high, 2 * high
        if high > MOST_ROWS:
            return None
    while low < high:
        middle = (low + high) // 2
        if risk_p_values(math.ceil(rate * middle), middle, tolerated) <= error:
            high = middle
        else:
            low = middle + 1
    return high
