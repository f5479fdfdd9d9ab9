"""Two CPU processes (gloo), started by torchrun and by accelerate: one run, one checkpoint."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import transformers
from helpers.training import comments_rows, source, tensors, write_comments

from toxres.checkpoint import load_checkpoint
from toxres.cli import main
from toxres.config import CUSTOM
from toxres.files import ROOT
from toxres.labels import LABELS
from toxres.models import ToxicityModel, toxicity
from toxres.training.trainer import OwnDropout

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


# Without dropout, which the processes draw for themselves, nothing is left that may differ.
WITHOUT_DROPOUT = """
import functools, sys
from toxres.cli import main
from toxres.models import toxicity

toxicity.ToxicityConfig = functools.partial(toxicity.ToxicityConfig, head_dropout=0.0)
sys.exit(main(sys.argv[1:]))
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


def unequal_source(folder: Path) -> str:
    """Comments of which two in three say nothing but `toxic`: processes know different numbers of labels in a step.

    The 29 for validation fill no last batch.
    """
    folder.mkdir()
    for seed, (split, count) in enumerate((("train", 130), ("validation", 29))):
        rows = comments_rows(count, seed=seed)
        for number, row in enumerate(rows):
            if number % 3:
                row |= dict.fromkeys(LABELS[1:], -1)
        write_comments(folder / f"{split}.csv", rows)
    return str(folder)


def test_two_processes_learn_what_one_does(tmp_path, monkeypatch):
    """The same comments in each step, the same loss over them, the same validation scores, the same weights."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    file, script = unequal_source(tmp_path / "mine"), tmp_path / "train.py"
    script.write_text(WITHOUT_DROPOUT)
    words = ["train", "custom", "--source", file, "--preset", "smoke", "--stream", "--precision", "fp32"]
    launch([*TORCHRUN, str(script), *words, "--batch-size", "8", "--out", "two"], tmp_path)
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)
    config = functools.partial(toxicity.ToxicityConfig, head_dropout=0.0)
    monkeypatch.setattr(toxicity, "ToxicityConfig", config)
    assert main([*words, "--batch-size", "16", "--out", str(tmp_path / "one")]) == 0
    assert sorted(os.listdir(tmp_path)) == ["cache", "mine", "one", "train.py", "two"]
    one, two = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("one", "two"))
    assert one["rows_sha256"] == two["rows_sha256"] and (one["rows_train"], two["rows_train"]) == (96, 96)
    assert one["rows_validation"] == two["rows_validation"] == 29
    assert (one["device"]["processes"], two["device"]["processes"]) == (1, 2)
    for name, count in (("loss", 6), ("grad_norm", 6), ("eval_loss", 1), ("eval_macro_ap", 1), ("eval_macro_f1", 1)):
        first, second = ([entry[name] for entry in run["history"] if name in entry] for run in (one, two))
        assert len(first) == count
        assert second == pytest.approx(first, abs=2e-2 if name == "eval_loss" else 1e-4), name
    for name, weights in tensors(tmp_path / "one").items():
        assert (weights - tensors(tmp_path / "two")[name]).abs().max() < 1e-4, name
    assert two["validation"]["macro"]["ap"] == pytest.approx(one["validation"]["macro"]["ap"], abs=1e-3)


def test_each_process_has_its_own_dropout():
    drawn = []
    for rank in (0, 1, 2):
        torch.manual_seed(5)
        OwnDropout().on_train_begin(SimpleNamespace(process_index=rank, seed=5), None, None)
        drawn.append(torch.rand(3).tolist())
    torch.manual_seed(5)
    assert drawn[0] == torch.rand(3).tolist(), "the first is that of a single process"
    assert len({tuple(row) for row in drawn}) == 3


@pytest.mark.stress
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
