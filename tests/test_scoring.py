"""Scoring files: every format in and out, in chunks, and every way a file can be broken."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toxres import scoring
from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.scoring import score


class Lengths:
    """Scores a comment by its length, and remembers how many came at a time."""

    def __init__(self):
        self.sizes = []

    def predict_proba(self, texts, calibrated=False):
        self.sizes.append(len(texts))
        scores = np.array([1 / (1 + len(text)) for text in texts])
        return np.stack([scores / (i + 1 + calibrated) for i in range(len(LABELS))], axis=1)


TEXTS = ["one", 'a "quoted", comma', "two\nlines", "NA", "null", "ünï – ☃"]


def write(path, texts, ids=True, column="comment_text"):
    """A file of comments in the format of its ending."""
    frame = pd.DataFrame({column: texts})
    if ids:
        frame.insert(0, "id", [f"id {i}" for i in range(len(texts))])
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")))
    else:
        frame.to_parquet(path)
    return path


def read(path) -> pd.DataFrame:
    if path.suffix == ".csv":
        return pd.read_csv(path)
    return pd.read_json(path, lines=True) if path.suffix == ".jsonl" else pd.read_parquet(path)


@pytest.mark.parametrize("given_as", ["in.csv", "in.jsonl", "in.parquet"])
@pytest.mark.parametrize("wanted", ["out.csv", "out.jsonl", "out.parquet"])
def test_every_format_in_and_out(tmp_path, given_as, wanted):
    assert score(write(tmp_path / given_as, TEXTS), Lengths(), tmp_path / wanted) == len(TEXTS)
    scores = read(tmp_path / wanted)
    assert list(scores.columns) == ["id", *LABELS]
    assert list(scores["id"]) == [f"id {i}" for i in range(len(TEXTS))]
    np.testing.assert_allclose(scores[list(LABELS)], Lengths().predict_proba(TEXTS), rtol=1e-5)


def test_it_streams_in_chunks_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "CHUNK", 4)
    texts, model, seen = ["x" * n for n in range(1, 11)], Lengths(), []
    score(write(tmp_path / "in.csv", texts), model, tmp_path / "out.csv", on_chunk=seen.append)
    assert model.sizes == [4, 4, 2] and seen == [4, 8, 10]
    np.testing.assert_allclose(read(tmp_path / "out.csv")["toxic"], [1 / (1 + n) for n in range(1, 11)], rtol=1e-5)


def test_rows_are_numbered_where_there_are_no_ids(tmp_path):
    score(write(tmp_path / "in.csv", TEXTS, ids=False), Lengths(), tmp_path / "out.csv")
    assert list(read(tmp_path / "out.csv")["row"]) == [1, 2, 3, 4, 5, 6]


def test_ids_of_any_kind_are_text_in_parquet(tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "CHUNK", 1)
    (tmp_path / "in.jsonl").write_text('{"id": 1, "text": "a"}\n{"id": "x", "text": "b"}\n')
    score(tmp_path / "in.jsonl", Lengths(), tmp_path / "out.parquet")
    assert list(read(tmp_path / "out.parquet")["id"]) == ["1", "x"]


def test_calibrated_is_passed_on(tmp_path):
    path = write(tmp_path / "in.csv", ["abc"])
    score(path, Lengths(), tmp_path / "out.csv", calibrated=True)
    assert read(tmp_path / "out.csv")["toxic"][0] == pytest.approx(1 / 8)


def test_the_text_column_can_be_named(tmp_path):
    path = write(tmp_path / "in.csv", ["abc"], column="tweet")
    with pytest.raises(InputError, match=r"no column 'comment_text' or 'text' \(found: id, tweet\)"):
        score(path, Lengths(), tmp_path / "out.csv")
    assert score(path, Lengths(), tmp_path / "out.csv", text_column="tweet") == 1


def test_lines_of_standard_input_to_standard_output(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\ufeffabc\r\n\nünï\n".encode())))
    assert score("-", Lengths(), "-") == 2
    scores = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert list(scores["row"]) == [1, 3]
    np.testing.assert_allclose(scores["toxic"], [1 / 4, 1 / 4], rtol=1e-5)


BROKEN = {
    "empty.csv": (b"", "the file is empty"),
    "header.csv": (b"comment_text\n", "no comments in it"),
    "few.csv": (b"id,comment_text\n1,a\n2\n", "row 2 has fewer fields"),
    "many.csv": (b"id,comment_text\n1,a\n2,b,c\n", "row 2 has more fields"),
    "blank.csv": (b"id,comment_text\n1,a\n2,  \n", "row 2, field 'comment_text' is empty"),
    "cut.csv": (b'id,comment_text\n1,a\n2,"b', "row 2: unexpected end of data"),
    "latin.csv": ("id,comment_text\n1,ü\n".encode("latin-1"), "not UTF-8"),
    "list.jsonl": (b"[1]\n", "line 1: not a JSON object"),
    "cut.jsonl": (b'{"text": "a"}\n{"text": "b', "line 2: not valid JSON"),
    "number.jsonl": (b'{"text": 3}\n', "line 1, 'text' is not text"),
    "other.jsonl": (b'{"txt": "a"}\n', "line 1: no column 'comment_text' or 'text'"),
    "latin.jsonl": ('{"text": "ü"}\n'.encode("latin-1"), "not UTF-8"),
    "ids-end.jsonl": (b'{"id": 1, "text": "a"}\n\n{"text": "b"}\n', "line 3 has no 'id', the lines above have one"),
    "ids-begin.jsonl": (b'{"text": "a"}\n{"id": 2, "text": "b"}\n', "line 2 has an 'id', the lines above have none"),
    "no.parquet": (b"PAR1 not really", "not a Parquet file"),
    "latin.txt": (b"fine\n\xff\n", "line 2 is not UTF-8"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_line_and_nothing_is_written(tmp_path, name):
    content, complaint = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        score(path, Lengths(), tmp_path / "out.csv")
    message = str(caught.value)
    assert complaint in message and name in message and "\n" not in message
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_a_broken_row_late_in_the_file_leaves_the_old_output(tmp_path, monkeypatch):
    monkeypatch.setattr(scoring, "CHUNK", 1)
    (tmp_path / "out.csv").write_text("as it was")
    (tmp_path / "in.csv").write_text("comment_text\na\nb\n \n")
    with pytest.raises(InputError, match="row 3"):
        score(tmp_path / "in.csv", Lengths(), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "as it was"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_a_null_in_parquet_is_named(tmp_path):
    pd.DataFrame({"text": ["a", None]}).to_parquet(tmp_path / "in.parquet")
    with pytest.raises(InputError, match="row 2, field 'text' is not text"):
        score(tmp_path / "in.parquet", Lengths(), tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("source", "out", "complaint"),
    [
        ("no.csv", "out.csv", "no such file"),
        ("no.txt", "out.csv", "no such file"),
        ("in.csv", "in.csv", "in.csv: is the input"),
        ("in.csv", "link.csv", "link.csv: is the input"),
        ("in.csv", "out.txt", "scores are written as"),
        ("in.xls", "o.csv", "ending"),
    ],
)
def test_wrong_names(tmp_path, source, out, complaint):
    write(tmp_path / "in.csv", ["a"])
    (tmp_path / "link.csv").symlink_to("in.csv")
    with pytest.raises(InputError, match=complaint):
        score(tmp_path / source, Lengths(), tmp_path / out)
    assert read(tmp_path / "in.csv")["comment_text"][0] == "a"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r")).filter(str.strip), min_size=1),
    chunk=st.integers(1, 5),
)
def test_any_text_survives_csv_and_json_lines(tmp_path, texts, chunk):
    seen = []

    class Listens(Lengths):
        def predict_proba(self, texts, calibrated=False):
            seen.extend(texts)
            return super().predict_proba(texts, calibrated)

    scoring_chunk, scoring.CHUNK = scoring.CHUNK, chunk
    try:
        for name in ("in.csv", "in.jsonl"):
            seen.clear()
            assert score(write(tmp_path / name, texts), Listens(), tmp_path / "out.jsonl") == len(texts)
            assert seen == texts
    finally:
        scoring.CHUNK = scoring_chunk
