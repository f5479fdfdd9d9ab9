"""Scoring files: every format in and out, in chunks, and every way a file can be broken."""

import gzip
import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from helpers.bundles import exported
from helpers.training import trained
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toxres import scoring
from toxres.checkpoint import load_checkpoint
from toxres.cli import main
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


def test_it_streams_in_chunks_in_order(tmp_path):
    texts, model, seen = ["x" * n for n in range(1, 11)], Lengths(), []
    score(write(tmp_path / "in.csv", texts), model, tmp_path / "out.csv", on_chunk=seen.append, chunk=4)
    assert model.sizes == [4, 4, 2] and seen == [4, 8, 10]
    np.testing.assert_allclose(read(tmp_path / "out.csv")["toxic"], [1 / (1 + n) for n in range(1, 11)], rtol=1e-5)


def test_rows_are_numbered_where_there_are_no_ids(tmp_path):
    score(write(tmp_path / "in.csv", TEXTS, ids=False), Lengths(), tmp_path / "out.csv")
    assert list(read(tmp_path / "out.csv")["row"]) == [1, 2, 3, 4, 5, 6]


def test_ids_of_any_kind_are_text_in_parquet(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"id": 1, "text": "a"}\n{"id": "x", "text": "b"}\n')
    score(tmp_path / "in.jsonl", Lengths(), tmp_path / "out.parquet", chunk=1)
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


def zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, "id,comment_text\n1,abc\n2,de\n")
    return packed.getvalue()


PACKED = {
    "in.csv.gz": gzip.compress(b"id,comment_text\n1,abc\n2,de\n"),
    "IN.CSV.GZ": gzip.compress(b"\xef\xbb\xbfid, comment_text \r\n1,abc\r\n2,de\r\n"),
    "in.jsonl.gz": gzip.compress(b'{"id": "1", "text": "abc"}\n{"id": "2", "text": "de"}\n'),
    "in.csv": gzip.compress(b"id,comment_text\n1,abc\n2,de\n"),
    "in.csv.zip": zipped("in.csv", "__MACOSX/._in.csv"),
    "test.zip": zipped("in.csv", "readme.md"),
    "carriage.csv": b"id,comment_text\r1,abc\r2,de\r",
    "spaces.csv": b"\n\n id , comment_text\n1,abc\n\n2,de\n",
}


@pytest.mark.parametrize("name", PACKED)
def test_ways_to_pack_and_write_the_same_rows(tmp_path, name):
    (tmp_path / name).write_bytes(PACKED[name])
    assert score(tmp_path / name, Lengths(), tmp_path / "out.csv") == 2
    scores = pd.read_csv(tmp_path / "out.csv", dtype={"id": str})
    assert list(scores["id"]) == ["1", "2"]
    np.testing.assert_allclose(scores["toxic"], [1 / 4, 1 / 3], rtol=1e-5)


def test_packed_lines(tmp_path):
    (tmp_path / "in.txt.gz").write_bytes(gzip.compress(b"abc\n\nde\n"))
    assert score(tmp_path / "in.txt.gz", Lengths(), tmp_path / "out.csv") == 2
    assert list(read(tmp_path / "out.csv")["row"]) == [1, 3]
    assert list(scoring.read_texts(tmp_path / "in.txt.gz")) == ["abc", "de"]


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_lone_surrogates_are_scored_and_their_ids_kept(tmp_path, name):
    (tmp_path / "in.jsonl").write_text('{"id": "\\ud800", "text": "a\\ud83d"}\n{"id": "\\udc00", "text": "b"}\n')
    assert list(scoring.read_texts(tmp_path / "in.jsonl")) == ["a\ufffd", "b"]
    assert score(tmp_path / "in.jsonl", Lengths(), tmp_path / name) == 2
    if name == "out.jsonl":
        found = [json.loads(line)["id"] for line in (tmp_path / name).read_text().splitlines()]
        assert found == ["\ud800", "\udc00"]
    else:
        assert list(read(tmp_path / name)["id"]) == ["\\ud800", "\\udc00"]


