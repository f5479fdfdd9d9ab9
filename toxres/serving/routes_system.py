"""Routes about the service itself: models, health, metrics."""

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from toxres.serving.colours import page_colours
from toxres.serving.context import request_id, service_of
from toxres.serving.problems import json_response
from toxres.serving.responses import documented
from toxres.serving.schemas import Health, ModelsResponse

router = APIRouter(tags=["service"])
UNREADY = {503: {"description": "Not ready.", "model": Health}}


@router.get("/v1/models", response_model=ModelsResponse, responses=documented(), summary="What is served")
async def models(request: Request) -> Response:
    """The models with their thresholds, the policy and what it promises, and the limits of requests."""
    service = service_of(request)
    moderation, limits = service.moderation, service.limits
    found = [
        {
            "name": model.name,
            "version": model.version,
            "labels": list(model.labels),
            "thresholds": dict(zip(model.labels, map(float, model.calibrated_thresholds), strict=True)),
            "attention": model.has_attention,
            "decides": model.name == moderation.model,
            "runtime": model.runtime,
            "precision": model.precision,
        }
        for model in service.scorer.models.values()
    ]
    answer = {
        "models": found,
        "bundle": {"version": service.bundle.version, "created": service.bundle.manifest.get("created")},
        "policy": moderation.triage.policy.to_dict() if moderation.fitted else None,
        "policy_hash": moderation.triage.policy.hash,
        "promises": moderation.promises,
        "groups": list(moderation.triage.groups),
        "database": moderation.database is not None,
        "colours": page_colours(),
        "limits": {
            name: getattr(limits, name) for name in ("body_bytes", "comments", "characters", "request_tokens", "words")
        },
    }
    return json_response(answer | {"request_id": request_id(request)})


@router.get("/healthz", response_model=Health, responses={503: {"model": Health, "description": "Broken."}})
async def healthz(request: Request) -> Response:
    """Whether the process lives and its models' threads do: if not, restart it."""
    alive = request.app.state.service is None or request.app.state.service.scorer.alive
    return json_response({"status": "ok" if alive else "broken"}, 200 if alive else 503)


@router.get("/readyz", response_model=Health, responses=UNREADY)
async def readyz(request: Request) -> Response:
    """Whether requests are taken: not before the models have run once, and not while shutting down."""
    state = request.app.state
    status = "stopping" if state.stopping else "ok" if state.ready else "starting"
    return json_response({"status": status}, 200 if status == "ok" else 503)


@router.get(
    "/metrics",
    response_class=Response,
    responses=documented() | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Counts, times and queues in Prometheus' text format."""
    service = service_of(request)
    return Response(service.metrics.page(), media_type=CONTENT_TYPE_LATEST)
