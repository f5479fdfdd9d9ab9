"""Bootstrap of means over posts."""

import numpy as np
import pytest

from toxres.errors import InputError
from toxres.evaluation.means import mean_difference, mean_interval


def test_the_interval_of_a_mean_is_that_of_the_normal_law():
    values = np.random.default_rng(0).normal(0.4, 0.2, 2_000)
    found = mean_interval(values)
    error = 1.96 * values.std() / np.sqrt(2_000)
    assert found.score == pytest.approx(values.mean()) and found.n == 2_000
    assert [found.low, found.high] == pytest.approx([found.score - error, found.score + error], abs=0.1 * error)
    assert mean_interval([0.2, np.nan, 0.4]).score == pytest.approx(0.3)
    assert mean_interval([0.2, np.nan, 0.4]).n == 2
    assert np.isnan(mean_interval([np.nan]).low)


def test_a_paired_difference_is_surer_than_the_two_means():
    rng = np.random.default_rng(1)
    hard = rng.random(300)
    a = {str(post): value for post, value in enumerate(hard + 0.03 + rng.normal(0, 0.02, 300))}
    b = {str(post): hard[post] for post in reversed(range(300))}
    found = mean_difference(a, b)
    assert found.low > 0.02 and found.high < 0.04 and found.p_value < 0.001
    assert found.difference == pytest.approx(found.score_a - found.score_b)
    same = mean_difference(a, a)
    assert (same.difference, same.p_value) == (0, 1)


def test_about_one_in_twenty_null_differences_is_called_shown():
    """400 draws under the null; the share below .05 is outside of [.02, .09] once in 1,000 such tests."""
    rng = np.random.default_rng(2)
    shown = 0
    for _ in range(400):
        a, b = rng.random((2, 60))
        found = mean_difference(dict(enumerate(a)), dict(enumerate(b)), n_resamples=400)
        shown += found.p_value < 0.05
    assert 0.02 < shown / 400 < 0.09


def test_posts_must_be_the_same():
    with pytest.raises(InputError, match="compare on the same posts"):
        mean_difference({"a": 1.0}, {"b": 1.0})
    with pytest.raises(InputError, match="no post has both values"):
        mean_difference({"a": np.nan}, {"a": 1.0})
    assert mean_difference({"a": np.nan, "b": 1.0}, {"a": 0.0, "b": 0.0}).n == 1
