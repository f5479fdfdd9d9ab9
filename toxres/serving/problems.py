"""How the service says no: one shape for every error, and the Perspective API's own on its route."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.responses import Response

from toxres.files import well_formed

PERSPECTIVE = "/v1alpha1/"
"""Paths that answer errors in the shape of the Perspective API begin with this."""

STATUS_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "INVALID_ARGUMENT",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""The canonical name of a status, as Google's APIs give it beside the code."""

DETAIL_TYPE = "type.googleapis.com/google.commentanalyzer.v1alpha1.Error"


class Problem(Exception):
    """An answer that is an error.

    Attributes:
        status: Of HTTP.
        message: One line that says what to do, without a comment's text.
        fields: Where it is: each with `field` and `message`.
        headers: Of the answer.
        details: The Perspective API's own, on its route.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        fields: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        details: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.fields, self.headers, self.details = tuple(fields), dict(headers or {}), tuple(details)

    def body(self, path: str, request_id: str) -> dict[str, Any]:
        """What is sent, by the path that was asked for."""
        if path.startswith(PERSPECTIVE):
            details = list(self.details)
            if not details and self.status < 500:
                details = [{"@type": DETAIL_TYPE, "errorType": "INVALID_REQUEST"}]
            where = [{"field": each["field"], "description": each["message"]} for each in self.fields]
            if where:
                details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": where})
            word = STATUS_WORDS.get(self.status, "UNKNOWN")
            return {"error": {"code": self.status, "message": self.message, "status": word, "details": details}}
        return {
            "error": {
                "status": self.status,
                "message": self.message,
                "fields": [dict(each) for each in self.fields],
                "request_id": request_id,
            }
        }

    def response(self, path: str, request_id: str) -> Response:
        """The answer."""
        return json_response(self.body(path, request_id), self.status, self.headers)


def busy(seconds: float, why: str = "the models have more to do than they manage") -> Problem:
    """503 with `Retry-After`, in whole seconds."""
    wait = str(max(1, min(120, math.ceil(seconds))))
    return Problem(503, f"{why}; try again in {wait} s", headers={"Retry-After": wait})


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON in UTF-8; NaN becomes null, and a lone surrogate, which UTF-8 can't hold, U+FFFD."""
    try:
        body = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError:
        body = orjson.dumps(_mended(value), option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, status, dict(headers or {}), "application/json")


def _mended(value: object) -> object:
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, dict):
        return {well_formed(str(name)): _mended(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(item) for item in value]
    return value


def from_validation(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """422 of what pydantic found: each with its field and what is wrong, never with what was sent.

    Args:
        errors: As of `ValidationError.errors()`.
    """
    fields = []
    for each in errors[:20]:
        place = [str(part) for part in each.get("loc", ())]
        name = ".".join(place[1:] if len(place) > 1 else place) or "body"
        fields.append({"field": well_formed(name)[:200], "message": well_formed(str(each.get("msg", "is not valid")))})
    first = fields[0] if fields else {"field": "body", "message": "is not valid"}
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return Problem(422, f"{first['field']}: {_lower(first['message'])}{more}", fields=fields)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:] if message[1:2].islower() else message
