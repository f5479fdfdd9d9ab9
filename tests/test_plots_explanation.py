"""Figures of explanations: each word on its colour, in lines that hold it, with the scale beneath."""

import base64
import io
import re
import warnings
from dataclasses import replace
from itertools import pairwise

import matplotlib

matplotlib.use("agg")

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from PIL import Image

from toxres.colours import AA, LEVELS, contrast, shade
from toxres.errors import InputError
from toxres.explain import Explanation
from toxres.explain.told import plain_text
from toxres.plots.explanation import explanation_grid, explanation_plot, static
from toxres.plots.wordlines import PLACEHOLDER, drawable

TEXT = "Please read it again, you mild fool!\n\nThanks."
VALUES = [-1.0, 0.0, 0.1, 0.25, 1.0, 0.5, 2.0, -2.0]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def made(text=TEXT, values=VALUES, *, words=None, method="occlusion", model="baseline", read=None) -> Explanation:
    """An explanation of one label, and of a second whose values are all 0."""
    words = tuple(match.span() for match in re.finditer(r"\w+", text)) if words is None else words
    values = np.resize(np.asarray(values, float), len(words))
    nothing = np.full(2, np.nan)
    read = np.ones(len(words), bool) if read is None else np.array(read)
    both = np.stack([values, np.zeros(len(words))], axis=1)
    labels, scores = ("toxic", "severe_toxic"), np.array([2.0, -1.0])
    return Explanation(text, words, labels, both, read, method, model, scores, nothing, nothing)


def patches(ax):
    """Texts on a patch, with its colour."""
    boxed = [(text.get_text(), text.get_bbox_patch()) for text in ax.texts]
    return [(text, to_hex(patch.get_facecolor()).upper()) for text, patch in boxed if patch is not None]


def boxes(ax) -> list:
    """Where each text of the axes is drawn, in pixels, frames left out."""
    ax.figure.canvas.draw()
    renderer = ax.figure.canvas.get_renderer()
    return [(text.get_text(), matplotlib.text.Text.get_window_extent(text, renderer)) for text in ax.texts]


def test_each_word_stands_on_the_colour_of_its_value():
    ax = explanation_plot([made()], label="toxic")
    expected = [shade(level) for level in (-4, 0, 0, 1, 4, 2, LEVELS, -LEVELS)]
    assert patches(ax) == list(zip(re.findall(r"\w+", TEXT), expected, strict=True))
    told = [text.get_text() for text in ax.texts]
    assert "baseline, word occlusion: 88.1% (logit +2.00)" in told
    assert {",", "!", "."} <= set(told)
    for text in ax.texts:
        if text.get_bbox_patch() is not None:
            assert contrast(to_hex(text.get_color()), to_hex(text.get_bbox_patch().get_facecolor())) >= AA
    assert ax.get_title("left") == "What counts for “toxic”"


def test_line_breaks_are_the_comments():
    places = {text.get_text(): text.get_position() for text in explanation_plot([made()], label="toxic").texts}
    assert places["Please"][1] == places["fool"][1] > places["Thanks"][1]
    lines = (places["fool"][1] - places["Thanks"][1]) / (10.5 * 1.75 / 72)
    assert lines == pytest.approx(2)


def test_the_scale_is_drawn_with_its_numbers():
    (bar,) = explanation_plot([made()], label="toxic").child_axes
    assert [label.get_text() for label in bar.get_xticklabels()] == ["−2.00\nlowers", "0.00\nnothing", "+2.00\nraises"]
    assert bar.get_xticks().tolist() == [-2, 0, 2]
    (one,) = explanation_plot([made(values=[0.0, 0.1], method="attention")], label="toxic").child_axes
    assert [label.get_text() for label in one.get_xticklabels()] == ["0.00\nnothing", "0.10\nmost"]


