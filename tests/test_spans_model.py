"""The span model and how it reads: gradients, padding, offsets, windows, words, spans."""

import functools
import types

import numpy as np
import pytest
import torch
from helpers.spans import POSTS, read_probs
from helpers.training import save_encoder, trained
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForTokenClassification

from toxres.checkpoint import load_checkpoint
from toxres.errors import InputError
from toxres.models import AwdLstmConfig, NormalizingTokenizer, SpanModel, load_encoder
from toxres.models.encoders import Encoder
from toxres.models.span_reading import (
    Tokens,
    char_probs,
    highest_logit,
    read_words,
    token_logits,
    tokenize,
    windows_of,
    word_probs,
)
from toxres.training.span_rows import SpanCollator, SpanDataset

LONG = " ".join(POSTS) * 12


@pytest.fixture(scope="module")
def tiny() -> Encoder:
    torch.manual_seed(0)
    return SpanModel.from_encoder("tiny", dropout=0.0)


def batch_of(tiny, texts=POSTS, max_length=24):
    marks = [[(0, 2, 1.0)] for _ in texts]
    dataset = SpanDataset(texts, marks, tiny.tokenizer, max_length)
    return SpanCollator(tiny.tokenizer.pad_token_id)([dataset[row] for row in range(len(dataset))])


def test_the_gradient_reaches_the_whole_encoder(tiny):
    tiny.model.zero_grad()
    tiny.model(**batch_of(tiny)).loss.backward()
    without = [name for name, weight in tiny.model.named_parameters() if weight.grad is None or not weight.grad.any()]
    # What a key's bias adds is the same for every token, so softmax takes it away.
    assert [name for name in without if "key.bias" not in name] == []


def test_padding_special_tokens_and_unknown_targets_never_enter_the_loss(tiny):
    batch = batch_of(tiny)
    labels = batch["labels"]
    assert torch.isnan(labels[batch["attention_mask"] == 0]).all()
    special = (batch["input_ids"] == tiny.tokenizer.cls_token_id) | (batch["input_ids"] == tiny.tokenizer.sep_token_id)
    assert special.any() and torch.isnan(labels[special]).all()
    model = tiny.model.eval()
    output = model(**batch)
    output.logits.retain_grad()
    output.loss.backward()
    assert (output.logits.grad[torch.isnan(labels)] == 0).all()
    assert (output.logits.grad[~torch.isnan(labels)] != 0).all()
    known = ~torch.isnan(labels)
    by_hand = torch.nn.functional.binary_cross_entropy_with_logits(output.logits[known], labels[known])
    torch.testing.assert_close(output.loss, by_hand)
    wider = {
        "input_ids": torch.nn.functional.pad(batch["input_ids"], (0, 8), value=tiny.tokenizer.pad_token_id),
        "attention_mask": torch.nn.functional.pad(batch["attention_mask"], (0, 8)),
        "labels": torch.nn.functional.pad(labels, (0, 8), value=float("nan")),
    }
    torch.testing.assert_close(model(**wider).loss, output.loss)


def test_forward_takes_embeddings_and_refuses_neither(tiny):
    batch = batch_of(tiny)
    labels = batch.pop("labels")
    model = tiny.model.eval()
    logits = model(**batch).logits
    embeds = model.get_input_embeddings()(batch["input_ids"])
    torch.testing.assert_close(model(inputs_embeds=embeds, attention_mask=batch["attention_mask"]).logits, logits)
    loss, same, hidden = model(**batch, labels=labels, output_hidden_states=True, return_dict=False)
    assert loss.ndim == 0 and same.shape == labels.shape and len(hidden) == 3
    with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
        model(attention_mask=batch["attention_mask"])


def test_a_prior_is_the_probability_before_any_training(tiny):
    torch.manual_seed(0)
    model = SpanModel.from_encoder("tiny").model.eval()
    torch.nn.init.zeros_(model.out.weight)
    model.set_prior(0.2)
    probs = torch.sigmoid(model(input_ids=torch.tensor([[5, 6, 7]])).logits)
    torch.testing.assert_close(probs, torch.full((1, 3), 0.2))


