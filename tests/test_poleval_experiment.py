"""The PolEval system on tweets written here: its choices by hand, the whole run, the test file scored once."""

import dataclasses

import numpy as np
import pytest
import torch
from helpers.training import comments_rows

from toxres.errors import InputError
from toxres.evaluation.poleval import harmful_scores, type_scores
from toxres.experiments import poleval
from toxres.experiments.poleval_choice import (
    choose_biases,
    cross_fitted_softmax,
    expected_f1_cut,
    fit_softmax,
    prior_shift,
    scores_by_fold,
)
from toxres.files import read_json
from toxres.models.encoders import load_encoder
from toxres.training import multiview


def write_tweets(folder, split: str, count: int) -> None:
    """Both tasks' files of a split: every second tweet is harmful, every fourth hate speech."""
    rows = comments_rows(count, seed=count)
    for task in ("6-1", "6-2"):
        path = folder / f"poleval2019/task{task}"
        path.mkdir(parents=True, exist_ok=True)
        kinds = [
            0 if not row["toxic"] else 1 if task == "6-1" or number % 4 == 1 else 2 for number, row in enumerate(rows)
        ]
        (path / f"{split}_clean_only_text.txt").write_text("".join(f"{row['comment_text']}\n" for row in rows))
        (path / f"{split}_clean_only_tags.txt").write_text("".join(f"{kind}\n" for kind in kinds))


def with_folds(comments):
    """Comments with a fold each, their origin kept."""
    attrs, comments = comments.attrs, comments.assign(fold=2)
    comments.attrs = attrs
    return comments


@pytest.fixture
def small(bare_data, monkeypatch, tmp_path, small_comments):
    """The experiment with 60 tweets of training, 24 of the test file and the tiny encoder."""
    write_tweets(bare_data, "training_set", 60)
    write_tweets(bare_data, "test_set", 24)
    torch.manual_seed(0)
    tiny = load_encoder("tiny", dropout=0.0)
    monkeypatch.setattr("toxres.models.encoders.load_encoder", lambda name, dropout: tiny)
    monkeypatch.setattr(poleval, "FIRST", ("other",))
    monkeypatch.setattr(poleval, "load_comments", lambda name: with_folds(small_comments))
    smoke = multiview.SETTINGS["smoke"]
    monkeypatch.setattr(poleval, "settings", lambda: dataclasses.replace(smoke, ngrams=smoke.ngrams[:1]))
    monkeypatch.setattr(poleval, "HEADLINE", tmp_path / "headline.json")
    return {"result": tmp_path / "poleval.json", "work": tmp_path / "work"}


def test_a_run_chooses_on_training_tweets_and_scores_the_test_file_once(small, tmp_path, monkeypatch, capsys):
    known = poleval.run(**small)
    assert "test" not in known and not (tmp_path / "headline.json").exists()
    cv = known["cv"]
    assert list(cv["views"]) == ["nb-char_wb-2-5", "layers-mean", "layers-max", "first", "members", "members, seed 0"]
    assert list(cv["steps"])[-1] == "+ members" and cv["chosen"] in cv["candidates"]
    assert cv["rows"] == 60 and cv["harmful"] == 30
    monkeypatch.setattr(multiview, "fit_stack", None)
    scored = poleval.run(test=True, **small)
    assert scored["cv"] == cv, "the fitted stack is read back as it was"
    assert scored["test"]["scores"]["6-1"]["f1"] > 0.9
    figures = read_json(tmp_path / "headline.json")
    assert figures["poleval.6-1.test.f1"] == scored["test"]["scores"]["6-1"]["f1"]
    assert set(figures["poleval.6-2.test._run"]["sources"]) == {"poleval-6-1", "poleval-6-2"}
    with pytest.raises(InputError, match="scored already"):
        poleval.run(test=True, **small)
    again = poleval.run(test=True, again=True, **small)
    assert again["test"]["scores"] == scored["test"]["scores"]


def test_the_command_says_in_one_line_what_is_missing(bare_data, capsys):
    assert poleval.main([]) == 2
    assert "is not at hand" in capsys.readouterr().err


def test_goals_are_harmful_then_its_two_kinds():
    assert poleval.goals(np.array([0, 1, 2])).tolist() == [[0, 0, 0], [1, 1, 0], [1, 0, 1]]


def test_a_threshold_never_sees_the_fold_it_decides():
    folds = np.arange(40) % 2
    harmful = np.arange(40) < 20
    logits = np.where(harmful, 1.0, -1.0) + np.where(folds == 1, 10.0, 0.0)
    figures = scores_by_fold(logits, harmful, folds)
    assert figures["ap"] == 1 and figures["ap_sd"] == 0
    # fold 0's threshold lies at 10, so nothing is found there; fold 1's lies at 0, so all of it is harmful
    assert figures["f1_folds"] == [0.0, pytest.approx(2 / 3)]
    assert figures["f1"] == harmful_scores(harmful.astype(int), (folds == 1).astype(int)).f1


def test_biases_lift_the_classes_that_argmax_forgets():
    random = np.random.default_rng(0)
    tags = random.choice(3, 3000, p=[0.9, 0.04, 0.06])
    scores = random.normal(size=(3000, 3)) + 2 * np.eye(3)[tags] + np.log([0.9, 0.04, 0.06])
    logs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    biases = choose_biases(logs, tags)
    assert biases[0] == 0 and biases[1] > 0 and biases[2] > 0
    plain, moved = (type_scores(tags, (logs + bias).argmax(axis=1)).macro_f for bias in (0, biases))
    assert moved > plain + 0.05


def test_a_softmax_learns_the_tags_and_is_cross_fitted():
    random = np.random.default_rng(0)
    tags = random.integers(0, 3, 300)
    logits = random.normal(size=(2, 300, 3)) + 2 * np.stack([tags > 0, tags == 1, tags == 2], axis=1)
    logs = fit_softmax(logits, tags).log_probs(logits)
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1)
    assert (logs.argmax(axis=1) == tags).mean() > 0.85
    folds = np.arange(300) % 3
    apart = cross_fitted_softmax(logits, tags, folds)
    other = np.where(folds == 1, 2 - tags, tags)
    np.testing.assert_array_equal(apart[folds == 1], cross_fitted_softmax(logits, other, folds)[folds == 1])


def test_a_moved_prior_is_found_from_scores_alone():
    random = np.random.default_rng(0)

    def scores(share: float) -> np.ndarray:
        harmful = random.random(20_000) < share
        evidence = random.normal(np.where(harmful, 1.0, -1.0), 1.0)  # log-likelihood ratio: 2 * evidence
        return 1 / (1 + np.exp(-(2 * evidence + np.log(0.1 / 0.9))))

    # The estimate's standard error is below 0.005 here; six of them.
    assert prior_shift(scores(0.1), 0.1)[0] == pytest.approx(0.1, abs=0.03)
    assert prior_shift(scores(0.3), 0.1)[0] == pytest.approx(0.3, abs=0.03)


def test_the_cut_with_the_highest_expected_f1_by_hand():
    # Expected F1 of the best one, two, three: 1.8 / 2.7, 2.8 / 3.7, 3.2 / 4.7 over a sum of 0.9 + 0.5 + 0.2 + 0.1
    probs = np.array([0.2, 0.9, 0.1, 0.5])
    assert expected_f1_cut(probs) == 0.5
