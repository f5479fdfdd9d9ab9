"""Honest scores on numpy arrays: metrics, thresholds, calibration, paired bootstrap, out-of-fold pooling, tables."""

from toxres.lazy import lazy_exports

_HOMES = {
    "BootstrapInterval": "bootstrap",
    "BootstrapResult": "bootstrap",
    "Calibration": "calibration",
    "CrossFitted": "oof",
    "Evaluation": "metrics",
    "ReliabilityCurve": "calibration",
    "SeedResult": "seeds",
    "auroc": "metrics",
    "average_precision": "metrics",
    "bootstrap_interval": "bootstrap",
    "brier": "metrics",
    "compare_table": "report",
    "comparison_frame": "report",
    "cross_fitted": "oof",
    "evaluate_probs": "metrics",
    "expected_calibration_error": "calibration",
    "f1": "metrics",
    "fit_calibration": "calibration",
    "label_frame": "report",
    "micro_f1": "metrics",
    "paired_bootstrap": "bootstrap",
    "paired_bootstrap_seeds": "seeds",
    "paired_seeds": "seeds",
    "paired_seeds_table": "seeds",
    "reliability_curve": "calibration",
    "seed_differences": "seeds",
    "tune_thresholds": "thresholds",
}

__all__ = sorted(_HOMES)

__getattr__ = lazy_exports(__name__, _HOMES)  # a service needs neither pandas nor scipy to decide
