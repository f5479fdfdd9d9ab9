"""Which comments say the same: exact duplicates after normalising, and near ones by MinHash.

Near duplicates are pairs whose sets of character 5-grams have a Jaccard similarity of at least 0.8 (on normalised
texts). Candidates come from MinHash signatures (Broder 1997) in 16 bands of 4 rows (locality-sensitive hashing,
Leskovec et al., Mining of Massive Datasets, 3.4): a pair at 0.8 is found with probability 1 - (1 - 0.8^4)^16 > 0.999.
Each candidate is then checked by its true similarity. Nothing depends on the order of the rows.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

THRESHOLD = 0.8
SHINGLE = 5
BANDS = 16
ROWS = 4
_CHUNK = 2_000_000

_NOISE = re.compile(r"https?://\S+|www\.\S+|<[^<>]{1,200}>|@\w+|r(?<=\br)t\b")  # each begins with a letter: quick
_NOT_WORD = re.compile(r"[\W_]+")


def normalise_for_duplicates(text: str) -> str:
    """The text with everything taken out that does not make two comments different.

    NFKC, HTML entities unescaped, case folded; links, tags, @mentions, "RT", punctuation and white space become single
    spaces. A text of which nothing is left (say, emoji only) keeps its own characters without the white space.
    """
    folded = unicodedata.normalize("NFKC", html.unescape(text)).casefold()
    kept = _NOT_WORD.sub(" ", _NOISE.sub(" ", folded)).strip()
    return kept or "".join(folded.split())


def clusters(ids: Sequence[str], texts: Sequence[str]) -> np.ndarray:
    """Name the duplicate cluster of each comment (N,): the smallest id in it.

    Exact duplicates and near ones are joined, transitively.

    Args:
        ids: N distinct identifiers.
        texts: N comments.
    """
    return clusters_and_overlaps(ids, texts, ())[0]


def overlaps(texts: Sequence[str], held_out: Iterable[str]) -> np.ndarray:
    """Which texts (N,) are duplicates, exact or near, of one of the held-out texts. Direct pairs only, no chains."""
    distinct, inverse = _distinct(texts)
    other = sorted({normalise_for_duplicates(text) for text in held_out})
    if not distinct or not other:
        return np.zeros(len(inverse), dtype=bool)
    shingles = _Shingles(distinct + other)
    return _overlapping(shingles, _band_keys(shingles), len(distinct))[inverse]


def clusters_and_overlaps(
    ids: Sequence[str], texts: Sequence[str], held_out: Iterable[str]
) -> tuple[np.ndarray, np.ndarray]:
    """What `clusters` and `overlaps` say of the same texts, in little more than the time of one of them."""
    distinct, inverse = _distinct(texts)
    other = sorted({normalise_for_duplicates(text) for text in held_out})
    shingles = _Shingles(distinct + other)
    keys = _band_keys(shingles)
    parent = np.arange(len(distinct))
    for bucket in _buckets(keys[: len(distinct)]):
        _join(bucket, parent, shingles)
    roots = [_find(parent, item) for item in inverse.tolist()]
    smallest: dict[int, str] = {}
    for root, identifier in zip(roots, ids, strict=True):
        smallest[root] = min(identifier, smallest.get(root, identifier))
    names = np.array([smallest[root] for root in roots], dtype=object)
    return names, _overlapping(shingles, keys, len(distinct))[inverse]


def _distinct(texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The normalised texts, sorted, each once, and the place of each text among them."""
    normal = np.asarray([normalise_for_duplicates(text) for text in texts], dtype=object)
    distinct, inverse = np.unique(normal, return_inverse=True)
    return distinct.tolist(), inverse


def _overlapping(shingles: "_Shingles", keys: np.ndarray, split: int) -> np.ndarray:
    """Which of the first `split` texts are near duplicates of a text from there on."""
    others = set(shingles.texts[split:])
    found = np.array([text in others for text in shingles.texts[:split]], dtype=bool)
    if not others:
        return found
    for bucket in _buckets(keys):
        if bucket[0] < split <= bucket[-1]:
            right = [item for item in bucket if item >= split]
            for item in bucket[: len(bucket) - len(right)]:
                found[item] = found[item] or any(shingles.near(item, other) for other in right)
    return found


