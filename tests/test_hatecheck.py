"""HateCheck: how it is read, how six labels become one decision, and how decisions are scored."""

import csv
import inspect

import numpy as np
import pandas as pd
import pytest

from toxres.data import functional
from toxres.data.functional import FUNCTIONALITIES, load_hatecheck
from toxres.errors import InputError
from toxres.evaluation import hateful
from toxres.evaluation.hatecheck import (
    PARTS,
    PUBLISHED,
    PUBLISHED_FUNCTIONALITIES,
    always_hateful,
    compare_hatecheck,
    score_hatecheck,
)
from toxres.evaluation.hateful import RULES, balanced_accuracy, best_balanced_threshold, choose_decision, to_logits
from toxres.evaluation.proportions import share_table, wilson_interval

FIELDS = ("", "functionality", "case_id", "test_case", "label_gold", "target_ident", "templ_id")
ROWS = [
    ("0", "derog_dehum_h", "1", "Martians are lice.", "hateful", "Martians", "7"),
    ("1", "ident_pos_nh", "2", "I like Martians.", "non-hateful", "Martians", "8"),
    ("2", "target_obj_nh", "3", "I hate this chair.", "non-hateful", "", "9"),
]


@pytest.fixture
def write_suite(tmp_path, monkeypatch):
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)

    def write(rows):
        path = tmp_path / "hatecheck" / "test_suite_cases.csv"
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([FIELDS, *rows])
        return tmp_path

    return write


@pytest.fixture
def cases() -> pd.DataFrame:
    """Twelve cases of three templates, two groups and three functionalities."""
    rows = []
    for template, code, is_hateful in (
        ("1", "slur_h", True),
        ("2", "ident_pos_nh", False),
        ("3", "target_obj_nh", False),
    ):
        for number in range(4):
            target = "" if code == "target_obj_nh" else ("Martians" if number < 2 else "Venusians")
            rows.append((f"{template}{number}", code, is_hateful, target, template))
    return pd.DataFrame(rows, columns=["id", "functionality", "hateful", "target", "template"])


def test_the_suite_is_read(write_suite):
    found = load_hatecheck(write_suite(ROWS))
    assert found["id"].tolist() == ["1", "2", "3"] and found["hateful"].tolist() == [True, False, False]
    assert found["target"].tolist() == ["Martians", "Martians", ""] and found["template"].tolist() == ["7", "8", "9"]
    assert found.attrs["source"] == "hatecheck" and len(found.attrs["sha256"]) == 64


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (1, "made_up_h", "row 2, field 'functionality': is not one of the 29"),
        (2, "1", "row 2, field 'case_id': repeats an earlier id"),
        (3, " ", "row 2, field 'test_case': is empty"),
        (4, "hateful", "row 2, field 'label_gold': is not its functionality's label"),
    ],
)
def test_a_broken_suite_is_refused_with_its_place(write_suite, place, value, message):
    rows = [list(row) for row in ROWS]
    rows[1][place] = value
    with pytest.raises(InputError, match=message):
        load_hatecheck(write_suite(rows))


def test_a_suite_that_is_not_there_says_how_to_get_it(tmp_path, bare_data):
    with pytest.raises(InputError, match="toxres data pull hatecheck"):
        load_hatecheck(tmp_path)


def test_the_published_suite_has_its_published_counts(data_dir):
    found = load_hatecheck(data_dir)
    assert len(found) == 3_728 and found["hateful"].sum() == 2_563
    assert set(found["functionality"]) == set(FUNCTIONALITIES) and len(FUNCTIONALITIES) == 29
    assert sum(item.hateful for item in FUNCTIONALITIES.values()) == 18
    assert found.loc[found["target"] != "", "target"].nunique() == 7
    assert always_hateful(found)["total"] == pytest.approx(0.687, abs=0.001)


def test_published_systems_add_up():
    share = 2_563 / 3_728
    for values in PUBLISHED.values():
        assert values["total"] == pytest.approx(
            share * values["hateful"] + (1 - share) * values["non_hateful"], abs=0.002
        )
    assert set(PUBLISHED_FUNCTIONALITIES) <= set(FUNCTIONALITIES)
    assert all(set(row) <= set(PUBLISHED) for row in PUBLISHED_FUNCTIONALITIES.values())


