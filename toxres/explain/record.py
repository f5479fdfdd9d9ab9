"""What every explanation method returns: words of the comment as it was written, with an attribution each."""

import dataclasses

import numpy as np

from toxres.errors import InputError

METHODS = {
    "attention": "pooling attention",
    "integrated_gradients": "integrated gradients",
    "gradient_x_input": "gradient x input",
    "occlusion": "word occlusion",
    "shapley": "Shapley, both ends",
    "lexicon": "word list",
    "random": "random",
    "supervised": "span-supervised head",
}
"""Methods by name, and what figures and pages call them."""


@dataclasses.dataclass(frozen=True, eq=False)
class Explanation:
    """Why a model gave a comment its scores, by one method.

    Attributes:
        text: The comment as it was written.
        words: W spans (start, end): `text[start:end]` is the word; in order, none overlaps another.
        labels: The K labels explained.
        attributions: W x K, float64. What a word adds to the score of a label where the method says so (integrated
            gradients, gradient x input, occlusion, Shapley), else its share or weight; 0 for words the model did not
            read.
        read: W booleans: whether the model read the word; it cuts long comments.
        method: One of `METHODS`.
        model: What tables call the model.
        scores: K logits, not probabilities: the scores explained, f(x).
        baseline_scores: K logits f(baseline) of the input without information, NaN where a method has none.
        convergence_delta: K: sum of the attributions, of special tokens too, less f(x) - f(baseline); NaN where a
            method makes no such promise.
        baseline: What the baseline is, in words, such as "every token [PAD]"; empty where there is none.
        steps: Steps of the integral; 0 for other methods.
        note: What a reader has to know, such as that an integral did not converge; empty where there is nothing.
    """

    text: str
    words: tuple[tuple[int, int], ...]
    labels: tuple[str, ...]
    attributions: np.ndarray
    read: np.ndarray
    method: str
    model: str
    scores: np.ndarray
    baseline_scores: np.ndarray
    convergence_delta: np.ndarray
    baseline: str = ""
    steps: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        """Check that shapes agree and that the words are spans of the text."""
        n_words, n_labels = len(self.words), len(self.labels)
        shapes = {
            "attributions": (self.attributions.shape, (n_words, n_labels)),
            "read": (self.read.shape, (n_words,)),
            "scores": (self.scores.shape, (n_labels,)),
            "baseline_scores": (self.baseline_scores.shape, (n_labels,)),
            "convergence_delta": (self.convergence_delta.shape, (n_labels,)),
        }
        for field, (found, expected) in shapes.items():
            if found != expected:
                raise InputError(f"explanation: {field} has shape {found} instead of {expected}")
        end = 0
        for start, stop in self.words:
            if not end <= start < stop <= len(self.text):
                raise InputError(f"explanation: word ({start}, {stop}) overlaps another or is outside of the text")
            end = stop
        if self.method not in METHODS:
            raise InputError(f"unknown method {self.method!r}; choose one of: {', '.join(METHODS)}")

    def word_texts(self) -> tuple[str, ...]:
        """The words themselves."""
        return tuple(self.text[start:end] for start, end in self.words)

    def of(self, label: str) -> np.ndarray:
        """Attributions (W,) for one label.

        Raises:
            InputError: The label was not explained.
        """
        if label not in self.labels:
            raise InputError(f"label {label!r} is not explained here; choose one of: {', '.join(self.labels)}")
        return self.attributions[:, self.labels.index(label)]

    def to_dict(self) -> dict:
        """Plain values, ready for `write_json`, with each word's text beside its span."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}
        return plain | {"words": [list(span) for span in self.words], "word_texts": list(self.word_texts())}
