"""Why a model scores a comment as it does: attributions of its words, as they were written."""

import importlib

from toxres.explain.record import METHODS, Explanation

_LATER = {"explain": "methods", "explain_model": "methods", "mark_spans": "supervised", "words_of": "words"}

__all__ = ["METHODS", "Explanation", "explain", "explain_model", "mark_spans", "words_of"]


def __getattr__(name: str) -> object:
    """Import what needs models when it is first asked for (PEP 562): reading a record does not."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = value
    return value
