"""The ULMFiT recipe end to end at smoke size: language model, classifier, command line, resumption."""

import dataclasses
import json

import pytest
import torch
from helpers.training import comments_rows, same_weights, source, write_comments
from transformers import pipeline

from toxres.checkpoint import load_checkpoint
from toxres.cli import main
from toxres.config import NORMALISATION, QUICK, SMOKE, ULMFIT, ULMFIT_ATTENTION
from toxres.errors import InputError
from toxres.models import NormalizingTokenizer
from toxres.models.sentencepiece_training import train_sentencepiece
from toxres.text import STEPS
from toxres.training import train
from toxres.training.language_config import LANGUAGE_MODELS
from toxres.training.rows import select_rows
from toxres.training.trainer import ToxicityTrainer


@pytest.fixture(autouse=True)
def no_real_data(monkeypatch):
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)


@pytest.fixture(scope="module")
def ulmfit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ulmfit") / "out"
    return train("ulmfit", ["synthetic"], SMOKE, 0, folder, progress=False)


def test_recipes_name_every_step():
    assert NORMALISATION == STEPS


def test_presets_name_language_models(tmp_path):
    assert {SMOKE.language_model, QUICK.language_model} <= set(LANGUAGE_MODELS)
    with pytest.raises(InputError, match="unknown language model 'huge'"):
        train(ULMFIT, ["synthetic"], dataclasses.replace(SMOKE, language_model="huge"), 0, tmp_path / "out")


def test_the_embedded_comments_are_enough_for_make_run():
    """1,000 comments of the grammar have fewer different pieces than `quick` asks for."""
    texts = select_rows(["synthetic"], QUICK).train["text"].tolist()
    with pytest.raises(InputError, match="choose at most"):
        train_sentencepiece(texts, QUICK.vocab_size, normalisation=NORMALISATION)
    learned = train_sentencepiece(texts, QUICK.vocab_size, normalisation=NORMALISATION, at_most=True)
    assert 1_000 < len(learned) < QUICK.vocab_size


def test_it_is_a_checkpoint_like_any_other(ulmfit):
    checkpoint = load_checkpoint(ulmfit)
    probs = checkpoint.predict_proba(["what a kind thing to say :)", "you fool, see https://example.org"])
    assert probs.shape == (2, 6) and ((probs > 0) & (probs < 1)).all()
    assert isinstance(checkpoint.tokenizer, NormalizingTokenizer)
    assert checkpoint.tokenizer.normalisation == list(STEPS)
    assert checkpoint.model.config.encoder.model_type == "awd_lstm"
    assert checkpoint.model.head.out.in_features == 3 * checkpoint.model.config.encoder.hidden_size


def test_the_pipeline_serves_it(ulmfit):
    classify = pipeline("text-classification", model=str(ulmfit), top_k=None)
    (found,) = classify(["you fool " * 300], truncation=True)
    probs = load_checkpoint(ulmfit).predict_proba(["you fool " * 300])[0]
    assert {item["label"]: item["score"] for item in found} == {
        label: pytest.approx(p, abs=1e-5)
        for label, p in zip(load_checkpoint(ulmfit).calibration.labels, probs, strict=True)
    }


def test_the_classifier_starts_from_the_language_model(ulmfit, tmp_path):
    language_model = ulmfit.with_name("out.language_model")
    run = json.loads((ulmfit / "run.json").read_text())
    assert run["language_model"]["key"] == json.loads((language_model / "run.json").read_text())["key"]
    still = dataclasses.replace(SMOKE, language_model_learning_rate=0.0)
    path = train(ULMFIT, ["synthetic"], still, 0, tmp_path / "still", language_model=language_model, progress=False)
    from transformers import AutoModel

    learned, kept = AutoModel.from_pretrained(language_model).state_dict(), load_checkpoint(path).model.encoder
    assert all(torch.equal(value, learned[name]) for name, value in kept.state_dict().items())


