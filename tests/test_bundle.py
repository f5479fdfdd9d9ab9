"""Bundles: what stands in the folder, and every way in which one can be broken, said in one line."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.bundles import exported, opened
from helpers.training import TEXTS, trained

from toxres.checkpoint import load_checkpoint
from toxres.errors import InputError
from toxres.serving import load_bundle
from toxres.serving.bundle import is_bundle
from toxres.serving.manifest import MANIFEST, write_manifest
from toxres.serving.models import GRAPH


@pytest.fixture
def copy(tmp_path) -> Path:
    """A bundle that a test may break."""
    return shutil.copytree(exported(), tmp_path / "bundle")


def complaint(path: Path) -> str:
    """The one line that opening a bundle ends in."""
    with pytest.raises(InputError) as caught:
        load_bundle(path)
    line = str(caught.value)
    assert "\n" not in line
    return line


def rewritten(path: Path, **fields) -> Path:
    """The bundle under a manifest that fits its files and says something else."""
    manifest = json.loads((path / MANIFEST).read_text())
    kept = {key: manifest[key] for key in ("toxres", "created", "models")}
    write_manifest(path, kept | fields)
    return path


def test_holds_its_models_in_order():
    bundle = opened()
    assert list(bundle.models) == ["baseline", "custom"]
    assert (bundle.triage, bundle.triage_model) == (None, None)
    assert bundle.labels == bundle.task.labels == load_checkpoint(trained("custom")).labels
    for name, model in bundle.models.items():
        assert (model.name, model.recipe, model.run["key"]) == (name, name, load_checkpoint(trained(name)).run["key"])
    assert is_bundle(exported()) and not is_bundle(trained("custom"))


def test_versions_change_with_the_files(copy):
    before = opened()
    thresholds = copy / "models" / "custom" / "thresholds.json"
    values = json.loads(thresholds.read_text())
    thresholds.write_text(json.dumps(values | {"toxic": 0.25}))
    after = load_bundle(rewritten(copy), threads=1)
    assert len(before.version) == 12 and before.version != after.version
    assert after.models["custom"].version != before.models["custom"].version
    assert after.models["baseline"].version == before.models["baseline"].version
    assert after.models["custom"].thresholds[0] == 0.25


def test_says_where_it_came_from_and_nothing_of_the_machine():
    bundle = opened()
    for text in [bundle.card_text, *(path.read_text() for path in exported().rglob("*.json"))]:
        assert str(trained("custom").parent) not in text
    assert bundle.card["models"]["custom"]["run"] == bundle.models["custom"].run["key"]
    assert (bundle.choice["runtime"], bundle.choice["precision"]) == ("onnxruntime", "fp32")
    assert "history" not in bundle.models["custom"].run


def test_nothing_in_it_is_pickled():
    kinds = {path.suffix for path in exported().rglob("*") if path.is_file()}
    assert kinds == {".onnx", ".json", ".md"}


def test_any_changed_byte_is_seen(copy):
    for path in sorted(path for path in copy.rglob("*") if path.is_file()):
        content = path.read_bytes()
        for at in (0, len(content) // 2, len(content) - 1):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            line = complaint(copy)
            assert str(path) in line or path.name == MANIFEST
            assert "export it again" in line or "toxres export" in line
        path.write_bytes(content[:-1])
        assert path.name in complaint(copy)
        path.write_bytes(content)
    assert load_bundle(copy)


def test_a_missing_file_is_seen(copy):
    (copy / "models" / "custom" / "thresholds.json").unlink()
    assert "models/custom/thresholds.json is missing; copy the bundle again" in complaint(copy)
    (copy / MANIFEST).unlink()
    assert "manifest.json is missing" in complaint(copy)
    assert "no such bundle folder" in complaint(copy / "nowhere")
    assert "no such bundle folder" in complaint(copy / "README.md")


def test_a_foreign_file_is_seen(copy):
    (copy / "models" / "notes.txt").write_text("mine")
    assert "models/notes.txt is not of the bundle; remove it" in complaint(copy)
    (copy / "models" / "notes.txt").unlink()
    (copy / "more").symlink_to(copy / "models")
    assert "more is not of the bundle" in complaint(copy)


def test_another_version_is_seen(copy):
    manifest = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps(manifest | {"format_version": 2}))
    line = complaint(copy)
    assert "format version 2, and this toxres reads version 1; export it again with this toxres" in line
    (copy / MANIFEST).write_text(json.dumps(manifest | {"format": "other"}))
    assert "its format is 'other', not 'toxres-bundle'" in complaint(copy)


def test_a_manifest_that_is_none_is_seen(copy):
    for content in (b"", b"[]", b"{}", b"\xff\xfe", b'{"format": "toxres-bundle", "format_version": 1}'):
        (copy / MANIFEST).write_bytes(content)
        assert str(copy / MANIFEST) in complaint(copy)


def test_a_runtime_that_is_not_there_is_said(copy):
    manifest = json.loads((copy / MANIFEST).read_text())
    models = {name: entry | {"runtime": "abacus"} for name, entry in manifest["models"].items()}
    assert "runtime 'abacus': this toxres knows onnxruntime, openvino" in complaint(rewritten(copy, models=models))


def test_a_graph_that_cannot_be_read_is_said(copy):
    (copy / "models" / "custom" / "model.onnx").write_bytes(b"no graph")
    line = complaint(rewritten(copy))
    assert "model.onnx: onnxruntime can't read it" in line and "export the bundle again" in line


@pytest.mark.parametrize("runtime, precision", [("openvino", "fp32"), ("onnxruntime", "fp32")])
def test_either_runtime_says_the_same(runtime, precision, copy):
    manifest = json.loads((copy / MANIFEST).read_text())
    way = {"runtime": runtime, "precision": precision}
    models = {name: entry | way for name, entry in manifest["models"].items()}
    bundle = load_bundle(rewritten(copy, models=models), threads=1)
    for name, model in bundle.models.items():
        assert (model.runtime, model.precision) == (runtime, precision)
        expected = load_checkpoint(trained(name)).predict_logits(TEXTS)
        np.testing.assert_allclose(model.predict_logits(TEXTS), expected, atol=1e-5)


SIGNALLED = """
import gc, signal, sys
from toxres.serving.engines import open_engine

engines = [open_engine(path, "openvino", "fp32") for path in sys.argv[1:]]
while engines:
    engines.pop(0)
    gc.collect()
heard = []
signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
signal.raise_signal(signal.SIGTERM)
print(len(heard))
"""


def test_a_process_hears_signals_after_its_openvino_models_are_closed():
    graphs = [str(opened().models[name].path / GRAPH) for name in opened().models]
    assert len(graphs) > 1
    words = [sys.executable, "-X", "faulthandler", "-c", SIGNALLED, *graphs]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_a_model_can_be_loaded_alone():
    name, *others = opened().models
    assert list(load_bundle(exported(), only=name).models) == [name] and others
    with pytest.raises(InputError, match="holds no model 'nobody'; name one of"):
        load_bundle(exported(), only="nobody")
    with pytest.raises(InputError, match="streams is 0; give a whole number above 0"):
        load_bundle(exported(), streams=0)


def test_threads_are_a_whole_number_above_0():
    with pytest.raises(InputError, match="threads is 0; give a whole number above 0"):
        load_bundle(exported(), threads=0)
