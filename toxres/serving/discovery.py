"""The discovery document of the Perspective-compatible route, by which Google's client libraries find its methods.

Its format is that of Google's API Discovery Service, "Discovery document" (developers.google.com/discovery).
"""

from typing import Any

from toxres.serving.perspective import ATTRIBUTES


def discovery_document(base: str) -> dict[str, Any]:
    """The document of a service at `base`, which ends with a slash."""
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": "commentanalyzer:v1alpha1",
        "name": "commentanalyzer",
        "version": "v1alpha1",
        "title": "toxres",
        "description": f"Scores a comment for {', '.join(ATTRIBUTES)}.",
        "protocol": "rest",
        "rootUrl": base,
        "baseUrl": base,
        "servicePath": "",
        "batchPath": "batch",
        "parameters": {
            "key": {"type": "string", "location": "query", "description": "An API key."},
            "alt": {"type": "string", "location": "query", "default": "json", "enum": ["json"]},
        },
        "resources": {
            "comments": {
                "methods": {
                    "analyze": {
                        "id": "commentanalyzer.comments.analyze",
                        "path": "v1alpha1/comments:analyze",
                        "flatPath": "v1alpha1/comments:analyze",
                        "httpMethod": "POST",
                        "parameters": {},
                        "parameterOrder": [],
                        "request": {"$ref": "AnalyzeCommentRequest"},
                        "response": {"$ref": "AnalyzeCommentResponse"},
                    }
                }
            }
        },
        "schemas": {
            "TextEntry": _record("TextEntry", text=_of("string"), type=_of("string")),
            "AttributeParameters": _record(
                "AttributeParameters", scoreType=_of("string"), scoreThreshold=_of("number", "float")
            ),
            "ArticleAndParentComment": _record(
                "ArticleAndParentComment", article=_to("TextEntry"), parentComment=_to("TextEntry")
            ),
            "Context": _record(
                "Context", entries=_list(_to("TextEntry")), articleAndParentComment=_to("ArticleAndParentComment")
            ),
            "AnalyzeCommentRequest": _record(
                "AnalyzeCommentRequest",
                comment=_to("TextEntry"),
                requestedAttributes=_map("AttributeParameters"),
                languages=_list(_of("string")),
                spanAnnotations=_of("boolean"),
                doNotStore=_of("boolean"),
                clientToken=_of("string"),
                sessionId=_of("string"),
                communityId=_of("string"),
                context=_to("Context"),
            ),
            "Score": _record("Score", value=_of("number", "float"), type=_of("string")),
            "SpanScore": _record(
                "SpanScore", begin=_of("integer", "int32"), end=_of("integer", "int32"), score=_to("Score")
            ),
            "AttributeScores": _record(
                "AttributeScores", summaryScore=_to("Score"), spanScores=_list(_to("SpanScore"))
            ),
            "AnalyzeCommentResponse": _record(
                "AnalyzeCommentResponse",
                attributeScores=_map("AttributeScores"),
                languages=_list(_of("string")),
                clientToken=_of("string"),
            ),
        },
    }


def _record(name: str, **fields: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "type": "object", "properties": fields}


def _of(kind: str, form: str | None = None) -> dict[str, Any]:
    return {"type": kind} | ({"format": form} if form else {})


def _to(name: str) -> dict[str, Any]:
    return {"$ref": name}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _map(name: str) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": _to(name)}
