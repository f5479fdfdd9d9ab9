"""Language models: the stream they read, what they learn, perplexity, and resuming after a kill."""

import dataclasses
import itertools
import json
import math
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.training import comments_rows, same_weights
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from toxres.data import documents as stream
from toxres.data.documents import encode_pieces, shuffled, text_pieces, window_lengths, windows
from toxres.errors import InputError
from toxres.files import ROOT
from toxres.models.awd_lstm import AwdLstmForCausalLM
from toxres.models.perplexity import perplexity
from toxres.models.softmax import softmax_cross_entropy, token_losses
from toxres.training import bptt
from toxres.training.bptt import language_model_loss
from toxres.training.language_config import PAPER_LM, SMALL_LM, SMOKE_LM, LanguageModelConfig, fine_tuning
from toxres.training.language_model import train_language_model
from toxres.training.language_start import new_model
from toxres.training.schedules import SCHEDULES, discriminative, one_cycle, slanted_triangular

TEXTS = [row["comment_text"] for row in comments_rows(160)]
HELD_OUT = [row["comment_text"] for row in comments_rows(30, seed=9)]
NARROW = dataclasses.replace(SMOKE_LM, name="narrow", batch_size=8, bptt=16, epochs=2)


@pytest.fixture(scope="module")
def tokenizer():
    """A word a token, of the words of the texts; small, so that the softmax is."""
    return word_tokenizer()


def word_tokenizer() -> PreTrainedTokenizerFast:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    words = ["no", "a", "b", "What", "day", "!", *sorted({word for text in TEXTS for word in text.split()})]
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys([*special, *words]))}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), special, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=backend, **names)


@pytest.fixture(scope="module")
def trained(tokenizer, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "out"
    return train_language_model(TEXTS, tokenizer, NARROW, out, validation=HELD_OUT, progress=False)


def run_of(path: Path) -> dict:
    return json.loads((path / "run.json").read_text())


def fresh_model(tokenizer, seed: int = 0, **changes) -> AwdLstmForCausalLM:
    torch.manual_seed(seed)
    return new_model(tokenizer, dataclasses.replace(NARROW, **changes))


document_lists = st.lists(st.lists(st.integers(1, 10_000), min_size=1, max_size=30), min_size=1, max_size=40)


@settings(max_examples=100, deadline=None)
@given(document_lists, st.integers(1, 5), st.lists(st.integers(1, 12), min_size=1, max_size=5))
def test_windows_read_whole_documents_in_parallel_rows(found, rows, lengths):
    """Each row is a concatenation of documents in the order they came, and loses less than the longest at its end."""
    numbers = itertools.count()
    found = [[next(numbers) for _ in document] for document in found]
    batches = list(windows(iter(found), rows, itertools.cycle(lengths)))
    for one, then in itertools.pairwise(batches):
        assert (one[:, -1] == then[:, 0]).all(), "the next window begins where this one ends"
    asked = itertools.cycle(lengths)
    sizes = [batch.shape[1] - 1 for batch in batches]
    assert all(size == length for size, length in zip(sizes[:-1], asked, strict=False))
    read = [np.concatenate([batch[row, :-1] for batch in batches]).tolist() if batches else [] for row in range(rows)]
    ends = [batches[-1][row, -1] for row in range(rows)] if batches else []
    rest = list(found)
    for row, end in zip(read, ends, strict=False):
        row = [*row, end]
        while row:
            match = next(document for document in rest if document[: len(row)] == row[: len(document)])
            rest.remove(match)
            row = row[len(match) :]
    lost = sum(map(len, found)) - sum(len(row) + 1 for row in read if batches)
    longest = max(map(len, found))
    assert lost <= rows * (longest + 1)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 60), st.integers(1, 80), st.integers(0, 99))
def test_shuffling_keeps_every_item_within_reach(count, size, seed):
    found = list(shuffled(range(count), size, random.Random(seed)))
    assert sorted(found) == list(range(count))
    assert all(item <= place + size for place, item in enumerate(found))
    assert found == list(shuffled(range(count), size, random.Random(seed)))
    if size >= count >= 20:
        assert found != list(range(count)) != list(shuffled(range(count), size, random.Random(seed + 1)))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(alphabet="ab \n", max_size=70), max_size=6))
