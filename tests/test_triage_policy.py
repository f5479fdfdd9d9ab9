"""Policies: what they say, how a file of theirs is wrong, and that its hash is of what it says."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.triage import Policy, example_policies, load_policy, parse_policy
from toxres.triage.policy import UNKNOWN_GROUP

MINE = """\
name: mine
labels:
  toxic: 1
  threat: 10
tolerated:
  wrong_decisions: 0.01
"""


def mine(**changes) -> Policy:
    return dataclasses.replace(Policy("mine", {"toxic": 1, "threat": 10}, wrong_decisions=0.01), **changes)


def test_the_examples_are_one_for_each_kind_of_site():
    assert example_policies() == ("children", "forum", "gossip", "news")


@pytest.mark.parametrize("name", example_policies())
def test_an_example_loads_by_its_name(name):
    policy = load_policy(name)
    assert policy.name == name
    assert policy.description
    assert parse_policy(policy.to_yaml()) == policy


def test_a_file_says_what_the_constructor_says(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(MINE)
    assert load_policy(file) == load_policy(str(file)) == mine()


def test_enforced_labels_stand_in_jigsaws_order():
    policy = Policy("p", {"threat": 10, "toxic": 1}, wrong_decisions=0.01)
    assert policy.enforced == ("toxic", "threat")
    assert Policy("p", ("threat", "toxic"), wrong_decisions=0.01).labels == {"toxic": 1.0, "threat": 1.0}


def test_the_hash_is_of_what_the_policy_says_and_not_of_how():
    reordered = "# mine\ntolerated: {wrong_decisions: 1e-2}\nlabels: {threat: 10.0, toxic: 1}\nname: 'mine'\n"
    assert parse_policy(reordered.replace("1e-2", "1.0e-2")).hash == parse_policy(MINE).hash == mine().hash
    assert len(mine().hash) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"labels": {"toxic": 2, "threat": 10}},
        {"wrong_decisions": 0.02},
        {"wrong_decisions": None, "wrong_accepts": 0.01},
        {"wrong_decisions": None, "wrong_rejects": 0.01},
        {"groups": ("news",)},
        {"confidence": 0.9},
        {"unknown_group": "refuse"},
        {"always_review": {"threat": 0.5}},
        {"thresholds": (0.1, 0.9)},
        {"daily_queue": 10},
        {"description": "Mine."},
    ],
    ids=lambda change: ", ".join(change),
)
def test_every_field_counts_in_the_hash_and_survives_the_file(change):
    changed = mine(**change)
    assert changed.hash != mine().hash
    assert parse_policy(changed.to_yaml()) == changed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINE.replace("threat: 10", "thret: 10"), "mine.yaml, line 4, field 'labels.thret': is unknown; did you mean"),
        (MINE + "confidense: 0.9\n", "line 7, field 'confidense': is unknown; did you mean confidence?"),
        (MINE.replace("_decisions", "_acepts"), "wrong_acepts': is unknown; did you mean wrong_accepts?"),
        (MINE.replace("0.01", "0"), "field 'tolerated.wrong_decisions': is 0, which no number"),
        (MINE.replace("0.01", "-0.1"), "line 6, .*above 0 and below 0.5"),
        (MINE.replace("0.01", "0.5"), "line 6, .*above 0 and below 0.5"),
        (MINE.replace("0.01", "1%"), "line 6, .*'1%', not a number"),
        (MINE.replace("0.01", ".nan"), "line 6, .*not a number"),
        (MINE.replace("0.01", "yes"), "line 6, .*not a number"),
        (MINE + "  wrong_accepts: 0.1\n", "line 5, field 'tolerated': wrong_decisions is of all automatic decisions"),
        (MINE.replace("wrong_decisions: 0.01", "{}"), "field 'tolerated': says nothing"),
        (MINE.replace("threat: 10", "threat: 0"), "line 4, field 'labels.threat': is 0; a severity is above 0"),
        (MINE.replace("threat: 10", "toxic: 10"), "line 4, field 'labels.toxic': stands on line 3 already"),
        (MINE + "confidence: 1\n", "line 7, field 'confidence': is 1; it is at least 0.5 and below 1"),
        (MINE + "confidence: 95\n", "field 'confidence': is 95"),
        (MINE + "unknown_group: revew\n", "field 'unknown_group': is 'revew'; did you mean review?"),
        (MINE + "always_review: {threat: 1.5}\n", "line 7, field 'always_review.threat': is 1.5"),
        (MINE + "always_review: [threat]\n", "field 'always_review': is \\['threat'\\]; give labels with a"),
        (MINE + "thresholds: {accept: 0.6, reject: 0.4}\n", "line 7, field 'thresholds': overlap: comments below 0.6"),
        (MINE + "thresholds: {accept: 0.6}\n", "field 'thresholds': .* give accept and reject"),
        (MINE + "thresholds: {accept: 0.6, reject: 1.4}\n", "line 7, field 'thresholds.reject': is 1.4"),
        (MINE + "daily_queue: 0.5\n", "line 7, field 'daily_queue': is 0.5; give a whole number"),
        (MINE + "groups: news\n", "line 7, field 'groups': is 'news'; give a list"),
        (MINE + "groups: [news, news]\n", "field 'groups': news, news: one stands twice"),
        (MINE + "groups: ['']\n", "field 'groups': '' is no group's name"),
        (MINE + "description: [1]\n", "field 'description': is \\[1\\]"),
        (MINE.replace("name: mine", "name: 3"), "line 1, field 'name': is empty"),
        (MINE.replace("name: mine\n", ""), "field 'name': is missing"),
        ("name: mine\ntolerated: {wrong_decisions: 0.1}\n", "field 'labels': is missing"),
        (MINE.replace("labels:\n  toxic: 1\n  threat: 10", "labels: {}"), "field 'labels': enforces none"),
        (MINE.replace("labels:\n  toxic: 1\n  threat: 10", "labels: toxic"), "field 'labels': is 'toxic'; give labels"),
        ("", "mine.yaml: is empty"),
        ("- a\n", "mine.yaml: is a list; write fields"),
        (MINE + "name: [\n", "line 8: is not valid YAML"),
        (MINE + "description: !!python/object/apply:os.getcwd []\n", "is not valid YAML \\(could not determine"),
        ("a: 2001-99-99\n", "mine.yaml: holds a value that YAML cannot read"),
        ("[" * 5_000, "is nested too deeply|is not valid YAML"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_by_its_line_and_field(tmp_path, text, message):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as told:
        load_policy(file)
    assert "\n" not in str(told.value)


def test_a_missing_file_and_bytes_that_are_no_text(tmp_path):
    with pytest.raises(InputError, match=r"newz: no such policy; .* children, forum, gossip, news"):
        load_policy("newz")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(InputError, match=r"latin.yaml: is not UTF-8 \(byte 9\)"):
        load_policy(tmp_path / "latin.yaml")
    with pytest.raises(InputError, match="no such policy"):
        load_policy(tmp_path)


shares = st.floats(0, 0.5, exclude_min=True, exclude_max=True)
names = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() and text.isprintable())


@st.composite
def policies(draw):
    pooled = draw(st.booleans())
    sides = draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    cuts = sorted(draw(st.tuples(st.floats(0, 1), st.floats(0, 1))))
    return Policy(
        draw(names),
        draw(st.dictionaries(st.sampled_from(LABELS), st.floats(0.01, 100), min_size=1)),
        wrong_accepts=None if pooled or not sides[0] else draw(shares),
        wrong_rejects=None if pooled or not sides[1] else draw(shares),
        wrong_decisions=draw(shares) if pooled else None,
        groups=tuple(draw(st.lists(names, unique=True, max_size=3))),
        confidence=draw(st.floats(0.5, 1, exclude_max=True)),
        unknown_group=draw(st.sampled_from(UNKNOWN_GROUP)),
        always_review=draw(st.dictionaries(st.sampled_from(LABELS), st.floats(0.01, 1))),
        thresholds=draw(st.sampled_from([None, tuple(cuts)])),
        daily_queue=draw(st.none() | st.integers(1, 10_000)),
        description=draw(st.text(max_size=30)),
    )


def test_line_ends_of_all_kinds_survive_a_policys_file():
    for mark in ("\n", "\r", "\x85", "\u2028", "\u2029", " \x85 ü"):
        policy = Policy("mine", {"toxic": 1}, wrong_decisions=0.1, description=f"a{mark}b")
        assert parse_policy(policy.to_yaml()) == policy


@given(policies())
@settings(max_examples=60, deadline=None)
def test_any_policy_survives_its_file_and_keeps_its_hash(policy):
    again = parse_policy(policy.to_yaml())
    assert again == policy
    assert again.hash == policy.hash


@given(st.text(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_text_is_a_policy_or_one_line_that_says_why_not(text):
    try:
        parse_policy(text)
    except InputError as error:
        assert "\n" not in str(error)
