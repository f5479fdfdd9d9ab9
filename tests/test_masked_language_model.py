"""Masked language modelling: which tokens are hidden, the tied head's loss, what is learned, resuming after a kill."""

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

import pytest
import torch
import torch.nn.functional as F
from helpers.training import comments_rows, same_weights, save_encoder, source, tensors, tiny_bert, word_tokenizer
from transformers import AutoTokenizer, BertForMaskedLM, BertModel

from toxres.cli import main
from toxres.config import SMOKE
from toxres.data.documents import ENCODED_AT_ONCE, text_pieces
from toxres.errors import InputError
from toxres.files import ROOT
from toxres.models.encoders import Encoder, load_encoder
from toxres.models.masked import IGNORED, MaskedHead, mask_tokens
from toxres.training import masked_training
from toxres.training.masked_language_model import MaskedConfig, adapt_encoder, masked_config
from toxres.training.masked_training import MaskedTraining, saved_states, text_windows, window_batches

TEXTS = [row["comment_text"] for row in comments_rows(160)]
HELD_OUT = [row["comment_text"] for row in comments_rows(40, seed=9)]
NARROW = MaskedConfig("narrow", epochs=2, max_length=24, batch_tokens=256, learning_rate=3e-3, head_learning_rate=1e-2)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> str:
    return save_encoder("distilbert", tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def adapted(encoder, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("adapted") / "out"
    return adapt_encoder(TEXTS, encoder, NARROW, out, validation=HELD_OUT, progress=False)


@pytest.fixture
def exact(monkeypatch):
    """Matrices multiplied in float32, as the references do."""
    monkeypatch.setattr(masked_training, "multiplies_bf16", lambda kind: False)


def run_of(path: Path) -> dict:
    return json.loads((path / "run.json").read_text())


def training(loaded: Encoder, folder: Path, config: MaskedConfig = NARROW, counts: int = 1) -> MaskedTraining:
    torch.manual_seed(0)
    size = len(loaded.model.get_input_embeddings().weight)
    return MaskedTraining(loaded, config, torch.full((size,), counts), 0, folder, 10**9)


def test_the_shares_of_what_is_hidden():
    """Counted by hand over 150,000 tokens; six standard deviations, so it errs once in a billion runs."""
    size, mask = 10_000, 7
    ids = torch.randint(100, size, (1_000, 300), generator=torch.Generator().manual_seed(1))
    maskable = torch.zeros(ids.shape, dtype=torch.bool)
    maskable[:, 50:200] = True
    found = mask_tokens(ids, maskable, mask, size, torch.Generator().manual_seed(2))
    chosen = found.targets != IGNORED
    assert not chosen[~maskable].any() and torch.equal(found.input_ids[~chosen], ids[~chosen])
    assert torch.equal(found.targets[chosen], ids[chosen])
    within(int(chosen.sum()), 150_000, 0.15)
    count = int(chosen.sum())
    hidden, kept = (found.input_ids == mask) & chosen, (found.input_ids == ids) & chosen
    within(int(hidden.sum()), count, 0.8)
    within(int(kept.sum()), count, 0.1)
    others = found.input_ids[chosen & ~hidden & ~kept]
    within(len(others), count, 0.1)
    assert others.unique().numel() > 0.75 * len(others) * (1 - len(others) / size / 2), "all over the vocabulary"
    again = mask_tokens(ids, maskable, mask, size, torch.Generator().manual_seed(2))
    other = mask_tokens(ids, maskable, mask, size, torch.Generator().manual_seed(3))
    assert torch.equal(found.input_ids, again.input_ids) and not torch.equal(found.targets, other.targets)


def within(count: int, total: int, share: float) -> None:
    assert abs(count - share * total) < 6 * math.sqrt(total * share * (1 - share)), (count, total, share)


def test_at_least_one_token_is_chosen():
    maskable = torch.tensor([[False, True, True, False]])
    found = mask_tokens(torch.tensor([[1, 5, 6, 2]]), maskable, 7, 10, torch.Generator().manual_seed(0), share=1e-9)
    assert found.targets.tolist() == [[IGNORED, 5, IGNORED, IGNORED]]


def test_the_tied_head_is_transformers_own(exact, tmp_path):
    """Loss and gradients are those of BertForMaskedLM with the same weights on the same hidden tokens."""
    tokenizer = word_tokenizer()
    torch.manual_seed(4)
    reference = BertForMaskedLM(tiny_bert(len(tokenizer))).eval()
    model = BertModel(reference.config, add_pooling_layer=False)
    model.load_state_dict(reference.bert.state_dict())
    run = training(Encoder(model, tokenizer), tmp_path)
    transform, bias = reference.cls.predictions.transform, reference.cls.predictions.bias
    run.head.dense.load_state_dict(transform.dense.state_dict())
    run.head.norm.load_state_dict(transform.LayerNorm.state_dict())
    with torch.no_grad():
        bias.normal_()
        run.head.bias.copy_(bias)

    batch = list(text_windows(text_pieces(TEXTS[:6]), tokenizer, 24))
    loss, guessed = run.batch_loss(batch, torch.Generator().manual_seed(5))
    loss.backward()

    longest = -(-max(len(window.ids) for window in batch) // 8) * 8
    ids = torch.tensor([window.ids + [0] * (longest - len(window.ids)) for window in batch])
    special = torch.tensor([window.special + [1] * (longest - len(window.special)) for window in batch])
    masked = mask_tokens(
        ids, special == 0, tokenizer.mask_token_id, len(tokenizer), torch.Generator().manual_seed(5), 0.15
    )
    expected = reference(
        input_ids=masked.input_ids,
        attention_mask=(ids != 0).long(),
        labels=masked.targets.where(masked.targets >= 0, -100),
    )
    expected.loss.backward()
    assert guessed == (masked.targets >= 0).sum() > 5
    torch.testing.assert_close(loss, expected.loss, atol=1e-5, rtol=1e-5)
    embeddings = reference.bert.embeddings.word_embeddings.weight
    for one, other in (
        (run.model.get_input_embeddings().weight, embeddings),
        (run.head.dense.weight, transform.dense.weight),
        (run.head.bias, bias),
        (
            run.model.encoder.layer[0].attention.self.query.weight,
            reference.bert.encoder.layer[0].attention.self.query.weight,
        ),
    ):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-4)


def test_the_prior_guesses_how_frequent_each_token_is():
    head = MaskedHead(8, 8, 4)
    head.set_prior(torch.tensor([0, 1, 2, 5]))
    torch.testing.assert_close(F.softmax(head.bias, dim=0), torch.tensor([1, 2, 3, 6]) / 12)


def test_windows_are_texts_in_pieces_with_special_tokens_around_each():
    tokenizer = word_tokenizer()
    long = "the old bridge " * 30
    found = list(text_windows(text_pieces(["Ada says", "", long, "\ud800"]), tokenizer, 16))
    begin, end = tokenizer.cls_token_id, tokenizer.sep_token_id
    assert [len(window.ids) for window in found] == [4, *[16] * 6, 8, 3]
    for window in found:
        assert (window.ids[0], window.ids[-1]) == (begin, end)
        assert window.special == [1, *[0] * (len(window.ids) - 2), 1]
    words = [token for window in found[1:-1] for token in window.ids[1:-1]]
    assert words == tokenizer(long, add_special_tokens=False)["input_ids"]


def test_batches_hold_every_window_once_within_their_size():
    windows = list(text_windows(text_pieces(TEXTS), word_tokenizer(), 24))
    config = dataclasses.replace(NARROW, pool=50, batch_tokens=96)
    batches = list(window_batches(windows, config, random.Random(0)))
    assert sorted(itertools.chain.from_iterable(batches)) == sorted(windows)
    assert all(max(len(window.ids) for window in batch) * len(batch) <= 96 for batch in batches)
    assert batches == list(window_batches(windows, config, random.Random(0)))
    assert batches != list(window_batches(windows, config, random.Random(1)))


def test_a_stream_larger_than_memory_is_read_as_it_is_needed(encoder, tmp_path):
    made = itertools.count()

    def endless():
        while True:
            yield f"Ada says the {next(made)} bridge is fine"

    config = dataclasses.replace(NARROW, shuffle_buffer=100, pool=50)
    run = training(load_encoder(encoder), tmp_path, config)
    used = 0
    for batch in itertools.islice(run._batches(endless), 100):
        used += len(batch)
        assert next(made) <= used + 100 + config.pool + 2 * ENCODED_AT_ONCE + 100


def test_one_line_of_ten_megabytes():
    pieces = itertools.islice(text_pieces(["the old bridge " * 700_000]), 30)
    assert max(len(window.ids) for window in text_windows(pieces, word_tokenizer(), 32)) == 32


def test_what_a_run_leaves(adapted, encoder):
    kept = {file.name for file in Path(encoder).iterdir()}
    assert {file.name for file in adapted.iterdir()} == kept | {"run.json"}
    assert [file.name for file in adapted.parent.iterdir()] == ["out"]
    run = run_of(adapted)
    assert run["family"] == "masked_language_model" and run["config"] == dataclasses.asdict(NARROW)
    assert run["corpus"]["texts"] == len(TEXTS) == run["corpus"]["windows"]
    tokenizer = AutoTokenizer.from_pretrained(adapted)
    assert run["corpus"]["tokens"] == sum(len(ids) for ids in tokenizer(TEXTS)["input_ids"])
    assert [entry["epoch"] for entry in run["history"]] == [0, 1, 2]
    assert [entry["tokens"] for entry in run["history"][1:]] == [run["corpus"]["tokens"]] * 2
    assert (adapted / "tokenizer.json").read_bytes() == (Path(encoder) / "tokenizer.json").read_bytes()


def test_it_learns_to_guess_from_context(adapted):
    before, _, after = (entry["validation"]["per_token"] for entry in run_of(adapted)["history"])
    words = [word for text in TEXTS for word in text.lower().split()]
    shares = [words.count(word) / len(words) for word in set(words)]
    unigram = math.exp(-sum(share * math.log(share) for share in shares))
    assert after < 0.75 * unigram and after < 0.6 * before


def test_every_weight_learns_and_the_encoder_is_accepted(adapted, encoder):
    old, new = tensors(Path(encoder)), tensors(adapted)
    assert old.keys() == new.keys()
    # The bias of the keys has no effect under a softmax, so it has no gradient beyond rounding.
    still = [name for name in old if torch.equal(old[name], new[name]) and "k_lin.bias" not in name]
    assert still == []
    loaded = load_encoder(str(adapted))
    assert not loaded.model.config.to_dict().keys() ^ load_encoder(encoder).model.config.to_dict().keys()
    assert loaded.model.config.dropout == load_encoder(encoder).model.config.dropout == 0.1


def test_a_finished_run_is_returned_and_another_refused(adapted, encoder):
    again = adapt_encoder(TEXTS, encoder, NARROW, adapted, validation=HELD_OUT, progress=False)
    assert again == adapted
    before = (adapted / "model.safetensors").read_bytes()
    for texts, seed in ((TEXTS[:-1], 0), (TEXTS, 1)):
        with pytest.raises(InputError, match="exists and is no finished run of these settings"):
            adapt_encoder(texts, encoder, NARROW, adapted, seed=seed, validation=HELD_OUT, progress=False)
    with pytest.raises(InputError, match="exists and is no finished run of these settings"):
        adapt_encoder(TEXTS, str(adapted), NARROW, adapted, validation=HELD_OUT, progress=False)
    assert (adapted / "model.safetensors").read_bytes() == before


def test_a_function_that_reads_anew_trains_as_a_list_does(adapted, encoder, tmp_path):
    config = dataclasses.replace(NARROW, shuffle_buffer=10**6)
    one = adapt_encoder(lambda: iter(TEXTS), encoder, config, tmp_path / "one", progress=False)
    assert same_weights(one, adapted)


KILLED = """
import json, os, signal, sys
from toxres.training import masked_language_model, masked_training

def kill_at(call, target, name):
    original, calls = getattr(target, name), []
    def counted(*args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)
    setattr(target, name, counted)

points = {
    "before any state": lambda: kill_at(3, masked_training, "softmax_cross_entropy"),
    "in the middle of an epoch": lambda: kill_at(9, masked_training, "softmax_cross_entropy"),
    "while saving a state": lambda: kill_at(2, masked_training.torch, "save"),
    "while writing the folder": lambda: kill_at(1, masked_language_model, "provenance"),
}
given = json.loads(sys.stdin.read())
config = masked_training.MaskedConfig(**given["config"])
for point, out in given["runs"].items():
    if os.fork() == 0:
        points[point]()
        masked_language_model.adapt_encoder(
            given["texts"], given["encoder"], config, out, validation=given["held_out"], save_steps=4, progress=False
        )
        os._exit(0)
    _, status = os.wait()
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (point, status)
"""

POINTS = {
    "before any state": 0,
    "in the middle of an epoch": 2,
    "while saving a state": 1,
    "while writing the folder": 2,
}


@pytest.fixture(scope="module")
def killed(encoder, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("killed")
    given = {"encoder": encoder, "config": dataclasses.asdict(NARROW), "texts": TEXTS, "held_out": HELD_OUT}
    given["runs"] = {point: str(place / point) for point in POINTS}
    subprocess.run([sys.executable, "-c", KILLED], input=json.dumps(given), text=True, check=True, cwd=ROOT)
    return place


@pytest.mark.stress
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_resumes_to_the_same_weights(point, killed, adapted, encoder):
    out = killed / point
    partial = out.with_name(f"{point}.partial")
    assert not out.exists() and len(saved_states(partial / "states")) == POINTS[point]
    options = {"validation": HELD_OUT, "save_steps": 4, "progress": False}
    with pytest.raises(InputError, match="an interrupted run; add --resume"):
        adapt_encoder(TEXTS, encoder, NARROW, out, **options)
    assert adapt_encoder(TEXTS, encoder, NARROW, out, resume=True, **options) == out and not partial.exists()
    assert same_weights(out, adapted)
    assert run_of(out)["history"] == run_of(adapted)["history"] and run_of(out)["key"] == run_of(adapted)["key"]


BAD = {
    "nothing": (list, "corpus: holds no text; give it some"),
    "only white space": (lambda: [" ", "\n"], "corpus: holds no text; give it some"),
    "a single text": (lambda: "text", "corpus: is a str; give a list of texts, or a function"),
    "read only once": (lambda: iter(TEXTS), "corpus: is a list_iterator; give a list of texts, or a function"),
    "a number": (lambda: [*TEXTS, 7], "corpus: text 161 is a int; give strings"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(case, encoder, tmp_path):
    corpus, message = BAD[case]
    with pytest.raises(InputError) as error:
        adapt_encoder(corpus(), encoder, NARROW, tmp_path / "out", progress=False)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)
    assert os.listdir(tmp_path) == []


def test_encoders_and_settings_that_do_not_fit(encoder, tmp_path):
    for field, value in (("epochs", 0), ("learning_rate", 0.0), ("share", 1.0), ("max_length", 4)):
        with pytest.raises(InputError, match=f"narrow: {field} is {value}; give"):
            dataclasses.replace(NARROW, **{field: value})
    with pytest.raises(InputError, match=r"max_length is 200; .* reads at most 140 tokens"):
        adapt_encoder(TEXTS, encoder, dataclasses.replace(NARROW, max_length=200), tmp_path / "out", progress=False)
    with pytest.raises(InputError, match="can't be loaded"):
        adapt_encoder(TEXTS, str(tmp_path / "none"), NARROW, tmp_path / "out", progress=False)
    plain = tmp_path / "plain"
    loaded = load_encoder(encoder)
    loaded.model.save_pretrained(plain)
    loaded.tokenizer.mask_token = None
    loaded.tokenizer.save_pretrained(plain)
    with pytest.raises(InputError, match="has no mask or no padding token; take another encoder"):
        adapt_encoder(TEXTS, str(plain), NARROW, tmp_path / "out", progress=False)
    assert os.listdir(tmp_path) == ["plain"]


def test_a_run_that_diverges_says_so_and_leaves_nothing(encoder, tmp_path, monkeypatch):
    original = masked_training.softmax_cross_entropy
    monkeypatch.setattr(masked_training, "softmax_cross_entropy", lambda *args: original(*args) * math.inf)
    with pytest.raises(InputError, match="training diverged in step 1; give a lower learning_rate"):
        adapt_encoder(TEXTS, encoder, NARROW, tmp_path / "out", progress=False)
    assert os.listdir(tmp_path) == []


def test_the_command_line_adapts_an_encoder_that_train_takes(encoder, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)
    more = tmp_path / "more.txt"
    more.write_text("\n".join(HELD_OUT))
    out = str(tmp_path / "adapted")
    asked = ["pretrain", "--encoder", encoder, "--source", source(), "--corpus", str(more), "--preset", "smoke"]
    assert main([*asked, "--out", out]) == 0
    assert f"encoder: {out}\nnext: toxres train baseline --source NAME --encoder {out}" in capsys.readouterr().out
    run = run_of(Path(out))
    assert run["config"] == dataclasses.asdict(masked_config(SMOKE)) and run["corpus"]["texts"] == 96 + len(HELD_OUT)
    assert run["validation"]["texts"] == 32 and "validation" in run["history"][0]
    trained = str(tmp_path / "trained")
    asked = ["train", "baseline", "--source", source(), "--preset", "smoke", "--encoder", out, "--out", trained]
    assert main(asked) == 0
    embeddings = "embeddings.word_embeddings.weight"
    assert torch.equal(tensors(Path(trained))[f"encoder.{embeddings}"], tensors(Path(out))[embeddings])


@pytest.mark.parametrize("option", ["--recipe", "--vocab-size", "--language-model"])
def test_options_of_the_language_model_are_refused(option, encoder, tmp_path, capsys):
    asked = ["pretrain", "--encoder", encoder, "--source", source(), "--out", str(tmp_path / "out"), option, "1"]
    assert main(asked) == 2
    told = capsys.readouterr().err
    assert told == f"toxres pretrain: {option}: is for ulmfit's language model, not --encoder; leave it out\n"
    assert os.listdir(tmp_path) == []
