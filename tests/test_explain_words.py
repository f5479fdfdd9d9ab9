"""Words as they were written, and tokens shared among them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toxres.explain import words_of
from toxres.explain.words import share_tokens
from toxres.models.encoders import load_encoder
from toxres.models.tokenizer import NormalizingTokenizer

PIECES = st.sampled_from(
    ["fool", "you", " ", "\n", "!", "...", "*", "$", "👍🏽", "👨\u200d👩\u200d👧", "❤️", ":)", "é", "\u200b", ","]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=20).map("".join))


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in words_of(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("you fool!", ["you", "fool", "!"]),
        ('"(you)", fool?!?!', ['"(', "you", ')",', "fool", "?!?!"]),
        ("f**l f.o.o.l a$$ a$$! f*** sh!t", ["f**l", "f.o.o.l", "a$$", "a$$", "!", "f***", "sh!t"]),
        ("don't 'em dogs' so-called", ["don't", "'", "em", "dogs", "'", "so-called"]),
        ("*fool* __no__ 2*3", ["*", "fool", "*", "__", "no", "__", "2*3"]),
        ("@user #tag 50% $5 1,000 10:30 U.S.A.", ["@user", "#tag", "50%", "$5", "1,000", "10:30", "U.S.A", "."]),
        ("stop,fool well...you and/or", ["stop", ",", "fool", "well", "...", "you", "and", "/", "or"]),
        ("see http://a.example/bc,de", ["see", "http://a.example/bc,de"]),
        ("!!! @#$%! -", ["!!!", "@#$%!", "-"]),
        ("👍🏽👨\u200d👩\u200d👧 hi👋🏻there ❤️1️⃣", ["👍🏽", "👨\u200d👩\u200d👧", "hi", "👋🏻", "there", "❤️", "1️⃣"]),
        ("🇵🇱🇬🇧x", ["🇵🇱", "🇬🇧", "x"]),
        ("nice:) <3 :'(", ["nice", ":)", "<3", ":'("]),
        ("e\u0301! बुद्धू!", ["e\u0301", "!", "बुद्धू", "!"]),
        (" \n\t ", []),
        ("", []),
    ],
)
def test_what_a_word_is(text, words):
    assert cut(text) == words


@given(TEXTS)
def test_words_hold_every_character_that_is_not_white_space_once(text):
    spans = words_of(text)
    held = [at for start, end in spans for at in range(start, end)]
    assert held == [at for at, char in enumerate(text) if not char.isspace()]
    assert all(start < end for start, end in spans)


@pytest.mark.parametrize("piece", ["x", "!", "*", "f*", "😀", "\u200d", "you fool! ", "aa,", "(a)"])
def test_a_hundred_thousand_characters_take_no_quadratic_time(piece):
    text = (piece * 100_000)[:100_000]
    assert sum(end - start for start, end in words_of(text)) == 100_000 - text.count(" ")
    framed = "*" * 50_000 + "a" + "*" * 49_999
    assert len(words_of(framed)) == 3


def test_a_token_is_shared_by_its_characters_in_each_word():
    text = "you fool!"
    shares = share_tokens(text, words_of(text), [(0, 0), (0, 9), (4, 6), (6, 9), (3, 4)])
    values = np.array([[8.0, 1.0], [8.0, 16.0], [5.0, 0.0], [3.0, 3.0], [9.0, 9.0]])
    found = shares.to_words(values)
    np.testing.assert_allclose(found, [[3.0, 6.0], [4.0 + 5.0 + 2.0, 8.0 + 2.0], [1.0 + 1.0, 2.0 + 1.0]])


@given(TEXTS, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8))
def test_shares_of_a_token_sum_to_one_or_it_touches_no_word(text, spans):
    offsets = [(min(pair), min(max(pair), len(text))) for pair in spans]
    shares = share_tokens(text, words_of(text), offsets)
    totals = np.bincount(shares.tokens, shares.shares, minlength=len(offsets))
    for (start, end), total in zip(offsets, totals, strict=True):
        assert total == pytest.approx(1.0 if text[start:end].strip() else 0.0)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "normalising"])
def tokenizer(request):
    plain = load_encoder("tiny").tokenizer
    return NormalizingTokenizer.from_tokenizer(plain) if request.param else plain


@given(text=TEXTS)
def test_tokens_stand_for_a_stretch_of_the_original_text(tokenizer, text):
    from toxres.explain.subject import Subject

    reading = Subject("tiny", ("toxic",), None, tokenizer, 512).read(text)
    assert (reading.text, reading.words) == (text, words_of(text))
    assert reading.read.all()
    plain = tokenizer([text], return_offsets_mapping=True)
    assert list(reading.input_ids) == plain["input_ids"][0]
    assert reading.special.sum() == 2 and reading.special[[0, -1]].all()
    for token in range(1, len(reading.input_ids) - 1):
        start, end = plain["offset_mapping"][0][token]
        mine = reading.shares.words[reading.shares.tokens == token]
        expected = [number for number, (low, high) in enumerate(reading.words) if low < end and start < high]
        assert mine.tolist() == expected
