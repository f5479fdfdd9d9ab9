"""What notebooks show of explanations."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.explanations import explained as explanation

from toxres import lab
from toxres.config import SMOKE
from toxres.experiments import explained_shown


def difference(model, rival, measure, value, p_holm=0.01):
    ends = {"low": value - 0.01, "high": value + 0.01, "p_holm": p_holm}
    return {"model": model, "a": "attention", "b": rival, "measure": measure, "difference": value, **ends}


SUMMARY = {
    "differences": [
        difference("attention_shallow", "random", "tsd_test", 0.4),
        difference("custom", "random", "tsd_test", 0.2),
        difference("custom", "random", "sufficiency", -0.3),
        difference("custom", "occlusion", "tsd_test", -0.1),
        difference("custom", "occlusion", "comprehensiveness", 0.02, p_holm=0.3),
        difference("custom", "shapley", "tsd_test", 0.9),
    ],
    "plausibility": [{"model": "none", "method": "random", "set": "tsd_test", "f1": 0.2}],
    "faithfulness": [{"model": "custom", "method": "attention", "comprehensiveness": {"score": 0.1}}],
    "headline": {
        "attention": {"model": "attention_shallow", "f1": 0.6, "low": 0.58, "high": 0.62},
        "occlusion": {"model": "custom", "f1": 0.66, "low": 0.64, "high": 0.68},
        "random": {"model": "none", "f1": 0.99, "low": 0.98, "high": 1.0},
        "supervised": {"model": "none", "f1": 0.67, "low": 0.65, "high": 0.69},
    },
    "run": {"trained_on": "2030-01-02", "explained_on": "2030-01-03"},
}


def test_attention_stands_beside_its_rivals_better_or_worse():
    table = explained_shown.attention_table(SUMMARY)
    assert list(table.index) == [
        "custom: against word occlusion", "custom: against random", "attention, BCE, one layer: against random",
    ]  # fmt: skip
    marked, whole, alone = "character F1 on the posts people marked", "comprehensiveness", "sufficiency"
    assert list(table) == [marked, whole, alone]
    assert table.loc["custom: against random"].tolist() == ["+0.200, better", "–", "-0.300, better"]
    assert table.loc["custom: against word occlusion"].tolist() == ["-0.100, worse", "+0.020, not shown", "–"]


def test_findings_hold_scores_against_what_was_aimed_at():
    (lines,) = explained_shown.found(SUMMARY).values()
    assert any(
        "marks: word occlusion of “custom”" in line and "not shown to differ from the 0.650" in line for line in lines
    )
    assert any("Pooling attention of" in line and "above the 0.558 aimed at" in line for line in lines)
    assert any("Span-supervised head" in line and "below the 0.708 aimed at" in line for line in lines)
    assert explained_shown.record_told({}) == "Nothing has been explained."
    assert explained_shown.found(lab.Missing("run it")) == {"Explanations": ["run it"]}


def test_what_was_explained_is_named():
    told = explained_shown.record_told(SUMMARY)
    assert told.startswith("1 model (“custom”), trained until 2030-01-02, explained by 2 methods (pooling attention, ")


def test_attributions_are_added_up():
    one = explanation("you fool", [0.5, 1.0], score=2.0, method="integrated_gradients")
    one = dataclasses.replace(one, baseline_scores=np.array([0.4]), convergence_delta=np.array([-0.1]), steps=16)
    table = explained_shown.sums_table({"attention_bce": [one, one]}, "toxic")
    assert list(table.index) == ["attention, BCE: sentence 1", "attention, BCE: sentence 2"]
    assert table.iloc[0].tolist() == pytest.approx([2.0, 0.4, 1.6, 1.5, -0.1, 16])


@pytest.fixture
def asked(monkeypatch):
    """Which trainings were asked for: (recipe, source, settings, seed, name)."""
    calls = []
    monkeypatch.setattr(
        explained_shown.lab, "train_once", lambda *given, name: calls.append((*given, name)) or "trained here"
    )
    return calls


def test_a_model_of_the_experiment_is_taken_where_it_fits(asked, tmp_path, monkeypatch):
    run = {"preset": {"name": "full"}, "seed": 0}
    monkeypatch.setattr(explained_shown, "WORK", tmp_path)
    monkeypatch.setattr(explained_shown, "load_checkpoint", lambda path: SimpleNamespace(run=run, path=path))
    assert explained_shown.model_to_show("custom", "jigsaw", "full") == "trained here", "none is there"
    (tmp_path / "custom").mkdir()
    (tmp_path / "custom" / "run.json").touch()
    assert explained_shown.model_to_show("custom", "jigsaw", "full").path == tmp_path / "custom"
    for other in (("jigsaw", "quick", 0), ("davidson", "full", 0), ("jigsaw", "full", 1)):
        assert explained_shown.model_to_show("custom", *other) == "trained here"
    assert len(asked) == 4
    (tmp_path / "custom").rename(tmp_path / "attention_shallow")
    assert explained_shown.model_to_show("attention_shallow", "jigsaw", "full").path == tmp_path / "attention_shallow"
    explained_shown.model_to_show("attention_shallow", "synthetic", "smoke")
    recipe, source, settings, seed, name = asked[-1]
    assert (recipe, source, seed, name) == ("attention_bce", "synthetic", 0, "attention_shallow")
    assert settings == dataclasses.replace(SMOKE, encoder="tiny:1", freeze_embeddings=False)


def test_comments_are_explained_by_model_and_method(monkeypatch):
    def fake(checkpoint, texts, method, labels):
        return [explanation(text, [1.0], labels=tuple(labels), score=1, method=method) for text in texts]

    monkeypatch.setattr(explained_shown, "explain", fake)
    found = explained_shown.explained({"cls_bce": None}, ["fool", "vile"], ("attention", "occlusion"), "toxic")
    ((first, second),) = found.values()
    assert [(each.text, each.method, each.model) for each in (*first, *second)] == [
        ("fool", "attention", "[CLS], BCE"), ("fool", "occlusion", "[CLS], BCE"),
        ("vile", "attention", "[CLS], BCE"), ("vile", "occlusion", "[CLS], BCE"),
    ]  # fmt: skip
    pair = explained_shown.side_by_side({"baseline": None, "custom": None}, "fool", "occlusion", ["toxic"])
    assert [each.model for each in pair] == ["baseline", "custom"]
