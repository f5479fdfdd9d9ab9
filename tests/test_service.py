"""The service's routes, over the app itself: what is scored, decided, explained, refused and documented."""

import json

import numpy as np
import pytest
from fastapi.testclient import TestClient
from helpers.serving import BIAS, MAX_WORDS, WORDS, fake_app, fake_triage

import toxres.serving.perspective
import toxres.serving.schemas
from toxres.labels import LABELS
from toxres.serving.settings import Limits

FOOL = "you are a fool"


@pytest.fixture(scope="module")
def client():
    with TestClient(fake_app(Limits(comments=4, characters=2_000, words=8))) as client:
        while client.get("/readyz").status_code != 200:
            pass
        yield client


def answered(response, status: int = 200) -> dict:
    assert response.status_code == status, response.text
    assert response.headers["x-request-id"]
    return response.json()


def sigmoid(values):
    return 1 / (1 + np.exp(-np.asarray(values)))


def test_both_models_predict_calibrated_probabilities(client):
    result = answered(client.post("/v1/predict", json={"text": FOOL}))["results"][0]
    assert (result["id"], result["characters"]) == ("0", len(FOOL))
    assert [each["model"] for each in result["models"]] == ["baseline", "custom"]
    for factor, each in zip((0.8, 1.0), result["models"], strict=True):
        logits = factor * (BIAS + np.array(WORDS["fool"]))
        found = [each["labels"][label]["probability"] for label in LABELS]
        np.testing.assert_allclose(found, sigmoid(0.9 * logits + 0.05), rtol=1e-5)
        assert each["windows"] == 1 and each["tokens"] == 6
        assert each["labels"]["insult"]["decision"] is True and each["labels"]["obscene"]["decision"] is False
        for score in each["labels"].values():
            assert score["decision"] == (score["probability"] >= score["threshold"])
            assert (score["start"], score["end"]) == (0, len(FOOL))


def test_a_long_comment_is_read_in_windows_and_the_highest_counts(client):
    text = "word " * 60 + "fool " + "word " * 40
    labels = answered(client.post("/v1/predict", json={"text": text}))["results"][0]["models"][1]
    assert labels["windows"] > 1
    single = answered(client.post("/v1/predict", json={"text": FOOL}))["results"][0]["models"][1]
    insult = labels["labels"]["insult"]
    assert insult["probability"] == single["labels"]["insult"]["probability"]
    assert (
        "fool" in text[insult["start"] : insult["end"]]
        and len(text[insult["start"] : insult["end"]].split()) <= MAX_WORDS
    )


def test_many_comments_keep_their_order_and_ids(client):
    comments = [{"text": "thanks"}, {"id": "x", "text": FOOL}, {"text": ""}]
    body = {"comments": comments, "models": ["custom"]}
    results = answered(client.post("/v1/predict", json=body))["results"]
    assert [each["id"] for each in results] == ["0", "x", "2"]
    insults = [each["models"][0]["labels"]["insult"]["decision"] for each in results]
    assert insults == [False, True, False] and len(results[0]["models"]) == 1


@pytest.mark.parametrize(
    ("text", "group", "verdict"),
    [("thanks", "news", "accept"), ("you fool, you idiot", "forum", "reject"), ("rubbish", "news", "uncertain"),
     ("I will find, find you", "news", "uncertain"), ("thanks", "elsewhere", "uncertain")],
)  # fmt: skip
def test_a_verdict_comes_with_its_reasons(client, text, group, verdict):
    body = {"text": text, "group": group, "spans": "occlusion", "predictions": True}
    answer = answered(client.post("/v1/moderate", json=body))
    result = answer["results"][0]
    assert (result["verdict"], result["group"], result["model"]) == (verdict, group, "custom")
    assert result["policy_hash"] == fake_triage().policy.hash and answer["policy"] == "news"
    assert result["stored"] is False and len(result["models"]) == 2
    spans = {each["label"]: each["spans"] for each in result["reasons"]}
    if verdict == "accept":
        assert not any(spans.values())
    if verdict == "reject":
        words = [text[each["start"] : each["end"]] for each in spans["insult"]]
        assert words == ["fool", "idiot"] and [each["weight"] for each in spans["insult"]] == [0.9375, 1.0]
    if "find" in text:
        assert result["reasons"][0]["rule"] == "always_review"
        first = spans["threat"][0]
        assert text[first["start"] : first["end"]] == "find"


def test_attention_gives_words_at_no_further_cost(client):
    body = {"text": FOOL, "group": "news", "spans": "attention"}
    reasons = answered(client.post("/v1/moderate", json=body))["results"][0]["reasons"]
    assert [FOOL[each["start"] : each["end"]] for each in reasons[0]["spans"]] == ["fool"]


def test_occlusion_explains_what_a_word_adds(client):
    answer = answered(client.post("/v1/explain", json={"text": "thanks, you fool", "labels": ["insult", "toxic"]}))
    one, other = answer["explanations"]
    assert (one["model"], other["model"]) == ("baseline", "custom")
    assert other["word_texts"] == ["thanks", ",", "you", "fool"] and other["labels"] == ["insult", "toxic"]
    expected = [[WORDS[word][4], WORDS[word][0]] if word in WORDS else [0, 0] for word in other["word_texts"]]
    np.testing.assert_allclose(other["attributions"], expected, atol=1e-6)
    np.testing.assert_allclose(one["attributions"], 0.8 * np.array(expected), atol=1e-6)
    assert other["baseline_scores"] == [None, None]


def test_attention_explains_models_that_have_it(client):
    answer = answered(client.post("/v1/explain", json={"text": FOOL, "method": "attention"}))
    assert [each["model"] for each in answer["explanations"]] == ["custom"]
    refused = client.post("/v1/explain", json={"text": FOOL, "method": "attention", "models": ["baseline"]})
    assert "occlusion" in answered(refused, 422)["error"]["message"]


