"""Tests of the normalising tokenizer and of vocabularies learned from a corpus."""

import itertools
import pickle
import random

import numpy as np
import pytest
import sentencepiece
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models
from transformers import AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast, pipeline

from toxres.config import CUSTOM
from toxres.data.batching import CommentDataset
from toxres.data.synthetic import generate
from toxres.errors import InputError
from toxres.models import ToxicityModel
from toxres.models.encoders import minilm_path
from toxres.models.sentencepiece_training import (
    CONTROL,
    _lines,
    list_pieces,
    sample_texts,
    train_model,
    train_sentencepiece,
    wrap_model,
)
from toxres.models.tokenizer import NormalizingTokenizer, OriginalEncoding, extend_embeddings
from toxres.text import SPECIAL_TOKENS, STEPS, normalise

TEXTS = [
    "You are soooo stupid!!!!",
    "see https://example.org/a?b=1 now",
    "https://example.org",
    "Zażółć gęślą jaźń, ty głupku",
    "what a day 😀😃 …",
    "漢字 и кириллица",
    "  two  spaces\tand\nlines \u200bhidden\u200c ",
    "",
    "\ud83d lone \udc00",
    "<s> </s> <pad> <unk> <0x41> <url>",
]
TRICKY = ("<url>", "aaaa", "😀", "  ", "\n", "ż", "<s>", "<0x41>", "漢字", "hahaha", "<unk>", "\0", "▅", "</s>")


@pytest.fixture(scope="module")
def corpus() -> list[str]:
    return [*generate(600, seed=3).text, *TEXTS] * 2


@pytest.fixture(scope="module")
def model(corpus) -> bytes:
    return train_model(_lines(corpus, None), 900)


@pytest.fixture(scope="module")
def plain() -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(minilm_path())


@pytest.fixture(scope="module")
def bert(plain) -> NormalizingTokenizer:
    return NormalizingTokenizer.from_tokenizer(plain)


@pytest.fixture(scope="module")
def unigram(model) -> NormalizingTokenizer:
    return wrap_model(model, STEPS)


@pytest.fixture(scope="module", params=["bert", "unigram"])
def tokenizer(request) -> NormalizingTokenizer:
    return request.getfixturevalue(request.param)


def mixed(texts: list[str], count: int) -> list[str]:
    """Texts with things inserted that a tokenizer may stumble over."""
    rng = random.Random(0)
    result = []
    for text in itertools.islice(itertools.cycle(texts), count):
        characters = list(text)
        for _ in range(rng.randint(0, 6)):
            characters.insert(rng.randint(0, len(characters)), rng.choice(TRICKY))
        result.append("".join(characters).encode("utf-8", "replace").decode().replace("▁", "_"))
    return result


def test_ids_and_pieces_are_those_of_sentencepiece(model, corpus):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    wrapped = wrap_model(model, None)
    for text in mixed(corpus, 2_000):
        ids = wrapped(text, add_special_tokens=False)["input_ids"]
        assert ids == processor.encode(text), text
        assert wrapped.convert_ids_to_tokens(ids) == processor.encode(text, out_type=str)


def test_scores_are_sums_without_rounding(model):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    scores = [processor.get_score(index) * 256 for index in range(len(processor))]
    assert scores == [round(score) for score in scores]
    assert len(set(scores)) > 100


def test_decoding_gives_back_the_normalised_text(unigram, corpus):
    for text in mixed(corpus, 500):
        normalised = unigram.prepare(text).text[1:].replace("▁", " ")
        assert unigram.decode(unigram(text)["input_ids"][1:-1]).replace("▁", " ") == normalised
        assert unigram.decode(unigram(text)["input_ids"], skip_special_tokens=True) == normalised


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=40))
def test_any_text_survives_byte_fallback(unigram, text):
    bare = wrap_model_cached(unigram)
    expected = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    ids = bare(text, add_special_tokens=False)["input_ids"]
    assert unigram.unk_token_id not in ids
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert bare.decode(ids) == expected.replace("▁", " ")


def wrap_model_cached(unigram: NormalizingTokenizer) -> NormalizingTokenizer:
    return NormalizingTokenizer.from_tokenizer(unigram, None)


