"""Figures of one model: precision and recall, reliability, thresholds, learning."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.axes_grid1 import make_axes_locatable
from sklearn.metrics import average_precision_score, precision_recall_curve

from toxres.evaluation.arrays import as_probs, as_targets, known, label_names, positives
from toxres.evaluation.calibration import reliability_curve
from toxres.evaluation.thresholds import f1_by_threshold
from toxres.plots.style import BLUE, MUTED, ORANGE, bare, colours_of, legend_outside, new_axes, pretty, titled

KEY_NAMES = {
    "loss": "training loss",
    "eval_loss": "validation loss",
    "eval_macro_ap": "macro AP",
    "eval_macro_auroc": "macro AUROC",
    "eval_macro_f1": "macro F1",
}
"""What entries of a `Trainer`'s log are called in a legend."""


def precision_recall_curves(
    targets: np.ndarray,
    probs: np.ndarray,
    ax: Axes | None = None,
    *,
    origin: str = "",
    labels: Sequence[str] | None = None,
    thresholds: np.ndarray | None = None,
) -> Axes:
    """Precision against recall, a curve a label, its average precision in the legend.

    Every cut between two scores is a point of the curve. The area under the steps is the average precision: each step
    is as high as when its recall was first reached. A short line at the left edge marks a label's prevalence, which is
    the precision of guessing.

    Args:
        targets: (N, L) in [0, 1], NaN unknown.
        probs: (N, L) probabilities.
        ax: Axes to draw on; new ones by default.
        origin: Where the data came from.
        labels: Names of the columns; those without positives or negatives get no curve, and the legend says so.
        thresholds: (L,), each marked by a dot on its curve, unless it lets nothing through.
    """
    ax = new_axes(ax, 8.0, 4.8)
    for name, is_positive, scores, index in _known_labels(targets, probs, labels):
        (colour,) = colours_of([name])
        if is_positive.all() or not is_positive.any():
            ax.plot([], [], color=colour, label=f"{pretty(name)}: undefined")
            continue
        precision, recall, cuts = precision_recall_curve(is_positive, scores)
        # From the highest cut down; before the first positive is found, and after the last, nothing more is told.
        recall, precision = recall[-2::-1], precision[-2::-1]
        dot = None if thresholds is None else len(cuts) - 1 - np.searchsorted(cuts, thresholds[index])
        marked = [dot] if dot is not None and dot >= 0 else []
        start, end = min([np.argmax(recall > 0), *marked]), max([np.argmax(recall == 1), *marked])
        told = f"{pretty(name)}: AP {average_precision_score(is_positive, scores):.2f} ({is_positive.sum():,} positive)"
        heights = [precision[start], *precision[start : end + 1]]
        ax.step([0, *recall[start : end + 1]], heights, where="pre", color=colour, label=told)
        for place in marked:
            ax.plot(recall[place], precision[place], "o", color=colour, markersize=7, markeredgecolor="white")
        ax.plot([0, 0.08], [is_positive.mean()] * 2, color=colour, linewidth=1.3, linestyle=":")
    ax.plot([], [], color=MUTED, linewidth=1.3, linestyle=":", label="precision of guessing")
    if thresholds is not None:
        ax.plot([], [], "o", color=MUTED, markersize=7, label="at the tuned threshold")
    ax.set(xlim=(-0.01, 1.01), ylim=(0, 1.03), xlabel="recall", ylabel="precision")
    legend_outside(ax)
    bare(ax, grid="both")
    return titled(ax, "Precision and recall by label", origin)


def reliability_diagram(
    targets: np.ndarray,
    probs: np.ndarray,
    calibrated: np.ndarray | None = None,
    ax: Axes | None = None,
    *,
    label: str = "all labels",
    origin: str = "",
    n_bins: int = 15,
    names: tuple[str, str] = ("as trained", "calibrated"),
) -> Axes:
    """How often what was promised came true, before and after calibration; under it, the counts of each promise.

    Bands are 95% Wilson intervals. The ECE of pooled labels is that of the drawn curve, and no mean over the labels:
    what one label promises too much and another too little cancels in it.

    Args:
        targets: (N,) of one label or (N, L), whose known pairs are then pooled; NaN is unknown.
        probs: Probabilities of the same shape.
        calibrated: Recalibrated ones, of the same shape.
        ax: Axes to draw on; new ones by default.
        label: What the title says is promised.
        origin: Where the data came from.
        n_bins: Bins of equal width.
        names: What the legend calls the two.
    """
    ax = new_axes(ax, 5.6, 5.6)
    counts = make_axes_locatable(ax).append_axes("bottom", size="24%", pad=0.14, sharex=ax)
    series = [(probs, BLUE, names[0])] + ([] if calibrated is None else [(calibrated, ORANGE, names[1])])
    edges = np.linspace(0, 1, n_bins + 1)
    pooled = np.ndim(targets) == 2 and np.shape(targets)[1] > 1
    for values, colour, name in series:
        curve = reliability_curve(np.ravel(targets), np.ravel(values), n_bins)
        error = np.sum(curve.count * np.abs(curve.mean_prob - curve.mean_target)) / max(curve.count.sum(), 1)
        told = f"{name}: {'pooled ' if pooled else ''}ECE {error:.3f}"
        low, high = wilson_interval(curve.mean_target, curve.count)
        ax.fill_between(curve.mean_prob, low, high, color=colour, alpha=0.13, linewidth=0)
        ax.plot(curve.mean_prob, curve.mean_target, "o-", color=colour, markersize=5, label=told)
        shown = np.ravel(values)[known(np.ravel(targets).astype(float))]
        counts.hist(shown, edges, histtype="step", color=colour, linewidth=1.6)
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--", label="perfect")
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="share that is positive")
    ax.tick_params(axis="x", labelbottom=False)
    ax.legend(loc="upper left", frameon=False, fontsize=9.5)
    counts.set_yscale("log")
    counts.set(xlabel="predicted probability", ylabel="count")
    bare(ax, grid="both")
    bare(counts, grid="x")
    return titled(ax, f"Reliability: {pretty(label)}", origin)


