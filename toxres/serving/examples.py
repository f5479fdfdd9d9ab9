"""Answers as the OpenAPI document shows them: written for it, with two of the six labels where six would be long."""

from typing import Any

TEXT = "You are a fool, and your edit is rubbish."
"""A comment written for the examples."""

REQUEST = {"request_id": "5f0c6c0f1d0b4ddc8a4d9b8a5c0e7f11"}


def _score(probability: float, decision: bool, threshold: float) -> dict[str, Any]:
    return {"probability": probability, "decision": decision, "threshold": threshold, "start": 0, "end": len(TEXT)}


def _model(name: str, insult: float) -> dict[str, Any]:
    labels = {"toxic": _score(0.93, True, 0.41), "insult": _score(insult, insult >= 0.44, 0.44)}
    return {"model": name, "version": "a2ccf7c8baae", "windows": 1, "tokens": 14, "labels": labels}


PREDICTED = {
    "results": [{"id": "c-1", "characters": len(TEXT), "models": [_model("baseline", 0.81), _model("custom", 0.86)]}],
    **REQUEST,
}
MODERATED = {
    "results": [
        {
            "id": "c-1",
            "verdict": "reject",
            "group": "news",
            "score": 0.93,
            "reasons": [
                {
                    "label": "toxic",
                    "probability": 0.93,
                    "threshold": 0.9,
                    "distance": 0.03,
                    "rule": "score",
                    "spans": [{"start": 10, "end": 14, "weight": 1.0}, {"start": 33, "end": 40, "weight": 0.62}],
                }
            ],
            "policy_hash": "5d0b3f2e2f8a",
            "model": "custom",
            "version": "a2ccf7c8baae",
            "stored": True,
        }
    ],
    "policy": "news",
    "promises": ["news, rejected: with confidence 0.975, at most 0.05 wrong (3 of 412 calibration rows were)"],
    **REQUEST,
}
EXPLAINED = {
    "explanations": [
        {
            "text": "you fool",
            "words": [[0, 3], [4, 8]],
            "word_texts": ["you", "fool"],
            "labels": ["insult"],
            "attributions": [[0.21], [3.94]],
            "read": [True, True],
            "method": "occlusion",
            "model": "custom",
            "scores": [1.72],
            "baseline_scores": [None],
            "convergence_delta": [None],
            "baseline": "the comment without the word",
            "steps": 0,
            "note": "",
        }
    ],
    **REQUEST,
}
QUEUED = {
    "comments": [
        {
            "comment_id": "c-2",
            "text": "Well, that is one way to draw a map.",
            "group": "news",
            "created": "2026-01-31T11:58:12Z",
            "copies": 1,
            "verdict": "uncertain",
            "probabilities": {"toxic": 0.46, "insult": 0.38},
            "enforced": ["toxic", "insult"],
            "model": "a2ccf7c8baae",
            "policy_hash": "5d0b3f2e2f8a",
            "second": False,
            "claimed_until": "2026-01-31T12:30:00Z",
        }
    ],
    "waiting": 17,
    **REQUEST,
}
DECIDED = {"decision": 4211, "comment_id": "c-1", "verdict": "reject", **REQUEST}
REFUSED = {
    "error": {
        "status": 422,
        "message": "comments.1.text: has 61,204 characters, more than 50,000; shorten it or send it in parts",
        "fields": [
            {
                "field": "comments.1.text",
                "message": "has 61,204 characters, more than 50,000; shorten it or send it in parts",
            }
        ],
        **REQUEST,
    }
}
ANALYZED = {
    "attributeScores": {
        "INSULT": {
            "spanScores": [{"begin": 0, "end": 41, "score": {"value": 0.86, "type": "PROBABILITY"}}],
            "summaryScore": {"value": 0.86, "type": "PROBABILITY"},
        }
    },
    "languages": ["en"],
    "clientToken": "comment-17",
}
