"""Texts of a file in a stream: which endings are known, and that no more is read than was asked for.

Every way a file can be broken is tested through `score`, in test_scoring.py.
"""

import gzip
import itertools

import pytest

from toxres.data.textfiles import Row, read_rows, text_format
from toxres.errors import InputError


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "csv"),
        ("a.b.CSV.gz", "csv"),
        ("a.zip", "csv"),
        ("a.jsonl.zip", "jsonl"),
        ("a.ndjson.gz", "jsonl"),
        ("a.txt.gz", "text"),
        ("a.parquet", "parquet"),
    ],
)
def test_endings(name, kind):
    assert text_format(name) == kind


@pytest.mark.parametrize("name", ["a", "a.gz", "a.parquet.gz", "a.csv.bz2", "csv", ".csv"])
def test_other_endings_are_refused(name):
    with pytest.raises(InputError, match=r"unknown ending .*; use one of \.csv, \.jsonl, \.ndjson, \.parquet, \.txt"):
        text_format(name)


def test_rows_of_a_packed_file_come_one_after_the_other(tmp_path):
    path = tmp_path / "in.csv.gz"
    path.write_bytes(gzip.compress(b"comment_text\n" + b"a comment\n" * 100_000)[:-9])
    expected = [Row("row", row, "a comment", place=f"row {row}") for row in (1, 2)]
    assert list(itertools.islice(read_rows(path), 2)) == expected
    with pytest.raises(InputError, match="the archive is broken"):
        list(read_rows(path))


def test_a_file_that_is_not_there_is_refused_at_once(tmp_path):
    with pytest.raises(InputError, match=r"gone\.csv: no such file; name a"):
        read_rows(tmp_path / "gone.csv")
