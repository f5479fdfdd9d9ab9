"""Loading posts with toxic spans."""

import pytest

from toxres.data.spans import intervals, load_toxic_spans
from toxres.errors import InputError

HEADER = "spans,text\n"


def write(folder, body, split="trial"):
    (folder / "toxic_spans").mkdir(exist_ok=True)
    (folder / "toxic_spans" / f"tsd_{split}.csv").write_text(HEADER + body, encoding="utf-8")


def test_offsets_become_intervals_in_order(bare_data):
    write(bare_data, '"[8, 9, 10, 11, 12, 0, 1, 2]","You are silly, they said"\n[],"Fine ☕ day, isn\'t it?"\n')
    posts = load_toxic_spans("trial")
    assert posts["id"].tolist() == ["tsd_trial-1", "tsd_trial-2"]
    assert posts["spans"].tolist() == [((0, 3), (8, 13)), ()]
    text = posts["text"][0]
    assert [text[start:end] for start, end in posts["spans"][0]] == ["You", "silly"]
    assert posts.attrs["source"] == "toxic_spans" and len(posts.attrs["sha256"]) == 64


def test_a_folder_given_goes_first(bare_data, tmp_path):
    write(bare_data, '[],"old"\n')
    other = tmp_path / "other"
    other.mkdir()
    write(other, '"[0]","new"\n')
    assert load_toxic_spans("trial", other)["text"].tolist() == ["new"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('[],fine\n"[1, x]",bad\n', r"tsd_trial\.csv: row 2, field 'spans': is no list of character offsets"),
        ('"(1, 2)",a tuple\n', "row 1, field 'spans': is no list"),
        ('"[1.0]",a float\n', "row 1, field 'spans': is no list"),
        ("[True],a boolean\n", "row 1, field 'spans': is no list"),
        ('"[0, 3]",abc\n', "row 1, field 'spans': has an offset outside of the text"),
        ("[-1],abc\n", "row 1, field 'spans': has an offset outside of the text"),
        ("[],  \n", "row 1, field 'text': is empty"),
    ],
)
def test_a_broken_field_is_named(bare_data, body, message):
    write(bare_data, body)
    with pytest.raises(InputError, match=message):
        load_toxic_spans("trial")


def test_what_is_missing_is_named(bare_data):
    with pytest.raises(InputError, match="no file of the toxic spans task; choose one of: train, trial, test"):
        load_toxic_spans("dev")
    with pytest.raises(InputError, match=r"tsd_train\.csv is not at hand; run `toxres data pull toxic_spans`"):
        load_toxic_spans("train")
    (bare_data / "toxic_spans").mkdir()
    (bare_data / "toxic_spans" / "tsd_test.csv").write_text("text\nabc\n")
    with pytest.raises(InputError, match="no column 'spans'"):
        load_toxic_spans("test")


def test_intervals_of_nothing_and_of_repeats():
    assert intervals([]) == ()
    assert intervals([3, 2, 2, 5]) == ((2, 4), (5, 6))


@pytest.mark.parametrize(("split", "rows", "empty"), [("train", 7_939, 485), ("trial", 690, 43), ("test", 2_000, 394)])
def test_the_files_at_hand(data_dir, split, rows, empty):
    posts = load_toxic_spans(split, data_dir)
    assert len(posts) == rows
    assert (posts["spans"].map(len) == 0).sum() == empty
