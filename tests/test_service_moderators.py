"""The moderators' routes over a database: comments come in, wait, are claimed and decided, and stay decided."""

import pytest
from fastapi.testclient import TestClient
from helpers.serving import fake_app

from toxres.errors import RunError
from toxres.triage.database import open_database

UNSURE = "this is rubbish, see line {}"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "moderation.db"


@pytest.fixture
def client(path):
    with TestClient(fake_app(database=open_database(path, create=True))) as client:
        yield client


def moderate(client, *comments, status=200, **fields):
    body = {"comments": [{"group": "news"} | each for each in comments], **fields}
    response = client.post("/v1/moderate", json=body)
    assert response.status_code == status, response.text
    return response.json()


def queue(client, moderator="ada", **fields):
    response = client.get("/v1/queue", params={"moderator": moderator, **fields})
    assert response.status_code == 200, response.text
    return response.json()


def decide(client, comment, verdict="accept", labels=(), moderator="ada", **fields):
    body = {"comment_id": comment, "moderator": moderator, "verdict": verdict, "labels": list(labels), **fields}
    return client.post("/v1/decisions", json=body)


def test_uncertain_comments_wait_and_are_decided_once(client):
    found = moderate(client, {"id": "sure", "text": "thanks"}, {"id": "c1", "text": "this is rubbish"})["results"]
    assert [(each["verdict"], each["stored"]) for each in found] == [("accept", True), ("uncertain", True)]
    given = queue(client)
    assert [each["comment_id"] for each in given["comments"]] == ["c1"] and given["waiting"] == 1
    comment = given["comments"][0]
    assert comment["text"] == "this is rubbish" and comment["enforced"] == ["toxic", "threat", "insult"]
    assert comment["probabilities"]["toxic"] == pytest.approx(found[1]["reasons"][0]["probability"])
    assert queue(client, "bob")["comments"] == [], "it is ada's"
    conflict = decide(client, "c1", moderator="bob")
    assert conflict.status_code == 409 and "'ada'" in conflict.json()["error"]["message"]
    answer = decide(client, "c1", "reject", ["insult"])
    assert answer.status_code == 200 and answer.json()["decision"] >= 1
    again = decide(client, "c1")
    assert again.status_code == 409 and "correct" in again.json()["error"]["message"]
    assert decide(client, "c1", correct=True).status_code == 200
    assert queue(client) | {"request_id": ""} == {"comments": [], "waiting": 0, "request_id": ""}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"comment": "nowhere"}, 404),
        ({"verdict": "reject"}, 422),
        ({"labels": ["insult"]}, 422),
        ({"verdict": "reject", "labels": ["rude"]}, 422),
        ({"verdict": "maybe"}, 422),
        ({"moderator": ""}, 422),
        ({"moderator": "a\nb"}, 422),
        ({"correct": True}, 422),
    ],
)
def test_a_decision_that_can_not_be_is_refused(client, fields, status):
    moderate(client, {"id": "c1", "text": "this is rubbish"})
    queue(client)
    assert decide(client, **{"comment": "c1", **fields}).status_code == status
    assert decide(client, "c1").status_code == 200, "nothing was changed by it"


def test_a_comment_sent_again_is_one_comment_and_another_text_needs_another_id(client):
    for _ in range(2):
        assert moderate(client, {"id": "c1", "text": "this is rubbish"})["results"][0]["stored"]
    assert queue(client)["waiting"] == 1
    error = moderate(client, {"id": "c1", "text": "something else, rubbish"}, status=422)["error"]
    assert "another text" in error["message"]


def test_what_is_not_to_be_stored_is_not(client):
    found = moderate(client, {"text": "this is rubbish"}, store=False)["results"][0]
    assert found["stored"] is False
    body = {"comment": {"text": "this is rubbish"}, "requestedAttributes": {"TOXICITY": {}}, "doNotStore": True}
    assert client.post("/v1alpha1/comments:analyze", json=body).status_code == 200
    assert queue(client)["waiting"] == 0
    assert (
        client.post("/v1alpha1/comments:analyze", json=body | {"doNotStore": False, "communityId": "news"}).status_code
        == 200
    )
    assert queue(client, group="news")["waiting"] == 1


def test_without_an_id_a_stored_comment_gets_one(client):
    found = moderate(client, {"text": "this is rubbish"}, {"text": " "})["results"]
    assert found[0]["id"] == queue(client)["comments"][0]["comment_id"] and len(found[0]["id"]) == 32
    assert (found[1]["id"], found[1]["stored"]) == ("1", False)


def test_two_moderators_never_get_the_same_comment(client):
    moderate(client, *({"text": UNSURE.format("x" * number)} for number in range(1, 7)))
    ada, bob = (queue(client, name, limit=3)["comments"] for name in ("ada", "bob"))
    ids = [each["comment_id"] for each in [*ada, *bob]]
    assert len(ids) == len(set(ids)) == 6
    assert [each["comment_id"] for each in queue(client, "ada", limit=3)["comments"]] == ids[:3]


def test_decisions_outlive_the_service(path):
    with TestClient(fake_app(database=open_database(path, create=True))) as client:
        moderate(client, {"id": "c1", "text": "this is rubbish"}, {"id": "c2", "text": "rubbish again"})
        queue(client)
        decide(client, "c1")
    with TestClient(fake_app(database=open_database(path))) as client:
        assert [each["comment_id"] for each in queue(client)["comments"]] == ["c2"]
        assert decide(client, "c1").status_code == 409


def test_a_database_that_can_not_be_written_is_a_503_and_says_when_to_try_again(client, monkeypatch):
    def busy(*arguments):
        raise RunError("moderation.db: another process has held it; try again")

    monkeypatch.setattr("toxres.triage.intake.record_comments", busy)
    response = client.post("/v1/moderate", json={"text": "this is rubbish"})
    assert response.status_code == 503 and response.headers["retry-after"] == "5"
    assert client.post("/v1/moderate", json={"text": "this is rubbish", "store": False}).status_code == 200
