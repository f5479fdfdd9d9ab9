"""Marked characters: shares and raters, targets of tokens, and posts that are never trained or tuned on."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.spans import span_data, span_rows, write_raters, write_span_files

from toxres.config import SMOKE
from toxres.data.loading import load_comments
from toxres.data.marked import _rater_shares, as_marks, char_targets, load_marked
from toxres.errors import InputError
from toxres.models import load_encoder
from toxres.training.span_rows import SpanCollator, SpanDataset, select_span_rows

OTHER = "Nothing of note happened near the old harbour bridge in the quiet local museum"


def rows_of(frame) -> list[str]:
    return frame["text"].tolist()


def test_character_targets_are_soft():
    shares = char_targets("abcde", [(1, 3, 0.25), (3, 4)])
    np.testing.assert_allclose(shares, [0, 0.25, 0.25, 1, 0])
    assert as_marks(shares) == ((1, 3, 0.25), (3, 4, 1.0)) and as_marks(np.zeros(0)) == as_marks(np.zeros(3)) == ()
    for mark, problem in (((1, 9), "no stretch of a text of 5"), ((2, 2), "no stretch"), ((0, 1, 1.5), "share 1.5")):
        with pytest.raises(InputError, match=problem):
            char_targets("abcde", [mark])


def test_tokens_get_the_mean_share_of_their_characters_once():
    tokenizer = load_encoder("tiny").tokenizer
    text = "idiot museum 😀 table"
    marks = [(0, 5, 0.5), (6, 9, 1.0), (13, 14, 0.25)]
    dataset = SpanDataset([text], [marks], tokenizer, 32)
    item = dataset[0]
    assert item["length"] == len(item["input_ids"]) == len(item["labels"])
    np.testing.assert_allclose(item["labels"], [np.nan, 0.5, 0.5, 0.25, 0, np.nan])
    assert dataset.prevalence() == pytest.approx(1.25 / 4)
    windows = SpanDataset([text * 9], [[]], tokenizer, 12)
    known = sum((~np.isnan(windows[row]["labels"])).sum() for row in range(len(windows)))
    assert len(windows) > 2 and known == len(tokenizer(text * 9)["input_ids"]) - 2, "in overlaps each token counts once"
    batch = SpanCollator(0)([dataset[0], {"input_ids": [5, 6], "labels": np.array([np.nan, 1.0], dtype=np.float32)}])
    assert batch["labels"].shape == batch["input_ids"].shape == (2, 8)
    assert torch.isnan(batch["labels"][1, 2:]).all() and batch["labels"][1, 1] == 1


def test_shares_are_of_the_raters_who_marked_anything(bare_data):
    text = "You utter fool of a liar"
    raters = [[("Insult", 4, 14), ("Profane/Obscene", 4, 9)], [("Insult", 10, 14), ("Insult", 20, 24)], []]
    posts = [("0", text, raters), ("1", OTHER, [[], [], []])]
    posts += [(str(2 + n), f"{row} {OTHER[n:]} {n}", [[("Insult", 0, 3)]]) for n, (row, _) in enumerate(span_rows(30))]
    write_raters(bare_data, posts)
    found = {split: load_marked("civil_spans", split) for split in ("train", "validation")}
    ids = {split: set(frame["id"]) for split, frame in found.items()}
    assert not ids["train"] & ids["validation"] and len(ids["train"] | ids["validation"]) < 32, "the test fold is out"
    raw = pd.concat(found.values()).set_index("id")["marks"]
    shares = _rater_shares(load_comments("civil_spans"), None)
    assert shares[0] == ((4, 10, 0.5), (10, 14, 1.0), (20, 24, 0.5))
    assert shares[1] == () and shares[2] == ((0, 3, 1.0),)
    assert all(shares[int(identifier)] == marks for identifier, marks in raw.items())


def test_planted_spans_are_marked():
    posts = load_marked("synthetic", "validation")
    assert {"id", "text", "marks"} <= set(posts.columns) and posts["marks"].map(bool).any()
    assert all(share == 1.0 for marks in posts["marks"] for _, _, share in marks)


def test_sources_and_splits_without_marks_are_refused():
    for source, split, problem in (
        ("jigsaw", "train", "source 'jigsaw': marks no characters; choose out of: toxic_spans, civil_spans, synthetic"),
        ("toxic_spans", "test", "split 'test' is not for training; choose train or validation"),
    ):
        with pytest.raises(InputError, match=problem):
            load_marked(source, split)


# What is never trained on.


def test_no_official_test_post_is_trained_or_tuned_on(bare_data):
    rows = span_rows(24)
    trial = [*span_rows(8, seed=1), (rows[1][0].upper() + "!", [])]
    test = [rows[3], (rows[5][0] + " .", []), trial[0]]
    write_span_files(bare_data, rows, trial, test)
    chosen = select_span_rows(["toxic_spans"], SMOKE)
    gone = {rows[1][0], rows[3][0], rows[5][0]}
    assert set(rows_of(chosen.train)) == {text for text, _ in rows} - gone
    assert set(rows_of(chosen.validation)) == {text for text, _ in trial[1:]}
    raters = [[("Insult", 0, 3)], [("Insult", 0, 5)]]
    write_raters(bare_data, [(str(n), text, raters) for n, (text, _) in enumerate([*rows, *trial, *span_rows(40, 5)])])
    both = select_span_rows(["toxic_spans", "civil_spans"], SMOKE)
    assert not set(rows_of(both.train)) & (gone | {text for text, _ in trial})
    assert both.train["text"].is_unique and {entry["name"] for entry in both.sources} == {"toxic_spans", "civil_spans"}
    gold = {text: char_targets(text, [(offsets[0], offsets[-1] + 1)] if offsets else []) for text, offsets in rows}
    mixed = 0
    for text, marks in both.train.set_index("text")["marks"].items():
        if text in gold and (found := char_targets(text, marks)).tolist() != gold[text].tolist():
            np.testing.assert_allclose(found, (gold[text] + char_targets(text, [(0, 3, 1.0), (3, 5, 0.5)])) / 2)
            mixed += 1
    assert mixed > 8, "gold and raters count half each, but for the posts of the other source's test fold"
    extra = both.train[both.train["source"] == "civil_spans"]
    assert all(marks == ((0, 3, 1.0), (3, 5, 0.5)) for marks in extra["marks"])
    assert 0 < len(extra) < 40 and set(rows_of(extra)) <= {text for text, _ in span_rows(40, 5)}


def test_rows_of_a_run(monkeypatch):
    monkeypatch.setenv("TOXRES_DATA_DIR", str(span_data()))
    few = dataclasses.replace(SMOKE, max_rows=9)
    chosen, again, other = (select_span_rows(["toxic_spans"], few, seed) for seed in (0, 0, 1))
    assert (len(chosen.train), len(chosen.validation)) == (9, 3)
    assert chosen.sha256 == again.sha256 != other.sha256
    changed = chosen.train.assign(marks=[((0, 1, 1.0),)] * 9)
    assert chosen._replace(train=changed).sha256 != chosen.sha256
    for sources, seed, problem in (
        ([], 0, "name at least one source"),
        (["toxic_spans", "toxic_spans"], 0, "each only once"),
        (["toxic_spans"], -1, "seed -1: is no seed"),
        (["davidson"], 0, "marks no characters"),
    ):
        with pytest.raises(InputError, match=problem):
            select_span_rows(sources, few, seed)


def test_nothing_marked_is_refused(bare_data):
    write_span_files(bare_data, [(text, []) for text, _ in span_rows(8)], span_rows(4, seed=1), span_rows(4, seed=2))
    with pytest.raises(InputError, match="no character of any post is marked"):
        select_span_rows(["toxic_spans"], SMOKE)
    write_span_files(bare_data, span_rows(4), span_rows(4), span_rows(4, seed=2))
    with pytest.raises(InputError, match="no training posts are left"):
        select_span_rows(["toxic_spans"], SMOKE)
