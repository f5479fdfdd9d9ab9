"""Long experiments: every run once, none twice, failures told."""

import collections
import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from toxres.checkpoint import load_checkpoint
from toxres.config import RECIPES, SMOKE
from toxres.data import load_comments
from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.training import experiments
from toxres.training.experiments import EXPERIMENTS, FOLDS, Run, continue_experiment, execute, main


@pytest.fixture
def places(monkeypatch, tmp_path) -> Path:
    """Results and checkpoints go to a temporary folder; presets are smoke's."""
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)
    monkeypatch.setattr(experiments, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(experiments, "WORK", tmp_path / "work")
    monkeypatch.setattr(Run, "preset", property(lambda run: dataclasses.replace(SMOKE, epochs=run.epochs)))
    return tmp_path


def plain(name: str, init: str | None = None, fold: int | None = 0, **fields) -> Run:
    return Run("mine", name, "custom", ("synthetic",), fold, init=init, **fields)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_lists_are_sound(name):
    runs = EXPERIMENTS[name]()
    assert len({run.name for run in runs}) == len({run.result for run in runs}) == len(runs)
    assert len({run.checkpoint for run in runs}) == len(runs)
    assert {run.experiment for run in runs} == {name}
    before: dict[str, Run] = {}
    for run in runs:
        assert run.recipe in RECIPES and run.sources and run.epochs > 0
        assert len(set(run.sources)) == len(run.sources)
        if run.init is not None:
            provider = before[run.init]
            assert provider.keep and provider.recipe == run.recipe, "its weights are there, and fit"
            assert run.sources[0] in provider.held_out, "it was not trained on what it is tested on"
            assert provider.fold is None
        if run.language_model is not None:
            provider = before[run.language_model]
            assert provider.pretrain and provider.keep
            assert run.fold is None or run.sources[0] in provider.held_out, "it has not read what is tested"
            assert RECIPES[provider.recipe].normalisation == RECIPES[run.recipe].normalisation
        before[run.name] = run
    assert name in str(runs[0].result)


@pytest.mark.parametrize("name", ["oof", "ablation"])
def test_every_model_scores_every_fold_once(name):
    folds = collections.defaultdict(list)
    for run in EXPERIMENTS[name]():
        if run.fold is not None:
            folds[run.name.rsplit("-fold", 1)[0]].append(run.fold)
            assert run.name.endswith(f"-fold{run.fold}") and run.sources[0] == "jigsaw"
    assert all(sorted(found) == list(FOLDS) == [0, 1, 2, 3, 4] for found in folds.values())
    wanted = {"oof": {"tfidf", "baseline", "custom"}, "ablation": {"cls_bce", "cls_focal", "attention_bce"}}
    assert folds.keys() >= wanted[name]


def test_arms_of_the_ablation_differ_in_nothing_but_the_recipe():
    arms = collections.defaultdict(set)
    for run in EXPERIMENTS["ablation"]():
        arms[run.fold].add(dataclasses.replace(run, name="", recipe=""))
    assert [len(settings) for settings in arms.values()] == [1] * 5
    assert len({next(iter(settings)).seed for settings in arms.values()}) == 5


def test_a_run_is_one_stage_of_the_full_preset():
    run = Run("oof", "x", "custom", ("jigsaw",), 0, epochs=7)
    assert run.preset.name == "full" and run.preset.epochs == 7 and run.preset.epochs_auxiliary == 0
    assert run.result == experiments.RESULTS / "oof" / "x.csv"
    assert dataclasses.replace(run, fold=None).result == run.checkpoint / "run.json"


def test_execute_scores_the_test_fold(places):
    first = plain("custom-auxiliary", fold=None, keep=True, epochs=1)
    then = plain("custom-fold3", init="custom-auxiliary", fold=3, keep=True, epochs=1, seed=4)
    execute(first)
    assert first.result.exists() and not (places / "results").exists()
    execute(then)
    table = pd.read_csv(then.result, dtype={"id": str})
    comments = load_comments("synthetic", split="fold:3")
    assert table.columns.tolist() == ["id", *LABELS]
    assert table["id"].tolist() == comments["id"].tolist()
    checkpoint = load_checkpoint(then.checkpoint)
    probs = checkpoint.predict_proba(comments["text"].tolist())
    np.testing.assert_allclose(table[list(LABELS)], probs, rtol=1e-4)
    record = json.loads(then.result.with_suffix(".json").read_text())
    assert (record["recipe"], record["seed"], record["test_fold"]) == ("custom", 4, 3)
    assert record["key"] == checkpoint.run["key"] and record["commit"] and record["date"]
    assert record["sources"] == [{"name": "synthetic", "sha256": comments.attrs["sha256"], "rows": 96}]
    assert str(places) not in then.result.with_suffix(".json").read_text()
    assert checkpoint.run["initial"]["key"] == load_checkpoint(first.checkpoint).run["key"]
    assert checkpoint.run["validation_fold"] is None
    assert sorted(os.listdir(places / "results" / "mine")) == ["custom-fold3.csv", "custom-fold3.json"]


def test_a_classifier_goes_on_from_a_language_model_of_other_comments(places, monkeypatch):
    base = Run("mine", "language", "ulmfit", ("synthetic",), None, pretrain=True, keep=True, epochs=1)
    then = Run("mine", "ulmfit-fold1", "ulmfit", ("synthetic",), 1, language_model="language", epochs=1, keep=True)
    assert base.needs is None and then.needs == base.result
    execute(base)
    execute(then)
    first, second, record = (
        json.loads(path.read_text())
        for path in (
            base.result,
            places / "work/mine/ulmfit-fold1.language_model/run.json",
            then.result.with_suffix(".json"),
        )
    )
    assert first["initial"] is None and second["initial"]["key"] == first["key"]
    assert record["language_model"]["key"] == second["key"] and record["test_fold"] == 1
    assert len(pd.read_csv(then.result)) == len(load_comments("synthetic", split="fold:1"))


def test_execute_keeps_no_checkpoint_it_was_not_told_to(places):
    run = dataclasses.replace(plain("tfidf-fold0"), recipe="tfidf")
    execute(run)
    assert run.result.exists() and not run.checkpoint.exists()


def test_the_record_is_there_when_the_result_says_done(places, monkeypatch):
    run = dataclasses.replace(plain("tfidf-fold0"), recipe="tfidf")

    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiments, "write_record", killed)
    with pytest.raises(KeyboardInterrupt):
        execute(run)
    assert not run.result.exists()


