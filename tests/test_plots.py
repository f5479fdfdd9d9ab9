import subprocess
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from nbclient import NotebookClient
from nbformat import v4
from PIL import Image
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score

from toxres import plots
from toxres.errors import InputError
from toxres.evaluation import evaluate_probs, label_frame, paired_bootstrap, tune_thresholds
from toxres.evaluation.arrays import sigmoid
from toxres.explain import Explanation
from toxres.files import ROOT
from toxres.labels import LABEL_COLOURS, LABELS
from toxres.plots.curves import best_epoch, wilson_interval
from toxres.plots.mechanism import focal_gradient_values, focal_loss_values
from toxres.plots.panels import forest_panels, training_panels
from toxres.plots.style import MAX_BYTES, STYLE, colours_of, percent, titled, wrapped

matplotlib.use("Agg")

RNG = np.random.default_rng(0)
TARGETS = (RNG.random((400, 6)) < [0.3, 0.05, 0.2, 0.03, 0.2, 0.05]).astype(float)
LOGITS = 3 * TARGETS - 2 + RNG.normal(size=TARGETS.shape)
TARGETS[RNG.random(400) < 0.1] = np.nan
PROBS, WORSE = sigmoid(LOGITS), sigmoid(LOGITS + RNG.normal(size=TARGETS.shape))
GAP = np.where(np.arange(6) == 3, np.nan, TARGETS)
LOG = [{"epoch": 1.0, "loss": 0.3}, {"epoch": 1.0, "eval_loss": 0.2, "eval_macro_ap": 0.5}, {"epoch": 2.0, "loss": 0.1}]
SCORES = label_frame({"baseline": evaluate_probs(GAP, PROBS), "other": evaluate_probs(GAP, WORSE)}, "ap")
PAIRS = pd.DataFrame(
    {"difference": [0.03, -0.004], "low": [0.02, -0.013], "high": [0.052, 0.006], "p_value": [0.003, 0.2]},
    index=["focal - BCE, under attention", "attention - [CLS], under focal"],
)
GROUPS = pd.DataFrame({"news": [0.1, 0.0, 0.3], "wikipedia": [0.2, np.nan, 0.1]}, index=LABELS[:3])
WHY = Explanation(
    text="you mild fool",
    words=((0, 3), (4, 8), (9, 13)),
    labels=("toxic",),
    attributions=np.array([[0.1], [-0.4], [1.2]]),
    read=np.array([True, True, False]),
    method="occlusion",
    model="baseline",
    scores=np.zeros(1),
    baseline_scores=np.full(1, np.nan),
    convergence_delta=np.full(1, np.nan),
)

FIGURES = {
    "prevalence_bars": lambda **k: plots.prevalence_bars(GAP, **k),
    "cooccurrence_heatmap": lambda **k: plots.cooccurrence_heatmap(GAP, **k),
    "upset_plot": lambda **k: plots.upset_plot(GAP, max_combinations=4, **k),
    "cardinality_bars": lambda **k: plots.cardinality_bars(GAP, **k),
    "length_histogram": lambda **k: plots.length_histogram(np.arange(1, 400), cut=128, **k),
    "length_histograms": lambda **k: plots.length_histogram({"news": np.arange(9), "x": np.arange(99)}, cut=50, **k),
    "rater_disagreement": lambda **k: plots.rater_disagreement(np.array([0, 1, 0.5, 2 / 3, np.nan]), **k),
    "precision_recall_curves": lambda **k: plots.precision_recall_curves(GAP, PROBS, thresholds=[0.5] * 6, **k),
    "reliability_diagram": lambda **k: plots.reliability_diagram(GAP, PROBS, PROBS**2, **k),
    "threshold_curves": lambda **k: plots.threshold_curves(GAP, PROBS, tune_thresholds(GAP, PROBS), **k),
    "learning_curves": lambda **k: plots.learning_curves(LOG, **k),
    "metric_bars": lambda **k: plots.metric_bars(SCORES, low=SCORES - 0.1, high=SCORES + 0.1, **k),
    "forest_plot": lambda **k: plots.forest_plot(paired_bootstrap(GAP, PROBS, WORSE, "ap", 30).table(), **k),
    "forest_plot_of_pairs": lambda **k: plots.forest_plot(PAIRS, **k),
    "group_comparison": lambda **k: plots.group_comparison(GROUPS, log=True, as_percent=True, **k),
    "before_after": lambda **k: plots.before_after({"toxic": (0.1, 0.02), "threat": (0.2, np.nan)}, **k),
    "focal_gradient": lambda **k: plots.focal_gradient(**k),
    "focal_loss": lambda **k: plots.focal_loss(**k),
    "explanation_plot": lambda **k: plots.explanation_plot([WHY, WHY], label="toxic", **k),
    "pooling_sketch": lambda **k: plots.pooling_sketch(["[CLS]", "a"], {"[CLS]": [1, 0], "mean": [0.5, 0.5]}, **k),
}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def texts(ax):
    """Every text on the axes' figure."""
    return [item.get_text() for item in ax.figure.findobj(matplotlib.text.Text) if item.get_text()]


