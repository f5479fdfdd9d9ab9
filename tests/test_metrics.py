import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from toxres.errors import InputError
from toxres.evaluation import (
    Evaluation,
    brier,
    compare_table,
    comparison_frame,
    cross_fitted,
    evaluate_probs,
    expected_calibration_error,
    f1,
    fit_calibration,
    label_frame,
    micro_f1,
    tune_thresholds,
)
from toxres.evaluation.arrays import sigmoid
from toxres.evaluation.thresholds import best_f1_threshold
from toxres.files import write_json
from toxres.labels import LABELS


@pytest.fixture
def scored():
    """Targets with unknown ones, probabilities that are somewhat right, and thresholds."""
    rng = np.random.default_rng(3)
    targets = (rng.random((400, 6)) < [0.3, 0.05, 0.2, 0.03, 0.2, 0.05]).astype(np.float32)
    logits = 3 * targets - 2 + rng.normal(size=targets.shape)
    targets[rng.random(targets.shape) < 0.2] = np.nan
    return targets, sigmoid(logits).astype(np.float32), np.array([0.2, 0.7, 0.4, 0.5, 0.6, 0.3])


def test_per_label_scores_are_scikit_learns_on_the_known_rows(scored):
    targets, probs, thresholds = scored
    table = evaluate_probs(targets, probs, thresholds).per_label
    assert list(table.index) == list(LABELS)
    for i, label in enumerate(LABELS):
        rows = ~np.isnan(targets[:, i])
        y, p = targets[rows, i].astype(int), probs[rows, i].astype(float)
        expected = {
            "support": rows.sum(),
            "positives": y.sum(),
            "prevalence": y.mean(),
            "auroc": reference.roc_auc_score(y, p),
            "ap": reference.average_precision_score(y, p),
            "f1_at_half": reference.f1_score(y, p >= 0.5),
            "f1_tuned": reference.f1_score(y, p >= thresholds[i]),
            "threshold": thresholds[i],
            "precision": reference.precision_score(y, p >= thresholds[i]),
            "recall": reference.recall_score(y, p >= thresholds[i]),
            "brier": reference.brier_score_loss(y, p),
        }
        for column, value in expected.items():
            assert table.loc[label, column] == pytest.approx(value), (label, column)


def test_unknown_targets_change_nothing(scored):
    targets, probs, thresholds = scored
    more = np.vstack([targets, np.full((50, 6), np.nan)])
    noise = np.vstack([probs, np.random.default_rng(0).random((50, 6))])
    once, again = evaluate_probs(targets, probs, thresholds), evaluate_probs(more, noise, thresholds)
    assert once.per_label.equals(again.per_label)
    assert once.to_dict()["macro"] == again.to_dict()["macro"]
    assert (once.n_rows, again.n_rows) == (400, 450)


@pytest.mark.parametrize(("value", "support"), [(0.0, 400), (1.0, 400), (np.nan, 0)])
def test_a_label_of_one_class_is_undefined_left_out_and_counted(scored, value, support):
    targets, probs, thresholds = scored
    whole = evaluate_probs(targets, probs, thresholds)
    targets = targets.copy()
    targets[:, 3] = value
    evaluation = evaluate_probs(targets, probs, thresholds)
    row = evaluation.per_label.loc["threat"]
    assert row[["auroc", "ap", "f1_at_half", "f1_tuned"]].isna().all()
    assert row["support"] == support
    assert np.isnan(row["brier"]) == (support == 0)
    others = [label for label in LABELS if label != "threat"]
    for metric in ("auroc", "ap", "f1_tuned"):
        assert evaluation.macro[metric] == pytest.approx(whole.per_label.loc[others, metric].mean())
        assert evaluation.macro["undefined"][metric] == 1
    assert evaluation.macro["undefined"]["brier"] == (support == 0)
    assert "1 from AUROC, 1 from AP" in evaluation.table()


