"""Integrated gradients (Sundararajan et al. 2017) and gradient x input, over the vectors of a comment's tokens."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from captum.attr import LayerIntegratedGradients
from captum.attr._utils.approximation_methods import approximation_parameters
from torch import Tensor

from toxres.errors import InputError
from toxres.explain.forward import MAX_TOKENS, as_tensor, embedding_layer, label_gradients, logits_of, score_vectors
from toxres.explain.record import Explanation
from toxres.explain.subject import Reading, Subject
from toxres.models import ToxicityModel


class Path(NamedTuple):
    """The straight way from the baseline to the comment, and the scores at its ends.

    Attributes:
        input_ids: 1 x T, the comment.
        baseline_ids: 1 x T, with padding for every token that is of the text.
        scores: (L,) logits of the comment.
        baseline_scores: (L,) logits of the baseline.
    """

    input_ids: Tensor
    baseline_ids: Tensor
    scores: np.ndarray
    baseline_scores: np.ndarray


class LabelGradients(LayerIntegratedGradients):
    """Captum's `LayerIntegratedGradients` for several labels at once, of one comment.

    Captum goes through the whole model anew for each label. Here each step goes forward once, then back once a label;
    the attributions get a dimension for the labels, 1 x K x T x D.

    Args:
        model: In evaluation mode.
        columns: K labels.
    """

    def __init__(self, model: ToxicityModel, columns: Sequence[int]) -> None:
        super().__init__(lambda input_ids: logits_of(model, input_ids), embedding_layer(model))
        self.model = model
        self.columns = list(columns)

    def _make_gradient_func(self, *ignored: object) -> Callable[..., tuple[Tensor, ...]]:
        def gradients(
            forward_fn: object, inputs: tuple[Tensor], target_ind: object = None, additional_forward_args: tuple = ()
        ) -> tuple[Tensor]:
            return (label_gradients(self.model, additional_forward_args[0], inputs[0], self.columns)[1],)

        return gradients


def explain_integrated_gradients(
    subject: Subject,
    text: str,
    columns: Sequence[int],
    *,
    n_steps: int = 16,
    max_steps: int = 512,
    relative: float = 0.05,
    absolute: float = 0.02,
) -> Explanation:
    """What each word adds to a logit, by the gradients on the way from padding to the comment.

    The way begins where every token of the text is padding; special tokens stay, and positions do. A transformer's
    score changes most half-way, where words begin to be told from padding, so the steps are evenly spaced: the midpoint
    rule needs fewer there than Gauss-Legendre, whose nodes crowd at the ends. Steps are put between them until the
    attributions add up to f(x) - f(baseline) for every label: the paper's authors ask for 5% (section 5). `note` says
    so if they don't at the most steps.

    Args:
        subject: A transformer or language model.
        text: The comment.
        columns: K labels.
        n_steps: Steps to begin with; twice as many and one are tried next, then about twice as many again, and so on.
        max_steps: Most steps.
        relative: Bound of |convergence delta|, as a share of |f(x) - f(baseline)|.
        absolute: Bound of |convergence delta| in logits, where that is more.

    Raises:
        InputError: The model has no gradients, or an option is out of its range.
    """
    for name, value in (("n_steps", n_steps), ("max_steps", max_steps)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 2:
            raise InputError(f"{name} is {value!r}; give a whole number above 1")
    for name, value in (("relative", relative), ("absolute", absolute)):
        if not value >= 0:
            raise InputError(f"{name} is {value!r}; give a number of 0 or more")
    model = subject.require_model("integrated_gradients")
    reading = subject.read(text)
    columns, given = list(columns), {"baseline": f"every token of the text {subject.tokenizer.pad_token}"}
    if not reading.input_ids:
        return _unread(subject, reading, columns, "integrated_gradients", **given)
    path = _path(subject, model, reading)
    difference = (path.scores - path.baseline_scores)[columns]
    bound = np.maximum(absolute, relative * np.abs(difference))
    steps = intervals = min(n_steps, max_steps)
    values = _integral(model, path, columns, intervals, "riemann_middle")
    while True:
        delta = values.sum(axis=0) - difference
        # The mean of the midpoint and the trapezoid rule is the trapezoid rule of twice the intervals.
        rule, more = ("riemann_trapezoid", intervals + 1) if steps == intervals else ("riemann_middle", intervals)
        if (np.abs(delta) <= bound).all() or steps + more > max_steps:
            break
        values = (values + _integral(model, path, columns, more, rule)) / 2
        steps, intervals = steps + more, 2 * intervals
    return subject.explanation(
        reading,
        columns,
        reading.shares.to_words(values),
        "integrated_gradients",
        scores=path.scores,
        baseline_scores=path.baseline_scores,
        convergence_delta=delta,
        steps=steps,
        note=_note(subject, columns, delta, bound, steps),
        **given,
    )


def explain_gradient_x_input(subject: Subject, text: str, columns: Sequence[int]) -> Explanation:
    """What each word adds to a logit, as far as a straight line tells: the gradient times the tokens' vectors.

    Raises:
        InputError: The model has no gradients.
    """
    model = subject.require_model("gradient_x_input")
    reading = subject.read(text)
    if not reading.input_ids:
        return _unread(subject, reading, columns, "gradient_x_input")
    input_ids = as_tensor(model, reading.input_ids)
    vectors = embedding_layer(model)(input_ids)
    logits, gradients = label_gradients(model, input_ids, vectors, columns)
    values = _summed(gradients * vectors[:, None])
    return subject.explanation(
        reading,
        columns,
        reading.shares.to_words(values),
        "gradient_x_input",
        scores=logits[0].double().cpu().numpy(),
    )


def _path(subject: Subject, model: ToxicityModel, reading: Reading) -> Path:
    input_ids = as_tensor(model, reading.input_ids)
    special = torch.from_numpy(reading.special).to(input_ids.device)
    baseline_ids = torch.where(special, input_ids, subject.tokenizer.pad_token_id)
    with torch.no_grad():
        vectors = embedding_layer(model)(torch.cat([input_ids, baseline_ids]))
    return Path(input_ids, baseline_ids, *score_vectors(model, input_ids, vectors))


def _integral(model: ToxicityModel, path: Path, columns: Sequence[int], steps: int, rule: str) -> np.ndarray:
    """Attributions of T tokens to K labels, float64, by one of Captum's rules."""
    width = path.input_ids.shape[1] * max(1, len(columns) // 8)
    attributions = LabelGradients(model, columns).attribute(
        path.input_ids,
        path.baseline_ids,
        n_steps=steps,
        method=rule,
        internal_batch_size=max(1, MAX_TOKENS // width),
    )
    sizes, _ = approximation_parameters(rule)
    return _summed(attributions) / sum(sizes(steps))  # those of the trapezoid rule add up to less than the whole way


def _summed(attributions: Tensor) -> np.ndarray:
    """Attributions (T, K), float64, of tokens whose vectors have attributions 1 x K x T x D."""
    return attributions[0].detach().double().sum(dim=-1).T.cpu().numpy()


def _note(subject: Subject, columns: Sequence[int], delta: np.ndarray, bound: np.ndarray, steps: int) -> str:
    over = [
        f"{subject.labels[column]} {miss:+.3g}"
        for column, miss, most in zip(columns, delta, bound, strict=True)
        if not abs(miss) <= most
    ]
    return f"not converged after {steps} steps; convergence delta: {', '.join(over)}" if over else ""


def _unread(subject: Subject, reading: Reading, columns: Sequence[int], method: str, **fields: str) -> Explanation:
    """Of a comment of which the tokenizer left no token: no word adds anything, and the baseline is the comment."""
    nothing = np.zeros((len(reading.words), len(columns)))
    if method != "integrated_gradients":
        return subject.explanation(reading, columns, nothing, method)
    scores = subject.scores(reading)
    delta = np.zeros(len(columns))
    return subject.explanation(
        reading, columns, nothing, method, scores=scores, baseline_scores=scores, convergence_delta=delta, **fields
    )
