"""The stress experiment: a weighted sample, the same obfuscated texts for all, nothing scored twice, its figures."""

import dataclasses
import functools
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from toxres.config import RECIPES, SMOKE
from toxres.data import load_comments, targets
from toxres.errors import InputError
from toxres.evaluation.stress import (
    ALL_KINDS,
    CLEAN,
    CONDITIONS,
    FIGURES,
    Condition,
    area_under_stress,
    stress_differences,
    stress_figures,
)
from toxres.experiments import stress, stress_summary
from toxres.experiments.stress import MODELS, continue_stress, runs_stress, sample_comments, stressed_texts
from toxres.files import write_json
from toxres.labels import LABELS
from toxres.perturb import KINDS
from toxres.plots.stress import normalisation_effect, stress_curve, stress_panels
from toxres.training import experiments
from toxres.training.experiments import Run

FEW = (CLEAN, Condition("leet", 0.2), Condition("leet", 0.4), Condition("typo", 0.2), Condition("typo", 0.4))


def population(rows: int = 600, seed: int = 0, share: float = 0.15) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets, and probabilities of a better and of a worse model."""
    random = np.random.default_rng(seed)
    truth = (random.random((rows, 6)) < share).astype(float)
    good, bad = (np.clip(0.3 * truth + spread * random.random((rows, 6)), 0, 1) for spread in (0.5, 0.7))
    return truth, good, bad


def test_weights_are_as_good_as_so_many_equal_rows():
    truth, probs, _ = population(80)
    weights = np.random.default_rng(1).integers(1, 5, 80)
    figures = stress_figures(truth, weights, {CLEAN: probs}).iloc[0]
    rows = np.repeat(np.arange(80), weights)
    ap = [average_precision_score(truth[rows, i], probs[rows, i]) for i in range(6)]
    auroc = [roc_auc_score(truth[rows, i], probs[rows, i]) for i in range(6)]
    assert figures["macro_ap"] == pytest.approx(np.mean(ap), abs=1e-6)
    assert figures["macro_auroc"] == pytest.approx(np.mean(auroc), abs=1e-6)
    assert figures["toxic_auroc"] == pytest.approx(auroc[0], abs=1e-6)


def test_the_sample_tells_what_the_whole_fold_would():
    """Mean over 40 draws of a fixed population: off by less than 0.01 where leaving the weights out is off by 0.1."""
    truth, probs, _ = population(3_000, seed=3, share=0.03)
    comments = pd.DataFrame({"id": np.arange(3_000), **dict(zip(LABELS, truth.T, strict=True))})
    whole = stress_figures(truth, np.ones(3_000), {CLEAN: probs})["macro_ap"][0]
    weighted, plain = [], []
    for seed in range(40):
        sample = sample_comments(comments, 800, seed)
        at = sample["id"].to_numpy()
        assert len(sample) == 800 and sample["weight"].sum() == pytest.approx(3_000)
        weighted.append(stress_figures(truth[at], sample["weight"], {CLEAN: probs[at]})["macro_ap"][0])
        plain.append(stress_figures(truth[at], np.ones(800), {CLEAN: probs[at]})["macro_ap"][0])
    assert abs(np.mean(weighted) - whole) < 0.01 < 0.05 < np.mean(plain) - whole


def test_the_sample_keeps_every_comment_with_a_label_and_the_order(small_comments):
    sample = sample_comments(small_comments, 7)
    assert set(small_comments["id"][targets(small_comments)[:, 0] >= 0.5]) <= set(sample["id"])
    assert sample["id"].is_monotonic_increasing and len(sample) == 7
    assert sample.set_index("id").loc[["a2", "a5"], "weight"].tolist() == [1, 1]
    assert sample["weight"].max() == 2
    assert len(sample_comments(small_comments, 3)) == 6, "none with a label is left out"


def test_areas_are_mean_heights():
    rows = [(CLEAN, 1.0), (Condition("leet", 0.2), 0.8), (Condition("leet", 0.4), 0.4), (Condition("typo", 0.4), 0.0)]
    table = pd.DataFrame([{**condition._asdict(), **dict.fromkeys(FIGURES, value)} for condition, value in rows])
    areas = area_under_stress(table)["macro_ap"]
    assert areas.round(6).to_dict() == {"leet": 0.75, "typo": 0.5, ALL_KINDS: 0.625}


def test_differences_are_paired_and_averaged_over_kinds():
    truth, good, bad = population()
    weights = np.where(truth.any(axis=1), 1.0, 3.0)
    first = dict.fromkeys(FEW, good)
    second = {condition: good if condition in (CLEAN, Condition("typo", 0.2)) else bad for condition in FEW}
    table = stress_differences(truth, weights, first, second, 200).set_index(["kind", "share", "figure"])
    assert (table.loc["clean"][["difference", "low", "high"]] == 0).all(axis=None), "the same rows for both models"
    kinds, mean = (table.loc[(kind, 0.2, "toxic_auroc")] for kind in ("leet", ALL_KINDS))
    assert 0 < kinds["low"] < kinds["difference"] < kinds["high"]
    assert mean["difference"] == pytest.approx(kinds["difference"] / 2)
    assert mean["high"] - mean["low"] == pytest.approx((kinds["high"] - kinds["low"]) / 2)
    swapped = stress_differences(truth, weights, second, first, 200).set_index(["kind", "share", "figure"])
    assert swapped["high"].to_numpy() == pytest.approx(-table["low"].to_numpy())


def test_a_label_that_resamples_miss_is_counted_and_one_without_positives_is_left_out():
    truth, good, bad = population(200)
    truth[:, 3] = 0
    truth[5, 3] = 1
    truth[:, 4] = 0
    table = stress_differences(truth, np.ones(200), {CLEAN: good}, {CLEAN: bad}, 300).set_index("figure")
    assert 60 < table.loc["macro_ap", "n_undefined"] < 160, "one row is missed by 37% of resamples"
    assert table.loc["toxic_auroc", "n_undefined"] == 0
    assert table["difference"].notna().all()


@pytest.mark.parametrize("weights", [np.zeros(40), np.ones(39), np.full(40, np.nan)])
def test_weights_that_are_none(weights):
    truth, probs, _ = population(40)
    with pytest.raises(InputError, match="weights must be 40 positive numbers"):
        stress_figures(truth, weights, {CLEAN: probs})


def test_models_scored_under_other_conditions_are_not_compared():
    truth, probs, _ = population(40)
    with pytest.raises(InputError, match="other conditions"):
        stress_differences(truth, np.ones(40), {CLEAN: probs}, {FEW[1]: probs})


def test_models_differ_in_normalisation_alone():
    runs = {run.name: run for run in runs_stress((1,))}
    assert list(runs) == [f"{model}-fold1" for model in MODELS]
    for normalised, plain in stress_summary.PAIRS.values():
        one, other = (runs[f"{name}-fold1"] for name in (normalised, plain))
        assert dataclasses.replace(one, name="", recipe="") == dataclasses.replace(other, name="", recipe="")
        assert one.preset == other.preset and one.preset.epochs == 2 and one.preset.freeze_layers == 2
        if one.recipe != "tfidf":
            changed = dataclasses.replace(RECIPES[one.recipe], name=other.recipe, normalisation=())
            assert changed == RECIPES[other.recipe] and RECIPES[one.recipe].normalisation


def test_folds_and_models_that_do_not_exist(capsys):
    with pytest.raises(InputError, match="fold 7 does not exist"):
        runs_stress((0, 7))
    with pytest.raises(InputError, match="unknown model 'bert'"):
        runs_stress((0,), ["bert"])
    for words, told in ((["--folds", "a"], "is no list of folds"), (["--folds", "9"], "fold 9 does not exist")):
        with pytest.raises(SystemExit) as stopped:
            stress.main(words)
        assert stopped.value.code == 2 and told in capsys.readouterr().err


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A smoke run of every model on a few synthetic comments, under a few conditions."""
    folder = tmp_path_factory.mktemp("stress")
    seen = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TOXRES_DATA_DIR", raising=False)
        patch.setattr(experiments, "RESULTS", folder / "results")
        patch.setattr(experiments, "WORK", folder / "work")
        patch.setattr(Run, "preset", property(lambda run: dataclasses.replace(SMOKE, epochs=1)))
        patch.setattr(stress, "CONDITIONS", FEW)
        patch.setattr(stress_summary, "CONDITIONS", FEW)
        patch.setattr(stress, "sample_comments", functools.partial(sample_comments, size=160))
        patch.setattr(stress_summary, "CHANGED_SOURCES", ("synthetic",))
        patch.setattr(stress_summary, "MOST_CHANGED", 40)

        def texts(given, condition):
            made = stressed_texts(given, condition)
            seen.setdefault(condition, []).append(made)
            return made

        patch.setattr(stress, "stressed_texts", texts)
        assert continue_stress((0,), limit=1, source="synthetic") == 1
        first = (folder / "results" / "stress" / "tfidf-fold0.csv").stat().st_mtime_ns
        assert continue_stress((0,), source="synthetic") == len(MODELS) - 1
        assert (folder / "results" / "stress" / "tfidf-fold0.csv").stat().st_mtime_ns == first
        assert continue_stress((0,), source="synthetic") == 0, "nothing is done twice"
        found = stress_summary.summarise("synthetic", n_resamples=50)
        yield folder / "results", seen, found


