"""The triage experiment: committed figures recomputed, small runs end to end, and what its sentences say."""

import copy

import numpy as np
import pandas as pd
import pytest

from toxres.errors import InputError
from toxres.experiments import triage as experiment
from toxres.experiments import triage_told
from toxres.files import read_json
from toxres.results import read_headline
from toxres.training.experiments import RESULTS
from toxres.triage import Policy


@pytest.fixture(scope="module")
def found():
    return read_json(RESULTS / "triage.json")


def test_the_headline_is_what_the_experiment_wrote(found):
    headline = read_headline()
    for group, figures in experiment.headline_figures(found).items():
        for name, value in figures.items():
            assert headline[f"{group}.{name}"] == pytest.approx(value)
    for design in ("resplits", "draws"):
        for method, row in found["models"]["all"][design].items():
            splits = found["models"]["all"]["splits"][design][method]
            assert len(splits["coverage"]) == found["n_splits"] == 500
            assert row["coverage"] == pytest.approx(np.mean(splits["coverage"]), abs=1e-4)
            above = np.array(splits["error"], dtype=float) > found["tolerated"]
            assert row["broken_share"] == pytest.approx(above.mean())


def test_the_committed_figures_are_those_of_the_committed_scores(found, data_dir):
    """Recomputes the first splits of both designs, which do not depend on how many follow."""
    scores = experiment.read_scores(sets={"all": experiment.MODELS})
    assert found["rows"] == len(scores.ids)
    assert found["violations"] == scores.violates.sum()
    again = experiment.coverage_figures(scores.by_set["all"], scores.violates, n_splits=12)
    committed = found["models"]["all"]
    for name, value in again["hindsight"].items():
        assert value == pytest.approx(committed["hindsight"][name])
    for design, methods in again["splits"].items():
        for method, values in methods.items():
            for name, value in values.items():
                assert value == pytest.approx(committed["splits"][design][method][name][:12], abs=1e-5)


def test_a_promise_is_kept_where_the_true_rate_is_known_and_tuning_is_not(found):
    for model in found["models"].values():
        assert model["draws"]["promised"]["broken_low"] <= 1 - found["confidence"]
        assert model["draws"]["tuned"]["broken_low"] > 0.2


def test_verdicts_of_a_fold_come_from_the_other_folds():
    random = np.random.default_rng(0)
    scores = 1 / (1 + np.exp(-random.normal(-2, 3, 4_000)))
    violates, folds = random.random(4_000) < scores, np.arange(4_000) % 2
    policy = Policy("p", {"toxic": 1}, wrong_decisions=0.05)
    verdict = experiment.cross_fitted_verdicts(scores, violates, folds, policy)
    assert set(verdict) == {"accept", "uncertain", "reject"}
    changed = violates.copy()
    changed[folds == 0] = random.random(2_000) < 0.5
    again = experiment.cross_fitted_verdicts(scores, changed, folds, policy)
    assert (again[folds == 0] == verdict[folds == 0]).all()
    assert (again[folds == 1] == "uncertain").all()


def test_scores_of_other_comments_are_refused(data_dir):
    first = experiment.read_out_of_fold("oof", "tfidf")
    other = copy.copy(first)
    object.__setattr__(other, "ids", np.array(["x", *first.ids[1:]]))
    with pytest.raises(InputError, match="scores other comments than tfidf"):
        experiment._order(other, first)


def test_sentences_say_what_the_file_holds(found):
    told = "\n".join(triage_told.findings(found))
    promised = found["models"]["all"]["resplits"]["promised"]
    assert f"{promised['coverage']:.1%} can be decided without a person" in told
    assert f"in {found['models']['all']['draws']['tuned']['broken_share']:.1%} of 500 draws" in told
    changed = copy.deepcopy(found)
    changed["models"]["all"]["resplits"]["promised"]["coverage"] = 0.123
    for row in changed["audit"]["terms"].values():
        row["harmless_p"], row["error_p"] = 0.5, 0.5
    changed["audit"]["terms"]["gay"] |= {"error_p": 0.001, "error": 0.9}
    for row in changed["shift"]["cross"]["0.02"]:
        row["promised"] = False
    for row in changed["shift"]["repair"]["0.02"]:
        row["promised_share"] = 0.2
    told = "\n".join(triage_told.findings(changed))
    assert "12.3% can be decided" in told
    assert "No single term makes harmless comments wait" in told
    assert "wrong more often, beyond luck, about: gay." in told
    assert "With 2% tolerated, wikipedia can promise nothing." in told
    assert "1,000 local labels are not enough to promise 2% reliably" in told


def test_tables_of_the_notebook(found):
    assert triage_told.coverage_table(found).loc["all six models", "coverage, promised"] > 0.8
    table = triage_told.promise_table(found)
    assert table.index.tolist() == list(triage_told.METHOD_NAMES.values())
    anchors = triage_told.anchor_table(found)
    assert anchors.loc["BERT-base, BCE (published)", "85% automated"] == 0.974
    assert isinstance(triage_told.audit_table(found), pd.DataFrame)


def test_the_summary_is_printed_without_computing(monkeypatch, capsys):
    monkeypatch.setattr(experiment, "summarise", None)
    assert experiment.main(["--summary"]) == 0
    assert "can be decided without a person" in capsys.readouterr().out
