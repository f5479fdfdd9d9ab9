"""The committed figures follow from the committed scores, and the synthetic corpus is as hard as it should be."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from toxres.config import FULL
from toxres.data import load_comments, targets
from toxres.errors import InputError
from toxres.evaluation.metrics import auroc, evaluate_probs
from toxres.files import read_json, write_json
from toxres.labels import LABELS
from toxres.results import read_headline
from toxres.training import summaries
from toxres.training.experiments import RESULTS, write_probs
from toxres.training.out_of_fold import need_same_settings, on_common_folds, read_out_of_fold, run_settings
from toxres.training.summaries import fold_figures, oof_figures

STALE = "the corpus changed: run `python -m toxres.training.experiments synthetic` anew, its old results removed"


def test_headline_figures_are_those_of_the_committed_scores(data_dir, tmp_path):
    if not (RESULTS / "ablation.json").exists():
        pytest.fail("data/results/ablation.json is not committed; run the experiments and the summaries")
    committed = read_headline()
    for group, (experiment, names, compute) in summaries.HEADLINE_GROUPS.items():
        for name in names:
            for key, value in compute(read_out_of_fold(experiment, name)).items():
                assert committed[f"{group}.{name}.{key}"] == pytest.approx(value, abs=1e-9), (group, name, key)


def test_committed_details_are_those_of_the_committed_scores(data_dir):
    for experiment, name in (("oof", "custom"), ("ablation", "attention_focal")):
        details = read_json(RESULTS / f"{experiment}.json")["evaluations"][name]["macro"]
        computed = read_out_of_fold(experiment, name).fitted.evaluation.macro
        assert details["ap"] == pytest.approx(computed["ap"], abs=1e-9)


def test_no_committed_score_is_of_a_comment_its_model_was_trained_on(data_dir):
    folds = load_comments("jigsaw").set_index("id")["fold"]
    for file in sorted(RESULTS.glob("*/*-fold[0-9].json")):
        if file.parent.name == "synthetic":
            continue
        run = read_json(file)
        ids = pd.read_csv(file.with_suffix(".csv"), dtype={"id": str})["id"]
        assert run["test_fold"] == int(file.stem[-1])
        assert (folds.loc[ids] == run["test_fold"]).all()
        if file.parent.name != "stress":
            assert len(ids) == (folds == run["test_fold"]).sum()


def test_synthetic_corpus_is_easier_for_an_encoder_than_for_ngrams():
    comments = load_comments("synthetic", split="test")
    scores = {}
    for name in ("tfidf", "baseline"):
        table = pd.read_csv(RESULTS / "synthetic" / f"{name}-fold0.csv", dtype={"id": str})
        assert table["id"].tolist() == comments["id"].tolist(), STALE
        recorded = read_json(RESULTS / "synthetic" / f"{name}-fold0.json")["sources"][0]["sha256"]
        assert recorded == comments.attrs["sha256"], STALE
        scores[name] = np.nanmean(auroc(targets(comments), table[list(LABELS)].to_numpy()))
    assert scores["baseline"] - scores["tfidf"] >= 0.03, scores


@pytest.fixture
def two_folds(tmp_path):
    """Made-up scores of two folds of the synthetic corpus."""
    comments = load_comments("synthetic")
    for fold in (0, 1):
        rows = comments[comments["fold"] == fold]
        noise = np.random.default_rng(fold).uniform(0, 0.4, (len(rows), len(LABELS)))
        write_probs(tmp_path / "oof" / f"made-fold{fold}.csv", rows["id"], 0.5 * targets(rows) + noise)
        source = {"name": "synthetic", "sha256": comments.attrs["sha256"]}
        write_json(tmp_path / "oof" / f"made-fold{fold}.json", {"fold": fold, "sources": [source]})
    return tmp_path


def test_out_of_fold_scores_keep_their_rows(two_folds):
    scores = read_out_of_fold("oof", "made", two_folds, "synthetic")
    comments = load_comments("synthetic").set_index("id")
    assert (comments.loc[scores.ids, "fold"].to_numpy() == scores.folds).all()
    np.testing.assert_array_equal(scores.targets, targets(comments.loc[scores.ids]))
    assert oof_figures(scores)["macro_auroc"] > 0.99


def test_scores_of_a_comment_in_another_fold_are_refused(two_folds):
    (two_folds / "oof" / "made-fold1.csv").rename(two_folds / "oof" / "made-fold2.csv")
    (two_folds / "oof" / "made-fold1.json").rename(two_folds / "oof" / "made-fold2.json")
    with pytest.raises(InputError, match="not in fold 2"):
        read_out_of_fold("oof", "made", two_folds, "synthetic")


def test_one_fold_is_not_enough(two_folds):
    (two_folds / "oof" / "made-fold1.csv").unlink()
    with pytest.raises(InputError, match="scores of 1 folds"):
        read_out_of_fold("oof", "made", two_folds, "synthetic")


def test_scores_of_a_larger_file_keep_the_folds_they_were_made_for(two_folds):
    for fold in (0, 1):
        path = two_folds / "oof" / f"made-fold{fold}.json"
        write_json(path, {"sources": [{"name": "synthetic", "sha256": "another file"}]})
    (two_folds / "oof" / "made-fold1.csv").rename(two_folds / "oof" / "made-fold3.csv")
    (two_folds / "oof" / "made-fold1.json").rename(two_folds / "oof" / "made-fold3.json")
    assert set(read_out_of_fold("oof", "made", two_folds, "synthetic").folds) == {0, 3}


def test_models_are_compared_on_common_folds_only(two_folds):
    one = read_out_of_fold("oof", "made", two_folds, "synthetic")
    third = np.where(np.arange(len(one.ids)) % 3 == 0, 2, one.folds)
    more = dataclasses.replace(one, folds=third)
    kept = third != 2
    fewer = dataclasses.replace(
        one, **{name: getattr(one, name)[kept] for name in ("ids", "folds", "targets", "logits")}
    )
    a, b = on_common_folds(more, fewer)
    np.testing.assert_array_equal(a.ids, one.ids[kept])
    np.testing.assert_array_equal(a.ids, b.ids)
    assert a.fitted.thresholds.shape == (kept.sum(), len(LABELS))


def test_models_that_score_different_comments_are_not_compared(two_folds):
    one = read_out_of_fold("oof", "made", two_folds, "synthetic")
    other = dataclasses.replace(one, ids=one.ids[::-1])
    with pytest.raises(InputError, match="different comments"):
        on_common_folds(one, other)


def test_a_preset_is_told_by_what_differs():
    full = dataclasses.asdict(FULL) | {"epochs_auxiliary": 0}
    assert summaries.preset_told({"recipe": "custom", "preset": full}) == "full"
    assert summaries.preset_told({"recipe": "custom", "preset": full | {"epochs": 7}}) == "full with epochs=7"


RECORD = {
    "recipe": "baseline",
    "preset": dataclasses.asdict(FULL),
    "sources": [{"name": "jigsaw", "sha256": "ab", "rows": 10}],
    "initial": {"key": "k1", "sources": []},
    "seed": 0,
    "commit": "one",
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"preset": RECORD["preset"] | {"head_learning_rate": None}},
            "its preset .*head_learning_rate: .* and None",
        ),
        ({"recipe": "custom"}, "its recipe differs"),
        ({"initial": {"key": "k2"}}, "its initial .*run: k1 and k2"),
        ({"initial": None}, "its initial"),
        ({"sources": [{"name": "jigsaw", "sha256": "cd"}]}, "its sources"),
    ],
)
def test_folds_of_different_runs_are_not_pooled(change, told):
    with pytest.raises(InputError, match=f"^b: {told}") as caught:
        need_same_settings([RECORD, RECORD | change], ["a", "b"])
    assert "\n" not in str(caught.value)


def test_what_follows_from_the_fold_may_differ():
    other = RECORD | {"seed": 3, "commit": "two", "sources": [{"name": "jigsaw", "sha256": "ab", "rows": 11}]}
    old = {key: value for key, value in RECORD["preset"].items() if key != "group_by_length"}
    need_same_settings([RECORD, other, RECORD | {"preset": old}], ["a", "b", "c"])
    need_same_settings([RECORD, RECORD | {"initial": None}], ["a", "b"], but=["initial"])
    floor = RECORD | {"recipe": "tfidf"}
    assert run_settings(floor) == run_settings(floor | {"preset": old | {"head_learning_rate": None}})


def test_a_half_finished_rerun_is_refused(two_folds):
    path = two_folds / "oof" / "made-fold1.json"
    write_json(path, read_json(path) | {"initial": {"key": "another"}})
    with pytest.raises(InputError, match="oof/made-fold1: its initial differs from that of oof/made-fold0"):
        read_out_of_fold("oof", "made", two_folds, "synthetic")


def test_each_fold_is_scored_by_itself_too(two_folds):
    scores = read_out_of_fold("oof", "made", two_folds, "synthetic")
    table = fold_figures(scores)
    for place, fold in enumerate((0, 1)):
        rows = scores.folds == fold
        expected = evaluate_probs(scores.targets[rows], scores.fitted.probs[rows], scores.fitted.thresholds[rows])
        assert table["macro_ap"][place] == pytest.approx(expected.macro["ap"])
        assert table["macro_f1_tuned"][place] == pytest.approx(expected.macro["f1_tuned"])
        assert table["undefined"][place] == expected.macro["undefined"]["ap"]
    assert len(table["macro_ece_calibrated"]) == 2


def test_committed_comparisons_of_seeds_say_what_they_leave_out():
    for row in read_json(RESULTS / "ablation.json")["comparisons"]:
        if row["label"] in ("macro", "rare"):
            assert len(row["undefined"]) == len(row["by_seed"])
