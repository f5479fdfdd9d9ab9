"""What stands before the routes: keys, bounds on bodies and requests, ids, headers, and a log without comments."""

import asyncio
import json
import logging

import pytest
from fastapi.testclient import TestClient
from helpers.serving import fake_app

from toxres.errors import InputError
from toxres.serving.gate import Gate
from toxres.serving.logs import JsonFormatter
from toxres.serving.metrics import Metrics
from toxres.serving.settings import Limits, Settings, read_keys

KEY, OTHER = "k" * 20, "o" * 20
SECRET = "quillfeather"


def opened(**settings) -> TestClient:
    return TestClient(fake_app(**settings))


@pytest.fixture(scope="module")
def keyed():
    with opened(keys=(OTHER, KEY)) as client:
        yield client


@pytest.mark.parametrize(
    "headers", [{"x-api-key": KEY}, {"authorization": f"Bearer {OTHER}"}, {"Authorization": f"bearer {KEY}"}]
)
def test_any_of_the_keys_opens(keyed, headers):
    assert keyed.post("/v1/predict", json={"text": "a"}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers", [{}, {"x-api-key": KEY[:-1]}, {"authorization": f"Basic {KEY}"}, {"x-api-key": "é" * 20}]
)
def test_without_a_key_nothing_is_scored(keyed, headers):
    headers = {name: value.encode() for name, value in headers.items()}
    response = keyed.post("/v1/predict", json={"text": "a"}, headers=headers)
    assert response.status_code == 401 and "X-API-Key" in response.json()["error"]["message"]
    assert response.headers["www-authenticate"] == "Bearer"


def test_a_key_in_the_address_opens_the_perspective_route_alone(keyed):
    body = {"comment": {"text": "a"}, "requestedAttributes": {"TOXICITY": {}}}
    assert keyed.post(f"/v1alpha1/comments:analyze?key={KEY}", json=body).status_code == 200
    missing, wrong = (
        keyed.post("/v1alpha1/comments:analyze", json=body),
        keyed.post("/v1alpha1/comments:analyze?key=a", json=body),
    )
    assert (missing.status_code, wrong.status_code) == (403, 400)
    assert missing.json()["error"]["status"] == "PERMISSION_DENIED"
    assert keyed.post(f"/v1/predict?key={KEY}", json={"text": "a"}).status_code == 401


def test_the_page_and_health_need_no_key(keyed):
    for path in ("/", "/page/page.css", "/page/colours.css", "/healthz", "/openapi.json", "/$discovery/rest"):
        assert keyed.get(path).status_code == 200, path
    assert keyed.get("/metrics").status_code == keyed.get("/v1/models").status_code == 401
    document = keyed.get("/openapi.json").json()
    assert (
        document["paths"]["/v1/predict"]["post"]["security"] and "security" not in document["paths"]["/healthz"]["get"]
    )


def test_a_body_that_is_too_large_is_refused():
    with opened(limits=Limits(body_bytes=1_000)) as client:
        response = client.post("/v1/predict", json={"text": "a" * 990})
        assert response.status_code == 413 and "1,000 bytes" in response.json()["error"]["message"]
        body = {"comment": {"text": "a" * 990}, "requestedAttributes": {"TOXICITY": {}}}
        error = client.post("/v1alpha1/comments:analyze", json=body).json()["error"]
        assert (error["code"], error["status"]) == (413, "INVALID_ARGUMENT")
        assert client.post("/v1/predict", json={"text": "a" * 900}).status_code == 200


class Wire:
    """An ASGI connection by hand: what is sent, and what comes back.

    Args:
        parts: Of the body; a number waits so many seconds.
    """

    def __init__(self, *parts, headers=()) -> None:
        self.parts, self.sent = list(parts), []
        self.scope = {"type": "http", "method": "POST", "path": "/v1/predict", "query_string": b"", "headers": headers}
        self.scope["state"] = {"request_id": "r", "told": {}}
        self.taken = 0

    async def receive(self):
        while self.parts and isinstance(self.parts[0], float):
            await asyncio.sleep(self.parts.pop(0))
        if not self.parts:
            return {"type": "http.disconnect"}
        part = self.parts.pop(0)
        self.taken += len(part)
        return {"type": "http.request", "body": part, "more_body": bool(self.parts)}

    async def send(self, message):
        self.sent.append(message)

    def status(self, gate) -> int:
        asyncio.run(gate(self.scope, self.receive, self.send))
        return self.sent[0]["status"]


async def _echo(scope, receive, send):
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def gate(app=_echo, **limits) -> Gate:
    return Gate(app, Settings(Limits(**limits)), Metrics())


def test_a_body_in_parts_arrives_whole():
    wire = Wire(b"ab", b"", b"cd")
    assert wire.status(gate()) == 200 and wire.sent[1]["body"] == b"abcd"


def test_a_body_without_a_length_is_bounded_too():
    wire = Wire(*[b"x" * 100] * 1_000)
    each = gate(body_bytes=1_000)
    assert wire.status(each) == 413 and wire.taken <= 4_200
    assert each.buffered == 0 and each.in_flight == 0


