"""The synthetic corpus: what it promises about labels, spans, splits, cases and sizes."""

import csv
import os
import re
import subprocess
import sys
from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toxres.data.synthetic import generate, stream
from toxres.data.synthetic.compose import CLEAN_CASES, FAMILIES, GROUPS, HARD_SHARE, compose
from toxres.data.synthetic.grammar import LETTERS, SPLITS, Rendering, article, parse, render
from toxres.data.synthetic.mix import COMBINATIONS, sample_combinations, split_sizes
from toxres.data.synthetic.noise import mistype, obfuscate, slang
from toxres.data.synthetic.topics import FILLERS, TOPIC_SLOTS
from toxres.data.synthetic.words import SHARED, WORDS, word_lists
from toxres.errors import InputError
from toxres.labels import JIGSAW_PREVALENCE, LABELS

ROWS = 6_000
FUNCTION_WORDS = {"I", "You", "Being", "you", "being", "is", "a", "am", "hate", "are"}


@pytest.fixture(scope="module")
def comments() -> pd.DataFrame:
    return generate(ROWS, seed=0)


def test_schema(comments):
    assert list(comments.columns) == ["id", "text", "group", *LABELS, "spans", "case", "split", "template"]
    assert len(comments) == ROWS and comments["id"].is_unique and comments["id"].str.startswith("syn-").all()
    assert all(comments[label].dtype == np.float32 for label in LABELS)
    assert set(np.unique(comments[list(LABELS)])) == {0.0, 1.0}
    assert set(comments["group"]) == set(GROUPS)
    assert comments["split"].value_counts().to_dict() == {"train": 3_600, "validation": 1_200, "test": 1_200}
    assert (comments["text"] == comments["text"].str.strip()).all() and (comments["text"] != "").all()


def test_ids_tell_samples_apart():
    parts = [generate(30, split=split) for split in (None, *SPLITS)] + [generate(30, seed=1), generate(31)]
    assert pd.concat(parts)["id"].is_unique


def test_the_same_in_another_process(comments):
    code = "from toxres.data.synthetic import generate; print(repr(generate(200, seed=5).values.tolist()))"
    env = os.environ | {"PYTHONHASHSEED": "77"}
    other = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == repr(generate(200, seed=5).values.tolist())
    assert generate(200, seed=6)["text"].tolist() != generate(200, seed=5)["text"].tolist()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 300), st.integers(0, 2**40), st.sampled_from([None, *SPLITS]), st.integers(1, 120))
def test_stream_is_generate_in_chunks(n, seed, split, chunk_size):
    chunks = list(stream(n, seed, split, chunk_size))
    assert all(len(chunk) == chunk_size for chunk in chunks[:-1])
    whole = generate(n, seed, split)
    pd.testing.assert_frame_equal(pd.concat(chunks, ignore_index=True), whole)
    if split is not None:
        assert set(whole["split"]) <= {split}


@pytest.mark.parametrize("arguments", [(-1,), (5, -1), (5, 0, "dev")])
def test_bad_arguments(arguments):
    with pytest.raises(InputError):
        generate(*arguments)
    with pytest.raises(InputError):
        stream(*arguments)


def test_combinations_have_jigsaws_margins():
    total = sum(COMBINATIONS.values())
    assert total == 159_571
    for letter, label in LETTERS.items():
        assert sum(count for name, count in COMBINATIONS.items() if letter in name) / total == JIGSAW_PREVALENCE[label]
    assert all("T" in name for name in COMBINATIONS if "S" in name)


def test_prevalence_and_co_occurrence(comments):
    for label, prevalence in JIGSAW_PREVALENCE.items():
        assert abs(comments[label].sum() - prevalence * ROWS) <= 6, label
    assert (comments.loc[comments["severe_toxic"] == 1, "toxic"] == 1).all()
    counts = Counter({name: count / 159_571 for name, count in COMBINATIONS.items()})
    for one, other in combinations(LETTERS, 2):
        both = sum(share for name, share in counts.items() if one in name and other in name) * ROWS
        seen = (comments[LETTERS[one]] * comments[LETTERS[other]]).sum()
        assert abs(seen - both) <= 8, (one, other)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3_000), st.integers(0, 2**32))