def threshold_curves(
    targets: np.ndarray,
    probs: np.ndarray,
    thresholds: np.ndarray | None = None,
    ax: Axes | None = None,
    *,
    origin: str = "",
    labels: Sequence[str] | None = None,
) -> Axes:
    """F1 against the threshold, a curve a label; dots mark the tuned `thresholds` (L,), the grey line 0.5."""
    ax = new_axes(ax, 8.0, 4.4)
    ax.axvline(0.5, color=MUTED, linewidth=1, linestyle=":")
    for name, is_positive, scores, index in _known_labels(targets, probs, labels):
        (colour,) = colours_of([name])
        if is_positive.all() or not is_positive.any():
            ax.plot([], [], color=colour, label=f"{pretty(name)}: undefined")
            continue
        cuts, values = f1_by_threshold(is_positive, scores)
        cuts, values = np.append(cuts, 0)[::-1], np.append(values, values[-1])[::-1]
        told = pretty(name)
        if thresholds is not None:
            tuned = values[min(np.searchsorted(cuts, thresholds[index]), len(cuts) - 1)]
            tuned = tuned if thresholds[index] <= cuts[-1] else 0.0
            told = f"{told}: {tuned:.2f} at {thresholds[index]:.2f}"
            ax.plot(thresholds[index], tuned, "o", color=colour, markersize=7, markeredgecolor="white", zorder=4)
        # The threshold of a cut reaches down to the next lower score.
        ax.step(np.append(cuts, 1), np.append(values, 0), where="pre", color=colour, label=told)
    ax.set(xlim=(-0.01, 1.01), ylim=(0, 1.03), xlabel="threshold", ylabel="F1")
    legend_outside(ax)
    bare(ax, grid="both")
    return titled(ax, "F1 by threshold", origin)


def learning_curves(
    log_history: Sequence[Mapping],
    ax: Axes | None = None,
    *,
    keys: Sequence[str] = ("loss", "eval_loss"),
    names: Mapping[str, str] | None = None,
    kept: float | None = None,
    smooth: float = 0.5,
    title: str = "Learning curves",
    ylabel: str | None = None,
    origin: str = "",
) -> Axes:
    """Entries of a `Trainer`'s `log_history` against the epoch; a key that no entry holds is left out.

    The training loss is drawn twice where it has many points: as logged, thin, and as the mean of its surroundings.
    Where batches are made of comments of similar length the thin line has saw-teeth that say which lengths came when.

    Args:
        log_history: Dictionaries with `epoch` and some of the keys.
        ax: Axes to draw on; new ones by default.
        keys: What to draw; losses by default, or such as `("eval_macro_ap", "eval_macro_auroc")`.
        names: What the legend calls a key.
        kept: Epoch whose weights were kept, marked by a line.
        smooth: Epochs that a mean of the training loss is taken over.
        title: The title.
        ylabel: "loss" or "score" by default, as the keys are.
        origin: Where the data came from.
    """
    known_names = KEY_NAMES | dict(names or {})
    ax = new_axes(ax, 7.8, 3.9)
    for key, colour in zip(keys, colours_of(keys), strict=True):
        points = [(entry["epoch"], entry[key]) for entry in log_history if key in entry and "epoch" in entry]
        if not points:
            continue
        epochs, values = np.array(points, dtype=float).T
        told = known_names.get(key, pretty(key.removeprefix("eval_")))
        many = not key.startswith("eval") and len(points) >= 8
        if many:
            ax.plot(epochs, values, color=colour, alpha=0.35, linewidth=1, label=f"{told}, as logged")
            values = np.array([values[np.abs(epochs - epoch) <= smooth / 2].mean() for epoch in epochs])
            told += f", mean over {smooth:g} epochs"
        label = f"{told} (last {values[-1]:.3f})"
        ax.plot(epochs, values, color=colour, marker=None if many else "o", markersize=5, label=label)
    if kept is not None:
        ax.axvline(kept, color=MUTED, linewidth=1.2, linestyle=":", label=f"kept: epoch {kept:g}")
    ax.margins(x=0.04, y=0.12)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="epoch", ylabel=ylabel or ("loss" if all(key.endswith("loss") for key in keys) else "score"))
    legend_outside(ax)
    bare(ax, grid="y")
    return titled(ax, title, origin)


def best_epoch(log_history: Sequence[Mapping], key: str = "eval_macro_ap") -> float | None:
    """The epoch with the highest score, the first of several: the one that is kept. None where nothing was scored."""
    scored = [(entry[key], -entry["epoch"]) for entry in log_history if key in entry and "epoch" in entry]
    return -max(scored)[1] if scored else None


def wilson_interval(share: np.ndarray, count: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """Interval of a share of `count` rows, 95% by default (Wilson 1927); it has a width even at 0 and 1."""
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.clip(middle - reach, 0, 1), np.clip(middle + reach, 0, 1)


def _known_labels(targets: np.ndarray, probs: np.ndarray, labels: Sequence[str] | None):
    targets = as_targets(targets, labels)
    names = label_names(labels, targets.shape[1])
    probs = as_probs(probs, targets.shape, names)
    for i, name in enumerate(names):
        rows = known(targets)[:, i]
        yield name, positives(targets)[rows, i], probs[rows, i], i