def test_control_pieces_cannot_be_typed(unigram):
    typed = unigram("<s></s><pad><unk><0x41>", add_special_tokens=False)["input_ids"]
    assert not {unigram.convert_tokens_to_ids(piece) for piece in (*CONTROL, "<0x41>")} & set(typed)


def test_special_tokens_are_single_pieces(tokenizer):
    for token in SPECIAL_TOKENS:
        for text in (token, f"a{token}b", f"see {token}, now", token * 2):
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            assert tokenizer.convert_ids_to_tokens(ids).count(token) == text.count(token)


def test_layout_of_a_learned_vocabulary(unigram):
    assert [unigram.pad_token_id, unigram.unk_token_id, unigram.bos_token_id, unigram.eos_token_id] == [0, 1, 2, 3]
    assert len(unigram) == unigram.vocab_size == 900
    ids = unigram("hello there")["input_ids"]
    assert ids[0] == unigram.bos_token_id and ids[-1] == unigram.eos_token_id
    assert unigram("")["input_ids"] == [2, 3]
    pieces = list_pieces(unigram)
    assert [piece.piece for piece in pieces[:4]] == list(CONTROL)
    assert {piece.piece for piece in pieces if piece.kind == "special"} == set(SPECIAL_TOKENS)
    assert sum(piece.kind == "byte" for piece in pieces) == 256
    learned = [piece for piece in pieces if piece.kind == "learned"]
    assert len(learned) == 900 - 4 - 256 - len(SPECIAL_TOKENS) and all(piece.score < 0 for piece in learned)
    assert [unigram.convert_tokens_to_ids(piece.piece) for piece in pieces] == [piece.id for piece in pieces]


def test_training_is_deterministic_and_streams(corpus):
    first = train_sentencepiece(iter(corpus), 800, seed=1, sample_size=200)
    again = train_sentencepiece(iter(corpus), 800, seed=1, sample_size=200)
    other = train_sentencepiece(iter(corpus), 800, seed=2, sample_size=200)
    assert first.backend_tokenizer.to_str() == again.backend_tokenizer.to_str()
    assert list_pieces(first) != list_pieces(other)


def test_normalisation_reaches_training():
    texts = ["so https://example.org/page is bad"] * 30 + ["words of many kinds and so on"] * 30
    tokenizer = train_sentencepiece(texts, train_size(texts, STEPS))
    assert ":" not in tokenizer.get_vocab()
    raw = train_sentencepiece(texts, train_size(texts, None), normalisation=None)
    assert ":" in raw.get_vocab()


def train_size(texts: list[str], steps, **options) -> int:
    """The largest vocabulary of a corpus, which the error names."""
    with pytest.raises(InputError, match="choose at most") as caught:
        train_sentencepiece(texts, 50_000, normalisation=steps, **options)
    return int(str(caught.value).split("at most ")[1].split(",")[0])


@pytest.mark.parametrize(
    ("texts", "size", "message"),
    [
        ([], 1_000, "holds no text"),
        (["", "  ", "\n"], 1_000, "holds no text"),
        (["a"], 1_000, "vocab_size 1000 is more than this corpus supports; choose at most"),
        (["some words"], 100, "too small for this corpus; choose at least"),
        (["some words", 3.0], 1_000, "text 2 of the corpus is float"),
        (["some words"], 0, "whole number above 0"),
    ],
)
def test_bad_corpora_give_one_line(texts, size, message):
    with pytest.raises(InputError, match=message) as caught:
        train_sentencepiece(texts, size)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["a", "😀", "<url>", "▁", "漢"])
def test_a_corpus_of_one_character(text):
    try:
        size = train_size([text], None)
    except BaseException as error:  # a corpus of nothing but separators
        assert "holds no text" in str(error)
        return
    tokenizer = train_sentencepiece([text], size, normalisation=None)
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text
    with pytest.raises(InputError, match=f"choose at least {size}|{size - 1}"):
        train_sentencepiece([text], size - 1, normalisation=None)


def test_an_error_in_the_corpus_comes_out_as_it_is():
    def broken():
        yield "first"
        raise KeyError("row 2")

    with pytest.raises(KeyError, match="row 2"):
        train_sentencepiece(broken(), 1_000)