def test_quotas(n, seed):
    chosen = sample_combinations(n, np.random.default_rng(seed))
    assert len(chosen) == n and set(chosen) <= set(COMBINATIONS)
    for letter, label in LETTERS.items():
        count = sum(letter in name for name in chosen)
        assert abs(count - JIGSAW_PREVALENCE[label] * n) <= 14
        if n >= 100:
            assert count >= 2, label
    assert sum(split_sizes(n).values()) == n


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(0, 2**32), st.sampled_from([None, *SPLITS]))
def test_spans_point_at_what_makes_each_label_true(n, seed, split):
    sample = generate(n, seed, split)
    for row in sample.to_dict("records"):
        text = row["text"]
        assert {label for _, _, label in row["spans"]} == {label for label in LABELS if row[label]}
        for start, end, _ in row["spans"]:
            assert 0 <= start < end <= len(text)
            assert text[start:end] == text[start:end].strip()
            assert start == 0 or not text[start - 1].isalnum(), (text, text[start:end])
            assert end == len(text) or not text[end].isalnum(), (text, text[start:end])


def test_spans_hold_the_labelled_phrase_and_nothing_else():
    words = word_lists("train")
    nodes = parse("so, [TI you {adj} {insult}], look at {thing}", words, frozenset(TOPIC_SLOTS))
    out = Rendering([], [], [])
    render(nodes, lambda: 0.0, {"thing": ["the map"]}, out)
    ((letters, start, end),) = out.marks
    assert "".join(out.pieces) == "so, you stupid idiot, look at the map"
    assert letters == "TI" and "".join(out.pieces[start:end]) == "you stupid idiot"
    assert [out.pieces[at] for at in out.keys] == ["stupid", "idiot"]


def test_obfuscation_keeps_spans(comments):
    hidden = comments[(comments["case"] == "obfuscation") & (comments["insult"] == 1)]
    nouns = _entries(WORDS["insult"]) | _entries(WORDS["oinsult"])
    found = [row.text[start:end] for row in hidden.itertuples() for start, end, label in row.spans if label == "insult"]
    assert len(found) >= 8
    plain = [phrase for phrase in found if any(re.search(rf"\b{re.escape(noun)}\b", phrase.lower()) for noun in nouns)]
    assert len(plain) < len(found) / 3


@pytest.mark.parametrize(
    "template", ["{nothing}", "(a|b", "[T you", "[X you]", "[ you]", "a) b", "you]", "{a nothing}"]
)
def test_broken_templates(template):
    with pytest.raises(ValueError):
        parse(template, word_lists("train"), frozenset(TOPIC_SLOTS))


def _all_templates(split: str) -> list[str]:
    core = [line for family in FAMILIES.values() for line in family.lines(split)]
    return core + [line.strip() for line in FILLERS[split].strip().splitlines()]


def test_templates_say_their_family_s_labels():
    for name, family in FAMILIES.items():
        for split in SPLITS:
            assert family.lines(split), (name, split)
            for line in family.lines(split):
                marked = set("".join(re.findall(r"\[([A-Z]+) ", line)))
                assert marked == set(family.labels), (name, line)


def test_templates_and_words_are_disjoint_between_splits(comments):
    ids = {split: set() for split in SPLITS}
    for split, names in zip(comments["split"], comments["template"], strict=True):
        ids[split] |= set(names.split("+"))
        assert all(f".{split}." in name for name in names.split("+"))
    runs = {split: {run for line in _all_templates(split) for run in _runs(line)} for split in SPLITS}
    for one, other in combinations(SPLITS, 2):
        assert not ids[one] & ids[other]
        assert runs[one] & runs[other] == set()
        for name in ("insult", "insults", "adj", "oinsult", "groups", "member", "vermin", "filthy", "maim", "rude"):
            assert not set(WORDS[name][one].split(";")) & set(WORDS[name][other].split(";")), name


