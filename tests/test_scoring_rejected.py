"""Rows that are no comments: set aside with place and reason, while the others are scored; and texts scored once."""

import gzip
import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from helpers.scorers import Fussy
from pyarrow import parquet
from test_scoring import BROKEN, Lengths, read

from toxres.cli import main
from toxres.errors import InputError
from toxres.scoring import Asked, score, score_file

MIXED = {
    "in.csv": b'id,comment_text\n1,fine\n2, \n3\n,x\n5,a\0b\n6,\xff\n7,"a\n8,"b"\n9,last\n',
    "in.csv.gz": gzip.compress(b"id,comment_text\n1,fine\n2,\n9,last\n"),
    "in.jsonl": b'{"id": 1, "text": "fine"}\n{"id": 2}\nx\n[1]\n{"id": 5, "text": 5}\n{"text": "y"}\n\n\xff\n'
    b'{"id": [1], "text": "z"}\n{"id": 8, "text": "a\\u0000"}\n{"id": 9, "text": "last"}\n',
    "in.txt": b"fine\n\xff\na\0b\n\nlast\n",
}
LISTED = {
    "in.csv": [
        {"row": 2, "line": 3, "id": "2", "reason": "field 'comment_text' is empty; give text or drop the row"},
        {"row": 3, "line": 4, "reason": "has 1 fields, the header 2; "},
        {"row": 4, "line": 5, "reason": "field 'id' is empty; "},
        {"row": 5, "line": 6, "id": "5", "reason": "field 'comment_text': holds a NUL byte; remove it"},
        {"row": 6, "line": 7, "id": "6", "reason": "(byte 40) is not UTF-8; "},
        {"row": 7, "line": 8, "reason": "',' expected after '\"'; a quote is not closed"},
    ],
    "in.csv.gz": [{"row": 2, "line": 3, "id": "2", "reason": "field 'comment_text' is empty; "}],
    "in.jsonl": [
        {"line": 2, "id": 2, "reason": "no column 'comment_text' or 'text' (found: id); "},
        {"line": 3, "reason": "not valid JSON (Expecting value"},
        {"line": 4, "reason": "not a JSON object; "},
        {"line": 5, "id": 5, "reason": "'text' is not text; "},
        {"line": 6, "reason": "has no 'id', other lines have one; "},
        {"line": 8, "reason": f"(byte {MIXED['in.jsonl'].index(0xFF)}) is not UTF-8; "},
        {"line": 9, "reason": "'id' is [1]; "},
        {"line": 10, "id": 8, "reason": "'text' holds a NUL byte; remove it"},
    ],
    "in.txt": [{"line": 2, "reason": "(byte 5) is not UTF-8; "}, {"line": 3, "reason": "holds a NUL byte; remove it"}],
}


@pytest.mark.parametrize("chunk", [1, 2, 100])
@pytest.mark.parametrize("name", MIXED)
def test_bad_rows_are_listed_and_the_others_scored(tmp_path, name, chunk):
    (tmp_path / name).write_bytes(MIXED[name])
    done = score_file(tmp_path / name, Asked(Lengths()), tmp_path / "out.csv", chunk=chunk)
    listed = [json.loads(line) for line in (tmp_path / "out.rejected.jsonl").read_text().splitlines()]
    for found, wanted in zip(listed, LISTED[name], strict=True):
        assert found.pop("reason").startswith(wanted["reason"])
        assert found == {key: value for key, value in wanted.items() if key != "reason"}
    scores = read(tmp_path / "out.csv")
    good = ["1", "8", "9"] if name == "in.csv" else ["1", "5"] if name == "in.txt" else ["1", "9"]
    assert scores.iloc[:, 0].astype(str).tolist() == good
    assert (done.rows, done.comments, done.rejected) == (len(good) + len(listed), len(good), len(listed))
    assert done.rejects == tmp_path / "out.rejected.jsonl"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "out.csv", "out.rejected.jsonl"])


