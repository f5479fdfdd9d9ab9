"""Figures of several panels that only mean something together."""

from collections.abc import Collection, Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from toxres.plots.comparison import forest_plot, forest_size
from toxres.plots.curves import KEY_NAMES, best_epoch, learning_curves
from toxres.plots.style import STYLE, legend_below


def forest_panels(
    tables: Mapping[str, pd.DataFrame],
    *,
    first: str,
    second: str,
    title: str | None = None,
    origin: str = "",
    errors: Collection[str] = (),
) -> Figure:
    """Forest plots of the same two models one below the other, a metric each.

    Args:
        tables: By metric, as `forest_plot` takes them.
        first: The model that is a.
        second: The model that is b.
        title: What a panel's title says before the metric; the two models by default.
        origin: Where the data came from.
        errors: Metrics of which less is better.
    """
    widths, heights = zip(*map(forest_size, tables.values()), strict=True)
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(
            len(tables),
            figsize=(max(widths), sum(heights)),
            height_ratios=heights,
            layout="constrained",
            squeeze=False,
        )
    fig.get_layout_engine().set(h_pad=0.12)
    for ax, (metric, table) in zip(axes[:, 0], tables.items(), strict=True):
        forest_plot(
            table,
            ax,
            metric=metric,
            first=first,
            second=second,
            title=f"{title}: {metric}" if title else None,
            origin=origin if ax is axes[0, 0] else "",
            higher_is_better=metric not in errors,
        )
    return fig


def training_panels(
    log_history: Sequence[Mapping], *, select: str = "macro_ap", name: str = "", origin: str = ""
) -> Figure:
    """Losses on the left, on the right the validation score that chose the epoch; a line marks the epoch kept.

    Args:
        log_history: Of a `Trainer`.
        select: The score, without "eval_".
        name: Of the model, for the title.
        origin: Where the data came from.
    """
    key = f"eval_{select}"
    kept = best_epoch(log_history, key)
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(1, 2, figsize=(10.4, 4.6), layout="constrained", width_ratios=(3, 2))
    of = f" of {name}" if name else ""
    learning_curves(log_history, axes[0], kept=kept, title=f"Losses{of}", origin=origin)
    told = KEY_NAMES.get(key, select.replace("_", " "))
    learning_curves(log_history, axes[1], keys=[key], kept=kept, title=f"{told} on validation", ylabel=told, origin=" ")
    for ax in axes:
        legend_below(ax, ncols=1)
    return fig
