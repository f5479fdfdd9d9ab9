"""The search for wrong labels: what it flags, whose errors those are, and whether it finds errors that are known."""

import ast
from pathlib import Path

import numpy as np
import pytest

from toxres.errors import InputError
from toxres.evaluation import label_errors
from toxres.evaluation.label_errors import find_label_errors, inject_flips, recovery, share_of_model_errors


def made_up(n: int = 1_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of a model that is right about nearly all of them."""
    rng = np.random.default_rng(seed)
    truth = rng.random((n, 6)) < np.array([0.3, 0.05, 0.2, 0.1, 0.2, 0.1])
    return truth.astype(float), 1 / (1 + np.exp(-rng.normal(np.where(truth, 4, -4), 1.2)))


def test_known_flips_are_found():
    truth, probs = made_up()
    targets, flipped = inject_flips(truth, 0.02, "uniform")
    ids = [f"c{row}" for row in range(len(truth))]
    found = find_label_errors(ids, targets, probs)
    table = recovery(found, targets, probs, flipped)
    assert table.loc["all labels", "injected"] == flipped.sum() == 120
    assert table.loc["all labels", "recall"] > 0.75 and table.loc["all labels", "precision"] > 0.9
    assert table.loc["all labels", "at_injected"] > 0.95
    assert table.loc["all labels", "hits"] == (found.flagged & flipped).sum()
    worst = found.ranked.iloc[0]
    row, column = int(worst["id"][1:]), found.per_label.index.get_loc(worst["label"])
    assert flipped[row, column] and worst["given"] == bool(targets[row, column])
    assert worst["quality"] == pytest.approx(probs[row, column] if worst["given"] else 1 - probs[row, column])
    assert found.ranked["quality"].is_monotonic_increasing and len(found.ranked) == found.flagged.sum()
    assert (found.per_label["too_much"] + found.per_label["missing"] == found.per_label["flagged"]).all()


def test_hardly_anything_is_flagged_where_labels_are_right():
    truth, probs = made_up()
    found = find_label_errors(range(len(truth)), truth, probs)
    assert found.per_label["flagged"].sum() < 0.005 * truth.size
    table = recovery(found, truth, probs, np.zeros(truth.shape, bool))
    assert table["recall"].isna().all() and table["at_injected"].isna().all()


def test_probabilities_that_say_nothing_find_nothing_better_than_chance():
    truth, _ = made_up()
    probs = np.random.default_rng(1).uniform(0.01, 0.99, truth.shape)
    targets, flipped = inject_flips(truth, 0.05, "uniform")
    table = recovery(find_label_errors(range(len(truth)), targets, probs), targets, probs, flipped)
    assert table.loc["all labels", "at_injected"] < 0.15


def test_comments_with_unknown_labels_are_left_out_and_counted():
    truth, probs = made_up(400)
    truth[:10, 2] = np.nan
    truth[:, 3] = 0  # of one class: nothing to learn, nothing flagged
    found = find_label_errors(range(400), truth, probs)
    assert found.n_left_out == 10 and not found.flagged[:10].any() and (found.per_label["n"] == 390).all()
    assert found.per_label.loc["threat", "flagged"] == 0 and not found.flagged[:, 3].any()
    with pytest.raises(InputError, match="no comment has all its labels"):
        find_label_errors(range(400), np.full_like(truth, np.nan), probs)
    with pytest.raises(InputError, match="3 ids"):
        find_label_errors(range(3), truth, probs)


def test_flips_are_as_many_as_was_said():
    truth, _ = made_up()
    values, flipped = inject_flips(truth, 0.1, "balanced", seed=3)
    assert np.array_equal(values != truth, flipped)
    for i in range(6):
        positive = truth[:, i] == 1
        assert flipped[positive, i].sum() == flipped[~positive, i].sum() == round(0.1 * positive.sum())
    assert values.sum(axis=0).tolist() == truth.sum(axis=0).tolist()
    again, _ = inject_flips(truth, 0.1, "balanced", seed=3)
    np.testing.assert_array_equal(values, again)
    truth[0] = np.nan
    values, flipped = inject_flips(truth, 0.02, "uniform")
    assert np.isnan(values[0]).all() and not flipped[0].any() and (flipped.sum(axis=0) == 20).all()
    with pytest.raises(InputError, match="rate is 0"):
        inject_flips(truth, 0)


def test_whose_errors_are_flagged():
    targets = np.array([[1, 0], [0, 0], [1, np.nan]])
    decided = np.array([[0, 0], [1, 0], [1, 1]], dtype=bool)
    flagged = np.array([[1, 1], [0, 0], [0, 0]], dtype=bool)
    found = share_of_model_errors(targets, decided, flagged, ["x", "y"])
    assert found.loc["x"].tolist() == [2, 1, 0.5]
    assert found.loc["y", "errors"] == 0 and np.isnan(found.loc["y", "share"])


def test_cleanlab_is_imported_only_when_it_searches():
    tree = ast.parse(Path(label_errors.__file__).read_text(encoding="utf-8"))
    nodes = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not any("cleanlab" in ast.unparse(node) for node in nodes)
    assert "from cleanlab.multilabel_classification" in ast.unparse(tree)
