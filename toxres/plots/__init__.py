"""Figures that all notebooks share: functions take data and `ax`, return `Axes`, and never call `show`."""

from toxres.plots.comparison import before_after, forest_plot, group_comparison, metric_bars
from toxres.plots.curves import learning_curves, precision_recall_curves, reliability_diagram, threshold_curves
from toxres.plots.data import (
    cardinality_bars,
    cooccurrence,
    cooccurrence_heatmap,
    label_combinations,
    length_histogram,
    prevalence_bars,
    rater_disagreement,
    upset_plot,
)
from toxres.plots.explanation import explanation_plot
from toxres.plots.mechanism import focal_gradient, focal_loss, pooling_sketch
from toxres.plots.style import BLUE_ORANGE, BLUES, MODEL_COLOURS, save_figure, use_style

__all__ = [
    "BLUES",
    "BLUE_ORANGE",
    "MODEL_COLOURS",
    "before_after",
    "cardinality_bars",
    "cooccurrence",
    "cooccurrence_heatmap",
    "explanation_plot",
    "focal_gradient",
    "focal_loss",
    "forest_plot",
    "group_comparison",
    "label_combinations",
    "learning_curves",
    "length_histogram",
    "metric_bars",
    "pooling_sketch",
    "precision_recall_curves",
    "prevalence_bars",
    "rater_disagreement",
    "reliability_diagram",
    "save_figure",
    "threshold_curves",
    "upset_plot",
    "use_style",
]
