"""Explanations as HTML: nothing of a comment works as markup, nothing of it is lost, and all of it can be read."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toxres.colours import AA, DIVERGING, DIVERGING_DARK, LEVELS, contrast, ink_on, shade
from toxres.errors import InputError
from toxres.explain import METHODS, Explanation
from toxres.explain.characters import MAX_MARKS, as_plain, hidden_characters
from toxres.explain.html import fragment, page, view
from toxres.explain.sheet import THEMES, style_sheet
from toxres.explain.told import (
    MEANINGS,
    ONE_SIGNED,
    first_label,
    notes,
    number,
    plain_text,
    probability,
    scale_of,
    strongest,
)
from toxres.plots.style import BLUE, ORANGE

LABELS = ("toxic", "insult", "threat")
VOID = {"meta", "input", "br"}
ATTACKS = (
    "<script>alert('x')</script>",
    "</style><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" data-x=\'',
    "&lt;b&gt; &#60;i&#62; &amp;lt; &copy;",
    "<!-- --><![CDATA[ ]]> </section></article></body></html>",
    "javascript:alert(1) <a href='javascript:alert(1)'>here</a>",
    "one\u202etwo\u202c \u2066three\u2069 i\u200bdiot \x00 \x1b[31m \ud800 \u2028\u2029 \ufeff end",
    "first\r\nsecond\rthird\n\n  fourth\tfifth \n",
    "שלום עולם idiot مرحبا \U0001f469\u200d\U0001f467 \u2764\ufe0f",
    "",
)


def made(text, *, words=None, labels=LABELS, values=None, read=None, scores=None, **others) -> Explanation:
    """An explanation whose values are drawn at random but for what is given."""
    words = tuple(match.span() for match in re.finditer(r"\S+", text)) if words is None else words
    shape = (len(words), len(labels))
    values = np.random.default_rng(0).normal(size=shape) if values is None else np.asarray(values, float).reshape(shape)
    nothing = np.full(len(labels), np.nan)
    fields = {"method": "occlusion", "model": "baseline", "baseline_scores": nothing, "convergence_delta": nothing}
    read = np.ones(len(words), bool) if read is None else np.array(read, bool)
    scores = np.linspace(2, -3, len(labels)) if scores is None else np.array(scores, float)
    return Explanation(text, words, labels, values, read, scores=scores, **(fields | others))


class Read(HTMLParser):
    """What a browser would make of the page: elements with attributes and text, and the comments put together again."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.comments = [], [], []
        self.feed(source)
        self.close()
        assert self.open == [], "an element is not closed"

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs), "an attribute stands twice"
        attributes = dict(attrs)
        element = {"tag": tag, "text": "", **attributes}
        self.elements.append(element)
        if attributes.get("class", "").startswith("tx-text"):
            self.comments.append("")
        if "data-char" in attributes and self.inside("tx-text"):
            self.comments[-1] += "".join(chr(int(code, 16)) for code in attributes["data-char"].split())
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data
        if self.inside("tx-text") and not any("data-char" in element for element in self.open):
            self.comments[-1] += data

    def inside(self, name: str) -> bool:
        return any(element.get("class", "").startswith(name) for element in self.open)

    def of(self, tag: str | None = None, name: str | None = None) -> list[dict]:
        """Elements of a tag and class, in order."""
        found = [each for each in self.elements if tag in (None, each["tag"])]
        return [each for each in found if name is None or name in each.get("class", "").split()]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_comment_a_name_or_a_label_is_text_and_nothing_else(attack):
    explanation = made(attack, model=f"model {attack}", labels=(f"label {attack}", "toxic"))
    source = page([[explanation]], title=f"Title {attack}")
    known = "html head meta title style body header h1 p strong main article h2 section fieldset legend label input"
    known += " span small bdi div i ol li details summary table caption thead tbody tr th td br"
    read = Read(source)
    assert {element["tag"] for element in read.elements} <= set(known.split())
    attributes = {name for element in read.elements for name in element} - {"tag", "text"}
    assert not attributes & {"href", "src", "style", "action", "formaction"}
    assert not {name for name in attributes if name.startswith("on")}
    assert read.comments == [attack] * 2
    assert [each for each in read.of("label") if f"label {attack[:3]}".strip() in each["text"]], "it is shown"
    for letter in "\u202e\u202c\u2066\u2069\u200b\u2028\u2029\ufeff\x00\x1b\ud800":
        assert letter not in source
    source.encode("utf-8")


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=40), st.data())
def test_words_and_what_stands_between_put_the_text_together(text, data):
    places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    words = tuple(zip(places[::2], places[1::2], strict=False))
    read = Read(fragment([made(text, words=words, labels=("toxic",))]))
    assert read.comments == [text]
    assert len([each for each in read.of("span", "w") if "title" in each]) == len(words)


