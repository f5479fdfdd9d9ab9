"""Reading without transformers: the checkpoint's own tokens, windows that cover a text, spans that point into it."""

import itertools

import pytest
from helpers.bundles import exported
from helpers.training import TEXTS, trained
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toxres.checkpoint import load_checkpoint
from toxres.errors import InputError
from toxres.files import read_json
from toxres.serving.bundle import MODELS
from toxres.serving.reading import SETTINGS, TOKENIZER, Reader

KINDS = ("custom", "ulmfit")
ODD = [
    "\x00",
    "\ud83d",
    "\u202e",
    "\u200d",
    "😀",
    "👨\u200d👩",
    "<script>",
    "[SEP]",
    "[PAD]",
    "</s>",
    "<url>",
    "f u c k",
    "é",
    "z\u0335",
]
odd_texts = st.lists(st.sampled_from([*ODD, "idiot", "the", "museum", " ", "\n", "http://a.b/c"]), max_size=20).map(
    "".join
)


def reader(recipe: str) -> Reader:
    """The reader of a smoke model; ULMFiT's normalises."""
    return Reader.load(exported(*KINDS) / MODELS / recipe)


@pytest.mark.parametrize("recipe", KINDS)
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(odd_texts, min_size=1, max_size=3))
@example(texts=list(TEXTS))
@example(texts=["", " ", "\ud800", "😀😀😀"])
def test_the_first_window_is_what_the_checkpoint_reads(recipe, texts):
    checkpoint = load_checkpoint(trained(recipe))
    encoded = checkpoint.tokenizer(
        [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts],
        truncation=True,
        max_length=checkpoint.max_length,
    )
    for reading, ids in zip(reader(recipe).read(texts), encoded["input_ids"], strict=True):
        assert reading.windows[0].ids.tolist() == ids
        assert reading.windows[0].length == len(ids)


@pytest.mark.parametrize("recipe", KINDS)
def test_windows_overlap_and_cover_a_long_text(recipe):
    reading_of = reader(recipe)
    text = " ".join(f"{word} museum table" for word in ["one", "two", "three", "four", "five", "six"] * 14)
    (reading,) = reading_of.read([text])
    assert len(reading.windows) > 3
    assert {window.length for window in reading.windows[:-1]} == {reading_of.max_length}
    spans = [reading.spans(number) for number in range(len(reading.windows))]
    spans = [each[each[:, 1] > each[:, 0]] for each in spans]
    assert (spans[0][0, 0], spans[-1][-1, 1]) == (0, len(text))
    for before, after in itertools.pairwise(spans):
        shared = {tuple(span) for span in before.tolist()} & {tuple(span) for span in after.tolist()}
        assert len(shared) == reading_of.overlap > 0


def test_spans_point_into_the_text_as_it_was_written():
    text = "look 😀 at https://example.org/page now"
    (reading,) = reader("ulmfit").read([text])
    shown = {text[start:end] for start, end in reading.spans(0).tolist()}
    assert {"😀", "https://example.org/page"} <= shown


def test_lone_surrogates_are_read_as_replacement_characters():
    (reading,) = reader("custom").read(["a\ud800b"])
    assert reading.text == "a\ufffdb"


def test_a_broken_tokenizer_or_setting_is_said():
    folder = exported() / MODELS / "custom"
    content, kept = (folder / TOKENIZER).read_text(), read_json(folder / SETTINGS)
    for tokenizer, settings_ in [("{", kept), (content, {}), (content, kept | {"overlap": 500})]:
        with pytest.raises(InputError, match=r"tokenizer: broken .* export the bundle again"):
            Reader(tokenizer, settings_)