def test_of_a_long_comment_only_so_many_words_are_asked_about(client):
    text = "word " * 30 + "fool"
    found = answered(client.post("/v1/explain", json={"text": text, "models": ["custom"]}))["explanations"][0]
    assert found["read"] == [True] * 8 + [False] * 23 and "first 8 of its 31" in found["note"]


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/v1/predict", {}, "either text, or comments"),
        ("/v1/predict", {"text": "a", "comments": [{"text": "b"}]}, "either text, or comments"),
        ("/v1/predict", {"comments": []}, "comments"),
        ("/v1/predict", {"comments": [{"text": "a"}] * 5}, "5 are more than 4"),
        ("/v1/predict", {"comments": [{"text": "a"}, {"text": "b" * 2_001}]}, "comments.1.text: has 2,001 characters"),
        ("/v1/predict", {"comments": [{"id": "a", "text": "a"}, {"id": "a", "text": "b"}]}, "comments.1.id"),
        ("/v1/predict", {"text": 7}, "text"),
        ("/v1/predict", {"text": "a", "models": ["gpt"]}, "choose out of baseline, custom"),
        ("/v1/predict", {"text": "a", "modles": ["custom"]}, "modles"),
        ("/v1/moderate", {"text": "a", "spans": "magic"}, "spans"),
        ("/v1/explain", {"text": " \n"}, "blank"),
        ("/v1/explain", {"text": "a", "labels": ["rude"]}, "labels"),
        ("/v1/predict", [1], "body"),
    ],
)
def test_what_may_not_be_is_refused_in_words(client, path, body, told):
    error = answered(client.post(path, json=body), 422)["error"]
    assert told in error["message"] and error["status"] == 422
    assert error["request_id"] and isinstance(error["fields"], list)


def test_an_error_never_quotes_a_comment(client):
    secret = "quillfeather"
    for body in ({"text": {"quote": secret}}, {"text": secret, "spans": secret}, {"comments": [{"text": [secret]}]}):
        response = client.post("/v1/moderate", json=body)
        assert response.status_code == 422 and secret not in response.text


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"nul", b'{"text": ' + b"9" * 5_000 + b"}", b"[" * 100_000])
def test_a_body_that_is_no_json_is_refused(client, body):
    response = client.post("/v1/predict", content=body, headers={"content-type": "application/json"})
    assert response.status_code in (400, 422) and response.json()["error"]["message"]


def test_a_form_from_another_page_is_not_read(client):
    response = client.post("/v1/decisions", content=json.dumps({}), headers={"content-type": "text/plain"})
    assert response.status_code == 422


def test_unknown_paths_and_methods_are_told_in_the_same_shape(client):
    assert "no such path" in answered(client.get("/v2/predict"), 404)["error"]["message"]
    assert "no such method" in answered(client.get("/v1/predict"), 405)["error"]["message"]


def test_without_a_database_there_is_no_queue(client):
    assert "--database" in answered(client.get("/v1/queue?moderator=ada"), 404)["error"]["message"]


def test_models_tell_what_is_served(client):
    answer = answered(client.get("/v1/models"))
    assert [(each["name"], each["decides"], each["attention"]) for each in answer["models"]] == [
        ("baseline", False, False), ("custom", True, True),
    ]  # fmt: skip
    assert answer["groups"] == ["news", "forum"] and answer["limits"]["comments"] == 4
    assert answer["database"] is False and set(answer["colours"]) == set(LABELS)


def test_health_and_metrics(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    text = client.get("/metrics").text
    assert 'toxres_requests_total{method="POST",route="/v1/predict",status="200"}' in text
    assert "toxres_ready 1.0" in text and 'toxres_tokens_total{model="custom"}' in text


def test_a_policy_that_refuses_unknown_groups_says_so():
    with TestClient(fake_app(triage=fake_triage("refuse"))) as client:
        error = answered(client.post("/v1/moderate", json={"text": "a", "group": "moon"}), 422)["error"]
    assert "'moon' is unknown" in error["message"] and "news" in error["message"]


def test_a_model_that_fails_is_a_500_without_details_and_the_next_request_works():
    app = fake_app()
    with TestClient(app, raise_server_exceptions=False) as client:
        model = app.state.service.scorer.models["custom"]._model
        model.error = ValueError("quillfeather")
        response = client.post("/v1/predict", json={"text": "a"})
        assert response.status_code == 500 and "quillfeather" not in response.text
        assert response.json()["error"]["request_id"] == response.headers["x-request-id"]
        model.error = None
        assert client.post("/v1/predict", json={"text": "a"}).status_code == 200
        assert client.get("/healthz").status_code == 200


def test_the_document_has_the_limits_and_an_example_of_every_body(client):
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert schemas["Comment"]["properties"]["text"]["maxLength"] == 2_000
    assert "HTTPValidationError" not in json.dumps(document)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"] and operation["description"], path
            if "requestBody" in operation:
                reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
                assert schemas[reference.split("/")[-1]]["examples"], path
            answer = operation["responses"]["200"]["content"]
            if path.startswith(("/v1/", "/v1alpha1")) and path != "/v1/models":
                name = answer["application/json"]["schema"]["$ref"].split("/")[-1]
                (example,) = schemas[name]["examples"]
                kind = getattr(toxres.serving.schemas, name, None) or getattr(toxres.serving.perspective, name)
                assert kind.model_validate(example).model_dump(mode="json", exclude_unset=True) == example
    for name in ("PredictRequest", "ModerateRequest", "ExplainRequest"):
        path = "/v1/" + name.removesuffix("Request").lower()
        for example in schemas[name]["examples"]:
            answered(client.post(path, json=example))
