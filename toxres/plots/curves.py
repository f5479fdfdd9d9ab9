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

    The area under the drawn steps is the average precision: each step is as high as when its recall was first reached.
    A short line at the left edge marks a label's prevalence, which is the precision of guessing.

    Args:
        targets: (N, L) in [0, 1], NaN unknown.
        probs: (N, L) probabilities.
        ax: Axes to draw on; new ones by default.
        origin: Where the data came from.
        labels: Names of the columns; those without positives or negatives get no curve, and the legend says so.
        thresholds: (L,), each marked by a dot on its curve.
    """
    ax = new_axes(ax, 8.0, 4.8)
    for name, is_positive, scores, index in _known_labels(targets, probs, labels):
        (colour,) = colours_of([name])
        if is_positive.all() or not is_positive.any():
            ax.plot([], [], color=colour, label=f"{pretty(name)}: undefined")
            continue
        precision, recall, cuts = precision_recall_curve(is_positive, scores)
        levels, first = np.unique(recall[::-1], return_index=True)
        heights = precision[::-1][first]
        heights[0] = heights[1]
        told = f"{pretty(name)}: AP {average_precision_score(is_positive, scores):.2f} ({is_positive.sum():,} positive)"
        ax.step(levels, heights, where="pre", color=colour, label=told)
        ax.plot([0, 0.08], [is_positive.mean()] * 2, color=colour, linewidth=1.3, linestyle=":")
        if thresholds is not None:
            place = np.searchsorted(cuts, thresholds[index])
            ax.plot(recall[place], precision[place], "o", color=colour, markersize=7, markeredgecolor="white")
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

    Bands are 95% Wilson intervals.

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
    for values, colour, name in series:
        curve = reliability_curve(np.ravel(targets), np.ravel(values), n_bins)
        error = np.sum(curve.count * np.abs(curve.mean_prob - curve.mean_target)) / max(curve.count.sum(), 1)
        low, high = wilson_interval(curve.mean_target, curve.count)
        ax.fill_between(curve.mean_prob, low, high, color=colour, alpha=0.13, linewidth=0)
        ax.plot(curve.mean_prob, curve.mean_target, "o-", color=colour, markersize=5, label=f"{name}: ECE {error:.3f}")
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
    origin: str = "",
) -> Axes:
    """Entries of a `Trainer`'s `log_history` against the epoch; a key that no entry holds is left out.

    Args:
        log_history: Dictionaries with `epoch` and some of the keys.
        ax: Axes to draw on; new ones by default.
        keys: What to draw; losses by default, or such as `("eval_macro_ap", "eval_macro_auroc")`.
        names: What the legend calls a key.
        origin: Where the data came from.
    """
    known_names = KEY_NAMES | dict(names or {})
    ax = new_axes(ax, 7.8, 3.9)
    for key, colour in zip(keys, colours_of(keys), strict=True):
        points = [(entry["epoch"], entry[key]) for entry in log_history if key in entry and "epoch" in entry]
        if points:
            marker = "o" if key.startswith("eval") or len(points) < 8 else None
            told = f"{known_names.get(key, pretty(key.removeprefix('eval_')))} (last {points[-1][1]:.3f})"
            ax.plot(*zip(*points, strict=True), color=colour, marker=marker, markersize=5, label=told)
    ax.margins(x=0.04, y=0.12)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("epoch")
    legend_outside(ax)
    bare(ax, grid="y")
    return titled(ax, "Learning curves", origin)


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
