"""The route of the Perspective API: a client of that API changes its base URL and nothing else."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from toxres.serving.context import in_thread, refusals, service_of, tell
from toxres.serving.discovery import discovery_document
from toxres.serving.moderation import Asked
from toxres.serving.perspective import AnalyzeRequest, AnalyzeResponse, answer, check, refused, sentences
from toxres.serving.problems import Problem, json_response
from toxres.serving.responses import documented
from toxres.serving.scorer import TooLong

router = APIRouter(tags=["Perspective API"])


@router.post(
    "/v1alpha1/comments:analyze",
    response_model=AnalyzeResponse,
    response_model_exclude_none=True,
    responses=documented(403, 413, perspective=True),
    summary="Score a comment, in the Perspective API's shape",
)
async def analyze(
    body: AnalyzeRequest,
    request: Request,
    key: Annotated[str | None, Query(description="An API key, as the first API takes it.")] = None,
) -> Response:
    """Scores for the requested attributes, in the shape of the Perspective API's AnalyzeComment.

    The scores are calibrated probabilities of the model that verdicts come from. Where there is a moderators' database,
    the comment is recorded there unless `doNotStore` is true.
    """
    service = service_of(request)
    text, languages = check(body, service.settings.languages, service.limits.characters)
    tell(request, comments=1, characters=len(text))
    if service.settings.log_text:
        tell(request, texts=[text])
    moderation = service.moderation
    spans = sentences(text) if body.spanAnnotations else []
    texts = [text] if len(spans) < 2 else [text, *(text[start:end] for start, end in spans)]
    try:
        with refusals(service, TooLong):
            found = (await service.scorer.score(texts, [moderation.model]))[moderation.model]
            if moderation.database is not None and not body.doNotStore:
                asked = Asked(None, text, body.communityId or None)
                verdicts = moderation.decide([asked], found[:1])
                await in_thread(service, moderation.record, [asked], found[:1], verdicts)
    except TooLong as error:
        told = f"comment.text: has {error.tokens:,} tokens, more than {service.limits.request_tokens:,}; shorten it"
        raise refused(told, "COMMENT_TOO_LONG") from None
    except Problem as problem:
        raise refused(problem.message, "INVALID_REQUEST") if problem.status == 422 else problem from None
    labels = service.scorer.models[moderation.model].labels
    probs = [dict(zip(labels, map(float, each.probs), strict=True)) for each in found]
    parts = [(*span, each) for span, each in zip(spans, probs[1:], strict=True)] if len(spans) > 1 else None
    service.metrics.comments.labels("/v1alpha1/comments:analyze").inc()
    return json_response(answer(body, text, languages, probs[0], parts))


@router.get(
    "/$discovery/rest",
    response_model=dict[str, Any],
    responses=documented(),
    summary="The discovery document, for Google's client libraries",
)
async def discovery(request: Request) -> Response:
    """What Google's API clients read to find the methods of an API: give them this as `discoveryServiceUrl`."""
    return json_response(discovery_document(str(request.base_url)))
