"""Tables of the error analysis that notebooks show, and its findings in short, from a summary made by hand."""

import copy

import pandas as pd
import pytest

from toxres.experiments import errors_found, errors_shown


def parts(total, hateful, others):
    values = {"total": total, "hateful": hateful, "non_hateful": others}
    return {part: {"accuracy": value, "low": value - 0.05, "high": value + 0.05} for part, value in values.items()}


def hatecheck(total, others, rule="identity_hate"):
    decision = {"rule": rule, "rows": 90, "hateful": 8, "balanced_accuracy": {rule: 0.8, "toxic": 0.6}}
    codes = {"derog_dehum_h": total, "ident_neutral_nh": others, "slur_h": 0.5}
    return {
        "decision": decision, "auroc": 0.7, "overall": parts(total, total, others),
        "functionality": {code: {"accuracy": value} for code, value in codes.items()},
        "cells": [{"functionality": "derog_dehum_h", "target": "women", "accuracy": total}],
    }  # fmt: skip


def areas(*values):
    return dict(zip(("subgroup", "bpsn", "bnsp"), values, strict=True))


def madlibs(auc, *terms):
    rates = {"gay": {"rate": 0.5}, "old": {"rate": 0.01}}
    means = {"overall": auc, "subgroup": 0.9, "bpsn": 0.8, "bnsp": None}
    return {"auc": means, "terms": dict(zip(("gay", "old"), terms, strict=True)), "false_positives": rates}


def flagged(rate):
    kinds = {"religion": {"rate": rate, "n": 30}, "age": {"rate": 0.0, "n": 10}, "control": {"rate": 0.1, "n": 20}}
    return {what: {"kind": copy.deepcopy(kinds)} for what in ("toxic", "hateful")}


def cost(label, metric, difference, low, high, where="jigsaw, test"):
    return {"set": where, "label": label, "metric": metric, "difference": difference, "low": low, "high": high}


RECORD = {"checkpoint": {"date": "2030-01-02T03:04:05"}}
SLICES = [
    {"slice": name, "value": value, "model": model, "n": 7, "hits": 2, "rate": 0.3, "low": 0.1, "high": 0.5, "alone": k}
    for model, k in (("tfidf", 1), ("custom", 2))
    for name, value in (("group", "news"), ("raters", "divided"), ("raters", "of one mind"))
]  # fmt: skip
SUMMARY = {
    "hatecheck": {
        "cases": 3_000,
        "models": {"tfidf": hatecheck(0.5, 0.4), "custom": hatecheck(0.7, 0.5), "custom_balanced": hatecheck(0.8, 0.7)},
        "comparisons": [
            {"a": "custom", "b": "tfidf",
             "parts": {"total": {"difference": 0.2, "low": 0.1, "high": 0.3, "p_value": 0.01},
                       "hateful": {"difference": 0.0, "low": -0.1, "high": 0.1, "p_value": 0.9}}},
        ],
    },
    "madlibs": {
        "sentences": 400,
        "models": {
            "tfidf": madlibs(0.6, areas(0.1, 0.1, 0.1), areas(0.2, 0.2, 0.2)),
            "custom": madlibs(0.9, areas(0.9, 0.8, 0.9), areas(0.9, 0.9, 0.7)),
            "custom_balanced": madlibs(0.9, areas(0.9, 0.9, 0.9), areas(0.9, 0.9, 0.9)),
        },
    },
    "statements": {
        "statements": 60, "control": "control",
        "models": {"tfidf": flagged(0.2), "custom": flagged(0.4), "custom_balanced": flagged(0.1)},
    },
    "civil": {"comments": 50, "models": {"custom": {"auc": {"overall": 0.6, **areas(0.5, 0.4, 0.3)}}}},
    "disagreement": {
        "oof": {
            "comments": 700,
            "patterns": {"all labels": {"n": 700, "all right": 600, "only custom right": 9, "all wrong": 20}},
            "slices": SLICES,
            "confusion": {"custom": {"sets": ["none", "toxic"], "counts": [[5, 1], [2, 3]]}},
            "hardest": {"custom": [{"id": f"c{k}", "loss": 9.0 - k, "worst": "toxic", "true": "toxic",
                                    "probable": "none"} for k in range(9)]},
        },
        "tested": {"comments": 70, "slices": SLICES},
    },
    "label_errors": {
        "rows": 700, "by_all": 3, "by_any": 9,
        "models": {
            "custom": {
                "labels": {"toxic": {"flagged": 6}, "insult": {"flagged": 2}}, "comments": 7,
                "model_errors": {"toxic": {"errors": 12, "flagged": 6}, "insult": {"errors": 4, "flagged": 2}},
                "review": [{"id": "c1", "label": "insult", "given": False, "prob": 0.99, "quality": 0.01}] * 9,
            },
        },
        "check": {"corpora": {"jigsaw": [{"noise": "uniform", "rate": 0.02, "rows": 700, "labels": {
            "all labels": {"injected": 9, "flagged": 12, "hits": 6, "precision": 0.5, "recall": 0.7, "at_injected": 0.6,
                           "flagged_before": 3}}}]}},
    },
    "fix": {
        "before": "custom", "after": "custom_balanced",
        "steps": [{"rows": 90}, {"rows": 120}],
        "hatecheck": {"total": {"difference": 0.1, "low": 0.05, "high": 0.15}},
        "costs": [
            cost("toxic", "ap", -0.02, -0.03, -0.01), cost("toxic", "auroc", 0.0, -0.01, 0.01),
            cost("macro", "ap", 0.01, -0.01, 0.03), cost("threat", "ap", 0.5, 0.4, 0.6),
        ],
    },
    "run": {"models": {"custom": RECORD, "tfidf": {"checkpoint": {"date": "2029-01-01T00:00:00"}}}},
}  # fmt: skip


