"""Bundles: what stands in the folder, and every way in which one can be broken, said in one line."""

import functools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.training import TEXTS, folder, trained

from toxres.checkpoint import load_checkpoint
from toxres.errors import InputError
from toxres.serving import export_bundle, load_bundle
from toxres.serving.manifest import MANIFEST


@functools.cache
def exported() -> Path:
    """A bundle of both smoke models, made once a test process; do not write into it."""
    return export_bundle([trained("baseline"), trained("custom")], folder() / "bundle")


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


def test_holds_its_models_in_order():
    bundle = load_bundle(exported(), threads=1)
    assert list(bundle.models) == ["baseline", "custom"]
    assert bundle.triage is None
    for name, model in bundle.models.items():
        assert (model.name, model.recipe, model.run["key"]) == (name, name, load_checkpoint(trained(name)).run["key"])


@pytest.mark.parametrize("name", ["baseline", "custom"])
def test_models_say_what_their_checkpoints_say(name):
    model, checkpoint = load_bundle(exported(), threads=1).models[name], load_checkpoint(trained(name))
    np.testing.assert_allclose(model.predict_logits(TEXTS), checkpoint.predict_logits(TEXTS), atol=1e-5)


def test_a_changed_byte_is_seen(copy):
    for path in sorted(path for path in copy.rglob("*") if path.is_file()):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        line = complaint(copy)
        assert path.name in line and "export it again" in line
        path.write_bytes(content)
    assert load_bundle(copy)


def test_a_missing_file_is_seen(copy):
    (copy / "models" / "custom" / "thresholds.json").unlink()
    assert "models/custom/thresholds.json is missing" in complaint(copy)
    (copy / MANIFEST).unlink()
    assert "manifest.json is missing" in complaint(copy)
    assert "no such bundle folder" in complaint(copy / "nowhere")


def test_a_foreign_file_is_seen(copy):
    (copy / "models" / "notes.txt").write_text("mine")
    assert "models/notes.txt is not of the bundle; remove it" in complaint(copy)


def test_another_version_is_seen(copy):
    manifest = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps(manifest | {"format_version": 2}))
    assert "format version 2, and this toxres reads version 1; export it again" in complaint(copy)
    (copy / MANIFEST).write_text(json.dumps(manifest | {"format": "other"}))
    assert "'other'" in complaint(copy)
