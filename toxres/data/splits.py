"""Splits that mean something: five stratified folds over duplicate clusters, held apart from the official test files.

Fold 0 is the test split, fold 1 validation, folds 2-4 train; fold -1 holds comments that also stand in an official test
file. `python -m toxres.data` writes the committed ids in data/splits/ anew.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.data.duplicates import clusters_and_overlaps, overlaps
from toxres.data.memory import copy_table, remembered
from toxres.data.official import load_official_texts
from toxres.data.schema import targets
from toxres.errors import InputError
from toxres.files import ROOT, atomic_path
from toxres.labels import LABELS

FOLDS = 5
TEST_FOLD = 0
VALIDATION_FOLD = 1
OFFICIAL_FOLD = -1
SPLIT_DIR = ROOT / "data" / "splits"
COMMITTED = ("jigsaw", "civil_spans", "davidson")
_SEED = 20_171_219


def make_folds(comments: pd.DataFrame, official: Iterable[str] = (), seed: int = _SEED) -> pd.DataFrame:
    """Five multilabel-stratified folds over duplicate clusters; no cluster crosses a fold.

    A cluster of which any comment duplicates an official test text (exactly or nearly) is fold -1 as a whole. The rest
    is split by iterative stratification. The result does not depend on the order of the rows.

    Args:
        comments: N comments.
        official: Texts of the official test files.
        seed: Of the ties.

    Returns:
        Columns `id`, `cluster` (the smallest id in it) and `fold`, one row a comment, in the order of `comments`.
    """
    ids = comments["id"].to_numpy(dtype=object)
    names, overlapping = clusters_and_overlaps(ids, comments["text"].tolist(), official)
    held_out = set(names[overlapping])
    positives = np.nan_to_num(targets(comments), nan=0.0) >= 0.5
    unique, member = np.unique(names.astype(str), return_inverse=True)
    counts = np.zeros((len(unique), positives.shape[1] + 1), dtype=np.int64)
    np.add.at(counts, member, np.column_stack([positives, np.ones(len(names), dtype=bool)]).astype(np.int64))
    official_cluster = np.isin(unique, sorted(map(str, held_out)))
    fold = np.full(len(unique), OFFICIAL_FOLD, dtype=np.int64)
    fold[~official_cluster] = stratify(counts[~official_cluster], FOLDS, seed)
    return pd.DataFrame({"id": ids, "cluster": names, "fold": fold[member]})


def stratify(counts: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, algorithm 1) of weighted items.

    The label with the fewest positives left is dealt out first, each item to the fold that still wants most of this
    label, then most rows; remaining ties are random.

    Args:
        counts: Items x (labels + 1): positives of each label in the item, and last its number of rows.
        folds: Number of folds.
        seed: Of the ties and the order.

    Returns:
        Fold of each item (items,).
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(counts))
    order = order[np.argsort(-counts[order, -1], kind="stable")]
    wanted = np.tile(counts.sum(axis=0) / folds, (folds, 1)).astype(float)
    fold = np.full(len(counts), -1, dtype=np.int64)
    remaining = counts.sum(axis=0).astype(float)
    labels = counts.shape[1] - 1
    while (fold < 0).any():
        left = np.where(remaining[:labels] > 0, remaining[:labels], np.inf)
        label = int(left.argmin()) if labels and np.isfinite(left.min()) else labels
        for item in order[(fold[order] < 0) & (counts[order, label] > 0)]:
            best = np.flatnonzero(wanted[:, label] == wanted[:, label].max())
            if len(best) > 1:
                rows = wanted[best, labels]
                best = best[rows == rows.max()]
            chosen = int(best[0]) if len(best) == 1 else int(random.choice(best))
            fold[item] = chosen
            wanted[chosen] -= counts[item]
            remaining -= counts[item]
    return fold


def drop_overlap(auxiliary: pd.DataFrame, held_out: pd.DataFrame) -> pd.DataFrame:
    """The auxiliary comments without those that duplicate, exactly or nearly, a held-out comment of another source."""
    kept = auxiliary[~overlaps(auxiliary["text"].tolist(), held_out["text"])]
    kept.attrs = dict(auxiliary.attrs)
    return kept.reset_index(drop=True)


def ninety_ten(comments: pd.DataFrame, seed: int = 42) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The `paper` preset's split to the letter: 90 % train, 10 % validation, at random.

    It is scikit-learn's `train_test_split(test_size=0.1, random_state=seed)`: not stratified, and duplicates may
    stand on both sides, as in the original. Use the folds for figures that are to mean something.

    Returns:
        Train and validation comments.
    """
    from sklearn.model_selection import train_test_split

    train, validation = train_test_split(comments, test_size=0.1, random_state=seed)
    return train.reset_index(drop=True), validation.reset_index(drop=True)