def test_models_share_a_scale_and_methods_have_their_own():
    same = [made(), made(values=np.array(VALUES) / 2, model="custom")]
    ax = explanation_plot(same, label="toxic")
    assert len(ax.child_axes) == 1 and patches(ax)[8 + 6][1] == shade(LEVELS // 2)
    assert len(explanation_plot([*same, made(method="random")], label="toxic").child_axes) == 2


def test_all_zero_values_are_told():
    ax = explanation_plot([made()], label="severe_toxic")
    assert {colour for _, colour in patches(ax)} == {shade(0)}
    assert ax.child_axes == [] and "Every value is 0." in [text.get_text() for text in ax.texts]


def test_words_not_read_have_a_dashed_frame():
    ax = explanation_plot([made(read=[True] * 7 + [False])], label="toxic")
    (last,) = [text for text in ax.texts if text.get_text() == "Thanks"]
    assert last.get_bbox_patch().get_linestyle() == (0, (2, 2)) or last.get_bbox_patch().get_linestyle() == "--"
    assert "Dashed frame: a word that the model did not read." in [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("size", [None, (4.0, 3.0), (9.0, 1.2)])
def test_words_stay_inside_and_apart(size):
    text = "a quite long comment, of many words " * 12 + "x" * 300
    explanations = [made(text), made(text, model="a name of many words " * 4, method="attention")]
    ax = None if size is None else plt.subplots(figsize=size, layout="constrained")[1]
    ax = explanation_plot(explanations, ax, label="toxic")
    frame, drawn = ax.figure.bbox, boxes(ax)
    assert all(box.x0 >= -1 and box.x1 <= frame.x1 + 1 and box.y0 >= -1 for _, box in drawn)
    for (one, first), (other, second) in pairwise(drawn):
        wide = min(first.x1, second.x1) - max(first.x0, second.x0)
        high = min(first.y1, second.y1) - max(first.y0, second.y0)
        assert min(wide, high) < 2, (one, other)


def test_other_scripts_and_hidden_characters_are_drawn_without_a_warning():
    text = "漢字 \U0001f921 \U0001f469\u200d\U0001f467 i\u200bdiot \u202etxt $x^2$ $ \x00\x07 \ud800 é\r\nשלום عرب ok"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = explanation_plot([replace(made(text), model="m$o$ 漢")], label="toxic", title="a $b$", origin="c $d$")
        ax.figure.canvas.draw()
    drawn = "".join(text.get_text() for text in ax.texts)
    assert PLACEHOLDER in drawn and "\u202e" not in drawn and "漢" not in drawn and "$" in drawn
    assert f"{PLACEHOLDER}  a character that would not show here." in drawn
    assert drawable("i\u200b\u200bdiot") == f"i{PLACEHOLDER}diot" and drawable("a\r\nb\tc") == "a\nb    c"
    assert drawable("plain é") == "plain é"


def test_lines_from_right_to_left_are_set_from_the_right():
    places = {
        text.get_text(): text.get_position()[0] for text in explanation_plot([made("אב גד")], label="toxic").texts
    }
    first, second = places["אב"], places["גד"]
    assert first > second > 5


def test_a_note_is_told_under_the_words():
    ax = explanation_plot([replace(made(), note="the integral did not converge " * 8, model="")], label="toxic")
    told = [text.get_text() for text in ax.texts]
    assert "word occlusion: 88.1% (logit +2.00)" in told
    (first,) = [text for text in told if text.startswith("Careful, word occlusion: the integral")]
    assert told.index(first) < len(told) - 1, "it takes several lines"


def test_an_empty_comment_is_drawn_too():
    ax = explanation_plot([made("")], label="toxic")
    assert patches(ax) == [] and "Every value is 0." in [text.get_text() for text in ax.texts]


def test_a_label_that_only_one_model_explains():
    other = replace(made(model="custom"), labels=("insult", "severe_toxic"))
    told = [text.get_text() for text in explanation_plot([made(), other], label="insult").texts]
    assert any(text.startswith("custom,") for text in told) and not any(text.startswith("baseline,") for text in told)
    with pytest.raises(InputError, match="label 'threat' is not explained here"):
        explanation_plot([made()], label="threat")


def test_a_grid_has_a_column_a_method_and_a_row_a_comment():
    texts = ("You fool.", "Thanks, all of you, for the bridge")
    rows = [[made(text), made(text, method="attention", values=(0.5, 0.0))] for text in texts]
    fig = explanation_grid(rows, label="toxic", title="What it looks at", origin="written")
    head, *cells = fig.axes
    told = [text.get_text() for text in head.texts]
    assert told[:4] == ["What it looks at", "written", "baseline, word occlusion", "baseline, pooling attention"]
    assert told.count("88.1% (logit +2.00)") == 4
    assert ["".join(text.get_text() for text in ax.texts)[:3] for ax in cells] == ["You", "You", "Tha", "Tha"]
    fig.draw_without_rendering()
    boxes_ = [ax.get_position() for ax in cells]
    assert boxes_[0].x1 < boxes_[1].x0 and boxes_[0].y0 > boxes_[2].y1 and boxes_[2].y0 >= 0, "none on another"
    for wrong in ([], [rows[0], rows[1][:1]], [[made(texts[0]), made(texts[1])]]):
        with pytest.raises(InputError):
            explanation_grid(wrong, label="toxic")
    with pytest.raises(InputError, match="'threat' is not explained"):
        explanation_grid(rows, label="threat")


def test_a_strong_patch_is_not_covered_by_a_weak_one_beside_it():
    ax = explanation_plot([made("fool!", values=(1.0, 0.0), words=((0, 4), (4, 5)))], label="toxic")
    order = {text.get_text(): text.get_zorder() for text in ax.texts}
    assert order["fool"] > order["!"]


def test_the_static_twin_is_an_image_with_words_beside_it():
    open_before = plt.get_fignums()
    picture = static([made()], origin="written for the test")
    assert plt.get_fignums() == open_before
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/plain"}
    assert bundle["text/plain"] == repr(picture) == plain_text([made()], ["toxic"])
    image = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    shown = {tuple(colour) for colour in np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0).tolist()}
    deepest = tuple(int(shade(LEVELS)[i : i + 2], 16) for i in (1, 3, 5))
    assert deepest in shown
    assert picture.png == static([made()], origin="written for the test").png
    both = static([made()], ["severe_toxic", "toxic"])
    assert both.text.splitlines()[1].startswith("severe_toxic,") and both.text.splitlines()[2].startswith("toxic,")
    tall = Image.open(io.BytesIO(both.png))
    assert tall.width == image.width and tall.height > 1.5 * image.height