def test_a_saved_model_opens_by_its_auto_class(tiny, tmp_path):
    tiny.model.save_pretrained(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path).id2label == {0: "toxic"}
    loaded = AutoModelForTokenClassification.from_pretrained(tmp_path)
    assert isinstance(loaded, SpanModel)
    batch = batch_of(tiny)
    torch.testing.assert_close(loaded.eval()(**batch).logits, tiny.model.eval()(**batch).logits)


def test_an_encoder_that_reads_one_way_is_refused():
    with pytest.raises(InputError, match="AWD-LSTM reads no word that follows"):
        SpanModel.from_encoder(Encoder(types.SimpleNamespace(config=AwdLstmConfig()), None))


# Tokens and windows.


@pytest.mark.parametrize("text", POSTS)
def test_offsets_point_into_the_text_as_it_was_written(tiny, text):
    (tokens,) = tokenize([text], tiny.tokenizer)
    assert len(tokens.ids) == len(tokens.offsets)
    found = tiny.tokenizer.convert_ids_to_tokens(tokens.ids)
    known = 0
    for token, (start, end) in zip(found, tokens.offsets.tolist(), strict=True):
        assert 0 <= start < end <= len(text)
        piece = token.removeprefix("##")
        if piece.isascii() and not token.startswith("["):
            assert text[start:end].lower().replace("\u0301", "").replace("\u00e9", "e").replace("\u200b", "") == piece
            known += 1
    assert known
    probs = char_probs(text, tokens.offsets, np.zeros(len(tokens.ids)))
    assert all(np.isnan(prob) for prob, char in zip(probs, text, strict=True) if char.isspace())
    assert all(prob == 0.5 for prob, char in zip(probs, text, strict=True) if char.isalnum())


def test_offsets_survive_normalisation():
    tokenizer = NormalizingTokenizer.from_tokenizer(load_encoder("tiny").tokenizer)
    text = "see https://example.org, you 1d10t"
    (tokens,) = tokenize([text], tokenizer)
    pieces = [text[start:end] for start, end in tokens.offsets.tolist()]
    assert "https://example.org" in pieces and "".join(pieces[-3:]).endswith("1d10t")


def test_a_lone_surrogate_and_no_text_are_read(tiny):
    (broken, nothing) = tokenize(["bad \ud800 text", ""], tiny.tokenizer)
    assert broken.offsets[-1].tolist() == [6, 10] and nothing.ids == []
    found = read_probs(*tiny, ["", " \n", "a"], 24)
    assert [one.shape for one in found] == [(0,), (2,), (1,)] and not np.isnan(found[2]).any()
    assert tokenize([], tiny.tokenizer) == [] and read_probs(*tiny, [], 24) == []


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=3),
    max_length=st.integers(3, 40),
    overlap=st.floats(0, 1),
)
def test_windows_hold_every_token_and_each_answers_for_its_own(lengths, max_length, overlap):
    tokenizer = load_tokenizer()
    tokens = [Tokens(list(range(1000, 1000 + length)), np.zeros((length, 2), int)) for length in lengths]
    windows = windows_of(tokens, tokenizer, max_length, overlap)
    owned = [[] for _ in tokens]
    for window in windows:
        assert len(window.ids) <= max_length
        assert (window.ids[0], window.ids[-1]) == (tokenizer.cls_token_id, tokenizer.sep_token_id)
        inner = window.ids[window.inner]
        assert inner == tokens[window.row].ids[window.start : window.start + len(inner)] and inner
        assert window.start <= window.own.start < window.own.stop <= window.start + len(inner)
        owned[window.row] += range(window.own.start, window.own.stop)
    assert owned == [list(range(length)) for length in lengths]


@functools.cache
def load_tokenizer():
    return load_encoder("tiny").tokenizer


def test_a_window_without_room_is_refused(tiny):
    with pytest.raises(InputError, match="max_length is 2; give more than the 2 special tokens"):
        windows_of(tokenize(POSTS, tiny.tokenizer), tiny.tokenizer, 2)