def test_an_interrupted_classifier_ends_with_the_weights_of_an_unbroken_one(ulmfit, tmp_path, monkeypatch):
    """In the middle of gradual unfreezing, so that the schedule has to be taken up where it was."""
    preset = dataclasses.replace(SMOKE, batch_size=8, epochs=2)
    more = {"language_model": ulmfit.with_name("out.language_model"), "save_steps": 4, "progress": False}
    whole = train(ULMFIT, ["synthetic"], preset, 0, tmp_path / "whole", **more)
    step, steps = ToxicityTrainer.training_step, []

    def stop(*args, **kwargs):
        steps.append(1)
        if len(steps) == 11:
            raise KeyboardInterrupt
        return step(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(ToxicityTrainer, "training_step", stop)
        with pytest.raises(KeyboardInterrupt):
            train(ULMFIT, ["synthetic"], preset, 0, tmp_path / "broken", **more)
    resumed = train(ULMFIT, ["synthetic"], preset, 0, tmp_path / "broken", resume=True, **more)
    assert same_weights(whole, resumed) and not same_weights(whole, ulmfit)


def test_a_finished_run_is_returned_even_without_its_language_model(ulmfit):
    before = (ulmfit / "run.json").stat().st_mtime_ns
    assert train("ulmfit", ["synthetic"], SMOKE, 0, ulmfit, progress=False) == ulmfit
    kept = ulmfit.with_name("out.language_model").rename(ulmfit.with_name("elsewhere"))
    assert train("ulmfit", ["synthetic"], SMOKE, 0, ulmfit, progress=False) == ulmfit
    kept.rename(ulmfit.with_name("out.language_model"))
    assert (ulmfit / "run.json").stat().st_mtime_ns == before


def test_pretrain_then_train_with_a_corpus(tmp_path, capsys):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("".join(f"the river number {n} runs past the old bridge again\n" for n in range(200)))
    lm, rows = str(tmp_path / "lm"), write_comments(tmp_path / "mine.csv", comments_rows(200))
    more = ["--preset", "smoke", "--vocab-size", "340", "--out", lm]
    assert main(["pretrain", "--source", rows, "--corpus", str(corpus), *more]) == 0
    assert f"language model: {lm}" in capsys.readouterr().out
    assert json.loads((tmp_path / "lm" / "run.json").read_text())["corpus"]["texts"] > 200
    words = ["train", "ulmfit_attention", "--source", rows, "--language-model", lm, "--preset", "smoke", "--out"]
    assert main([*words, str(tmp_path / "out")]) == 0
    assert load_checkpoint(tmp_path / "out").model.config.pooling == ULMFIT_ATTENTION.pooling == "attention"
    assert not (tmp_path / "out.language_model").exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["train", "custom", "--source", "synthetic", "--corpus", "x.txt"], "custom has no language model"),
        (["train", "ulmfit", "--source", "synthetic", "--encoder", "e5"], "ulmfit has no pre-trained encoder"),
        (["train", "ulmfit", "--source", "synthetic", "--corpus", "no.txt"], "no.txt: no such file"),
        (["train", "ulmfit", "--source", "synthetic", "--language-model", "no"], "no: is no language model"),
        (["pretrain"], "nothing to read"),
        (["pretrain", "--source", "synthetic", "--recipe", "custom"], "custom has no language model"),
        (["pretrain", "--corpus", "-"], "can't be standard input"),
    ],
)
def test_bad_words(words, problem, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--preset", "smoke", "--out", "out"]) == 2
    error = capsys.readouterr().err
    assert problem in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_too_little_text(tmp_path, capsys):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("one line only\n")
    assert main(["pretrain", "--corpus", str(corpus), "--preset", "smoke", "--out", str(tmp_path / "lm")]) == 2
    assert "1 texts are too few" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]


def test_several_processes_need_a_language_model_at_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="learned in one process"):
        train("ulmfit", [source()], SMOKE, 0, tmp_path / "out", progress=False)
