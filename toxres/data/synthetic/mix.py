"""How many comments carry which labels: the label combinations of Jigsaw's training file, as quotas.

Systematic sampling over the sorted combinations gives every label its expected number to within one or two rows at
any size, where independent draws would leave a sample of 1,000 without a threat one time in twenty.
"""

from typing import Final

import numpy as np

from toxres.data.synthetic.grammar import LETTERS

COMBINATIONS: Final = {
    "": 143_346,
    "T": 5_666,
    "TOI": 3_800,
    "TO": 1_758,
    "TI": 1_215,
    "TSOI": 989,
    "TOIG": 618,
    "O": 317,
    "I": 301,
    "TSOIG": 265,
    "OI": 181,
    "TSO": 158,
    "TG": 136,
    "TIG": 134,
    "TOHI": 131,
    "TH": 113,
    "TSOHI": 64,
    "TOHIG": 56,
    "G": 54,
    "TS": 41,
    "TOG": 35,
    "TSOHIG": 31,
    "IG": 28,
    "H": 22,
    "OIG": 18,
    "THI": 16,
    "TSI": 14,
    "TSH": 11,
    "TOH": 11,
    "TSG": 3,
    "THG": 7,
    "TSIG": 7,
    "TSOG": 6,
    "TSOH": 4,
    "OG": 3,
    "HI": 3,
    "THIG": 3,
    "OH": 2,
    "OHI": 2,
    "TSHG": 1,
    "TSHI": 1,
}
"""Comments with each combination of labels in the 159,571 of Kaggle's `train.csv`; letters as in `LETTERS`."""

SPLIT_SHARES: Final = {"train": 0.6, "validation": 0.2, "test": 0.2}

MINIMUM: Final = 2
"""Positives that every label has at least, in any sample of `MINIMUM_ROWS` or more."""

MINIMUM_ROWS: Final = 100


def split_sizes(n: int) -> dict[str, int]:
    """Share `n` rows out 60/20/20; the sizes sum to `n`."""
    validation = round(n * SPLIT_SHARES["validation"])
    test = min(round(n * SPLIT_SHARES["test"]), n - validation)
    return {"train": n - validation - test, "validation": validation, "test": test}


def sample_combinations(n: int, rng: np.random.Generator) -> list[str]:
    """Draw the label combinations of `n` comments, in random order.

    Args:
        n: Comments.
        rng: Source of randomness.

    Returns:
        `n` keys of `COMBINATIONS`. With `MINIMUM_ROWS` comments or more every label occurs `MINIMUM` times at least,
        which raises the share of the rarest ones in small samples: a metric of a label without positives is undefined.
    """
    names = sorted(COMBINATIONS, key=lambda name: tuple(letter not in name for letter in "HGSIOT"))
    shares = np.array([COMBINATIONS[name] for name in names], float)
    edges = np.cumsum(shares / shares.sum())
    at = (np.arange(n) + rng.random()) / max(n, 1)
    chosen = [names[index] for index in np.minimum(np.searchsorted(edges, at, side="right"), len(names) - 1)]
    if n >= MINIMUM_ROWS:
        _top_up(chosen)
    rng.shuffle(chosen)
    return chosen


def _top_up(chosen: list[str]) -> None:
    """Turn toxic or clean comments into ones with a label that occurs too seldom."""
    for letter in LETTERS:
        missing = MINIMUM - sum(letter in name for name in chosen)
        for donor in ("T", "", "TO", "TI"):
            while missing > 0 and donor in chosen:
                wanted = "T" + letter if letter != "T" else "T"
                chosen[chosen.index(donor)] = wanted
                missing -= 1
