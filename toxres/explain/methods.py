"""`explain`: a comment's scores explained by any of the methods, of a checkpoint, a model, or none."""

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toxres.checkpoint import Checkpoint, load_checkpoint, need_scores
from toxres.errors import InputError
from toxres.explain.attention import explain_attention
from toxres.explain.controls import explain_lexicon, explain_random
from toxres.explain.gradients import explain_gradient_x_input, explain_integrated_gradients
from toxres.explain.occlusion import explain_occlusion
from toxres.explain.record import Explanation
from toxres.explain.shapley import explain_shapley
from toxres.explain.subject import Subject
from toxres.explain.supervised import explain_supervised
from toxres.files import well_formed
from toxres.labels import LABELS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from toxres.models import ToxicityModel

EXPLAINERS: dict[str, Callable[..., Explanation]] = {
    "attention": explain_attention,
    "integrated_gradients": explain_integrated_gradients,
    "gradient_x_input": explain_gradient_x_input,
    "occlusion": explain_occlusion,
    "shapley": explain_shapley,
    "lexicon": explain_lexicon,
    "random": explain_random,
    "supervised": explain_supervised,
}
"""By the method's name in `METHODS`: a function of a `Subject`, a text, K columns of its labels, and its options."""


def explain(
    checkpoint: Checkpoint | str | Path | None,
    texts: Sequence[str],
    method: str = "integrated_gradients",
    labels: Sequence[str] | None = None,
    **options: object,
) -> list[Explanation]:
    """Explain a checkpoint's scores of comments, word by word.

    A lone surrogate is read as U+FFFD. What the model cuts off is not read and has attribution 0.

    Args:
        checkpoint: A checkpoint, or the folder of one; None for a method that asks no model ("lexicon", "random").
        texts: N comments, none of them blank.
        method: One of `METHODS`.
        labels: Which labels to explain, in this order; None is all of the checkpoint's.
        **options: The method's own, see its function in `EXPLAINERS`.

    Returns:
        N explanations, in the order of the texts.

    Raises:
        InputError: A text is blank or no string, the method, a label or an option is unknown, or the checkpoint is
            broken or not of a kind that the method can explain.

    Example:
        >>> from toxres.explain import explain
        >>> found = explain(None, ["you f00l!"], "lexicon", labels=["insult"])[0]
        >>> dict(zip(found.word_texts(), found.of("insult").tolist(), strict=True))
        {'you': 0.0, 'f00l': 1.0, '!': 0.0}
    """
    texts, function = _checked(texts, method, options)
    if checkpoint is None:
        return _explain(Subject("", LABELS), texts, function, labels, options)
    if isinstance(checkpoint, str | Path):
        checkpoint = _open(checkpoint)
    if method != "supervised":
        need_scores(checkpoint)
    if checkpoint.tokenizer is None:
        subject = Subject(checkpoint.name, tuple(checkpoint.labels), predict=checkpoint.predict_logits)
        return _explain(subject, texts, function, labels, options)
    with _subject(checkpoint.model, checkpoint.tokenizer, checkpoint.max_length, checkpoint.name) as subject:
        return _explain(subject, texts, function, labels, options)


def explain_model(
    model: "ToxicityModel",
    tokenizer: "PreTrainedTokenizerBase",
    texts: Sequence[str],
    method: str = "integrated_gradients",
    labels: Sequence[str] | None = None,
    *,
    max_length: int = 128,
    name: str = "model",
    **options: object,
) -> list[Explanation]:
    """Explain the scores of a model that is in no checkpoint folder, as `explain` does.

    Mode, gradient flags and hooks of the model are as before afterwards, even after an error. One in less than 32 bits
    is explained by a copy in float32.

    Args:
        model: On any device; its configuration names the labels.
        tokenizer: The model's, a fast one.
        texts: As in `explain`.
        method: As in `explain`.
        labels: As in `explain`.
        max_length: Tokens a comment is cut off at.
        name: What tables call the model.
        **options: As in `explain`.

    Raises:
        InputError: As in `explain`, or the tokenizer is no fast one.
    """
    texts, function = _checked(texts, method, options)
    with _subject(model, tokenizer, max_length, name) as subject:
        return _explain(subject, texts, function, labels, options)


@contextlib.contextmanager
def _subject(
    model: "ToxicityModel", tokenizer: "PreTrainedTokenizerBase", max_length: int, name: str
) -> Iterator[Subject]:
    from toxres.explain.forward import ready

    if not tokenizer.is_fast:
        raise InputError(f"{name}: its tokenizer can't tell where tokens stand in the text; use a fast one")
    labels = tuple(model.config.id2label[column] for column in range(model.config.num_labels))
    with ready(model) as prepared:
        yield Subject(name, labels, prepared, tokenizer, max_length)


def _explain(
    subject: Subject,
    texts: Sequence[str],
    function: Callable[..., Explanation],
    labels: Sequence[str] | None,
    options: dict[str, object],
) -> list[Explanation]:
    columns = _columns(subject.labels, labels)
    return [function(subject, text, columns, **options) for text in texts]


def _columns(known: tuple[str, ...], labels: Sequence[str] | None) -> list[int]:
    if labels is None:
        return list(range(len(known)))
    if isinstance(labels, str):
        raise InputError(f"labels: is a single text; give a list of labels, such as [{labels!r}]")
    labels = list(labels)
    if not labels:
        raise InputError("labels: names none; name a label, or leave it out for all")
    for label in labels:
        if label not in known:
            raise InputError(f"unknown label {label!r}; choose out of: {', '.join(known)}")
        if labels.count(label) > 1:
            raise InputError(f"labels: names {label!r} twice; name it once")
    return [known.index(label) for label in labels]


def _checked(
    texts: Sequence[str], method: str, options: dict[str, object]
) -> tuple[list[str], Callable[..., Explanation]]:
    """The texts, fit to be read, and the method's function."""
    if method not in EXPLAINERS:
        raise InputError(f"unknown method {method!r}; choose one of: {', '.join(EXPLAINERS)}")
    function = EXPLAINERS[method]
    parameters = inspect.signature(function).parameters.values()
    known = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            raise InputError(f"{method} has no option {option!r}; it has {', '.join(known) or 'none'}")
    if isinstance(texts, str | bytes):
        raise InputError("texts: is a single text; give a list of texts, such as [text]")
    texts = list(texts)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"texts[{number}]: is a {type(text).__name__}, not a string; give it a text or drop it")
        if not text.strip():
            raise InputError(f"texts[{number}]: is blank, so there is no word to explain; give it a text or drop it")
    return [well_formed(text) for text in texts], function


def _open(path: str | Path) -> Checkpoint:
    from toxres.router import ROUTES

    if (Path(path) / ROUTES).is_file():
        raise InputError(f"{path}: is a router of several models; name the folder of one of its checkpoints")
    return load_checkpoint(path)
