"""Verdicts follow from intervals and from how many tests there were; committed results are found and named."""

import numpy as np
import pytest

from toxres import findings
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
        (0.02, 0.01, 0.03, "macro ECE, raw", "worse in macro ECE, raw"),
        (-0.02, -0.03, -0.01, "Brier score", "better in Brier"),
        (0.02, np.nan, np.nan, "AP", "too few runs for an interval"),
    ],
)
def test_a_verdict_says_what_the_interval_says(difference, low, high, metric, told):
    assert told in findings.verdict("a against b", {"difference": difference, "low": low, "high": high}, metric)


def test_a_verdict_counts_the_other_tests():
    row = {"difference": 0.02, "low": 0.01, "high": 0.03, "tests": 30, "p_holm": 0.2}
    assert "could be shown among 30 tests (Holm p = 0.200)" in findings.verdict("a", row, "AP")
    assert "better in AP" in findings.verdict("a", row | {"p_holm": 0.04}, "AP")


def made_results(effect: float, noise: float) -> dict:
    """An ablation in which every comparison differs by `effect`, give or take `noise`, over five seeds."""
    spread = noise * np.array([-1, -0.5, 0, 0.5, 1])
    return {
        "comparisons": [
            {
                **{"a": a, "b": b, "metric": metric, "label": label, "n_seeds": 5, "undefined": [0] * 5},
                **{"difference": effect, "low": effect - noise, "high": effect + noise, "p_value": 0.001},
                "by_seed": (effect + spread).tolist(),
            }
            for a, b in findings.ABLATION_PAIRS
            for metric, label in findings.QUESTIONS["ablation"]
        ],
        "run": {"rows": 10, "trained_on": "2026-01-02", "trained_at_commits": []},
    }


def test_the_verdict_of_the_ablation_follows_from_its_seeds():
    count = len(findings.EFFECTS) * len(findings.QUESTIONS["ablation"])
    assert findings.ablation_verdict(made_results(0.02, 0.001)).count("raises it, in both pairs of arms") == count
    assert findings.ablation_verdict(made_results(-0.02, 0.001)).count("lowers it, in both pairs of arms") == count
    assert findings.ablation_verdict(made_results(0.02, 0.1)).count("no effect could be shown") == count


def test_an_effect_that_is_shown_once_among_many_is_not_claimed():
    alone = made_results(0.02, 0.012)
    effects = findings.ablation_effects(alone)
    assert (effects["low"] > 0).all() and (effects["p_value"] < 0.05).all() and (effects["p_holm"] > 0.05).all()
    assert "raises" not in findings.ablation_verdict(alone)


def test_effects_that_disagree_are_not_claimed():
    results = made_results(0.02, 0.001)
    for row in results["comparisons"]:
        if row["a"] == "attention_focal" and row["b"] == "cls_focal":
            row.update(difference=-0.01, by_seed=[-0.01] * 5)
    told = findings.ablation_verdict(results)
    assert told.count("the two pairs of arms disagree, no effect is claimed") == len(findings.QUESTIONS["ablation"])
    assert all("raises" not in line for line in told.splitlines() if "Attention" in line)


def test_the_family_is_every_comparison_that_is_put_into_words():
    results = made_results(0.02, 0.01)
    results["comparisons"].append({**results["comparisons"][0], "label": "threat", "p_value": 1e-9})
    tests = findings.family(results, "ablation")
    assert len(tests) == tests["tests"].iloc[0] == len(findings.ABLATION_PAIRS) * len(findings.QUESTIONS["ablation"])
    assert tests["p_holm"].tolist() == pytest.approx([0.001 * len(tests)] * len(tests))
    assert len(findings.verdicts(tests, ["macro AP"])) == len(findings.ABLATION_PAIRS)
    note = findings.family_note(tests, "ablation")
    assert "over 5 seeds" in note and "30 tests" in note and "1.5 intervals" in note
    assert "not of the seed" in findings.family_note(tests, "oof")
    assert findings.pairs_table(tests, "ece", "macro").index.tolist() == list(findings.ABLATION_PAIRS.values())
    assert findings.verdicts(findings.family({"comparisons": []}, "oof")) == []


def test_every_effect_varies_one_thing_and_uses_every_arm_once_each_side():
    for pairs in findings.EFFECTS.values():
        assert sorted(arm for pair in pairs for arm in pair) == sorted(ABLATION)
        for a, b in pairs:
            differing = [one != other for one, other in zip(a.split("_"), b.split("_"), strict=True)]
            assert sum(differing) == 1


