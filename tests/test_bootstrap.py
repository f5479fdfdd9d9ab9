import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from toxres.errors import InputError
from toxres.evaluation import (
    auroc,
    average_precision,
    bootstrap_interval,
    brier,
    expected_calibration_error,
    f1,
    paired_bootstrap,
    paired_bootstrap_seeds,
    paired_seeds,
    paired_seeds_table,
    seed_differences,
)
from toxres.evaluation.arrays import as_thresholds, sigmoid
from toxres.evaluation.resampling import METRICS, draw_counts, resampled_metric
from toxres.evaluation.seeds import holm
from toxres.labels import LABELS, RARE_LABELS

REFERENCE = {
    "auroc": lambda t, p, c: auroc(t, p),
    "ap": lambda t, p, c: average_precision(t, p),
    "f1": f1,
    "brier": lambda t, p, c: brier(t, p),
    "ece": lambda t, p, c: expected_calibration_error(t, p),
}


def scored(n=300, seed=0, prevalence=(0.3, 0.05, 0.2, 0.03, 0.2, 0.05), unknown=0.2):
    """Targets, probabilities of a better and of a worse model."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((n, len(prevalence))) < prevalence).astype(float)
    logits = 2 * targets - 2 + rng.normal(size=targets.shape)
    worse = logits + rng.normal(size=targets.shape)
    targets[rng.random(targets.shape) < unknown] = np.nan
    return targets, sigmoid(logits), sigmoid(worse)


@pytest.mark.parametrize("metric", METRICS)
def test_counts_give_what_scikit_learn_gives_on_the_resampled_rows(metric):
    targets, probs, _ = scored()
    probs = probs.round(1)  # many ties
    cuts = as_thresholds(np.linspace(0.2, 0.7, 6), targets.shape)
    counts = next(draw_counts(len(targets), 20, np.random.default_rng(1)))
    values = resampled_metric(metric, targets, probs, cuts)(counts)
    assert values.shape == (20, 6)
    for column, row in zip(counts.T, values, strict=True):
        drawn = np.repeat(np.arange(len(targets)), column.astype(int))
        expected = REFERENCE[metric](targets[drawn], probs[drawn], cuts[drawn])
        np.testing.assert_allclose(row, expected, atol=1e-6)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 1.0, 0.4, 0.5, np.nan]), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 10_000),
)
def test_small_and_degenerate_resamples_too(rows, seed):
    targets, probs = np.array(rows)[:, :1], np.array(rows)[:, 1:]
    counts = next(draw_counts(len(rows), 5, np.random.default_rng(seed)))
    for metric in METRICS:
        values = resampled_metric(metric, targets, probs, np.full(targets.shape, 0.5))(counts)
        for column, row in zip(counts.T, values, strict=True):
            drawn = np.repeat(np.arange(len(rows)), column.astype(int))
            expected = REFERENCE[metric](targets[drawn], probs[drawn], 0.5)
            np.testing.assert_allclose(row, expected, atol=1e-6, err_msg=metric)


def test_draws_are_resamples_with_replacement():
    counts = np.concatenate(list(draw_counts(5_000, 500, np.random.default_rng(0))), axis=1)
    assert counts.shape == (5_000, 500)
    assert (counts.sum(axis=0) == 5_000).all()
    assert counts.var() == pytest.approx(1, abs=0.01)
    assert counts.max() > 3


def test_the_difference_is_a_minus_b_and_the_interval_holds_it():
    targets, better, worse = scored(1_000)
    result = paired_bootstrap(targets, better, worse, "ap", 400)
    expected = average_precision(targets, better) - average_precision(targets, worse)
    assert result.difference == pytest.approx(expected.mean())
    assert result.score_a - result.score_b == pytest.approx(result.difference)
    assert 0 < result.low < result.difference < result.high
    assert result.significant
    assert result.p_value == pytest.approx(2 / 401)
    assert list(result.per_label.index) == list(LABELS)
    mirrored = paired_bootstrap(targets, worse, better, "ap", 400)
    assert (mirrored.low, mirrored.high) == pytest.approx((-result.high, -result.low))


def test_a_model_does_not_differ_from_itself():
    targets, probs, _ = scored()
    for metric in METRICS:
        result = paired_bootstrap(targets, probs, probs, metric, 50)
        assert (result.difference, result.low, result.high, result.p_value) == (0, 0, 0, 1), metric
        assert not result.significant


def test_thresholds_belong_to_their_model():
    targets, probs, _ = scored()
    tuned = np.full(targets.shape, 0.3)
    result = paired_bootstrap(targets, probs, probs, "f1", 50, thresholds_a=tuned, thresholds_b=0.9)
    assert result.score_a == pytest.approx(f1(targets, probs, 0.3).mean())
    assert result.score_b == pytest.approx(f1(targets, probs, 0.9).mean())


def test_a_function_is_the_same_as_its_name():
    targets, better, worse = scored(200)
    named = paired_bootstrap(targets, better, worse, "auroc", 30, seed=5)
    given_function = paired_bootstrap(targets, better, worse, auroc, 30, seed=5)
    assert (given_function.low, given_function.high) == pytest.approx((named.low, named.high))
    assert given_function.metric == "auroc"


def test_the_seed_decides():
    targets, better, worse = scored(200)
    once, same, other = (paired_bootstrap(targets, better, worse, "ap", 100, seed=s) for s in (1, 1, 2))
    assert once.low == same.low != other.low


def test_undefined_resamples_are_left_out_and_counted():
    targets, better, worse = scored(200, unknown=0)
    targets[:, 3] = 0
    targets[0, 3] = 1
    result = paired_bootstrap(targets, better, worse, "ap", 600)
    assert 0.30 < result.n_undefined / 600 < 0.44  # (1 - 1/200)^200 is .367; outside with probability .001
    assert result.per_label.loc["threat", "n_undefined"] == result.n_undefined
    assert result.per_label.loc["toxic", "n_undefined"] == 0
    assert np.isfinite([result.low, result.high]).all()


def test_an_undefined_label_is_not_in_the_macro():
    targets, better, worse = scored()
    targets[:, 3] = np.nan
    result = paired_bootstrap(targets, better, worse, "auroc", 100)
    assert result.per_label.loc["threat", ["difference", "low", "high", "p_value"]].isna().all()
    others = result.per_label.drop(index="threat")["difference"]
    assert result.difference == pytest.approx(others.mean())
    assert result.n_undefined == 0


def test_the_macro_can_be_that_of_the_rare_labels():
    targets, better, worse = scored()
    result = paired_bootstrap(targets, better, worse, "ap", 50, macro_labels=RARE_LABELS)
    assert result.difference == pytest.approx(result.per_label.loc[list(RARE_LABELS), "difference"].mean())


def test_the_interval_of_one_model():
    targets, probs, _ = scored(1_000)
    wide = bootstrap_interval(targets, probs, "auroc", 400)
    assert wide.score == pytest.approx(auroc(targets, probs).mean())
    assert wide.low < wide.score < wide.high
    narrow = bootstrap_interval(targets, probs, "auroc", 400, confidence=0.5)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert wide.per_label.loc["threat", "high"] - wide.per_label.loc["threat", "low"] > wide.high - wide.low


def test_wrong_input_is_named():
    targets, better, worse = scored(20)
    with pytest.raises(InputError, match="unknown metric 'accuracy'"):
        paired_bootstrap(targets, better, worse, "accuracy")
    with pytest.raises(InputError, match="probs_b have shape"):
        paired_bootstrap(targets, better, worse[:-1])
    with pytest.raises(InputError, match="probs_a, row 1"):
        paired_bootstrap(targets, better + 2, worse)
    with pytest.raises(InputError, match="'spam' is not a label"):
        paired_bootstrap(targets, better, worse, macro_labels=("spam",))
    with pytest.raises(InputError, match="needs rows"):
        paired_bootstrap(targets, better, worse, n_resamples=0)
    with pytest.raises(InputError, match="confidence"):
        bootstrap_interval(targets, better, confidence=95)


def test_intervals_cover_the_truth_as_often_as_they_say():
    """Two equally good models, 300 times: a 90% interval excludes 0 in about 10% of them.

    With true coverage of .90 the count of 300 lies outside 15..46 with probability under .002, were seeds drawn anew.
    """
    excluded = 0
    for repeat in range(300):
        rng = np.random.default_rng(repeat)
        y = rng.random((200, 1)) < 0.3
        logits = y + rng.normal(size=(200, 1))
        a, b = (sigmoid(logits + rng.normal(size=(200, 1))) for _ in range(2))
        excluded += paired_bootstrap(y, a, b, "auroc", 200, seed=repeat, confidence=0.9).significant
    assert 15 <= excluded <= 46


def test_seeds_alone_give_the_t_interval():
    differences = [0.01, 0.03, 0.02, 0.05]
    result = paired_seeds(differences)
    expected = stats.ttest_1samp(differences, 0)
    assert result.p_value == pytest.approx(expected.pvalue)
    assert (result.low, result.high) == pytest.approx(tuple(expected.confidence_interval()))
    assert (result.n_seeds, result.difference) == (4, pytest.approx(0.0275))
    assert paired_seeds([0, 0]).p_value == 1
    assert paired_seeds([1, 1]).p_value == 0
    with pytest.raises(InputError, match="at least two"):
        paired_seeds([0.1])


def test_seeds_that_agree_add_nothing_to_the_rows():
    targets, better, worse = scored()
    one = paired_bootstrap(targets, better, worse, "ap", 200, seed=3)
    three = paired_bootstrap_seeds(targets, [better] * 3, [worse] * 3, "ap", 200, seed=3)
    assert (three.difference, three.low, three.high) == pytest.approx((one.difference, one.low, one.high))
    assert three.per_label["low"].to_numpy() == pytest.approx(one.per_label["low"].to_numpy())


def test_plentiful_rows_leave_the_t_interval_of_the_seeds():
    rng = np.random.default_rng(0)
    targets = np.tile(rng.random((10, 1)) < 0.5, (400, 1)).astype(float)
    base = np.full(targets.shape, 0.5)
    arms = [base + shift for shift in (0.02, 0.06, 0.10)]
    result = paired_bootstrap_seeds(targets, arms, [base] * 3, lambda t, p: p.mean(axis=0), 4_000)
    expected = paired_seeds([0.02, 0.06, 0.10])
    assert (result.low, result.high) == pytest.approx((expected.low, expected.high), abs=0.02)
    assert result.difference == pytest.approx(0.06)


def test_seeds_and_rows_together_cover_the_truth():
    """Two equal recipes, 3 seeds, 200 times: a 90% interval is wrong in at most 10% of them (it errs on the wide side).

    With a true error rate of .10 more than 33 of 200 happen with probability under .002, were the seeds drawn anew.
    """
    excluded = 0
    for repeat in range(200):
        rng = np.random.default_rng(repeat)
        y = (rng.random((150, 1)) < 0.4).astype(float)
        noise = rng.normal(size=y.shape)
        slopes = 1 + 0.5 * rng.normal(size=(2, 3))
        arms = [[sigmoid(y * slope + noise + rng.normal(size=y.shape)) for slope in arm] for arm in slopes]
        excluded += paired_bootstrap_seeds(y, *arms, "auroc", 200, seed=repeat, confidence=0.9).significant
    assert 2 <= excluded <= 33


def test_each_seed_may_have_its_own_rows():
    folds = [scored(n, seed=n) for n in (150, 200, 250)]
    targets, better, worse = (list(items) for items in zip(*folds, strict=True))
    targets[1][:, 3] = 0
    cuts = [np.full(item.shape, 0.3) for item in targets]
    table = seed_differences(targets, better, worse, "f1", thresholds_a=cuts)
    expected = f1(targets[2], better[2], 0.3) - f1(targets[2], worse[2], 0.5)
    np.testing.assert_allclose(table.loc[2, list(LABELS)].to_numpy(float), expected, atol=1e-6)
    assert table.loc[2, "macro"] == pytest.approx(expected.mean())
    assert list(table["undefined"]) == [0, 1, 0]
    assert np.isfinite(table["macro"]).all()
    seeds = paired_seeds_table(table)
    assert seeds.loc["macro", "difference"] == pytest.approx(table["macro"].mean())
    assert seeds.loc["threat", "n_seeds"] == 2
    assert seeds.loc["toxic", "low"] == pytest.approx(paired_seeds(table["toxic"]).low)
    shared = seed_differences(targets[0], [better[0]] * 2, [worse[0]] * 2, "ap", macro_labels=RARE_LABELS)
    assert shared.loc[0, "macro"] == pytest.approx(shared.loc[0, list(RARE_LABELS)].mean())
    assert np.isnan(paired_seeds_table(table.iloc[:1]).loc["macro", "low"])
    with pytest.raises(InputError, match="targets: 3 seeds, but probs_a has 2"):
        seed_differences(targets, better[:2], worse[:2])


def test_seeds_must_pair_up():
    targets, better, worse = scored(20)
    with pytest.raises(InputError, match="at least two"):
        paired_bootstrap_seeds(targets, [better], [worse])
    with pytest.raises(InputError, match="probs_b: 3 seeds"):
        paired_bootstrap_seeds(targets, [better] * 2, [worse] * 3)


def test_a_thousand_resamples_of_all_folds_take_seconds():
    targets, better, worse = scored(6_000)
    start = time.perf_counter()
    paired_bootstrap(targets, better, worse, "ap", 1_000)
    assert time.perf_counter() - start < 15


def test_holm_is_the_step_down_bound():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.9, 0.6]), [1.0, 1.0])
    np.testing.assert_allclose(holm([np.nan, 0.02]), [np.nan, 0.02])
    assert len(holm([])) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_plain_value_and_bonferroni(values):
    corrected = holm(values)
    assert (corrected >= np.array(values)).all()
    assert (corrected <= np.minimum(1, len(values) * np.array(values)) + 1e-12).all()
    assert (np.argsort(corrected[np.argsort(values, kind="stable")], kind="stable") == np.arange(len(values))).all()
