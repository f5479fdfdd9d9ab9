"""Answers that are errors, as the OpenAPI document tells them."""

from typing import Any

from toxres.serving.perspective import AnalyzeError
from toxres.serving.schemas import Error

TOLD = {
    400: "The body is no JSON, or ended too early.",
    401: "No API key, or one that is not valid.",
    403: "No API key.",
    404: "There is no such thing.",
    405: "The path has no such method.",
    408: "The body did not arrive in time.",
    409: "It contradicts what is recorded.",
    413: "The body is larger than the service takes.",
    422: "A field is missing, unknown, or not what it may be.",
    500: "The service failed; its log says why under the request's id.",
    503: "Too much to do, or shutting down; `Retry-After` says when to try again.",
    504: "It took longer than a request may.",
}
RETRY = {"Retry-After": {"description": "Seconds.", "schema": {"type": "string", "pattern": "^[0-9]+$"}}}


def documented(*statuses: int, perspective: bool = False) -> dict[int | str, dict[str, Any]]:
    """The errors of a route: the given ones, and those that any route may answer."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in sorted({400, 401, 408, 500, 503, 504, *statuses} - ({401, 422} if perspective else set())):
        found[status] = {"description": TOLD[status], "model": AnalyzeError if perspective else Error}
        if status == 503:
            found[status]["headers"] = RETRY
    return found
