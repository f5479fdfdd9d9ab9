"""Identity terms, madlibs, neutral sentences, and the areas under the curve that show bias."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from toxres.data.functional import load_madlibs
from toxres.data.identity_terms import CONTROL, KINDS, TEMPLATES, TERMS, mentioned_terms, neutral_statements
from toxres.errors import InputError
from toxres.evaluation.identity import AREAS, bias_summary, bias_table, false_positives, generalised_mean

POSITIVE = np.array([True, True, True, False, False, False])
MEMBERS = {"a": np.array([True, False, False, True, False, True])}


def test_the_three_areas_by_hand():
    scores = np.array([0.4, 0.9, 0.7, 0.6, 0.5, 0.1])
    row = bias_table(POSITIVE, scores, MEMBERS, n_resamples=0).loc["a"]
    assert (row["n"], row["positives"]) == (3, 1)
    assert row["subgroup"] == pytest.approx(1 / 2)  # 0.4 beats 0.1, not 0.6
    assert row["bpsn"] == pytest.approx(1.0)  # 0.9 and 0.7 beat 0.6 and 0.1
    assert row["bnsp"] == pytest.approx(0.0)  # 0.4 does not beat 0.5
    assert np.isnan(row["subgroup_low"])


def test_ties_count_half():
    row = bias_table(POSITIVE, np.full(6, 0.5), MEMBERS, n_resamples=0).loc["a"]
    assert [row[area] for area in AREAS] == [0.5, 0.5, 0.5]


def test_undefined_areas_are_nan():
    scores = np.arange(6) / 10
    members = {"none": np.zeros(6, bool), "positives": POSITIVE, "all": np.ones(6, bool)}
    table = bias_table(POSITIVE, scores, members, n_resamples=20)
    assert table.loc["none", list(AREAS)].isna().all() and table.loc["none", "bpsn_low":"bpsn_high"].isna().all()
    assert table.loc["positives", ["subgroup", "bpsn"]].isna().all() and table.loc["positives", "bnsp"] == 0.0
    assert table.loc["all", "subgroup"] == 0.0 and table.loc["all", ["bpsn", "bnsp"]].isna().all()
    summary = bias_summary(table)
    assert summary["subgroup_undefined"] == 2 and np.isnan(summary["bpsn"]) and summary["overall"] == 0.0


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_areas_are_those_of_scikit_learn(data):
    n = data.draw(st.integers(4, 40))
    booleans = st.lists(st.booleans(), min_size=n, max_size=n)
    positive, member = np.array(data.draw(booleans)), np.array(data.draw(booleans))
    scores = np.array(data.draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n)), dtype=float)
    table = bias_table(positive, scores, {"a": member}, n_resamples=0)
    wanted = {
        "subgroup": member, "bpsn": (member & ~positive) | (~member & positive),
        "bnsp": (member & positive) | (~member & ~positive),
    }  # fmt: skip
    for area, rows in {**wanted, "overall": np.ones(n, bool)}.items():
        found = table.loc["overall", "subgroup"] if area == "overall" else table.loc["a", area]
        if 0 < positive[rows].sum() < rows.sum():
            assert found == pytest.approx(roc_auc_score(positive[rows], scores[rows]))
        else:
            assert np.isnan(found)


def test_intervals_hold_the_value_and_shrink_with_rows():
    rng = np.random.default_rng(0)
    widths = []
    for n in (200, 3_200):
        positive = rng.random(n) < 0.5
        scores = rng.normal(positive.astype(float))
        row = bias_table(positive, scores, {"a": rng.random(n) < 0.3}, n_resamples=200).loc["a"]
        for area in AREAS:
            assert row[f"{area}_low"] < row[area] < row[f"{area}_high"]
        widths.append(row["bpsn_high"] - row["bpsn_low"])
    assert widths[1] < widths[0] / 2


def test_clusters_are_resampled_whole():
    positive, scores = np.tile([True, False], 50), np.tile([1.0, 0.0], 50)
    scores[:2] = [0.0, 1.0]
    by_row = bias_table(positive, scores, {}, n_resamples=200).loc["overall"]
    one = bias_table(positive, scores, {}, clusters=np.zeros(100), n_resamples=200).loc["overall"]
    assert one["subgroup_low"] == one["subgroup_high"] == one["subgroup"]
    assert by_row["subgroup_low"] < by_row["subgroup"] < by_row["subgroup_high"]


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="row 2: not a finite number"):
        bias_table(POSITIVE, np.array([0, np.nan, 0, 0, 0, 0]), {})
    with pytest.raises(InputError, match="one score a row"):
        bias_table(POSITIVE, np.zeros(5), {})
    with pytest.raises(InputError, match="members of 'a'"):
        bias_table(POSITIVE, np.zeros(6), {"a": np.zeros(3, bool)})


def test_generalised_mean():
    values = np.array([0.5, 1.0, np.nan])
    assert generalised_mean(values, -5) == pytest.approx(((0.5**-5 + 1) / 2) ** (-1 / 5))
    assert generalised_mean(values, 1) == pytest.approx(0.75)
    assert 0.5 < generalised_mean(values) < generalised_mean(values, 1)
    assert generalised_mean(np.array([0.9, 0.0])) == 0.0
    assert np.isnan(generalised_mean(np.array([np.nan])))
    with pytest.raises(InputError, match="power 0"):
        generalised_mean(values, 0)
    with pytest.raises(InputError, match="negative"):
        generalised_mean(np.array([-0.1]))


def test_false_positives_by_term():
    found = false_positives(np.array([True, False, False]), pd.Series(["gay", "gay", "deaf"], name="term"))
    assert found["rate"].to_dict() == {"gay": 0.5, "deaf": 0.0} and found.loc["deaf", "high"] < 1
    with pytest.raises(InputError, match="3 in all"):
        false_positives(np.array([True]), pd.Series([1, 2, 3]))


def test_mentions_are_whole_words_and_the_longest_counts():
    texts = [
        "Many African-Americans and MUSLIMS came.", "He is a transport clerk with a blackboard.",
        "Two old  men sat there.", "She likes old maps.", "gay, lesbian",
    ]  # fmt: skip
    found = {name: rows.tolist() for name, rows in mentioned_terms(texts).items() if rows.any()}
    assert found == {
        "african american": [True, False, False, False, False],
        "muslim": [True, False, False, False, False],
        "old": [False, False, True, False, False],
        "gay": [False, False, False, False, True],
        "lesbian": [False, False, False, False, True],
    }


def test_terms_are_well_formed():
    phrases = [phrase for term in TERMS.values() for phrase in term.mentions]
    assert len(phrases) == len(set(phrases)) and all(phrase == phrase.lower() and phrase for phrase in phrases)
    assert {term.kind for term in TERMS.values()} == set(KINDS)
    assert len({term.person for term in TERMS.values()}) == len(TERMS)


def test_neutral_sentences():
    found = neutral_statements()
    assert found["id"].is_unique and found["text"].is_unique and not found["text"].str.contains("[{}]").any()
    assert len(found) == len(TEMPLATES) * (len(TERMS) + found.loc[found["kind"] == CONTROL, "term"].nunique())
    assert "I am a deaf person." in set(found["text"]) and "I am a cyclist." in set(found["text"])
    assert not found["text"].str.contains(r"\ba (?!european)[aeio]", case=False).any()


def write_madlibs(folder, rows):
    path = folder / "madlibs" / "bias_madlibs_77k.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text("Text,Label,Template\n" + "".join(f"{','.join(row)}\n" for row in rows), encoding="utf-8")
    return folder


def test_madlibs_are_read_with_term_and_frame(tmp_path):
    rows = [
        ("Being african american is fun.", "NOT_BAD", "being_adj"), ("hate deaf", "BAD", "verb_adj"),
        ("You are a nice baker", "NOT_BAD", "you_occupation"), ("Being deaf is fun.", "NOT_BAD", "being_adj"),
    ]  # fmt: skip
    found = load_madlibs(write_madlibs(tmp_path, rows))
    assert found["term"].tolist() == ["african american", "deaf", "", "deaf"]
    assert found["bad"].tolist() == [False, True, False, False] and found["id"].tolist()[-1] == "row-4"
    assert found["frame"][0] == found["frame"][3] == "being _ is fun." and found["frame"][1] == "hate _"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("hug deaf", "FINE", "verb_adj"), "row 2, field 'Label': is neither"),
        (("hug martian", "BAD", "verb_adj"), "row 2, field 'Text': holds no identity term"),
        (("hug deaf", "NOT_BAD", "verb_adj"), "all sentences have one label"),
    ],
)
def test_broken_madlibs_are_refused(tmp_path, row, message):
    with pytest.raises(InputError, match=message):
        load_madlibs(write_madlibs(tmp_path, [("hug blind", "NOT_BAD", "verb_adj"), row]))


def test_every_term_of_the_published_madlibs_is_on_the_list(data_dir):
    found = load_madlibs(data_dir)
    terms = found.loc[found["term"] != "", "term"].value_counts()
    assert len(found) == 76_564 and found["bad"].sum() == 38_282
    assert len(terms) == 50 and set(terms) == {1_514}
