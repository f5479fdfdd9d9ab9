"""Plausibility: marked characters against gold ones."""

import re

import numpy as np
import pytest
from helpers.explanations import explained
from hypothesis import given, settings
from hypothesis import strategies as st

from toxres.errors import InputError
from toxres.evaluation.rationales import (
    SCALES,
    SpanRule,
    character_f1,
    character_f1s,
    mark_characters,
    probability_of,
    tune_span_threshold,
    word_average_precision,
)

TEXT = "You sad, silly old fool!"  # words: You sad , silly old fool !
#       0   4  7 9     15  19  23
VALUES = [0.0, 0.2, 9.0, 0.8, 0.1, 1.0, 9.0]


def _count(text):
    return len(re.findall(r"\w+|[^\w\s]+", text))


def marked(rule, values=VALUES, **options):
    found = mark_characters(explained(TEXT, values, **options), rule)
    return [TEXT[start:end] for start, end in found]


def test_character_f1_as_the_task_scores_it():
    assert character_f1([], []) == 1
    assert character_f1([(0, 3)], []) == character_f1([], [(0, 3)]) == 0
    assert character_f1([(0, 4)], [(2, 8)]) == pytest.approx(2 * 2 / (4 + 6))
    assert character_f1([(0, 2), (1, 4)], [(0, 4)]) == 1
    assert character_f1s([[], [(0, 1)]], [[], [(1, 2)]]).tolist() == [1, 0]
    with pytest.raises(InputError, match="spans of 1 posts, but gold spans of 2"):
        character_f1s([[]], [[], []])


def test_words_at_or_above_the_threshold_are_marked_and_punctuation_is_not():
    assert marked(SpanRule("absolute", 0.8)) == ["silly", "fool"]
    assert marked(SpanRule("absolute", 0.81)) == ["fool"]
    assert marked(SpanRule("absolute", 0.0)) == ["sad", "silly", "old", "fool"]
    assert marked(SpanRule("absolute", np.inf)) == []


def test_gaps_are_bridged_over_so_many_words():
    rule = {"scale": "absolute", "threshold": 0.8}
    assert marked(SpanRule(**rule, bridge=0)) == ["silly", "fool"]
    assert marked(SpanRule(**rule, bridge=1)) == ["silly old fool"]
    assert marked(SpanRule("absolute", 0.2, bridge=0)) == ["sad, silly", "fool"]
    assert marked(SpanRule("absolute", 0.1, bridge=0)) == ["sad, silly old fool"]
    values = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    assert marked(SpanRule(**rule, bridge=2), values) == ["You", "fool"]
    assert marked(SpanRule(**rule, bridge=3), values) == ["You sad, silly old fool"]


@pytest.mark.parametrize(
    ("scale", "threshold", "found"),
    [
        ("share", 0.39, ["fool"]),  # 1.0 of 2.1 is .476, 0.8 is .381
        ("share", 0.38, ["silly", "fool"]),
        ("mean", 2.0, ["fool"]),  # the mean of the five words is .42: 2.38, 1.90
        ("mean", 1.9, ["silly", "fool"]),
        ("highest", 0.81, ["fool"]),
        ("highest", 0.8, ["silly", "fool"]),
        ("confident", 0.61, ["fool"]),  # times .75
        ("confident", 0.6, ["silly", "fool"]),
    ],
)
def test_scales(scale, threshold, found):
    assert marked(SpanRule(scale, threshold), score=np.log(3)) == found


def test_nothing_is_marked_below_the_floor():
    rule = SpanRule("absolute", 0.8, floor=0.75 - 1e-9)
    assert marked(rule, score=np.log(3)) == ["silly", "fool"]
    assert marked(rule, score=np.log(2.9)) == []
    assert marked(rule) == [], "no model was asked"


def test_the_reading_of_any_label_takes_the_highest():
    made = explained("you fool", [0.1, 0.2], [0.3, 0.0], labels=("toxic", "insult"), score=[-1.0, 2.0])
    assert mark_characters(made, SpanRule("absolute", 0.25)) == ()
    assert mark_characters(made, SpanRule("absolute", 0.25, reading="any")) == ((0, 3),)
    assert probability_of(made, "toxic") == pytest.approx(1 / (1 + np.e))
    assert probability_of(made, "toxic", "any") == pytest.approx(1 / (1 + np.exp(-2)))


