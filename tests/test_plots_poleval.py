"""Figures of the PolEval system: every value drawn where it belongs."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
from matplotlib import pyplot as plt

from toxres.evaluation.poleval import HarmfulScores, TypeScores, poleval_table
from toxres.plots.poleval import KIND_COLOURS, cv_steps, published_dots


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_steps_stand_from_the_top_with_their_gain():
    steps = {
        "n-grams": {"ap": 0.4, "ap_folds": [0.35, 0.45]},
        "+ layers": {"ap": 0.5, "ap_folds": [0.48, 0.52]},
        "+ members": {"ap": 0.49, "ap_folds": [0.47, 0.51]},
    }
    ax = cv_steps(steps, origin="5 folds")
    assert [label.get_text() for label in ax.get_yticklabels()] == list(steps)
    assert ax.get_yticks().tolist() == [2, 1, 0]
    told = [text.get_text() for text in ax.texts]
    assert "0.400" in told and "0.500  (+0.100)" in told and "0.490  (−0.010)" in told
    drawn = np.concatenate([dots.get_offsets() for dots in ax.collections if len(dots.get_offsets())])
    assert {(0.45, 2.0), (0.4, 2.0), (0.48, 1.0), (0.47, 0.0)} <= {tuple(point) for point in drawn.round(4).tolist()}


@pytest.mark.parametrize(
    ("task", "metric", "scores"),
    [("6-1", "f1", HarmfulScores(0.7, 0.6, 0.646, 0.9)), ("6-2", "macro_f", TypeScores(0.88, 0.501, 0.52))],
)
def test_systems_stand_by_rank_in_the_colour_of_their_kind(task, metric, scores):
    table = poleval_table(task, {"stack": scores}, tags=np.array([0, 0, 1]))
    ax = published_dots(table, metric=metric)
    order = table[metric].dropna().sort_values(kind="stable")
    assert [label.get_text() for label in ax.get_yticklabels()] == list(order.index)
    by_label = {dots.get_label(): dots for dots in ax.collections if dots.get_label() in KIND_COLOURS}
    assert set(by_label) == {"ours", "published", "trivial"}
    ((value, row),) = by_label["ours"].get_offsets().tolist()
    assert value == pytest.approx(100 * getattr(scores, metric)) and order.index[int(row)] == "stack"
    assert ax.get_yticklabels()[int(row)].get_fontweight() == "bold"
