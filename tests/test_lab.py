"""What notebooks share: verdicts that follow from the interval, results that are there, weights that sum to one."""

import numpy as np
import pytest

from toxres import lab
from toxres.config import ABLATION
from toxres.errors import InputError
from toxres.files import write_json


@pytest.mark.parametrize(
    ("difference", "low", "high", "metric", "told"),
    [
        (0.02, 0.01, 0.03, "macro AP", "better in macro AP, +0.020 [+0.010, +0.030]"),
        (-0.02, -0.03, -0.01, "macro AP", "worse in macro AP"),
        (0.02, -0.01, 0.05, "macro AP", "no difference in macro AP could be shown"),
        (0.0, 0.0, 0.0, "macro AP", "no difference"),
        (0.02, 0.01, 0.03, "ECE", "worse in ECE"),
        (-0.02, -0.03, -0.01, "Brier score", "better in Brier"),
        (0.02, np.nan, np.nan, "AP", "too few runs for an interval"),
    ],
)
def test_a_verdict_says_what_the_interval_says(difference, low, high, metric, told):
    assert told in lab.verdict("a against b", {"difference": difference, "low": low, "high": high}, metric)


def made_results(effect: float, noise: float) -> dict:
    """An ablation in which every comparison differs by `effect`, give or take `noise`."""
    pairs = [pair for pairs in lab.EFFECTS.values() for pair in pairs]
    return {
        "comparisons": [
            {
                **{"a": a, "b": b, "metric": metric, "label": label, "n_seeds": 3},
                **{"difference": effect, "low": effect - noise, "high": effect + noise},
            }
            for a, b in pairs
            for metric, label in lab.ABLATION_QUESTIONS
        ]
    }


def test_the_verdict_of_the_ablation_follows_from_its_intervals():
    count = len(lab.EFFECTS) * len(lab.ABLATION_QUESTIONS)
    assert lab.ablation_verdict(made_results(0.02, 0.01)).count("raises it, shown in 2 of 2") == count
    assert lab.ablation_verdict(made_results(-0.02, 0.01)).count("lowers it, shown in 2 of 2") == count
    assert lab.ablation_verdict(made_results(0.02, 0.03)).count("no effect could be shown") == count


def test_effects_that_disagree_are_said_to():
    results = made_results(0.02, 0.01)
    for row in results["comparisons"]:
        if row["a"] == "attention_focal" and row["b"] == "cls_focal":
            row.update(difference=-0.02, low=-0.03, high=-0.01)
    assert "raises it in one pair of arms and lowers it in another" in lab.ablation_verdict(results)


def test_every_effect_varies_one_thing_and_uses_every_arm_once_each_side():
    for pairs in lab.EFFECTS.values():
        assert sorted(arm for pair in pairs for arm in pair) == sorted(ABLATION)
        for a, b in pairs:
            differing = [one != other for one, other in zip(a.split("_"), b.split("_"), strict=True)]
            assert sum(differing) == 1


def test_seeds_are_those_of_the_comparison():
    assert lab.seeds(made_results(0.02, 0.01)) == 3


def test_a_comparison_that_is_not_there_is_an_error():
    with pytest.raises(InputError, match="no comparison of 'x' and 'y' by 'ap'"):
        lab.comparison(made_results(1, 1), "x", "y", "ap")


def test_results_that_are_not_there_name_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(lab, "RESULTS", tmp_path)
    with pytest.raises(InputError, match=r"toxres\.training\.experiments oof"):
        lab.committed_results("oof")
    write_json(tmp_path / "oof.json", {"run": {}})
    assert lab.committed_results("oof") == {"run": {}}


def test_the_origin_of_results_names_rows_date_and_commit():
    record = {"rows": 5861, "trained_on": "2026-01-02", "trained_at_commits": ["0123456789abcdef"]}
    told = lab.results_origin(record, "oof")
    assert "5,861 comments" in told and "2026-01-02" in told and "0123456" in told


def test_training_once_gives_scores_and_pooling_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("TOXRES_BUILD", str(tmp_path))
    checkpoint = lab.train_once("custom", "synthetic", "smoke")
    stamp = (checkpoint.path / "run.json").stat().st_mtime_ns
    again = lab.train_once("custom", "synthetic", "smoke")
    assert (again.path / "run.json").stat().st_mtime_ns == stamp
    tokens, weights = lab.pooling_weights(checkpoint, "so kind")
    assert tokens == ["[CLS]", "so", "kind", "[SEP]"]
    assert list(weights) == ["[CLS]", "mean", "attention"]
    for values in weights.values():
        assert len(values) == len(tokens) and sum(values) == pytest.approx(1, abs=1e-5)


def test_an_origin_says_whose_comments_they_are():
    told = lab.origin("synthetic", preset="smoke", split="test")
    assert told.startswith("synthetic corpus, ") and "test comments" in told and told.endswith("preset smoke")


def test_only_sources_that_were_compared_are_told():
    row = {"a": "tfidf_all", "b": "tfidf", "metric": "ap", "label": "macro", "difference": 0.1}
    assert list(lab.source_comparisons({"comparisons": [row]}, "ap")) == ["tfidf"]
