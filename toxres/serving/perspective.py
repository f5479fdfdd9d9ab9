"""The Perspective API's request and answer, as its public documentation describes them, on our six labels.

Sources: the API's reference (github.com/conversationai/perspectiveapi, 2-api/methods.md and limits.md) and its
discovery document. Attributes that we have no label for are refused as unknown. What its documentation leaves open is
settled so: offsets count Unicode characters, and without `languages` a comment is taken to be of the first language
served, as none is detected here.
"""

import itertools
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from toxres.serving.examples import ANALYZED
from toxres.serving.problems import DETAIL_TYPE, Problem
from toxres.serving.schemas import Text

ATTRIBUTES: Final = {
    "TOXICITY": "toxic",
    "SEVERE_TOXICITY": "severe_toxic",
    "IDENTITY_ATTACK": "identity_hate",
    "INSULT": "insult",
    "PROFANITY": "obscene",
    "THREAT": "threat",
}
"""The attributes that are served, and the label that each is."""

MOST_SENTENCES = 200
"""Sentences that get a score of their own; the rest of a longer comment is one span."""

_ENDS = ".!?\u2026\u3002\uff01\uff1f"
_BOUNDARY = re.compile(rf"(?<![{_ENDS}])[{_ENDS}]++[\"')\]\u201d\u2019]*+(?=\s)|\n")
"""Where a sentence ends. It never goes back, so that no text takes more than linear time."""


class Lenient(BaseModel):
    """A body of which unknown fields are passed over, as clients send fields that only the first API knew."""

    model_config = ConfigDict(extra="ignore")


class TextEntry(Lenient):
    """A text and what it is written in."""

    text: Text = ""
    type: str | None = Field(None, description="PLAIN_TEXT, the only one.")


class AttributeOptions(Lenient):
    """How an attribute is wanted."""

    scoreType: str | None = Field(None, description="PROBABILITY, the only one.")
    scoreThreshold: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        None, description="Scores below it are left out."
    )


class ArticleAndParent(Lenient):
    """What a comment is about, and what it answers."""

    article: TextEntry | None = None
    parentComment: TextEntry | None = None


class Context(Lenient):
    """What stands around a comment. It is read and has no influence, as in the first API."""

    entries: list[TextEntry] | None = None
    articleAndParentComment: ArticleAndParent | None = None


def _options(value: object) -> object:
    return {} if value is None else value


class AnalyzeRequest(Lenient):
    """The body of `comments:analyze`."""

    comment: TextEntry | None = Field(None, description="The comment to score. Required.")
    requestedAttributes: dict[str, Annotated[AttributeOptions, BeforeValidator(_options)]] | None = Field(
        None, description=f"Attributes to score, each with its options or {{}}: {', '.join(ATTRIBUTES)}. Required."
    )
    languages: list[Text] | None = Field(None, description="Codes such as en.")
    spanAnnotations: bool | None = Field(None, description="Score every sentence, too.")
    doNotStore: bool | None = Field(None, description="Keep the comment out of the moderators' database.")
    clientToken: Text | None = Field(None, description="Given back in the answer.")
    sessionId: Text | None = None
    communityId: Text | None = Field(None, description="The group of sites it is of, in the database.")
    context: Context | None = None

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "comment": {"text": "What a silly name. Sorry, I do like your page."},
                    "languages": ["en"],
                    "requestedAttributes": {"TOXICITY": {}, "INSULT": {"scoreThreshold": 0.2}},
                    "spanAnnotations": True,
                    "doNotStore": True,
                    "clientToken": "comment-17",
                }
            ]
        },
    )


class Score(BaseModel):
    """A score."""

    value: Annotated[float, Field(ge=0, le=1)]
    type: str = "PROBABILITY"


class SpanScore(BaseModel):
    """The score of a part of the comment, `[begin, end)`."""

    begin: int
    end: int
    score: Score


class AttributeScores(BaseModel):
    """What an attribute scores."""

    spanScores: list[SpanScore]
    summaryScore: Score


class AnalyzeResponse(BaseModel):
    """The answer of `comments:analyze`."""

    attributeScores: dict[str, AttributeScores]
    languages: list[str]
    clientToken: str | None = None

    model_config = ConfigDict(json_schema_extra={"examples": [ANALYZED]})


class ErrorStatus(BaseModel):
    """What is wrong, as Google's APIs say it."""

    code: int
    message: str
    status: str
    details: list[dict[str, Any]]