def test_ids_that_json_does_not_know_are_written_as_text(tmp_path):
    dates = pd.to_datetime(["2020-01-02", "2020-01-03"])
    pd.DataFrame({"id": dates, "text": ["a", "b"]}).to_parquet(tmp_path / "in.parquet")
    score(tmp_path / "in.parquet", Lengths(), tmp_path / "out.jsonl")
    assert [json.loads(line)["id"][:10] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [
        *("2020-01-02", "2020-01-03")
    ]
    pd.DataFrame({"id": [1.0, None], "text": ["a", "b"]}).to_parquet(tmp_path / "in.parquet")
    with pytest.raises(InputError, match=r"row 2, field 'id' is empty"):
        score(tmp_path / "in.parquet", Lengths(), tmp_path / "other.jsonl", strict=True)


BROKEN = {
    "empty.csv": (b"", "the file is empty"),
    "header.csv": (b"comment_text\n", "no comments in it"),
    "few.csv": (b"id,comment_text\n1,a\n2\n", "row 2 (line 3) has 1 fields, the header 2"),
    "many.csv": (b"id,comment_text\n1,a\n2,b,c\n", "row 2 (line 3) has 3 fields, the header 2"),
    "twice.csv": (b"comment_text,comment_text\na,b\n", "the header names 'comment_text' twice"),
    "nul.csv": (b"id,comment_text\n1,a\n2,b\0c\n", "row 2, field 'comment_text': holds a NUL byte; remove it"),
    "no-id.csv": (b"id,comment_text\n1,a\n ,b\n", "row 2, field 'id' is empty"),
    "utf16.csv": ("id,comment_text\n1,a\n".encode("utf-16"), "line 1 (byte 0) is not UTF-8; save the file as UTF-8"),
    "cut-off.csv": ("comment_text\nhi €".encode()[:-1], "line 2 (byte 16): the file is cut off inside a character"),
    "blank.csv": (b"id,comment_text\n1,a\n2,  \n", "row 2, field 'comment_text' is empty"),
    "cut.csv": (b'id,comment_text\n1,a\n2,"b', "row 2 (line 3): unexpected end of data"),
    "latin.csv": ("id,comment_text\n1,ü\n".encode("latin-1"), "line 2 (byte 18) is not UTF-8"),
    "cut.csv.gz": (gzip.compress(b"comment_text\na\n")[:-9], "the archive is broken (Compressed file ended"),
    "changed.csv.gz": (gzip.compress(b"comment_text\na\n")[:-8] + b"12345678", "the archive is broken (CRC check"),
    "no.zip": (b"PK\x03\x04xxxx", "the archive is broken (File is not a zip file)"),
    "two.csv.zip": (zipped("a.csv", "b.csv", "__MACOSX/c.csv"), "2 .csv files in the zip"),
    "nan.jsonl": (b'{"id": NaN, "text": "a"}\n', "line 1, 'id' is NaN; give a string or a number"),
    "nested.jsonl": (b'{"id": [1], "text": "a"}\n', "line 1, 'id' is [1]; give a string or a number"),
    "deep.jsonl": (b'{"id": ' + b"[" * 200_000, "line 1: not valid JSON (maximum recursion"),
    "nul.txt": (b"fine\na\0b\n", "line 2 holds a NUL byte"),
    "list.jsonl": (b"[1]\n", "line 1: not a JSON object"),
    "cut.jsonl": (b'{"text": "a"}\n{"text": "b', "line 2: not valid JSON"),
    "number.jsonl": (b'{"text": 3}\n', "line 1, 'text' is not text"),
    "other.jsonl": (b'{"txt": "a"}\n', "line 1: no column 'comment_text' or 'text'"),
    "latin.jsonl": ('{"text": "ü"}\n'.encode("latin-1"), "line 1 (byte 10) is not UTF-8"),
    "ids-end.jsonl": (b'{"id": 1, "text": "a"}\n\n{"text": "b"}\n', "line 3 has no 'id', other lines have one"),
    "ids-begin.jsonl": (b'{"text": "a"}\n{"id": 2, "text": "b"}\n', "line 1 has no 'id', other lines have one"),
    "no.parquet": (b"PAR1 not really", "not a Parquet file"),
    "latin.txt": (b"fine\n\xff\n", "line 2 (byte 5) is not UTF-8"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_line_and_nothing_is_written(tmp_path, name):
    content, complaint = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        score(path, Lengths(), tmp_path / "out.csv", strict=True)
    message = str(caught.value)
    assert complaint in message and name in message and "\n" not in message
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_a_broken_row_late_in_the_file_leaves_what_was_scored_before(tmp_path):
    (tmp_path / "in.csv").write_text("comment_text\na\nb\n \n")
    with pytest.raises(InputError, match=r"row 3, .* \(2 rows before are done and kept in .*out.csv.partial"):
        score(tmp_path / "in.csv", Lengths(), tmp_path / "out.csv", strict=True, chunk=1)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["in.csv", "out.csv.partial"]
    (tmp_path / "in.csv").write_text("comment_text\na\nb\nmended\n")
    model = Lengths()
    assert score(tmp_path / "in.csv", model, tmp_path / "out.csv", strict=True, chunk=1) == 3
    assert model.sizes == [1] and list(read(tmp_path / "out.csv")["row"]) == [1, 2, 3]


def test_a_null_in_parquet_is_named(tmp_path):
    pd.DataFrame({"text": ["a", None]}).to_parquet(tmp_path / "in.parquet")
    with pytest.raises(InputError, match="row 2, field 'text' is not text"):
        score(tmp_path / "in.parquet", Lengths(), tmp_path / "out.csv", strict=True)


@pytest.mark.parametrize(
    ("source", "out", "complaint"),
    [
        ("no.csv", "out.csv", "no such file"),
        ("no.txt", "out.csv", "no such file"),
        ("in.csv", "in.csv", "in.csv: is the input"),
        ("in.csv", "link.csv", "link.csv: is the input"),
        ("in.csv", "out.txt", "scores are written as"),
        ("in.xls", "o.csv", "unknown ending '.xls'"),
        ("in.parquet.gz", "o.csv", "unknown ending '.parquet.gz'"),
        ("in.csv", "out.csv.gz", "scores are written as"),
        ("in.csv", "/proc/x/out.csv", "nothing can be written in /proc"),
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

    for name in ("in.csv", "in.jsonl"):
        seen.clear()
        source, out = write(tmp_path / name, texts), tmp_path / "out.jsonl"
        assert score(source, Listens(), out, chunk=chunk, replace=True) == len(texts)
        assert sorted(seen) == sorted(set(texts))


def test_a_bundle_reads_long_comments_to_their_end_unless_cut(tmp_path):
    long = " ".join(["the museum is old"] * 40 + ["you crap idiot"] * 10)
    given, checkpoint = write(tmp_path / "in.jsonl", ["no", long, "crap"]), load_checkpoint(trained("custom"))
    for more in ([], ["--cut"]):
        out = str(tmp_path / f"out{len(more)}.jsonl")
        words = ["score", str(given), "--checkpoint", str(exported("custom", "tfidf")), "--model", "custom"]
        assert main([*words, "--out", out, *more]) == 0
    whole, cut = (read(tmp_path / f"out{n}.jsonl")[list(LABELS)].to_numpy() for n in (0, 1))
    np.testing.assert_allclose(cut, checkpoint.predict_proba(["no", long, "crap"]), atol=1e-4)
    assert (whole[1] > cut[1]).any() and (whole[[0, 2]] == cut[[0, 2]]).all()
