"""Linear views of a comment: n-grams with naive Bayes weights or TF-IDF, and layers of a frozen encoder.

Each view is one logistic regression a label on features of its own. Whatever scales the features (idf, log-count ratio,
standard deviation) is folded into the weights, so that a fitted view is a vocabulary and one vector a label.
"""

import dataclasses
import unicodedata
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from toxres.errors import InputError

_PLAIN = str.maketrans("łŁøØđĐ", "lLoOdD")


@dataclasses.dataclass(frozen=True)
class NgramSettings:
    """What a view of n-grams counts.

    Attributes:
        unit: "word", "char" (across words) or "char_wb" (within words).
        shortest: Units of the shortest n-gram.
        longest: Units of the longest.
        weighting: "nb" (presence times the naive Bayes log-count ratio) or "tfidf" (1 + log count, times idf), both
            scaled to length 1.
        C: Inverse strength of the L2 penalty.
        stem: Words are cut off after so many letters; 0 keeps them. A stemmer for every language with endings.
        plain: Take accents off letters, for those who type without them.
        min_count: Comments an n-gram has to be in.
        balanced: Give both classes the same weight.
    """

    unit: Literal["word", "char", "char_wb"] = "char_wb"
    shortest: int = 2
    longest: int = 5
    weighting: Literal["nb", "tfidf"] = "nb"
    C: float = 1.0
    stem: int = 0
    plain: bool = False
    min_count: int = 2
    balanced: bool = True

    @property
    def name(self) -> str:
        """Such as "nb-char_wb-2-5", with what else differs."""
        parts = [self.weighting, self.unit, str(self.shortest), str(self.longest)]
        parts += [f"stem{self.stem}"] * bool(self.stem) + ["plain"] * self.plain
        return "-".join(parts)


class NgramView:
    """A logistic regression a label on n-grams.

    Attributes:
        settings: What is counted.
        vocabulary: N-gram to column.
        coef: (L, V) weights, `idf` not among them.
        idf: (V,) of TF-IDF; ones for "nb".
        intercept: (L,).
    """

    def __init__(self, settings: NgramSettings) -> None:
        self.settings = settings
        self.vocabulary: dict[str, int] = {}
        self.coef = np.zeros((0, 0), dtype=np.float32)
        self.idf = np.ones(0, dtype=np.float32)
        self.intercept = np.zeros(0, dtype=np.float32)

    def fit(self, texts: Sequence[str], targets: np.ndarray) -> "NgramView":
        """Fit on N texts and N x L targets (NaN unknown, positive from 0.5). Returns itself.

        Raises:
            InputError: No n-gram is in as many comments as are needed.
        """
        counter = self._counter(None)
        try:
            counts = csr_matrix(counter.fit_transform(self._prepared(texts)), dtype=np.float64)
        except ValueError as error:
            raise InputError(f"no n-gram of {len(texts)} comments is frequent enough ({error}); give more") from error
        self.vocabulary = {str(term): int(column) for term, column in counter.vocabulary_.items()}
        if self.settings.weighting == "tfidf":
            documents = np.bincount(counts.indices, minlength=counts.shape[1])
            self.idf = (np.log((1 + len(texts)) / (1 + documents)) + 1).astype(np.float32)
        else:
            self.idf = np.ones(counts.shape[1], dtype=np.float32)
        matrix = self._weighted(counts)
        self.coef = np.zeros((targets.shape[1], counts.shape[1]), dtype=np.float32)
        self.intercept = np.zeros(targets.shape[1], dtype=np.float32)
        for label, column in enumerate(targets.T):
            known = ~np.isnan(column)
            positive = column[known] >= 0.5
            ratio = np.ones(counts.shape[1])
            if self.settings.weighting == "nb":
                ratio = log_count_ratio(matrix[known] > 0, positive)
            weights, self.intercept[label] = fit_logistic(
                matrix[known].multiply(ratio).tocsr(), positive, self.settings.C, self.settings.balanced
            )
            self.coef[label] = weights * ratio
        return self

    def predict_logits(self, texts: Sequence[str]) -> np.ndarray:
        """Logits, not probabilities: N x L, float32."""
        if not len(texts):
            return np.zeros((0, len(self.intercept)), dtype=np.float32)
        counts = csr_matrix(self._counter(self.vocabulary).transform(self._prepared(texts)), dtype=np.float64)
        return (self._weighted(counts) @ self.coef.T + self.intercept).astype(np.float32)

    def _counter(self, vocabulary: dict[str, int] | None) -> CountVectorizer:
        return CountVectorizer(
            analyzer=self.settings.unit,
            ngram_range=(self.settings.shortest, self.settings.longest),
            token_pattern=r"(?u)\w+|[^\w\s]" if self.settings.unit == "word" else None,
            min_df=self.settings.min_count,
            vocabulary=vocabulary,
        )

    def _prepared(self, texts: Sequence[str]) -> list[str]:
        prepared = [text.lower() for text in texts]
        if self.settings.plain:
            prepared = [without_accents(text) for text in prepared]
        if self.settings.stem:
            length = self.settings.stem
            prepared = [" ".join(word[:length] for word in text.split()) for text in prepared]
        return prepared

    def _weighted(self, counts: csr_matrix) -> csr_matrix:
        """Rows of length 1 (0 for a comment without n-grams): presence, or 1 + log count times idf."""
        matrix = counts.copy()
        if self.settings.weighting == "tfidf":
            matrix.data = 1 + np.log(matrix.data)
        else:
            matrix.data = np.ones_like(matrix.data)
        matrix = matrix.multiply(self.idf).tocsr()
        norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=float)).ravel()
        return matrix.multiply(1 / np.maximum(norms, 1e-12)[:, None]).tocsr()


