"""`toxres triage fit` and `report`: what they write and say, and how they refuse."""

import json

import numpy as np
import pandas as pd
import pytest

from toxres.cli import main
from toxres.evaluation.calibration import Calibration
from toxres.labels import LABELS
from toxres.tasks import DECISION
from toxres.triage import load_triage

POLICY = "name: mine\nlabels: {toxic: 1}\ntolerated: {wrong_decisions: 0.05}\n"


class Fake:
    """A checkpoint that is sure of what the text says: the word "toxic"."""

    name = recipe = "fake"

    def __init__(self, path, sources=(), key="k1"):
        self.path = path
        self.run = {
            "key": key,
            "recipe": {"name": "fake"},
            "sources": list(sources),
            "test_fold": 0,
            "validation_fold": 1,
        }
        self.calibration = Calibration.identity(LABELS)

    def predict_logits(self, texts):
        return np.array([[5.0 if "toxic" in text else -5.0] + [-5.0] * 5 for text in texts])


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A checkpoint `ck`, a policy and a file of labelled comments, in the working folder."""
    monkeypatch.chdir(tmp_path)
    known = {"ck": Fake("ck"), "other": Fake("other", key="k2"), "tuned": Fake("tuned", [{"name": "synthetic"}])}
    monkeypatch.setattr("toxres.router.open_model", lambda path: known[str(path)])
    (tmp_path / "mine.yaml").write_text(POLICY)
    texts = ["a kind word about women"] * 150 + ["a toxic word"] * 50
    frame = pd.DataFrame(
        {"comment_text": [f"{text} {i}" for i, text in enumerate(texts)], "toxic": [0] * 150 + [1] * 50}
    )
    frame.to_csv(tmp_path / "mine.csv", index=False)
    return known


def run(*words):
    return main(["triage", *words])


FIT = ("fit", "ck", "--policy", "mine.yaml", "--source", "mine.csv", "--out", "triage")


def test_fit_and_report(mine, capsys, tmp_path):
    assert run(*FIT) == 0
    said = capsys.readouterr()
    assert "automatic: with confidence 0.95, at most 0.05 wrong (0 of 200 calibration rows were)" in said.out
    assert "next: toxres triage report triage ck --source mine.csv" in said.out
    triage = load_triage("triage")
    assert triage.calibrated_on["model"] == "k1"
    assert triage.calibrated_on["source"] == "mine.csv"
    assert str(tmp_path) not in (tmp_path / "triage" / "triage.json").read_text()

    pd.read_csv("mine.csv").iloc[::-1].to_csv("new.csv", index=False)
    assert run("report", "triage", "ck", "--source", "new.csv", "--json", "report.json") == 0
    said = capsys.readouterr()
    assert "automatic: kept: 0 of 200 wrong" in said.out
    assert "| female" in said.out
    assert said.err == ""
    assert json.loads((tmp_path / "report.json").read_text())["groups"]["all"]["coverage"] == 1


def test_a_report_on_the_calibration_rows_says_so(mine, capsys):
    assert run(*FIT) == 0
    assert run("report", "triage", "ck", "--source", "mine.csv") == 0
    assert capsys.readouterr().err == "Careful: the thresholds were chosen on these rows.\n"


def test_a_group_can_be_named(mine, capsys, tmp_path):
    (tmp_path / "mine.yaml").write_text(POLICY + "groups: [news]\n")
    assert run(*FIT, "--group", "news") == 0
    assert list(load_triage("triage").groups) == ["news"]
    assert run("report", "triage", "ck", "--source", "mine.csv", "--group", "elsewhere") == 0
    assert "A person sees 100.0% of the comments" in capsys.readouterr().out


def test_rows_that_the_recalibration_saw_are_said_and_recorded(mine, capsys):
    assert run("fit", "tuned", "--policy", "mine.yaml", "--source", "synthetic", "--out", "triage") == 0
    told = "Careful: thresholds and calibration were tuned on these rows of synthetic."
    assert told in capsys.readouterr().err
    assert load_triage("triage").calibrated_on["caution"] == told


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fit", "tuned", "--policy", "mine.yaml", "--source", "synthetic", "--split", "train", "--out", "t"),
         "fake was trained on rows of this split, which promise nothing"),
        (("fit", "ck", "--policy", "nope", "--source", "mine.csv", "--out", "t"), "nope: no such policy"),
        (("fit", "ck", "--policy", "news", "--source", "mine.csv", "--out", "t"), "row is of its group 'news'"),
        (("fit", "ck", "--policy", "mine.yaml", "--source", "none.csv", "--out", "t"), "none.csv"),
        (("fit", "ck", "--policy", "mine.yaml", "--source", "mine.csv", "--out", "mine.csv"), "mine.csv: exists"),
        (("fit", "ck", "--policy", "mine.yaml", "--source", "mine.csv", "--out", "t", "--group", " "), "is empty"),
        (("fit", "decider", "--policy", "mine.yaml", "--source", "mine.csv", "--out", "t"), "its task is decision"),
        (("fit", "ck", "--policy", "mine.yaml", "--source", "bare.csv", "--out", "t"), "no label of any row is known"),
        (("report", "mine.yaml", "ck", "--source", "mine.csv"), "triage.json is missing, so this is no triage"),
        (("report", "triage", "other", "--source", "mine.csv"), "is run k2, but triage was fitted for run k1"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_writes_nothing(mine, capsys, tmp_path, words, message):
    mine["decider"] = Fake("decider")
    mine["decider"].task = DECISION
    pd.DataFrame({"comment_text": ["a", "b"]}).to_csv("bare.csv", index=False)
    if "other" in words:
        assert run(*FIT) == 0
        capsys.readouterr()
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "t").exists()
