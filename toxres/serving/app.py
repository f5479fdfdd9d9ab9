"""The app: what is served, put together from its parts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.serving import routes_moderators, routes_page, routes_perspective, routes_scores, routes_system
from toxres.serving.bundle import Bundle
from toxres.serving.context import Service, request_id
from toxres.serving.gate import Envelope, Gate
from toxres.serving.metrics import Metrics
from toxres.serving.moderation import Moderation
from toxres.serving.openapi import describe
from toxres.serving.problems import PERSPECTIVE, Problem, from_validation
from toxres.serving.scorer import Scorer
from toxres.serving.settings import Settings

if TYPE_CHECKING:
    from toxres.triage.database import Database
    from toxres.triage.verdicts import Triage

DATABASE_THREADS = 8


def create_app(
    bundle: Bundle,
    settings: Settings | None = None,
    *,
    triage: "Triage | None" = None,
    database: "Database | None" = None,
    decides: str | None = None,
) -> FastAPI:
    """An ASGI app that serves a bundle; its models start with the app's lifespan, and end with it.

    Args:
        bundle: Of the six labels.
        settings: Limits, keys and switches.
        triage: Verdicts by policy; the bundle's own by default.
        database: The moderators', open; the app closes it. None serves no queue.
        decides: Name of the model that verdicts come from; by default the one the triage was fitted on.

    Raises:
        InputError: The bundle's labels are others, or it has no such model.
    """
    settings = settings or Settings()
    triage = triage or bundle.triage
    if tuple(bundle.labels) != LABELS:
        raise InputError(f"{bundle.path}: its models decide {bundle.task.name}; serve models of the six labels")
    decides = decides or deciding_model(bundle, triage)
    if decides not in bundle.models:
        raise InputError(f"model {decides!r} is not in the bundle; choose one of: {', '.join(bundle.models)}")
    metrics = Metrics()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        scorer = Scorer(list(bundle.models.values()), settings.limits, metrics)
        moderation = Moderation(scorer, decides, triage, database)
        threads = ThreadPoolExecutor(DATABASE_THREADS, "toxres-database")
        app.state.service = Service(bundle, scorer, moderation, settings, metrics, threads)
        warming = asyncio.create_task(_warm(app))
        try:
            yield
        finally:
            app.state.ready, app.state.stopping = False, True
            metrics.ready.set(0)
            warming.cancel()
            await asyncio.to_thread(app.state.service.close)

    async def _warm(app: FastAPI) -> None:
        await app.state.service.scorer.warm_up()
        app.state.ready = True
        metrics.ready.set(1)

    app = FastAPI(
        title="toxres",
        version=metadata.version("toxres"),
        summary="Toxic comments: scores, reasons and verdicts from two models side by side.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service, app.state.ready, app.state.stopping = None, False, False
    for routes in (routes_scores, routes_moderators, routes_perspective, routes_system, routes_page):
        app.include_router(routes.router)
    _refusals(app)
    describe(app, settings)
    app.add_middleware(Gate, settings=settings, metrics=metrics)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Request-ID"],
            expose_headers=["Retry-After", "X-Request-ID"],
            max_age=600,
        )
    app.add_middleware(Envelope, metrics=metrics)
    return app


def deciding_model(bundle: Bundle, triage: "Triage | None") -> str:
    """The model that verdicts come from: that of the triage, or the last that has attention, or the last."""
    names = list(bundle.models)
    if triage is not None and triage is bundle.triage:
        return bundle.triage_model
    fitted = str(triage.calibrated_on.get("checkpoint", "")) if triage else ""
    for name in names:
        if fitted.replace("\\", "/").rstrip("/").split("/")[-1] == name:
            return name
    return next((name for name in reversed(names) if bundle.models[name].has_attention), names[-1])


def _refusals(app: FastAPI) -> None:
    """Answer every error in the service's shape."""

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        return error.response(request.url.path, request_id(request))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        found = from_validation(error.errors())
        if error.errors() and error.errors()[0].get("type") == "json_invalid":
            found = Problem(400, "the body is no JSON; send an object in UTF-8")
        elif request.url.path.startswith(PERSPECTIVE):
            found = Problem(400, found.message, fields=found.fields)
        return found.response(request.url.path, request_id(request))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        told = {
            400: "the body is no JSON that can be read; send an object in UTF-8",
            404: "there is no such path; /openapi.json tells which there are",
            405: "the path has no such method; /openapi.json tells which there are",
        }
        found = Problem(error.status_code, told.get(error.status_code, str(error.detail)), headers=error.headers)
        return found.response(request.url.path, request_id(request))
