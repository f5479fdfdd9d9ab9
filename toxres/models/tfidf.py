"""The floor: word and character n-grams, TF-IDF, balanced logistic regression (scikit-learn), one label at a time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion

from toxres.errors import InputError
from toxres.files import read_json, write_json
from toxres.labels import LABELS

WEIGHTS = "tfidf.safetensors"
VOCABULARY = "tfidf.json"


class TfidfModel:
    """TF-IDF of words (1-2) and characters within words (2-5) with one balanced logistic regression a label.

    Follows scikit-learn's `fit` / `predict_proba`. Saved as safetensors and JSON; nothing is pickled.
    """

    def __init__(self) -> None:
        self.features = FeatureUnion(
            [
                ("word", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, max_features=100_000)),
                (
                    "char",
                    TfidfVectorizer(
                        analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2, max_features=200_000
                    ),
                ),
            ]
        )
        self.coef = np.zeros((len(LABELS), 0), dtype=np.float32)
        self.intercept = np.zeros(len(LABELS), dtype=np.float32)  # fit() makes one a column of its targets

    def fit(self, texts: Sequence[str], targets: np.ndarray) -> "TfidfModel":
        """Fit on N texts and N x L targets (NaN unknown; soft ones count from 0.5). Returns itself.

        A label that has one class only among its known targets always predicts that class's smoothed share.

        Raises:
            InputError: The texts hold no n-gram that occurs twice.
        """
        try:
            matrix = csr_matrix(self.features.fit_transform(list(texts)))
        except ValueError as error:
            raise InputError(f"tfidf can't be fitted on {len(texts)} comments ({error}); give it more text") from error
        self.coef = np.zeros((targets.shape[1], matrix.shape[1]), dtype=np.float32)
        self.intercept = np.zeros(targets.shape[1], dtype=np.float32)
        for index in range(targets.shape[1]):
            known = ~np.isnan(targets[:, index])
            positive = targets[known, index] >= 0.5
            if positive.all() or not positive.any():
                self.intercept[index] = np.log((positive.sum() + 1) / ((~positive).sum() + 1))
                continue
            model = LogisticRegression(class_weight="balanced", C=4.0, solver="liblinear", random_state=0)
            model.fit(matrix[known], positive)
            self.coef[index], self.intercept[index] = model.coef_[0], model.intercept_[0]
        return self

    def predict_logits(self, texts: Sequence[str]) -> np.ndarray:
        """Logits, not probabilities: N x L, float32."""
        if not len(texts):
            return np.zeros((0, len(self.intercept)), dtype=np.float32)
        return (self.features.transform(list(texts)) @ self.coef.T + self.intercept).astype(np.float32)

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Probabilities of each label on its own, N x L. Balanced weights make them too high; calibrate them."""
        return 1 / (1 + np.exp(-self.predict_logits(texts)))

    def save(self, folder: Path) -> None:
        """Write the weights and vocabularies into an existing folder."""
        arrays = {"coef": self.coef, "intercept": self.intercept}
        vocabularies = {}
        for name, vectorizer in self.features.transformer_list:
            arrays[f"idf.{name}"] = vectorizer.idf_.astype(np.float64)
            terms = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.get)
            vocabularies[name] = [str(term) for term in terms]
        # safetensors' own save_file would make a file that no other user can read.
        (folder / WEIGHTS).write_bytes(save(arrays))
        write_json(folder / VOCABULARY, vocabularies)

    @classmethod
    def load(cls, folder: Path) -> "TfidfModel":
        """Read what `save` wrote.

        Raises:
            InputError: A file is missing or broken.
        """
        model = cls()
        try:
            arrays = load_file(folder / WEIGHTS)
            vocabularies = read_json(folder / VOCABULARY)
            model.coef, model.intercept = arrays["coef"], arrays["intercept"]
            for name, vectorizer in model.features.transformer_list:
                vectorizer.vocabulary_ = {term: index for index, term in enumerate(vocabularies[name])}
                vectorizer.idf_ = arrays[f"idf.{name}"]
        except Exception as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{folder}: the tfidf model is broken ({reason}); train it again") from error
        return model
