"""Label efficiency: nested training sets, curves with two kinds of luck, and the experiment from end to end."""

import dataclasses
import json
from collections import OrderedDict

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from toxres.config import SMOKE, ULMFIT
from toxres.data import load_comments, targets
from toxres.data.subsets import nested_order
from toxres.errors import InputError
from toxres.evaluation import bootstrap_interval, paired_bootstrap
from toxres.evaluation.arrays import sigmoid
from toxres.evaluation.efficiency import _two_levels, label_efficiency, labels_needed
from toxres.experiments import efficiency
from toxres.experiments.efficiency import read_scores, subset, summarise
from toxres.experiments.efficiency_design import ARMS, SIZES, Cell, Settings, cells
from toxres.labels import LABELS
from toxres.plots.efficiency import FAMILIES, efficiency_curves, efficiency_panels

matplotlib.use("Agg")

RNG = np.random.default_rng(0)
TARGETS = (RNG.random((300, 6)) < [0.2, 0.05, 0.1, 0.04, 0.1, 0.05]).astype(float)


def scored(strength: float, seed: int) -> np.ndarray:
    return sigmoid(strength * TARGETS - 3 + np.random.default_rng(seed).normal(size=TARGETS.shape))


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 400), st.integers(0, 99), st.floats(0.0, 0.4))
def test_every_beginning_is_a_stratified_sample(rows, seed, share):
    random = np.random.default_rng(seed)
    truth = (random.random((rows, 6)) < share * np.array([1, 0.1, 0.5, 0.05, 0.5, 0.1])).astype(float)
    truth[random.random(truth.shape) < 0.05] = np.nan
    order = nested_order(truth, seed)
    assert sorted(order) == list(range(rows)) and (order == nested_order(truth, seed)).all()
    positive = np.nan_to_num(truth) >= 0.5
    known = positive.any(axis=0)
    assert (positive[order[:6]].any(axis=0) == known).all(), "one of every label, with as many rows as labels"
    harmless = ~positive.any(axis=1)
    for size in (rows // 4, rows // 2, rows):
        expected = size * harmless.mean()
        # At most six rows are put first, and of each of at most seven strata one more or less is there.
        assert abs(harmless[order[:size]].sum() - expected) <= 6 + 1 + 1e-9


def test_the_first_rows_are_drawn_at_random():
    orders = {tuple(nested_order(TARGETS, seed)[:20]) for seed in range(5)}
    assert len(orders) == 5
    chosen = np.bincount(np.concatenate([nested_order(TARGETS, seed)[:100] for seed in range(300)]), minlength=300)
    harmless = TARGETS.max(axis=1) == 0
    # Each is in a third of the draws; eight standard deviations of 300 draws.
    assert (np.abs(chosen[harmless] / 300 - chosen[harmless].mean() / 300) < 8 * np.sqrt(0.33 * 0.67 / 300)).all()


def test_one_seed_is_the_bootstrap_over_rows():
    probs, other = scored(2.0, 1), scored(1.5, 2)
    found = label_efficiency(TARGETS, {"a": {100: [probs]}, "b": {100: [other]}}, [("a", "b")], 400, seed=3)
    rows = found.scores.set_index(["arm", "metric"])
    aps = [average_precision_score(TARGETS[:, i], probs[:, i]) for i in range(6)]
    assert rows.loc[("a", "macro_ap"), "score"] == pytest.approx(np.mean(aps))
    assert rows.loc[("a", "toxic_ap"), "score"] == pytest.approx(aps[0])
    assert rows.loc[("a", "toxic_auroc"), "score"] == pytest.approx(roc_auc_score(TARGETS[:, 0], probs[:, 0]))
    expected = bootstrap_interval(TARGETS, probs, "ap", 400, seed=3)
    for metric, told in (("macro_ap", expected), ("toxic_ap", expected.per_label.loc["toxic"])):
        assert rows.loc[("a", metric), ["low", "high"]].tolist() == pytest.approx([told.low, told.high])
    pair = found.differences.set_index("metric").loc["macro_ap"]
    expected = paired_bootstrap(TARGETS, probs, other, "ap", 400, seed=3)
    for name in ("difference", "low", "high", "p_value"):
        assert pair[name] == pytest.approx(getattr(expected, name))


def test_seeds_that_differ_widen_the_interval():
    def width(strengths: list[float]) -> float:
        runs = {"a": {100: [scored(strength, 1) for strength in strengths]}}
        row = label_efficiency(TARGETS, runs, n_resamples=500).scores.set_index("metric").loc["toxic_ap"]
        return row["high"] - row["low"]

    once = width([1.5])
    assert width([1.5] * 4) == pytest.approx(once), "seeds that agree add nothing"
    assert width([0.5, 1.0, 2.0, 2.5]) > 1.5 * once


def test_the_spread_of_few_seeds_is_not_understated():
    """Where the rows say nothing, what is left is the standard error of the mean of the seeds, with n - 1."""
    levels = np.array([0.2, 0.5, 0.6])
    values = np.broadcast_to(levels[:, None, None], (3, 1 + 20_000, 2))
    drawn = np.random.default_rng(0).integers(0, 3, (20_000, 3))
    found = _two_levels(values, drawn)
    assert found[0] == pytest.approx([levels.mean()] * 2)
    assert found[1:].mean(axis=0) == pytest.approx([levels.mean()] * 2, abs=0.004)
    assert found[1:].std(axis=0) == pytest.approx([levels.std(ddof=1) / np.sqrt(3)] * 2, rel=0.03)


def test_labels_needed():
    sizes, scores = [100, 1_000, 10_000], [0.2, 0.4, 0.5]
    assert labels_needed(sizes, scores, 0.3) == pytest.approx(np.sqrt(100 * 1_000))
    assert labels_needed(sizes, scores, 0.4) == pytest.approx(1_000)
    assert labels_needed(sizes, scores, 0.1) == 100
    assert np.isnan(labels_needed(sizes, scores, 0.51))
    assert labels_needed(sizes, [0.2, 0.6, 0.1], 0.5) < 1_000, "where it is first reached"


def test_worth_and_corrected_p_values():
    runs = {
        "none": {size: [scored(level, seed) for seed in range(2)] for size, level in ((100, 1), (400, 2), (1_600, 3))},
        "more": {size: [scored(level, 9 + seed) for seed in range(2)] for size, level in ((100, 2), (1_600, 5))},
    }
    found = label_efficiency(TARGETS, runs, [("more", "none")], 200)
    worth = found.worth.set_index(["metric", "labels"])
    assert 250 < worth.loc[("toxic_ap", 100), "needed"] < 800
    assert worth.loc[("toxic_ap", 100), "low"] < worth.loc[("toxic_ap", 100), "needed"]
    assert np.isnan(worth.loc[("toxic_ap", 1_600), ["needed", "high"]].astype(float)).all(), "never"
    pairs = found.differences
    assert sorted(pairs["labels"].unique()) == [100, 1_600]
    for _, part in pairs.groupby("metric"):
        assert part["p_holm"].max() >= part["p_value"].max() and (part["p_holm"] >= part["p_value"]).all()
    json.dumps(found.to_dict(), default=float)


def test_a_label_that_is_never_positive_has_no_curve():
    truth = TARGETS.copy()
    truth[:, 0] = 0
    runs = {"a": {100: [scored(1.0, 0)]}, "b": {100: [scored(2.0, 1)]}}
    found = label_efficiency(truth, runs, [("a", "b")], 50)
    for table, column in ((found.scores, "score"), (found.differences, "p_value"), (found.worth, "needed")):
        assert table.loc[table["metric"] == "toxic_ap", column].isna().all()
    others = average_precision_score(truth[:, 1:], runs["a"][100][0][:, 1:], average="macro")
    scores = found.scores.set_index(["arm", "metric"])["score"]
    assert scores["a", "macro_ap"] == pytest.approx(others)


def test_wrong_arguments():
    for runs, pairs, message in (
        ({"a": {}}, [], "arm 'a' has no run"),
        ({"a": {100: []}}, [], "arm 'a' has no run, or a number of labels without one"),
        ({"a": {100: [scored(1, 0)]}}, [("a", "b")], "there is no arm 'b'; choose from: a"),
        ({"a": {100: [scored(1, 0)[:5]]}}, [], "pass the same rows and labels"),
    ):
        with pytest.raises(InputError, match=message):
            label_efficiency(TARGETS, runs, pairs)
    with pytest.raises(InputError, match="'toxic' is not among them"):
        label_efficiency(TARGETS[:, :2], {"a": {1: [scored(1, 0)[:, :2]]}}, labels=("x", "y"))


def test_the_figure_shows_every_arm(tmp_path):
    runs = {arm: {100: [scored(1, 0), scored(1, 1)], 400: [scored(2, 2)]} for arm in ARMS}
    found = label_efficiency(TARGETS, runs, n_resamples=20).scores
    fig = efficiency_panels(found, origin="random numbers")
    assert len(fig.axes) == 4
    for ax, names in zip(fig.axes, [*FAMILIES.values()] * 2, strict=True):
        told = [text.get_text() for text in ax.texts]
        assert set(names.values()) | {"TF-IDF"} == set(told) - {""}
        assert len(ax.lines) == 3 and ax.get_xscale() == "log"
        assert [label.get_text() for label in ax.get_xticklabels()] == ["100", "400"]
    row = found[(found["arm"] == "ulmfit") & (found["metric"] == "toxic_ap")].sort_values("labels")
    assert row["score"].tolist() in [line.get_ydata().tolist() for line in fig.axes[1].lines]
    matplotlib.pyplot.close(fig)
    ax = efficiency_curves(found[found["arm"] == "ulmfit"], metric="macro_ap")
    assert len(ax.lines) == 1
    matplotlib.pyplot.close(ax.figure)


@pytest.fixture(scope="module")
def small():
    """The synthetic source with 300 comments, so that all of them are read in a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TOXRES_DATA_DIR", raising=False)
        patch.setattr("toxres.data.loaders.SYNTHETIC_ROWS", 300)
        patch.setattr("toxres.data.memory._kept", OrderedDict())
        yield load_comments("synthetic")


@pytest.fixture(scope="module")
def place(small, tmp_path_factory):
    """A folder with a language model of the synthetic comments, as ULMFiT's arms start from it."""
    from toxres.training.ulmfit import learn_language

    place = tmp_path_factory.mktemp("efficiency")
    texts = small.loc[small["fold"] != 0, "text"].tolist()
    learn_language(ULMFIT, dataclasses.replace(SMOKE, vocab_size=400), texts, place / "base", progress=False)
    return place


def smoke(place, **changes) -> Settings:
    preset = dataclasses.replace(SMOKE, max_rows=None, batch_size=16, freeze_layers=1)
    return dataclasses.replace(
        Settings("synthetic", (), sizes=(24, 48), preset=preset, min_steps=2, read=60, language_model=place / "base",
                 results=place / "results" / "efficiency", work=place / "work"),
        **changes,
    )  # fmt: skip


def test_subsets_are_nested_and_leave_the_test_fold_out(small, place):
    chosen = smoke(place)
    sizes = [set(subset(chosen, size, 1)["id"]) for size in (24, 48, "all")]
    assert sizes[0] < sizes[1] < sizes[2] and [len(ids) for ids in sizes[:2]] == [24, 48]
    assert set(subset(chosen, 24, 0)["id"]) != sizes[0]
    assert not sizes[2] & set(small[small["fold"] == 0]["id"])
    held = subset(smoke(place, test_fold=1), "all", 0)
    assert set(held["fold"]) == {2, 3, 4}, "while settings are chosen, the test fold stays out, too"
    assert len(sizes[2]) == (small["fold"] != 0).sum()
    with pytest.raises(InputError, match="has 240 comments to train on, not 9,999"):
        subset(chosen, 9_999, 0)


def test_the_runs_in_their_order():
    found = cells()
    assert len({cell.name for cell in found}) == len(found)
    for arm in ARMS.values():
        for size, number in zip(SIZES, arm.seeds, strict=True):
            assert [cell.seed for cell in found if cell.arm is arm and cell.size == size] == list(range(number))
        if arm.against:
            assert arm.seeds == ARMS[arm.against].seeds, "a pair has the same seeds"
    first = found[: 2 * sum(ARMS["baseline"].seeds[:3])]
    assert {cell.size for cell in first} == {100, 300, 1_000}
    assert {cell.arm.name for cell in first} == {"baseline", "baseline_adapted"}


@pytest.mark.stress
def test_from_end_to_end_on_synthetic_comments(small, place, tmp_path, monkeypatch):
    monkeypatch.setenv("TOXRES_FIGURES", str(tmp_path))
    chosen = smoke(place)
    done = [Cell(arm, size, seed) for arm in ARMS.values() for size, seed in ((24, 0), (48, 0))]
    for cell in done:
        efficiency.execute(cell, chosen)
    files = sorted(file.name for file in chosen.results.iterdir())
    assert files == sorted(f"{cell.name}.{kind}" for cell in done for kind in ("csv", "json"))
    assert sorted(path.name for path in chosen.work.iterdir()) == ["adapted", "language"], "nothing else is left"
    truth, found, records = read_scores(chosen)
    comments = load_comments("synthetic", split="test")
    table = pd.read_csv(chosen.results / "tfidf-24-seed0.csv", dtype={"id": str})
    assert set(table["id"]) <= set(comments["id"]) and list(table)[1:] == list(LABELS)
    assert {arm: sorted(sizes) for arm, sizes in found.items()} == {arm: [24, 48] for arm in ARMS}
    expected = targets(small[small["fold"] == 0])
    assert np.array_equal(truth, expected, equal_nan=True)
    by_name = {f"{record['arm']}-{record['size']}-seed{record['seed']}": record for record in records}
    for name, record in by_name.items():
        assert record["rows"] == record["rows_train"] == record["size"]
        assert str(place) not in json.dumps(record), name
        assert ("pretraining" in record) == (record["arm"] in ("baseline_adapted", "ulmfit", "ulmfit_none"))
    assert by_name["baseline-24-seed0"]["preset"]["max_steps"] == 2
    assert by_name["baseline-48-seed0"]["preset"]["max_steps"] == 3
    assert by_name["baseline_adapted-24-seed0"]["rows_sha256"] == by_name["ulmfit-24-seed0"]["rows_sha256"]
    value = summarise(chosen)
    assert json.loads((place / "results" / "efficiency.json").read_text())["run"]["runs"] == len(done) == 10
    assert {(row["arm"], row["against"]) for row in value["differences"]} == {
        ("baseline_adapted", "baseline"), ("ulmfit", "ulmfit_none"),
    }  # fmt: skip
    drawn = efficiency.draw(chosen)
    assert drawn == tmp_path / "label_efficiency.png" and drawn.stat().st_size > 10_000
    broken = chosen.results / "tfidf-24-seed0.csv"
    broken.write_text("\n".join(broken.read_text().splitlines()[:-1]))
    with pytest.raises(InputError, match="has other comments than fold 0; remove it and run it again"):
        read_scores(chosen)


def test_what_is_there_is_not_run_again(small, place, monkeypatch):
    chosen = smoke(place, sizes=(24,), results=place / "again")
    ran = []

    def pretend(cell, settings):
        ran.append(cell.name)
        settings.results.mkdir(exist_ok=True)
        (settings.results / f"{cell.name}.csv").touch()

    monkeypatch.setattr(efficiency, "execute", pretend)
    assert efficiency.go_on(chosen, only="tfidf", limit=2) == 2
    assert efficiency.go_on(chosen, only="tfidf", minutes=-1) == 0
    assert efficiency.go_on(chosen, only="tfidf") == 1
    assert ran == ["tfidf-24-seed0", "tfidf-24-seed1", "tfidf-24-seed2"]
    with pytest.raises(InputError, match="unknown arm 'bert'; choose one of: baseline"):
        efficiency.go_on(chosen, only="bert")
    with pytest.raises(InputError, match="no run has been done"):
        read_scores(smoke(place, results=place / "none"))


def test_probabilities_are_written_short_and_read_back(tmp_path):
    probs = np.array([[0.123456, 1.0, 0.0, 1.2344e-7, 0.5, 0.99999]])
    efficiency.write_compact(tmp_path / "a.csv", pd.Series(["x1"]), probs)
    assert (tmp_path / "a.csv").read_text().splitlines()[1] == "x1,.1235,1,0,1.234e-07,.5,1"
    assert pd.read_csv(tmp_path / "a.csv")[list(LABELS)].to_numpy() == pytest.approx(probs, rel=1e-3)
