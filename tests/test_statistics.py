import numpy as np
import pandas as pd
import pytest

from toxres.data import statistics
from toxres.data.schema import make_comments
from toxres.data.statistics import (
    agreement,
    by_group,
    example_table,
    group_profile,
    krippendorff_alpha,
    mapping_table,
    missing_sources,
    name_sources,
    overview,
    prevalence,
    rater_counts,
    sources_at_hand,
    spans_cut_off,
    token_counts,
    truncation,
    vocabulary_shares,
    with_lengths,
)
from toxres.labels import LABELS


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    from toxres.models.encoders import minilm_path

    return AutoTokenizer.from_pretrained(minilm_path())


def folded(comments, clusters, folds):
    return comments.assign(cluster=clusters, fold=folds)


def test_prevalence_is_of_the_known(small_comments):
    table = prevalence({"small": small_comments})["small"]
    assert table["toxic"] == 6 / 8
    assert table["threat"] == 1 / 7
    bare = make_comments(["1"], ["hello"], "x", {"toxic": [0.4]}, name="bare")
    assert prevalence({"bare": bare})["bare"]["toxic"] == 0
    assert np.isnan(prevalence({"bare": bare})["bare"]["insult"])


def test_the_overview_tells_soft_from_hard(small_comments):
    hard = make_comments(["1", "2"], ["a", "b"], "x", {"toxic": [0, 1]}, [[], [(0, 1, "toxic")]], name="hard")
    table = overview({"jigsaw": small_comments, "davidson": hard})
    assert table["targets"].tolist() == ["shares of raters", "0 or 1"]
    assert table["known labels"].tolist() == [6, 1]
    assert table["with spans"].tolist() == [0, 1]
    assert table["any label"].tolist() == [6 / 8, 1 / 2]


def test_every_label_of_every_source_has_its_mapping():
    table = mapping_table()
    assert list(table.index) == list(LABELS)
    assert table.loc["severe_toxic", "civil_spans"] == "unknown"
    assert "not toxic" in table.loc["toxic", "civil_spans"]


def test_what_is_not_at_hand_is_named(bare_data):
    assert list(sources_at_hand()) == ["synthetic"]
    lines = missing_sources().splitlines()
    assert [line.split()[0] for line in lines] == ["jigsaw", "civil_spans", "davidson"]
    assert name_sources({}) == "no source at hand"
    assert agreement(sources_at_hand()).empty
    assert rater_counts("civil_spans").empty


def test_groups_are_real_ones_where_there_are_any(small_comments):
    written = small_comments.assign(group=["forum"] * 4 + ["chat"] * 4)
    assert list(by_group({"synthetic": written})) == ["chat", "forum"]
    both = by_group({"jigsaw": small_comments, "synthetic": written})
    assert {name: len(part) for name, part in both.items()} == {"test": 8, "synthetic": 8}


def test_lengths_count_everything(tokenizer):
    texts = ["a b  c", "word " * 700]
    frame = with_lengths(make_comments(["1", "2"], texts, "x", {}, name="x"), tokenizer)
    assert frame["words"].tolist() == [3, 700]
    assert frame["tokens"].tolist() == [5, 702]
    assert token_counts(texts, tokenizer).tolist() == [5, 702]
    assert len(tokenizer("word " * 700, truncation=True, max_length=16)["input_ids"]) == 16


def test_truncation_counts_comments_and_tokens():
    table = truncation(np.array([10, 20, 40, 30]), lengths=(20, 64))
    assert table.loc[20].tolist() == [2 / 4, 30 / 100]
    assert table.loc[64].tolist() == [0, 0]


def test_spans_behind_the_cut_are_counted(tokenizer):
    text = "one two three four five six"
    spans = [[(0, 3, "toxic"), (text.index("four"), len(text), "insult"), (text.index("three"), 13, "insult")]]
    comments = make_comments(["1"], [text], "x", {}, spans, name="x")
    table = spans_cut_off(comments, tokenizer, max_length=5)
    assert table["spans"].to_dict() == {"toxic": 1, "insult": 2}
    assert table["cut off"].to_dict() == {"toxic": 0, "insult": 0.5}
    assert spans_cut_off(comments, tokenizer, 8)["cut off"].sum() == 0
    assert spans_cut_off(comments.drop(columns="spans"), tokenizer, 5).empty