class Process:
    """Stands in for a run's process: ends when it is asked for the second time."""

    def __init__(self, run: Run, returncode: int) -> None:
        self.run, self.ends_with, self.asked, self.returncode = run, returncode, 0, None

    def poll(self) -> int | None:
        self.asked += 1
        if self.asked == 2:
            self.returncode = self.ends_with
            if self.returncode == 0:
                self.run.result.parent.mkdir(parents=True, exist_ok=True)
                self.run.result.write_text("{}")
        return self.returncode


@pytest.fixture
def desk(places, monkeypatch):
    """Five runs without processes: `started` are their names in order, `fail` those that are to fail."""
    runs = [
        plain("floor"),
        plain("first", fold=None, keep=True),
        plain("then-0", init="first"),
        plain("then-1", init="first"),
        plain("last"),
    ]
    state = collections.namedtuple("Desk", "runs started fail together")(runs, [], set(), [])
    living: list[Process] = []

    def start(experiment, run):
        assert experiment == "mine"
        state.started.append(run.name)
        living.append(Process(run, int(run.name in state.fail)))
        state.together.append(sum(process.returncode is None for process in living))
        return living[-1]

    monkeypatch.setitem(EXPERIMENTS, "mine", lambda: runs)
    monkeypatch.setattr(experiments, "_start", start)
    monkeypatch.setattr(experiments.time, "sleep", lambda seconds: None)
    return state


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_each_run_once_and_after_what_it_needs(workers, desk, capsys):
    assert continue_experiment("mine", workers) == 0
    assert sorted(desk.started) == sorted(run.name for run in desk.runs)
    assert desk.started.index("first") < min(desk.started.index("then-0"), desk.started.index("then-1"))
    assert max(desk.together) <= workers
    assert max(desk.together) == min(workers, 3)
    assert "5 runs to do" in capsys.readouterr().out
    assert continue_experiment("mine", workers) == 0
    assert len(desk.started) == 5, "nothing is done twice"


