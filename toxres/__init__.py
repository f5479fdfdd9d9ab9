"""A research lab for toxic comment classification.

The verbs of the command line as functions, loaded when first used, so that `import toxres` costs nothing:

    >>> import toxres
    >>> comments = toxres.load_comments("synthetic", split="test", limit=100)
    >>> list(comments.columns[:3])
    ['id', 'text', 'group']
"""

from toxres.lazy import lazy_exports

__version__ = "0.1.0"

_HOMES = {
    "InputError": "errors",
    "LABELS": "labels",
    "PRESETS": "config",
    "RECIPES": "config",
    "get_preset": "config",
    "get_recipe": "config",
    "load_comments": "data",
    "targets": "data",
    "load_checkpoint": "checkpoint",
    "load_router": "router",
    "make_router": "router",
    "train": "training",
    "train_spans": "training",
    "compare": "api",
    "evaluate": "api",
    "score": "scoring",
    "fit_policy": "triaging",
    "report_policy": "triaging",
    "export_bundle": "serving",
    "load_bundle": "serving",
}

__all__ = sorted(_HOMES)

__getattr__ = lazy_exports(__name__, _HOMES)


def __dir__() -> list[str]:
    """The verbs, and what the module holds already."""
    return sorted({*globals(), *__all__})
