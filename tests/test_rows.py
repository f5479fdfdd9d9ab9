"""Which rows a run trains on: nothing it will be judged by, nor a duplicate of that."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from helpers.training import comments_rows, write_comments
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toxres.config import FULL, PAPER, SMOKE
from toxres.data import load_comments, targets
from toxres.data.duplicates import clusters, normalise_for_duplicates
from toxres.data.schema import make_comments
from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.training import rows as module
from toxres.training.rows import TrainingRows, select_rows

ALL = dataclasses.replace(SMOKE, max_rows=None, max_rows_auxiliary=None)


def frame(name: str, folds: list[int], texts: list[str] | None = None) -> pd.DataFrame:
    """A named source with the given folds; its texts share nothing with another name's unless they are given."""
    ids = [f"{name}-{row}" for row in range(len(folds))]
    texts = texts or [f"{name} wrote comment number {row * 7919} about {row * 31} things" for row in range(len(folds))]
    comments = make_comments(ids, texts, name, {"toxic": np.arange(len(folds)) % 2}, name=name)
    comments = comments.assign(fold=folds)
    comments.attrs = {"source": name, "origin": f"{name}.csv", "sha256": f"hash of {name}"}
    return comments


@pytest.fixture
def given_sources(monkeypatch):
    """Sources made in a test stand in for the named ones; fold -1 is dropped as by the real loader."""
    sources: dict[str, pd.DataFrame] = {}

    def load(name, keep_official=False):
        if name not in sources:
            raise InputError(f"unknown source {name!r}")
        comments = sources[name]
        kept = comments if keep_official else comments[comments["fold"] != -1].reset_index(drop=True)
        kept.attrs = dict(comments.attrs)
        return kept

    monkeypatch.setattr(module, "load_comments", load)
    return sources


@pytest.fixture(autouse=True)
def no_real_data(monkeypatch):
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)


def ids(comments: pd.DataFrame, source: str) -> set[str]:
    return set(comments.loc[comments["source"] == source, "id"]) if "source" in comments else set(comments["id"])


def test_folds_of_first_and_further_sources(given_sources):
    folds = [0, 1, 2, 3, 4, -1] * 3
    given_sources.update(first=frame("first", folds), second=frame("second", folds))
    rows = select_rows(["first", "second"], ALL)
    first = given_sources["first"]
    assert ids(rows.train, "first") == set(first.loc[first["fold"] >= 2, "id"])
    second = given_sources["second"]
    assert ids(rows.train, "second") == set(second.loc[second["fold"] >= 1, "id"])
    assert set(rows.validation["id"]) == set(first.loc[first["fold"] == 1, "id"])
    assert rows.train.index.tolist() == list(range(len(rows.train)))


def test_other_folds_can_be_kept_out(given_sources):
    given_sources["first"] = frame("first", [0, 1, 2, 3, 4] * 2)
    folds = given_sources["first"].set_index("id")["fold"]
    rows = select_rows(["first"], ALL, test_fold=3, validation_fold=4)
    assert set(folds[rows.train["id"]]) == {0, 1, 2} and set(folds[rows.validation["id"]]) == {4}
    rows = select_rows(["first"], ALL, test_fold=3, validation_fold=None)
    assert set(folds[rows.train["id"]]) == {0, 1, 2, 4} and rows.validation is None
    rows = select_rows(["first"], ALL, test_fold=None, validation_fold=None)
    assert set(folds[rows.train["id"]]) == {0, 1, 2, 3, 4}


def test_test_and_validation_are_two_folds(given_sources):
    given_sources["first"] = frame("first", [0, 1, 2, 3, 4])
    with pytest.raises(InputError, match="fold 1 is both test_fold and validation_fold"):
        select_rows(["first"], ALL, test_fold=1)


def test_further_sources_lose_duplicates_of_held_out_rows(given_sources):
    long = "the harbour of the old town was rebuilt in the nineteenth century by engineers from {}"
    first = [long.format("Genoa"), "short validation comment", long.format("Lyon") + " as far as is known today", "ok"]
    given_sources["first"] = frame("first", [0, 1, 2, 3], first)
    second = [
        long.format("GENOA") + "!!",
        "Short, validation comment.",
        long.format("Lyon") + " as far as is known today",
        "another comment that stands alone",
    ]
    given_sources["second"] = frame("second", [2, 3, 4, 2], second)
    rows = select_rows(["first", "second"], ALL)
    assert ids(rows.train, "second") == {"second-2", "second-3"}
    assert rows.sources[1]["rows"] == 2
    rows = select_rows(["first", "second"], ALL, test_fold=None)
    assert ids(rows.train, "second") == {"second-0", "second-2", "second-3"}


