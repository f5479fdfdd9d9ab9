"""Records of CSV files: whole ones, and how the next whole one is found after a broken one."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toxres.data import records
from toxres.data.records import csv_records


def read(text, **options):
    return list(csv_records(io.StringIO(text, newline=""), **options))


def test_places_and_fields():
    found = read('\n a , b \r\n1,"x\ny"\n\n2,z\n')
    assert [(record.number, record.line, record.fields) for record in found] == [
        (0, 2, ["a", "b"]),
        (1, 3, ["1", "x\ny"]),
        (2, 6, ["2", "z"]),
    ]
    assert [record.place for record in found] == ["the header", "row 1 (line 3)", "row 2 (line 6)"]
    assert not any(record.complaint for record in found)


BROKEN = {
    "few": ("a,b\n1\n2,x\n", {1: "has 1 fields, the header 2"}),
    "many": ("a,b\n1,x,y\n2,x\n", {1: "has 3 fields, the header 2"}),
    "quote in a quoted field": ('a,b\n1,"x"y"\n2,x\n', {1: "expected after"}),
    "not closed": ('a,b\n1,"x\n2,x\n3,y\n', {1: "unexpected end of data"}),
    "closed by another row's": ('a,b\n1,"x\n2,x\n3,"y"\n', {1: "expected after"}),
    "twice": ('a,b\n1,"x\n2,"x\n3,y\n', {1: "expected after", 2: "unexpected end of data"}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_record_costs_no_other(name):
    text, complaints = BROKEN[name]
    found = read(text)
    assert {record.number for record in found if record.complaint} == set(complaints)
    assert all(complaints[record.number] in record.complaint for record in found if record.complaint)
    lines = text.splitlines()
    for record in found:
        assert record.line == record.number + 1
        if not record.complaint:
            assert record.fields == next(csv.reader([lines[record.number]]))
    assert len(found) == len(lines)


def test_a_quote_that_is_not_closed_is_noticed_before_the_file_ends(monkeypatch):
    text = 'a,b\n1,"x\n' + "".join(f"{row},text\n" for row in range(2, 200))
    taken = []

    def lines():
        for line in io.StringIO(text):
            taken.append(line)
            yield line

    found = csv_records(lines(), limit=100)
    next(found)
    assert "does not end within 100 characters" in next(found).complaint
    assert len(taken) < 20
    assert [record.number for record in found] == list(range(2, 200))
    assert "the field does not end" not in str(read(text)), "the limit is larger unless told otherwise"
    assert records.RECORD_LIMIT == 1 << 20


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2), min_size=1
    )
)
def test_what_csv_writes_is_read(rows):
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    found = read(file.getvalue())
    assert [record.fields for record in found[1:]] == rows
    assert [record.number for record in found] == list(range(len(rows) + 1))
