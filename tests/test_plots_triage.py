"""Figures of triage draw what they are given, and end nowhere else."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from toxres.plots import triage as plots
from toxres.triage.published import CMP, UNCERTAINTY_BASELINES


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_curves_stand_beside_the_published_points():
    curve = {"coverage": [0.5, 0.8, 1.0], "accuracy": [0.999, 0.99, 0.95]}
    ax = plots.coverage_accuracy({"baseline": curve}, promised=(0.75, 0.993), origin="made up")
    lines = {line.get_label(): line.get_xydata().tolist() for line in ax.lines}
    assert lines["baseline"] == [list(point) for point in zip(*curve.values(), strict=True)]
    assert [CMP.coverage, CMP.accuracy] in lines["CMP (published)"]
    assert lines["promised, held-out rows"] == [[0.75, 0.993]]
    focal = lines["BERT-base, focal loss, oracle reviewer (published)"]
    assert focal == [[one.coverage, one.accuracy] for one in UNCERTAINTY_BASELINES if "focal" in one.name]


def test_promises_are_counted_in_the_legend():
    splits = {
        "promised": {"coverage": [0.8, 0.8, 0.0, 0.8], "error": [0.004, 0.02, None, 0.01]},
        "tuned": {"coverage": [0.9] * 4, "error": [0.02, 0.02, 0.02, 0.0]},
    }
    ax = plots.promises(splits, tolerated=0.01)
    told = [text.get_text() for text in ax.get_legend().get_texts()]
    assert told == ["promised: 60% decided, 25.0% of 4 above", "tuned: 90% decided, 75.0% of 4 above"]
    assert ax.lines[0].get_xdata()[0] == 0.01


def test_an_audit_shows_what_differs_in_orange():
    table = pd.DataFrame(
        {
            "n": [10, 20, 30],
            "violations": [1, 2, 3],
            "harmless_reviewed": [0.1, 0.5, np.nan],
            "harmless_reviewed_low": [0.05, 0.3, np.nan],
            "harmless_reviewed_high": [0.2, 0.7, np.nan],
            "harmless_p": [np.nan, 0.01, np.nan],
        },
        index=["none", "kind: age", "empty"],
    )
    ax = plots.audit_intervals(table)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["no group mentioned (9)", "age: any (18)"]
    points = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_color() for line in points] == [plots.INK, plots.ORANGE]


def test_shift_and_repair():
    cross = pd.DataFrame(
        {
            "calibrated_on": ["a", "a", "b"],
            "applied_to": ["a", "b", "a"],
            "coverage": [0.9, 0.8, 0.1],
            "error": [0.01, 0.2, 0.5],
            "low": [0.005, 0.1, 0.4],
            "high": [0.02, 0.3, 0.6],
        }
    )
    ax = plots.shift_errors(cross, tolerated=0.02, home="a")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["on b", "on a"]
    assert [line.get_color() for line in ax.lines if line.get_marker() == "o"] == [plots.ORANGE, plots.BLUE]
    assert "20.0% wrong, 80% decided" in [text.get_text() for text in ax.texts]

    mended = pd.DataFrame(
        {
            "labels": [0, 100, 100, 500, 500],
            "way": ["old", "local", "recalibrated", "local", "recalibrated"],
            "coverage": [0.9, 0.1, 0.0, 0.4, 0.7],
            "promised_share": [1.0, 0.2, 0.0, 0.5, 1.0],
        }
    )
    ax = plots.repair_curves(mended)
    drawn = {line.get_label(): line.get_ydata().tolist() for line in ax.lines}
    assert drawn["a third recalibrates the scores first: decided"] == [0.0, 0.7]
    assert drawn["thresholds chosen anew: draws with a promise"] == [0.2, 0.5]


def test_the_cheapest_point_is_marked():
    ax = plots.cost_curves({"5": {"coverage": [0, 0.5, 1], "cost": [1, 0.4, 0.9]}})
    marked = [line.get_xydata().tolist() for line in ax.lines if line.get_marker() == "o"]
    assert marked == [[[0.5, 0.4]]]