def test_every_figure_is_tried():
    drawn = {name for name in plots.__all__ if callable(getattr(plots, name)) and name.islower()}
    aside = {"save_figure", "use_style", "cooccurrence", "label_combinations"}
    assert drawn - aside - set(FIGURES) == set()


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_returns_its_axes_and_says_where_its_data_came_from(name, monkeypatch, recwarn):
    monkeypatch.setattr(plt, "show", lambda *_: pytest.fail("a plot function called show"))
    before = dict(plt.rcParams)
    ax = FIGURES[name](origin="synthetic corpus (400)")
    assert isinstance(ax, matplotlib.axes.Axes)
    assert "synthetic corpus (400)" in texts(ax)
    assert ax.get_title("left")
    ax.figure.canvas.draw()
    assert dict(plt.rcParams) == before
    assert not recwarn.list
    _, given = plt.subplots()
    assert FIGURES[name](ax=given) is given


@pytest.mark.parametrize("name", FIGURES)
def test_texts_stay_apart(name):
    ax = FIGURES[name](origin="synthetic corpus (400)")
    renderer = ax.figure.canvas.get_renderer()
    ax.figure.canvas.draw()
    ticks = [item for axis in (ax.xaxis, ax.yaxis) for item in axis.get_ticklabels() if item.get_text()]
    labels = [ax.xaxis.label, ax.yaxis.label, ax.title, ax._left_title, *ticks]
    legend = ax.get_legend()
    boxes = [item.get_window_extent(renderer) for item in labels if item.get_text() and item.get_visible()]
    boxes += [legend.get_window_extent(renderer)] if legend else []
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            overlap = min(one.x1, other.x1) - max(one.x0, other.x0), min(one.y1, other.y1) - max(one.y0, other.y0)
            assert min(overlap) < 2, (name, one, other)


def test_labels_have_their_colours():
    assert colours_of(["threat", "toxic"]) == ["#000000", LABEL_COLOURS["toxic"]]
    assert len(set(colours_of(["baseline", "one", "two", "custom", "tfidf"]))) == 5
    ax = plots.prevalence_bars(TARGETS)
    assert [to_hex(bar.get_facecolor()).upper() for bar in ax.patches] == [LABEL_COLOURS[name] for name in LABELS]


def test_prevalence_is_of_the_known_comments():
    ax = plots.prevalence_bars(GAP)
    n, known = int(np.nansum(GAP[:, 0])), int((~np.isnan(GAP[:, 0])).sum())
    assert f"{percent(n / known)}  ({n:,} of {known:,})" in texts(ax)
    assert "unknown" in texts(ax)
    assert ax.get_xscale() == "log"


def test_cooccurrence_is_conditional_on_the_row():
    targets = np.array([[1, 1], [1, 0], [1, np.nan], [0, 1]], dtype=float)
    table = plots.cooccurrence(targets, ("toxic", "insult"))
    assert table.loc["toxic", "insult"] == pytest.approx(1 / 2)
    assert table.loc["insult", "toxic"] == pytest.approx(1 / 2)
    assert plots.cooccurrence(np.zeros((2, 6))).isna().all(axis=None)


