"""Normalisation as a whole: spans, idempotence and time on any text, and what must not be touched."""

import csv
import json
import time
from pathlib import Path

import emoji
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toxres.errors import InputError
from toxres.text import EMOTIONS, SPECIAL_TOKENS, STEPS, normalise, pipeline
from toxres.text.words import known_words

FOLDER = Path(pipeline.__file__).parent
# fmt: off
NASTY = [
    "&amp;", "&", "amp;", "&#", "#", "8203;", "&lt;", "&gt", "&#128514;", "&#55357;&#56834;", "&notit;",
    "\\n", "\\u0105", "Ã³", "Å‚", "â€™", "\u200b", "\u200d", "️", "⃣", "\u202e", "\ufeff", "\x00",
    "\x1b", "\x0d\x0a", "\x09", "\xa0", "\u3000", "\u0301", "\u0316", "\u0336", "a\u0301", "z\u0307",
    "ᄀ", "ᅡ", "ে", "া", "😂", "👍🏽", "👨\u200d👩\u200d👧", "🇵🇱", "🇮", "🏽", "\U000e0067", "1️⃣", "🅱️", "🅸",
    "Ⓜ", "❤️", "©", ":", ";", ")", "(", "D", "<", ">", "<3", "xD", ">:(", ":'(", "^_^", "-_-",
    "¯\\_(ツ)_/¯", "ಠ_ಠ", "<url>", "<number>", "<joy>", "http://", "www.", "a.com", "/", "x@y.pl", "@",
    "@name", "u/some", "12", "3.4", "1,000", "h2o", "sh1t", "f*ck", "f***", "@sshole", "$", "!", "*",
    "-", "_", ".", "...", "…", "?", "''", "i", "d", "i", "o", "t", "f.u.c.k", "ss", "sss", "haha", "www",
    "III", "а", "о", "п", "ε", "𝓲", "ｄ", "①", "ɪ", "ᴅ", "ﬁ", "Ⅳ", "ª", "ſ", "İ", "ß", "Ǆ", "zażółć",
    "Żyd", "क\u200dष", "می\u200cخ",
]
# fmt: on
LONE = ["\ud83d", "\ude02", "\udcff"]
nasty_texts = st.lists(st.sampled_from([*NASTY, *LONE, " ", "  ", "\n"]), max_size=14).map("".join)
some_steps = st.one_of(st.just(STEPS), st.lists(st.sampled_from(STEPS), unique=True))


def check_spans(text, result):
    starts, ends = result.spans[:, 0], result.spans[:, 1]
    assert result.spans.dtype == np.int32
    assert result.spans.shape == (len(result.text), 2)
    assert (starts < ends).all(), "every character stands for something"
    assert (starts >= 0).all() and (ends <= len(text)).all()
    assert (np.diff(starts) >= 0).all() and (np.diff(ends) >= 0).all()


@settings(max_examples=200, deadline=None)
@given(st.one_of(nasty_texts, st.text(alphabet=st.characters(exclude_categories=()))), some_steps)
@example("", STEPS)
@example("\ud83d\ude02\ud800", STEPS)
@example("&" + "amp;" * 50 + "lt;3", STEPS)
def test_spans_point_into_any_text_and_normalising_twice_changes_nothing(text, steps):
    result = normalise(text, steps)
    check_spans(text, result)
    again = normalise(result.text, steps)
    assert again.text == result.text
    assert (again.spans[:, 0] == np.arange(len(result.text))).all()


@settings(max_examples=50, deadline=None)
@given(nasty_texts)
def test_no_steps_leave_any_text_alone(text):
    result = normalise(text, [])
    assert result.text == text
    check_spans(text, result)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(sorted(word for word in known_words() if len(word) > 1)), max_size=12))
def test_plain_words_stay_as_they_are(words):
    text = " ".join(words)
    assert normalise(text).text == text


@given(st.text(alphabet="аеосрухкнпдвлйж АЕОК", max_size=20), st.text(alphabet="αεορνιλδσ", max_size=20))
@settings(max_examples=100, deadline=None)
def test_a_text_of_another_script_stays_in_its_script(cyrillic, greek):
    for text in (cyrillic, greek):
        assert normalise(text, ["lookalikes", "leet", "stars"]).text == text


@pytest.mark.parametrize(
    "text",
    [
        "Zażółć gęślą jaźń, świnia łże w Łodzi.",
        "Привет, как дела?",
        "Ελλάδα και Κύπρος",
        "שלום עולם, مرحبا بالعالم",
        "می\u200cخواهم",
        "これは何ですか",
        "c3po h2o b2b 4u covid19 mp3 ps4 i18n 3D gr8 1st 90s 5kg 100k v1.2.3 M16 x86",
        "U.S.A. and J. R. R. Tolkien e.g. here, i.e. there",
        "World War III, Henry VIII, AAA, KKK, zzz",
        "well-known *italic* **bold** a*b snake_case C# AT&T word**",
        "the following: (a) this; (b) that ratio:D, :Please",
        "at @10am, user@ home, u/s",
        "Grüße aus Straße, naïve café, Việt Nam, ᾧ, Dvořák",
        "1488 and 14/88",
        "<url> <email> <mention> <number> <joy> smiling face",
        "© ® ™ → ★ ✓",
        "Sp. z o.o.",
    ],
)
def test_what_is_meant_as_it_stands_stays(text):
    assert normalise(text).text == text


