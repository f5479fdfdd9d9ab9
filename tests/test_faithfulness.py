"""Faithfulness against cases worked by hand."""

import numpy as np
import pytest
from helpers.explanations import explained

from toxres.errors import InputError
from toxres.evaluation.faithfulness import (
    BINS,
    delete_words,
    measure_faithfulness,
    ranked_words,
    top_count,
)

TEXT = "you are a sad old fool"
VALUES = [0.0, -1.0, 0.1, 0.5, 0.2, 0.9]
WEIGHTS = {"fool": 0.5, "sad": 0.25, "old": 0.05}


def by_words(texts):
    """A model that adds up weights of words."""
    return np.array([0.1 + sum(WEIGHTS.get(word, 0.0) for word in text.split()) for text in texts])


def test_every_bin_and_step_by_hand():
    found = measure_faithfulness(
        [explained(TEXT, VALUES)], by_words, bins=(0.1, 0.5, 1.0), steps=(0, 0.1, 0.34, 0.5, 1)
    )
    assert found.probs == pytest.approx([0.9])
    assert found.comprehensiveness[0] == pytest.approx([0.5, 0.8, 0.8])  # fool; fool, sad, old; all
    assert found.sufficiency[0] == pytest.approx([0.3, 0.0, 0.0])
    assert found.curves[0] == pytest.approx([0.9, 0.4, 0.1, 0.1, 0.1])  # none; fool; three of six; three; all
    assert found.aopc_comprehensiveness == pytest.approx([2.1 / 3])
    assert found.aopc_sufficiency == pytest.approx([0.1])


def test_a_wrong_explanation_is_less_comprehensive_and_less_sufficient():
    right = measure_faithfulness([explained(TEXT, VALUES)], by_words)
    wrong = measure_faithfulness([explained(TEXT, [-value for value in VALUES])], by_words)
    assert right.bins == BINS
    assert right.aopc_comprehensiveness > wrong.aopc_comprehensiveness
    assert right.aopc_sufficiency < wrong.aopc_sufficiency


def test_counts_are_rounded_up():
    assert [top_count(20, share) for share in (0, 0.01, 0.05, 0.051, 0.1, 0.5, 1)] == [0, 1, 1, 2, 2, 10, 20]
    assert top_count(30, 0.1) == 3, "not 4 for the float a little above 3"
    assert top_count(0, 0.5) == 0


def test_words_that_were_not_read_are_cut_off_and_never_ranked():
    made = explained(TEXT, VALUES)
    made.read[-1] = False
    seen = []

    def predict(texts):
        seen.extend(texts)
        return by_words(texts)

    found = measure_faithfulness([made], predict, bins=(0.2,), steps=(1.0,))
    assert found.probs == pytest.approx([0.4])
    assert set(seen) == {"you are a sad old", "you are a old", "sad", ""}
    assert len(seen) == 4, "each text is asked about once"
    assert ranked_words(made, "toxic")[0] == (10, 13)


def test_equal_words_are_ranked_at_random_and_reproducibly():
    made = explained(TEXT, [0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    orders = {tuple(ranked_words(made, "toxic", seed)) for seed in range(20)}
    assert len(orders) > 10 and {order[0] for order in orders} == {(8, 9)}
    assert ranked_words(made, "toxic", 3) == ranked_words(made, "toxic", 3)


@pytest.mark.parametrize(
    ("words", "replacement", "left"),
    [
        ([], "", "  Well,  you fool! "),
        ([(13, 17)], "", "Well,  you !"),
        ([(2, 6)], "", ",  you fool!"),
        ([(9, 12), (13, 17)], "", "Well, !"),
        ([(9, 12)], "[MASK]", "  Well,  [MASK] fool! "),
        ([(2, 6), (6, 7), (9, 12), (13, 17), (17, 18)], "", ""),
    ],
)
def test_deleting(words, replacement, left):
    assert delete_words("  Well,  you fool! ", words, replacement) == left


def test_a_replacement_reaches_the_model():
    found = measure_faithfulness(
        [explained(TEXT, VALUES)],
        lambda texts: np.array([text.count("[MASK]") / 10 for text in texts]),
        bins=(0.5,),
        steps=(1.0,),
        replacement="[MASK]",
    )
    assert found.comprehensiveness == pytest.approx(-0.3) and found.sufficiency == pytest.approx(-0.3)
    assert found.curves == pytest.approx(0.6)


def test_bad_input_is_refused():
    made = [explained(TEXT, VALUES)]
    with pytest.raises(InputError, match="there are no explanations"):
        measure_faithfulness([], by_words)
    with pytest.raises(InputError, match=r"bins \(0.0,\) are shares in \(0, 1\]"):
        measure_faithfulness(made, by_words, bins=(0.0,))
    with pytest.raises(InputError, match="one probability a text"):
        measure_faithfulness(made, lambda texts: np.zeros((len(texts), 6)))
