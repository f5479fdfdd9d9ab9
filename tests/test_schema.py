"""The schema, and every way in which a CSV file can be broken."""

import csv
import gzip
import io
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toxres.data import COLUMNS, read_kaggle_csv, targets, validate_comments
from toxres.data.csvfiles import parse_table, read_table
from toxres.data.schema import check_rows, make_comments
from toxres.errors import InputError
from toxres.files import sha256
from toxres.labels import LABELS

GOOD = 'id,comment_text,toxic,threat\nx1,"Hello, you",0,1\nx2,"Two\nlines ""quoted""",1,-1\nx3,Third,0.25,\n'


@pytest.fixture
def csv_file(tmp_path):
    def write(content: str | bytes, name: str = "comments.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/") + ".csv", data)
    return buffer.getvalue()


def test_kaggle_csv(csv_file):
    path = csv_file(GOOD)
    comments = read_kaggle_csv(path)
    assert tuple(comments.columns) == COLUMNS
    assert comments["id"].tolist() == ["x1", "x2", "x3"]
    assert comments["text"].tolist() == ["Hello, you", 'Two\nlines "quoted"', "Third"]
    assert comments["group"].unique().tolist() == ["csv"]
    assert comments["toxic"].tolist() == [0, 1, 0.25]
    assert comments["threat"].isna().tolist() == [False, True, True]
    assert comments["insult"].isna().all()
    assert comments.attrs == {"source": str(path), "origin": str(path), "sha256": sha256(path)}


def test_targets_are_the_labels_in_order(csv_file):
    matrix = targets(read_kaggle_csv(csv_file(GOOD)))
    assert matrix.shape == (3, 6)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix[:, LABELS.index("threat")], [1, np.nan, np.nan])


def test_ids_are_made_from_rows_and_groups_are_kept(csv_file):
    comments = read_kaggle_csv(csv_file("comment_text,group,other\nHi,news,1\nHo,,2\n"))
    assert comments["id"].tolist() == ["row-1", "row-2"]
    assert comments["group"].tolist() == ["news", "csv"]


def test_words_that_pandas_would_take_for_missing_are_text(csv_file):
    assert read_kaggle_csv(csv_file("comment_text\nnull\nNA\n007\n"))["text"].tolist() == ["null", "NA", "007"]


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode("utf-8-sig"),
        GOOD.replace("\n", "\r\n").encode(),
        gzip.compress(GOOD.encode()),
        GOOD.encode() + b"\n\n",
    ],
    ids=["byte order mark", "CRLF", "gzip", "blank lines at the end"],
)
def test_ways_to_pack_the_same_rows(csv_file, content):
    comments = read_kaggle_csv(csv_file(content))
    assert comments["id"].tolist() == ["x1", "x2", "x3"]
    np.testing.assert_array_equal(comments["toxic"], np.array([0, 1, 0.25], dtype=np.float32))


def test_zip_with_one_csv(csv_file):
    assert len(read_kaggle_csv(csv_file(zipped(comments=GOOD.encode()), "comments.zip"))) == 3


BROKEN = {
    "empty file": ("", r"the file is empty"),
    "blank file": (" \n\n", r"the file is empty"),
    "header only": ("id,comment_text,toxic\n", r"a header and no row"),
    "no comment_text": ("id,text,toxic\n1,hi,0\n", r"no column 'comment_text' \(found 'id', 'text', 'toxic'\)"),
    "semicolons": ("id;comment_text\n1;hi\n", r"no column 'comment_text'.*commas between fields"),
    "column twice": ("comment_text,toxic,toxic\nhi,0,1\n", r"names 'toxic' twice"),
    "label in capitals": ("comment_text,toxic,Insult\na,0,1\n", r"names 'Insult'.*; rename the column 'insult'"),
    "label with a space": ("comment_text,identity hate\na,0\n", r"'identity hate'.*rename the column 'identity_hate'"),
    "label with a hyphen": ("comment_text,Severe-Toxic\na,0\n", r"rename the column 'severe_toxic'"),
    "label twice, once in capitals": ("comment_text,toxic,TOXIC\na,0,1\n", r"'TOXIC'.*rename the column 'toxic'"),
    "text column in capitals": ("Comment Text,toxic\na,0\n", r"'Comment Text'.*rename the column 'comment_text'"),
    "label above 1": ("comment_text,toxic\na,0\nb,2\n", r"row 2, field 'toxic'.*\[0, 1\]"),
    "label below -1": ("comment_text,toxic\na,-2\n", r"row 1, field 'toxic'"),
    "negative fraction": ("comment_text,toxic\na,-0.5\n", r"row 1, field 'toxic'"),
    "label is a word": ("comment_text,insult\na,yes\n", r"row 1, field 'insult'"),
    "label is nan": ("comment_text,insult\na,nan\n", r"row 1, field 'insult'"),
    "label is infinite": ("comment_text,insult\na,inf\n", r"row 1, field 'insult'"),
    "empty text": ('id,comment_text\n1,a\n2,""\n3,\n', r"row 2 \(and 1 more: 3\), field 'comment_text': is empty"),
    "white space text": ('comment_text,toxic\n" \t",0\n', r"row 1, field 'comment_text': is empty"),
    "id twice": ("id,comment_text\n1,a\n2,b\n1,c\n", r"row 3, field 'id': repeats"),
    "empty id": ("id,comment_text\n1,a\n,b\n", r"row 2, field 'id': is empty"),
    "unclosed quote": ('comment_text,toxic\na,0\n"b,1\nc,0\n', r"row 2 \(line 3\): .*quote is not closed"),
    "cut off in a quote": (GOOD[:50].encode(), r"row 2 \(line 3\)"),
    "cut off in a row": ("id,comment_text,toxic\n1,a,0\n2,b", r"row 2 \(line 3\) has 2 fields, the header 3"),
    "too many fields": ("comment_text,toxic\na,b,0\n", r"row 1 \(line 2\) has 3 fields, the header 2"),
    "ragged after a quoted line break": ('comment_text,toxic\n"a\nb",0\nc\n', r"row 2 \(line 4\) has 1 fields"),
    "NUL byte": ("id,comment_text\n1,a\n2,b\0c\n", r"row 2, field 'comment_text': holds a NUL"),
    "Latin-1": ("comment_text,toxic\nfine,0\ncaf\xe9 noir,0\n".encode("latin-1"), r"line 3 \(byte 29\).*UTF-8"),
    "UTF-16": ("comment_text\nhi\n".encode("utf-16"), r"line 1 \(byte 0\).*save the file as UTF-8"),
    "cut off in a character": ("comment_text\nhi €".encode()[:-1], r"line 2 \(byte 16\).*cut off inside a character"),
    "broken gzip": (gzip.compress(GOOD.encode())[:-12], r"gzip archive is broken"),
    "broken zip": (zipped(a=GOOD.encode())[:-30], r"zip archive is broken"),
    "zip with two files": (zipped(a=b"x", b=b"y"), r"2 CSV files in the zip"),
}