def test_every_figure_says_whose_texts_it_is_of():
    told = {part: errors_shown.origin(SUMMARY, part) for part in ("hatecheck", "statements", "civil", "tested", "real")}
    assert told["hatecheck"] == "HateCheck, 3,000 cases; models trained until 2030-01-02"
    assert told["tested"].startswith("70 test comments of three sources;")
    assert told["real"].startswith("validation comments of Jigsaw, and test comments")
    assert errors_shown.origin(SUMMARY, "oof") == "Jigsaw sample, 700 comments out of fold"


def test_hatecheck_tables():
    table = errors_shown.decision_table(SUMMARY)
    assert table.loc["custom, balanced"].tolist() == ["identity hate", 90, 8, 0.8, 0.7]
    table = errors_shown.comparison_table(SUMMARY)
    assert table.loc["custom against TF-IDF"].to_dict() == {
        "all cases": "+20.0 [+10.0, +30.0] (p = 0.020)", "hateful": "+0.0 [-10.0, +10.0] (p = 0.900)",
    }  # fmt: skip
    cells = errors_shown.group_cells(SUMMARY, "custom")
    assert cells.loc[("derog_dehum_h", "women"), "accuracy"] == 0.7


def test_areas_stand_beside_the_published_ones_and_with_the_terms_at_the_ends():
    table = errors_shown.area_table(SUMMARY, "madlibs")
    assert table.loc["TF-IDF", ["AUC", "BPSN", "least flagged", "most flagged"]].tolist() == [
        0.6, 0.8, "old 1%", "gay 50%",
    ]  # fmt: skip
    assert table.loc["Wikipedia CNN (published)", "AUC"] == 0.9524 and pd.isna(table.loc["TF-IDF", "BNSP"])
    assert list(errors_shown.area_table(SUMMARY, "civil").index) == ["custom"]


def test_the_most_biased_terms_are_those_of_any_model_but_the_floor():
    terms = errors_shown.by_model(SUMMARY, "madlibs", "terms")
    chosen = errors_shown.most_biased(terms, 1)
    assert {model: list(table.index) for model, table in chosen.items()} == {
        "custom": ["old"],
        "custom_balanced": ["old"],
    }
    assert list(errors_shown.most_biased({"tfidf": terms["tfidf"]}, 1)["tfidf"].index) == ["gay"]


