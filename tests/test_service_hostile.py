"""Hostile texts, to every route that takes one: a proper answer, within bounds, and never a failure of the service."""

import json

import pytest
from fastapi.testclient import TestClient
from helpers.serving import fake_app

TEXTS = {
    "nul": "a\0b",
    "nul alone": "\0",
    "lone surrogates": "a\ud800b\udfff",
    "override": "\u202efool\u202c",
    "zalgo": "f" + "\u0301\u0317\u0353" * 300 + "ool",
    "a million characters": "a " * 500_000,
    "one long word": "a" * 50_000,
    "dots": "." * 49_999 + "a",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "emoji": "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "empty": "",
    "blank": " \n\t\u2003",
    "noncharacter": "\ufffe\uffff",
    "controls": "".join(map(chr, range(32))),
    "template": "{{7*7}}${jndi:ldap://x}%s%n",
}
ROUTES = {
    "/v1/predict": lambda text: {"text": text},
    "/v1/moderate": lambda text: {"comments": [{"text": text, "group": text[:150] or "g"}], "spans": "occlusion"},
    "/v1/explain": lambda text: {"text": text},
    "/v1/decisions": lambda text: {"comment_id": text[:400], "moderator": text[:100], "verdict": "accept"},
    "/v1alpha1/comments:analyze": lambda text: {
        "comment": {"text": text}, "requestedAttributes": {"TOXICITY": {}}, "spanAnnotations": True,
        "clientToken": text[:100],
    },
}  # fmt: skip
REFUSED = {
    "a million characters": {400, 413, 422},
    "empty": {200, 400, 404, 422},
    "blank": {200, 400, 404, 422},
    "nul alone": {200, 400, 404, 422},
}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    from toxres.triage.database import open_database

    database = open_database(tmp_path_factory.mktemp("hostile") / "moderation.db", create=True)
    with TestClient(fake_app(database=database)) as client:
        yield client


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", TEXTS)
def test_it_is_answered_properly(client, route, name):
    body = json.dumps(ROUTES[route](TEXTS[name]))  # ASCII, with surrogates as escapes, which JSON allows
    response = client.post(route, content=body, headers={"content-type": "application/json"})
    expected = {404, 422} if route == "/v1/decisions" else REFUSED.get(name, {200})
    assert response.status_code in expected, response.text[:300]
    answer = json.loads(response.content)
    answer_text = json.dumps(answer, ensure_ascii=False)
    answer_text.encode()
    assert response.status_code == 200 or answer["error"]["message"]
    assert client.get("/healthz").status_code == 200


def test_spans_point_into_the_text_as_it_was_read(client):
    text = "\U0001f600 you fool\u200b, you \ud83d idiot!"
    body = json.dumps({"text": text, "group": "forum", "spans": "occlusion"})
    answer = client.post("/v1/moderate", content=body, headers={"content-type": "application/json"}).json()
    read = text.replace("\ud83d", "\ufffd")
    spans = next(each["spans"] for each in answer["results"][0]["reasons"] if each["label"] == "insult")
    words = [read[each["start"] : each["end"]] for each in spans]
    assert [word.strip("\u200b") for word in words] == ["fool", "idiot"]


def test_comments_with_nul_and_surrogates_are_stored_and_come_back(client):
    body = {"id": "odd", "text": "rubbish\0 \ud800 rubbish", "group": "forum"}
    sent = json.dumps({"comments": [body]})
    found = client.post("/v1/moderate", content=sent, headers={"content-type": "application/json"}).json()["results"][0]
    assert found["stored"] and found["verdict"] == "uncertain"
    waiting = client.get("/v1/queue", params={"moderator": "ada", "group": "forum", "limit": 100}).json()["comments"]
    texts = {each["comment_id"]: each["text"] for each in waiting}
    assert texts["odd"] == "rubbish\ufffd \ufffd rubbish"