class _Shingles:
    """Hashed character 5-grams of texts, made in chunks; a text shorter than that is one gram."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self._sets: dict[int, np.ndarray] = {}
        self._apart: set[tuple[int, int]] = set()

    def hashes(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Hashes of the grams of texts[start:stop], one after the other, and where each text's begin."""
        texts = [text.ljust(SHINGLE) for text in self.texts[start:stop]]
        lengths = np.array([len(text) for text in texts])
        codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
        grams = np.zeros(len(codes), dtype=np.uint64)
        for offset in range(SHINGLE):
            shifted = np.zeros_like(codes)
            shifted[: len(codes) - offset] = codes[offset:]
            grams = grams * np.uint64(0x100000001B3) + shifted
        ends = np.cumsum(lengths)
        position = np.arange(len(codes)) + SHINGLE
        keep = position <= np.repeat(ends, lengths)
        counts = lengths - SHINGLE + 1
        return _mix(grams[keep]), np.cumsum(counts) - counts

    def jaccard(self, left: int, right: int) -> float:
        a, b = self._set(left), self._set(right)
        if min(len(a), len(b)) < THRESHOLD * max(len(a), len(b)):
            return 0.0
        both = len(np.intersect1d(a, b, assume_unique=True))
        return both / (len(a) + len(b) - both)

    def near(self, left: int, right: int) -> bool:
        """Whether two texts are near duplicates; a pair that is not is measured only once."""
        pair = (min(left, right), max(left, right))
        if pair in self._apart:
            return False
        if self.jaccard(left, right) >= THRESHOLD:
            return True
        self._apart.add(pair)
        return False

    def _set(self, item: int) -> np.ndarray:
        if item not in self._sets:
            self._sets[item] = np.unique(self.hashes(item, item + 1)[0])
        return self._sets[item]


def _mix(values: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser (Steele et al. 2014): spreads every bit over all others."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _band_keys(shingles: _Shingles) -> np.ndarray:
    """LSH keys (texts, BANDS), uint64: equal keys in a column mean equal signatures in that band."""
    total = len(shingles.texts)
    multipliers = np.random.default_rng(20_110_905).integers(1, 2**63, BANDS * ROWS, dtype=np.uint64) | np.uint64(1)
    keys = np.zeros((total, BANDS), dtype=np.uint64)
    ends = np.cumsum([len(text) + SHINGLE for text in shingles.texts])
    start = 0
    while start < total:
        base = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, base + _CHUNK, side="right")))
        hashes, begins = shingles.hashes(start, stop)
        for number, multiplier in enumerate(multipliers):
            lowest = np.minimum.reduceat((hashes * multiplier) >> np.uint64(20), begins)
            band = number // ROWS
            keys[start:stop, band] = _mix(keys[start:stop, band] * np.uint64(31) + lowest + np.uint64(band))
        start = stop
    return keys


def _buckets(keys: np.ndarray) -> Iterator[list[int]]:
    """Rows, in order, that share a key in some band; again for each such band."""
    for band in range(keys.shape[1]):
        order = np.argsort(keys[:, band], kind="stable")
        column = keys[order, band]
        edges = np.flatnonzero(np.concatenate(([True], column[1:] != column[:-1], [True])))
        for at in np.flatnonzero(np.diff(edges) > 1).tolist():
            yield order[edges[at] : edges[at + 1]].tolist()


def _join(bucket: list[int], parent: np.ndarray, shingles: _Shingles) -> None:
    """Join the near duplicates of a bucket; what is in one cluster already is not compared again.

    Each row is compared with one cluster after the other, its latest row first: copies of one text, neighbours in their
    order, take one comparison each.
    """
    groups: dict[int, list[int]] = {}
    for item in bucket:
        root = _find(parent, item)
        for other in list(groups):
            if other == root or other not in groups:
                continue
            if not any(shingles.near(item, member) for member in reversed(groups[other])):
                continue
            low, high = min(root, other), max(root, other)
            parent[high] = low
            groups[low] = groups.pop(low, []) + groups.pop(high, [])
            root = low
        groups.setdefault(root, []).append(item)


def _find(parent: np.ndarray, item: int) -> int:
    while parent[item] != item:
        parent[item] = parent[parent[item]]
        item = int(parent[item])
    return item