def test_alpha_of_an_example_by_hand():
    """Two raters, four comments, coincidences 01: 1, 10: 1, 00: 4, 11: 2, so 1 - (2/8) / (2*3*5/(8*7))."""
    assert krippendorff_alpha([1, 0, 2, 0], [2, 2, 2, 2]) == pytest.approx(1 - (2 / 8) / (2 * 3 * 5 / 56))
    assert krippendorff_alpha([3, 0, 2], [3, 4, 2]) == 1
    assert krippendorff_alpha([3, 0, 2, 1], [3, 4, 2, 1]) == 1
    assert np.isnan(krippendorff_alpha([0, 0], [3, 3]))
    random = np.random.default_rng(0)
    assert krippendorff_alpha(random.binomial(4, 0.3, 20_000), np.full(20_000, 4)) == pytest.approx(0, abs=0.02)


def test_agreement_reads_the_raters(monkeypatch):
    shares = {"toxic": [0, 1 / 3, 2 / 3, 1], "threat": [0, 0, 0, 1 / 3]}
    comments = make_comments(list("abcd"), list("wxyz"), "news", shares, name="x")
    monkeypatch.setattr(statistics, "rater_counts", lambda name: pd.Series(3, index=list("dcba")))
    table = agreement({"civil_spans": comments}).set_index("label")
    assert list(table.index) == ["toxic", "threat"]
    assert table.loc["toxic", ["no rater", "they differ", "every rater"]].tolist() == [0.25, 0.5, 0.25]
    assert table.loc["toxic", "majority, if any"] == pytest.approx(2 / 3)
    assert table.loc["threat", "majority, if any"] == 0
    assert table.loc["toxic", "alpha"] == pytest.approx(krippendorff_alpha([0, 1, 2, 3], [3] * 4))


def test_a_vocabulary_is_learnt_in_training_folds_and_read_in_others():
    def group(training, other):
        frame = make_comments(["1", "2"], [training, other], "x", {}, name="x")
        return folded(frame, ["1", "2"], [2, 0])

    table = vocabulary_shares({"a": group("red blue red blue", "red RED, green! blue"), "b": group("x y", "y z")})
    assert table.attrs["words"] == 2
    assert table.loc["a", "a"] == 1
    assert table.loc["b", "b"] == 0.5
    assert table.loc["a", "b"] == table.loc["b", "a"] == 0


def test_the_profile_of_a_group():
    frame = make_comments(["1", "2"], ["ABcd 12 see www.x.y", "@me hi"], "x", {}, name="x")
    row = group_profile({"x": frame.assign(words=[4, 2], tokens=[10, 5])}).loc["x"]
    assert row["median words"] == 3
    assert row["median tokens"] == 7.5
    assert row["tokens per word"] == 15 / 6
    assert row["capital letters"] == 2 / 16
    assert row["with a link"] == row["with a mention"] == 0.5


def test_raters_of_the_real_sources(data_dir):
    civil, tweets = rater_counts("civil_spans"), rater_counts("davidson")
    assert (len(civil), len(tweets)) == (16_100, 24_783)
    assert civil.sum() == 59_215
    assert tweets.min() == 3


def test_examples_are_the_shortest_of_their_case():
    labels, spans = {"toxic": [1, 0, 0, 0]}, [[(4, 8, "toxic"), (4, 8, "insult")], [], [], []]
    labels["insult"] = labels["toxic"]
    texts = ["you dolt!", "long enough", "short", "far too long " * 10]
    frame = make_comments(list("1234"), texts, "x", labels, spans, name="x")
    table = example_table(frame.assign(case=["", "self", "self", "long"]))
    assert list(table.index) == ["plain", "self"]
    assert table.loc["plain"].tolist() == ["you dolt!", "toxic, insult", "dolt"]
    assert table.loc["self"].tolist() == ["short", "none", ""]