def test_goes_on_with_what_is_left(desk, capsys):
    assert continue_experiment("mine", limit=2) == 0
    assert sorted(desk.started) == ["first", "floor"]
    assert continue_experiment("mine") == 0
    assert sorted(desk.started[2:]) == ["last", "then-0", "then-1"]
    assert "3 runs to do" in capsys.readouterr().out


def test_what_nothing_left_needs_is_not_trained_again(desk):
    assert continue_experiment("mine") == 0
    desk.runs[1].result.unlink()
    assert continue_experiment("mine") == 0
    assert len(desk.started) == 5
    desk.runs[2].result.unlink()
    assert continue_experiment("mine") == 0
    assert desk.started[5:] == ["first", "then-0"]


def test_failures_are_told_and_tried_again(desk, capsys):
    desk.fail.update({"then-1", "floor"})
    assert continue_experiment("mine") == 2
    out = capsys.readouterr().out
    assert "then-1: failed, see its log" in out and "floor: failed" in out and "then-0: done" in out
    desk.fail.clear()
    before = len(desk.started)
    assert continue_experiment("mine") == 0
    assert sorted(desk.started[before:]) == ["floor", "then-1"]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_needs_a_failed_run_is_not_started(workers, desk, capsys):
    desk.fail.add("first")
    assert continue_experiment("mine", workers) == 3
    assert sorted(desk.started) == ["first", "floor", "last"]
    assert "not started: 2 runs that need first" in capsys.readouterr().out


def test_unknown_experiment():
    with pytest.raises(InputError, match="unknown experiment 'nope'; choose one of: oof, ablation"):
        continue_experiment("nope")
    with pytest.raises(SystemExit) as stopped:
        main(["nope"])
    assert stopped.value.code == 2


def test_command_line(desk, monkeypatch):
    desk.fail.add("last")
    assert main(["mine", "--workers", "1"]) == 1
    desk.fail.clear()
    assert main(["mine", "--workers", "1"]) == 0
    done = []
    monkeypatch.setattr(experiments, "execute", lambda run: done.append(run.name))
    assert main(["mine", "--only", "then-1"]) == 0
    assert done == ["then-1"]


@pytest.mark.parametrize("name", ["then-7", ""])
def test_a_run_that_is_not_there(name, desk, monkeypatch, capsys):
    monkeypatch.setattr(experiments, "execute", lambda run: pytest.fail("executed"))
    with pytest.raises(SystemExit) as stopped:
        main(["mine", "--only", name])
    assert stopped.value.code == 2
    assert f"mine has no run {name!r}" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_processes_too(number, places, monkeypatch):
    children = []

    def start(experiment, run):
        children.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return children[-1]

    monkeypatch.setitem(EXPERIMENTS, "mine", lambda: [plain("a"), plain("b")])
    monkeypatch.setattr(experiments, "_start", start)
    monkeypatch.setattr(experiments.time, "sleep", lambda seconds: signal.raise_signal(number))
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises((SystemExit, KeyboardInterrupt)):
            main(["mine"])
        assert [child.returncode for child in children] == [-signal.SIGTERM] * 2
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, interrupt)
        for child in children:
            child.kill()
            child.wait()


def test_each_process_gets_one_thread_and_a_log(places, monkeypatch):
    calls = []
    monkeypatch.setattr(experiments.subprocess, "Popen", lambda words, **options: calls.append((words, options)))
    experiments._start("mine", plain("floor"))
    ((words, options),) = calls
    assert words[1:] == ["-m", "toxres.training.experiments", "mine", "--only", "floor"]
    assert options["env"]["OMP_NUM_THREADS"] == "1"
    assert options["stdout"].name == str(places / "work" / "mine" / "floor.log")