def test_every_model_reads_the_same_texts(places):
    _, seen, _ = places
    assert set(seen) == set(FEW)
    for condition, texts in seen.items():
        assert len(texts) == len(MODELS) and all(each == texts[0] for each in texts)
        assert (texts[0] == seen[CLEAN][0]) == (condition == CLEAN)


def test_a_run_leaves_scores_of_every_condition_and_its_record(places):
    folder, seen, _ = places
    comments = load_comments("synthetic", split="fold:0")
    for model in MODELS:
        table = pd.read_csv(folder / "stress" / f"{model}-fold0.csv", dtype={"id": str})
        assert table.columns.tolist() == ["id", "kind", "share", "weight", *LABELS]
        assert len(table) == 160 * len(FEW) and set(table["id"]) <= set(comments["id"])
        by_condition = table.groupby(["kind", "share"])
        assert {Condition(*key) for key in by_condition.groups} == set(FEW)
        assert by_condition["weight"].sum().to_numpy() == pytest.approx(len(comments), rel=1e-3)
        record = json.loads((folder / "stress" / f"{model}-fold0.json").read_text())
        assert record["recipe"] == model and record["test_fold"] == 0 and record["commit"]
        assert str(folder) not in json.dumps(record)
    assert seen[CLEAN][0][0] not in (folder / "stress" / "tfidf-fold0.csv").read_text()