def test_held_out_sources_lend_no_row_nor_duplicate_to_training(given_sources):
    given_sources["first"] = frame("first", [2] * 4, ["alpha beta gamma", "one two three", "four five six", "seven"])
    given_sources["other"] = frame("other", [-1, 0, 3], ["Alpha, beta: gamma!", "ONE two three", "nothing like it"])
    rows = select_rows(["first"], ALL, validation_fold=None, held_out=["other"])
    assert set(rows.train["id"]) == {"first-2", "first-3"}
    with pytest.raises(InputError, match="'other': no training comments are left"):
        select_rows(["other"], ALL, validation_fold=None, held_out=["other"])


def test_limits(given_sources):
    given_sources.update(first=frame("first", [0, 1, 2, 3, 4] * 20), second=frame("second", [0, 1, 2, 3, 4] * 20))
    preset = dataclasses.replace(SMOKE, max_rows=12, max_rows_auxiliary=30)
    rows = select_rows(["first", "second"], preset, seed=1)
    assert [entry["rows"] for entry in rows.sources] == [12, 30]
    assert (len(rows.train), len(rows.validation)) == (42, 4)
    again, other = (select_rows(["first", "second"], preset, seed=seed) for seed in (1, 2))
    assert again.train["id"].tolist() == rows.train["id"].tolist()
    assert again.sha256 == rows.sha256 != other.sha256
    assert set(other.train["id"]) != set(rows.train["id"])
    assert rows.train["id"].is_unique
    whole = select_rows(["first", "second"], dataclasses.replace(preset, max_rows=None))
    assert [entry["rows"] for entry in whole.sources] == [60, 30] and len(whole.validation) == 20


def test_manifest_says_where_rows_come_from(given_sources):
    given_sources.update(first=frame("first", [0, 1, 2, 3]), second=frame("second", [0, 1, 2]))
    assert select_rows(["first", "second"], ALL).sources == [
        {"name": "first", "origin": "first.csv", "sha256": "hash of first", "rows": 2},
        {"name": "second", "origin": "second.csv", "sha256": "hash of second", "rows": 2},
    ]


def test_digest_sees_ids_texts_and_targets(given_sources):
    given_sources["first"] = frame("first", [1, 2, 3])
    rows = select_rows(["first"], ALL)
    digests = {rows.sha256, rows._replace(validation=None).sha256}
    for part in ("train", "validation"):
        for column, value in (("id", "other"), ("text", "other"), ("threat", 1.0), ("toxic", float("nan"))):
            changed = getattr(rows, part).copy()
            changed.loc[0, column] = value
            digests.add(rows._replace(**{part: changed}).sha256)
    assert len(digests) == 10
    assert TrainingRows(rows.train.copy(), rows.validation.copy(), []).sha256 == rows.sha256


@pytest.mark.parametrize("sources", [[], ["first", "first"], ["first", "second", "first"]])
def test_sources_are_named_once(sources, given_sources):
    given_sources.update(first=frame("first", [1, 2]), second=frame("second", [1, 2]))
    with pytest.raises(InputError, match="at least one source, and each only once"):
        select_rows(sources, ALL)


def test_sources_without_rows_are_refused(given_sources):
    given_sources.update(few=frame("few", [0, 1, 1]), unvalidated=frame("unvalidated", [2, 3]), one=frame("one", [2]))
    with pytest.raises(InputError, match="'few': no training comments"):
        select_rows(["few"], ALL)
    with pytest.raises(InputError, match="'unvalidated': no validation comments"):
        select_rows(["unvalidated"], ALL)
    with pytest.raises(InputError, match="'one': too few comments to split 90/10"):
        select_rows(["one"], PAPER)
    with pytest.raises(InputError, match="nowhere"):
        select_rows(["unvalidated", "nowhere"], ALL, validation_fold=None)


def test_rows_without_any_known_label_are_refused_before_training(tmp_path):
    unlabelled = [{"comment_text": row["comment_text"], "toxic": -1} for row in comments_rows(40)]
    source = write_comments(tmp_path / "unlabelled.csv", unlabelled)
    with pytest.raises(InputError, match=r"unlabelled.csv': no label of any training comment is known; add at least"):
        select_rows([source], ALL)
    assert len(select_rows([source], ALL, need_labels=False).train) > 20
    labelled = write_comments(tmp_path / "labelled.csv", comments_rows(40, seed=3))
    assert len(select_rows([source, labelled], ALL).train) > 40


@pytest.mark.parametrize("seed", [-1, 1 << 32])
def test_a_seed_out_of_range_is_refused_before_any_comment_is_read(given_sources, seed):
    with pytest.raises(InputError, match=rf"seed {seed}: is no seed; give a whole number from 0 to 4294967295"):
        select_rows(["nowhere"], ALL, seed=seed)