def test_no_text_is_copied(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"id": 1, "text": "fine"}\n{"id": 2, "text": ["secret"]}\n{"id": 3, "secret\n')
    score(tmp_path / "in.jsonl", Lengths(), tmp_path / "out.csv")
    assert "secret" not in (tmp_path / "out.rejected.jsonl").read_text()


def test_parquet_with_nulls_and_with_strings_that_are_no_utf8(tmp_path):
    texts = pa.array([b"fine", None, b"\xff", b" ", b"last"], pa.binary())
    texts = pa.Array.from_buffers(pa.string(), len(texts), texts.buffers())
    parquet.write_table(pa.table({"id": ["a", "b", "c", "d", None], "text": texts}), tmp_path / "in.parquet")
    score(tmp_path / "in.parquet", Lengths(), tmp_path / "out.csv")
    listed = [json.loads(line) for line in (tmp_path / "out.rejected.jsonl").read_text().splitlines()]
    assert [(row["row"], row.get("id"), row["reason"].split(";")[0]) for row in listed] == [
        (2, "b", "field 'text' is not text"),
        (3, "c", "field 'text' is not text"),
        (4, "d", "field 'text' is empty"),
        (5, None, "field 'id' is empty"),
    ]
    assert read(tmp_path / "out.csv")["id"].tolist() == ["a"]


WHOLE = {
    "empty.csv": "the file is empty",
    "header.csv": "there are no comments in it; give at least one",
    "twice.csv": "the header names 'comment_text' twice",
    "utf16.csv": "line 1 (byte 0) is not UTF-8; save the file as UTF-8",
    "cut.csv.gz": "the archive is broken (Compressed file ended",
    "no.zip": "the archive is broken (File is not a zip file)",
    "no.parquet": "not a Parquet file",
    "other.jsonl": "no row of 1 is a comment; the first: line 1: no column 'comment_text' or 'text'",
    "nan.jsonl": "no row of 1 is a comment; the first: line 1: 'id' is NaN; give a string or a number",
    "list.jsonl": "no row of 1 is a comment; the first: line 1: not a JSON object",
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_concerns_the_whole_file_is_an_error_and_nothing_is_written(tmp_path, name):
    (tmp_path / name).write_bytes(BROKEN[name][0])
    with pytest.raises(InputError) as caught:
        score(tmp_path / name, Lengths(), tmp_path / "out.csv")
    assert WHOLE[name] in str(caught.value) and "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_line_without_an_end_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("toxres.data.textlines.LINE_LIMIT", 1 << 20)
    for size, bad in (((1 << 20) - 1, False), (1 << 20, True)):
        (tmp_path / "in.txt").write_text("fine\n" + "x" * size)
        if bad:
            with pytest.raises(InputError, match=r"in\.txt: line 2 does not end within 1 MiB; give each comment"):
                score(tmp_path / "in.txt", Lengths(), tmp_path / "bad.csv")
        else:
            assert score(tmp_path / "in.txt", Lengths(), tmp_path / "out.csv") == 2


def test_a_missing_text_column_is_an_error(tmp_path):
    (tmp_path / "in.csv").write_text("id,txt\n1,a\n")
    with pytest.raises(InputError, match="no column 'comment_text' or 'text'"):
        score(tmp_path / "in.csv", Lengths(), tmp_path / "out.csv")


def test_identical_texts_are_scored_once_in_whichever_chunk_they_are(tmp_path):
    texts = ["a", "b", "a", "c", "b", "a", "d", "a"]
    pd.DataFrame({"text": texts}).to_csv(tmp_path / "in.csv")
    model = Fussy(tmp_path / "log")
    done = score_file(tmp_path / "in.csv", Asked(model), tmp_path / "out.csv", chunk=3)
    assert model.asked() == done.distinct == 4 and done.comments == 8
    scores = read(tmp_path / "out.csv").drop(columns="row")
    for text in set(texts):
        assert len(scores[np.array(texts) == text].drop_duplicates()) == 1
    assert len(scores.drop_duplicates()) == 4
    assert done.told().startswith("8 comments scored, 4 of them duplicates; 0 rows rejected; ")


def test_a_chunk_of_long_texts_ends_early(tmp_path, monkeypatch):
    monkeypatch.setattr("toxres.scoring.chunks.CHARACTERS", 10)
    (tmp_path / "in.txt").write_text("".join(f"{letter * 6}\n" for letter in "abcdefg"))
    model = Lengths()
    score(tmp_path / "in.txt", model, tmp_path / "out.csv")
    assert model.sizes == [2, 2, 2, 1]


def test_rejected_rows_of_standard_input_are_said(tmp_path, monkeypatch, capsys):
    lines = b"fine\n" + b"\xff\n" * 30 + b"last\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))
    monkeypatch.setattr("toxres.scoring.models._open", lambda *_: Lengths())
    assert main(["score", "-", "--checkpoint", "x", "--out", "-"]) == 0
    printed = capsys.readouterr()
    assert pd.read_csv(io.StringIO(printed.out))["row"].tolist() == [1, 32]
    said = printed.err.splitlines()
    assert said[0] == "rejected: line 2: (byte 5) is not UTF-8; save the file as UTF-8 (is it Latin-1 or UTF-16?)"
    assert len(said) == 21 and "2 comments scored; 30 rows rejected; " in said[-1]


def test_the_list_may_not_be_the_input(tmp_path):
    (tmp_path / "out.rejected.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(InputError, match=r"out.rejected.jsonl: is the input, which would be replaced"):
        score(tmp_path / "out.rejected.jsonl", Lengths(), tmp_path / "out.csv", replace=True)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"chunk": 0}, "chunk is 0; give a whole number above 0"),
        ({"engine": "spark"}, "engine 'spark' is unknown; choose one of local, ray"),
        ({"workers": 2}, "are for the engine ray; leave them out, or add --engine ray"),
    ],
)
def test_options_that_make_no_sense(tmp_path, options, complaint):
    (tmp_path / "in.txt").write_text("a\n")
    with pytest.raises(InputError, match=complaint):
        score(tmp_path / "in.txt", Lengths(), tmp_path / "out.csv", **options)
