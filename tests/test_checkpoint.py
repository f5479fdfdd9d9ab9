"""Checkpoints: everything needed is read from the folder, and a broken one says so in one line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from helpers.training import TEXTS, trained
from safetensors.torch import load_file, save_file

from toxres.checkpoint import CALIBRATION, CONFIG, LABELS_FILE, RUN, THRESHOLDS, load_checkpoint
from toxres.errors import InputError
from toxres.labels import LABELS


@pytest.fixture
def copy(tmp_path) -> Path:
    """A checkpoint that a test may break."""
    return shutil.copytree(trained("custom"), tmp_path / "custom")


def complaint(folder: Path, use: bool = False) -> str:
    """The one line that opening (and using) a checkpoint ends in."""
    with pytest.raises(InputError) as caught:
        checkpoint = load_checkpoint(folder)
        if use:
            checkpoint.predict_logits(["fine"])
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(str(folder))
    assert "train" in line
    return line


def change(path: Path, **fields) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_says_what_it_is():
    checkpoint = load_checkpoint(str(trained("custom")))
    assert (checkpoint.name, checkpoint.recipe, checkpoint.max_length) == ("custom", "custom", 32)
    assert checkpoint.path == trained("custom")
    assert checkpoint.run == json.loads((trained("custom") / RUN).read_text())
    assert not checkpoint.model.training
    assert load_checkpoint(trained("tfidf")).tokenizer is None


def test_opening_reads_no_weights(copy):
    (copy / "model.safetensors").unlink()
    assert load_checkpoint(copy).recipe == "custom"


def test_thresholds_are_in_the_order_of_the_labels(copy):
    values = {label: 0.1 * (index + 1) for index, label in enumerate(LABELS)}
    (copy / THRESHOLDS).write_text(json.dumps(dict(reversed(values.items()))))
    np.testing.assert_allclose(load_checkpoint(copy).thresholds, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])


def test_calibration_is_the_folders(copy):
    change(copy / CALIBRATION, slope=[1, 2, 3, 4, 5, 6], intercept=[0, 0, 0, 0, 0, -9])
    checkpoint = load_checkpoint(copy)
    logits = checkpoint.predict_logits(TEXTS)
    expected = 1 / (1 + np.exp(-(logits * np.arange(1.0, 7.0) + [0, 0, 0, 0, 0, -9])))
    np.testing.assert_allclose(checkpoint.predict_proba(TEXTS, calibrated=True), expected, atol=1e-7)
    np.testing.assert_allclose(checkpoint.predict_proba(TEXTS), 1 / (1 + np.exp(-logits.astype(float))), atol=1e-7)


def test_no_folder(tmp_path):
    assert "no such checkpoint folder" in complaint(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    assert "no such checkpoint folder" in complaint(tmp_path / "file")


@pytest.mark.parametrize("name", [RUN, LABELS_FILE, CALIBRATION, THRESHOLDS])
def test_file_missing_or_no_json(name, copy):
    content = (copy / name).read_text()
    (copy / name).write_text(content[: len(content) // 2])
    assert f"{name}: not valid JSON" in complaint(copy)
    (copy / name).write_bytes(b"\xff\xfe{}")
    assert f"{name}: not valid JSON" in complaint(copy)
    (copy / name).unlink()
    assert f"{name} is missing" in complaint(copy)


@pytest.mark.parametrize("labels", [[], list(LABELS[:5]), list(reversed(LABELS)), ["a"] * 6, {"labels": list(LABELS)}])
def test_other_labels(labels, copy):
    (copy / LABELS_FILE).write_text(json.dumps(labels))
    assert "the labels are not toxic, severe_toxic" in complaint(copy)


@pytest.mark.parametrize(
    "name, fields",
    [
        (RUN, {"recipe": "custom"}),
        (RUN, {"recipe": {"name": "custom"}}),
        (RUN, {"recipe": {"family": "transformer"}}),
        (RUN, {"recipe": {"name": 3, "family": "transformer"}}),
        (RUN, {"recipe": {"name": "custom", "family": "ulm"}}),
        (RUN, {"preset": {}}),
        (RUN, {"preset": {"max_length": "x"}}),
        (RUN, {"preset": {"max_length": 0}}),
        (RUN, {"preset": {"max_length": None}}),
        (THRESHOLDS, {"threat": None}),
        (THRESHOLDS, {"threat": "high"}),
        (THRESHOLDS, {"threat": 1.5}),
        (CALIBRATION, {"slope": [1, 1, 1, 1, 1]}),
        (CALIBRATION, {"slope": [1, 1, 1, 1, 1, -1]}),
        (CALIBRATION, {"labels": list(reversed(LABELS))}),
        (CALIBRATION, {"labels": ["toxic"], "slope": [1], "intercept": [0]}),
    ],
)
def test_field_missing_or_wrong(name, fields, copy):
    change(copy / name, **fields)
    assert "a field is missing or wrong" in complaint(copy)


@pytest.mark.parametrize("name", [RUN, THRESHOLDS, CALIBRATION])
@pytest.mark.parametrize("content", ["[]", "null", "3"])
def test_json_of_another_shape(name, content, copy):
    (copy / name).write_text(content)
    assert "a field is missing or wrong" in complaint(copy)


def test_threshold_of_a_label_missing(copy):
    values = json.loads((copy / THRESHOLDS).read_text())
    del values["insult"]
    (copy / THRESHOLDS).write_text(json.dumps(values))
    assert "insult" in complaint(copy)


def test_config_is_missing_or_of_other_labels(copy):
    config = json.loads((copy / CONFIG).read_text())
    for names in (config["id2label"] | {"6": "spam"}, {"0": "toxic"}, dict(enumerate(reversed(LABELS))), None):
        (copy / CONFIG).write_text(json.dumps(config | {"id2label": names}))
        assert "config.json: the labels (id2label) are not toxic, severe_toxic" in complaint(copy)
    for content in ("[]", '{"model_type": "bert"}'):
        (copy / CONFIG).write_text(content)
        assert "config.json: is not of a model" in complaint(copy)
    (copy / CONFIG).unlink()
    assert "config.json is missing" in complaint(copy)


@pytest.mark.parametrize("value, kind", [(float("nan"), "NaN"), (float("inf"), "infinite")])
def test_weights_that_are_no_numbers(value, kind, copy):
    weights = load_file(copy / "model.safetensors")
    weights["head.out.bias"][2] = value
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert f"the weights give {kind} logits" in complaint(copy, use=True)


def test_weights_of_tfidf_that_are_no_numbers(tmp_path):
    folder = shutil.copytree(trained("tfidf"), tmp_path / "tfidf")
    arrays = safetensors.numpy.load_file(folder / "tfidf.safetensors")
    (folder / "tfidf.safetensors").write_bytes(safetensors.numpy.save(arrays | {"intercept": np.full(6, np.nan)}))
    assert "the weights give NaN logits" in complaint(folder, use=True)


@pytest.mark.parametrize("recipe", ["custom", "tfidf"])
def test_texts_are_a_list_of_strings(recipe):
    checkpoint = load_checkpoint(trained(recipe))
    with pytest.raises(InputError, match=r"^texts: is a single text; give a list of texts, such as \[text\]$"):
        checkpoint.predict_proba("hello")
    for value, kind in ((None, "NoneType"), (float("nan"), "float"), (b"a", "bytes")):
        with pytest.raises(InputError, match=rf"^texts\[1\]: is a {kind}, not a string"):
            checkpoint.predict_proba(["fine", value])
    assert checkpoint.predict_proba([]).shape == checkpoint.predict_proba(()).shape == (0, 6)


@pytest.mark.parametrize("recipe", ["custom", "tfidf"])
def test_a_lone_surrogate_is_read_as_the_replacement_character(recipe):
    checkpoint = load_checkpoint(trained(recipe))
    logits = checkpoint.predict_logits(["You \ud83d crap", "You \ufffd crap"])
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-6)


@pytest.mark.parametrize("keep", [0.0, 0.001, 0.5, 0.999])
def test_truncated_weights(keep, copy):
    weights = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(weights[: int(keep * len(weights))])
    assert "the weights are broken" in complaint(copy, use=True)


def test_no_weights_and_no_pickled_ones(copy):
    weights = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    assert "the weights are broken" in complaint(copy, use=True)
    torch.save(weights, copy / "pytorch_model.bin")
    assert "the weights are broken" in complaint(copy, use=True)


def test_weights_of_another_model(copy):
    weights = load_file(copy / "model.safetensors")
    path = copy / "model.safetensors"
    save_file({name: value for name, value in weights.items() if name != "pooling.score.weight"}, path)
    assert "missing keys (pooling.score.weight)" in complaint(copy, use=True)
    save_file(weights | {"head.extra": torch.zeros(3)}, path)
    assert "unexpected keys (head.extra)" in complaint(copy, use=True)
    save_file(weights | {"head.out.weight": torch.zeros(5, 32)}, path)
    complaint(copy, use=True)


@pytest.mark.parametrize("content", [None, "", "{", '{"model": {}}'])
def test_broken_tokenizer(content, copy):
    (copy / "tokenizer.json").unlink()
    (copy / "tokenizer_config.json").unlink()
    if content is not None:
        (copy / "tokenizer.json").write_text(content)
    assert "the tokenizer is broken" in complaint(copy, use=True)


def test_broken_config(copy):
    (copy / "config.json").write_text("{")
    complaint(copy, use=True)
    (copy / "config.json").write_text('{"model_type": "toxicity"}')
    complaint(copy, use=True)


def test_broken_tfidf(tmp_path):
    folder = shutil.copytree(trained("tfidf"), tmp_path / "tfidf")
    (folder / "tfidf.safetensors").write_bytes(b"torn")
    assert "the tfidf model is broken" in complaint(folder, use=True)