def test_each_word_has_its_shade_and_value():
    text = "you are a mild fool"
    values = np.array([[0.5], [-1.0], [0.01], [-0.26], [2.0]])
    read = Read(fragment([made(text, labels=("toxic",), values=values)]))
    shown = [(each["text"], each["class"], each["title"]) for each in read.of("span", "w")]
    assert shown == [
        ("you", "w o2", "+0.50"),
        ("are", "w b4", "−1.00"),
        ("a", "w", "+0.01"),
        ("mild", "w b1", "−0.26"),
        ("fool", "w o8", "+2.00"),
    ]
    ticks = [each["text"] for each in read.of("div", "tx-ticks")]
    assert ticks == ["−2.00lowers0.00nothing+2.00raises"]
    assert len(read.of("i")) == 2 * LEVELS + 1
    strong = ["fool +2.00", "are −1.00", "you +0.50", "mild −0.26", "a +0.01"]
    assert [each["text"] for each in read.of("li")] == strong
    rows = [each["text"] for each in read.of("tr")]
    assert rows == ["wordtoxic", "you+0.50", "are−1.00", "a+0.01", "mild−0.26", "fool+2.00"]


@pytest.mark.parametrize("method", ["attention", "lexicon", "random", "supervised"])
def test_a_method_without_signs_has_a_scale_from_nothing_up(method):
    read = Read(fragment([made("you fool", labels=("toxic",), values=[[0.02], [0.08]], method=method)]))
    assert [(each["class"], each["title"]) for each in read.of("span", "w")] == [("w o2", "0.020"), ("w o8", "0.080")]
    assert [each["text"] for each in read.of("div", "tx-ticks")] == ["0.000nothing0.080most"]
    assert len(read.of("i")) == LEVELS + 1


def test_models_share_a_scale_and_methods_do_not():
    one = made("you fool", labels=("toxic",), values=[[1], [4]])
    other = made("you fool", labels=("toxic",), values=[[1], [2]], model="custom")
    third = made("you fool", labels=("toxic",), values=[[0.1], [0.2]], method="integrated_gradients")
    read = Read(fragment([one, other, third]))
    assert [each["class"] for each in read.of("span", "w")] == ["w o2", "w o8", "w o2", "w o4", "w o4", "w o8"]
    assert [each["text"] for each in read.of("p", "tx-name")] == [
        "baseline, word occlusion",
        "custom, word occlusion",
        "baseline, integrated gradients",
    ]


def test_all_zero_values_are_told_and_not_shaded():
    read = Read(fragment([made("you fool", labels=("toxic",), values=np.zeros((2, 1)))]))
    assert {each["class"] for each in read.of("span", "w")} == {"w"}
    assert "Every value is 0." in read.of("p", "tx-notes")[0]["text"]
    assert read.of("ol") == [] and read.of("div", "tx-ticks")[0]["text"] == "0.00every value"


def test_values_that_are_no_numbers_are_said_to_be_none():
    read = Read(fragment([made("you mild fool", labels=("toxic",), values=[[np.nan], [np.inf], [1.0]])]))
    titles = [(each["class"], each["title"]) for each in read.of("span", "w")]
    assert titles == [("w", "no value"), ("w", "no value"), ("w o8", "+1.00")]
    assert [each["text"] for each in read.of("li")] == ["fool +1.00"]


def test_words_not_read_are_marked_and_explained():
    made_so = made("you old fool", labels=("toxic",), values=[[1], [0], [0]], read=[True, False, False])
    read = Read(fragment([made_so]))
    unread = [each for each in read.of("span", "tx-unread") if "title" in each]
    assert [(each["text"], each["title"]) for each in unread] == [
        ("old", "not read by the model"),
        ("fool", "not read by the model"),
    ]
    assert "The model read 1 of 3 words." in read.of("p", "tx-notes")[0]["text"]
    assert "not read" in read.of("p", "tx-legend")[0]["text"]
    assert "oldnot read" in [each["text"] for each in read.of("tr")]
    assert Read(fragment([made("you fool")])).of("p", "tx-legend") == []


def test_tabs_are_radio_buttons_with_names_of_their_own():
    explanation = made("you fool")
    sources = [fragment([explanation]), fragment([explanation, explanation], "threat"), page([[explanation]] * 3)]
    read = Read("\n".join(sources))
    names = [each["name"] for each in read.of("input")]
    assert {each["type"] for each in read.of("input")} == {"radio"}
    assert len(set(names)) == 5 and all(names.count(name) == len(LABELS) for name in names)
    ids = [each["id"] for each in read.elements if "id" in each]
    assert len(set(ids)) == len(ids)
    pointed = [each["aria-labelledby"] for each in read.elements if "aria-labelledby" in each]
    assert pointed and set(pointed) <= set(ids)
    assert [each["class"] for each in read.of("input") if "checked" in each] == ["tx-1", "tx-3", "tx-1", "tx-1", "tx-1"]
    for group in set(names):
        tabs = [each["class"] for each in read.of("input") if each["name"] == group]
        assert tabs == ["tx-1", "tx-2", "tx-3"]
    for k in (1, 2, 3):
        assert f":has(.tx-tabs .tx-{k}:checked) > .tx-panel-{k} {{ display: block; }}" in sources[0]