def test_nothing_known_gives_no_macro_and_says_so():
    evaluation = evaluate_probs(np.full((3, 6), np.nan), np.full((3, 6), 0.5))
    assert np.isnan(evaluation.macro["auroc"])
    assert evaluation.macro["undefined"]["auroc"] == 6
    assert "6 from AUROC" in evaluation.table()


def test_macro_auroc_leaves_out_labels_with_few_positives(scored):
    targets, probs, _ = scored
    table = evaluate_probs(targets, probs).per_label
    enough = table["positives"] >= 30
    assert 0 < enough.sum() < 6
    macro = evaluate_probs(targets, probs, min_positives=30).macro
    assert macro["auroc"] == pytest.approx(table.loc[enough, "auroc"].mean())
    assert macro["undefined"]["auroc"] == (~enough).sum()
    assert macro["ap"] == pytest.approx(table["ap"].mean())


def test_soft_targets_are_classes_for_ranking_and_themselves_for_brier():
    targets, probs = np.array([[0.5], [0.49], [0.9], [0.0]]), np.array([[0.6], [0.55], [0.9], [0.2]])
    evaluation = evaluate_probs(targets, probs, labels=("toxic",))
    assert evaluation.per_label.loc["toxic", "positives"] == 2
    assert evaluation.per_label.loc["toxic", "auroc"] == 1.0
    assert evaluation.per_label.loc["toxic", "brier"] == pytest.approx((0.1**2 + 0.06**2 + 0 + 0.2**2) / 4)


def test_micro_f1_pools_the_known_pairs(scored):
    targets, probs, thresholds = scored
    rows = ~np.isnan(targets)
    expected = reference.f1_score(targets[rows], (probs >= thresholds)[rows])
    assert micro_f1(targets, probs, thresholds) == pytest.approx(expected)
    macro = evaluate_probs(targets, probs, thresholds).macro
    assert macro["micro_f1_tuned"] == pytest.approx(expected)
    assert macro["micro_f1_at_half"] == pytest.approx(micro_f1(targets, probs))
    assert np.isnan(micro_f1(np.zeros((3, 6)), np.ones((3, 6))))


def test_a_threshold_of_each_row_is_used_for_that_row():
    targets, probs = np.array([[1.0], [0.0], [1.0], [0.0]]), np.array([[0.3], [0.2], [0.7], [0.6]])
    rows = np.array([[0.25], [0.25], [0.65], [0.65]])
    evaluation = evaluate_probs(targets, probs, rows, labels=("toxic",))
    assert evaluation.per_label.loc["toxic", "f1_tuned"] == 1.0
    assert evaluation.per_label.loc["toxic", "threshold"] == pytest.approx(0.45)
    assert f1(targets, probs, 0.25)[0] == pytest.approx(2 * 2 / 5)


def test_a_score_at_the_threshold_is_positive():
    targets, probs = np.array([[1.0], [0.0]]), np.array([[0.5], [0.4]])
    assert f1(targets, probs, 0.5)[0] == 1.0
    row = evaluate_probs(targets, probs, [0.5], labels=("toxic",)).per_label.iloc[0]
    assert (row["precision"], row["recall"], row["f1_tuned"]) == (1, 1, 1)


def test_finding_nothing_scores_zero_with_undefined_precision():
    row = evaluate_probs(np.array([[1.0], [0.0]]), np.array([[0.1], [0.1]]), [0.5], labels=("toxic",)).per_label.iloc[0]
    assert row["f1_tuned"] == 0
    assert np.isnan(row["precision"])
    assert row["recall"] == 0


def test_without_thresholds_nothing_pretends_to_be_tuned(scored):
    targets, probs, _ = scored
    evaluation = evaluate_probs(targets, probs)
    assert evaluation.per_label["f1_tuned"].isna().all()
    assert np.isnan(evaluation.macro["micro_f1_tuned"])
    assert (evaluation.per_label["threshold"] == 0.5).all()
    assert "tuned" not in evaluation.table()


