"""Tables about normalisation, a vocabulary and a language model."""

import re

import pytest

from toxres import vocabulary
from toxres.data import load_comments
from toxres.models.awd_lstm import AwdLstmConfig, AwdLstmForCausalLM
from toxres.models.sentencepiece_training import list_pieces, train_sentencepiece
from toxres.text import normalise


class Splitter:
    """A tokenizer that cuts every word of more than four letters in two."""

    def tokenize(self, text: str, verbose: bool = True) -> list[str]:
        return [part for word in text.split() for part in ([word] if len(word) < 5 else [word[:4], "##" + word[4:]])]


@pytest.fixture(scope="module")
def texts():
    return load_comments("synthetic", limit=400)["text"].tolist()


@pytest.fixture(scope="module")
def tokenizer(texts):
    return train_sentencepiece(texts, 700)


def test_changes_name_the_steps_that_were_needed():
    table = vocabulary.changes_table(["nothing here", "see https://example.org now :-("])
    assert table["steps"].tolist() == ["", "links, emoticons"]
    assert table["as the model reads it"][1].startswith("see <url> now <sadness>")


def test_spans_point_at_what_was_written():
    text = "wh@t a s t u p i d idea :-( soooo"
    table = vocabulary.span_table(text)
    assert table["as written"].tolist() == ["wh@t", "s t u p i d", ":-(", "soooo"]
    assert table["read as"].tolist() == ["what", "stupid", "<sadness> sad face", "so"]
    for row in table.itertuples():
        assert text[row.start : row.end] == row[3]


def test_own_pieces_are_whole_words_that_the_other_vocabulary_cuts(tokenizer, texts):
    pieces = vocabulary.own_pieces(tokenizer, Splitter(), texts, most=12)
    assert len(pieces) == 12 and pieces["comments"].is_monotonic_decreasing
    for word, row in pieces.iterrows():
        assert len(word) > 4 and row["reference"] == f"{word[:4]} ##{word[4:]}"
        holding = sum(re.search(rf"\b{word}\b", normalise(text).text) is not None for text in texts)
        assert 10 <= row["comments"] <= holding, "each counts once a comment"
    assert vocabulary.own_pieces(tokenizer, Splitter(), texts, least_comments=len(texts) + 1).empty


def test_tokens_per_word():
    table = vocabulary.tokens_per_word({"cut": Splitter()}, {"short": ["a bc def"], "long": ["abcdef abcde ab"]})
    assert table.loc["short", "cut"] == 1
    assert table.loc["long", "cut"] == pytest.approx(5 / 3)


def test_next_pieces_are_those_of_the_model(tokenizer, tmp_path):
    config = AwdLstmConfig(vocab_size=len(tokenizer), hidden_size=8, lstm_size=8, num_hidden_layers=1, pad_token_id=0)
    model = AwdLstmForCausalLM(config)
    wanted = next(piece for piece in list_pieces(tokenizer) if piece.piece.startswith("▁t"))
    model.decoder.bias.data[wanted.id] = 50.0
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    pieces = vocabulary.next_pieces(tmp_path, "the", most=3)
    assert pieces.index[0] == wanted.piece.replace("▁", " ")
    assert pieces.iloc[0] > 0.99 and pieces.is_monotonic_decreasing
