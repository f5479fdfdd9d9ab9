"""What was read is remembered while its files stay the same, and no caller can change another one's."""

import pandas as pd
import pytest

from toxres.data import load_comments, load_official_texts, memory, official
from toxres.data import loading as loading_module
from toxres.data import splits as splits_module
from toxres.data.memory import fingerprint, forget, remembered


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Files count as settled at once, and nothing is remembered from another test."""
    monkeypatch.setattr(memory, "_SETTLED_NS", 0)
    forget()
    yield
    forget()


@pytest.fixture
def reads(monkeypatch):
    """Names of the files that are read in earnest."""
    seen = []
    for module, name in ((loading_module, "read_kaggle_csv"), (official, "read_table"), (splits_module, "make_folds")):
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, name=name, call=original: seen.append(name) or call(*a))
    return seen


CSV = "id,comment_text,toxic\n" + "".join(f"{row},comment number {row * 7919},{row % 2}\n" for row in range(30))


def test_a_csv_file_is_read_once_until_it_changes(tmp_path, reads):
    path = tmp_path / "mine.csv"
    path.write_text(CSV)
    first = load_comments(str(path))
    expected = first.copy()
    first.loc[0, "text"] = "changed by a caller"
    first.attrs["sha256"] = "too"
    again = load_comments(str(path))
    pd.testing.assert_frame_equal(again, expected)
    assert again.attrs["sha256"] == expected.attrs["sha256"] != "too" and len(reads) == 1
    path.write_text(CSV.replace("number", "nomber"))
    assert "nomber" in load_comments(str(path))["text"][0] and len(reads) == 2


def test_folds_of_the_same_comments_are_computed_once(tmp_path, bare_data, reads):
    path = tmp_path / "mine.csv"
    path.write_text(CSV)
    comments = load_comments(str(path))
    folds = splits_module.compute_folds(comments)
    folds["fold"] = 9
    assert splits_module.compute_folds(comments)["fold"].between(0, 4).all()
    assert reads.count("make_folds") == 1
    comments.loc[3, "toxic"] = 0.0
    splits_module.compute_folds(comments)
    assert reads.count("make_folds") == 2


def test_a_source_is_remembered_with_its_spans_until_a_file_of_it_changes(bare_data, monkeypatch):
    loads = []
    source = loading_module.SOURCES["davidson"]
    file = bare_data / source.files[0]
    file.parent.mkdir(parents=True)
    rows = [f"{row},3,{row % 2},1,{2 - row % 2},0,tweet number {row * 7919}" for row in range(20)]
    file.write_text("\n".join([",count,hate_speech,offensive_language,neither,class,tweet", *rows]) + "\n")

    def load(data_dir):
        loads.append(data_dir)
        comments = source.load(data_dir)
        comments["spans"] = [[(0, 1, "toxic")] for _ in range(len(comments))]
        return comments

    changed = {"davidson": type("Source", (), {"load": staticmethod(load), "files": source.files})}
    monkeypatch.setattr(loading_module, "SOURCES", changed)
    monkeypatch.setattr(splits_module, "SPLIT_DIR", bare_data)
    train, test = (load_comments("davidson", split=split) for split in ("train", "test"))
    assert len(loads) == 1 and not set(train["id"]) & set(test["id"])
    train["spans"][0].append("nonsense")
    train.attrs.clear()
    again = load_comments("davidson", split="train")
    assert again["spans"][0] == [(0, 1, "toxic")] and again.attrs["source"] == "davidson"
    hidden = bare_data / "poleval2019" / "task6-1" / "test_set_clean_only_text.txt"
    hidden.parent.mkdir(parents=True)
    hidden.write_text(train["text"][0] + "\n")
    assert train["id"][0] not in set(load_comments("davidson")["id"]) and len(loads) == 2


def test_official_texts_are_read_once(bare_data, reads):
    file = bare_data / "madlibs" / "bias_madlibs_77k.csv"
    file.parent.mkdir(parents=True)
    file.write_text("Text\nsomething official\n")
    for _ in range(2):
        texts = load_official_texts()["madlibs/bias_madlibs_77k.csv"]
        assert texts == ["something official"]
        texts.clear()
    assert reads == ["read_table"]


def test_a_file_that_just_changed_is_not_remembered(tmp_path, monkeypatch):
    path = tmp_path / "new.csv"
    assert fingerprint([path]) == ((str(path), None),)
    path.write_text(CSV)
    assert fingerprint([path]) is not None
    monkeypatch.setattr(memory, "_SETTLED_NS", 10**12)
    assert fingerprint([path]) is None
    made = iter("ab")
    assert [remembered("x", None, lambda: next(made), copy=str) for _ in range(2)] == ["a", "b"]


def test_what_was_not_used_for_longest_is_forgotten(monkeypatch):
    monkeypatch.setattr(memory, "MOST", 2)
    made = []

    def get(name):
        return remembered(name, "same", lambda: made.append(name) or name, copy=str)

    for name in ("a", "b", "a", "c", "a", "b"):
        assert get(name) == name
    assert made == ["a", "b", "c", "b"]
