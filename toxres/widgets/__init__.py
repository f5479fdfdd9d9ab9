"""What a notebook plays with: models side by side, a browser of comments they get wrong, and an editor of policies."""

import importlib

_HOMES = {
    "Compare": "compare",
    "ErrorBrowser": "errors",
    "PolicyEditor": "policy",
    "ScoredRows": "policy_outcome",
    "error_table": "table",
}

__all__ = ["Compare", "ErrorBrowser", "PolicyEditor", "ScoredRows", "error_table"]


def __getattr__(name: str) -> object:
    """Import a widget when it is first asked for (PEP 562): a table of errors needs no ipywidgets."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
