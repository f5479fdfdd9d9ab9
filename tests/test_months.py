"""The simulated months: what is learned from what, figures by hand, and their figure."""

import dataclasses
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from toxres.experiments.months import (
    ARMS,
    COLUMNS,
    LEARNING,
    Rows,
    Settings,
    choose,
    decide_rows,
    month_figures,
    simulate,
)
from toxres.experiments.months_summary import months_told, summarise
from toxres.labels import LABELS
from toxres.plots.months import FIGURES, months_panels

FEW = Settings(streams={"davidson": 240}, months=3, decided=12, audited=20, gate=20, tolerated=0.3, seeds=2)


def draw(n: int, shift: float, seed: int) -> Rows:
    """Comments of which the first direction says whether they are toxic; `shift` turns it for another group."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(n, 8)).astype(np.float32)
    targets = np.full((n, 6), np.nan)
    targets[:, COLUMNS] = 0.0
    targets[:, 0] = vectors[:, 0] + shift * vectors[:, 1] + 0.3 * random.normal(size=n) > 0
    targets[:, COLUMNS[1]] = (targets[:, 0] == 1) & (random.random(n) < 0.2)
    return Rows(vectors, targets)


@pytest.fixture(scope="module")
def months() -> pd.DataFrame:
    home, stream = (draw(300, 0, 1), draw(150, 0, 2)), draw(240, 2, 3)
    runs = [(arm, seed) for arm in ARMS for seed in range(FEW.seeds)]
    tables = [
        simulate(arm, home, stream, FEW, seed).assign(source="davidson", arm=arm, seed=seed) for arm, seed in runs
    ]
    return pd.concat(tables, ignore_index=True)


def test_all_arms_see_the_same_comments_and_learners_get_better(months):
    first = months[months["month"] == 1].set_index(["arm", "seed"])
    for figure in ("coverage", "error", "accuracy", "uncertain"):
        assert first[figure].groupby("seed").nunique(dropna=False).eq(1).all(), figure
    last = months[months["month"] == 3].groupby("arm")["accuracy"].mean()
    assert last["never"] == last["thresholds"] < last["random"]
    assert last["never"] < last["uncertain"]


def test_decisions_are_counted_and_only_learners_learn(months):
    by_arm = months.groupby("arm")[["decisions", "promoted"]].sum()
    assert by_arm.loc["never"].tolist() == [0, 0]
    assert by_arm.loc["thresholds"].tolist() == [2 * 3 * FEW.audited, 0]
    assert (by_arm.loc[["random", "uncertain", "change"], "promoted"] == 6).all()
    assert months[months["arm"].isin(LEARNING)]["decisions"].max() <= FEW.audited + FEW.decided + FEW.gate


def test_the_figures_of_a_month_by_hand():
    rows = draw(4, 0, 0)
    rows.targets[:, 0], rows.targets[:, COLUMNS[1]] = [1, 1, 0, 0], 0
    probs = np.array([[0.9, 0], [0.4, 0], [0.6, 0], [0.1, 0]])
    found = month_figures(rows, probs, np.array(["reject", "accept", "uncertain", "accept"]), FEW.policy)
    assert found == {
        "comments": 4, "coverage": 0.75, "error": pytest.approx(1 / 3), "wrong": 1, "accuracy": 0.5,
        "ap": pytest.approx(1 / 2 + 1 / 3), "uncertain": 1,
    }  # fmt: skip
    none = month_figures(rows, probs, np.full(4, "uncertain"), FEW.policy)
    assert math.isnan(none["error"]) and none["coverage"] == 0


def test_moderators_err_as_often_as_is_said_and_name_labels():
    rows = draw(4_000, 0, 5)
    right, said = (decide_rows(rows, wrong, np.random.default_rng(0)).targets for wrong in (0.0, 0.1))
    rejects = np.nan_to_num(right).max(axis=1) == 1
    assert np.array_equal(rejects, rows.targets[:, 0] == 1)
    assert np.mean(rejects != (np.nan_to_num(said).max(axis=1) == 1)) == pytest.approx(0.1, abs=0.015)
    assert np.isnan(right[rejects]).any() and (right[~rejects][:, COLUMNS] == 0).all()
    others = [number for number in range(len(LABELS)) if number not in COLUMNS]
    assert np.isnan(said[:, others]).all()


def test_the_orders_of_the_months_queue():
    probs, waiting = np.array([[0.5, 0], [0.9, 0], [0.7, 0.02], [0.45, 0]]), np.array([True, True, True, False])
    assert choose("uncertain", probs, waiting, 2, np.random.default_rng(0)).tolist() == [0, 2]
    assert choose("change", probs, waiting, 1, np.random.default_rng(0)).tolist() == [2]
    drawn = {tuple(choose("random", probs, waiting, 1, np.random.default_rng(seed))) for seed in range(40)}
    assert drawn == {(0,), (1,), (2,)}


def test_the_summary_its_sentences_and_its_figure(months):
    figures = summarise(months, FEW)
    arms = figures["figures"]["davidson"]
    assert list(arms) == list(ARMS) and figures["settings"]["seeds"] == 2
    table = months[(months["arm"] == "random") & (months["month"] == 2)]
    mean, low, high = arms["random"]["accuracy"][1]
    assert mean == pytest.approx(table["accuracy"].mean()) and low <= mean <= high
    told = months_told(figures)
    assert any(each.startswith("tweets, never learns:") for each in told)
    assert sum("most uncertain first against never learns" in each for each in told) == 3
    fig = months_panels(figures, origin="comments written for the tests")
    drawn = [line for line in fig.axes[0].lines if len(line.get_xdata()) == FEW.months]
    assert len(fig.axes) == len(FIGURES) and len(drawn) == len(ARMS)
    assert drawn[0].get_ydata()[0] == pytest.approx(arms["never"]["accuracy"][0][0])
    plt.close(fig)


def test_settings_change_nothing_but_what_they_name():
    assert dataclasses.replace(FEW, tolerated=0.2).policy.wrong_accepts == 0.2