def test_label_combinations_count_complete_rows():
    targets = np.array([[1, 1, np.nan], [1, 0, np.nan], [1, 1, np.nan], [np.nan, 1, np.nan], [0, 0, np.nan]])
    counts = plots.label_combinations(targets, ("toxic", "insult", "threat"))
    assert counts.to_dict() == {("toxic", "insult"): 2, ("toxic",): 1, (): 1}
    with pytest.raises(InputError, match="one source at a time"):
        plots.label_combinations(np.array([[1, np.nan], [np.nan, 0]]), ("toxic", "insult"))


def test_the_length_histogram_says_what_is_cut_off():
    assert "4 tokens\n60% cut off" in texts(plots.length_histogram(np.arange(1, 11), cut=4))
    ax = plots.length_histogram({"news": np.arange(1, 11), "twitter": np.ones(3)}, cut=4)
    assert {"news: 60% cut off", "twitter: 0% cut off"} <= set(texts(ax))


def test_disagreement_is_what_lies_between():
    ax = plots.rater_disagreement(np.array([0, 0, 1, 0.5, np.nan]))
    assert {"unanimous (75%)", "raters differ (25%)"} <= set(texts(ax))


def test_the_area_under_a_drawn_curve_is_the_average_precision():
    ax = plots.precision_recall_curves(TARGETS, PROBS)
    rows = ~np.isnan(TARGETS[:, 0])
    expected = average_precision_score(TARGETS[rows, 0], PROBS[rows, 0])
    (curve,) = [line for line in ax.lines if line.get_label().startswith("toxic")]
    recall, precision = curve.get_data()
    assert np.sum(np.diff(recall) * precision[1:]) == pytest.approx(expected)
    assert f"AP {expected:.2f}" in curve.get_label()


def test_undefined_labels_are_named_not_drawn():
    for ax in (plots.precision_recall_curves(GAP, PROBS), plots.threshold_curves(GAP, PROBS)):
        assert "threat: undefined" in texts(ax)
    assert "undefined" in texts(plots.forest_plot(paired_bootstrap(GAP, PROBS, WORSE, "ap", 10).table()))


def test_the_threshold_dot_stands_on_its_curve():
    thresholds = tune_thresholds(TARGETS, PROBS)
    f1 = evaluate_probs(TARGETS, PROBS, thresholds).per_label["f1_tuned"]
    told = texts(plots.threshold_curves(TARGETS, PROBS, thresholds))
    for label, threshold in zip(LABELS, thresholds, strict=True):
        assert f"{label.replace('_', ' ')}: {f1[label]:.2f} at {threshold:.2f}" in told


def test_reliability_pools_known_pairs():
    ax = plots.reliability_diagram(np.array([1, 0, np.nan]), np.array([0.9, 0.2, 0.5]))
    assert "as trained: ECE 0.150" in texts(ax)


def test_pooled_labels_are_told_from_the_mean_over_labels():
    targets, probs = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.9, 0.1], [0.9, 0.1]])
    told = texts(plots.reliability_diagram(targets, probs))
    assert "as trained: pooled ECE 0.100" in told
    assert not any("pooled" in text for text in texts(plots.reliability_diagram(targets[:, 0], probs[:, 0])))


def test_the_threshold_dot_stands_on_its_precision_recall_curve():
    targets = np.array([[1, 0, 0, 1, 0, 1]], dtype=float).T
    probs = np.array([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]]).T
    ax = plots.precision_recall_curves(targets, probs, labels=["toxic"], thresholds=np.array([0.95]))
    assert not [line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata())]
    for threshold in (0.85, 0.75, 0.65, 0.45, 0.1):
        ax = plots.precision_recall_curves(targets, probs, labels=["toxic"], thresholds=np.array([threshold]))
        (curve,) = [line for line in ax.lines if line.get_label().startswith("toxic")]
        (dot,) = [line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata())]
        corners = {tuple(np.round(point, 9)) for point in zip(*curve.get_data(), strict=True)}
        assert tuple(np.round([dot.get_xdata()[0], dot.get_ydata()[0]], 9)) in corners, threshold


