"""Folds of a stream: by the text where a source has none, its own where it has, and hashes that are found again."""

import numpy as np
import pandas as pd
import pytest
from helpers.training import comments_rows, write_comments

from toxres.data import load_comments
from toxres.data.splits import OFFICIAL_FOLD
from toxres.data.streams import HashSet, open_stream, stream_of, text_hashes
from toxres.errors import InputError


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def read(source, folds: int = 5) -> pd.DataFrame:
    return pd.concat(list(open_stream(source, folds).tables()), ignore_index=True)


def test_a_hash_is_that_of_the_normalised_text():
    same, other = text_hashes(["You  FOOL!!", "you fool"]), text_hashes(["you fools"])
    assert same[0] == same[1] != other[0] and same.dtype == np.uint64


def test_hashes_are_found_once_they_are_in():
    hashes = HashSet()
    words = text_hashes(["a", "b", "c"])
    assert hashes.holds(words).tolist() == [False] * 3
    hashes.add(words[:1])
    hashes.add_later(words[1:2])
    assert hashes.holds(words).tolist() == [True, False, False]
    hashes.settle()
    assert hashes.holds(words).tolist() == [True, True, False]


def test_no_text_of_a_file_crosses_a_fold(tmp_path):
    rows = comments_rows(300)
    rows += [row | {"id": f"again-{row['id']}", "comment_text": row["comment_text"].upper() + "!"} for row in rows]
    source = write_comments(tmp_path / "x.csv", rows)
    found = read(source)
    assert found["fold"].tolist()[:300] == found["fold"].tolist()[300:]
    assert 0.1 < (found["fold"] == 0).mean() < 0.3 and set(found["fold"]) == {0, 1, 2, 3, 4}
    tenths = read(source, folds=10)
    assert set(tenths["fold"]) == set(range(10))
    assert open_stream(source).own == frozenset()


@pytest.mark.parametrize("splits", [("train", "validation", "test"), ("train", "test"), ("train", "validation")])
def test_splits_of_a_dataset_are_kept(tmp_path, splits):
    folder = tmp_path / "set"
    folder.mkdir()
    for seed, split in enumerate(splits):
        write_comments(folder / f"{split}.csv", comments_rows(60, seed=seed))
    stream = open_stream(str(folder))
    found = read(f"hub:{folder}")
    fold = {split: set(found["fold"][found["id"].str.startswith(f"c{seed}-")]) for seed, split in enumerate(splits)}
    assert stream.own == set(splits) - {"train"}
    assert fold["train"] == ({2} if "validation" in splits else {1, 2})
    assert fold.get("test", {0}) == {0} and fold.get("validation", {1}) == {1}
    assert found["id"].iloc[-1].startswith("c0-"), "what is held out comes first"


def test_splits_without_one_for_training(tmp_path):
    (tmp_path / "set").mkdir()
    write_comments(tmp_path / "set" / "test.csv", comments_rows(3))
    with pytest.raises(InputError, match="has the splits test, and none is called train"):
        open_stream(str(tmp_path / "set"))


def test_named_sources_keep_their_folds():
    comments = load_comments("synthetic")
    found = read("synthetic")
    assert found["id"].tolist() == comments["id"].tolist() and found["fold"].tolist() == comments["fold"].tolist()
    comments["fold"] = OFFICIAL_FOLD
    again = pd.concat(list(stream_of(comments, "x", folds=10).tables()))
    assert (again["fold"] == OFFICIAL_FOLD).all(), "an official test text is in no other fold either"


def test_unknown_sources():
    for name in ("nothing", "no/where.csv"):
        with pytest.raises(InputError):
            open_stream(name)