def test_values_below_zero_count_as_none():
    assert marked(SpanRule("share", 0.99), [-5, -1, 0, 1, -3, 0, 0]) == ["silly"]
    assert marked(SpanRule("absolute", -10), [-5] * 7) == []


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="unknown scale 'score'; choose one of: absolute, share"):
        SpanRule("score", 1.0)
    with pytest.raises(InputError, match="unknown reading 'insult'; choose one of: label, any"):
        SpanRule("share", 1.0, reading="insult")


def test_word_average_precision():
    gold = [(9, 14), (15, 23)]  # silly, and "old fool" with its space
    values = [0.5, 0.1, 7.0, 0.9, 0.2, 0.8, 7.0]
    # by value: silly (gold), fool (gold), You, old (gold), sad
    assert word_average_precision(explained(TEXT, values), gold) == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert word_average_precision(explained(TEXT, values), [(15, 16)]) != 1, "a third of a word is not the word"
    assert np.isnan(word_average_precision(explained(TEXT, values), []))
    assert np.isnan(word_average_precision(explained(TEXT, values), [(0, 24)]))


def test_tuning_finds_the_rule_that_made_the_gold_spans():
    rng = np.random.default_rng(0)
    texts = ["one two three four five six", "a b c d e", "this, that and some other thing"]
    made, gold, truth = [], [], SpanRule("highest", 0.6, bridge=1, floor=0.5)
    for number in range(60):
        text = texts[number % 3]
        n_words = _count(text)
        made.append(explained(text, rng.random(n_words), score=rng.normal(0, 2)))
        gold.append(mark_characters(made[-1], truth))
    tuned = tune_span_threshold(made, gold)
    assert tuned.f1 > 0.97 and tuned.posts == 60 and tuned.tried > 1_000
    assert (tuned.rule.scale, tuned.rule.bridge, tuned.rule.floor) == ("highest", 1, 0.5)
    assert 0.55 < tuned.rule.threshold < 0.65
    held = tune_span_threshold(made, gold, scales=["absolute"], bridges=[None], floors=[0.0])
    assert held.f1 < tuned.f1 and (held.rule.scale, held.rule.bridge, held.rule.floor) == ("absolute", None, 0.0)


def test_tuning_refuses_what_it_cannot_compare():
    with pytest.raises(InputError, match="0 explanations"):
        tune_span_threshold([], [])
    with pytest.raises(InputError, match="give the same posts"):
        tune_span_threshold([explained("a", [1.0])], [])
    with pytest.raises(InputError, match="at least one of each"):
        tune_span_threshold([explained("a", [1.0])], [[]], scales=[])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_tuning_counts_is_what_the_marked_characters_score(data):
    """Vectorised counts against sets of characters, whatever the words, values, gold spans, bridge and scale."""
    bridge = data.draw(st.sampled_from([None, 0, 1, 2]))
    scale, floor = data.draw(st.sampled_from(list(SCALES))), data.draw(st.sampled_from([0.0, 0.5]))
    made, gold = [], []
    for _ in range(data.draw(st.integers(1, 4))):
        text = " ".join(data.draw(st.lists(st.sampled_from(["a", "bcd", "ef,", "...", "g!h"]), min_size=1, max_size=6)))
        n_words = _count(text)
        numbers = st.floats(-1, 1, allow_nan=False).map(lambda value: round(value, 2))
        values = data.draw(st.lists(numbers, min_size=n_words, max_size=n_words))
        made.append(explained(text, values, score=data.draw(st.sampled_from([-1.0, 1.0]))))
        start = data.draw(st.integers(0, len(text)))
        gold.append([(start, end)] if (end := data.draw(st.integers(start, len(text)))) > start else [])
    tuned = tune_span_threshold(made, gold, scales=[scale], bridges=[bridge], floors=[floor])
    marked_again = [mark_characters(each, tuned.rule) for each in made]
    assert character_f1s(marked_again, gold).mean() == pytest.approx(tuned.f1)