def test_long_lines_are_split(corpus):
    words = " ".join(corpus)
    for text in (words * 20, "x" * 300_000, "\ud800\n" * 3_000):
        lines = list(_lines([text], None))
        assert all(0 < len(line) <= 1_000 for line in lines)
    assert "".join(_lines(["x" * 300_000], None)) == "x" * 300_000
    clean = "".join(" " if character < " " or "\ud800" <= character <= "\udfff" else character for character in words)
    assert " ".join(_lines([words], None)).split() == clean.split()


def test_a_text_of_ten_megabytes_is_cut_between_words():
    text = "some words of a long text " * 400_000
    parts = sample_texts([text], 1_000_000, seed=0)
    assert "".join(parts) == text and max(map(len, parts)) <= 100_000
    assert all(part.endswith(" ") for part in parts)
    size = train_size([text], None, sample_size=2)
    tokenizer = train_sentencepiece([text], size, normalisation=None, sample_size=2)
    assert tokenizer.decode(tokenizer("long words")["input_ids"], skip_special_tokens=True) == "long words"


def test_the_sample_is_fair():
    # Each of 20 items is drawn with probability 1/4; 800 draws stay within five standard deviations of 200 but for
    # one run in some 100,000.
    counts = dict.fromkeys(range(20), 0)
    for seed in range(800):
        sample = sample_texts(map(str, range(20)), 5, seed)
        assert len(set(sample)) == 5
        for item in sample:
            counts[int(item)] += 1
    assert all(abs(count - 200) < 5 * (800 * 0.25 * 0.75) ** 0.5 for count in counts.values())
    assert sample_texts(["a", "b"], 5, 0) == ["a", "b"]


texts_with_traps = st.lists(
    st.one_of(
        st.sampled_from([*TRICKY, *TEXTS, "https://example.org", "\u200b", "!!!!", "soooo", " "]), st.text(max_size=8)
    ),
    max_size=6,
).map("".join)


@settings(max_examples=200, deadline=None)
@given(text=texts_with_traps)
def test_offsets_point_into_the_original(tokenizer, text):
    encoded = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
    last = (0, 0)
    for (start, end), special in zip(encoded["offset_mapping"], encoded["special_tokens_mask"], strict=True):
        if special:
            assert (start, end) == (0, 0)
            continue
        assert 0 <= start < end <= len(text)
        assert start >= last[0] and end >= last[1]
        last = (start, end)


def test_offsets_of_what_was_replaced(tokenizer):
    text = "\u200bsee https://example.org/x now"
    encoded = tokenizer(text, return_offsets_mapping=True)
    spans = [text[start:end] for start, end in encoded["offset_mapping"]]
    place = encoded.tokens().index("<url>")
    assert spans[place] == "https://example.org/x"
    assert spans[place + 1].strip() == "now"
    assert encoded.char_to_token(10) == place
    assert encoded.token_to_chars(place) == (5, 26)
    assert encoded.token_to_chars(0) is None
    assert text[slice(*encoded.word_to_chars(encoded.word_ids()[place]))].strip() in ("https://example.org/x",)
    assert encoded.char_to_word(10) == encoded.word_ids()[place]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_offsets_mapping": True, "return_special_tokens_mask": True, "return_length": True},
        {"padding": True, "return_tensors": "pt", "return_offsets_mapping": True},
        {"padding": "max_length", "truncation": True, "max_length": 7, "return_tensors": "np"},
        {"truncation": True, "max_length": 9, "stride": 1, "return_overflowing_tokens": True},
        {
            "truncation": True,
            "max_length": 9,
            "stride": 1,
            "return_overflowing_tokens": True,
            "padding": True,
            "return_tensors": "pt",
            "return_offsets_mapping": True,
        },
        {"add_special_tokens": False, "return_attention_mask": False},
    ],
)
@pytest.mark.parametrize(
    "inputs",
    [
        ("a fine day for a long walk in the woods",),
        (["a fine day", "you there, be quiet now please, will you"],),
        ("first of two", "and the second"),
        ("first of two", ""),
        (["one", "two or more"], ["three words here", "four"]),
        ([("one", "pair"), ("and", "another one")],),
    ],
)
def test_results_are_shaped_as_the_plain_tokenizers(plain, inputs, options):
    expected = plain(*inputs, **options)
    for steps in (None, [], STEPS):
        wrapped = NormalizingTokenizer.from_tokenizer(plain, steps)
        result = wrapped(*inputs, **options)
        assert type(result) is type(expected) and list(result) == list(expected)
        for key in expected:
            assert type(result[key]) is type(expected[key])
            if isinstance(expected[key], torch.Tensor | np.ndarray):
                assert result[key].dtype == expected[key].dtype
                assert result[key].tolist() == expected[key].tolist()
            else:
                assert result[key] == expected[key]
        assert result.tokens() == expected.tokens() and result.is_fast
        assert result[0].offsets == expected[0].offsets
        assert [item.offsets for item in result[0].overflowing] == [item.offsets for item in expected[0].overflowing]
        positions = range(len(inputs[0]) if isinstance(inputs[0], str) else 0)
        assert [result.char_to_token(at) for at in positions] == [expected.char_to_token(at) for at in positions]
        assert [result.char_to_word(at) for at in positions] == [expected.char_to_word(at) for at in positions]


