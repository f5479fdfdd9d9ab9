"""Figures of the scoreboard of explanations."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from toxres.explain import METHODS
from toxres.files import read_json
from toxres.plots.scoreboard import (
    METHOD_STYLES,
    deletion_curves,
    faithfulness_dots,
    model_colours,
    model_name,
    plausibility_dots,
    published_spans,
)
from toxres.readme import PUBLISHED


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def scores(pairs, values):
    rows = [{"f1": value, "low": value - 0.02, "high": value + 0.02} for value in values]
    index = pd.MultiIndex.from_tuples(pairs)
    return pd.DataFrame(rows, index=index).assign(ap=0.5, ap_low=0.45, ap_high=0.55)


def texts(ax):
    return [item.get_text() for item in ax.texts]


def test_every_method_has_a_style_of_its_own():
    assert set(METHOD_STYLES) == set(METHODS)
    assert len({style[0] for style in METHOD_STYLES.values()}) == len(METHODS)
    assert len({style[2] for style in METHOD_STYLES.values()}) == len(METHODS)
    assert (
        len(set(model_colours(["custom", "attention_bce", "baseline", "cls_bce", "cls_focal", "ulmfit", "none"]))) == 7
    )


def test_plausibility_shows_ours_and_theirs_in_the_row_of_their_method():
    pairs = [("custom", "attention"), ("baseline", "occlusion"), ("custom", "occlusion"), ("none", "random")]
    ax = plausibility_dots(
        scores(pairs, [0.4, 0.5, 0.61, 0.17]), published={"attention": {"BiLSTM classifier": 0.558}}, origin="written"
    )
    assert [label.get_text() for label in ax.get_yticklabels()] == ["pooling attention", "word occlusion", "random"]
    assert {"0.400", "0.500", "0.610", "0.170", "0.558  BiLSTM classifier"} <= set(texts(ax))
    names = [item.get_text() for item in ax.get_legend().get_texts()]
    assert names == ["custom", "baseline", "no classifier", "published"]
    places = {item.get_text(): item.xy for item in ax.texts if hasattr(item, "xy")}
    assert places["0.558  BiLSTM classifier"][1] == places["0.400"][1] + 1
    assert places["0.500"][1] > places["0.558  BiLSTM classifier"][1] + 1, "the next method begins lower"


def test_average_precision_has_its_own_intervals():
    ax = plausibility_dots(scores([("custom", "attention")], [0.4]), metric="ap")
    assert "0.500" in texts(ax) and "average precision" in ax.get_xlabel()
    assert ax.lines[0].get_xdata().tolist() == [0.45, 0.55]


def test_faithfulness_says_what_is_better():
    columns = pd.MultiIndex.from_product([["comprehensiveness", "sufficiency"], ["score", "low", "high"]])
    index = pd.MultiIndex.from_product([["custom", "baseline"], ["attention", "random"]]).drop(
        [("baseline", "attention")]
    )
    table = pd.DataFrame(np.tile([0.4, 0.3, 0.5, 0.1, 0.05, 0.15], (3, 1)), index=index, columns=columns)
    ax = faithfulness_dots(table)
    assert "more is better" in ax.get_xlabel() and "deleted" in ax.get_title(loc="left")
    assert len([line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_xdata()[0] == 0.3]) == 3
    ax = faithfulness_dots(table, measure="sufficiency")
    assert "less is better" in ax.get_xlabel() and "kept" in ax.get_title(loc="left")


def test_deletion_curves_have_bands_where_there_are_ends():
    ax = deletion_curves({"random": ([0, 1], [0.9, 0.1], [0.8, 0.05], [0.95, 0.2]), "attention": ([0, 1], [0.9, 0.1])})
    (band,) = ax.collections
    points = band.get_paths()[0].vertices
    assert {0.8, 0.05, 0.95, 0.2} <= set(points[:, 1].round(6))


def test_deletion_curves_stand_on_a_square_root_axis():
    ax = deletion_curves({"random": ([0, 0.25, 1], [0.9, 0.8, 0.1]), "attention": ([0, 1], [0.9, 0.1])}, model="custom")
    assert [line.get_label() for line in ax.lines] == ["pooling attention", "random"]
    assert ax.lines[1].get_xdata().tolist() == [0, 0.5, 1]
    assert "custom" in ax.get_title(loc="left")


def test_published_rows_belong_to_methods_that_exist():
    rows = published_spans(read_json(PUBLISHED))
    assert set(rows) <= set(METHODS)
    assert len(rows["attention"]) == 2 and max(rows["supervised"].values()) < 0.75
    assert published_spans([{"section": "ablation", "name": "x", "values": {"f1": 1}}]) == {}


def test_models_are_called_by_what_they_are():
    assert model_name("attention_shallow") == "attention, BCE, one layer" and model_name("cls_bce") == "[CLS], BCE"
    assert model_name("custom_balanced") == "custom balanced" and model_name("none") == "no classifier"
    ax = deletion_curves({"random": ([0, 1], [0.9, 0.1])}, model="attention_bce")
    assert ax.get_title("left") == "Deleting what matters to “attention, BCE”"
