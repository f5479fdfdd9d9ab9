"""The OpenAPI document: the limits of this service in it, how keys are shown, and nothing that is not so."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from toxres.serving.gate import OPEN
from toxres.serving.settings import Settings

DESCRIPTION = """
Scores comments with every model of a bundle at once, decides on them by a policy, explains why, and takes moderators'
decisions. Offsets count Unicode characters of the comment as it was sent. Every answer has an `X-Request-ID`.
"""
KEYS = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}


def describe(app: FastAPI, settings: Settings) -> None:
    """Let an app tell its document, made when it is first asked for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, settings)
        return app.openapi_schema

    app.openapi = document


def _document(app: FastAPI, settings: Settings) -> dict[str, Any]:
    found = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=DESCRIPTION.strip(), routes=app.routes
    )
    schemas, limits = found["components"]["schemas"], settings.limits
    for name in ("PredictRequest", "ModerateRequest"):
        fields = schemas[name]["properties"]
        _narrow(fields["comments"], "array", maxItems=limits.comments)
        _narrow(fields["text"], "string", maxLength=limits.characters)
    for name in ("Comment", "GroupedComment", "ExplainRequest"):
        _narrow(schemas[name]["properties"]["text"], "string", maxLength=limits.characters)
    for path, methods in found["paths"].items():
        for operation in methods.values():
            if path in OPEN:
                operation["responses"].pop("401", None)
            elif settings.keys:
                operation["security"] = [{"key": []}, {"bearer": []}]
            for status, answer in operation["responses"].items():
                answer.setdefault("headers", {})["X-Request-ID"] = {"schema": {"type": "string"}}
                if status == "422" and "HTTPValidationError" in str(answer):
                    answer["content"] = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    if settings.keys:
        found["components"]["securitySchemes"] = KEYS
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return found


def _narrow(field: dict[str, Any], kind: str, **bounds: int) -> None:
    for each in field.get("anyOf", [field]):
        if each.get("type") == kind:
            each.update(bounds)