class FeatureView:
    """A logistic regression a label on dense features, standardised.

    Attributes:
        C: Inverse strength of the L2 penalty.
        balanced: Give both classes the same weight.
        coef: (L, D), for features as they come.
        intercept: (L,).
    """

    def __init__(self, C: float = 0.01, balanced: bool = True) -> None:
        self.C = C
        self.balanced = balanced
        self.coef = np.zeros((0, 0), dtype=np.float32)
        self.intercept = np.zeros(0, dtype=np.float32)

    def fit(self, features: np.ndarray, targets: np.ndarray) -> "FeatureView":
        """Fit on N x D features and N x L targets (NaN unknown, positive from 0.5). Returns itself."""
        centre, spread = features.mean(axis=0), features.std(axis=0)
        spread = np.maximum(spread, 0.01 * spread.max() + 1e-6)  # what hardly varies is no ground for a large weight
        scaled = (features - centre) / spread
        self.coef = np.zeros((targets.shape[1], features.shape[1]), dtype=np.float32)
        self.intercept = np.zeros(targets.shape[1], dtype=np.float32)
        for label, column in enumerate(targets.T):
            known = ~np.isnan(column)
            weights, bias = fit_logistic(scaled[known], column[known] >= 0.5, self.C, self.balanced)
            self.coef[label] = weights / spread
            self.intercept[label] = bias - (weights / spread) @ centre
        return self

    def predict_logits(self, features: np.ndarray) -> np.ndarray:
        """Logits, not probabilities: N x L, float32."""
        return (features @ self.coef.T + self.intercept).astype(np.float32)


def fit_logistic(matrix, positive: np.ndarray, C: float, balanced: bool) -> tuple[np.ndarray, float]:
    """Weights and bias of a logistic regression; a label with one class alone gets the log-odds of its smoothed share.

    Args:
        matrix: N x V, sparse or dense.
        positive: (N,) booleans.
        C: Inverse strength of the L2 penalty.
        balanced: Give both classes the same weight.
    """
    if positive.all() or not positive.any():
        return np.zeros(matrix.shape[1]), float(np.log((positive.sum() + 1) / ((~positive).sum() + 1)))
    solver = "liblinear" if isinstance(matrix, csr_matrix) else "lbfgs"
    model = LogisticRegression(
        C=C, class_weight="balanced" if balanced else None, solver=solver, random_state=0, max_iter=300
    )
    model.fit(matrix, positive)
    return model.coef_[0], float(model.intercept_[0])


def log_count_ratio(present, positive: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """Naive Bayes weights (V,): log of how much more often an n-gram is among positives than among negatives.

    S. Wang, C. Manning: Baselines and Bigrams (2012), section 2.1: r = log((p / |p|) / (q / |q|)), with p and q the
    counts of both classes plus alpha.

    Args:
        present: N x V, sparse: whether an n-gram is in a comment.
        positive: (N,) booleans.
        alpha: Added to each count.
    """
    p = alpha + np.asarray(present[positive].sum(axis=0), dtype=float).ravel()
    q = alpha + np.asarray(present[~positive].sum(axis=0), dtype=float).ravel()
    return np.log(p / p.sum()) - np.log(q / q.sum())


def without_accents(text: str) -> str:
    """The text with plain letters for accented ones, as people type who lack the keys."""
    parts = unicodedata.normalize("NFD", text.translate(_PLAIN))
    return "".join(char for char in parts if not unicodedata.combining(char))