def test_calibrated_columns_are_those_of_the_calibrated_probabilities(scored):
    targets, probs, thresholds = scored
    calibrated = probs**2
    evaluation = evaluate_probs(targets, probs, thresholds, calibrated)
    np.testing.assert_allclose(evaluation.per_label["ece"], expected_calibration_error(targets, probs))
    np.testing.assert_allclose(evaluation.per_label["ece_calibrated"], expected_calibration_error(targets, calibrated))
    np.testing.assert_allclose(evaluation.per_label["brier_calibrated"], brier(targets, calibrated))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, p: (t, p[:-1]), r"probs have shape \(399, 6\), but targets have \(400, 6\)"),
        (lambda t, p: (t, _with(p, (2, 3), 1.5)), r"probs, row 3, threat: 1.5 is not valid"),
        (lambda t, p: (t, _with(p, (0, 0), np.nan)), r"probs, row 1, toxic: nan is not valid"),
        (lambda t, p: (_with(t, (4, 1), -1), p), r"targets, row 5, severe_toxic: -1 is not valid"),
        (lambda t, p: (t[:, 0], p), "targets must have two dimensions"),
        (lambda t, p: (np.array([["a"] * 6]), p), "targets must be numbers"),
    ],
)
def test_wrong_arrays_are_named(scored, change, message):
    targets, probs, _ = scored
    with pytest.raises(InputError, match=message):
        evaluate_probs(*change(targets, probs))


def test_wrong_thresholds_and_labels_are_named(scored):
    targets, probs, _ = scored
    with pytest.raises(InputError, match="one a label"):
        evaluate_probs(targets, probs, [0.5] * 5)
    with pytest.raises(InputError, match="thresholds contain NaN"):
        evaluate_probs(targets, probs, [np.nan] * 6)
    with pytest.raises(InputError, match="6 columns, but 1 labels"):
        evaluate_probs(targets, probs, labels=("toxic",))


def test_an_evaluation_survives_json(scored, tmp_path):
    targets, probs, thresholds = scored
    targets = targets.copy()
    targets[:, 3] = 0
    evaluation = evaluate_probs(targets, probs, thresholds)
    text = json.dumps(evaluation.to_dict(), allow_nan=False)
    again = Evaluation.from_dict(json.loads(text))
    assert again.per_label.equals(evaluation.per_label)
    assert again.to_dict() == evaluation.to_dict()
    write_json(tmp_path / "e.json", evaluation.to_dict())


def test_the_note_on_undefined_labels_ends_in_one_stop(scored):
    targets, probs, thresholds = scored
    targets = targets.copy()
    targets[:, 3] = np.nan
    evaluation = evaluate_probs(targets, probs, thresholds, probs)
    assert re.search(r"from ECE cal\.\Z", evaluation.table()) and ".." not in evaluation.table()


def test_tables_line_up_and_count_undefined_labels(scored):
    targets, probs, thresholds = scored
    rare = targets.copy()
    rare[:, 3] = 0
    evaluations = {"a": evaluate_probs(targets, probs, thresholds), "longer": evaluate_probs(rare, probs, thresholds)}
    text = compare_table(evaluations, title="Synthetic corpus")
    lines = text.splitlines()
    assert lines[0] == "Synthetic corpus"
    assert len({len(line) for line in lines if line.startswith("|")}) == 1
    assert f"{evaluations['a'].macro['ap']:.3f}" in text
    assert lines[-1].endswith("longer: 1 from AUROC, 1 from AP, 1 from F1@0.5, 1 from F1 tuned.")
    frame = comparison_frame(evaluations)
    assert frame.loc["longer", "undefined"] == 1
    assert frame.loc["a", "auroc"] == evaluations["a"].macro["auroc"]
    assert label_frame(evaluations, "auroc").loc["toxic", "a"] == evaluations["a"].per_label.loc["toxic", "auroc"]


