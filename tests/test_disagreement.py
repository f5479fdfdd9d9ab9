"""Who alone is right, on which comments, which label sets are confused, and which comments are hardest."""

import numpy as np
import pandas as pd
import pytest

from toxres.errors import InputError
from toxres.evaluation.disagreement import (
    errors_by_slice,
    hardest,
    is_disguised,
    label_sets,
    length_bins,
    pattern,
    pattern_names,
    patterns_by_label,
    rater_disagreement,
    rightness,
    set_confusion,
    slices,
)

UNKNOWN = float("nan")
TARGETS = np.array([[1, 0], [0, 0], [1, 1], [0.6, UNKNOWN]])
DECISIONS = {
    "one": np.array([[1, 0], [1, 0], [0, 0], [1, 1]], dtype=bool),
    "two": np.array([[1, 0], [0, 0], [1, 0], [0, 0]], dtype=bool),
}


def test_a_comment_is_right_where_every_known_label_is():
    right = rightness(TARGETS, DECISIONS)
    assert right["one"].tolist() == [True, False, False, True]
    assert right["two"].tolist() == [True, True, False, False]
    assert pattern(right).tolist() == ["all right", "only two right", "all wrong", "only one right"]
    with pytest.raises(InputError, match="'bad' have shape"):
        rightness(TARGETS, {"bad": np.zeros((3, 2), bool)})
    with pytest.raises(InputError, match="of no model"):
        rightness(TARGETS, {})


def test_patterns_of_three_and_four_models():
    three = pd.DataFrame({"a": [1, 0, 1, 0], "b": [1, 1, 0, 0], "c": [1, 1, 0, 0]}).astype(bool)
    assert pattern(three).tolist() == ["all right", "only a wrong", "only a right", "all wrong"]
    four = three.assign(d=[True, False, False, False])
    assert pattern(four).tolist() == ["all right", "mixed", "only a right", "all wrong"]
    assert "mixed" in pattern_names(list("abcd")) and "mixed" not in pattern_names(list("abc"))
    assert pattern_names(["a"]) == ["all right", "all wrong"]


def test_counts_by_label_leave_unknown_targets_out():
    table = patterns_by_label(TARGETS, DECISIONS, ["x", "y"])
    assert table["n"].to_dict() == {"all labels": 4, "x": 4, "y": 3}
    assert table.loc["x"].tolist() == [4, 1, 1, 2, 0]  # all right, only one, only two, all wrong
    assert table.loc["y"].tolist() == [3, 2, 0, 0, 1]
    assert (table.drop(columns="n").sum(axis=1) == table["n"]).all()


def test_label_sets_and_their_confusion():
    targets = np.zeros((6, 6))
    targets[:3, 0] = 1
    targets[2, 4] = 1
    targets[3, 3] = 1
    assert label_sets(targets).tolist() == ["toxic", "toxic", "toxic+insult", "threat", "none", "none"]
    decided = np.zeros((6, 6), bool)
    decided[0, 0] = decided[1, 0] = decided[2, 0] = decided[4, 0] = True
    table = set_confusion(targets, decided, top=2)
    assert list(table.index) == list(table.columns) == ["none", "toxic", "other"]
    assert table.to_numpy().tolist() == [[1, 1, 0], [0, 2, 0], [1, 1, 0]]
    targets[5, 0] = np.nan
    assert set_confusion(targets, decided, top=9).to_numpy().sum() == 5


def test_kinds_of_comments():
    assert is_disguised(["you 1d1ot", "a plain text", "see http://x.org 12 times!!!"]).tolist() == [True, False, False]
    assert list(length_bins(["", "a" * 50, "a" * 51, "a" * 2_000])) == [
        "up to 50",
        "up to 50",
        "51 to 150",
        "over 1,000",
    ]
    shares = np.array([[0.0], [1.0], [0.5], [0.75], [0.8], [UNKNOWN]])
    found = rater_disagreement(shares)
    assert list(found[:5]) == ["of one mind", "of one mind", "divided", "divided", "leaning"] and pd.isna(found[5])


def test_errors_by_slice():
    comments = pd.DataFrame({"text": ["short", "you 1d1ot", "x" * 60, "a gay man"], "group": ["a", "a", "b", "b"]})
    targets = np.zeros((4, 6))
    targets[1, [0, 4]] = [1, 1]
    terms = {"gay": np.array([False, False, False, True]), "deaf": np.zeros(4, bool)}
    table = slices(comments, targets, terms)
    assert "raters" not in table and table["labels"].tolist() == ["no label", "2 labels", "no label", "no label"]
    assert table["identity"].tolist() == ["mentions none"] * 3 + ["mentions an identity"]
    right = pd.DataFrame({"one": [True, False, True, True], "two": [True, True, True, False]})
    found = errors_by_slice(right, table).set_index(["slice", "value", "model"])
    assert found.loc[("group", "a", "one"), ["n", "hits", "rate", "alone"]].tolist() == [2, 1, 0.5, 0]
    assert (
        found.loc[("group", "b", "one"), "alone"] == 1
        and found.loc[("identity", "mentions an identity", "two"), "rate"] == 1
    )
    assert found.loc[("disguised", "letters disguised", "one"), "n"] == 1
    assert (found["low"] <= found["rate"]).all() and (found["rate"] <= found["high"]).all()
    targets[0, 0] = 0.4
    divided = slices(comments, targets, terms)["raters"]
    assert divided[:2].tolist() == ["divided", "of one mind"] and divided[2:].isna().all(), "b has no single raters"


def test_the_hardest_come_first_and_bring_no_text_unless_asked():
    probs = np.array([[0.9, 0.1], [0.2, 0.1], [0.6, 0.01], [0.6, 0.99]])
    table = hardest(["p", "q", "r", "s"], TARGETS, probs, 2, labels=["x", "y"])
    assert table["id"].tolist() == ["r", "s"] and table["worst"].tolist() == ["y", "x"]
    assert table["loss"][0] == pytest.approx(-np.log(0.6) - np.log(0.01))
    assert table["loss"][1] == pytest.approx(-0.6 * np.log(0.6) - 0.4 * np.log(0.4))  # the unknown label costs nothing
    assert table["true"].tolist() == ["x+y", "x"] and table["probable"].tolist() == ["x", "x+y"]
    assert "text" not in table
    asked = hardest(["p", "q", "r", "s"], TARGETS, probs, 1, texts=["1", "2", "3", "4"], labels=["x", "y"])
    assert asked["text"].tolist() == ["3"]
    with pytest.raises(InputError, match="3 ids"):
        hardest(["p", "q", "r"], TARGETS, probs)