def test_windows_of_a_long_text(tokenizer):
    text = "soooo bad https://example.org/x " * 12
    windows = tokenizer(
        text, truncation=True, max_length=16, stride=4, return_overflowing_tokens=True, return_offsets_mapping=True
    )
    whole = tokenizer(text, return_offsets_mapping=True)
    assert len(windows["input_ids"]) > 3 and set(windows["overflow_to_sample_mapping"]) == {0}
    seen = [span for window in windows["offset_mapping"] for span in window[1:-1]]
    assert set(seen) == set(whole["offset_mapping"][1:-1])
    assert seen[-1] == whole["offset_mapping"][-2]


def test_pairs_keep_their_own_positions(tokenizer):
    first, second = "go to https://example.org", "\u200bmaybe https://example.com/long"
    encoded = tokenizer(first, second, return_offsets_mapping=True)
    urls = [
        (second if sequence else first)[slice(*span)]
        for token, sequence, span in zip(
            encoded.tokens(), encoded.sequence_ids(), encoded["offset_mapping"], strict=True
        )
        if token == "<url>"
    ]
    assert urls == ["https://example.org", "https://example.com/long"]
    assert encoded.char_to_token(9, sequence_index=1) == len(encoded.tokens()) - 2
    assert encoded.tokens()[encoded.char_to_token(9)] == "<url>"


def test_words_keep_their_own_positions(tokenizer):
    words = ["soooo", "https://example.org", "\u200bx"]
    for inputs in (words, [words, ["one"]]):
        encoded = tokenizer(inputs, is_split_into_words=True)
        pieces = [
            words[word][slice(*encoded.token_to_chars(token))]
            for token, word in enumerate(encoded.word_ids())
            if word is not None
        ]
        assert pieces[0].startswith("so") and "https://example.org" in pieces and pieces[-1] == "x"


def test_lone_surrogates_are_read_as_replacement_characters(tokenizer):
    text = "a \ud83d b"
    encoded = tokenizer(text, return_offsets_mapping=True)
    assert len(encoded["input_ids"]) > 3
    for steps in (None, STEPS):
        bare = NormalizingTokenizer.from_tokenizer(tokenizer, steps)
        assert bare(text)["input_ids"] == bare("a \ufffd b")["input_ids"]
        assert bare([text], ["\udfff"])["input_ids"] == bare(["a \ufffd b"], ["\ufffd"])["input_ids"]


@pytest.mark.parametrize("steps", [None, STEPS, STEPS[:1]])
def test_saving_and_loading(tokenizer, steps, tmp_path):
    saved = NormalizingTokenizer.from_tokenizer(tokenizer, steps)
    saved.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert type(loaded) is NormalizingTokenizer
    assert loaded.normalisation == saved.normalisation == (None if steps is None else list(steps))
    assert loaded.special_tokens_map == saved.special_tokens_map and len(loaded) == len(saved)
    expected = saved(TEXTS, return_offsets_mapping=True)
    assert loaded(TEXTS, return_offsets_mapping=True) == expected
    copied = pickle.loads(pickle.dumps(saved))
    assert copied(TEXTS, return_offsets_mapping=True) == expected
    batch = pickle.loads(pickle.dumps(expected))
    assert batch[1].offsets == expected[1].offsets
    assert loaded.model_input_names == saved.model_input_names
    assert loaded.decode(expected["input_ids"][0]) == saved.decode(expected["input_ids"][0])


