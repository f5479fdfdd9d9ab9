"""PolEval's files, read line by line, and its official metrics against hand-worked cases and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from toxres.data.poleval import POLEVAL_TAGS, load_poleval, poleval_folds, unescape
from toxres.errors import InputError
from toxres.evaluation.poleval import (
    CLASSES,
    PUBLISHED,
    HarmfulScores,
    TypeScores,
    harmful_scores,
    poleval_scores,
    poleval_table,
    trivial_systems,
    type_scores,
)

TEXTS = ["Dzień dobry, co słychać?", "Ty głupku, zamknij się", "Ładny mecz wczoraj"]
NAMES = {"train": "training_set_clean_only", "test": "test_set_clean_only"}


def write(folder, split="train", texts=TEXTS, tags=("0", "1", "0"), task="6-1", end="\r\n"):
    """Write a pair of files as the task's own: one tweet a line."""
    for task_of, kind, lines in (("6-1", "text", texts), (task, "tags", tags)):
        path = folder / "poleval2019" / f"task{task_of}" / f"{NAMES[split]}_{kind}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes("".join(f"{line}{end}" for line in lines).encode())
    return folder


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_texts_and_tags_are_joined_by_line(tmp_path, end):
    comments = load_poleval("6-1", data_dir=write(tmp_path, end=end))
    assert comments["text"].tolist() == TEXTS
    assert comments["tag"].tolist() == [0, 1, 0]
    assert comments["toxic"].tolist() == [0, 1, 0]
    assert comments["insult"].isna().all()
    assert comments["id"].tolist() == ["poleval-train-1", "poleval-train-2", "poleval-train-3"]
    assert comments["group"].unique().tolist() == ["twitter"]
    assert comments.attrs["source"] == "poleval-6-1"
    assert (comments.attrs["task"], comments.attrs["split"]) == ("6-1", "train")


def test_the_last_line_needs_no_newline_and_a_byte_order_mark_is_no_text(tmp_path):
    path = write(tmp_path) / "poleval2019/task6-1" / f"{NAMES['train']}_text.txt"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().removesuffix(b"\r\n"))
    assert load_poleval(data_dir=tmp_path)["text"].tolist() == TEXTS


def test_only_a_newline_ends_a_line(tmp_path):
    odd = ["jeden\u2028dwa", "trzy\x85cztery", "pi\x0bęć\rsześć"]
    assert load_poleval(data_dir=write(tmp_path, texts=odd))["text"].tolist() == odd


def test_task_6_2_has_the_texts_of_6_1_and_three_tags(tmp_path):
    comments = load_poleval("6-2", data_dir=write(tmp_path, task="6-2", tags=("0", "2", "1")))
    assert comments["text"].tolist() == TEXTS
    assert comments["tag"].tolist() == [0, 2, 1]
    assert comments["toxic"].tolist() == [0, 1, 1]


def test_the_splits_are_different_files(tmp_path):
    write(tmp_path)
    write(tmp_path, "test", texts=["Zupełnie inny tekst"], tags=("1",))
    assert load_poleval(split="test", data_dir=tmp_path)["id"].tolist() == ["poleval-test-1"]
    assert len(load_poleval(data_dir=tmp_path)) == 3


def test_training_needs_no_test_file_and_test_tweets_get_no_folds(bare_data):
    write(bare_data)
    assert len(load_poleval()) == 3
    with pytest.raises(InputError, match="is not at hand"):
        load_poleval(split="test")
    write(bare_data, "test")
    with pytest.raises(InputError, match="for final figures only"):
        poleval_folds(load_poleval(split="test"))


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (r"on m\u00f3wi \"nie\"", 'on mówi "nie"'),
        (r"raz\ndwa\rtrzy", "raz dwa trzy"),
        (r"\ud83d\ude00 i C:\\dom", "\U0001f600 i C:\\dom"),
        (r"\ud83d sam", "? sam"),
        (r"50\50 \o/", r"50\50 \o/"),
        ("koniec\\", "koniec\\"),
    ],
)
def test_escapes_are_resolved(raw, clean):
    assert unescape(raw) == clean


