import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import accuracy_score, average_precision_score, f1_score

from toxres.errors import InputError
from toxres.evaluation import chance
from toxres.evaluation.chance import best_binormal_threshold, score_spread, spread_by_label, trivial_scores
from toxres.labels import LABELS

TARGETS = np.zeros((200, 6))
TARGETS[:30, 0], TARGETS[:3, 3], TARGETS[:, 1] = 1, 0.5, np.nan
TARGETS[100:, 4] = np.nan
TARGETS[:5, 4] = 1


def test_trivial_scores_are_scikit_learns():
    table = trivial_scores(TARGETS)
    assert table.loc["severe_toxic"].isna().all()
    for label in ("toxic", "threat", "insult"):
        column = TARGETS[:, LABELS.index(label)]
        truth = column[~np.isnan(column)] >= 0.5
        expected = [
            accuracy_score(truth, np.zeros_like(truth)),
            f1_score(truth, np.ones_like(truth)),
            average_precision_score(truth, np.full(len(truth), 0.3)),
        ]
        np.testing.assert_allclose(table.loc[label], expected)


def test_the_spread_is_that_of_scikit_learns_scores():
    """The same draws, scored by scikit-learn."""
    drawn = score_spread(7, 93, auroc=0.9, n_draws=5, seed=3)
    shift = np.sqrt(2) * norm.ppf(0.9)
    threshold = best_binormal_threshold(0.07, shift)
    random = np.random.default_rng(3)
    for row in drawn.itertuples():
        scores = np.append(random.normal(size=93), random.normal(shift, size=7))
        truth = np.arange(100) >= 93
        assert row.ap == pytest.approx(average_precision_score(truth, scores))
        assert row.f1 == pytest.approx(f1_score(truth, scores >= threshold))


def test_more_positives_mean_less_luck_and_a_better_model_more_precision():
    few, many = score_spread(5, 5_000, n_draws=100), score_spread(500, 5_000, n_draws=100)
    assert few["ap"].std() > 4 * many["ap"].std()
    better = score_spread(50, 500, auroc=0.99, n_draws=50)["ap"].mean()
    assert better > score_spread(50, 500, auroc=0.9, n_draws=50)["ap"].mean() + 0.1


@pytest.mark.parametrize("prevalence", [0.002, 0.1, 0.5])
def test_no_threshold_beats_the_best_one(prevalence):
    shift = 2.5
    best = best_binormal_threshold(prevalence, shift)

    def f1(cut):
        found, false = prevalence * norm.sf(cut - shift), (1 - prevalence) * norm.sf(cut)
        return 2 * found / (found + false + prevalence)

    assert f1(best) >= max(map(f1, np.linspace(-4, 8, 500))) - 1e-5


def test_every_label_gets_its_own_counts(monkeypatch):
    asked = []
    monkeypatch.setattr(chance, "score_spread", lambda *a, **k: asked.append(a) or score_spread(*a, **k))
    table = spread_by_label(TARGETS, n_draws=40)
    assert asked == [(30, 170), (3, 197), (5, 95)]
    assert table["positives"].tolist() == [30, 0, 0, 3, 5, 0]
    assert table.loc[["severe_toxic", "obscene"], "ap"].isna().all()
    known = table.dropna()
    assert (known["ap_low"] < known["ap"]).all() and (known["ap"] < known["ap_high"]).all()
    assert (known["f1_low"] <= known["f1"]).all() and (known["f1"] <= known["f1_high"]).all()


@pytest.mark.parametrize(("n_positives", "n_negatives", "auroc"), [(0, 5, 0.9), (5, 0, 0.9), (5, 5, 0.5), (5, 5, 1.0)])
def test_what_cannot_be_drawn_is_refused(n_positives, n_negatives, auroc):
    with pytest.raises(InputError, match="give at least 1 of each"):
        score_spread(n_positives, n_negatives, auroc=auroc)