def test_spans_lead_from_a_token_to_what_was_written():
    text = "see http://a.org/x \U0001f602\U0001f602 f*ck soooo a\u0301"
    result = normalise(text)
    assert result.text == "see <url> <laughter> face with tears of joy fuck so \u00e1"

    def written(part):
        at = result.text.index(part)
        spans = result.spans[at : at + len(part)]
        return text[spans[0, 0] : spans[-1, 1]]

    assert written("<url>") == "http://a.org/x"
    assert written("<laughter> face with tears of joy") == "\U0001f602\U0001f602"
    assert written("face") == "\U0001f602\U0001f602"
    assert written("fuck") == "f*ck"
    star = result.spans[result.text.index("uck")]
    assert text[star[0] : star[1]] == "*"
    assert written("so") == "soooo"
    assert written("\u00e1") == "a\u0301"


def test_order_of_the_names_does_not_matter():
    text = "&lt;3 f*ck http://a.org :)"
    assert normalise(text, STEPS[::-1]).text == normalise(text, STEPS).text


@pytest.mark.parametrize("steps", [["emoji", "emojis"], "emoji"])
def test_an_unknown_step_is_named_with_the_choices(steps):
    with pytest.raises(
        InputError, match=r"unknown normalisation step '(emojis|e)'; choose out of: mojibake, .*repeats"
    ):
        normalise("text", steps)


def test_special_tokens_say_what_was_there():
    assert set(SPECIAL_TOKENS) == {"<url>", "<email>", "<mention>", "<number>", "<emoji>"} | {
        f"<{e}>" for e in EMOTIONS
    }
    assert len(set(SPECIAL_TOKENS)) == len(SPECIAL_TOKENS)


def test_every_token_put_in_is_a_special_one():
    symbols = "".join(f"{symbol} " for symbol in emoji.EMOJI_DATA)
    with (FOLDER / "emoticons.csv").open(encoding="utf-8") as file:
        forms = [row["form"] for row in csv.DictReader(file)]
    text = normalise(f"{symbols} {' '.join(forms)} http://a.org x@y.org @name 12").text
    found = {f"<{part.split('>')[0]}>" for part in text.split("<")[1:] if ">" in part}
    assert found == set(SPECIAL_TOKENS)


def test_the_emotion_map_names_emoji_that_exist_once_each():
    known = {data["en"].strip(":") for data in emoji.EMOJI_DATA.values()}
    table = json.loads((FOLDER / "emotions.json").read_text(encoding="utf-8"))
    names = [name for line in table.values() for name in line.split()]
    assert tuple(table) == EMOTIONS
    assert len(set(names)) == len(names)
    for name in names:
        assert {name, f"person_{name}", f"man_{name}", f"people_{name}"} & known, name


def test_every_listed_emoticon_is_found_alone_and_in_a_sentence():
    with (FOLDER / "emoticons.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert row["emotion"] in EMOTIONS
        wanted = f"<{row['emotion']}> {row['name']}"
        assert normalise(row["form"]).text == wanted, row["form"]
        assert normalise(f"well {row['form']} then").text == f"well {wanted} then", row["form"]


def test_a_text_that_does_not_settle_loses_its_signs_but_ends(monkeypatch):
    monkeypatch.setattr(pipeline, "PASSES", 2)
    text = "&#82&#82&#8203;03;03; tail \U0001f602"
    result = normalise(text, ["entities", "invisible"])
    check_spans(text, result)
    assert "tail" in result.text


@pytest.mark.stress
@pytest.mark.parametrize(
    "unit",
    [
        *(
            "word and another ",
            "a",
            "a@",
            "a.",
            "<3",
            "f*",
            "0o",
            "i ",
            "1,2 ",
            "amp;",
            "&#8203;",
            "(",
            "):",
            "haha",
            "*",
        ),
        *("\u0301\u0316", "\u200b", "\U0001f602\U0001f44d", "\U0001f1f5", "\ud83d", "\u0430b", "Ã³", "u/", "\\n"),
    ],
)
def test_time_grows_with_length_and_no_faster(unit):
    def seconds(length):
        text = (unit * (length // len(unit) + 1))[:length]
        start = time.process_time()
        check_spans(text, normalise(text))
        return time.process_time() - start

    short, long = (min(seconds(length) for _ in range(3)) for length in (4_000, 32_000))
    assert long < 32 * max(short, 0.02), "eight times the length; quadratic would be 64 times the time"


@pytest.mark.stress
def test_a_million_characters_of_plain_text_take_a_moment():
    text = "nobody here has anything to hide, and that is fine. " * 20_000
    start = time.process_time()
    result = normalise(text)
    assert time.process_time() - start < 5
    assert result.text == text
