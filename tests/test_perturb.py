"""Obfuscation in measured doses: deterministic, nested, of about the share that is asked for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toxres.errors import InputError
from toxres.perturb import KINDS, perturb
from toxres.text import normalise

TEXT = (
    "Nobody in this house has ever asked for a better explanation than the one you gave us yesterday, "
    "so please stop pretending that all of it is somebody else's mistake and answer the simple question. "
) * 4
LETTERS = sum(map(str.isalpha, TEXT))
shares = st.floats(0, 1)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=50, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=())), share=shares, seed=st.integers(0, 2**40))
def test_any_text_can_be_perturbed_again_and_again_the_same(kind, text, share, seed):
    assert perturb(text, share, kind, seed) == perturb(text, share, kind, seed)
    assert perturb(text, 0, kind, seed) == text


@pytest.mark.parametrize("kind", KINDS)
def test_another_seed_perturbs_other_letters(kind):
    assert perturb(TEXT, 0.2, kind, 0) != perturb(TEXT, 0.2, kind, 1)


def changed(text, perturbed, kind):
    """Places of the letters of `text` that were perturbed, for kinds that put something for or after one letter."""
    places, at = set(), 0
    for place, char in enumerate(text):
        following = text[place + 1 : place + 2]
        if kind in ("leet", "homoglyph", "stars"):
            if perturbed[at] != char:
                places.add(place)
            at += 1
        else:
            at += 1
            start = at
            while at < len(perturbed) and (
                (kind == "spaces" and perturbed[at] == " " and following != " ")
                or (kind == "zero_width" and perturbed[at] in "\u200b\u200c\u200d\u2060\ufeff")
            ):
                at += 1
            if at > start:
                places.add(place)
    return places


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("typo", "repeat")])
def test_the_share_is_kept_and_greater_shares_hold_the_smaller_ones(kind):
    smaller = set()
    for share in (0.05, 0.1, 0.2, 0.3, 0.4):
        places = changed(TEXT, perturb(TEXT, share, kind, 3), kind)
        assert len(places) == round(share * LETTERS)
        assert smaller <= places
        assert all(TEXT[place].isalpha() for place in places)
        smaller = places


def test_repeats_are_as_many_as_asked_for_and_nested():
    words = "planet " * 40
    few, many = (perturb(words, share, "repeat", 0) for share in (0.1, 0.3))

    def runs(text):
        counts, last = [], ""
        for char in text:
            if char == last:
                counts[-1] += 1
            else:
                counts.append(1)
            last = char
        return counts

    assert len(runs(few)) == len(runs(many)) == len(words)
    assert sum(count > 1 for count in runs(few)) == round(0.1 * 240)
    assert all(count in (1, 3, 4, 5) for count in runs(many))
    assert all(b == a for a, b in zip(runs(few), runs(many), strict=True) if a > 1)


def test_typos_swap_drop_and_double_letters_only():
    words = "planet " * 200
    pairs = list(zip(perturb(words, 0.15, "typo", 0).split(), words.split(), strict=True))
    touched = [a for a, b in pairs if a != b]
    assert {len(a) - len(b) for a, b in pairs} >= {-1, 0, 1}
    assert any(sorted(a) == sorted("planet") for a in touched)
    assert all(set(a) <= set("planet") for a in touched)
    assert abs(len(touched) / 200 - (1 - 0.85**6)) < 0.1


def test_spaces_and_invisible_characters_stay_within_words():
    for kind in ("spaces", "zero_width"):
        result = perturb("ab, c d!", 1, kind, 0)
        assert len(result) == len("ab, c d!") + 1
        assert result.startswith("a") and result.endswith("b, c d!")


def test_stars_leave_first_letters():
    assert perturb("nobody asked", 1, "stars") == "n***** a****"


def test_lookalikes_are_other_letters_that_normalise_to_the_same_word():
    result = perturb("pathetic idiots", 0.4, "homoglyph", 0)
    assert result != "pathetic idiots" and not result.isascii()
    assert normalise(result).text == "pathetic idiots"


@pytest.mark.parametrize("kind", ["zero_width", "homoglyph", "repeat", "leet"])
def test_normalisation_brings_words_of_the_lexicon_back(kind):
    text = "nobody likes stupid idiots and bastards"
    for seed in range(5):
        perturbed = perturb(text, 0.15, kind, seed)
        assert perturbed != text
        assert "stupid" in normalise(perturbed).text


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_0_to_1_is_refused(share):
    with pytest.raises(InputError, match="share is"):
        perturb("text", share, "leet")


def test_an_unknown_kind_is_named_with_the_choices():
    with pytest.raises(InputError, match="unknown kind of perturbation 'leeet'; choose one of: typo, leet"):
        perturb("text", 0.1, "leeet")