class AnalyzeError(BaseModel):
    """An answer that is an error."""

    error: ErrorStatus


def check(request: AnalyzeRequest, served: Sequence[str], characters: int) -> tuple[str, list[str]]:
    """The text of a request and its languages.

    Args:
        request: As it was sent.
        served: Language codes that are scored.
        characters: Most a comment may have.

    Raises:
        Problem: 400 with the API's own error type.
    """
    text = request.comment.text if request.comment else ""
    if request.comment and request.comment.type not in (None, "", "PLAIN_TEXT", "TEXT_TYPE_UNSPECIFIED"):
        raise refused("comment.type: only PLAIN_TEXT is scored; send the text without markup", "INVALID_REQUEST")
    if not text.strip():
        raise refused("comment.text: is empty; send the text to score", "COMMENT_EMPTY")
    if len(text) > characters:
        raise refused(
            f"comment.text: has {len(text):,} characters, more than {characters:,}; shorten it", "COMMENT_TOO_LONG"
        )
    if not request.requestedAttributes:
        raise refused("requestedAttributes: names none; ask for one, such as TOXICITY", "NO_REQUESTED_ATTRIBUTES")
    for name, options in request.requestedAttributes.items():
        if name not in ATTRIBUTES:
            known = ", ".join(ATTRIBUTES)
            raise refused(f"requestedAttributes: {name[:60]!a} is unknown; ask for some of {known}", "INVALID_REQUEST")
        if options.scoreType not in (None, "", "PROBABILITY", "SCORE_TYPE_UNSPECIFIED"):
            raise refused(f"requestedAttributes.{name}.scoreType: only PROBABILITY is served", "INVALID_REQUEST")
    context = request.context
    if context and context.entries is not None and context.articleAndParentComment is not None:
        raise refused("context: give entries, or articleAndParentComment, not both", "INVALID_REQUEST")
    return text, _languages(request, served)


def _languages(request: AnalyzeRequest, served: Sequence[str]) -> list[str]:
    asked = request.languages or [served[0]]
    if not any(each.lower().split("-")[0].split("_")[0] in served for each in asked):
        name, told = next(iter(request.requestedAttributes)), ", ".join(each[:20] for each in asked[:10])
        raise Problem(
            400,
            f"Attribute {name} does not support request languages: {told}",
            details=[
                {
                    "@type": DETAIL_TYPE,
                    "errorType": "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
                    "languageNotSupportedByAttributeError": {"requestedLanguages": list(asked), "attribute": name},
                }
            ],
        )
    return list(asked)


def refused(message: str, kind: str) -> Problem:
    """400 with one of the API's own error types."""
    return Problem(400, message, details=[{"@type": DETAIL_TYPE, "errorType": kind}])


def sentences(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences of a text, without the white space around them."""
    ends = [match.end() for match, _ in zip(_BOUNDARY.finditer(text), range(MOST_SENTENCES - 1), strict=False)]
    found = []
    for start, end in itertools.pairwise([0, *ends, len(text)]):
        part = text[start:end]
        if part.strip():
            found.append((end - len(part.lstrip()), start + len(part.rstrip())))
    return found


def answer(
    request: AnalyzeRequest, text: str, languages: list[str], whole: dict[str, float], parts: list[tuple] | None
) -> dict[str, Any]:
    """The body of an answer.

    Args:
        request: As it was sent.
        text: The comment.
        languages: Of the answer.
        whole: Label to probability of the comment.
        parts: Of each sentence its start, its end, and label to probability; None where they were not asked for.
    """
    scores = {}
    parts = [(0, len(text), whole)] if parts is None else parts
    for name, options in request.requestedAttributes.items():
        label, least = ATTRIBUTES[name], options.scoreThreshold
        if least is not None and whole[label] < least:
            continue
        spans = [(begin, end, probs[label]) for begin, end, probs in parts]
        scores[name] = {
            "spanScores": [
                {"begin": begin, "end": end, "score": _score(value)}
                for begin, end, value in spans
                if least is None or value >= least
            ],
            "summaryScore": _score(whole[label]),
        }
    found: dict[str, Any] = {"attributeScores": scores, "languages": languages}
    if request.clientToken is not None:
        found["clientToken"] = request.clientToken
    return found


def _score(value: float) -> dict[str, Any]:
    return {"value": round(value, 7), "type": "PROBABILITY"}
