"""The record that every explanation method returns."""

import dataclasses

import numpy as np
import pytest

from toxres.errors import InputError
from toxres.explain import Explanation

MADE = Explanation(
    text="you fool!",
    words=((0, 3), (4, 8)),
    labels=("toxic", "insult"),
    attributions=np.array([[0.1, 0.2], [0.9, 1.5]]),
    read=np.array([True, True]),
    method="occlusion",
    model="baseline",
    scores=np.array([1.0, 2.0]),
    baseline_scores=np.full(2, np.nan),
    convergence_delta=np.full(2, np.nan),
)


def test_words_and_their_attributions():
    assert MADE.word_texts() == ("you", "fool")
    assert MADE.of("insult").tolist() == [0.2, 1.5]
    with pytest.raises(InputError, match="label 'threat' is not explained here; choose one of: toxic, insult"):
        MADE.of("threat")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"words": ((0, 3), (2, 8))}, r"word \(2, 8\) overlaps another"),
        ({"words": ((0, 3), (4, 10))}, r"word \(4, 10\) .* outside of the text"),
        ({"words": ((0, 3), (4, 4))}, r"word \(4, 4\)"),
        ({"read": np.array([True])}, r"read has shape \(1,\) instead of \(2,\)"),
        ({"attributions": np.zeros((2, 6))}, r"attributions has shape \(2, 6\) instead of \(2, 2\)"),
        ({"method": "guess"}, "unknown method 'guess'; choose one of: attention,"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(change, told):
    with pytest.raises(InputError, match=told):
        dataclasses.replace(MADE, **change)
