"""Identity-balanced comments: the same is said of every group, and nothing of the official tests' is."""

import dataclasses
import difflib
import re

import numpy as np
import pandas as pd

from toxres.checkpoint import load_checkpoint
from toxres.config import FULL, SMOKE
from toxres.data import load_comments, targets
from toxres.data.balanced import DISGUISED, LABELS_OF, balanced_comments, frames, others, terms
from toxres.data.official import load_official_texts
from toxres.data.splits import TEST_FOLD, VALIDATION_FOLD
from toxres.labels import LABELS
from toxres.training import train
from toxres.training.rows import MOST_BESIDE, select_rows


def test_every_group_is_said_the_same_of():
    comments = load_comments("balanced")
    named = comments[comments["term"] != ""]
    counts = named.groupby("term").size()
    assert set(counts.index) == set(terms()["people"]) and counts.nunique() == 1
    hateful = named.groupby("term")["identity_hate"].mean()
    assert hateful.nunique() == 1 and 0.4 < hateful.iloc[0] < 0.6, "a group's name says nothing of the label"


def test_abuse_of_others_is_as_frequent_as_that_of_a_group():
    comments = load_comments("balanced")
    sizes = comments.groupby(["case", "term"]).size().groupby("case").size()
    assert all(0.8 * len(terms()) <= len(names) <= len(terms()) for names in others().values())
    assert sizes["trade"] == sizes["individual"] == 1 and sizes["contempt"] == len(terms())


def test_labels_follow_from_the_kind_of_frame():
    kinds = frames().drop_duplicates("case").set_index("case")["kind"]
    comments = load_comments("balanced")
    for case, rows in comments.groupby("case"):
        expected = LABELS_OF[kinds[case]]
        for label in LABELS:
            assert rows[label].isna().all() if label not in expected else (rows[label] == expected[label]).all()
    assert np.nanmax(targets(comments)) == 1


def test_no_frame_is_in_two_splits():
    assert list(frames()) == ["case", "kind", "text", "split", "frame"], "a stray quote would make more columns"
    assert not frames().duplicated("text").any()
    assert set(frames()["split"]) == {"train", "validation", "test"}
    per_case = frames().groupby("case")["split"].nunique()
    assert (per_case == 3).sum() >= len(per_case) - 1, "each case is in every split, as far as it has enough frames"


def test_some_are_disguised_and_all_are_drawn_by_the_seed():
    first, again, other = balanced_comments(), balanced_comments(), balanced_comments(1)
    assert first.equals(again) and not first["text"].equals(other["text"])
    plain = {
        (frame["text"].format(**term)).lower()
        for frame in frames().to_dict("records")
        if not any(f"{{{slot}}}" in frame["text"] for slot in others())
        for term in terms().to_dict("records")
    }
    named = first[first["term"] != ""]
    disguised = 1 - named["text"].str.lower().isin(plain).mean()
    assert abs(disguised - DISGUISED) < 0.03


def masked(text: str, names: list[str]) -> list[str]:
    """Words of a text, with one sign for any group of people."""
    text = re.sub(rf"\b({'|'.join(names)})\b", "@", text.lower())
    return re.sub(r"[^a-z@ ]", "", text).split()


def test_no_frame_is_an_official_templates_twin(data_dir):
    names = sorted({name.lower() for column in ("people", "person", "adj") for name in terms()[column]}, key=len)[::-1]
    official = {
        tuple(masked(text, names))
        for file, texts in load_official_texts(data_dir).items()
        if "hatecheck" in file
        for text in texts
    }
    assert len(official) > 500
    for text in frames()["text"]:
        words = masked(re.sub(r"\{\w+\}", "@", text), names)
        for other in official:
            if abs(len(other) - len(words)) <= 3:
                matcher = difflib.SequenceMatcher(None, words, other, autojunk=False)
                if matcher.real_quick_ratio() > 0.6 and matcher.quick_ratio() > 0.6:
                    assert matcher.ratio() <= 0.6, text


def test_it_is_learned_beside_the_first_source_and_its_validation_frames_are_not():
    preset = dataclasses.replace(FULL, max_rows=200)
    rows = select_rows(["synthetic", "balanced"], preset)
    own = rows.train[rows.train["source"] == "balanced"]
    assert (rows.train["source"] == "synthetic").sum() == 200 and len(own) == 200 * MOST_BESIDE == 100
    assert not set(own["fold"]) & {TEST_FOLD, VALIDATION_FOLD}
    few = select_rows(["synthetic", "balanced"], dataclasses.replace(preset, max_rows_auxiliary=50))
    assert (few.train["source"] == "balanced").sum() == 50


def test_both_stages_learn_it(tmp_path):
    more = pd.DataFrame({"id": range(8), "comment_text": [f"you {n} idiot" for n in range(8)], "toxic": [0, 1] * 4})
    more.to_csv(tmp_path / "more.csv", index=False)
    preset = dataclasses.replace(
        SMOKE, max_rows=16, max_rows_auxiliary=16, max_steps=1, epochs=1, epochs_auxiliary=1, max_length=16
    )
    sources = ["synthetic", str(tmp_path / "more.csv"), "balanced"]
    run = load_checkpoint(train("baseline", sources, preset, out=tmp_path / "out", progress=False)).run
    assert [entry["name"] for entry in run["sources"]] == ["synthetic", "balanced"]
    assert [entry["name"] for entry in run["initial"]["sources"]] == sources[1:]
