"""Two CPU processes (gloo), started by torchrun and by accelerate: one run, one checkpoint."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers
from helpers.training import comments_rows, source, tensors, write_comments

from toxres.checkpoint import load_checkpoint
from toxres.config import CUSTOM
from toxres.files import ROOT
from toxres.models import ToxicityModel

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
ACCELERATE = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0"]

# Both processes read what the first stage left, which one of them wrote.
TWO_STAGES = """
import dataclasses, sys
from toxres.config import SMOKE
from toxres.training import train

preset = dataclasses.replace(SMOKE, epochs_auxiliary=1, epochs=2)
for _ in range(2):
    train("custom", sys.argv[1:3], preset, 0, sys.argv[3], progress=False)
"""


def launch(words: list[str], folder: Path) -> str:
    """Run a launcher to its end in a folder; returns what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "TOXRES_DATA_DIR"}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def check(path: Path, epochs: int) -> dict:
    """A whole checkpoint of two processes that trained; returns its record."""
    run = json.loads((path / "run.json").read_text())
    assert run["rows_train"] == 96 and run["preset"]["batch_size"] == 32
    assert [entry["step"] for entry in run["history"] if "loss" in entry] == list(range(1, 2 * epochs + 1)), (
        "two processes of 32 comments a step need two steps for 96 comments"
    )
    weights = tensors(path)
    assert all(torch.isfinite(value).all() for value in weights.values())
    transformers.set_seed(0)
    fresh = ToxicityModel.from_recipe(CUSTOM, "tiny", 0.0).model.state_dict()
    assert weights.keys() == fresh.keys()
    moved = weights["head.dense.weight"] - fresh["head.dense.weight"]
    assert 0 < moved.abs().max() < 0.1
    assert load_checkpoint(path).predict_proba(["crap"]).shape == (1, 6)
    return run


def test_torchrun(tmp_path):
    words = ["-m", "toxres", "train", "custom", "--source", source(), "--preset", "smoke", "--out", "out"]
    launch([*TORCHRUN, *words], tmp_path)
    assert os.listdir(tmp_path) == ["out"]
    check(tmp_path / "out", epochs=1)


def test_accelerate_in_two_stages(tmp_path):
    script = tmp_path / "two_stages.py"
    script.write_text(TWO_STAGES)
    rows = comments_rows(200, seed=3)
    for row in rows:
        row["comment_text"] += ", says the second source"
    other = write_comments(tmp_path / "other.csv", rows)
    launch([*ACCELERATE, str(script), source(), other, "out"], tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["other.csv", "out", "out.auxiliary", "two_stages.py"]
    run = check(tmp_path / "out", epochs=2)
    first = json.loads((tmp_path / "out.auxiliary" / "run.json").read_text())
    assert run["initial"]["key"] == first["key"]
    assert [entry["name"] for entry in first["sources"]] == [other]


@pytest.mark.stress
@pytest.mark.parametrize("launcher", [ACCELERATE, [*ACCELERATE[:2], "--cpu", "--num_processes", "1"]])
def test_accelerate_runs_the_command_line(launcher, tmp_path):
    words = ["-m", "toxres", "train", "tfidf", "--source", source(), "--preset", "smoke", "--out", "out"]
    launch([*launcher, *words], tmp_path)
    assert os.listdir(tmp_path) == ["out"]
    assert load_checkpoint(tmp_path / "out").recipe == "tfidf"