def test_an_announced_length_is_believed_before_the_body_comes():
    wire = Wire(b"x", 5.0, b"y", headers=[(b"content-length", b"99999999999")])
    assert wire.status(gate()) == 413 and wire.taken == 1


def test_a_body_that_does_not_come_is_given_up():
    assert Wire(b"x", 5.0, b"y").status(gate(body_seconds=0.05)) == 408
    assert Wire().status(gate()) == 400


def test_a_request_that_takes_too_long_is_given_up():
    async def slow(scope, receive, send):
        await asyncio.sleep(5)

    each = gate(slow, request_seconds=0.05)
    assert Wire(b"x").status(each) == 504 and each.in_flight == 0


def test_bodies_of_all_requests_together_are_bounded():
    each = gate(buffered_bytes=10)
    each.buffered = 8
    wire = Wire(b"xxx")
    assert wire.status(each) == 503 and each.buffered == 8
    assert dict(wire.sent[0]["headers"])[b"retry-after"].isdigit()
    assert Wire(b"xx").status(each) == 200


def test_requests_at_once_are_bounded():
    each = gate(in_flight=2)
    each.in_flight = 2
    assert Wire(b"x").status(each) == 503
    each.in_flight = 1
    assert Wire(b"x").status(each) == 200


@pytest.fixture(scope="module")
def client():
    with opened() as client:
        yield client


def test_every_answer_has_an_id_and_security_headers(client):
    for path in ("/", "/v1/models", "/nowhere", "/page/page.js"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"] and len(headers["x-request-id"]) == 32
        assert "unsafe" not in headers["content-security-policy"]
    given = client.get("/v1/models", headers={"x-request-id": "site-17.b"})
    assert given.headers["x-request-id"] == given.json()["request_id"] == "site-17.b"
    forged = client.get("/v1/models", headers={"x-request-id": "a b<script>"})
    assert len(forged.headers["x-request-id"]) == 32


def test_other_origins_are_let_in_only_when_named(client):
    asked = {"origin": "https://news.example", "access-control-request-method": "POST"}
    assert "access-control-allow-origin" not in client.get("/v1/models", headers=asked).headers
    assert client.options("/v1/predict", headers=asked).status_code == 405
    with opened(origins=("https://news.example",)) as other:
        allowed = other.options("/v1/predict", headers=asked)
        assert allowed.status_code == 200 and allowed.headers["access-control-allow-origin"] == "https://news.example"
        refused = other.options("/v1/predict", headers={**asked, "origin": "https://evil.example"})
        assert refused.status_code == 400 and "access-control-allow-origin" not in refused.headers


def lines(caplog, log_text: bool) -> str:
    return "\n".join(
        JsonFormatter(log_text).format(record) for record in caplog.records if record.name.startswith("toxres")
    )


@pytest.mark.parametrize("log_text", [False, True])
def test_the_log_holds_a_comment_only_when_told_to(caplog, log_text):
    app = fake_app(log_text=log_text)
    with caplog.at_level(logging.DEBUG), TestClient(app, raise_server_exceptions=False) as client:
        client.post("/v1/predict", json={"text": SECRET})
        client.post("/v1/moderate", json={"comments": [{"text": SECRET, "group": "news"}]})
        client.post("/v1/explain", json={"text": SECRET})
        client.post("/v1/predict", json={"text": [SECRET]})
        body = {"comment": {"text": SECRET}, "requestedAttributes": {"TOXICITY": {}}}
        client.post("/v1alpha1/comments:analyze?key=" + KEY, json=body)
        app.state.service.scorer.models["custom"]._model.error = ValueError(SECRET)
        assert client.post("/v1/predict", json={"text": "a"}).status_code == 500
    said = lines(caplog, log_text)
    assert (SECRET in said) is log_text and KEY not in said
    told = [json.loads(line) for line in said.splitlines()]
    answered = [each for each in told if each["event"] == "answered"]
    assert [each["status"] for each in answered if each["route"] != "other"][-6:] == [200, 200, 200, 422, 200, 500]
    assert all(each["request_id"] and each["ms"] >= 0 for each in answered)
    failed = next(each for each in told if each["event"] == "failed")
    assert failed["error"] == "ValueError" and any("serving.py" in frame for frame in failed["where"])


def test_keys_are_read_from_a_file(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"# site\n{KEY}\n\n{OTHER}\n")
    assert read_keys(path) == (KEY, OTHER)
    assert KEY not in repr(Settings(keys=read_keys(path)))
    for content, told in (
        ("\n#\n", "no API key"),
        ("short\n", "line 1"),
        (f"{KEY}\nwith space in it, long\n", "line 2"),
    ):
        path.write_text(content)
        with pytest.raises(InputError, match=told):
            read_keys(path)
    with pytest.raises(InputError, match="can't be read"):
        read_keys(tmp_path / "none")


def test_a_limit_is_above_nothing():
    for value in (0, -1, float("inf"), float("nan"), "many", True):
        with pytest.raises(InputError, match="comments"):
            Limits(comments=value)
