"""The Perspective API's route: bodies in the shape of its documentation get answers and errors in that shape."""

import json
import re

import pytest
from fastapi.testclient import TestClient
from helpers.serving import BIAS, WORDS, fake_app

from toxres.serving.perspective import ATTRIBUTES, MOST_SENTENCES, AnalyzeRequest, sentences
from toxres.serving.settings import Limits

PATH = "/v1alpha1/comments:analyze"
TEXT = "What a silly fool you are! Sorry, I like your page."


@pytest.fixture(scope="module")
def client():
    with TestClient(fake_app(Limits(characters=3_000), languages=("en", "de"))) as client:
        yield client


def asked(text=TEXT, attributes=("TOXICITY",), **fields) -> dict:
    return {"comment": {"text": text}, "requestedAttributes": {name: {} for name in attributes}, **fields}


def probability(text: str, label: str, client) -> float:
    body = {"text": text, "models": ["custom"]}
    return client.post("/v1/predict", json=body).json()["results"][0]["models"][0]["labels"][label]["probability"]


def test_the_least_request_gets_a_summary_and_one_span(client):
    answer = client.post(PATH, json=asked()).json()
    assert set(answer) == {"attributeScores", "languages"} and answer["languages"] == ["en"]
    scores = answer["attributeScores"]["TOXICITY"]
    assert scores["summaryScore"]["type"] == "PROBABILITY"
    assert scores["summaryScore"]["value"] == pytest.approx(probability(TEXT, "toxic", client), abs=1e-6)
    assert [(each["begin"], each["end"]) for each in scores["spanScores"]] == [(0, len(TEXT))]


def test_a_whole_request_of_the_documentation(client):
    body = {
        "comment": {"text": TEXT, "type": "PLAIN_TEXT"},
        "context": {"entries": [{"text": "An article on bridges.", "type": "PLAIN_TEXT"}]},
        "requestedAttributes": {name: {"scoreType": "PROBABILITY", "scoreThreshold": 0.0} for name in ATTRIBUTES},
        "languages": ["en"],
        "spanAnnotations": True,
        "doNotStore": True,
        "clientToken": "comment-17",
        "sessionId": "8211",
        "communityId": "forum/bridges",
    }
    answer = client.post(PATH + "?key=any&alt=json", json=body).json()
    assert answer["clientToken"] == "comment-17" and set(answer["attributeScores"]) == set(ATTRIBUTES)
    for name, scores in answer["attributeScores"].items():
        spans = [TEXT[each["begin"] : each["end"]] for each in scores["spanScores"]]
        assert spans == ["What a silly fool you are!", "Sorry, I like your page."]
        for each, span in zip(scores["spanScores"], spans, strict=True):
            expected = probability(span, ATTRIBUTES[name], client)
            assert each["score"] == {"value": pytest.approx(expected, abs=1e-6), "type": "PROBABILITY"}
    insult = answer["attributeScores"]["INSULT"]["spanScores"]
    assert insult[0]["score"]["value"] > 10 * insult[1]["score"]["value"]


def test_scores_below_a_threshold_are_left_out(client):
    body = asked("you fool")
    body["requestedAttributes"] = {
        "INSULT": {"scoreThreshold": 0.5},
        "THREAT": {"scoreThreshold": 0.5},
        "TOXICITY": None,
    }
    answer = client.post(PATH, json=body).json()
    assert set(answer["attributeScores"]) == {"INSULT", "TOXICITY"}
    assert BIAS[3] + WORDS["fool"][3] < 0


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        ({"requestedAttributes": {"TOXICITY": {}}}, "COMMENT_EMPTY", "empty"),
        (asked(""), "COMMENT_EMPTY", "empty"),
        (asked(" \n "), "COMMENT_EMPTY", "empty"),
        (asked("a" * 3_001), "COMMENT_TOO_LONG", "3,001"),
        ({"comment": {"text": "a"}}, "NO_REQUESTED_ATTRIBUTES", "TOXICITY"),
        (asked(attributes=()), "NO_REQUESTED_ATTRIBUTES", "TOXICITY"),
        (asked(attributes=("FLIRTATION",)), "INVALID_REQUEST", "FLIRTATION"),
        (asked() | {"comment": {"text": "a", "type": "HTML"}}, "INVALID_REQUEST", "PLAIN_TEXT"),
        (asked() | {"requestedAttributes": {"INSULT": {"scoreType": "RANK"}}}, "INVALID_REQUEST", "PROBABILITY"),
        (asked(context={"entries": [], "articleAndParentComment": {}}), "INVALID_REQUEST", "context"),
        (asked(languages="en"), "INVALID_REQUEST", "languages"),
        ([], "INVALID_REQUEST", "body"),
    ],
)  # fmt: skip
def test_errors_have_the_apis_shape(client, body, kind, told):
    response = client.post(PATH, json=body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert told in error["message"] and error["details"][0]["errorType"] == kind
    assert error["details"][0]["@type"] == "type.googleapis.com/google.commentanalyzer.v1alpha1.Error"


def test_a_language_that_is_not_served_is_refused_by_name(client):
    error = client.post(PATH, json=asked(languages=["pl"], attributes=("INSULT", "THREAT"))).json()["error"]
    assert error["message"] == "Attribute INSULT does not support request languages: pl"
    detail = error["details"][0]
    assert detail["errorType"] == "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE"
    assert detail["languageNotSupportedByAttributeError"] == {"requestedLanguages": ["pl"], "attribute": "INSULT"}
    assert client.post(PATH, json=asked(languages=["pl", "DE-at"])).json()["languages"] == ["pl", "DE-at"]


def test_a_body_that_is_no_json_is_told_in_the_apis_shape(client):
    response = client.post(PATH, content=b"{", headers={"content-type": "application/json"})
    assert response.status_code == 400 and response.json()["error"]["details"][0]["errorType"] == "INVALID_REQUEST"
    assert client.get(PATH).json()["error"]["code"] == 405


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two!", ["One.", "Two!"]),
        ("  Wait... what?! \u201cNo.\u201d Yes ", ["Wait...", "what?!", "\u201cNo.\u201d", "Yes"]),
        ("line\nnext", ["line", "next"]),
        ("v1.2 is out", ["v1.2 is out"]),
        ("", []),
        ("?", ["?"]),
    ],
)
def test_sentences(text, found):
    assert [text[start:end] for start, end in sentences(text)] == found


def test_sentences_of_hostile_texts_take_linear_time():
    assert len(sentences("." * 200_000 + "a")) == 1
    assert len(sentences("a. " * 100_000)) == MOST_SENTENCES


def test_googles_clients_find_the_route_by_its_discovery_document(client):
    document = client.get("/$discovery/rest?version=v1alpha1").json()
    method = document["resources"]["comments"]["methods"]["analyze"]
    assert client.post(document["rootUrl"] + method["path"], json=asked()).status_code == 200
    fields = document["schemas"][method["request"]["$ref"]]["properties"]
    assert set(AnalyzeRequest.model_fields) == set(fields)
    references = set(re.findall(r'"\$ref": "(\w+)"', json.dumps(document)))
    assert references <= set(document["schemas"])
