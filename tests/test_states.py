"""Resuming: a run that was killed ends with the weights of an unbroken one."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from helpers.training import QUICKER, folder, same_weights, source, tensors

from toxres.cli import main
from toxres.config import PRESETS
from toxres.errors import InputError
from toxres.files import ROOT
from toxres.training import train
from toxres.training.states import latest_state

THREE = dataclasses.replace(QUICKER, epochs=3)
OPTIONS = {"by_steps": {"save_steps": 4}, "by_epochs": {}}

# Each run is a fork of one process that has imported everything, and kills itself at the point that is tested.
KILLED = """
import json, os, signal, sys
from toxres.config import PRESETS, Preset
from toxres.training import train
from toxres.training import fitting as module
from toxres.training.trainer import ToxicityTrainer
from transformers.trainer_callback import TrainerState

def kill_at(call, target, name):
    original, calls = getattr(target, name), []
    def counted(*args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)
    setattr(target, name, counted)

points = {
    "before any state": lambda: kill_at(2, ToxicityTrainer, "training_step"),
    "in the middle of an epoch": lambda: kill_at(11, ToxicityTrainer, "training_step"),
    "while saving a state": lambda: kill_at(2, TrainerState, "save_to_json"),
    "between epochs": lambda: kill_at(25, ToxicityTrainer, "training_step"),
    "while evaluating": lambda: kill_at(2, ToxicityTrainer, "evaluate"),
    "while writing the checkpoint": lambda: kill_at(4, module, "write_json"),
}
for run in json.loads(sys.argv[1]):
    if os.fork() == 0:
        points[run["point"]]()
        preset = Preset(**run["preset"])
        train("custom", run["source"], preset, 0, run["out"], progress=False, **run["options"])
        os._exit(0)
    _, status = os.wait()
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (run["point"], status)
"""

POINTS = {
    "before any state": "by_steps",
    "in the middle of an epoch": "by_steps",
    "while saving a state": "by_steps",
    "between epochs": "by_epochs",
    "while evaluating": "by_epochs",
    "while writing the checkpoint": "by_epochs",
}


@pytest.fixture(autouse=True)
def no_real_data(monkeypatch):
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """A folder with one killed run for each of `POINTS`, and one of the command line's smoke preset."""
    place = tmp_path_factory.mktemp("killed")
    runs = [
        {"point": point, "preset": dataclasses.asdict(THREE), "options": OPTIONS[kind], "out": str(place / point)}
        for point, kind in POINTS.items()
    ]
    smoke = dataclasses.asdict(PRESETS["smoke"])
    runs.append({"point": "before any state", "preset": smoke, "options": {}, "out": str(place / "smoke")})
    runs = [run | {"source": source()} for run in runs]
    environment = {name: value for name, value in os.environ.items() if name != "TOXRES_DATA_DIR"}
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), json.dumps(runs)],
        env=environment | threads, cwd=ROOT, check=True, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    return place


@pytest.fixture(scope="module")
def unbroken() -> dict[str, Path]:
    """The same runs, unbroken."""
    data = os.environ.pop("TOXRES_DATA_DIR", None)
    try:
        return {
            kind: train("custom", source(), THREE, 0, folder() / "unbroken" / kind, progress=False, **options)
            for kind, options in OPTIONS.items()
        }
    finally:
        if data is not None:
            os.environ["TOXRES_DATA_DIR"] = data


def steps(partial: Path) -> list[int]:
    return sorted(int(path.name.split("-")[1]) for path in (partial / "trainer").glob("checkpoint-*"))


@pytest.mark.stress
@pytest.mark.parametrize("point", POINTS)
def test_killed_and_resumed_is_as_unbroken(point, killed, unbroken):
    out, kind = killed / point, POINTS[point]
    partial = killed / f"{point}.partial"
    states = {
        "before any state": [],
        "in the middle of an epoch": [4, 8],
        "while saving a state": [4, 8],
        "between epochs": [12, 24],
        "while evaluating": [12],
        "while writing the checkpoint": [24, 36],
    }
    assert not out.exists() and set(steps(partial)) >= set(states[point])
    if point == "while saving a state":
        assert latest_state(partial / "trainer").name == "checkpoint-4"
    path = train("custom", source(), THREE, 0, out, resume=True, progress=False, **OPTIONS[kind])
    assert path == out and not partial.exists()
    assert same_weights(path, unbroken[kind])
    record, expected = (json.loads((place / "run.json").read_text()) for place in (path, unbroken[kind]))
    assert record["key"] == expected["key"]
    assert record["validation"] == expected["validation"]
    assert [entry["step"] for entry in record["history"]] == [entry["step"] for entry in expected["history"]]


