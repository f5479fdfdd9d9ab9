"""An explanation in words and numbers: the same ones on a page, in a figure and in plain text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toxres.colours import LEVELS
from toxres.errors import InputError
from toxres.explain.characters import as_plain
from toxres.explain.record import METHODS, Explanation

ONE_SIGNED = frozenset({"attention", "lexicon", "random", "supervised"})
"""Methods whose values are shares or weights: none lowers a score."""

MEANINGS = {
    "attention": "A value is the word's share of the pooling's attention: the same for all labels, and not an effect.",
    "integrated_gradients": "A value is what the word adds to the logit on the way from the baseline to the comment.",
    "gradient_x_input": "A value is what the word adds to the logit, judged by the slope at the comment alone.",
    "occlusion": "A value is how far the logit falls when the word is taken out (below zero: how far it rises).",
    "shapley": "A value is what the word adds to the logit: the mean of alone and beside all other words.",
    "lexicon": "A value is 1 where the word is on a word list, else 0; the model is not asked why.",
    "random": "A value is drawn at random between 0 and 1: the floor that a method has to beat.",
    "supervised": "A value is the probability that people would mark the word as toxic, by a model of their marks.",
}
"""What a value says, by method."""


@dataclass(frozen=True)
class Scale:
    """How values become shades; the same for all explanations of one label by one method.

    Attributes:
        limit: The largest absolute value, which has the deepest shade; 0 where all values are 0.
        signed: Whether values below zero are drawn too.
    """

    limit: float
    signed: bool

    def levels(self, values: np.ndarray) -> np.ndarray:
        """Shades (W,) from -`LEVELS` to `LEVELS`; 0 for values that are next to nothing or not finite."""
        values = np.where(np.isfinite(values), values, 0.0)
        if self.limit == 0:
            return np.zeros(values.shape, dtype=int)
        return np.clip(np.rint(values / self.limit * LEVELS), -LEVELS, LEVELS).astype(int)

    def told(self, value: float) -> str:
        """A value with as many digits as the scale asks for, and its sign where values have signs."""
        if not math.isfinite(value):
            return "no value"
        if 0 < self.limit < 1e-4 or self.limit >= 1e6:
            text = f"{value:+.1e}" if value else "+0"
        else:
            digits = max(2, 1 - math.floor(math.log10(self.limit))) if self.limit else 2
            text = f"{round(value, digits) + 0.0:+.{digits}f}"
        if float(text) == 0:
            return text[1:]
        return text.replace("-", "−") if self.signed else text.removeprefix("+").replace("-", "−")


def checked(explanations: Sequence[Explanation]) -> tuple[Explanation, ...]:
    """The explanations of one comment.

    Raises:
        InputError: There is none, or they explain different comments.
    """
    explanations = (explanations,) if isinstance(explanations, Explanation) else tuple(explanations)
    if not explanations:
        raise InputError("no explanation to show; pass at least one")
    if any(other.text != explanations[0].text for other in explanations):
        raise InputError("explanations of different comments cannot stand side by side; show one comment at a time")
    return explanations


def labels_of(explanations: Sequence[Explanation]) -> tuple[str, ...]:
    """Every label that one of them explains, in order.

    Raises:
        InputError: There is no label.
    """
    labels = tuple(dict.fromkeys(label for explanation in explanations for label in explanation.labels))
    if not labels:
        raise InputError("the explanations explain no label; name at least one when explaining")
    return labels


def first_label(explanations: Sequence[Explanation], label: str | None = None) -> str:
    """`label`, or else the one that scores highest with any of the models.

    Raises:
        InputError: None of them explains `label`.
    """
    labels = labels_of(explanations)
    if label is None:
        return max(labels, key=lambda name: max(_score(explanation, name) for explanation in explanations))
    if label not in labels:
        raise InputError(f"label {label!r} is not explained here; choose one of: {', '.join(labels)}")
    return label


def _score(explanation: Explanation, label: str) -> float:
    score = logit(explanation, label)
    return score if math.isfinite(score) else -math.inf


def scale_of(explanations: Sequence[Explanation], method: str, label: str) -> Scale:
    """One scale for all explanations of `label` by `method`, so that models can be compared by eye."""
    of_method = [each.of(label) for each in explanations if each.method == method and label in each.labels]
    values = np.concatenate([*of_method, [0.0]])
    values = values[np.isfinite(values)]
    return Scale(float(np.abs(values).max()), method not in ONE_SIGNED or bool((values < 0).any()))


def strongest(explanation: Explanation, label: str, n: int = 5) -> list[int]:
    """Places of up to `n` words with the largest absolute values, largest first; none of value 0 or not read."""
    size = np.abs(np.where(np.isfinite(explanation.of(label)) & explanation.read, explanation.of(label), 0.0))
    order = np.argsort(-size, kind="stable")[:n]
    return [int(i) for i in order if size[i] > 0]


def who(explanation: Explanation) -> str:
    """Model and method, as written: the method alone where there is no model."""
    return ", ".join(filter(None, (explanation.model, METHODS[explanation.method])))


def logit(explanation: Explanation, label: str) -> float:
    """The logit explained."""
    return float(explanation.scores[explanation.labels.index(label)]) if label in explanation.labels else math.nan


def probability(score: float) -> str:
    """The sigmoid of a logit in percent; never 0% or 100%, which no logit reaches."""
    if math.isnan(score):
        return "not known"
    share = 1 / (1 + math.exp(-score)) if score > -700 else 0.0
    if share < 0.0005:
        return "<0.1%"
    return ">99.9%" if share >= 0.9995 else f"{100 * share:.1f}%"


def number(value: float) -> str:
    """A logit or a difference of logits, with its sign."""
    if not math.isfinite(value):
        return "not known"
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "−")


def score_text(explanation: Explanation, label: str) -> str:
    """Such as "97.2% (logit +3.55)"."""
    score = logit(explanation, label)
    return "score not known" if math.isnan(score) else f"{probability(score)} (logit {number(score)})"


def notes(explanation: Explanation, label: str) -> list[str]:
    """Sentences on what the values mean, where they start, whether they add up, and what was not read."""
    at = explanation.labels.index(label)
    score, base = float(explanation.scores[at]), float(explanation.baseline_scores[at])
    delta, total = float(explanation.convergence_delta[at]), float(np.nansum(explanation.of(label)))
    told = [MEANINGS[explanation.method]]
    start = f"Baseline: {as_plain(explanation.baseline)}" if explanation.baseline else ""
    if math.isfinite(base):
        start = f"{start or 'Baseline'}, logit {number(base)}"
    if explanation.steps:
        steps = f"{explanation.steps} step" + "s" * (explanation.steps != 1)
        start = f"{start}; {steps} from there to the comment" if start else f"{steps} from the baseline to the comment"
    if start:
        told.append(f"{start}.")
    if math.isfinite(delta) and math.isfinite(score - base):
        others = score - base + delta - total
        told.append(
            f"The words add up to {number(total)}, what is no word (special tokens, marks) to {number(others)}; "
            f"the logit differs by {number(score - base)} from the baseline's. Convergence delta {_delta(delta)}."
        )
    elif math.isfinite(delta):
        told.append(f"Convergence delta {_delta(delta)}.")
    unread = int((~explanation.read).sum())
    if unread:
        told.append(f"The model read {len(explanation.words) - unread} of {len(explanation.words)} words.")
    if not explanation.of(label).any():
        told.append("Every value is 0." if explanation.words else "The comment has no words.")
    return told


def _delta(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−") if abs(value) >= 5e-5 else "0.0000"


def plain_text(explanations: Sequence[Explanation], labels: Sequence[str] | None = None, n: int = 5) -> str:
    """What a page shows, in lines of plain text: the comment, then scores and strongest words by label and model.

    Raises:
        InputError: No explanation, different comments, or a label that is not explained.
    """
    explanations = checked(explanations)
    lines = [f"Comment: {as_plain(explanations[0].text)}"]
    for label in labels_of(explanations) if labels is None else [first_label(explanations, name) for name in labels]:
        for each in explanations:
            if label not in each.labels:
                continue
            scale = scale_of(explanations, each.method, label)
            words, values = each.word_texts(), each.of(label)
            ranked = [f"{as_plain(words[i])} {scale.told(values[i])}" for i in strongest(each, label, n)]
            told = ", ".join(ranked) or "no word counts"
            lines.append(f"{as_plain(label)}, {as_plain(who(each))}: {score_text(each, label)}; {told}")
    lines += [f"Careful, {as_plain(who(each))}: {as_plain(each.note)}" for each in explanations if each.note]
    return "\n".join(lines)
