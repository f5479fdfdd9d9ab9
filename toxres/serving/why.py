"""Explanations from a service's models: word occlusion and pooling attention, without torch.

The records are those of `toxres.explain`, and so are the words, the shares of tokens and what a word's removal means.
A long text's score is that of its highest window; a word counts by how far that maximum falls without it.
"""

from collections.abc import Sequence

import numpy as np

from toxres.explain.occlusion import REPLACEMENTS, without_word
from toxres.explain.record import Explanation
from toxres.explain.words import Span, share_tokens, words_of
from toxres.serving.predictor import Predictor
from toxres.serving.reading import Window
from toxres.serving.scorer import Scored, Scorer

OCCLUSION_NOTE = "only the first {} of its {} words were asked about"
ATTENTION_NOTE = "read in {} windows; each label shows the weights of the one that scores highest"
Place = tuple[int, int]
"""A word and a window."""


async def occlude(scorer: Scorer, name: str, text: str, max_words: int, scored: Scored | None = None) -> Explanation:
    """How each label's logit falls when a word's tokens are removed, for the first `max_words` words in turn.

    Args:
        scorer: Holds the model.
        name: Of the model.
        text: Not blank, well-formed.
        max_words: Of which each costs a pass over the windows that hold it.
        scored: The text's scores, if they are known.

    Raises:
        TooLong, Overloaded: As `Scorer.score`.
    """
    model = scorer.models[name]
    scored = scored or (await scorer.score([text], [name]))[name][0]
    words = await scorer.aside(lambda: words_of(text), len(text))
    asked = words[:max_words]
    places, versions = await scorer.aside(lambda: _versions(model, scored, text, asked), len(text))
    without = (await scorer.run({name: versions}))[name]
    left = {word: scored.each.copy() for word in range(len(asked))}
    for (word, window), scores in zip(places, without, strict=True):
        left[word][window] = scores.logits
    values = np.zeros((len(words), len(model.labels)))
    for word, logits in left.items():
        values[word] = scored.logits - logits.max(axis=0)
    note = OCCLUSION_NOTE.format(len(asked), len(words)) if len(asked) < len(words) else ""
    read = np.arange(len(words)) < len(asked)
    return _record(model, scored, text, words, values, "occlusion", read, note, REPLACEMENTS["remove"])


async def attend(scorer: Scorer, name: str, text: str, scored: Scored | None = None) -> Explanation:
    """The pooling's weights of each word, label by label those of the window that gives the label its score.

    Args:
        scorer: Holds the model.
        name: Of a model that has such weights.
        text: Well-formed.
        scored: The text's scores, if they are known.

    Raises:
        TooLong, Overloaded: As `Scorer.score`.
    """
    model = scorer.models[name]
    scored = scored or (await scorer.score([text], [name]))[name][0]

    def spread() -> tuple[tuple[Span, ...], np.ndarray]:
        words = words_of(text)
        values = np.zeros((len(words), len(model.labels)))
        for window in np.unique(scored.chosen):
            weights = np.asarray(scored.attention[window], dtype=np.float64)[:, None]
            shares = share_tokens(text, words, _spans(scored, int(window)))
            values[:, scored.chosen == window] = shares.to_words(weights)
        return words, values

    words, values = await scorer.aside(spread, len(text))
    windows = len(scored.reading.windows)
    note = ATTENTION_NOTE.format(windows) if windows > 1 else ""
    return _record(model, scored, text, words, values, "attention", np.ones(len(words), bool), note)


def _versions(model: Predictor, scored: Scored, text: str, asked: Sequence[Span]) -> tuple[list[Place], list[Window]]:
    """For each asked word and each window that holds it, the window without the word's tokens."""
    places: list[Place] = []
    versions: list[Window] = []
    if not len(scored.reading.windows[0].ids):  # a model that reads texts itself
        versions = [each.windows[0] for each in model.read([without_word(text, *span) for span in asked])]
        return [(word, 0) for word in range(len(asked))], versions
    for number, window in enumerate(scored.reading.windows):
        shares = share_tokens(text, asked, _spans(scored, number))
        for word in np.unique(shares.words):
            ids = np.delete(window.ids, shares.tokens[shares.words == word])
            places.append((int(word), number))
            versions.append(window._replace(ids=ids, length=len(ids)))
    return places, versions


def _spans(scored: Scored, window: int) -> list[Span]:
    return [(int(start), int(end)) for start, end in scored.reading.spans(window)]


def _record(
    model: Predictor,
    scored: Scored,
    text: str,
    words: Sequence[Span],
    values: np.ndarray,
    method: str,
    read: np.ndarray,
    note: str,
    baseline: str = "",
) -> Explanation:
    unknown, labels = np.full(len(model.labels), np.nan), tuple(model.labels)
    return Explanation(
        text, tuple(words), labels, values, read, method, model.name, scored.logits, unknown, unknown.copy(),
        baseline=baseline, note=note,
    )  # fmt: skip
