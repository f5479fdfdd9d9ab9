"""The walk to two thresholds, plain tuning, and the promise counted on simulated draws whose risk is known."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toxres.triage import Policy
from toxres.triage.bounds import risk_p_values, walk
from toxres.triage.thresholds import (
    ACCEPT_BELOW,
    REJECT_FROM,
    STARTS,
    budgets,
    certainty_thresholds,
    choose_thresholds,
    count,
    tuned_thresholds,
)

POOLED = Policy("pooled", {"toxic": 1}, wrong_decisions=0.05)
SIDES = Policy("sides", {"toxic": 1}, wrong_accepts=0.04, wrong_rejects=0.1, confidence=0.9)


def site(random, n, honesty=1.0):
    """Scores of a made-up site and what is true: at a score s, a violation as often as sigmoid(honesty * logit)."""
    logits = random.normal(-2, 3, n)
    scores = 1 / (1 + np.exp(-logits))
    return scores, random.random(n) < 1 / (1 + np.exp(-honesty * logits))


def true_errors(accept, reject, honesty=1.0):
    """Error rates of thresholds on a site, by a fine sum over its normal logits: of accepted, rejected, all decided."""
    logits = np.linspace(-16, 12, 2_801)
    weight = np.exp(-0.5 * ((logits + 2) / 3) ** 2)
    violates = 1 / (1 + np.exp(-honesty * logits))
    scores = 1 / (1 + np.exp(-logits))
    accepted, rejected = weight * (scores < accept), weight * (scores >= reject)
    wrong = (accepted * violates).sum(), (rejected * (1 - violates)).sum()
    with np.errstate(invalid="ignore"):
        return (
            wrong[0] / accepted.sum(),
            wrong[1] / rejected.sum(),
            sum(wrong) / (accepted.sum() + rejected.sum()),
        )


def test_candidates_go_outwards_and_never_overlap():
    assert (np.diff(ACCEPT_BELOW) > 0).all()
    assert (np.diff(REJECT_FROM) < 0).all()
    assert ACCEPT_BELOW[-1] == REJECT_FROM[-1] == 0.5
    assert np.allclose(ACCEPT_BELOW, 1 - REJECT_FROM)


def test_counts_by_hand():
    path = count(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, True, False, True]), [0.2, 0.3], [0.9, 0.8])
    assert [part.tolist() for part in path] == [[1, 2], [0, 1], [1, 2], [0, 1]]


def test_the_budget_is_spent_once_and_mostly_where_the_tolerated_share_says():
    laid_out = budgets(0.01, 0.05, len(ACCEPT_BELOW))
    assert laid_out.sum() == pytest.approx(0.05)
    assert sum(STARTS.values()) == pytest.approx(1)
    start = int(np.argmax(laid_out))
    assert REJECT_FROM[start - 1] >= 0.99 >= REJECT_FROM[start + 1]
    assert budgets(0.4, 0.05, len(ACCEPT_BELOW)).sum() == pytest.approx(0.05)
    assert budgets(0.4, 0.05, 1).tolist() == [0.05]


@pytest.mark.parametrize("tolerated", [0.001, 0.01, 0.1, 0.3, 0.49])
def test_where_walks_set_out_depends_on_nothing_but_the_policy(tolerated):
    first = budgets(tolerated, 0.05, len(ACCEPT_BELOW))
    assert (first >= 0).all()
    assert first.sum() == pytest.approx(0.05)


def broken_share(policy, honesty, n, draws, seed=0):
    """Draws of calibration rows whose promise is not true; and draws with a promise."""
    random = np.random.default_rng(seed)
    broken = promised = 0
    for _ in range(draws):
        chosen = choose_thresholds(*site(random, n, honesty), policy, explain=False)
        accept = -np.inf if chosen.accept is None else chosen.accept
        reject = np.inf if chosen.reject is None else chosen.reject
        errors = true_errors(accept, reject, honesty)
        tolerated = (policy.wrong_accepts, policy.wrong_rejects, policy.wrong_decisions)
        kept = [not error > limit for error, limit in zip(errors, tolerated, strict=True) if limit is not None]
        broken += not all(kept)
        promised += any(promise.kept for promise in chosen.promises)
    return broken / draws, promised / draws


@pytest.mark.parametrize("honesty", [1.0, 0.6, 1.6], ids=["calibrated", "too sure", "too unsure"])
@pytest.mark.parametrize(
    ("policy", "least"), [(POOLED, 0.05), (SIDES, 0.1)], ids=["all decisions", "both sides at once"]
)
def test_the_true_error_rate_keeps_the_promise_whatever_the_scores_are_worth(policy, least, honesty):
    """Of 150 draws at most 5% (10%) may break it in the long run; a count above 14 (26) would have a probability
    below 0.01.
    """
    broken, _ = broken_share(policy, honesty, 800, 150)
    assert broken * 150 <= (14 if least == 0.05 else 26)


def test_calibrated_scores_make_promises_most_of_the_time():
    assert broken_share(POOLED, 1.0, 1_500, 40)[1] >= 0.9


def test_plain_tuning_breaks_it_about_every_second_time():
    """120 draws; for a true share of 0.3 to 0.7 the count is outside 24 to 96 with a probability below 0.001."""
    random = np.random.default_rng(1)
    above = 0
    for _ in range(120):
        accept, reject = tuned_thresholds(*site(random, 1_500), 0.05)
        above += true_errors(accept, reject)[2] > 0.05
    assert 24 <= above <= 96


@pytest.mark.stress
@pytest.mark.parametrize("honesty", [1.0, 0.6, 1.6])
@pytest.mark.parametrize(("policy", "error"), [(POOLED, 0.05), (SIDES, 0.1)])
@pytest.mark.parametrize("n", [300, 1_000, 3_000])
def test_the_promise_on_many_draws(policy, error, honesty, n):
    """2,000 draws; with a true share of `error` the count is above error + 3.1 standard errors in one of 1,000."""
    broken, _ = broken_share(policy, honesty, n, 2_000, seed=n)
    assert broken <= error + 3.1 * np.sqrt(error * (1 - error) / 2_000)


def test_the_order_of_the_rows_and_a_label_beyond_the_thresholds_change_nothing():
    scores, violates = site(np.random.default_rng(2), 2_000)
    chosen = choose_thresholds(scores, violates, POOLED)
    order = np.random.default_rng(3).permutation(2_000)
    assert choose_thresholds(scores[order], violates[order], POOLED) == chosen
    flipped = violates ^ ((scores >= chosen.accept) & (scores < chosen.reject))
    again = choose_thresholds(scores, flipped, POOLED, explain=False)
    assert again.accept >= chosen.accept


tolerances = st.floats(0.005, 0.2)


@given(st.integers(0, 10_000), tolerances, tolerances, st.floats(0.8, 0.99), st.floats(0.8, 0.99))
@settings(max_examples=25, deadline=None)
def test_whoever_tolerates_more_waits_for_no_more(seed, one, other, confident, more_confident):
    """Thresholds fixed by the policy, so that only the tests differ."""
    rows = site(np.random.default_rng(seed), 400)
    fixed = dataclasses.replace(POOLED, thresholds=(0.05, 0.95))
    low, high = sorted((one, other))
    sure, surer = sorted((confident, more_confident))

    def kept(tolerated, confidence):
        policy = dataclasses.replace(fixed, wrong_decisions=tolerated, confidence=confidence)
        return choose_thresholds(*rows, policy, explain=False).promises[0].kept

    assert kept(low, sure) <= kept(high, sure)
    assert kept(low, surer) <= kept(low, sure)


@given(st.integers(0, 10_000), tolerances)
@settings(max_examples=25, deadline=None)
def test_what_is_chosen_was_passed_by_an_unbroken_walk(seed, tolerated):
    scores, violates = site(np.random.default_rng(seed), 1_000)
    policy = dataclasses.replace(POOLED, wrong_decisions=tolerated)
    chosen = choose_thresholds(scores, violates, policy, explain=False)
    path = count(scores, violates, ACCEPT_BELOW, REJECT_FROM)
    p_values = risk_p_values(path.wrong_accepts + path.wrong_rejects, path.accepted + path.rejected, tolerated)
    passed = walk(p_values, budgets(tolerated, 0.05, len(p_values)))
    if chosen.accept is None:
        assert not passed.any()
        assert chosen.reject is None
    else:
        at = int(np.flatnonzero(passed)[-1])
        assert (chosen.accept, chosen.reject) == (ACCEPT_BELOW[at], REJECT_FROM[at])
        assert p_values[at] <= 0.05


def test_plain_tuning_by_hand_and_face_value():
    scores, violates = np.array([0.01] * 50 + [0.2] * 50), np.array([False] * 99 + [True])
    accept, reject = tuned_thresholds(scores, violates, 0.01)
    assert accept == reject == 0.5
    accept, _ = tuned_thresholds(scores, violates, 0.005)
    assert 0.01 < accept <= 0.2
    assert tuned_thresholds(np.array([0.4]), np.array([True]), 0.01) is None
    assert certainty_thresholds(0.01) == (0.01, 0.99)
