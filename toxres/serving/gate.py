"""What stands before the routes, in plain ASGI: request ids, headers, log, metrics, keys, and bounds on bodies."""

import asyncio
import hashlib
import hmac
import re
import time
import uuid
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from toxres.serving.logs import logger
from toxres.serving.metrics import Metrics
from toxres.serving.problems import PERSPECTIVE, Problem, busy
from toxres.serving.settings import Settings

OPEN = frozenset({"/", "/healthz", "/readyz", "/openapi.json", "/$discovery/rest", "/favicon.ico"})
"""Paths that need no key: they tell nothing of a comment. So do those of the page's own files."""

OPEN_BELOW = "/page/"
WHOLE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content-Security-Policy of answers, and of the page: its own files, its own server, and no markup made by script."""

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
DRAINED = 4
"""How many times the bound a body that is too large is read, and thrown away, so that its sender hears why."""


class Envelope:
    """Around everything: an id, security headers, one line in the log and a count for each request.

    An exception that nothing caught becomes a 500 without details, or ends the connection if the answer had begun.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, log_text: bool = False) -> None:
        self.app, self.metrics, self.log_text = app, metrics, log_text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        state = scope.setdefault("state", {})
        state |= {"request_id": request_id, "told": {}}
        start, status = time.perf_counter(), 0

        async def enveloped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", WHOLE)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        self.metrics.in_flight.inc()
        try:
            await self.app(scope, receive, enveloped)
        except Exception as error:
            logger().error("failed", exc_info=error, extra={"request_id": request_id})
            if status:
                raise
            problem = Problem(500, "the service failed; its log says why under this request's id")
            await problem.response(scope["path"], request_id)(scope, receive, enveloped)
        finally:
            self.metrics.in_flight.dec()
            self._tell(scope, request_id, status, time.perf_counter() - start)

    def _tell(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "other"
        method = scope["method"] if scope["method"] in ("GET", "POST", "HEAD", "OPTIONS") else "other"
        self.metrics.requests.labels(route, method, str(status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        told = {"request_id": request_id, "method": method, "route": route, "status": status}
        told |= {"ms": round(1_000 * seconds, 2)} | scope["state"]["told"]
        level = "debug" if route in ("/healthz", "/readyz", "/metrics") else "warning" if status >= 500 else "info"
        getattr(logger(), level)("answered" if status else "gone", extra=told)


class Gate:
    """Before the routes: a key, room for one more request, and a body that arrives in time and fits.

    Bodies are read here, whole, so that nothing behind has to be careful; what the app receives is the same body.
    """

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app, self.limits, self.metrics = app, settings.limits, metrics
        self.keys = tuple(_digest(key) for key in settings.keys)
        self.in_flight = self.buffered = 0
        self.closing = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in ("/healthz", "/readyz"):
            await self.app(scope, receive, send)
            return
        self.in_flight += 1
        held = _Held()
        try:
            self._admit(scope)
            body = await self._body(scope, receive, held)
            async with asyncio.timeout(self.limits.request_seconds):
                await self.app(scope, _replayed(body, receive), send)
        except TimeoutError:
            problem = Problem(504, f"not done within {self.limits.request_seconds:g} s; send less, or try again later")
            await _refuse(problem, scope, receive, send)
        except Problem as problem:
            if problem.status == 503:
                self.metrics.refused.labels("requests").inc()
            await _refuse(problem, scope, receive, send)
        finally:
            self.in_flight -= 1
            self.buffered -= held.bytes

    def _admit(self, scope: Scope) -> None:
        if self.keys and not (scope["path"] in OPEN or scope["path"].startswith(OPEN_BELOW)):
            self._check_key(scope)
        if self.closing:
            raise busy(5, "the service is shutting down")
        if self.in_flight > self.limits.in_flight:
            raise busy(1, f"{self.limits.in_flight} requests are worked on already")

    def _check_key(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        shown = headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
        perspective = scope["path"].startswith(PERSPECTIVE)
        if not shown and perspective:
            query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=100)
            shown = query.get("key", [""])[0]
        digest = _digest(shown)
        known = False
        for key in self.keys:  # all of them, so that the time tells nothing
            known |= hmac.compare_digest(key, digest)
        if not known:
            status = (400 if shown else 403) if perspective else 401
            message = "the API key is not valid" if shown else "an API key is needed"
            how = "as ?key=... or in the header X-API-Key" if perspective else "in the header X-API-Key, or as Bearer"
            raise Problem(status, f"{message}; send yours {how}", headers={"WWW-Authenticate": "Bearer"})

    async def _body(self, scope: Scope, receive: Receive, held: "_Held") -> bytes:
        limit = self.limits.body_bytes
        too_large = Problem(
            413,
            f"the body has more than {limit:,} bytes; send fewer or shorter comments",
            headers={"Connection": "close"},
        )
        length = Headers(scope=scope).get("content-length", "0")
        announced = int(length) if length.isascii() and length.isdigit() and len(length) < 16 else 1 << 60
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Problem(400, "the connection ended before the body did")
                    size += len(message.get("body", b""))
                    if size > limit or announced > limit:
                        parts.clear()
                        if announced > DRAINED * limit or size > DRAINED * limit or not message.get("more_body"):
                            raise too_large
                        continue
                    self._hold(held, len(message.get("body", b"")))
                    parts.append(message.get("body", b""))
                    if not message.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            if size > limit or announced > limit:
                raise too_large from None
            headers = {"Connection": "close"}
            raise Problem(
                408, f"the body did not arrive within {self.limits.body_seconds:g} s", headers=headers
            ) from None

    def _hold(self, held: "_Held", size: int) -> None:
        if self.buffered + size > self.limits.buffered_bytes:
            raise busy(1, "the bodies of other requests fill the memory there is for them")
        self.buffered += size
        held.bytes += size


class _Held:
    """Bytes of a body that count as buffered."""

    bytes = 0


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that was read already, and then what really comes."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    state: dict[str, Any] = scope["state"]
    await problem.response(scope["path"], state["request_id"])(scope, receive, send)