@given(st.text())
def test_unescaping_never_fails_and_gives_encodable_text(text):
    unescape(text).encode()


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (("0", "1"), r"_tags\.txt: 2 tags for the 3 lines of .*_text\.txt, so line 3 has no partner"),
        (("0", "1", "0", "0"), "4 tags for the 3 lines of .* line 4 has no partner"),
        (("0", "2", "0"), r"_tags\.txt: line 2 is '2', no tag of task 6-1; give one of 0, 1"),
        (("0", "", "0"), "line 2 is '', no tag"),
        (("0", "1", "zero"), "line 3 is 'zero', no tag"),
    ],
)
def test_bad_tags_are_named_by_file_and_line(tmp_path, tags, message):
    with pytest.raises(InputError, match=message):
        load_poleval(data_dir=write(tmp_path, tags=tags))


def test_an_empty_or_broken_text_line_is_named(tmp_path):
    with pytest.raises(InputError, match=r"_text\.txt: line 2 is empty"):
        load_poleval(data_dir=write(tmp_path, texts=["a", " ", "c"]))
    path = write(tmp_path) / "poleval2019/task6-1" / f"{NAMES['train']}_text.txt"
    path.write_bytes(b"dobrze\r\n\xff\xfe\r\nb\r\n")
    with pytest.raises(InputError, match=r"_text\.txt: line 2 is not UTF-8"):
        load_poleval(data_dir=tmp_path)


def test_files_that_are_not_at_hand_are_named(bare_data):
    with pytest.raises(InputError, match=r"task6-1/training_set_clean_only_text\.txt is not at hand; get it from"):
        load_poleval("6-2")
    write(bare_data)
    assert len(load_poleval("6-1")) == 3
    with pytest.raises(InputError, match=r"task6-2/training_set_clean_only_tags\.txt is not at hand; run `toxres"):
        load_poleval("6-2")


def test_unknown_tasks_and_splits_are_refused():
    with pytest.raises(InputError, match=r"unknown PolEval task '6'; choose one of: 6-1, 6-2"):
        load_poleval("6")
    with pytest.raises(InputError, match="unknown PolEval split 'validation'; choose train"):
        load_poleval(split="validation")
    with pytest.raises(InputError, match="unknown PolEval task"):
        poleval_scores("6-3", np.zeros(1), np.zeros(1))


def test_both_sides_agree_on_the_classes():
    assert {task: len(names) for task, names in POLEVAL_TAGS.items()} == CLASSES


def test_folds_are_stratified_and_keep_duplicates_together(tmp_path):
    texts = [f"zdanie numer {number} o pogodzie w mieście {number * 7919}" for number in range(100)]
    tags = [str(int(number % 10 == 0) + int(number % 20 == 0)) for number in range(100)]
    texts[31] = texts[30].upper() + "!!!"
    comments = load_poleval("6-2", data_dir=write(tmp_path, texts=texts, tags=tags, task="6-2"))
    fold = poleval_folds(comments)
    assert np.bincount(fold).tolist() == [20] * 5
    assert np.bincount(fold[comments["tag"] == 1]).tolist() == [1] * 5
    assert np.bincount(fold[comments["tag"] == 2]).tolist() == [1] * 5
    assert fold[30] == fold[31]
    assert (poleval_folds(comments) == fold).all()


def test_the_official_files_are_whole(data_dir):
    for task, counts in (("6-1", [9190, 851]), ("6-2", [9190, 253, 598])):
        comments = load_poleval(task, data_dir=data_dir)
        assert np.bincount(comments["tag"]).tolist() == counts


