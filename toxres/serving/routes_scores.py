"""Routes that score and decide: predict, moderate, explain."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from toxres.serving.context import (
    Service,
    check_models,
    check_texts,
    in_thread,
    refusals,
    request_id,
    score,
    service_of,
    tell,
)
from toxres.serving.moderation import Asked
from toxres.serving.predictor import Predictor
from toxres.serving.problems import Problem, json_response
from toxres.serving.responses import documented
from toxres.serving.schemas import (
    Comment,
    ExplainRequest,
    ExplainResponse,
    ModerateRequest,
    ModerateResponse,
    PredictRequest,
    PredictResponse,
)
from toxres.serving.scorer import Scored
from toxres.serving.why import attend, occlude

router = APIRouter(tags=["scores"])


@router.post(
    "/v1/predict", response_model=PredictResponse, responses=documented(413, 422, 503), summary="Score comments"
)
async def predict(body: PredictRequest, request: Request) -> Response:
    """Six calibrated probabilities from each model, for one comment or many, of any length.

    A comment longer than a model reads at once is read in overlapping windows, and each label has its maximum over
    them; the answer says how many there were and which one decided.
    """
    service, comments = service_of(request), _comments(body)
    check_texts(service, [each.text for each in comments])
    names, ids = check_models(service, body.models), _ids(comments)
    tell(request, comments=len(comments), characters=sum(len(each.text) for each in comments))
    _tell_texts(service, request, comments)
    scored = await score(service, [each.text for each in comments], names)
    service.metrics.comments.labels("/v1/predict").inc(len(comments))
    results = [
        {"id": ids[row], "characters": len(each.text), "models": _predictions(service, scored, row)}
        for row, each in enumerate(comments)
    ]
    return json_response({"results": results, "request_id": request_id(request)})


@router.post(
    "/v1/moderate",
    response_model=ModerateResponse,
    responses=documented(409, 413, 422, 503),
    summary="Decide on comments",
)
async def moderate(body: ModerateRequest, request: Request) -> Response:
    """Accept, reject, or ask a person: the verdict of the policy on each comment, and why.

    Where there is a moderators' database, the comments are recorded there before the answer is sent (unless `store` is
    false), and those that are uncertain wait in the queue. The same id with the same text may be sent again.
    """
    service, comments = service_of(request), _comments(body)
    check_texts(service, [each.text for each in comments])
    ids = _ids(comments)
    asked = [Asked(each.id, each.text, getattr(each, "group", None) or body.group) for each in comments]
    tell(request, comments=len(comments), characters=sum(len(each.text) for each in comments))
    _tell_texts(service, request, comments)
    moderation = service.moderation
    model = service.scorer.models[moderation.model]
    names = None if body.predictions else [moderation.model]
    scored = await score(service, [each.text for each in comments], names)
    decided = scored[moderation.model]
    with refusals(service):
        verdicts = moderation.decide(asked, decided)
        spans = [
            await moderation.spans(*each, body.spans, service.limits.words)
            for each in zip(asked, verdicts, decided, strict=True)
        ]
        stored: Sequence[str | None] = [None] * len(asked)
        if body.store and moderation.database is not None:
            stored = await in_thread(service, moderation.record, asked, decided, verdicts)
    service.metrics.comments.labels("/v1/moderate").inc(len(comments))
    results = []
    for row, verdict in enumerate(verdicts):
        service.metrics.verdicts.labels(_group_label(service, verdict.group), verdict.verdict).inc()
        told = verdict.to_dict()
        for reason in told["reasons"]:
            words = spans[row].get(reason["label"], ())
            reason["spans"] = [{"start": start, "end": end, "weight": weight} for start, end, weight in words]
        result = {"id": stored[row] or ids[row], **told, "model": model.name, "version": model.version}
        result |= {"stored": stored[row] is not None}
        result["models"] = _predictions(service, scored, row) if body.predictions else None
        results.append(result)
    answer = {"results": results, "policy": moderation.triage.policy.name, "promises": moderation.promises}
    return json_response(answer | {"request_id": request_id(request)})


@router.post(
    "/v1/explain",
    response_model=ExplainResponse,
    responses=documented(413, 422, 503),
    summary="Explain a comment's scores",
)
async def explain(body: ExplainRequest, request: Request) -> Response:
    """Which words a score comes from, by model and label, with places in the comment as it was written."""
    service = service_of(request)
    if not body.text.strip():
        raise Problem(422, "text: is blank, so there is no word to explain; send a comment")
    check_texts(service, [body.text], "text")
    names = check_models(service, body.models)
    if body.method == "attention":
        able = [name for name in names if service.scorer.models[name].has_attention]
        if not able or (body.models and len(able) < len(names)):
            raise Problem(422, "method: a model without attention pooling has no weights to show; ask for occlusion")
        names = able
    tell(request, comments=1, characters=len(body.text), explained_by=body.method)
    _tell_texts(service, request, [body])
    explanations = []
    with refusals(service):
        scored = await service.scorer.score([body.text], names)
        for name in names:
            if body.method == "occlusion":
                found = await occlude(service.scorer, name, body.text, service.limits.words, scored[name][0])
            else:
                found = await attend(service.scorer, name, body.text, scored[name][0])
            explanations.append(_only(found.to_dict(), body.labels))
    service.metrics.comments.labels("/v1/explain").inc()
    return json_response({"explanations": explanations, "request_id": request_id(request)})


def _comments(body: PredictRequest | ModerateRequest) -> list[Any]:
    return [Comment(text=body.text)] if body.comments is None else list(body.comments)


def _ids(comments: Sequence[Comment]) -> list[str]:
    """Each comment's id, its number where it has none.

    Raises:
        Problem: 422: two have the same.
    """
    ids = [each.id if each.id is not None else str(number) for number, each in enumerate(comments)]
    seen: set[str] = set()
    for number, each in enumerate(comments):
        if each.id is not None and each.id in seen:
            raise Problem(422, f"comments.{number}.id: {each.id[:60]!a} is the id of another, too; give each its own")
        seen.add(each.id or "")
    return ids


def _predictions(service: Service, scored: dict[str, list[Scored]], row: int) -> list[dict[str, Any]]:
    return [_model_scores(service.scorer.models[name], found[row]) for name, found in scored.items()]


def _model_scores(model: Predictor, scored: Scored) -> dict[str, Any]:
    thresholds, labels = model.calibrated_thresholds, {}
    for column, label in enumerate(model.labels):
        start, end = scored.span(column)
        labels[label] = {
            "probability": float(scored.probs[column]),
            "decision": bool(scored.decisions[column]),
            "threshold": float(thresholds[column]),
            "start": start,
            "end": end,
        }
    windows = len(scored.reading.windows)
    return {
        "model": model.name,
        "version": model.version,
        "windows": windows,
        "tokens": scored.tokens,
        "labels": labels,
    }


def _only(explanation: dict[str, Any], labels: Sequence[str] | None) -> dict[str, Any]:
    """An explanation of some of its labels.

    Raises:
        Problem: 422: the model does not know one of them.
    """
    if labels is None:
        return explanation
    known = explanation["labels"]
    for label in labels:
        if label not in known or labels.count(label) > 1:
            raise Problem(422, f"labels: {label!r} is unknown to {explanation['model']} or named twice")
    columns = [known.index(label) for label in labels]
    explanation["labels"] = list(labels)
    explanation["attributions"] = [[row[column] for column in columns] for row in explanation["attributions"]]
    for field in ("scores", "baseline_scores", "convergence_delta"):
        explanation[field] = [explanation[field][column] for column in columns]
    return explanation


def _group_label(service: Service, group: str) -> str:
    """The group as a metric's label: one that the triage knows, so that names from outside can't grow without end."""
    return group if group in service.moderation.triage.groups else "other"


def _tell_texts(service: Service, request: Request, comments: Sequence[Any]) -> None:
    if service.settings.log_text:
        tell(request, texts=[each.text for each in comments])