def test_one_label_needs_no_tab():
    read = Read(fragment([made("you fool", labels=("toxic",))]))
    assert read.of("input") == [] and len(read.of("div", "tx-only")) == 1


def test_models_that_explain_different_labels_stand_side_by_side():
    one, other = made("you fool", labels=("toxic", "insult")), made("you fool", labels=("insult",), model="custom")
    read = Read(fragment([one, other]))
    tabs = [each["text"] for each in read.of("label")]
    assert tabs == ["toxic88.1% · –", "insult4.7% · 88.1%"]
    assert read.of("div", "tx-panel-1")[0]["text"].count("This label is not explained here.") == 1
    assert read.of("div", "tx-panel-2")[0]["text"].count("(logit") == 2
    assert first_label([one, other]) == "toxic"


def test_scores_and_the_sum_are_told_in_words():
    explanation = made(
        "you fool",
        labels=("toxic",),
        values=[[1.0], [2.0]],
        scores=[3.5],
        method="integrated_gradients",
        baseline_scores=np.array([-1.0]),
        convergence_delta=np.array([-0.0125]),
        baseline="every token [PAD]",
        steps=50,
    )
    read = Read(fragment([explanation]))
    assert read.of("p", "tx-score")[0]["text"] == "97.1% toxic (logit +3.50)"
    told = " ".join(notes(explanation, "toxic"))
    assert "Baseline: every token [PAD], logit −1.00; 50 steps from there to the comment." in told
    assert "add up to +3.00" in told and "to +1.49; the logit differs by +4.50" in told
    assert "Convergence delta −0.0125." in told
    assert read.of("p", "tx-notes")[0]["text"] == told


def test_every_method_says_what_its_values_are():
    assert set(MEANINGS) == set(METHODS) >= ONE_SIGNED


def test_a_note_is_shown_and_no_model_needs_no_name():
    explanation = made("you fool", labels=("toxic",), note="not <b>converged</b>", model="", method="lexicon")
    read = Read(fragment([explanation]))
    assert read.of("p", "tx-note")[0]["text"] == "Careful: not <b>converged</b>."
    assert "converged" not in read.of("p", "tx-notes")[0]["text"], "it is told once"
    assert read.of("p", "tx-name")[0]["text"] == "word list"
    assert "Careful, word list: not <b>converged</b>" in plain_text([explanation]).splitlines()


def test_numbers_as_they_are_written():
    assert [probability(logit) for logit in (-800, -9, 0, 3.55, 20)] == ["<0.1%", "<0.1%", "50.0%", "97.2%", ">99.9%"]
    assert probability(float("nan")) == number(float("nan")) == "not known"
    assert [number(-0.001), number(-1.5)] == ["+0.00", "−1.50"]
    small = scale_of([made("a", labels=("x",), values=[[3e-7]])], "occlusion", "x")
    assert small.told(3e-7) == "+3.0e−07"
    assert small.told(0.0) == "0"


def test_the_strongest_words_stand_in_order():
    explanation = made("a b c d e", labels=("x",), values=[[1], [-3], [1], [0], [9]], read=[True] * 4 + [False])
    assert strongest(explanation, "x") == [1, 0, 2]
    assert plain_text([explanation]).splitlines()[1].endswith("; b −3.00, a +1.00, c +1.00")


def sheet_colours(sheet: str, place: int) -> dict[str, tuple[str, str]]:
    """Ground and ink of each shade in one theme (0 light, 1 dark), as the sheet says them."""
    pair = r"light-dark\((\S+), (\S+)\)"
    rule = rf"\.toxres-why \.([bo]\d) \{{[^}}]*background-color: {pair}; color: {pair}"
    return {found[0]: (found[1 + place], found[3 + place]) for found in re.findall(rule, sheet)}