def test_harmful_scores_by_hand():
    tags = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
    predicted = np.array([1, 1, 0, 1, 0, 0, 0, 0, 0, 0])
    assert harmful_scores(tags, predicted) == pytest.approx((2 / 3, 2 / 3, 2 / 3, 0.8))
    assert harmful_scores(tags, np.zeros(10)) == (0, 0, 0, 0.7)


def test_type_scores_by_hand():
    tags = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    predicted = np.array([0, 0, 0, 1, 1, 0, 2, 0])
    precision, recall = np.array([3 / 5, 1 / 2, 1]), np.array([3 / 4, 1 / 2, 1 / 2])
    p, r = precision.mean(), recall.mean()
    expected = (5 / 8, (2 / 3 + 1 / 2 + 2 / 3) / 3, 2 * p * r / (p + r))
    assert type_scores(tags, predicted) == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_scores_are_scikit_learns(pairs):
    tags, predicted = np.array(pairs).T
    scores = type_scores(tags, predicted)
    settings = {"labels": [0, 1, 2], "zero_division": 0}
    assert scores.micro_f == pytest.approx(f1_score(tags, predicted, average="micro", **settings))
    assert scores.macro_f == pytest.approx(f1_score(tags, predicted, average="macro", **settings))
    tags, predicted = tags > 0, predicted > 0
    expected = precision_recall_fscore_support(tags, predicted, average="binary", zero_division=0)[:3]
    assert harmful_scores(tags, predicted) == pytest.approx((*expected, accuracy_score(tags, predicted)))


def test_bad_predictions_are_refused():
    with pytest.raises(InputError, match=r"tags have shape \(3,\), predictions \(2,\)"):
        harmful_scores(np.zeros(3), np.zeros(2))
    with pytest.raises(InputError, match="give one tag a row"):
        harmful_scores(np.zeros(0), np.zeros(0))
    with pytest.raises(InputError, match=r"predicted, row 2: 2 is no tag of task 6-1; give 0 to 1"):
        harmful_scores(np.array([0, 1]), np.array([0, 2]))
    with pytest.raises(InputError, match=r"predicted, row 1: 0\.4 is no tag of task 6-2; give 0 to 2"):
        type_scores(np.array([0, 1]), np.array([0.4, 1.0]))


def test_what_costs_nothing():
    tags = np.repeat([0, 1, 2], [866, 25, 109])
    types = trivial_systems("6-2", tags)
    assert list(types) == ["none always", "1 always", "2 always"]
    assert types["none always"].micro_f == 0.866
    assert types["none always"].macro_f == pytest.approx(2 * 0.866 / 1.866 / 3)
    harmful = trivial_systems("6-1", tags > 0)
    assert harmful["none always"] == (0, 0, 0, 0.866)
    assert harmful["1 always"].f1 == pytest.approx(2 * 0.134 / 1.134)


def test_the_table_has_ours_published_and_trivial_best_first():
    tags = np.repeat([0, 1], [90, 10])
    table = poleval_table("6-1", {"mine": HarmfulScores(0.6, 0.7, 0.65, 0.9)}, tags)
    published = [item for item in PUBLISHED if item.task == "6-1"]
    assert len(table) == 1 + len(published) + 2
    assert table["f1"].is_monotonic_decreasing
    assert table.loc["mine", "f1"] == 65
    assert np.isnan(table.loc["TrelBERT", "recall"])
    assert table.loc["none always", "kind"] == "trivial"
    assert (table.loc[[item.system for item in published], "source"] != "").all()
    types = poleval_table("6-2", {"mine": TypeScores(0.9, 0.6, 0.61)})
    assert types.index.tolist() == ["mine", "task winner"]
    assert types.loc["task winner", "micro_f"] == pytest.approx(87.6)


def test_published_rows_name_metrics_of_their_task():
    for item in PUBLISHED:
        fields = (HarmfulScores if item.task == "6-1" else TypeScores)._fields
        assert set(item.scores) <= set(fields)
        assert all(0 < value < 1 for value in item.scores.values())
