"""Training a span model: the rule, the checkpoint, resuming, where it is refused, the command."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from helpers.spans import LEARNING, read_probs, span_data, trained_spans
from helpers.training import same_weights, tensors, trained
from safetensors.torch import load_file

from toxres.api import evaluate
from toxres.checkpoint import load_checkpoint
from toxres.cli import main
from toxres.config import RECIPES, SMOKE, SPANS, get_recipe
from toxres.errors import InputError
from toxres.models import Encoder, SpanModel
from toxres.models.span_reading import ReadWords
from toxres.router import make_router, open_model
from toxres.training import spans as module
from toxres.training import train, train_spans

# The rule.


def test_the_rule_is_tuned_on_the_posts_that_are_given(monkeypatch):
    texts = ["fool here", "a fool there", "quiet day"]
    values = [[0.7, 0.3], [0.2, 0.6, 0.3], [0.5, 0.2]]
    read = [
        ReadWords(
            text, tuple(match.span() for match in re.finditer(r"\S+", text)), np.array(value)[:, None], np.ones(1)
        )
        for text, value in zip(texts, values, strict=True)
    ]
    monkeypatch.setattr(module, "read_words", lambda *args: read)
    posts = pd.DataFrame({"text": texts, "marks": [((0, 4, 1.0),), ((2, 6, 0.5), (7, 12, 0.4)), ((0, 5, 0.4),)]})
    found = module.validate(Encoder(None, None), 24, posts)
    assert found["rule"]["scale"] in module.SCALES and found["rule"]["reading"] == "label"
    assert found["character_f1"] == 1.0 and found["character_f1_at_half"] == pytest.approx(2 / 3)
    assert found["posts"] == 3 and found["tried"] > 100


# The checkpoint.


def test_a_model_that_learned_two_words_marks_them():
    checkpoint = load_checkpoint(trained_spans())
    assert checkpoint.marks_spans and isinstance(checkpoint.model, SpanModel) and not checkpoint.model.training
    assert checkpoint.labels == ("toxic",) and checkpoint.max_length == 24
    run = checkpoint.run
    assert run["recipe"] == json.loads(json.dumps(SPANS.to_dict())) and run["initial"] is None
    assert (run["rows_train"], run["rows_validation"], run["members"]) == (120, 24, 2)
    assert [entries[-1]["epoch"] for entries in run["history"]] == [1, 1]
    assert [entry["name"] for entry in run["sources"]] == ["toxic_spans"]
    assert run["validation"]["character_f1"] >= run["validation"]["character_f1_at_half"] >= 0.5
    assert run["validation"]["posts"] == 24
    assert run["validation"]["character_f1"] > 0.9
    assert checkpoint.thresholds.tolist() == [min(run["validation"]["rule"]["threshold"], 1.0)]
    text = "Ada of the old garden is crap number 7"
    (probs,) = read_probs(checkpoint.model, checkpoint.tokenizer, [text], 24)
    start = text.index("crap")
    assert np.nanmin(probs[start : start + 4]) > np.nanmax(probs[:start])


def test_the_round_trip_keeps_every_weight(tmp_path, monkeypatch):
    monkeypatch.setenv("TOXRES_DATA_DIR", str(span_data()))
    made = []
    fit = module._fit
    monkeypatch.setattr(module, "_fit", lambda *args: made.append(fit(*args)) or made[-1])
    path = train_spans("toxic_spans", LEARNING, 0, tmp_path / "spans", members=2, progress=False)
    assert same_weights(path, trained_spans()), "the same seed trains the same model"
    fitted = made[0][0]
    loaded = load_checkpoint(path)
    texts = ["Ada is an utter fool", "all is fine 😀"]
    for one, other in zip(
        read_probs(fitted.model, fitted.tokenizer, texts, 24), read_probs(loaded.model, loaded.tokenizer, texts, 24),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_allclose(one, other, rtol=1e-4)
    assert train_spans("toxic_spans", LEARNING, 0, path, members=2, progress=False) == path and len(made) == 1, (
        "not trained again"
    )
    for seed, members in ((1, 2), (0, 1)):
        with pytest.raises(InputError, match="is no finished run of these settings"):
            train_spans("toxic_spans", LEARNING, seed, path, members=members, progress=False)
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match="is no finished run of these settings"):
        train_spans("toxic_spans", LEARNING, 0, tmp_path / "other", progress=False)
    assert not list(tmp_path.glob("*.partial")) and not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("member", [1, 2])
def test_an_interrupted_run_ends_with_the_weights_of_an_unbroken_one(tmp_path, monkeypatch, member):
    monkeypatch.setenv("TOXRES_DATA_DIR", str(span_data()))
    made = []

    class Stop(transformers.TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            if state.global_step == 9 and len(made) == member:
                raise KeyboardInterrupt

    build = module.build_trainer

    def interrupted(*args):
        trainer = build(*args)
        trainer.add_callback(Stop())
        made.append(trainer)
        return trainer

    out = tmp_path / "spans"
    monkeypatch.setattr(module, "build_trainer", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_spans("toxic_spans", LEARNING, 0, out, members=2, save_steps=4, progress=False)
    assert not out.exists() and len(made) == member
    with pytest.raises(InputError, match="an interrupted run; add --resume"):
        train_spans("toxic_spans", LEARNING, 0, out, members=2, progress=False)
    made.clear()
    member = 0
    train_spans("toxic_spans", LEARNING, 0, out, members=2, resume=True, save_steps=4, progress=False)
    assert same_weights(out, trained_spans())


def test_members_are_averaged(tmp_path, monkeypatch):
    monkeypatch.setenv("TOXRES_DATA_DIR", str(span_data()))
    kept = []
    monkeypatch.setattr(module, "load_file", lambda path: kept.append(load_file(path)) or kept[-1])
    path = train_spans("toxic_spans", LEARNING, 0, tmp_path / "two", members=2, progress=False)
    first, second = kept
    found = tensors(path)
    for name, value in found.items():
        torch.testing.assert_close(value, (first[name] + second[name]) / 2)
    assert not torch.equal(first["out.weight"], second["out.weight"])
    with pytest.raises(InputError, match="members is 0"):
        train_spans("toxic_spans", LEARNING, 0, tmp_path / "none", members=0)


def test_it_starts_from_a_classifier_s_encoder_or_another_span_model(tmp_path, monkeypatch):
    monkeypatch.setenv("TOXRES_DATA_DIR", str(span_data()))
    still = dataclasses.replace(LEARNING, learning_rate=1e-12, head_learning_rate=1e-12, max_rows=6, dropout=0.3)
    source = trained("baseline")
    path = train_spans("toxic_spans", still, 0, tmp_path / "a", init=source, members=1, progress=False)
    before, after = tensors(source), tensors(path)
    shared = [name for name in after if name.startswith("encoder.")]
    assert len(shared) > 20 and all(torch.allclose(after[name], before[name], atol=1e-6) for name in shared)
    run = load_checkpoint(path).run
    assert (
        run["initial"]["recipe"]["name"] == "baseline" and run["initial"]["key"] == load_checkpoint(source).run["key"]
    )
    again = train_spans("toxic_spans", still, 1, tmp_path / "b", init=trained_spans(), members=1, progress=False)
    learned = tensors(trained_spans())
    assert all(torch.allclose(value, learned[name], atol=1e-6) for name, value in tensors(again).items())
    with pytest.raises(InputError, match="tfidf has no transformer encoder to start from"):
        train_spans("toxic_spans", still, 0, tmp_path / "c", init=trained("tfidf"), progress=False)


# It is no classifier.


def test_it_is_refused_where_comments_are_scored(tmp_path, capsys):
    path = trained_spans()
    problem = "marks toxic spans and scores no comments"
    for call in (
        lambda: load_checkpoint(path).predict_proba(["a"]),
        lambda: load_checkpoint(path).decide(["a"]),
        lambda: open_model(path),
        lambda: evaluate(path, "synthetic"),
        lambda: make_router({"news": path}, tmp_path / "router"),
    ):
        with pytest.raises(InputError, match=problem):
            call()
    (tmp_path / "in.txt").write_text("you there\n")
    for words in (
        ["score", str(tmp_path / "in.txt"), "--checkpoint", str(path), "--out", "-"],
        ["evaluate", str(path), "--source", "synthetic"],
    ):
        assert main(words) == 2
        error = capsys.readouterr().err
        assert problem in error and error.count("\n") == 1
    with pytest.raises(InputError, match="recipe 'spans': marks spans and scores no comment"):
        train("spans", "synthetic", SMOKE, out=tmp_path / "run")
    assert get_recipe("spans") is SPANS and SPANS.name not in RECIPES


@pytest.mark.parametrize(
    ("file", "change", "problem"),
    [
        ("config.json", {"model_type": "toxicity"}, "not of a model"),
        ("run.json", {"recipe": {**SPANS.to_dict(), "task": "toxicity"}}, "recipe.family is 'spans'"),
        ("run.json", {"recipe": {**SPANS.to_dict(), "family": "transformer"}}, "recipe.family is 'transformer'"),
        ("labels.json", ["insult"], "the labels are not toxic"),
    ],
)
def test_a_broken_checkpoint_is_refused(tmp_path, file, change, problem):
    copy = shutil.copytree(trained_spans(), tmp_path / "copy")
    held = json.loads((copy / file).read_text())
    (copy / file).write_text(json.dumps(held | change if isinstance(held, dict) else change))
    with pytest.raises(InputError, match=problem):
        load_checkpoint(copy)


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TOXRES_DATA_DIR", str(span_data()))
    words = ["train", "spans", "--source", "toxic_spans", "--preset", "smoke", "--out", str(tmp_path / "run")]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert f"checkpoint: {tmp_path / 'run'}" in told and "validation: character F1" in told
    assert load_checkpoint(tmp_path / "run").run["preset"]["epochs"] == 1
    for more, problem in (
        (["--patience", "2"], "--patience: spans has no use for it"),
        (["--enforce", "toxic"], "--enforce: spans has no use for it"),
        (["--encoder", "tiny", "--init", "x"], "the encoder is that of --init"),
        (["--init", str(tmp_path / "none")], "no such checkpoint folder"),
    ):
        assert main([*words[:-1], str(tmp_path / "new"), *more]) == 2
        error = capsys.readouterr().err
        assert problem in error and error.count("\n") == 1
    assert main(["train", "tfidf", "--source", "synthetic", "--out", str(tmp_path / "x"), "--init", "y"]) == 2
    assert "tfidf starts from no other checkpoint" in capsys.readouterr().err
