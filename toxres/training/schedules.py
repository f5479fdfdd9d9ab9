"""Learning rates over a run, as shares of their peak; a run goes from progress 0 to 1."""

import math
from collections.abc import Callable


def slanted_triangular(progress: float, cut: float = 0.1, ratio: float = 32.0) -> float:
    """Up in a straight line for a share `cut` of the run, then down (Howard and Ruder 2018, equation 3).

    Args:
        progress: Share of the run that is over.
        cut: Share at which the peak is.
        ratio: How much smaller the lowest rate is than the peak.
    """
    share = progress / cut if progress < cut else (1 - progress) / (1 - cut)
    return (1 + share * (ratio - 1)) / ratio


def one_cycle(progress: float, cut: float = 0.25, start: float = 1 / 25, end: float = 1e-4) -> float:
    """Up along a cosine from `start`, then down to `end` (Smith 2018, as fastai anneals it).

    Args:
        progress: Share of the run that is over.
        cut: Share at which the peak is.
        start: First rate over the peak.
        end: Last rate over the peak.
    """
    if progress < cut:
        return start + (1 - start) * (1 - math.cos(math.pi * progress / cut)) / 2
    return end + (1 - end) * (1 + math.cos(math.pi * (progress - cut) / (1 - cut))) / 2


SCHEDULES: dict[str, Callable[[float], float]] = {"one_cycle": one_cycle, "slanted_triangular": slanted_triangular}
"""The schedules by the name that a configuration gives them."""


def discriminative(groups: int, factor: float) -> list[float]:
    """Learning rates of layer groups from the lowest up, over that of the top one (Howard and Ruder 2018, section 3.2).

    Args:
        groups: How many groups there are.
        factor: How much slower each layer learns than the one above it; 2.6 in the paper, 1 for all alike.
    """
    return [factor ** (index - groups + 1) for index in range(groups)]