def test_wilson_intervals():
    low, high = wilson_interval([0, 5, 10, 0], [10, 10, 10, 0])
    # By hand, z = 1.959964: 5 of 10 gives 0.5 -+ 0.2634, 0 of 10 gives up to z^2 / (n + z^2) = 0.2775.
    assert low[:3] == pytest.approx([0.0, 0.2366, 0.7225], abs=1e-4)
    assert high[:3] == pytest.approx([0.2775, 0.7634, 1.0], abs=1e-4)
    assert np.isnan([low[3], high[3]]).all()
    with pytest.raises(InputError, match="hits must be from 0 to n"):
        wilson_interval(3, 2)
    with pytest.raises(InputError, match="confidence"):
        wilson_interval(1, 2, 1.0)


def test_wilson_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = rng.binomial(60, 0.07, 4_000)
    low, high = wilson_interval(hits, np.full(4_000, 60))
    assert 0.92 < ((low <= 0.07) & (high >= 0.07)).mean() < 0.985  # a normal interval would be below 0.9 here


def test_shares_by_group():
    table = share_table([True, False, True], pd.Series(["b", "b", "a"], name="kind"))
    assert table["n"].to_dict() == {"b": 2, "a": 1} and table["share"].to_dict() == {"b": 0.5, "a": 1.0}


def test_accuracy_by_part_functionality_and_group(cases):
    decided = np.array([1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1], dtype=bool)
    found = score_hatecheck(cases, decided, n_resamples=200)
    assert found.overall["hits"].to_dict() == {"total": 8, "hateful": 3, "non_hateful": 5}
    assert found.overall.loc["total", "accuracy"] == pytest.approx(8 / 12)
    assert found.functionality["accuracy"].to_dict() == {"slur_h": 0.75, "ident_pos_nh": 0.5, "target_obj_nh": 0.75}
    assert found.target["accuracy"].to_dict() == {
        ("Martians", "total"): 1.0, ("Martians", "hateful"): 1.0, ("Martians", "non_hateful"): 1.0,
        ("Venusians", "total"): 0.25, ("Venusians", "hateful"): 0.5, ("Venusians", "non_hateful"): 0.0,
    }  # fmt: skip
    assert "target_obj_nh" not in found.cells.index.get_level_values("functionality")
    assert found.cells.loc[("slur_h", "Venusians"), "n"] == 2
    # One template makes all hateful cases, so resampling templates moves nothing there.
    assert found.overall.loc["hateful", ["low", "high"]].tolist() == [0.75, 0.75]
    assert found.overall.loc["total", "low"] < 8 / 12 < found.overall.loc["total", "high"]
    with pytest.raises(InputError, match="12 in all"):
        score_hatecheck(cases, decided[:5])


def test_two_systems_are_compared_on_the_same_cases(cases):
    wrong, right = np.zeros(12, dtype=bool), cases["hateful"].to_numpy()
    found = compare_hatecheck(cases, right, wrong, n_resamples=200)
    assert list(found.index) == list(PARTS)
    assert found.loc["hateful", ["score_a", "score_b", "difference"]].tolist() == [1.0, 0.0, 1.0]
    assert found.loc["non_hateful", "difference"] == 0 and found.loc["non_hateful", "p_value"] == 1.0
    assert found.loc["total", "difference"] == pytest.approx(4 / 12)


def test_the_best_threshold_lies_between_the_classes():
    truth = np.array([True, True, False, False])
    assert best_balanced_threshold(truth, np.array([3.0, 2.0, 1.0, 0.0])) == 1.5
    assert best_balanced_threshold(truth, np.array([3.0, 1.0, 1.0, 0.0])) == 2.0  # a tie is cut as a whole
    assert best_balanced_threshold(np.array([True, False]), np.array([1.0, 1.0])) == 0.5
    assert balanced_accuracy(truth, [True, False, False, False]) == 0.75
    assert np.isnan(balanced_accuracy(np.ones(3, bool), np.ones(3, bool)))


def test_any_label_is_a_noisy_or():
    probs = np.array([[0.1, 0.2, 0.0, 0.0, 0.5, 0.3]])
    expected = 1 - 0.9 * 0.8 * 0.5 * 0.7
    score = RULES["any_label"](to_logits(probs))[0]
    assert 1 / (1 + np.exp(-score)) == pytest.approx(expected, abs=1e-6)