def test_the_summary_is_computed_from_the_files(places):
    folder, _, found = places
    assert found == json.loads((folder / "stress.json").read_text())
    table = pd.read_csv(folder / "stress" / "custom-fold0.csv", dtype={"id": str})
    clean = table[table["kind"] == "clean"]
    truth = load_comments("synthetic").set_index("id").loc[clean["id"], "toxic"] >= 0.5
    wanted = roc_auc_score(truth, clean["toxic"], sample_weight=clean["weight"])
    assert found["curves"]["custom"][0]["toxic_auroc"] == pytest.approx(wanted, abs=1e-6)
    assert set(found["differences"]) == {"baseline", "custom", "tfidf"} and set(found["area"]) == set(MODELS)
    first = found["differences"]["tfidf"]["table"][0]
    curves = [found["curves"][model][0]["toxic_auroc"] for model in ("tfidf_normalised", "tfidf")]
    assert first["figure"] == "toxic_auroc" and first["difference"] == pytest.approx(curves[0] - curves[1], abs=1e-6)
    assert found["run"]["folds"] == [0] and found["run"]["sources"].keys() == {"synthetic"}
    assert 0 < found["steps"]["synthetic"]["share_changed"]["any"] <= 1


def test_a_summary_of_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(experiments, "RESULTS", tmp_path)
    with pytest.raises(InputError, match="no scores yet"):
        stress_summary.summarise()


