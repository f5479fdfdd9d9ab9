"""Splitting the same scores again and again: the designs, the counts, and what the summary says."""

import numpy as np
import pytest

from toxres.errors import InputError
from toxres.triage.curves import accuracy_at, cost_curve, coverage_at, coverage_curve
from toxres.triage.resplits import METHODS, draw, resplit, resplit_summary


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    scores = 1 / (1 + np.exp(-random.normal(-2, 3, 3_000)))
    return scores, random.random(3_000) < scores


def test_all_methods_see_the_same_splits(rows):
    frame = resplit(*rows, tolerated=0.05, n_splits=4)
    assert frame.groupby("split")["method"].agg(list).tolist() == [list(METHODS)] * 4
    assert (frame["rows"] == 1_500).all()
    again = resplit(*rows, tolerated=0.05, n_splits=2)
    assert again.equals(frame[frame["split"] < 2])
    assert not resplit(*rows, tolerated=0.05, n_splits=2, seed=1).equals(again)


def test_face_value_decides_what_is_surer_than_the_tolerated_share(rows):
    scores, violates = rows
    shown = draw(scores, violates, tolerated=0.05, n_draws=1).set_index("method").loc["certainty"]
    decided = (scores < 0.05) | (scores >= 0.95)
    assert shown["decided"] == decided.sum()
    assert shown["wrong"] == ((scores >= 0.5) != violates)[decided].sum()
    assert shown["coverage"] == pytest.approx(decided.mean())


def test_draws_are_judged_on_all_rows_and_promises_hold_where_tuning_does_not(rows):
    """60 draws: a promise that is broken in 5% of draws in the long run is broken in more than 9 with p < 0.001."""
    frame = draw(*rows, tolerated=0.05, n_draws=60)
    assert (frame["rows"] == 3_000).all()
    table = resplit_summary(frame)
    assert table.loc["promised", "broken_share"] * 60 <= 9
    assert 0.2 < table.loc["tuned", "broken_share"] < 0.8
    assert table.loc["promised", "coverage"] < table.loc["tuned", "coverage"]
    assert table.loc["promised", "broken_low"] <= table.loc["promised", "broken_share"]


def test_nothing_decided_is_no_coverage_and_no_broken_promise():
    frame = resplit(np.full(40, 0.4), np.zeros(40, dtype=bool), n_splits=3)
    table = resplit_summary(frame)
    assert table.loc["promised", "silent_share"] == 1
    assert table.loc["promised", "coverage"] == 0
    assert np.isnan(table.loc["promised", "accuracy"])
    assert table.loc["promised", "broken_share"] == 0


@pytest.mark.parametrize("share", [0.0, 1.0, 1.5])
def test_a_side_without_rows_is_refused(rows, share):
    with pytest.raises(InputError, match="leaves one side of 3000 rows empty"):
        resplit(*rows, calibration_share=share)


def test_a_curve_by_hand():
    curve = coverage_curve(np.array([0.01, 0.9, 0.9, 0.3]), np.array([False, True, False, True]))
    assert curve["coverage"].tolist() == [0.25, 0.75, 1.0]
    assert curve["accuracy"].tolist() == pytest.approx([1.0, 2 / 3, 0.5])
    assert coverage_at(curve, 0.6) == 0.75
    assert coverage_at(curve, 1.0) == 0.25
    assert coverage_at(curve.iloc[1:], 0.9) == 0
    assert accuracy_at(curve, 0.5) == pytest.approx(2 / 3)
    with pytest.raises(InputError, match="no rows"):
        coverage_curve(np.array([]), np.array([], dtype=bool))


def test_costs_by_hand():
    scores, violates = np.array([0.001, 0.2, 0.6, 0.999]), np.array([True, False, False, True])
    curve = cost_curve(scores, violates, wrong_accept=np.array([7.0, 1, 1, 1]), wrong_reject=3, review=1)
    first, last = curve.iloc[0], curve.iloc[-1]
    assert (first["coverage"], first["cost"]) == (0, 1)
    assert (last["coverage"], last["cost"]) == (1, (7 + 3) / 4)
    middle = curve[curve["coverage"] == 0.5].iloc[0]
    assert middle["cost"] == pytest.approx((2 + 7) / 4)