def test_pieces_are_the_texts(texts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "PIECE", 20)
        pieces = list(text_pieces(texts))
    kept = [text for text in texts if text.strip()]
    assert sum(piece.first for piece in pieces) == sum(piece.last for piece in pieces) == len(kept)
    assert "".join(piece.text for piece in pieces) == "".join(kept)
    assert all(0 < len(piece.text) <= 20 for piece in pieces)
    for one, then in itertools.pairwise(pieces):
        assert one.last == then.first


def test_pieces_are_cut_at_a_space(monkeypatch):
    monkeypatch.setattr(stream, "PIECE", 20)
    assert [piece.text for piece in text_pieces(["one two three four five"])] == ["one two three four", " five"]


def test_documents_begin_and_end(tokenizer):
    begin, end = tokenizer.cls_token_id, tokenizer.sep_token_id
    text = "a b " * 6_000
    found = list(encode_pieces(text_pieces(["no", text]), tokenizer))
    assert found[0] == [begin, tokenizer.convert_tokens_to_ids("no"), end]
    assert len(found) == 4
    assert [ids[0] == begin for ids in found[1:]] == [True, False, False]
    assert [ids[-1] == end for ids in found[1:]] == [False, False, True]
    assert sum(map(len, found[1:])) == 12_000 + 2
    assert next(encode_pieces(text_pieces(["no \ud800"]), tokenizer))[:2] == found[0][:2]


def test_window_lengths_vary_around_bptt():
    lengths = list(itertools.islice(window_lengths(70, random.Random(0)), 4_000))
    assert 66 < np.mean(lengths) < 70
    assert 0.03 < np.mean(np.array(lengths) < 52) < 0.07
    assert max(lengths) <= 90
    assert min(itertools.islice(window_lengths(8, random.Random(0)), 200)) == 5