def test_a_step_that_changes_half_of_the_comments_says_so():
    found = stress_summary.steps_changed(["plain text", "see http://a.org"])
    assert (found["links"], found["leet"], found["any"]) == (0.5, 0, 0.5)


def curves() -> dict[str, pd.DataFrame]:
    """Made-up figures of two models, with and without normalisation."""
    tables = {}
    for number, model in enumerate(["baseline", "baseline_normalised", "tfidf"]):
        rows = [
            {**each._asdict(), **dict.fromkeys(FIGURES, 0.9 - each.share * (3 - number) / 5)} for each in CONDITIONS
        ]
        tables[model] = pd.DataFrame(rows)
    return tables


def test_a_curve_begins_with_the_text_as_it_was_written():
    ax = stress_curve(curves(), "leet", figure="macro_ap")
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert set(lines) == {"baseline", "baseline, normalised", "TF-IDF"}
    assert lines["baseline"].get_xdata().tolist() == [0, 0.1, 0.2, 0.4]
    assert lines["baseline"].get_ydata() == pytest.approx([0.9, 0.84, 0.78, 0.66])
    assert lines["baseline"].get_color() == lines["baseline, normalised"].get_color() != lines["TF-IDF"].get_color()
    assert lines["baseline, normalised"].get_linestyle() == "-" != lines["baseline"].get_linestyle()
    assert lines["TF-IDF"].get_linewidth() < lines["baseline"].get_linewidth()


def test_the_panels_show_every_kind_and_one_legend():
    fig = stress_panels(curves(), origin="o")
    assert len(fig.axes) == len(KINDS) + 1 and len(fig.legends) == 1
    assert [item.get_text() for item in fig.legends[0].get_texts()][:2] == ["baseline", "TF-IDF"]
    assert all(len(ax.get_lines()) == 3 and ax.get_legend() is None for ax in fig.axes)
    mean = fig.axes[-1].get_lines()[0].get_ydata()
    assert mean == pytest.approx(fig.axes[0].get_lines()[0].get_ydata()), "all kinds fall alike here"


def test_the_effect_is_drawn_with_its_interval_and_hollow_where_it_may_be_nothing():
    rows = [
        {
            "kind": kind,
            "share": share,
            "figure": "macro_ap",
            "difference": value,
            "low": value - 0.02,
            "high": value + 0.02,
        }
        for kind, share, value in (("clean", 0.0, 0.01), (ALL_KINDS, 0.1, -0.05), ("leet", 0.1, 0.4))
    ]
    ax = normalisation_effect({"custom": pd.DataFrame(rows)}, figure="macro_ap")
    assert [item.get_text() for item in ax.get_xticklabels()] == ["as written", "10%"]
    dots = next(item for item in ax.collections if len(item.get_offsets()) == 2)
    assert np.asarray(dots.get_offsets())[:, 1] == pytest.approx([0.01, -0.05])
    assert dots.get_facecolors()[0][:3].tolist() == [1, 1, 1] != dots.get_facecolors()[1][:3].tolist()
    assert {"+0.010", "\u22120.050"} <= {item.get_text() for item in ax.texts}


@pytest.fixture(autouse=True)
def closed_figures():
    """Close what a test has drawn."""
    yield
    plt.close("all")


def test_scores_of_other_comments_are_refused(places, monkeypatch, tmp_path):
    folder, _, _ = places
    table = pd.read_csv(folder / "stress" / "tfidf-fold0.csv", dtype={"id": str})
    (tmp_path / "stress").mkdir()
    write_json(tmp_path / "stress" / "tfidf-fold0.json", {})
    monkeypatch.setattr(experiments, "RESULTS", tmp_path)
    table.assign(id="nobody").to_csv(tmp_path / "stress" / "tfidf-fold0.csv", index=False)
    with pytest.raises(InputError, match="not in synthetic"):
        stress_summary.read_scores("tfidf", [0], "synthetic")
    table[table["kind"] != "leet"].to_csv(tmp_path / "stress" / "tfidf-fold0.csv", index=False)
    with pytest.raises(InputError, match="not every condition"):
        stress_summary.read_scores("tfidf", [0], "synthetic")
