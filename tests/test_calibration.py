import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.frozen import FrozenEstimator

from toxres.errors import InputError
from toxres.evaluation import Calibration, expected_calibration_error, fit_calibration, reliability_curve
from toxres.evaluation.arrays import sigmoid
from toxres.evaluation.calibration import MIN_SLOPE


class Scores(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose decision function is its only feature."""

    classes_ = np.array([0, 1])

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def decision_function(self, X):
        return X[:, 0]

    def predict(self, X):
        return (X[:, 0] > 0).astype(int)


def overconfident(n=3_000, factor=3.0, shift=-1.0, seed=0):
    """Logits whose true probability is sigmoid((logit - shift) / factor), and targets drawn from it."""
    rng = np.random.default_rng(seed)
    true = rng.normal(-1, 1.5, n)
    return (rng.random(n) < sigmoid(true)).astype(float)[:, None], (factor * true + shift)[:, None]


@pytest.mark.parametrize(("method", "theirs"), [("platt", "sigmoid"), ("temperature", "temperature")])
def test_without_penalty_it_is_scikit_learns(method, theirs):
    targets, logits = overconfident()
    model = CalibratedClassifierCV(FrozenEstimator(Scores()), method=theirs, ensemble=False)
    model.fit(logits, targets[:, 0].astype(int))
    ours = fit_calibration(targets, logits, method, penalty=0, labels=("toxic",)).apply(logits)[:, 0]
    np.testing.assert_allclose(ours, model.predict_proba(logits)[:, 1], atol=2e-4)


@pytest.mark.parametrize("method", ["platt", "temperature"])
def test_it_recovers_the_scale_and_mends_the_error(method):
    targets, logits = overconfident(shift=-1.0 if method == "platt" else 0.0)
    calibration = fit_calibration(targets, logits, method)
    assert calibration.slope[0] == pytest.approx(1 / 3, abs=0.04)
    assert calibration.intercept[0] == pytest.approx(1 / 3 if method == "platt" else 0, abs=0.1)
    before = expected_calibration_error(targets, sigmoid(logits))[0]
    after = expected_calibration_error(targets, calibration.apply(logits))[0]
    assert after < 0.03 < 0.08 < before


def test_temperature_has_no_intercept():
    targets, logits = overconfident()
    assert fit_calibration(targets, logits, "temperature").intercept[0] == 0


@pytest.mark.parametrize("method", ["platt", "temperature"])
def test_three_separated_positives_stay_sane(method):
    targets = np.array([1.0] * 3 + [0.0] * 500)[:, None]
    logits = np.concatenate([[2.0, 2.5, 3.0], np.full(500, -4.0)])[:, None]
    free = fit_calibration(targets, logits, method, penalty=0)
    held = fit_calibration(targets, logits, method)
    assert 0.5 < held.slope[0] < 3
    away = [(item.slope[0] - 1) ** 2 + item.intercept[0] ** 2 / 10 for item in (held, free)]
    assert away[0] < away[1]


def test_the_order_of_comments_never_changes():
    targets, logits = overconfident()
    calibration = fit_calibration(1 - targets, logits, penalty=0)
    assert calibration.slope[0] == pytest.approx(MIN_SLOPE)
    assert (np.diff(calibration.apply(np.sort(logits, axis=0))[:, 0]) >= 0).all()


@pytest.mark.parametrize("column", [np.zeros(50), np.ones(50), np.full(50, np.nan), np.full(50, 0.01)])
def test_undefined_labels_keep_the_identity(column):
    logits = np.random.default_rng(0).normal(size=(50, 1))
    calibration = fit_calibration(column[:, None], logits)
    assert (calibration.slope[0], calibration.intercept[0]) == (1, 0)
    np.testing.assert_allclose(calibration.apply(logits), sigmoid(logits))


def test_unknown_rows_never_enter():
    targets, logits = overconfident(500)
    more = np.vstack([targets, np.full((100, 1), np.nan)])
    noise = np.vstack([logits, np.full((100, 1), 50.0)])
    once, again = fit_calibration(targets, logits), fit_calibration(more, noise)
    np.testing.assert_allclose(once.slope, again.slope)
    np.testing.assert_allclose(once.intercept, again.intercept)


def test_a_soft_target_is_as_many_raters():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(400, 1))
    votes = (rng.random((400, 1, 5)) < sigmoid(2 * logits)[..., None]).astype(float)
    soft = fit_calibration(votes.mean(axis=2), logits, "temperature", penalty=0)
    hard = fit_calibration(votes.reshape(-1, 1), np.repeat(logits, 5, axis=0), "temperature", penalty=0)
    assert soft.slope[0] == pytest.approx(hard.slope[0], rel=1e-4)


def test_a_calibration_survives_json():
    targets, logits = overconfident(300)
    calibration = fit_calibration(targets, logits, labels=("toxic",))
    again = Calibration.from_dict(json.loads(json.dumps(calibration.to_dict())))
    assert again.labels == ("toxic",)
    assert again.method == "platt"
    np.testing.assert_array_equal(again.apply(logits), calibration.apply(logits))


@pytest.mark.parametrize(
    "broken",
    [
        {"method": "platt", "labels": ["a"], "slope": [1.0]},
        {"method": "platt", "labels": ["a"], "slope": [1.0, 2.0], "intercept": [0.0]},
        {"method": "platt", "labels": ["a"], "slope": [0.0], "intercept": [0.0]},
        {"method": "platt", "labels": ["a"], "slope": ["x"], "intercept": [0.0]},
        {"method": "platt", "labels": ["a"], "slope": [1.0], "intercept": [float("nan")]},
        None,
    ],
)
def test_a_broken_record_is_one_clear_line(broken):
    with pytest.raises(InputError, match="calibration") as error:
        Calibration.from_dict(broken)
    assert "\n" not in str(error.value)


def test_wrong_input_is_named():
    targets, logits = overconfident(20)
    with pytest.raises(InputError, match="unknown calibration method 'isotonic'"):
        fit_calibration(targets, logits, "isotonic")
    with pytest.raises(InputError, match="logits must be finite"):
        fit_calibration(targets, logits * np.inf)
    with pytest.raises(InputError, match="1 labels"):
        Calibration.identity(("toxic",)).apply(np.zeros((2, 6)))
    with pytest.raises(InputError, match="unknown bin strategy"):
        reliability_curve(targets[:, 0], sigmoid(logits)[:, 0], strategy="size")
    with pytest.raises(InputError, match="n_bins"):
        reliability_curve(targets[:, 0], sigmoid(logits)[:, 0], n_bins=0)


@pytest.mark.parametrize(("strategy", "theirs"), [("width", "uniform"), ("mass", "quantile")])
def test_the_reliability_curve_is_scikit_learns(strategy, theirs):
    targets, logits = overconfident(1_000)
    probs = sigmoid(logits)[:, 0].round(2)
    ours = reliability_curve(targets[:, 0], probs, 15, strategy)
    mean_target, mean_prob = calibration_curve(targets[:, 0], probs, n_bins=15, strategy=theirs)
    np.testing.assert_allclose(ours.mean_target, mean_target)
    np.testing.assert_allclose(ours.mean_prob, mean_prob)
    assert ours.count.sum() == 1_000


def test_the_calibration_error_by_hand():
    targets, probs = np.array([[1.0], [0.0], [1.0], [np.nan]]), np.array([[0.95], [0.05], [0.97], [0.5]])
    assert expected_calibration_error(targets, probs, 10)[0] == pytest.approx((2 * 0.04 + 0.05) / 3)
    assert np.isnan(expected_calibration_error(np.full((2, 1), np.nan), np.full((2, 1), 0.5))[0])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40), st.integers(1, 20))
def test_the_calibration_error_is_bounded(rows, n_bins):
    targets, probs = np.array(rows)[:, :1], np.array(rows)[:, 1:]
    for strategy in ("width", "mass"):
        error = expected_calibration_error(targets, probs, n_bins, strategy=strategy)[0]
        assert abs(probs.mean() - targets.mean()) - 1e-9 <= error <= np.abs(probs - targets).mean() + 1e-9