def test_who_alone_is_right_by_kind_of_comment():
    table = errors_shown.alone_right(SUMMARY, "tested")
    assert list(table.index) == ["raters: divided", "raters: of one mind"], "one site divides nothing"
    assert table.iloc[0].to_dict() == {"comments": 7, "only TF-IDF right": 1, "only custom right": 2}


def test_lists_by_id_are_short_and_hold_no_text():
    table = errors_shown.hardest_table(SUMMARY, 2)
    assert table["id"].tolist() == ["c0", "c1"] and list(table.index) == ["custom", "custom"]
    table = errors_shown.review_table(SUMMARY, "custom", 3)
    assert table.iloc[0].to_dict() == {"label": "insult", "given": "not given", "out-of-fold probability": 0.99}
    assert len(table) == 3
    table = errors_shown.confusion(SUMMARY, "custom")
    assert table.loc["toxic", "none"] == 2


def test_label_errors_in_a_table():
    assert errors_shown.error_shares(SUMMARY).loc["custom"].tolist() == [8, 7, 16, 0.5]
    (name,) = errors_shown.trials(SUMMARY)
    assert name == "the Jigsaw sample, 2% of all labels"
    unchecked = {"label_errors": {"check": None}}
    assert errors_shown.trials(unchecked) == {}


def test_what_was_changed_before_and_after():
    assert "chosen on 90 real validation comments, or on 120" in errors_shown.fix_record(SUMMARY)
    table = errors_shown.changed_functionalities(SUMMARY, most=1)
    assert list(table) == ["custom", "custom, balanced", "change"]
    assert table["change"].tolist() == ["+20 points", "+0 points"]
    assert table.index.tolist()[-1] == "slur", "the smallest change comes last"
    table = errors_shown.cost_cells(SUMMARY)
    assert table.loc["jigsaw, test"].to_dict() == {
        "toxic AP": "-0.020 [-0.030, -0.010]", "toxic AUROC": "+0.000 [-0.010, +0.010]",
        "macro AP": "+0.010 [-0.010, +0.030]",
    }  # fmt: skip
    assert list(table)[:2] == ["toxic AP", "toxic AUROC"]
    table = errors_shown.flagged_before_and_after(SUMMARY)
    assert list(table) == ["toxic: custom", "toxic: custom, balanced", "hateful: custom", "hateful: custom, balanced"]
    assert table.loc["religion"].tolist() == [0.4, 0.1, 0.4, 0.1] and table.index[-1] == "no group"


def test_what_is_missing_is_said():
    without = SUMMARY | {"fix": None}
    assert "`custom_balanced` has not been scored" in errors_shown.fix_record(without)
    assert errors_found.found(without)["What we changed"] == [errors_shown.fix_record(without)]


def test_findings_in_short():
    found = errors_found.found(SUMMARY)
    assert list(found) == ["Functions", "Identities", "Disagreement", "Labels", "What we changed"]
    assert found["Functions"][0].startswith("Best on HateCheck is custom, balanced: 80.0% of all cases, 80.0% of the ")
    line = found["Functions"][0]
    assert line.endswith("all cases (reached), with more than 60% of those that are not hateful (reached).")
    assert found["Identities"][0].startswith("TF-IDF calls 15% of neutral sentences about groups hateful, and 10% of ")
    gain, price = found["What we changed"]
    assert "all cases +10.0 points [+5.0, +15.0]" in gain
    assert price.endswith("is shown in 1 of 2 comparisons (jigsaw, test, AP -0.020).")


@pytest.mark.parametrize(
    ("total", "others", "told"), [(0.77, 0.59, "hateful (not reached)"), (0.76, 0.9, "cases (not")]
)
def test_the_aim_has_two_halves(total, others, told):
    models = {"custom": hatecheck(total, others)}
    changed = SUMMARY | {"hatecheck": SUMMARY["hatecheck"] | {"models": models}, "fix": None}
    line = errors_found.found(changed)["Functions"][0]
    assert told in line and line.count("not reached") == 1