def load_folds(comments: pd.DataFrame, data_dir: str | Path | None = None) -> pd.DataFrame:
    """Folds of a source's comments: the committed ones if they have every id, else computed (and cached by its content
    and that of the official test files at hand).

    Args:
        comments: All comments of one source, `attrs["source"]` naming it.
        data_dir: Where the official test files are looked for first.

    Returns:
        As `make_folds`.
    """
    committed = read_folds(SPLIT_DIR / f"{comments.attrs.get('source')}.csv")
    found = _pick(committed, comments)
    if found is None:
        sha256 = comments.attrs.get("sha256")
        if not sha256:
            return compute_folds(comments, data_dir)
        cache = ROOT / "data" / "cache" / f"folds-{sha256[:16]}-{_official_digest(data_dir)[:16]}.csv"
        found = _pick(read_folds(cache), comments)
        if found is None:
            found = compute_folds(comments, data_dir)
            write_folds(found, cache)
    return found


def compute_folds(comments: pd.DataFrame, data_dir: str | Path | None = None) -> pd.DataFrame:
    """`make_folds` with the texts of every official test file at hand; remembered by the content of both."""
    official = [text for texts in load_official_texts(data_dir).values() for text in texts]
    digest = hashlib.sha256(np.nan_to_num(targets(comments), nan=-1.0).tobytes())
    for text in (*comments["id"], *comments["text"], *official):
        digest.update(f"{text}\0".encode("utf-8", "surrogatepass"))
    return remembered(
        "folds", digest.hexdigest(), lambda: make_folds(comments[["id", "text", *LABELS]], official), copy=copy_table
    )


def _official_digest(data_dir: str | Path | None) -> str:
    digest = hashlib.sha256()
    for texts in load_official_texts(data_dir).values():
        for text in texts:
            digest.update(f"{text}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def read_folds(path: Path) -> pd.DataFrame | None:
    """Read a file of `write_folds`, or None if there is none."""
    if not path.is_file():
        return None
    table = pd.read_csv(path, dtype={"id": str, "cluster": str, "fold": int}, keep_default_na=False)
    table["cluster"] = table["cluster"].where(table["cluster"] != "", table["id"])
    return table


def write_folds(folds: pd.DataFrame, path: Path) -> None:
    """Write folds by id, atomically: `id,cluster,fold`, sorted; an empty `cluster` is the comment's own id."""
    table = folds.sort_values("id", key=lambda ids: ids.astype(str)).copy()
    table["cluster"] = table["cluster"].where(table["cluster"] != table["id"], "")
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def _pick(table: pd.DataFrame | None, comments: pd.DataFrame) -> pd.DataFrame | None:
    if table is None or not comments["id"].isin(set(table["id"])).all():
        return None
    picked = table.set_index("id").loc[comments["id"].tolist()].reset_index()
    return picked[["id", "cluster", "fold"]]


def in_split(fold: np.ndarray, split: str | None) -> np.ndarray:
    """Which rows (N,) belong to a split: None (all), "train", "validation", "test", or "fold:0" to "fold:4".

    Raises:
        InputError: No split has this name.
    """
    if split is None:
        return np.ones(len(fold), dtype=bool)
    if split == "train":
        return fold > max(TEST_FOLD, VALIDATION_FOLD)
    named = {"test": TEST_FOLD, "validation": VALIDATION_FOLD} | {f"fold:{number}": number for number in range(FOLDS)}
    if split not in named:
        raise InputError(f"unknown split {split!r}; choose one of: train, {', '.join(named)}")
    return fold == named[split]
