"""What a notebook plays with: models side by side, a browser of comments they get wrong, and an editor of policies."""

from toxres.lazy import lazy_exports

_HOMES = {
    "Compare": "compare",
    "ErrorBrowser": "errors",
    "PolicyEditor": "policy",
    "ScoredRows": "policy_outcome",
    "error_table": "table",
}

__all__ = ["Compare", "ErrorBrowser", "PolicyEditor", "ScoredRows", "error_table"]

__getattr__ = lazy_exports(__name__, _HOMES)  # a table of errors needs no ipywidgets
