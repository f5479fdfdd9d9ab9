"""Explanations made by hand."""

import re

import numpy as np

from toxres.explain import Explanation


def explained(text: str, *columns, labels=("toxic",), score=None, method="occlusion", model="fake") -> Explanation:
    """An explanation of a text whose words are its runs of letters and its runs of signs, a list of values a label."""
    words = tuple(match.span() for match in re.finditer(r"\w+|[^\w\s]+", text))
    values = np.array(columns, dtype=float).T.reshape(len(words), len(labels))
    nothing = np.full(len(labels), np.nan)
    scores = nothing if score is None else np.broadcast_to(np.asarray(score, dtype=float), (len(labels),)).copy()
    return Explanation(
        text, words, tuple(labels), values, np.ones(len(words), bool), method, model, scores, nothing, nothing
    )