def test_seeds_are_those_of_the_comparison():
    assert findings.seeds(made_results(0.02, 0.01)) == 5


def test_a_comparison_that_is_not_there_is_an_error():
    with pytest.raises(InputError, match="no comparison of 'x' and 'y' by 'ap'"):
        findings.comparison(made_results(1, 1), "x", "y", "ap")


def test_results_that_are_not_there_name_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(findings, "RESULTS", tmp_path)
    with pytest.raises(InputError, match=r"toxres\.training\.experiments oof"):
        findings.committed_results("oof")
    write_json(tmp_path / "oof.json", {"run": {}})
    assert findings.committed_results("oof") == {"run": {}}


def test_a_source_is_a_sample_only_if_it_is():
    assert findings.source_name("jigsaw", 159_571) == findings.source_name("jigsaw", 31_914, 0.2) == "Jigsaw"
    assert findings.source_name("jigsaw", 5_861) == findings.source_name("jigsaw", 2_000, 0.2) == "Jigsaw sample"
    assert findings.source_name("synthetic", 10) == "synthetic corpus"


def test_the_origin_of_results_names_rows_and_date_and_in_full_the_commits_and_rates():
    record = {"rows": 5861, "trained_on": "2026-01-02", "trained_at_commits": ["0123456789abcdef"]}
    record["learning_rates"] = [{"encoder": 1e-4, "pooling and head": 1e-3}]
    told = findings.results_origin(record)
    assert told == "Jigsaw sample, 5,861 comments out of fold; models trained until 2026-01-02"
    assert "12 comments" in findings.results_origin(record, 12)
    full = findings.results_told(record, "oof")
    assert "0123456" in full and "5,861" in full and "pooling and head at 0.001" in full
    assert findings.results_told(record | {"rows": 95_743, "folds": 3}, "oof").startswith("Jigsaw, 95,743")


ROW = {"metric": "ap", "difference": 0.1, "low": 0.05, "high": 0.2, "p_value": 0.001}


def test_only_sources_that_were_compared_are_told_and_each_sentence_names_its_model():
    labels = ("macro", "severe_toxic", "threat", "identity_hate")
    pairs = [("baseline", "baseline_alone"), ("tfidf_all", "tfidf")]
    rows = [{**ROW, "a": a, "b": b, "label": label} for a, b in pairs for label in labels]
    assert list(findings.source_comparisons({"comparisons": rows[4:]}, "ap")) == ["tfidf"]
    assert list(findings.source_comparisons({"comparisons": rows}, "ap")) == ["baseline", "tfidf"]
    told = findings.verdicts(findings.rare_label_tests({"comparisons": rows}))
    assert len(told) == 6 and [("baseline" in line, "TF-IDF" in line) for line in told] == 3 * [(True, False)] + 3 * [
        (False, True)
    ]
    assert findings.verdicts(findings.rare_label_tests({"comparisons": []})) == []


def test_undefined_labels_are_counted():
    row = {"a": "x", "b": "y", "metric": "ap", "label": "macro"}
    assert "none" in findings.undefined_told({"comparisons": [row | {"undefined": [0, 0]}]})
    told = findings.undefined_told({"comparisons": [row | {"undefined": [0, 2]}, row | {"label": "toxic"}]})
    assert "2 from macro ap, x and y" in told
    assert "1 from macro ap" in findings.undefined_told({"comparisons": [row | {"n_undefined": 1}]})


def test_means_over_seeds_and_folds_are_those_of_the_record():
    folds = {
        **{"macro_ap": [0.5, 0.7], "rare_ap": [0.1, 0.3], "macro_f1_tuned": [0.4, 0.6]},
        **{"macro_ece": [0.02, 0.04], "macro_ece_calibrated": [0.01, 0.01], "undefined": [0, 1]},
    }
    table = findings.ablation_table({"by_fold": dict.fromkeys(ABLATION, folds)})
    assert table.loc["cls_bce", "macro ECE, raw"] == pytest.approx(0.03)
    assert table.loc["cls_bce", "macro ECE, recalibrated"] == pytest.approx(0.01)
    both = findings.pooled_and_by_fold({"evaluations": {"x": {"macro": {"ap": 0.55}}}, "by_fold": {"x": folds}})
    assert both.loc["x"].tolist() == pytest.approx([0.55, 0.6, 0.5, 0.7, 1])