SCORE = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
SCORES = st.lists(st.tuples(st.booleans(), SCORE), min_size=1, max_size=20).filter(lambda rows: any(y for y, _ in rows))


@settings(max_examples=300, deadline=None)
@given(SCORES)
def test_the_tuned_threshold_is_the_best_there_is(rows):
    y, p = np.array([y for y, _ in rows]), np.array([p for _, p in rows])
    threshold = best_f1_threshold(y, p)
    every = [_f1(y, p >= cut) for cut in p]
    assert _f1(y, p >= threshold) == pytest.approx(max(every), abs=1e-12)
    assert 0 <= threshold <= 1


def test_the_threshold_is_the_midpoint_of_its_plateau():
    assert best_f1_threshold(np.array([True, True, False]), np.array([0.9, 0.8, 0.2])) == pytest.approx(0.5)
    # F1 is 2/3 for cuts just under .9 and under .3; the second plateau is wider.
    y, p = np.array([True, False, False, True]), np.array([0.9, 0.85, 0.8, 0.3])
    assert reference.f1_score(y, p >= 0.15) == pytest.approx(reference.f1_score(y, p >= 0.875))
    assert best_f1_threshold(y, p) == pytest.approx(0.15)


def test_labels_that_cannot_be_tuned_keep_one_half(scored):
    targets, probs, _ = scored
    targets = targets.copy()
    targets[:, 1], targets[:, 2], targets[:, 3] = 0, 1, np.nan
    thresholds = tune_thresholds(targets, probs)
    assert list(thresholds[1:4]) == [0.5, 0.5, 0.5]
    assert thresholds[0] != 0.5
    assert (tune_thresholds(targets, probs, min_positives=10_000) == 0.5).all()


def test_out_of_fold_decisions_never_see_their_own_fold(scored):
    targets, probs, _ = scored
    logits = np.log(probs / (1 - probs))
    folds = np.arange(len(targets)) % 4
    result = cross_fitted(targets, logits, folds)
    for fold in range(4):
        here, others = folds == fold, folds != fold
        tuned = tune_thresholds(targets[others], sigmoid(logits[others]))
        np.testing.assert_array_equal(result.thresholds[here], np.tile(tuned, (here.sum(), 1)))
        expected = fit_calibration(targets[others], logits[others]).apply(logits[here])
        np.testing.assert_allclose(result.calibrated[here], expected)
    np.testing.assert_array_equal(result.decisions, result.probs >= result.thresholds)
    y, rows = targets[:, 0], ~np.isnan(targets[:, 0])
    pooled = reference.f1_score(y[rows], result.decisions[rows, 0])
    assert result.evaluation.per_label.loc["toxic", "f1_tuned"] == pytest.approx(pooled)


def test_targets_of_a_fold_do_not_move_its_own_thresholds(scored):
    targets, probs, _ = scored
    logits, folds = np.log(probs / (1 - probs)), np.arange(len(targets)) % 4
    changed = targets.copy()
    changed[folds == 2] = 1 - changed[folds == 2]
    once, again = (cross_fitted(item, logits, folds) for item in (targets, changed))
    np.testing.assert_array_equal(once.thresholds[folds == 2], again.thresholds[folds == 2])
    np.testing.assert_array_equal(once.calibrated[folds == 2], again.calibrated[folds == 2])
    assert (once.thresholds[folds == 1] != again.thresholds[folds == 1]).any()


def test_one_fold_is_not_enough(scored):
    targets, probs, _ = scored
    with pytest.raises(InputError, match="all rows are in one fold"):
        cross_fitted(targets, probs, np.zeros(len(targets)))
    with pytest.raises(InputError, match="one fold a row"):
        cross_fitted(targets, probs, np.zeros(3))


def _f1(y, decided):
    return 2 * (y & decided).sum() / (y.sum() + decided.sum())


def _with(array, where, value):
    array = array.copy()
    array[where] = value
    return array