def _runs(template: str) -> set[tuple[str, ...]]:
    """Runs of five words of a template, slots as one word, none across alternatives."""
    plain = re.sub(r"\{[^}]*\}", "_", re.sub(r"\[[A-Z]+ |\]", "", template))
    parts = [re.findall(r"[\w']+", part.lower()) for part in re.split(r"[()|]", plain)]
    return {tuple(words[at : at + 5]) for words in parts for at in range(len(words) - 4)}


def test_distinct(comments):
    assert comments["text"].nunique() >= 0.99 * ROWS
    assert comments["template"].nunique() >= 400


def test_lengths_and_registers(comments):
    words = comments["text"].str.split().str.len()
    assert 24 <= words.median() <= 42 and (words > 100).mean() > 0.01 and words.max() < 400
    medians = words.groupby(comments["group"]).median()
    assert medians["chat"] < medians["forum"] < medians["news"]
    emoji = comments["text"].str.contains("[\U0001f300-\U0001faff]").groupby(comments["group"]).mean()
    assert emoji["chat"] > 0.3 and emoji["news"] == 0


def test_hard_cases_have_the_right_labels(comments):
    labelled = comments[list(LABELS)].any(axis=1)
    for part in (comments[labelled], comments[~labelled]):
        assert abs((part["case"] != "").mean() - HARD_SHARE) < 0.01
    assert set(comments.loc[~labelled, "case"]) == {"", *CLEAN_CASES}
    both = {"negation", "quotation", "counter_speech", "reclaimed", "obfuscation", "typos", "long"}
    toxic = comments["toxic"] == 1
    assert set(comments.loc[toxic, "case"]) == {"", "implicit", *both}
    for case, labels in (("negation", 0), ("quotation", 0), ("counter_speech", 0)):
        assert (comments.loc[(comments["case"] == case) & ~labelled, list(LABELS)] == labels).all().all()
    assert (comments.loc[comments["case"] == "implicit", "toxic"] == 1).all()
    assert not labelled[comments["case"].isin(["self", "object", "harmless", "criticism", "identity_mention"])].any()


def test_the_words_of_abuse_stand_in_clean_comments_too(comments):
    toxic = comments["toxic"] == 1
    for name in ("insult", "oinsult", "rude", "groups"):
        pattern = r"\b(?:" + "|".join(map(re.escape, sorted(_entries(WORDS[name])))) + r")\b"
        has = comments["text"].str.contains(pattern, case=False)
        assert has[~toxic].sum() > has[toxic].sum() / 3, name


@pytest.mark.parametrize("letters", list(COMBINATIONS))
def test_every_combination_in_every_split(letters):
    draw = np.random.default_rng(3).random
    for split in SPLITS:
        for hard in (True, False, True, False, True):
            comment = compose(letters, split, draw, hard)
            assert (comment.case != "") == hard
            assert {label for _, _, label in comment.spans} == {LETTERS[letter] for letter in letters}


def test_noise_keeps_words_recognisable():
    draw = np.random.default_rng(0).random
    for noise in (obfuscate, mistype):
        results = {noise("you moron", draw) for _ in range(200)}
        assert len(results) > 5 and "you moron" not in results - {"you moron"}
        assert all(result.startswith("you m") or result.startswith("you \u043c") for result in results)
    assert obfuscate("a b", draw) == "a b" and mistype("", draw) == ""


def test_slang_leaves_mark_up_alone():
    assert slang("[TI you are {a insult}] before {thing}, you're (late|your own)") == (
        "[TI ur {a insult}] b4 {thing}, ur (late|ur own)"
    )
    assert article("idiot") == "an " and article("moron") == "a "