def test_wilson_intervals_are_scipys():
    low, high = wilson_interval(np.array([0.0, 0.3]), np.array([5, 10]), z=1.959963984540054)
    for i, (k, n) in enumerate([(0, 5), (3, 10)]):
        expected = binomtest(k, n).proportion_ci(method="wilson")
        assert (low[i], high[i]) == pytest.approx((expected.low, expected.high))


def test_learning_curves_take_what_the_log_has():
    assert "macro AP (last 0.500)" in texts(plots.learning_curves(LOG, keys=("eval_macro_ap", "eval_macro_f1")))
    assert [line.get_label() for line in plots.learning_curves(LOG).lines] == [
        "training loss (last 0.100)",
        "validation loss (last 0.200)",
    ]


def test_saw_teeth_are_smoothed_and_the_epoch_kept_is_marked():
    log = [{"epoch": i / 10, "loss": 0.2 + 0.1 * (-1) ** i} for i in range(1, 31)]
    log += [{"epoch": float(i), "eval_macro_ap": score} for i, score in ((1, 0.4), (2, 0.6), (3, 0.6))]
    assert best_epoch(log) == 2.0 and best_epoch(log, "eval_macro_f1") is None
    ax = plots.learning_curves(log, kept=best_epoch(log))
    raw, smooth = ax.lines[:2]
    assert np.ptp(raw.get_ydata()) == pytest.approx(0.2)
    assert np.ptp(smooth.get_ydata()[3:-3]) < 0.05
    assert "kept: epoch 2" in texts(ax) and ax.get_ylabel() == "loss"
    left, right = training_panels(log, name="baseline", origin="synthetic corpus (400)").axes
    assert left.get_ylabel() == "loss" and right.get_ylabel() == "macro AP"
    assert {"Losses of baseline", "synthetic corpus (400)", "macro AP (last 0.600)"} <= set(texts(left))
    assert list(right.lines[-1].get_xdata()) == [2.0, 2.0]


def test_a_long_origin_is_broken_and_the_data_keep_their_width():
    origin = "Jigsaw sample, 5,861 comments out of fold; runs of 2030-01-02; " + ", ".join(["0123abc"] * 20)
    ax = plots.forest_plot(PAIRS, origin=origin)
    ax.figure.canvas.draw()
    (told,) = [item for item in ax.texts if item.get_text().startswith("Jigsaw")]
    assert "\n" in told.get_text() and " ".join(told.get_text().split()) == origin
    width = ax.figure.get_window_extent().x1
    assert told.get_window_extent().x1 <= width
    assert ax.get_window_extent().width > 0.4 * width
    assert wrapped("", 1, 9) == [] and wrapped("wideword", 0.01, 9) == ["wideword"]


def test_panels_share_the_models_and_name_the_side_by_metric():
    fig = forest_panels({"AP": PAIRS, "ECE": PAIRS}, first="x", second="y", origin="o (1)", errors=["ECE"])
    fig.canvas.draw()
    assert all(ax.get_window_extent().width > 0.4 * fig.get_window_extent().width for ax in fig.axes)
    ap, ece = ({item.get_text() for item in ax.texts} for ax in fig.axes)
    assert "x better →" in ap and "y better →" in ece
    assert [ax.get_title("left") for ax in fig.axes] == ["x – y: AP", "x – y: ECE"]
    assert "o (1)" in ap and "o (1)" not in ece


def test_a_dot_is_hollow_if_the_family_of_tests_explains_it():
    faces = [to_hex(dot.get_facecolor()[0]) for dot in plots.forest_plot(PAIRS).collections]
    corrected = PAIRS.assign(p_holm=[0.06, 0.4])
    assert faces[0] != "#ffffff"
    ax = plots.forest_plot(corrected)
    assert [to_hex(dot.get_facecolor()[0]) for dot in ax.collections] == ["#ffffff"] * 2
    assert "+0.030 [+0.020, +0.052]  Holm p = 0.060" in texts(ax)


