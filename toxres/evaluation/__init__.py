"""Honest scores on numpy arrays: metrics, thresholds, calibration, paired bootstrap, out-of-fold pooling, tables."""

from toxres.evaluation.bootstrap import BootstrapInterval, BootstrapResult, bootstrap_interval, paired_bootstrap
from toxres.evaluation.calibration import (
    Calibration,
    ReliabilityCurve,
    expected_calibration_error,
    fit_calibration,
    reliability_curve,
)
from toxres.evaluation.metrics import Evaluation, auroc, average_precision, brier, evaluate_probs, f1, micro_f1
from toxres.evaluation.oof import CrossFitted, cross_fitted
from toxres.evaluation.report import compare_table, comparison_frame, label_frame
from toxres.evaluation.seeds import (
    SeedResult,
    paired_bootstrap_seeds,
    paired_seeds,
    paired_seeds_table,
    seed_differences,
)
from toxres.evaluation.thresholds import tune_thresholds

__all__ = [
    "BootstrapInterval",
    "BootstrapResult",
    "Calibration",
    "CrossFitted",
    "Evaluation",
    "ReliabilityCurve",
    "SeedResult",
    "auroc",
    "average_precision",
    "bootstrap_interval",
    "brier",
    "compare_table",
    "comparison_frame",
    "cross_fitted",
    "evaluate_probs",
    "expected_calibration_error",
    "f1",
    "fit_calibration",
    "label_frame",
    "micro_f1",
    "paired_bootstrap",
    "paired_bootstrap_seeds",
    "paired_seeds",
    "paired_seeds_table",
    "reliability_curve",
    "seed_differences",
    "tune_thresholds",
]
