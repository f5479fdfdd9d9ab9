"""The index of texts that were met: the numbers that a dictionary gives, whatever is merged or collides."""

import numpy as np
import pytest

from toxres.scoring import distinct
from toxres.scoring.distinct import Distinct, digest


@pytest.mark.parametrize("block", [1 << 18, 64, 7])
@pytest.mark.parametrize("values", [5, 300, 1 << 30])
def test_numbers_are_those_of_a_dictionary(tmp_path, monkeypatch, block, values):
    monkeypatch.setattr(distinct, "BLOCK", block)
    rng, index, known = np.random.default_rng(block + values), Distinct(tmp_path / "index"), {}
    for size in rng.integers(1, 60, size=40):
        digests = [digest(str(value)) for value in rng.integers(0, values, size=size)]
        before = len(known)
        wanted = [known.setdefault(key, len(known)) for key in digests]
        found = index.number(digests)
        assert found.numbers.tolist() == wanted
        first = {number: place for place, number in reversed(list(enumerate(wanted))) if number >= before}
        assert found.new.tolist() == [first[number] for number in range(before, len(known))]
        assert index.count == len(known)
    assert len(index._segments) <= 8
    index.close()
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize("block", [1 << 18, 2])
def test_digests_that_agree_in_their_first_half_are_told_apart(tmp_path, monkeypatch, block):
    monkeypatch.setattr(distinct, "BLOCK", block)
    index = Distinct(tmp_path / "index")
    digests = [half + bytes([number]) * 8 for number in range(6) for half in (b"a" * 8, b"\xff" * 8, b"\0" * 8)]
    assert index.number(digests[:9]).numbers.tolist() == list(range(9))
    assert index.number(digests).numbers.tolist() == list(range(18))
    assert index.number(digests[::-1]).numbers.tolist() == list(range(18))[::-1]
    index.close()


def test_what_was_there_is_forgotten(tmp_path):
    first = Distinct(tmp_path / "index")
    first.number([digest("a")])
    again = Distinct(tmp_path / "index")
    assert again.number([digest("b"), digest("a"), digest("b")]).numbers.tolist() == [0, 1, 0]


def test_a_text_has_a_digest_for_each_model():
    assert len({digest("a"), digest("a", "one"), digest("a", "two"), digest("two\0a"), digest("b")}) == 4
    assert len(digest("ü")) == 16