def test_neighbouring_windows_keep_their_nearer_half(tiny):
    tokens = [Tokens(list(range(1000, 1030)), np.zeros((30, 2), int))]
    first, second = windows_of(tokens, tiny.tokenizer, 22, 0.4)
    assert (first.start, second.start) == (0, 12)
    assert (first.own, second.own) == (slice(0, 16), slice(16, 30))


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
def test_short_posts_have_the_logits_of_the_model_itself(tiny, tmp_path, kind):
    model, tokenizer = tiny if kind == "bert" else SpanModel.from_encoder(save_encoder(kind, tmp_path))
    texts = [post for post in POSTS if post != "no"] * 2
    tokens = tokenize(texts, tokenizer)
    found = token_logits(model, tokenizer, tokens, 64, max_tokens=100)
    model.eval()
    for text, logits in zip(texts, found, strict=True):
        with torch.no_grad():
            direct = model(**tokenizer([text], return_tensors="pt", return_token_type_ids=False)).logits[0, 1:-1]
        np.testing.assert_allclose(logits, direct.numpy(), atol=1e-5)


def test_windows_change_nothing_for_posts_that_fit(tiny):
    tokens = tokenize(POSTS, tiny.tokenizer)
    longest = max(len(one.ids) for one in tokens) + 2
    narrow, wide = (token_logits(*tiny, tokens, length) for length in (longest, 200))
    for one, other in zip(narrow, wide, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_long_post_has_a_logit_of_its_window_for_each_token(tiny):
    tokens = tokenize([LONG, "no"], tiny.tokenizer)
    found = token_logits(*tiny, tokens, 24)
    windows = windows_of(tokens, tiny.tokenizer, 24)
    assert len(found[0]) == len(tokens[0].ids) > 100
    with torch.no_grad():
        for window in windows:
            line = tiny.model(input_ids=torch.tensor([window.ids])).logits[0, window.inner].numpy()
            own = line[window.own.start - window.start : window.own.stop - window.start]
            np.testing.assert_allclose(found[window.row][window.own], own, atol=1e-5)


# From logits to words and spans.


def test_probabilities_by_hand():
    text = "ab cd!"
    offsets = np.array([[0, 2], [3, 4], [3, 5], [0, 0]])
    probs = char_probs(text, offsets, np.array([0.0, 2.0, -2.0, 9.0]))
    np.testing.assert_allclose(probs, [0.5, 0.5, np.nan, 0.5, 1 / (1 + np.exp(2)), np.nan])
    words = word_probs(probs, [(0, 2), (3, 5), (5, 6), (2, 5)])
    np.testing.assert_allclose(words[1], (0.5 + 1 / (1 + np.exp(2))) / 2)
    np.testing.assert_allclose(words[[0, 2, 3]], [0.5, np.nan, words[1]])


def test_words_of_a_comment_and_its_score(tiny):
    text = "You f**king  fool! don\u2019t @me, caf\u00e9 😀"
    one, nothing = read_words(*tiny, [text, " "], 24)
    words = ["You", "f**king", "fool", "!", "don\u2019t", "@", "me", ",", "caf\u00e9", "😀"]
    assert [text[start:end] for start, end in one.words] == words and nothing.words == ()
    (tokens,) = tokenize([text], tiny.tokenizer)
    (logits,) = token_logits(*tiny, [tokens], 24)
    expected = word_probs(char_probs(text, tokens.offsets, logits), one.words)
    np.testing.assert_allclose(one.of("toxic"), expected, atol=1e-6)
    np.testing.assert_allclose(one.scores, [logits.max()], atol=1e-6)
    assert nothing.attributions.shape == (0, 1) and np.isnan(nothing.scores).all()
    assert highest_logit(np.array([-1.0, 3.0])).tolist() == [3.0]


def test_the_encoder_of_a_classifier_is_read_as_it_is():
    source = load_checkpoint(trained("baseline"))
    model, _ = SpanModel.from_encoder(Encoder(source.model.encoder, source.tokenizer))
    assert model.encoder is source.model.encoder and model.config.encoder.hidden_size == 32
