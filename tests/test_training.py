"""Training at smoke size: what a run leaves, what it learns, and what it refuses."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
import torch
import transformers
from helpers.training import (
    QUICKER,
    comments_rows,
    folder,
    preset_of,
    same_weights,
    save_encoder,
    source,
    tensors,
    trained,
    write_comments,
)
from sklearn.metrics import average_precision_score, f1_score

import toxres
from toxres.checkpoint import load_checkpoint
from toxres.config import BASELINE, CUSTOM, PAPER, RECIPES, SMOKE
from toxres.data.batching import CommentDataset
from toxres.errors import InputError
from toxres.files import sha256
from toxres.labels import LABELS
from toxres.models import ToxicityModel, build_loss
from toxres.results import current_commit
from toxres.tasks import task_of
from toxres.training import fitting, train
from toxres.training import run as module
from toxres.training.trainer import ToxicityTrainer, build_optimizer, build_trainer, validation_scores

NAN = float("nan")
COMMON = ["calibration.json", "labels.json", "run.json", "thresholds.json"]
FILES = {
    "transformer": ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"],
    "tfidf": ["tfidf.json", "tfidf.safetensors"],
    "stack": ["encoder", "members.safetensors", "stack.json", "stack.safetensors"],
}
"""What the model of each family is saved as."""


@pytest.fixture(autouse=True)
def no_real_data(monkeypatch):
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)


def fit(out, recipe="custom", sources=None, preset=QUICKER, seed=0, **options):
    return train(recipe, sources or [source()], preset, seed, out, progress=False, **options)


def run_of(checkpoint) -> dict:
    return json.loads((checkpoint / "run.json").read_text())


@pytest.fixture
def trainers(monkeypatch):
    """The trainers a test makes; each keeps a copy of the weights after every epoch in `by_epoch`."""
    made = []

    class Keep(transformers.TrainerCallback):
        def __init__(self, trainer):
            self.trainer = trainer

        def on_epoch_end(self, args, state, control, **kwargs):
            weights = self.trainer.model.state_dict()
            self.trainer.by_epoch.append({name: value.clone() for name, value in weights.items()})

    def build(*args, **kwargs):
        trainer = original(*args, **kwargs)
        trainer.by_epoch = []
        trainer.add_callback(Keep(trainer))
        made.append(trainer)
        return trainer

    original = fitting.build_trainer
    monkeypatch.setattr(fitting, "build_trainer", build)
    return made


def is_epoch(checkpoint, trainer, epoch: int) -> bool:
    weights = tensors(checkpoint)
    return all(torch.equal(weights[name], trainer.by_epoch[epoch][name]) for name in weights)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_leaves_a_whole_checkpoint(recipe):
    path = trained(recipe)
    labels = task_of(RECIPES[recipe]).labels
    files = [*COMMON, *FILES[RECIPES[recipe].family]]
    assert sorted(file.name for file in path.iterdir()) == sorted(files)
    assert not path.with_name(path.name + ".partial").exists()
    assert not [file for file in path.parent.iterdir() if file.name.startswith(".")]
    assert json.loads((path / "labels.json").read_text()) == list(labels)
    checkpoint = load_checkpoint(path)
    probs = checkpoint.predict_proba(["this is crap", "all is fine"])
    assert probs.shape == (2, len(labels)) and np.isfinite(probs).all()
    run = checkpoint.run
    assert run["recipe"] == json.loads(json.dumps(RECIPES[recipe].to_dict()))
    assert run["preset"] == preset_of(recipe).to_dict()
    assert set(run["validation"]["per_label"]) == set(labels)


def test_run_record():
    run = run_of(trained("custom"))
    assert run["sources"] == [{"name": source(), "origin": source(), "sha256": sha256(source()), "rows": 96}]
    assert (run["rows_train"], run["rows_validation"]) == (96, 32)
    assert (run["seed"], run["test_fold"], run["validation_fold"], run["initial"]) == (0, 0, 1, None)
    assert run["commit"] == current_commit()
    assert run["versions"]["torch"] == torch.__version__
    assert run["versions"]["toxres"] == toxres.__version__
    assert run["date"].endswith("+00:00") and run["seconds"] > 0
    assert 0 <= run["validation"]["macro"]["ap"] <= 1
    assert [entry["step"] for entry in run["history"] if "loss" in entry] == [1, 2, 3]
    assert [entry["epoch"] for entry in run["history"] if "eval_macro_ap" in entry] == [1]
    assert len(run["rows_sha256"]) == 64


def test_validation_record_is_of_the_checkpoint():
    path = trained("custom")
    checkpoint = load_checkpoint(path)
    from toxres.data import targets
    from toxres.evaluation.metrics import evaluate_probs
    from toxres.evaluation.thresholds import tune_thresholds
    from toxres.training.rows import select_rows

    rows = select_rows([source()], SMOKE)
    probs = checkpoint.predict_proba(rows.validation["text"].tolist())
    found = evaluate_probs(targets(rows.validation), probs, checkpoint.thresholds)
    assert found.macro["ap"] == pytest.approx(run_of(path)["validation"]["macro"]["ap"], abs=1e-6)
    np.testing.assert_allclose(checkpoint.thresholds, tune_thresholds(targets(rows.validation), probs), atol=1e-6)


def test_synthetic_corpus(tmp_path):
    path = fit(tmp_path / "out", sources="synthetic", preset="smoke")
    run = run_of(path)
    assert [entry["name"] for entry in run["sources"]] == ["synthetic"]
    assert run["preset"]["name"] == "smoke"
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_learns_an_obvious_word(tmp_path):
    preset = dataclasses.replace(QUICKER, epochs=8, learning_rate=5e-3, freeze_embeddings=False)
    path = fit(tmp_path / "out", preset=preset)
    losses = [entry["loss"] for entry in run_of(path)["history"] if "loss" in entry]
    assert np.mean(losses[-3:]) < 0.5 * np.mean(losses[:3])
    checkpoint = load_checkpoint(path)
    texts = [row["comment_text"] for row in comments_rows(60, seed=9)]
    toxic = checkpoint.predict_proba(texts)[:, LABELS.index("toxic")] > 0.5
    assert (toxic == (np.arange(60) % 2 == 1)).mean() > 0.9
    assert run_of(path)["validation"]["per_label"]["insult"]["auroc"] > 0.9


def test_same_seed_same_weights(tmp_path):
    again = fit(tmp_path / "again", preset="smoke")
    assert same_weights(again, trained("custom"))
    assert not same_weights(fit(tmp_path / "other", preset="smoke", seed=1), again)


def test_order_and_dropout_come_from_the_seed(tmp_path):
    """From the same weights, a seed still makes a difference: the order of the comments and dropout."""
    preset, init = dataclasses.replace(SMOKE, max_rows=None), trained("custom")
    first, other = (fit(tmp_path / str(seed), preset=preset, seed=seed, init=init) for seed in (1, 2))
    assert run_of(first)["rows_sha256"] == run_of(other)["rows_sha256"]
    assert not same_weights(first, other)


def test_the_start_comes_from_the_seed(tmp_path):
    preset = dataclasses.replace(SMOKE, max_rows=None, learning_rate=0.0)
    first, other = (tensors(fit(tmp_path / str(seed), preset=preset, seed=seed)) for seed in (1, 2))
    assert not torch.equal(first["head.dense.weight"], other["head.dense.weight"])


def test_the_tokenizer_is_no_attribute_of_the_model(tmp_path, monkeypatch):
    found, original = [], module.fit
    monkeypatch.setattr(module, "fit", lambda *args: found.append(original(*args)) or found[-1])
    path = fit(tmp_path / "out", preset="smoke")
    (fitted,) = found
    assert fitted._fields == ("model", "tokenizer", "history", "logits")
    assert not [name for name, value in vars(fitted.model).items() if value is fitted.tokenizer]
    assert fitted.history == run_of(path)["history"] and fitted.logits.shape == (32, 6)


def test_one_process_at_a_time_trains_in_the_work_folder(tmp_path, monkeypatch):
    def meanwhile(*args):
        for options in ({}, {"resume": True}, {"replace": True, "seed": 1}):
            with pytest.raises(InputError, match=r"out\.partial: is being trained by another process; wait") as caught:
                fit(tmp_path / "out", preset="smoke", **options)
            assert "\n" not in str(caught.value)
        return original(*args)

    original = module.fit
    monkeypatch.setattr(module, "fit", meanwhile)
    assert fit(tmp_path / "out", preset="smoke") == tmp_path / "out"
    assert os.listdir(tmp_path) == ["out"]


def test_second_call_returns_at_once(tmp_path, monkeypatch):
    path = fit(tmp_path / "out", preset="smoke")
    before = {file.name: (file.stat().st_mtime_ns, file.stat().st_ino) for file in path.iterdir()}
    monkeypatch.setattr(module, "fit", lambda *args: pytest.fail("trained again"))
    assert fit(tmp_path / "out", preset="smoke") == fit(tmp_path / "out", preset="smoke", resume=True) == path
    assert {file.name: (file.stat().st_mtime_ns, file.stat().st_ino) for file in path.iterdir()} == before
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"recipe": "baseline"}, {"preset": QUICKER}, {"test_fold": 2}, {"held_out": ("synthetic",)}],
)
def test_other_settings_at_the_same_place_are_refused(change, monkeypatch):
    monkeypatch.setattr(module, "fit", lambda *args: pytest.fail("trained"))
    out = trained("custom")
    if "held_out" in change:
        other = write_comments(folder() / "some.csv", [*comments_rows(20)])
        change = {"held_out": (other,)}
    with pytest.raises(InputError, match="exists and is no finished run of these settings") as caught:
        fit(out, **{"preset": "smoke"} | change)
    assert "\n" not in str(caught.value)
    assert load_checkpoint(out).recipe == "custom"
    assert not out.with_name(out.name + ".partial").exists()


def test_other_labels_of_the_same_texts_are_another_run(tmp_path):
    table = comments_rows(60)
    name = write_comments(tmp_path / "mine.csv", table)
    fit(tmp_path / "out", "tfidf", [name])
    for row in table:
        row["toxic"] = 1 - row["toxic"]
    write_comments(tmp_path / "mine.csv", table)
    with pytest.raises(InputError, match="no finished run of these settings"):
        fit(tmp_path / "out", "tfidf", [name])
    assert fit(tmp_path / "out", "tfidf", [name], replace=True) == tmp_path / "out"
    assert run_of(tmp_path / "out")["sources"][0]["sha256"] == sha256(name)


@pytest.mark.parametrize("kind", ["file", "folder", "link", "torn record"])
def test_something_else_in_the_way(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "select_rows", lambda *args: pytest.fail("read the comments first"))
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("mine")
    elif kind == "link":
        out.symlink_to(tmp_path / "nowhere")
    else:
        out.mkdir()
        (out / ("run.json" if kind == "torn record" else "notes.txt")).write_text("{")
    with pytest.raises(InputError, match="exists and is no finished run"):
        fit(out)
    assert out.is_symlink() or out.exists()
    assert len(os.listdir(tmp_path)) == 1


def test_a_taken_place_is_refused_before_the_first_stage(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "fit", lambda *args: pytest.fail("trained"))
    preset = dataclasses.replace(QUICKER, epochs_auxiliary=1)
    with pytest.raises(InputError, match="no finished run of these settings"):
        fit(trained("custom"), sources=[source(), "synthetic"], preset=preset)


@pytest.mark.parametrize(
    "arguments, line",
    [
        (("nope", "synthetic", "smoke"), "unknown recipe 'nope'; choose one of: baseline, custom"),
        (("custom", "synthetic", "huge"), "unknown preset 'huge'; choose one of: smoke"),
        (("custom", "nowhere", "smoke"), "unknown source 'nowhere'"),
        (("custom", ["synthetic", "synthetic"], "smoke"), "each only once"),
        (("custom", "missing.csv", "smoke"), "missing.csv"),
    ],
)
def test_unknown_names_are_one_line_and_leave_nothing(arguments, line, tmp_path):
    with pytest.raises(InputError) as caught:
        train(*arguments, out=tmp_path / "out")
    assert line in str(caught.value) and "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_unknown_encoder_leaves_nothing(tmp_path):
    preset = dataclasses.replace(SMOKE, encoder=str(tmp_path / "no-encoder"))
    for _ in range(2):
        with pytest.raises(InputError, match="no-encoder"):
            fit(tmp_path / "out", preset=preset)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("error", [RuntimeError("no memory"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing(error, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(ToxicityTrainer, "compute_loss", fail)
    with pytest.raises(type(error)):
        fit(tmp_path / "out", preset="smoke")
    assert os.listdir(tmp_path) == []


def test_a_failure_after_a_saved_state_keeps_it(tmp_path, monkeypatch):
    original, calls = ToxicityTrainer.compute_loss, []

    def fail(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 6:
            raise RuntimeError("no memory")
        return original(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(ToxicityTrainer, "compute_loss", fail)
        with pytest.raises(RuntimeError, match="no memory"):
            fit(tmp_path / "out", save_steps=4, validation_fold=None)
    assert os.listdir(tmp_path) == ["out.partial"]
    with pytest.raises(InputError, match="an interrupted run; add --resume"):
        fit(tmp_path / "out", save_steps=4, validation_fold=None)
    with pytest.raises(InputError, match="an interrupted run of other settings"):
        fit(tmp_path / "out", seed=5, resume=True, save_steps=4, validation_fold=None)
    assert os.listdir(tmp_path) == ["out.partial"]


def test_a_failure_while_writing_leaves_no_checkpoint(tmp_path, monkeypatch):
    write = fitting.write_json

    def fail(path, value):
        if path.name == "thresholds.json":
            raise OSError("disk full")
        write(path, value)

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "write_json", fail)
        with pytest.raises(OSError, match="disk full"):
            fit(tmp_path / "out", preset="smoke")
    assert os.listdir(tmp_path) == ["out.partial"]
    assert same_weights(fit(tmp_path / "out", preset="smoke", resume=True), trained("custom"))


def parts(weights: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    return torch.cat([weights[key].flatten() for key in sorted(weights) if name in key])


@pytest.mark.parametrize("embeddings, layers", [(True, 0), (True, 1), (False, 0), (False, 2)])
def test_frozen_parts_stay(embeddings, layers, tmp_path):
    preset = dataclasses.replace(SMOKE, freeze_embeddings=embeddings, freeze_layers=layers)
    after = tensors(trained("custom") if preset == SMOKE else fit(tmp_path / "out", preset=preset))
    transformers.set_seed(0)
    before = ToxicityModel.from_recipe(CUSTOM, "tiny", 0.0).model.state_dict()
    kept = {
        "word_embeddings": embeddings or layers > 0,
        "position_embeddings": layers > 0,
        "layer.0.": layers > 0,
        "layer.1.": layers > 1,
        "pooling.score": False,
        "head.dense": False,
        "head.out": False,
    }
    assert {name: torch.equal(parts(before, name), parts(after, name)) for name in kept} == kept


def test_more_frozen_layers_than_there_are(tmp_path):
    with pytest.raises(InputError, match="freeze_layers is 3, but the encoder has 2 layers"):
        fit(tmp_path / "out", preset=dataclasses.replace(SMOKE, freeze_layers=3))
    assert os.listdir(tmp_path) == []


def test_the_loss_is_the_recipes(tmp_path, trainers):
    for recipe in ("custom", dataclasses.replace(BASELINE, name="weighted", loss="weighted_bce")):
        path = fit(tmp_path / str(len(trainers)), recipe, preset="smoke")
    logits = torch.randn(4, 6)
    targets = torch.tensor([[1.0, 0, NAN, 1, 0, 0]] * 4)
    known = ~torch.isnan(targets)
    bce = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    focal = bce * (targets - torch.sigmoid(logits)).abs() ** 2
    # In training, of 96: 48 rows with the word, 10 threats, no severe_toxic, which gets the cap.
    weight = trainers[1].loss_function(torch.zeros(1, 6), torch.eye(6)[1:2]) * 6 / np.log(2) - 5
    found = [trainer.loss_function(logits, targets) for trainer in trainers]
    torch.testing.assert_close(found[0], focal[known].mean())
    assert weight.item() == pytest.approx(30, rel=1e-4)
    assert run_of(path)["recipe"]["loss"] == "weighted_bce"
    assert found[1] > 1.2 * bce[known].mean()
    assert not same_weights(trained("cls_bce"), trained("cls_focal"))


def soft_rows(count: int) -> list[dict]:
    """Comments of another source: rater fractions for two labels, the others unknown."""
    rows = comments_rows(count, seed=4)
    for number, row in enumerate(rows):
        row |= {"toxic": 0.25 + 0.5 * (number % 2), "obscene": "", "threat": -1, "insult": "", "severe_toxic": -1}
        row["comment_text"] += " , says the second source"
    return rows


def test_soft_and_unknown_labels_of_a_further_source(tmp_path):
    other = write_comments(tmp_path / "soft.csv", soft_rows(50))
    path = fit(tmp_path / "out", sources=[source(), other])
    assert [entry["rows"] for entry in run_of(path)["sources"]] == [96, 40]
    assert all(torch.isfinite(value).all() for value in tensors(path).values())
    assert all(np.isfinite(entry["loss"]) for entry in run_of(path)["history"] if "loss" in entry)
    floor = fit(tmp_path / "tfidf", "tfidf", sources=[source(), other])
    assert np.isfinite(load_checkpoint(floor).predict_logits(["crap"])).all()


def test_only_a_source_with_unknown_labels(tmp_path):
    """Labels without a known target keep their start; nothing turns into NaN."""
    only = write_comments(tmp_path / "soft.csv", soft_rows(50))
    weighted = dataclasses.replace(BASELINE, name="weighted", loss="weighted_bce")
    path = fit(tmp_path / "out", weighted, sources=[only])
    after = tensors(path)
    assert all(torch.isfinite(value).all() for value in after.values())
    assert after["head.out.bias"][LABELS.index("threat")] == 0
    assert load_checkpoint(path).thresholds[LABELS.index("threat")] == 0.5


def test_two_stages(tmp_path, monkeypatch):
    table = soft_rows(50)
    for row, same in zip(table[:12], comments_rows()[:12], strict=True):
        row["comment_text"] = same["comment_text"].upper()
    other = write_comments(tmp_path / "soft.csv", table)
    preset = dataclasses.replace(QUICKER, epochs_auxiliary=3, max_rows_auxiliary=None)
    path = fit(tmp_path / "out", sources=[source(), other], preset=preset)
    first, then = run_of(tmp_path / "out.auxiliary"), run_of(path)
    assert [entry["name"] for entry in first["sources"]] == [other]
    assert [entry["name"] for entry in then["sources"]] == [source()]
    assert (first["preset"]["epochs"], then["preset"]["epochs"]) == (3, 2)
    assert 28 <= first["rows_train"] <= 38, "neither its test fold, nor what stands in the first source"
    assert then["rows_train"] == 96
    assert first["rows_validation"] == 0 and then["rows_validation"] == 32
    assert then["initial"] == {"key": first["key"], "recipe": first["recipe"], "sources": first["sources"]}
    assert fit(tmp_path / "out", sources=[source(), other], preset=preset) == path
    shutil.rmtree(tmp_path / "out.auxiliary")
    monkeypatch.setattr(module, "fit", lambda *args: pytest.fail("trained again"))
    assert fit(tmp_path / "out", sources=[source(), other], preset=preset) == path, "its first stage is not needed"
    assert not (tmp_path / "out.auxiliary").exists()


def test_starts_from_another_checkpoint(tmp_path):
    still = dataclasses.replace(SMOKE, learning_rate=0.0)
    path = fit(tmp_path / "out", preset=still, seed=3, init=trained("custom"))
    assert same_weights(path, trained("custom"))
    assert run_of(path)["initial"]["key"] == run_of(trained("custom"))["key"]


@pytest.mark.parametrize("init", ["baseline", "cls_bce", "tfidf"])
def test_start_from_another_kind_of_model_is_refused(init, tmp_path):
    with pytest.raises(InputError, match="start from another") as caught:
        fit(tmp_path / "out", preset="smoke", init=trained(init))
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no such checkpoint"):
        fit(tmp_path / "out", preset="smoke", init=tmp_path / "nowhere")
    assert os.listdir(tmp_path) == []


def scores_in_turn(monkeypatch, values: list[float]) -> None:
    left = iter(values)
    monkeypatch.setattr(
        "toxres.training.trainer.validation_scores", lambda prediction: {"macro_ap": next(left), "macro_f1": 0.5}
    )


@pytest.mark.parametrize("values", [[0.9, 0.2, 0.3], [0.2, 0.9, 0.3]])
def test_the_best_epoch_is_kept(values, tmp_path, monkeypatch, trainers):
    scores_in_turn(monkeypatch, values)
    path = fit(tmp_path / "out", preset=dataclasses.replace(QUICKER, epochs=3))
    assert [is_epoch(path, trainers[0], epoch) for epoch in range(3)] == [value == max(values) for value in values]


def test_without_validation_the_last_weights_are_kept(tmp_path, monkeypatch, trainers):
    path = fit(tmp_path / "out", validation_fold=None)
    assert is_epoch(path, trainers[0], 1) and not is_epoch(path, trainers[0], 0)
    checkpoint = load_checkpoint(path)
    assert checkpoint.thresholds.tolist() == [0.5] * 6
    assert np.array_equal(checkpoint.calibration.slope, np.ones(6))
    assert "validation" not in run_of(path) and run_of(path)["rows_validation"] == 0
    scores_in_turn(monkeypatch, [0.9, 0.1])
    path = fit(tmp_path / "by-steps", save_steps=5)
    assert is_epoch(path, trainers[1], 1), "states by steps: the last weights, whatever the scores"


def test_early_stopping(tmp_path, monkeypatch, trainers):
    scores_in_turn(monkeypatch, [0.3, 0.9, 0.5, 0.4, 0.99])
    path = fit(tmp_path / "out", preset=dataclasses.replace(QUICKER, epochs=5, patience=2))
    assert len(trainers[0].by_epoch) == 4
    assert is_epoch(path, trainers[0], 1)


def test_which_score_chooses(tmp_path):
    model, tokenizer = ToxicityModel.from_recipe(CUSTOM, "tiny")
    data = CommentDataset(["one"], tokenizer, 8, np.zeros((1, 6)))
    for recipe, preset, chosen in (
        (CUSTOM, SMOKE, "eval_macro_ap"),
        (dataclasses.replace(CUSTOM, select="macro_f1"), SMOKE, "eval_macro_f1"),
        (CUSTOM, dataclasses.replace(SMOKE, select="macro_f1"), "eval_macro_f1"),
    ):
        trainer = build_trainer(model, recipe, preset, data, data, build_loss(recipe), 0, tmp_path / "t", seed=0)
        assert trainer.args.metric_for_best_model == chosen and trainer.args.greater_is_better


def test_paper_preset_to_the_letter(tmp_path, trainers):
    encoder = save_encoder("roberta", tmp_path / "roberta")
    table = comments_rows(200)
    table[0]["comment_text"] = "the old table " * 100
    name = write_comments(tmp_path / "mine.csv", table)
    preset = dataclasses.replace(PAPER, max_steps=2, encoder=encoder)
    path = fit(tmp_path / "out", sources=[name], preset=preset)
    (trainer,) = trainers
    arguments = trainer.args
    assert (arguments.per_device_train_batch_size, arguments.num_train_epochs) == (16, 3)
    assert (arguments.learning_rate, arguments.weight_decay, arguments.warmup_steps) == (2e-5, 0.01, 0)
    assert arguments.metric_for_best_model == "eval_macro_f1" and arguments.load_best_model_at_end
    assert arguments.fp16 == torch.cuda.is_available() and not (arguments.fp16 and arguments.bf16)
    assert arguments.train_sampling_strategy == "random"
    assert {group["initial_lr"] for group in trainer.optimizer.param_groups} == {2e-5}
    assert {group["weight_decay"] for group in trainer.optimizer.param_groups} == {0.01, 0.0}
    assert (len(trainer.train_dataset), len(trainer.eval_dataset)) == (180, 20)
    assert max(trainer.train_dataset.lengths + trainer.eval_dataset.lengths) == 128
    assert trainer.state.global_step == 2
    assert all(parameter.requires_grad for parameter in trainer.model.parameters())
    assert trainer.model.config.encoder.hidden_dropout_prob == 0.1
    run = run_of(path)
    assert (run["test_fold"], run["validation_fold"], run["preset"]["split"]) == (None, None, "90/10")
    assert 0 < tensors(path)["head.out.bias"].abs().max() < 1e-3, "no prior, and hardly moved in two steps"
    assert type(load_checkpoint(path).model.encoder).__name__ == "RobertaModel"
    assert np.isfinite(load_checkpoint(path).predict_proba(["the old bridge"])).all()


def test_weights_are_as_readable_as_the_other_files():
    path = trained("custom")
    assert len({(path / name).stat().st_mode for name in ("model.safetensors", "config.json", "run.json")}) == 1


def test_optimiser_groups():
    model = ToxicityModel.from_recipe(CUSTOM, "tiny").model
    model.encoder.embeddings.requires_grad_(False)
    preset = dataclasses.replace(SMOKE, learning_rate=1e-4, head_learning_rate=1e-3, weight_decay=0.3)
    groups = build_optimizer(model, CUSTOM, preset).param_groups
    settings = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            assert id(parameter) not in settings
            continue
        rate = 1e-4 if name.startswith("encoder.") else 1e-3
        assert settings[id(parameter)] == (rate, 0.3 if parameter.ndim > 1 else 0.0), name
    one_rate = build_optimizer(model, CUSTOM, dataclasses.replace(preset, head_learning_rate=None)).param_groups
    assert {group["lr"] for group in one_rate} == {1e-4}


def test_validation_scores_are_scikit_learns():
    random = np.random.default_rng(0)
    logits = random.normal(size=(40, 6))
    targets = (random.random((40, 6)) < 0.3).astype(float)
    targets[::4, 0] = NAN
    targets[:, 1] = np.where(targets[:, 1] == 1, 0.5, 0.49)
    targets[:, 4], targets[:, 5] = 0, NAN
    aps, f1s = [], []
    for label in range(4):
        known = ~np.isnan(targets[:, label])
        hard = targets[known, label] >= 0.5
        aps.append(average_precision_score(hard, logits[known, label]))
        f1s.append(f1_score(hard, 1 / (1 + np.exp(-logits[known, label])) >= 0.5))
    found = validation_scores(transformers.EvalPrediction(predictions=logits, label_ids=targets))
    assert found == {"macro_ap": pytest.approx(np.mean(aps)), "macro_f1": pytest.approx(np.mean(f1s))}
    nothing = validation_scores(transformers.EvalPrediction(predictions=logits, label_ids=np.zeros((40, 6))))
    assert nothing == {"macro_ap": 0.0, "macro_f1": 0.0}


def test_start_is_the_prior_when_the_preset_says_so(tmp_path):
    still = dataclasses.replace(SMOKE, learning_rate=0.0)
    bias = tensors(fit(tmp_path / "prior", preset=still))["head.out.bias"]
    share = torch.sigmoid(bias)
    assert share[LABELS.index("toxic")].item() == pytest.approx(0.5, abs=0.08)
    assert share[LABELS.index("severe_toxic")].item() == pytest.approx(0.001, abs=1e-4)
