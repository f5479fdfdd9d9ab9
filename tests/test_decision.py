"""The experiment on accept and reject: its draws, its scores from probabilities by id, and that it goes on."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, f1_score, recall_score

from toxres.config import SMOKE
from toxres.data import load_comments
from toxres.errors import InputError
from toxres.experiments import decision
from toxres.experiments.decision import Settings, execute, half_coverage_accuracy, summarise, training_rows


@pytest.fixture(scope="module")
def comments() -> pd.DataFrame:
    return load_comments("synthetic")


@pytest.fixture
def settings(monkeypatch, tmp_path, comments) -> Settings:
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)
    monkeypatch.setattr(decision, "load_comments", {"synthetic": comments}.__getitem__)
    return Settings(
        ("synthetic",), ("synthetic",), 120, dataclasses.replace(SMOKE, max_rows=None, vocab_size=500),
        results=tmp_path / "results", work=tmp_path / "work",
    )  # fmt: skip


def test_draws_have_the_systems_share_and_share_no_comment(settings):
    train, validation = training_rows(settings), decision.validation_rows(settings)
    test = decision.test_rows(settings)
    assert (len(train), len(validation)) == (120, 30)
    for frame in (train, validation, test):
        assert frame["reject"].mean() == pytest.approx(0.26, abs=0.02)
        assert frame["id"].is_unique
    assert train["reject"].sum() == round(0.26 * 120)
    everything = pd.concat([train, validation, test])
    assert everything["id"].is_unique and everything["text"].is_unique
    assert training_rows(settings)["id"].tolist() == train["id"].tolist()
    other = training_rows(dataclasses.replace(settings, seed=1))
    assert set(other["id"]) != set(train["id"])
    with pytest.raises(InputError, match=r"rejected comments for \d+; draw fewer rows"):
        training_rows(dataclasses.replace(settings, rows=100_000))


def test_sources_give_equal_parts_as_far_as_they_go():
    pool = pd.DataFrame({"source": ["a"] * 10 + ["b"] * 200 + ["c"] * 200, "reject": 0.0})
    pool["reject"] = np.where(np.arange(410) % 2, 1.0, 0.0)
    drawn = decision._draw(pool, 100, 0)
    counts = drawn.groupby(["source", "reject"]).size().to_dict()
    assert counts == {("a", 0.0): 5, ("a", 1.0): 5, ("b", 0.0): 34, ("b", 1.0): 10, ("c", 0.0): 35, ("c", 1.0): 11}


def test_half_coverage_keeps_the_surest_half():
    probs = np.array([0.01, 0.98, 0.45, 0.55, 0.05, 0.6])[:, None]
    truth = np.array([0, 1, 1, 0, 0, 1])[:, None]
    assert half_coverage_accuracy(truth, probs).tolist() == [1.0]
    assert half_coverage_accuracy(1 - truth, probs).tolist() == [0.0]


def test_an_arm_is_scored_from_its_file(settings):
    execute("tfidf", settings)
    told = summarise(settings, n_resamples=30)
    assert list(told["arms"]) == ["tfidf"] and not told["comparisons"]
    table = pd.read_csv(settings.results / "decision" / "tfidf.csv")
    test = decision.test_rows(settings)
    scored = table[table["split"] == "test"]
    assert scored["id"].tolist() == test["id"].tolist() and (table["split"] == "validation").sum() == 30
    truth, probs, found = test["reject"].to_numpy(), scored["reject"].to_numpy(), told["arms"]["tfidf"]
    metrics = {name: values[0] for name, values in found["metrics"].items()}
    assert metrics["accuracy"] == pytest.approx(np.mean((probs >= 0.5) == truth))
    assert metrics["f1"] == pytest.approx(f1_score(truth, probs >= 0.5))
    assert metrics["recall"] == pytest.approx(recall_score(truth, probs >= 0.5))
    assert metrics["ap"] == pytest.approx(average_precision_score(truth, probs))
    assert metrics["f1_tuned"] == pytest.approx(f1_score(truth, probs >= found["threshold"]))
    assert all(low <= value <= high for value, low, high in found["metrics"].values())
    assert json.loads((settings.results / "decision.json").read_text())["arms"]["tfidf"]["rows"] == len(test)
    assert str(settings.work) not in (settings.results / "decision.json").read_text()


def test_the_indirect_arm_takes_the_largest_enforced_label(settings, monkeypatch):
    from toxres.checkpoint import Checkpoint, load_checkpoint
    from toxres.config import TFIDF

    monkeypatch.setitem(decision.ARMS, "six_labels", TFIDF)
    execute("six_labels", settings)
    checkpoint = load_checkpoint(settings.work / "six_labels")
    assert isinstance(checkpoint, Checkpoint) and len(checkpoint.labels) == 6
    table = pd.read_csv(settings.results / "decision" / "six_labels.csv")
    test = decision.test_rows(settings)
    probs = checkpoint.predict_proba(test["text"].tolist())[:, [0, 5]].max(axis=1)
    np.testing.assert_allclose(table.loc[table["split"] == "test", "reject"], probs, rtol=1e-4)


def test_it_goes_on_and_compares(settings, monkeypatch, capsys):
    from toxres.config import TFIDF_DECISION

    monkeypatch.setattr(decision, "ARMS", dict.fromkeys(("weighted", "plain"), TFIDF_DECISION))
    monkeypatch.setattr(decision, "Settings", lambda language_model: settings)
    monkeypatch.setattr(decision, "summarise", lambda found: summarise(found, n_resamples=20))
    assert decision.main([]) == 0
    assert capsys.readouterr().out.count("done") == 2
    monkeypatch.setattr(decision, "execute", None)
    assert decision.main([]) == 0
    told = json.loads((settings.results / "decision.json").read_text())
    assert {row["metric"] for row in told["comparisons"]} == set(decision.METRICS)
    assert {row["difference"] for row in told["comparisons"]} == {0.0}


def test_nothing_to_summarise_and_other_comments(settings):
    with pytest.raises(InputError, match=r"no arm is there; run `python -m toxres.experiments.decision` first"):
        summarise(settings)
    path = settings.results / "decision" / "plain.csv"
    path.parent.mkdir(parents=True)
    path.write_text("id,split,reject\nsynthetic:nowhere,test,0.5\n")
    with pytest.raises(InputError, match=r"decision/plain: no decision on synthetic:nowhere"):
        summarise(settings)