@pytest.mark.parametrize("place", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_every_colour(place):
    shades = sheet_colours(style_sheet(6), place)
    assert len(shades) == 2 * LEVELS
    assert {name for name, pair in shades.items() if contrast(*pair) < AA} == set()
    theme = {role: pair[place] for role, pair in THEMES.items()}
    for ground in ("ground", "soft"):
        for ink in ("ink", "muted"):
            assert contrast(theme[ink], theme[ground]) >= AA, (ink, ground)
    assert contrast(theme["focus"], theme["ground"]) >= 3
    for side in "bo":
        away = [contrast(shades[f"{side}{level}"][0], theme["ground"]) for level in range(1, LEVELS + 1)]
        assert away == sorted(away), "the stronger, the further from the ground"


def test_browsers_without_light_dark_get_the_light_theme():
    for level in (-LEVELS, 1):
        light = shade(level)
        plain = f"background-color: {light}; color: {ink_on(light)};"
        assert f"{plain} background-color: light-dark({light}," in style_sheet(1)


def test_shades_are_those_of_the_figures():
    assert (shade(-LEVELS), shade(0), shade(LEVELS)) == (DIVERGING[0], DIVERGING[3], DIVERGING[-1])
    assert (shade(-LEVELS, dark=True), shade(LEVELS, dark=True)) == (DIVERGING_DARK[0], DIVERGING_DARK[-1])
    assert BLUE in DIVERGING and ORANGE in DIVERGING
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.01)


def test_a_page_stands_alone_and_forbids_scripts():
    explanations = [[made("you fool")], [made("a  kind\nword"), made("a  kind\nword", model="custom")]]
    source = page(explanations, title="Two <comments>", label="insult")
    assert source == page(explanations, title="Two <comments>", label="insult")
    assert not re.search(r"https?:|//\w|url\(|@import|<script|<link|<img|style=", source)
    read = Read(source)
    (policy,) = [each["content"] for each in read.of("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    (sheet,) = re.findall("<style>(.*?)</style>", source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in policy
    assert source.index("Content-Security-Policy") < source.index("<style>")
    assert read.of("html")[0]["lang"] == "en" and read.of("title")[0]["text"] == "Two <comments>"
    assert any(each.get("name") == "viewport" for each in read.of("meta"))
    assert read.of("h1")[0]["text"] == "Two <comments>" and "Content warning" in read.of("p", "tx-warning")[0]["text"]
    assert [each["text"] for each in read.of("h2")] == ["Comment 1 of 2", "Comment 2 of 2"]
    assert all("checked" in each for each in read.of("input", "tx-2"))
    assert read.comments == ["you fool"] * 3 + ["a  kind\nword"] * 6


def test_a_long_comment_scrolls_and_takes_the_focus():
    long, short = Read(fragment([made("word " * 100)])), Read(fragment([made("word " * 10)]))
    assert all(each["tabindex"] == "0" and each["aria-label"] for each in long.of("div", "tx-text"))
    assert all("tx-scroll" in each["class"] for each in long.of("div", "tx-text"))
    assert not any("tabindex" in each for each in short.of("div", "tx-text"))


def test_hidden_characters_are_shown_and_needed_ones_stay():
    assert hidden_characters("plain\ttext\nand é, ü, 漢字, 👍🏽, —") == frozenset()
    assert hidden_characters("\U0001f469\u200d\U0001f467 \u2764\ufe0f 1\ufe0f\u20e3") == frozenset()
    assert hidden_characters("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645") == frozenset()
    assert hidden_characters("i\u200ddiot") == {1} == hidden_characters("a\ufe0fb") == hidden_characters("a\u3164b")
    assert hidden_characters("Z" + "\u0335" * (MAX_MARKS + 2)) == {MAX_MARKS + 1, MAX_MARKS + 2}
    assert hidden_characters("\ufdd0\U000e0041\xad\x9f\ud800") == {0, 1, 2, 3, 4}
    assert as_plain(" a\u200b\u200b\nb\u202e\u202cc ") == "a[U+200B ×2] b[U+202E and 1 more]c"


def test_a_view_shows_itself_anew_and_in_plain_text():
    shown = view([made("you fool", labels=("toxic", "insult"))], "insult")
    first, second = shown._repr_html_(), shown._repr_html_()
    assert first != second and Read(first).comments == ["you fool"] * 2
    lines = repr(shown).splitlines()
    assert lines[0] == "Comment: you fool" and lines[1].startswith(
        "toxic, baseline, word occlusion: 88.1% (logit +2.00)"
    )
    with pytest.raises(InputError, match="label 'threat' is not explained here"):
        view(shown.explanations, "threat")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: fragment([]), "no explanation to show"),
        (lambda: fragment([made("a"), made("b")]), "different comments"),
        (lambda: fragment([made("a", labels=())]), "explain no label"),
        (
            lambda: fragment([made("a")], "obscene"),
            "label 'obscene' is not explained here; choose one of: toxic, insult",
        ),
        (lambda: page([]), "no comment to show"),
    ],
)
def test_what_cannot_be_shown_is_refused(call, told):
    with pytest.raises(InputError, match=told):
        call()


def test_one_explanation_alone_is_taken_too():
    assert Read(fragment(made("you fool", labels=("toxic",)))).comments == ["you fool"]