def test_paper_preset_splits_ninety_to_ten(given_sources):
    given_sources.update(first=frame("first", [0, 1, 2, 3, 4] * 20 + [-1] * 9), second=frame("second", [0, 1, 2]))
    rows = select_rows(["first", "second"], PAPER, seed=7)
    assert [entry["rows"] for entry in rows.sources] == [90, 2]
    assert len(rows.validation) == 10
    kept = given_sources["first"][given_sources["first"]["fold"] >= 0]["id"]
    assert ids(rows.train, "first") | set(rows.validation["id"]) == set(kept)
    assert not ids(rows.train, "first") & set(rows.validation["id"])
    assert set(select_rows(["first"], PAPER, seed=8).validation["id"]) != set(rows.validation["id"])


def test_csv_file_is_split_over_duplicate_clusters(tmp_path):
    source = write_comments(tmp_path / "mine.csv", twins(150))
    rows = select_rows([source], ALL)
    together = pd.concat([rows.train, rows.validation])
    names = clusters(together["id"].tolist(), together["text"].tolist())
    assert not set(names[: len(rows.train)]) & set(names[len(rows.train) :])
    assert 0.5 < len(rows.train) / 150 < 0.7 and 0.1 < len(rows.validation) / 150 < 0.3
    assert rows.sources[0] == {"name": source, "origin": source, "sha256": rows.sources[0]["sha256"], "rows": 90}
    assert len(rows.sources[0]["sha256"]) == 64
    assert np.isin(targets(rows.train), (0, 1)).all()


def twins(count: int) -> list[dict]:
    """Rows of which every third says the same as the one before it."""
    rows = comments_rows(count)
    for number in range(2, count, 3):
        rows[number]["comment_text"] = rows[number - 1]["comment_text"].upper() + "!"
    return rows


def test_csv_file_lends_no_official_test_text_to_training(tmp_path, monkeypatch):
    table = comments_rows(60)
    official = table[7]["comment_text"].upper()
    monkeypatch.setattr("toxres.data.splits.load_official_texts", lambda data_dir: {"some/test.csv": [official]})
    source = write_comments(tmp_path / "mine.csv", table)
    for preset in (ALL, PAPER):
        rows = select_rows([source], preset, test_fold=None, validation_fold=1)
        seen = {normalise_for_duplicates(text) for frame in rows[:2] for text in frame["text"]}
        assert len(seen) >= 58
        assert normalise_for_duplicates(official) not in seen


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**16), st.integers(0, 4))
def test_no_cluster_crosses_whatever_the_folds(tmp_path, seed, test_fold):
    source = write_comments(tmp_path / "mine.csv", twins(60))
    other = write_comments(tmp_path / "other.csv", [*twins(60)[::4], *comments_rows(20, seed=5)])
    validation_fold = (test_fold + 1 + seed % 4) % 5
    first = module._with_folds(load_comments(source))
    rows = select_rows([source, other], ALL, seed, test_fold, validation_fold)
    held_out = {normalise_for_duplicates(text) for text in first[first["fold"].isin([test_fold, validation_fold])].text}
    assert not {normalise_for_duplicates(text) for text in rows.train["text"]} & held_out


def test_synthetic_corpus():
    rows = select_rows(["synthetic"], SMOKE)
    assert len(rows.train) == 96 and len(rows.validation) == 32
    corpus = load_comments("synthetic").set_index("id")["fold"]
    assert (corpus[rows.train["id"]] >= 2).all() and (corpus[rows.validation["id"]] == 1).all()


def test_civil_spans_lends_no_text_of_the_official_test(data_dir, monkeypatch):
    monkeypatch.setenv("TOXRES_DATA_DIR", str(data_dir))
    official = pd.read_csv(data_dir / "toxic_spans" / "tsd_test.csv")["text"]
    texts = {normalise_for_duplicates(text) for text in official}
    everything = load_comments("civil_spans", keep_official=True)["text"]
    assert len(texts & {normalise_for_duplicates(text) for text in everything}) > 0.95 * len(texts)
    for sources, validation_fold in ((["civil_spans"], None), (["jigsaw", "civil_spans"], 1)):
        rows = select_rows(sources, FULL, validation_fold=validation_fold)
        frames = [frame for frame in rows[:2] if frame is not None]
        assert not texts & {normalise_for_duplicates(text) for frame in frames for text in frame["text"]}
    jigsaw = load_comments("jigsaw").set_index("id")["fold"]
    assert set(jigsaw[list(ids(rows.train, "jigsaw"))]) == {2, 3, 4}
    assert rows.train[list(LABELS)].isna().any().any()