class Huge:
    """A corpus that never ends, and counts how far ahead of its reader it was read."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self):
        self.made = 0
        while True:
            self.made += 1
            yield f"comment number {self.made} of a stream without end"


def test_a_stream_larger_than_memory_is_read_as_it_is_needed(tokenizer):
    corpus, buffer, rows = Huge(), 500, 4
    pieces = shuffled(text_pieces(corpus()), buffer, random.Random(0))
    documents = encode_pieces(pieces, tokenizer)
    each = len(tokenizer("comment number 1 of a stream without end")["input_ids"])
    for number, window in enumerate(itertools.islice(windows(documents, rows, itertools.repeat(16)), 300), start=1):
        used = number * 16 * rows / each
        assert window.shape == (rows, 17)
        assert corpus.made <= used + buffer + stream.ENCODED_AT_ONCE + 3 * rows


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 600), st.integers(2, 40), st.integers(1, 9), st.integers(0, 99))
def test_the_softmax_is_a_linear_layer_and_cross_entropy(tokens, words, width, seed):
    generator = torch.Generator().manual_seed(seed)
    hidden, weight, bias = (
        torch.randn(shape, generator=generator, requires_grad=True)
        for shape in ((tokens, width), (words, width), words)
    )
    targets = torch.randint(words, (tokens,), generator=generator)
    expected = torch.nn.functional.cross_entropy(torch.nn.functional.linear(hidden, weight, bias), targets)
    slopes = torch.autograd.grad(3 * expected, (hidden, weight, bias))
    found = softmax_cross_entropy(hidden, weight, bias, targets, torch.float32)
    torch.testing.assert_close(found, expected)
    for one, other in zip(torch.autograd.grad(3 * found, (hidden, weight, bias)), slopes, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(token_losses(hidden, weight, bias, targets).mean(), expected)
    rough = softmax_cross_entropy(hidden, weight, bias, targets, torch.bfloat16)
    torch.testing.assert_close(rough, expected, atol=0.05, rtol=0.05)


def test_the_loss_of_a_window_and_its_regularisation(tokenizer):
    model = fresh_model(tokenizer, output_dropout=0.5, dropout_multiplier=1.0)
    ids = torch.tensor(list(encode_pieces(text_pieces(TEXTS[:1]), tokenizer)))
    config = dataclasses.replace(NARROW, ar=2.0, tar=3.0)
    torch.manual_seed(5)
    loss, penalty, state = language_model_loss(model, ids[:, :-1], ids[:, 1:], None, config)
    torch.manual_seed(5)
    raw = model.encoder(ids[:, :-1]).last_hidden_state
    dropped = model.output_dropout(raw)
    assert (dropped == 0).any() and not torch.equal(dropped, raw)
    logits = model.decoder(dropped)
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(logits[0], ids[0, 1:]))
    differences = (raw[:, 1:] - raw[:, :-1]).square().mean()
    torch.testing.assert_close(penalty, 2 * dropped.square().mean() + 3 * differences)
    assert all(not tensor.requires_grad for layer in state for tensor in layer)
    _, penalty, _ = language_model_loss(model, ids[:, :1], ids[:, 1:2], state, config)
    assert torch.isfinite(penalty)


def test_schedules():
    assert slanted_triangular(0) == pytest.approx(1 / 32) == pytest.approx(slanted_triangular(1))
    assert slanted_triangular(0.1) == pytest.approx(1)
    assert slanted_triangular(0.05) == pytest.approx((1 + 0.5 * 31) / 32) == pytest.approx(slanted_triangular(0.55))
    assert one_cycle(0) == pytest.approx(1 / 25) and one_cycle(0.25) == pytest.approx(1)
    assert one_cycle(1) == pytest.approx(1e-4)
    for schedule in SCHEDULES.values():
        values = [schedule(progress / 1000) for progress in range(1001)]
        peak = values.index(max(values))
        assert values[: peak + 1] == sorted(values[: peak + 1])
        assert values[peak:] == sorted(values[peak:], reverse=True)
    assert discriminative(3, 2.6) == pytest.approx([1 / 2.6**2, 1 / 2.6, 1])
    assert discriminative(3, 1.0) == [1, 1, 1]


def test_what_a_run_leaves(trained, tokenizer):
    assert sorted(file.name for file in trained.iterdir()) == [
        "config.json", "model.safetensors", "run.json", "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    assert [file.name for file in trained.parent.iterdir()] == ["out"]
    run = run_of(trained)
    assert run["family"] == "language_model" and run["config"] == dataclasses.asdict(NARROW)
    assert run["corpus"]["texts"] == len(TEXTS) == run["corpus"]["pieces"]
    assert run["corpus"]["tokens"] == sum(len(ids) for ids in tokenizer(TEXTS)["input_ids"])
    assert [entry["epoch"] for entry in run["history"]] == [1, 2]
    for entry in run["history"]:
        assert 0.9 * run["corpus"]["tokens"] < entry["tokens"] < run["corpus"]["tokens"]
    model = AutoModelForCausalLM.from_pretrained(trained)
    assert model.config.bos_token_id == tokenizer.cls_token_id
    assert AutoModel.from_pretrained(trained).config.hidden_size == NARROW.embedding_size
    found = perplexity(model, AutoTokenizer.from_pretrained(trained), HELD_OUT)
    assert found._asdict() == pytest.approx(run["history"][-1]["validation"])


def test_it_learns(trained, tokenizer):
    run = run_of(trained)
    before = perplexity(fresh_model(tokenizer), tokenizer, HELD_OUT)
    assert before.per_token > 45
    assert run["history"][1]["validation"]["per_token"] < 0.7 * before.per_token
    assert run["history"][1]["loss"] < run["history"][0]["loss"]


def test_a_finished_run_is_returned_and_another_refused(trained, tokenizer):
    again = train_language_model(TEXTS, tokenizer, NARROW, trained, validation=HELD_OUT, progress=False)
    assert again == trained
    before = (trained / "model.safetensors").read_bytes()
    for corpus, config, seed in ((TEXTS[:-1], NARROW, 0), (TEXTS, SMOKE_LM, 0), (TEXTS, NARROW, 1)):
        with pytest.raises(InputError, match="exists and is no finished run of these settings"):
            train_language_model(corpus, tokenizer, config, trained, seed=seed, validation=HELD_OUT, progress=False)
    assert (trained / "model.safetensors").read_bytes() == before


@pytest.fixture(scope="module")
def peaks(tokenizer, tmp_path_factory) -> list[list[float]]:
    """The learning rates of each step of a run with discriminative fine-tuning."""
    seen = []

    class Watched(torch.optim.AdamW):
        def step(self, *args, **kwargs):
            seen.append([group["lr"] for group in self.param_groups])
            return super().step(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "AdamW", Watched)
        config = dataclasses.replace(fine_tuning(NARROW), epochs=1, variable_bptt=False)
        train_language_model(TEXTS, tokenizer, config, tmp_path_factory.mktemp("peaks") / "out", progress=False)
    return seen


def test_learning_rates_rise_and_fall_and_are_lower_below(peaks):
    top = [rates[-1] for rates in peaks]
    assert max(top) == pytest.approx(NARROW.learning_rate / 2, rel=0.1)
    assert top.index(max(top)) in range(len(top) // 20, len(top) // 5)
    assert top[-1] < max(top) / 10
    for rates in peaks:
        levels = sorted(set(rates))
        assert len(levels) == NARROW.layers + 1
        assert [one / other for other, one in itertools.pairwise(levels)] == pytest.approx([2.6] * NARROW.layers)


def test_going_on_with_a_language_model(trained, tokenizer, tmp_path):
    """Where it starts it predicts as the one it goes on from does."""
    config = dataclasses.replace(fine_tuning(NARROW), epochs=1, learning_rate=1e-9)
    out = train_language_model(TEXTS, None, config, tmp_path / "out", init=trained, validation=HELD_OUT, progress=False)
    was, found = run_of(trained), run_of(out)
    assert found["initial"]["key"] == was["key"]
    expected = was["history"][-1]["validation"]["per_token"]
    assert found["history"][0]["validation"]["per_token"] == pytest.approx(expected, rel=1e-3)
    with pytest.raises(InputError, match="embedding_size is 16, not 8; use the same sizes"):
        smaller = dataclasses.replace(config, embedding_size=8)
        train_language_model(TEXTS, None, smaller, tmp_path / "b", init=trained, progress=False)
    with pytest.raises(InputError, match="is no language model"):
        train_language_model(TEXTS, tokenizer, config, tmp_path / "b", init=tmp_path / "none", progress=False)
    assert os.listdir(tmp_path) == ["out"]


def test_words_are_taken_over_by_name(trained, tokenizer, tmp_path):
    from toxres.training.language_start import load_start

    wider = AutoTokenizer.from_pretrained(trained)
    wider.add_tokens(["<insult>"])
    start = load_start(trained, wider, NARROW)
    old = AutoModelForCausalLM.from_pretrained(trained)
    vocabulary = {word: index for index, word in enumerate(sorted(wider.get_vocab(), reverse=True))}

    class Renumbered:
        pad_token_id, bos_token_id, eos_token_id = 0, 1, 2

        def get_vocab(self):
            return vocabulary

        def __len__(self):
            return len(vocabulary)

    model = new_model(Renumbered(), NARROW, start)
    assert torch.equal(model.decoder.weight, model.encoder.embeddings.weight)
    for word in ("museum", "crap", "[SEP]"):
        assert torch.equal(model.decoder.weight[vocabulary[word]], old.decoder.weight[start.words[word]])
        assert model.decoder.bias[vocabulary[word]] == old.decoder.bias[start.words[word]]
    torch.testing.assert_close(model.decoder.weight[vocabulary["<insult>"]], old.decoder.weight.mean(dim=0))
    for name, value in old.encoder.layers.state_dict().items():
        assert torch.equal(model.encoder.layers.state_dict()[name], value)


def test_perplexity_is_the_sum_over_texts_read_one_by_one(tokenizer, monkeypatch):
    monkeypatch.setattr("toxres.models.perplexity.STEPS", 5)
    monkeypatch.setattr("toxres.models.perplexity.ROWS", 3)
    model = fresh_model(tokenizer).train()
    texts = ["What a day \N{GRINNING FACE}!", "", "no", *TEXTS[:5]]
    found = perplexity(model, tokenizer, iter(texts))
    assert model.training
    nats = tokens = 0
    model.eval()
    for text in filter(None, texts):
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        nats += model(ids, labels=ids).loss.item() * (ids.shape[1] - 1)
        tokens += ids.shape[1] - 1
    assert found.tokens == tokens and found.nats == pytest.approx(nats, rel=1e-5)
    assert found.per_token == pytest.approx(math.exp(nats / tokens), rel=1e-4)
    kept = [text for text in texts if text]
    words, characters = sum(len(text.split()) + 1 for text in kept), sum(len(text) + 1 for text in kept)
    assert found.per_word == pytest.approx(math.exp(nats / words), rel=1e-4)
    assert found.bits_per_character == pytest.approx(nats / math.log(2) / characters, rel=1e-5)
    assert found.bits_per_byte == pytest.approx(nats / math.log(2) / (characters + 3), rel=1e-5)
    assert found.unknown == pytest.approx(1 / tokens), "the emoji"
    assert found.texts == len(kept)


def test_perplexity_of_a_uniform_model_is_the_size_of_its_vocabulary(tokenizer):
    model = fresh_model(tokenizer)
    with torch.no_grad():
        model.decoder.weight.zero_()
    assert perplexity(model, tokenizer, TEXTS[:4]).per_token == pytest.approx(len(tokenizer), rel=1e-4)


def test_one_line_of_ten_megabytes(tokenizer):
    """It is read in pieces: no row of the stream ever holds more than one beyond its window."""
    line = "all work and no play " * 500_000
    assert len(line) > 10_000_000
    pieces = itertools.islice(text_pieces([line]), 40)
    widest, read = 0, 0
    for window in windows(encode_pieces(pieces, tokenizer), 4, itertools.repeat(70)):
        widest, read = max(widest, window.shape[1]), read + window[:, :-1].size
    assert widest == 71 and read > 38 * 1_900
    part = line[:50_000]
    later_pieces = len(list(text_pieces([part]))) - 1
    assert perplexity(fresh_model(tokenizer), tokenizer, [part]).tokens == len(part.split()) + 1 - later_pieces


BAD = {
    "nothing": (list, "corpus: holds no text; give it some"),
    "only white space": (lambda: [" ", "\n"], "corpus: holds no text; give it some"),
    "too few": (lambda: TEXTS[:3], "corpus: 3 texts are too few for batch_size 8; give more text or a smaller"),
    "a single text": (lambda: "text", "corpus: is a str; give a list of texts, or a function"),
    "read only once": (lambda: iter(TEXTS), "corpus: is a list_iterator; give a list of texts, or a function"),
    "a number": (lambda: [*TEXTS, 7], "corpus: text 161 is a int; give strings"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(case, tokenizer, tmp_path):
    corpus, message = BAD[case]
    with pytest.raises(InputError) as error:
        train_language_model(corpus(), tokenizer, NARROW, tmp_path / "out", progress=False)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)
    assert os.listdir(tmp_path) == []


def test_settings_out_of_range(tokenizer, tmp_path):
    for field, value in (("batch_size", 0), ("layers", 0), ("learning_rate", 0.0), ("bptt", -1)):
        with pytest.raises(InputError, match=f"bad: {field} is {value}; give"):
            LanguageModelConfig("bad", **{field: value})
    wild = dataclasses.replace(NARROW, dropout_multiplier=9.0)
    with pytest.raises(InputError, match="narrow: input_dropout times dropout_multiplier is 2"):
        train_language_model(TEXTS, tokenizer, wild, tmp_path / "out", progress=False)
    with pytest.raises(InputError, match="tokenizer: is missing"):
        train_language_model(TEXTS, None, NARROW, tmp_path / "out", progress=False)
    assert os.listdir(tmp_path) == []
    assert (PAPER_LM.layers, PAPER_LM.lstm_size, PAPER_LM.embedding_size) == (3, 1152, 400)
    assert SMALL_LM.layers == 3


def test_a_run_that_diverges_says_so_and_leaves_nothing(tokenizer, tmp_path, monkeypatch):
    def infinite(*args):
        loss, penalty, state = original(*args)
        return loss * math.inf, penalty, state

    original = bptt.language_model_loss
    monkeypatch.setattr(bptt, "language_model_loss", infinite)
    with pytest.raises(InputError, match="training diverged in step 1; give a lower learning_rate"):
        train_language_model(TEXTS, tokenizer, NARROW, tmp_path / "out", progress=False)
    assert os.listdir(tmp_path) == []


KILLED = """
import json, os, signal, sys
from transformers import AutoTokenizer
from toxres.training import bptt, language_model
from toxres.training.language_config import LanguageModelConfig

