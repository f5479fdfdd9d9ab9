"""From checkpoints to a service: the export bundle, and predictors that need neither torch nor transformers.

A bundle is one folder, made by `export_bundle` (`toxres export`) and opened by `load_bundle`:

    from toxres.serving import export_bundle, load_bundle

    export_bundle(["build/checkpoints/baseline", "build/checkpoints/custom"], "build/bundle")
    bundle = load_bundle("build/bundle", threads=1)     # every byte checked, models loaded
    bundle.version, bundle.labels, bundle.triage        # triage: verdicts by policy, or None
    for name, model in bundle.models.items():           # Predictors, safe to use from any thread
        found = model.predict(texts)                    # logits, probs, calibrated, decisions, windows; N x L
        if model.has_attention:
            model.attention(texts)                      # where it looked: spans of the text, and shares

What to show people is `calibrated`, beside `model.calibrated_thresholds`: `calibrated >= calibrated_thresholds` are the
decisions. A service that batches windows of several requests calls `model.read(texts)`, `model.score(windows)` with
windows of any texts but similar `length`, and `model.combine(readings, scores)` itself.
"""

from toxres.lazy import lazy_exports

_HOMES = {
    "Attention": "predictor",
    "Bundle": "bundle",
    "Predictions": "predictor",
    "Predictor": "predictor",
    "Reading": "reading",
    "Window": "reading",
    "WindowScores": "models",
    "export_bundle": "export",
    "load_bundle": "bundle",
}

__all__ = sorted(_HOMES)

__getattr__ = lazy_exports(__name__, _HOMES)  # to serve a bundle needs nothing that makes one