def test_forest_plot_names_the_better_side_and_hollows_what_may_be_nothing():
    table = pd.DataFrame({"difference": [0.1, 0.0], "low": [0.05, -0.1], "high": [0.2, 0.1]}, index=["toxic", "macro"])
    ax = plots.forest_plot(table, first="custom", second="baseline")
    assert {"← baseline better", "custom better →", "+0.100 [+0.050, +0.200]"} <= set(texts(ax))
    faces = [to_hex(dot.get_facecolor()[0]) for dot in ax.collections]
    assert faces == [LABEL_COLOURS["toxic"].lower(), "#ffffff"]
    assert "← custom better" in texts(
        plots.forest_plot(table, first="custom", second="baseline", higher_is_better=False)
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_the_focal_gradient_is_the_slope_of_the_loss(gamma):
    logits, step = np.linspace(-5, 5, 41), 1e-5
    slope = (focal_loss_values(sigmoid(logits + step), gamma) - focal_loss_values(sigmoid(logits - step), gamma)) / (
        2 * step
    )
    np.testing.assert_allclose(focal_gradient_values(sigmoid(logits), gamma), -slope, atol=1e-8)
    if gamma == 0:
        np.testing.assert_allclose(focal_loss_values(np.array([0.3]), 0), -np.log(0.3))


def test_figures_are_saved_where_the_variable_says(tmp_path, monkeypatch):
    monkeypatch.setenv("TOXRES_FIGURES", str(tmp_path / "there"))
    fig, ax = plt.subplots()
    titled(ax, "A title", "synthetic corpus")
    path = plots.save_figure(fig, "03_pr_curves")
    assert path == tmp_path / "there" / "03_pr_curves.png"
    assert path.read_bytes() == plots.save_figure(fig, "again.png", tmp_path).read_bytes()
    assert [item.name for item in path.parent.iterdir()] == ["03_pr_curves.png"]
    monkeypatch.delenv("TOXRES_FIGURES")
    assert plots.style.figures_folder().parts[-2:] == ("build", "figures")


def test_a_large_figure_is_saved_small(tmp_path):
    fig, ax = plt.subplots(figsize=(9, 6))
    ax.imshow(np.random.default_rng(0).random((600, 900)))
    path = plots.save_figure(fig, "noise", tmp_path)
    assert path.stat().st_size < MAX_BYTES
    assert Image.open(path).width > 300


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".png", "a b"])
def test_a_figure_name_is_no_path(name, tmp_path):
    with pytest.raises(InputError, match="figure name"):
        plots.save_figure(plt.figure(), name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_style_is_set_only_when_asked():
    code = "import matplotlib as m; a = dict(m.rcParams); import toxres.plots; assert dict(m.rcParams) == a"
    subprocess.run([sys.executable, "-c", code], check=True, env={"MPLBACKEND": "Agg", "PATH": ""})
    with plt.rc_context():
        plots.use_style()
        assert plt.rcParams["axes.spines.top"] is STYLE["axes.spines.top"] is False


def test_every_figure_of_a_notebook_is_shown():
    """A backend that is loaded with the first figure would lose the setting that shows the others."""
    cells = ["from toxres import plots\nplots.use_style()", *["plots.style.new_axes(None, 1, 1);"] * 2]
    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, resources={"metadata": {"path": str(ROOT)}}).execute()
    assert [["image/png" in out.data for out in cell.outputs] for cell in notebook.cells[1:]] == [[True], [True]]


@pytest.mark.parametrize(
    ("share", "written"), [(0.0957, "9.6%"), (0.003, "0.30%"), (0.00034, "0.034%"), (0.5, "50%"), (0, "0%")]
)
def test_percentages_have_two_digits(share, written):
    assert percent(share) == written
