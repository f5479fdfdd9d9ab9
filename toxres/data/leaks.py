"""What the sources hold twice, what a split would leak of it, and which official test texts hide in a source."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from toxres.data.duplicates import normalise_for_duplicates
from toxres.data.splits import OFFICIAL_FOLD, TEST_FOLD


def duplicate_table(sources: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row a source: how many comments say what another one says, and how many are held back for official tests."""
    rows = {}
    for name, comments in sources.items():
        sizes = comments.groupby("cluster").size()
        exact = comments["text"].map(normalise_for_duplicates).duplicated(keep=False)
        rows[name] = {
            "comments": len(comments),
            "in exact duplicates": int(exact.sum()),
            "in clusters": int(sizes[sizes > 1].sum()),
            "clusters of 2+": int((sizes > 1).sum()),
            "largest": int(sizes.max()),
            "held back": int((comments["fold"] == OFFICIAL_FOLD).sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def official_table(sources: Mapping[str, pd.DataFrame], official: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """A row an official test file: its texts, and how many of them stand, normalised, in each source."""
    held = {name: set(map(normalise_for_duplicates, comments["text"])) for name, comments in sources.items()}
    rows = {}
    for file, texts in official.items():
        normal = [normalise_for_duplicates(text) for text in texts]
        rows[file] = {"texts": len(texts)} | {name: sum(text in seen for text in normal) for name, seen in held.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["texts", *held])


def leaked_share(cluster: np.ndarray, is_held_out: np.ndarray) -> float:
    """Share of the held-out rows that have a duplicate among the others.

    Args:
        cluster: (N,) name of each row's duplicate cluster.
        is_held_out: (N,) booleans.
    """
    cluster, is_held_out = np.asarray(cluster), np.asarray(is_held_out, dtype=bool)
    return float(np.isin(cluster[is_held_out], cluster[~is_held_out]).mean()) if is_held_out.any() else float("nan")


def leakage(sources: Mapping[str, pd.DataFrame], n_draws: int = 20, seed: int = 0) -> pd.DataFrame:
    """The `leaked_share` of random 90/10 splits (mean of draws) and of our test fold: a row a source."""
    random = np.random.default_rng(seed)
    rows = {}
    for name, comments in sources.items():
        cluster = pd.factorize(comments["cluster"])[0]
        draws = [random.permutation(len(cluster)) < len(cluster) / 10 for _ in range(n_draws)]
        fold = comments["fold"].to_numpy()
        rows[name] = {
            "random 90/10": float(np.mean([leaked_share(cluster, drawn) for drawn in draws])),
            "our folds": leaked_share(cluster[fold >= 0], fold[fold >= 0] == TEST_FOLD),
        }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["random 90/10", "our folds"])
