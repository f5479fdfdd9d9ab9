"""All systems on all tests: what is taken from the recorded figures, who is best, and how it is told and drawn."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.collections import PathCollection

from toxres.plots.standings import standing_panels
from toxres.results import read_headline
from toxres.standings import TESTS, standings, standings_table, standings_told

FIGURES = {
    "jigsaw.oof.baseline._run": {"preset": "full"},
    "jigsaw.oof.baseline.macro_ap": 0.64,
    "jigsaw.oof.baseline.toxic_auroc": 0.97,
    "jigsaw.oof.custom.macro_ap": 0.65,
    "jigsaw.oof.ulmfit.macro_ap": None,
    "hatecheck.custom.total": 0.63,
    "spans.test.f1.attention": 0.5,
    "spans.test.f1.supervised": 0.6,
    "poleval.6-1.test.f1": 0.648,
}
PUBLISHED = [
    {"section": "hatecheck", "name": "Perspective", "values": {"total": 0.766}},
    {"section": "spans.test", "name": "Random baseline", "values": {"random": 0.17}},
    {"section": "poleval.6-1", "name": "Task winner", "values": {"f1": 0.5858}},
]


@pytest.fixture
def table():
    return standings(FIGURES, PUBLISHED)


def test_every_figure_of_a_test_is_there_once_and_best_first(table):
    found = [tuple(row) for row in table.itertuples(index=False)]
    assert found == [
        ("Jigsaw, macro AP", "custom", 0.65, "ours"),
        ("Jigsaw, macro AP", "baseline", 0.64, "ours"),
        ("HateCheck, accuracy", "Perspective", 0.766, "published"),
        ("HateCheck, accuracy", "custom", 0.63, "ours"),
        ("toxic spans, F1", "ours, learned from spans", 0.6, "ours"),
        ("toxic spans, F1", "ours, attention", 0.5, "ours"),
        ("toxic spans, F1", "Random baseline", 0.17, "published"),
        ("PolEval 6-1, F1", "multiview", 0.648, "ours"),
        ("PolEval 6-1, F1", "Task winner", 0.5858, "published"),
    ]


def test_the_table_has_a_row_a_test(table):
    rows = standings_table(table)
    assert list(rows.columns) == ["baseline", "custom", "multiview", "best of ours", "best published", "by"]
    assert rows.loc["HateCheck, accuracy", ["custom", "best of ours", "best published", "by"]].tolist() == [
        0.63, 0.63, 0.766, "Perspective",
    ]  # fmt: skip
    assert rows.loc["toxic spans, F1", "best of ours"] == 0.6 and rows["baseline"].isna().sum() == 3


def test_it_is_told_in_sentences(table):
    assert standings_told(table) == [
        "Jigsaw, macro AP: our best is custom, 0.650.",
        "HateCheck, accuracy: our best is custom, 0.630, behind Perspective, 0.766.",
        "toxic spans, F1: our best is ours, learned from spans, 0.600, ahead of Random baseline, 0.170.",
        "PolEval 6-1, F1: our best is multiview, 0.648, ahead of Task winner, 0.586.",
    ]


def test_the_figure_has_a_panel_a_test_and_a_dot_a_figure(table):
    fig = standing_panels(table, origin="made")
    shown = [ax for ax in fig.axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in shown] == list(dict.fromkeys(table["test"]))
    dots = [each for ax in shown for each in ax.collections if isinstance(each, PathCollection)]
    assert sum(len(each.get_offsets()) for each in dots) == len(table)
    plt.close(fig)


def test_the_recorded_figures_fill_the_table():
    recorded = standings()
    assert {"ours", "published"} == set(recorded["kind"]) and set(recorded["test"]) <= {test.name for test in TESTS}
    figures = read_headline()
    assert figures["jigsaw.oof.custom.macro_ap"] in recorded["value"].tolist()
