"""Exact tails and the walk through tests: hand-worked cases, and error rates counted on simulated draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from toxres.errors import InputError
from toxres.triage.bounds import clopper_pearson, decisions_needed, risk_p_values, walk


def test_a_p_value_is_the_binomial_tail():
    assert risk_p_values(0, 299, 0.01) == pytest.approx(0.99**299)
    assert risk_p_values(1, 3, 0.5) == pytest.approx(4 / 8)
    assert risk_p_values(0, 0, 0.01) == 1
    for wrong, decided in ((0, 10), (3, 200), (20, 900)):
        exact = binomtest(wrong, decided, 0.02, alternative="less").pvalue
        assert risk_p_values(wrong, decided, 0.02) == pytest.approx(exact)


def test_p_values_and_fixed_sequences_are_mapies():
    from mapie.risk_control import FWERFixedSequenceTesting
    from mapie.risk_control.methods import compute_hoeffding_bentkus_p_value

    wrong, decided = np.array([0, 1, 5, 16, 30]), np.array([64, 256, 512, 1_024, 2_048])  # rates exact in binary
    theirs = compute_hoeffding_bentkus_p_value(wrong / decided, decided, 0.02, binary=True)[:, 0]
    ours = risk_p_values(wrong, decided, 0.02)
    assert ours == pytest.approx(theirs)
    random = np.random.default_rng(0)
    for p_values in (ours, *random.random((20, 6)) ** 4):
        first = np.append(0.05, np.zeros(len(p_values) - 1))
        rejected = FWERFixedSequenceTesting(n_starts=1).run(p_values, 0.05)
        assert np.flatnonzero(walk(p_values, first)).tolist() == rejected.tolist()


def test_intervals_are_clopper_and_pearsons():
    low, high = clopper_pearson([0, 3, 10], [10, 50, 10])
    for k, n, a, b in zip([0, 3, 10], [10, 50, 10], low, high, strict=True):
        exact = binomtest(k, n).proportion_ci(0.95, "exact")
        assert (a, b) == pytest.approx((exact.low, exact.high))
    assert clopper_pearson(0, 10)[1] == pytest.approx(1 - 0.025 ** (1 / 10))
    assert np.isnan(clopper_pearson(0, 0)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((3, 2), "from 0 to decided"), ((-1, 2), "from 0 to decided"), ((1, 2, 1.0), "confidence")],
)
def test_counts_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        clopper_pearson(*arguments)


@pytest.mark.parametrize(
    ("p_values", "budgets", "rejected"),
    [
        ([0.01, 0.04, 0.06, 0.01], [0.05, 0, 0, 0], [1, 1, 0, 0]),  # a fixed sequence stops at the first failure
        ([0.06, 0.01], [0.05, 0], [0, 0]),
        ([0.02, 0.04, 0.01], [0.025, 0.025, 0], [1, 1, 1]),  # the second is tested with both shares
        ([0.03, 0.04, 0.01], [0.025, 0.025, 0], [0, 0, 0]),
        ([0.03, 0.02, 0.02], [0.025, 0.025, 0], [0, 1, 1]),  # a later start has its own share
        ([0.0], [0.0], [0]),
        ([0.05], [0.05], [1]),
        ([], [], []),
    ],
)
def test_a_walk_worked_by_hand(p_values, budgets, rejected):
    assert walk(p_values, budgets).tolist() == [bool(each) for each in rejected]


unit = st.floats(0, 1)


@given(st.lists(st.tuples(unit, unit), min_size=1, max_size=12))
def test_equal_budgets_reject_whatever_bonferroni_does_and_smaller_p_values_no_less(pairs):
    first, second = (np.array(column) for column in zip(*pairs, strict=True))
    budgets = np.full(len(first), 0.1 / len(first))
    assert (walk(first, budgets) >= (first <= budgets)).all()
    assert (walk(np.minimum(first, second), budgets) >= walk(first, budgets)).all()


@pytest.mark.parametrize("budgets", [[0.1, 0, 0, 0, 0], [0.02] * 5, [0.0, 0.05, 0, 0.05, 0]], ids=str)
def test_a_true_null_is_rejected_no_more_often_than_the_budget(budgets):
    """Of 4,000 draws the first null is false and four are true, with dependent p-values; at a true rate of 0.1 the
    count is above 460 with a probability of about 0.0008.
    """
    random = np.random.default_rng(0)
    shared = random.random((4_000, 1))
    p_values = np.where(random.random((4_000, 5)) < 0.5, shared, random.random((4_000, 5)))
    p_values[:, 0] = 0.0
    mistakes = sum(walk(row, budgets)[1:].any() for row in p_values)
    assert 0 < mistakes <= 460


def test_how_many_decisions_show_a_rate():
    assert decisions_needed(0.0, 0.01, 0.05) == 299
    assert decisions_needed(0.0, 0.02, 0.025) == 183
    assert decisions_needed(0.01, 0.01, 0.05) is None
    assert decisions_needed(0.0099999, 0.01, 0.05) is None
    needed = decisions_needed(0.005, 0.01, 0.05)
    assert risk_p_values(np.ceil(0.005 * needed), needed, 0.01) <= 0.05
    assert 1_100 < needed < 1_250


@given(st.floats(0, 0.02), st.floats(0.021, 0.4), st.floats(0.001, 0.2))
@settings(max_examples=40, deadline=None)
def test_the_decisions_needed_are_enough(rate, tolerated, error):
    needed = decisions_needed(rate, tolerated, error)
    if needed is not None:
        assert risk_p_values(np.ceil(rate * needed), needed, tolerated) <= error