@pytest.mark.parametrize("content, message", BROKEN.values(), ids=BROKEN.keys())
def test_broken_files_are_refused_in_one_line(csv_file, content, message):
    path = csv_file(content)
    with pytest.raises(InputError, match=message) as caught:
        read_kaggle_csv(path)
    line = str(caught.value)
    assert line.startswith(str(path)), "the file is named first"
    assert "\n" not in line
    assert "; " in line, "it says what to do"


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.csv: no such file"):
        read_kaggle_csv(tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match=r"is a folder"):
        read_kaggle_csv(tmp_path)


def test_many_bad_rows_are_counted_and_five_more_named():
    with pytest.raises(
        InputError, match=re.escape("t: row 2 (and 7 more: 3, 4, 5, 6, 7, ...), field 'f': is bad; mend it")
    ):
        check_rows([False] + [True] * 8, "t", "f", "is bad", "mend it")
    check_rows([False, False], "t", "f", "is bad", "mend it")


def test_a_long_field_is_read(csv_file):
    text = "word " * 60_000
    assert read_kaggle_csv(csv_file(f'comment_text\n"{text}"\n'))["text"][0] == text


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0")).filter(str.strip), min_size=1
    )
)
def test_any_text_that_pandas_writes_comes_back(texts):
    frame = pd.DataFrame({"n": range(len(texts)), "comment_text": texts})
    data = frame.to_csv(index=False, quoting=csv.QUOTE_ALL).encode()
    table = parse_table(data, "t")
    assert table["comment_text"].tolist() == texts


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(data):
    try:
        table = parse_table(data, "t")
    except InputError as error:
        assert "\n" not in str(error).replace(repr("\n"), "")
    else:
        assert len(table)


def test_other_delimiter(csv_file):
    assert read_table(csv_file("a\tb\n1\tx,y\n"), delimiter="\t")["b"].tolist() == ["x,y"]


def test_a_valid_table_passes_and_is_given_back(small_comments):
    assert validate_comments(small_comments) is small_comments


@pytest.mark.parametrize("value", [None, 3, float("nan"), b"bytes"])
def test_text_that_is_no_string_is_refused(small_comments, value):
    small_comments["text"] = small_comments["text"].astype(object)
    small_comments.at[2, "text"] = value
    with pytest.raises(InputError, match=r"comments: row 3, field 'text': is not a string"):
        validate_comments(small_comments)


def test_tables_that_break_the_schema(small_comments):
    with pytest.raises(InputError, match="no column 'threat'"):
        validate_comments(small_comments.drop(columns="threat"))
    with pytest.raises(InputError, match="no comments"):
        validate_comments(small_comments.iloc[:0])
    with pytest.raises(InputError, match="row 4, field 'toxic': is outside"):
        validate_comments(small_comments.assign(toxic=[0, 1, 0, 1.5, 0, 0, 0, 0]))
    with pytest.raises(InputError, match="column 'toxic' is not numeric"):
        validate_comments(small_comments.assign(toxic="no"))


def test_labels_that_are_not_given_are_unknown():
    comments = make_comments([1], ["hi"], "g", {"toxic": [0.5]}, name="t")
    assert comments["id"].tolist() == ["1"]
    assert np.isnan(targets(comments)).tolist() == [[False, True, True, True, True, True]]