def made_up(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Comments of which only `identity_hate` tells the hateful ones from others; `toxic` is high for both."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.3
    logits = rng.normal(size=(n, 6))
    logits[:, 0] += 3
    logits[:, 5] += np.where(truth, 2.5, -2.5)
    return truth, 1 / (1 + np.exp(-logits))


def test_the_rule_that_tells_them_apart_is_chosen():
    truth, probs = made_up()
    found = choose_decision(truth, probs, rules=["toxic", "largest", "identity_hate"])
    assert found.rule == "identity_hate" and found.weights == ()
    assert found.balanced_accuracy["identity_hate"] > 0.95 > found.balanced_accuracy["largest"]
    assert abs(found.balanced_accuracy["toxic"] - 0.5) < 0.15  # noise does not look good: it is judged on other rows
    other_truth, other = made_up(seed=1)
    assert balanced_accuracy(other_truth, found.decide(other)) > 0.95
    np.testing.assert_array_equal(found.decide(other), found.scores(other) >= found.threshold)
    assert (found.rows, found.hateful) == (400, int(truth.sum()))


def test_the_fitted_rule_keeps_its_weights():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(400, 6))
    truth = logits[:, 1] - logits[:, 3] > 0.2
    found = choose_decision(truth, 1 / (1 + np.exp(-logits)))
    assert found.rule == "logistic" and len(found.weights) == 7
    assert found.weights[1] > 1 and found.weights[3] < -1 and abs(found.weights[0]) < 0.5
    np.testing.assert_allclose(
        found.scores(1 / (1 + np.exp(-logits[:3]))), logits[:3] @ found.weights[:6] + found.weights[6], atol=1e-5
    )


def test_too_few_comments_of_a_kind_and_unknown_rules():
    truth, probs = made_up(40)
    with pytest.raises(InputError, match="0 hateful comments of 40; at least 5"):
        choose_decision(np.zeros(40, bool), probs)
    with pytest.raises(InputError, match="'loudest' is unknown"):
        choose_decision(truth, probs, rules=["loudest"])


def test_nothing_of_hatecheck_reaches_the_choice():
    source = inspect.getsource(hateful)
    assert "functional" not in source.replace("functionality", "") and "load_" not in source
    assert set(inspect.signature(choose_decision).parameters) == {
        "hateful", "probs", "groups", "parts", "seed", "rules",
    }  # fmt: skip
    assert "Evaluation only" in functional.__doc__ and "Evaluation only" in load_hatecheck.__doc__


def test_groups_of_validation_comments_have_an_equal_say():
    """Pooled, a threshold between a group of hate and a group of the rest looks good and divides neither of them."""
    hateful = np.array([True] * 2 + [False] * 98 + [True] * 95 + [False] * 5)
    groups = np.array(["real"] * 100 + ["made"] * 100)
    scores = np.concatenate([np.full(2, 3.0), np.full(98, -3.0), np.full(95, 1.0), np.full(5, 0.9)])
    assert best_balanced_threshold(hateful, scores) == pytest.approx(0.95)
    scores[100:195:2] = 0.0
    pooled, equal = best_balanced_threshold(hateful, scores), best_balanced_threshold(hateful, scores, groups)
    decided = {threshold: scores >= threshold for threshold in (pooled, equal)}
    assert pooled == pytest.approx(-1.5) and equal == pytest.approx(0.95)
    by_hand = (1 + 1) / 4 + (47 / 95 + 1) / 4
    assert balanced_accuracy(hateful, decided[equal], groups) == pytest.approx(by_hand)
    assert balanced_accuracy(hateful, decided[pooled], groups) < by_hand


def test_a_group_without_enough_hate_is_refused():
    rng = np.random.default_rng(0)
    hateful = np.array([True] * 20 + [False] * 20 + [True] * 2 + [False] * 20)
    groups = np.array(["a"] * 40 + ["b"] * 22)
    with pytest.raises(InputError, match="a group has fewer than 5"):
        choose_decision(hateful, rng.uniform(size=(62, 6)), groups)