def kill_at(call, target, name):
    original, calls = getattr(target, name), []
    def counted(*args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)
    setattr(target, name, counted)

points = {
    "before any state": lambda: kill_at(3, bptt, "language_model_loss"),
    "in the middle of an epoch": lambda: kill_at(13, bptt, "language_model_loss"),
    "while saving a state": lambda: kill_at(2, bptt.torch, "save"),
    "while evaluating": lambda: kill_at(2, bptt, "perplexity"),
    "while writing the folder": lambda: kill_at(1, language_model, "provenance"),
}
given = json.loads(sys.stdin.read())
tokenizer = AutoTokenizer.from_pretrained(given["tokenizer"])
config = LanguageModelConfig(**given["config"])
for point, out in given["runs"].items():
    if os.fork() == 0:
        points[point]()
        language_model.train_language_model(
            given["texts"], tokenizer, config, out, validation=given["held_out"], save_steps=5, progress=False
        )
        os._exit(0)
    _, status = os.wait()
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (point, status)
"""

POINTS = {
    "before any state": 0,
    "in the middle of an epoch": 2,
    "while saving a state": 1,
    "while evaluating": 2,
    "while writing the folder": 2,
}


@pytest.fixture(scope="module")
def killed(tokenizer, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("killed")
    tokenizer.save_pretrained(place)
    given = {"tokenizer": str(place), "config": dataclasses.asdict(NARROW), "texts": TEXTS, "held_out": HELD_OUT}
    given["runs"] = {point: str(place / point) for point in POINTS}
    subprocess.run([sys.executable, "-c", KILLED], input=json.dumps(given), text=True, check=True, cwd=ROOT)
    return place


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_resumes_to_the_same_weights(point, killed, trained, tokenizer):
    out = killed / point
    partial = out.with_name(f"{point}.partial")
    assert not out.exists() and len(bptt.saved_states(partial / "states")) == POINTS[point]
    options = {"validation": HELD_OUT, "save_steps": 5, "progress": False}
    with pytest.raises(InputError, match="an interrupted run; add --resume"):
        train_language_model(TEXTS, tokenizer, NARROW, out, **options)
    path = train_language_model(TEXTS, tokenizer, NARROW, out, resume=True, **options)
    assert path == out and not partial.exists()
    assert same_weights(out, trained)
    assert run_of(out)["history"] == run_of(trained)["history"]
    assert run_of(out)["key"] == run_of(trained)["key"]


def test_a_run_of_other_settings_is_not_resumed(trained, tokenizer, tmp_path, monkeypatch):
    def fail(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(bptt, "perplexity", fail)
    options = {"validation": HELD_OUT, "save_steps": 5, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        train_language_model(TEXTS, tokenizer, NARROW, tmp_path / "out", **options)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["out.partial"]
    with pytest.raises(InputError, match="an interrupted run of other settings"):
        train_language_model(TEXTS, tokenizer, NARROW, tmp_path / "out", seed=1, resume=True, **options)
    torn = bptt.saved_states(tmp_path / "out.partial" / "states")[-1]
    torn.write_bytes(torn.read_bytes()[:1000])
    out = train_language_model(TEXTS, tokenizer, NARROW, tmp_path / "out", resume=True, **options)
    assert same_weights(out, trained), "from the state before a torn one"


def test_a_function_that_reads_anew_trains_as_a_list_does(trained, tokenizer, tmp_path):
    reads = []

    def corpus():
        reads.append(1)
        yield from TEXTS

    out = train_language_model(corpus, tokenizer, NARROW, tmp_path / "out", validation=HELD_OUT, progress=False)
    assert same_weights(out, trained)
    assert len(reads) == 1 + NARROW.epochs