@pytest.mark.stress
def test_the_two_ways_of_saving_are_told_apart(unbroken):
    """A guard for the tests above: the runs have moved far from their start, and by 36 steps."""
    for path in unbroken.values():
        history = json.loads((path / "run.json").read_text())["history"]
        assert max(entry["step"] for entry in history) == 36
        assert tensors(path)["pooling.score.weight"].abs().max() > 1e-3


@pytest.mark.stress
def test_the_command_line_resumes(killed, unbroken, capsys, tmp_path):
    words = ["train", "custom", "--source", source(), "--preset", "smoke", "--out"]
    assert (killed / "smoke.partial" / "run.json").exists() and not (killed / "smoke").exists()
    assert main([*words, str(killed / "smoke")]) == 2
    error = capsys.readouterr().err
    assert "an interrupted run; add --resume" in error and error.count("\n") == 1
    assert main([*words, str(killed / "smoke"), "--resume"]) == 0
    assert main([*words, str(tmp_path / "nothing"), "--resume"]) == 0, "nothing to resume: it just trains"
    assert same_weights(killed / "smoke", tmp_path / "nothing")
    assert main([*words, str(tmp_path / "nothing"), "--resume"]) == 0


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory) -> Path:
    """The partial folder of a run that failed at step 15; states are at 8 and 12."""
    from toxres.training.trainer import ToxicityTrainer

    out, calls = tmp_path_factory.mktemp("interrupted") / "out", []

    def fail(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 15:
            raise RuntimeError("interrupted")
        return original(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TOXRES_DATA_DIR", raising=False)
        original = ToxicityTrainer.training_step
        patch.setattr(ToxicityTrainer, "training_step", fail)
        with pytest.raises(RuntimeError, match="interrupted"):
            train("custom", source(), THREE, 0, out, progress=False, **OPTIONS["by_steps"])
    return out.with_name("out.partial")


TORN = ["model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"]


@pytest.mark.parametrize("name", TORN)
@pytest.mark.parametrize("how", ["missing", "empty", "half"])
def test_a_torn_state_is_passed_over(name, how, interrupted, tmp_path):
    states = shutil.copytree(interrupted / "trainer", tmp_path / "trainer")
    assert latest_state(states).name == "checkpoint-12"
    file = states / "checkpoint-12" / name
    content = file.read_bytes()
    file.unlink()
    if how != "missing":
        file.write_bytes(b"" if how == "empty" else content[: len(content) // 2])
    assert latest_state(states).name == "checkpoint-8"
    (states / "checkpoint-8" / name).unlink()
    assert latest_state(states) is None


def test_states_are_counted_not_spelled(interrupted, tmp_path):
    states = tmp_path / "trainer"
    assert latest_state(states) is None
    for name in ("checkpoint-9", "checkpoint-100", "checkpoint-x", "checkpoint-20.tmp"):
        shutil.copytree(interrupted / "trainer" / "checkpoint-8", states / name)
    assert latest_state(states).name == "checkpoint-100"


def test_states_of_several_processes_need_all_their_random_states(interrupted, tmp_path):
    states = shutil.copytree(interrupted / "trainer", tmp_path / "trainer")
    assert latest_state(states, processes=2) is None
    for rank in range(2):
        assert latest_state(states, processes=2) is None
        shutil.copy(states / "checkpoint-8" / "rng_state.pth", states / "checkpoint-8" / f"rng_state_{rank}.pth")
    assert latest_state(states, processes=2).name == "checkpoint-8"


def test_resumed_from_the_state_before_a_torn_one(interrupted, unbroken, tmp_path):
    shutil.copytree(interrupted, tmp_path / "out.partial")
    (tmp_path / "out.partial" / "trainer" / "checkpoint-12" / "optimizer.pt").unlink()
    path = train("custom", source(), THREE, 0, tmp_path / "out", resume=True, progress=False, **OPTIONS["by_steps"])
    assert same_weights(path, unbroken["by_steps"])


def test_a_folder_of_other_settings_is_not_resumed(interrupted, tmp_path):
    shutil.copytree(interrupted, tmp_path / "out.partial")
    for preset, seed in ((QUICKER, 0), (THREE, 1)):
        with pytest.raises(InputError, match="an interrupted run of other settings"):
            train("custom", source(), preset, seed, tmp_path / "out", resume=True, progress=False)
    (tmp_path / "out.partial" / "run.json").unlink()
    with pytest.raises(InputError, match="an interrupted run of other settings"):
        train("custom", source(), THREE, 0, tmp_path / "out", resume=True, progress=False)
    assert sorted(os.listdir(tmp_path)) == ["out.partial"]