def test_from_tokenizer_keeps_what_the_tokenizer_was(plain, bert):
    for name in ("model_max_length", "padding_side", "truncation_side", "model_input_names", "special_tokens_map"):
        assert getattr(bert, name) == getattr(plain, name)
    assert len(bert) == len(plain) + len(SPECIAL_TOKENS)
    assert len(NormalizingTokenizer.from_tokenizer(plain, None)) == len(plain)
    assert set(bert.all_special_tokens) == set(plain.all_special_tokens)
    assert len(plain) == plain.vocab_size


def test_unknown_steps_and_slow_tokenizers_are_refused(plain):
    with pytest.raises(InputError, match="unknown normalisation step 'nonsense'; choose from"):
        NormalizingTokenizer.from_tokenizer(plain, ["nonsense"])


def test_steps_are_put_in_order(plain):
    assert NormalizingTokenizer.from_tokenizer(plain, STEPS[::-1]).normalisation == list(STEPS)


def test_datasets_map(tokenizer):
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"text": [text for text in TEXTS if "lone" not in text]})
    mapped = rows.map(lambda batch: tokenizer(batch["text"], truncation=True, max_length=12), batched=True)
    assert mapped["input_ids"][0] == tokenizer(rows["text"][0], truncation=True, max_length=12)["input_ids"]


def test_comment_dataset(tokenizer):
    dataset = CommentDataset(TEXTS, tokenizer, max_length=10)
    assert dataset.input_ids == [tokenizer(text, truncation=True, max_length=10)["input_ids"] for text in TEXTS]


def test_pipeline_serves_a_saved_model(bert, tmp_path):
    torch.manual_seed(0)
    model, _ = ToxicityModel.from_recipe(CUSTOM, encoder="tiny")
    extend_embeddings(model, bert)
    model.save_pretrained(tmp_path)
    bert.save_pretrained(tmp_path)
    classify = pipeline("text-classification", model=str(tmp_path), tokenizer=str(tmp_path), device="cpu")
    assert isinstance(classify.tokenizer, NormalizingTokenizer)
    link, token = classify(["see https://example.org now", "see <url> now"], top_k=None)
    assert link == token and len(link) == 6
    assert classify(["see https://example.org now"])[0]["score"] == max(item["score"] for item in link)


def test_new_embeddings_start_from_the_words_of_their_name(plain, bert):
    config = BertConfig(vocab_size=len(plain), hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
    torch.manual_seed(0)
    encoder = BertModel(config)
    before = encoder.get_input_embeddings().weight.detach().clone()
    assert extend_embeddings(encoder, bert) is encoder
    after = encoder.get_input_embeddings().weight.detach()
    assert after.shape == (len(bert), 8) and encoder.config.vocab_size == len(bert)
    assert torch.equal(after[: len(plain)], before)
    ids = plain("url link", add_special_tokens=False)["input_ids"]
    torch.testing.assert_close(after[bert.convert_tokens_to_ids("<url>")], before[ids].mean(dim=0))
    rows = after[[bert.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS]]
    assert len({tuple(row.tolist()) for row in rows}) == len(SPECIAL_TOKENS)
    assert encoder(**bert("see https://example.org", return_tensors="pt")).last_hidden_state.isfinite().all()


def test_names_without_known_words_start_at_the_mean(plain):
    backend = Tokenizer(models.WordLevel({"[UNK]": 0, "b": 1, "c": 2}, unk_token="[UNK]"))
    small = NormalizingTokenizer.from_tokenizer(PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]"))
    config = BertConfig(vocab_size=3, hidden_size=4, num_hidden_layers=1, num_attention_heads=2, intermediate_size=4)
    encoder = BertModel(config)
    before = encoder.get_input_embeddings().weight.detach().clone()
    extend_embeddings(encoder, small)
    row = encoder.get_input_embeddings().weight[small.convert_tokens_to_ids(SPECIAL_TOKENS[0])]
    torch.testing.assert_close(row, before.mean(dim=0))


def test_encodings_of_the_backend_stay_within_reach(bert):
    encoding = bert("soooo bad")[0]
    assert isinstance(encoding, OriginalEncoding) and len(encoding) == len(encoding.ids)
    assert encoding.tokens[0] == "[CLS]"
    assert normalise("soooo bad").text != "soooo bad"
