"""Why a model scores a comment as it does: attributions of its words, as they were written."""

from toxres.explain.record import METHODS, Explanation

__all__ = ["METHODS", "Explanation"]