def test_a_bag_of_words_does_not_suffice():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    train, test = generate(1_500, split="train"), generate(1_500, seed=1, split="test")
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    inputs, outputs = vectorizer.fit_transform(train["text"]), vectorizer.transform(test["text"])
    scores = {}
    for label in ("toxic", "obscene", "insult"):
        model = LogisticRegression(class_weight="balanced").fit(inputs, train[label])
        scores[label] = roc_auc_score(test[label], model.predict_proba(outputs)[:, 1])
    assert 0.55 < np.mean(list(scores.values())) < 0.92, scores


def _tokens(text: str) -> list[str]:
    return re.findall(r"\x00|[\w']+", re.sub(r"\[[A-Za-z_]+\]", " \x00 ", text.lower().replace("’", "'")))


def _masked(text: str, terms: dict[str, list[list[str]]]) -> set[tuple[str, ...]]:
    """Runs of five words in which every term is one and the same word."""
    words, masked, at = _tokens(text), [], 0
    while at < len(words):
        size = next((len(term) for term in terms.get(words[at], ()) if words[at : at + len(term)] == term), 0)
        masked.append("\x00" if size else words[at])
        at += size or 1
    return {tuple(masked[at : at + 5]) for at in range(len(masked) - 4)}


def test_no_phrase_of_hatecheck_or_madlibs(data_dir):
    with (data_dir / "hatecheck" / "test_suite_cases.csv").open(encoding="utf-8") as file:
        cases = list(csv.DictReader(file))
    with (data_dir / "madlibs" / "bias_madlibs_77k.csv").open(encoding="utf-8") as file:
        sentences = sorted({row["Text"] for row in csv.DictReader(file)})
    slots = {word for name in ("groups", "member", "insult", "oinsult", "adj") for word in _entries(WORDS[name])}
    slots |= set(SHARED["name"].split(";"))
    for case in cases:
        if case["case_templ"].count("[") == 1:
            pattern = re.sub(r"\\\[\w+\\\]", "(.+)", re.escape(case["case_templ"].strip()))
            found = re.fullmatch(pattern, case["test_case"].strip())
            slots |= set(found.groups()) if found else set()
    for sentence in sentences:
        words = sentence.rstrip(".").split()
        slots |= {words[0], words[-1], words[-2]} - FUNCTION_WORDS
    terms: dict[str, list[list[str]]] = {}
    for term in map(_tokens, sorted(slots, key=len, reverse=True)):
        if term and len(term) <= 3:
            terms.setdefault(term[0], []).append(term)
    forbidden = set().union(*(_masked(case[key], terms) for case in cases for key in ("test_case", "case_templ")))
    forbidden |= set().union(*(_masked(sentence, terms) for sentence in sentences))
    assert len(forbidden) > 1_000
    found = Counter(run for text in generate(20_000, seed=11)["text"] for run in _masked(text, terms) & forbidden)
    assert not found


def _entries(by_split: dict[str, str]) -> set[str]:
    return {word for text in by_split.values() for word in text.split(";")}


def test_no_nine_words_of_any_data_set(data_dir):
    ours = set()
    for text in generate(5_000, seed=12)["text"]:
        ours |= _nines(text)
    for name in ("jigsaw/train", "toxic_spans/comments", "davidson/labeled_data", "hatecheck/test_suite_cases"):
        with (data_dir / f"{name}.csv").open(encoding="utf-8") as file:
            assert not any(ours & _nines(line) for line in file), name


def _nines(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[a-z0-9']+", text.lower())
    return set(zip(*(words[at:] for at in range(9)), strict=False))


def test_sentences_are_apart(comments):
    doubled = comments["text"].str.contains(r"  | [.!?,]|\(\)|[{}\[\]|]", regex=True)
    assert not doubled.any(), comments.loc[doubled, "text"].head(3).tolist()
    assert all(one <= other for row in comments["spans"] for one, other in pairwise(row))
