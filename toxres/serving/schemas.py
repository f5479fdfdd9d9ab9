"""Bodies of requests and answers, with examples: what the OpenAPI document shows is what is read and sent."""

import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from toxres.files import well_formed
from toxres.labels import LABELS
from toxres.serving import examples

Label = Literal["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
VerdictName = Literal["accept", "uncertain", "reject"]
Probability = Annotated[float, Field(ge=0, le=1)]


def _readable(value: object) -> object:
    return well_formed(value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_readable)]
"""A text in which a lone surrogate is read as U+FFFD, as everywhere in toxres."""

Name = Annotated[str, BeforeValidator(_readable), Field(min_length=1, max_length=200)]


def shown(example: dict[str, Any]) -> ConfigDict:
    """The configuration of an answer with an example."""
    return ConfigDict(protected_namespaces=(), json_schema_extra={"examples": [example]})


class Strict(BaseModel):
    """A body in which an unknown field is an error, so that a misspelt one is not overlooked."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Answer(BaseModel):
    """What is sent."""

    model_config = ConfigDict(protected_namespaces=())


class Comment(Strict):
    """A comment to score."""

    text: Text = Field(description="The comment as it was written.", examples=[examples.TEXT])
    id: Name | None = Field(None, description="Yours, given back with the result; its number if left out.")


class GroupedComment(Comment):
    """A comment to moderate."""

    group: Name | None = Field(None, description="The group of sites it is of; the request's, if left out.")


class ErrorField(Answer):
    """One place of a request that is wrong."""

    field: str
    message: str


class ErrorBody(Answer):
    """What is wrong, and what to do."""

    status: int
    message: str
    fields: list[ErrorField] = Field(description="Which fields of the request it is about.")
    request_id: str = Field(description="Under which the service's log tells more.")


class Error(Answer):
    """An answer that is an error."""

    error: ErrorBody

    model_config = shown(examples.REFUSED)


class PredictRequest(Strict):
    """One comment as `text`, or several as `comments`."""

    text: Text | None = Field(None, description="A single comment.")
    comments: list[Comment] | None = Field(None, min_length=1, description="Several comments.")
    models: list[Name] | None = Field(None, min_length=1, description="Names of models; all of them if left out.")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [{"required": ["text"]}, {"required": ["comments"]}],
            "examples": [{"text": examples.TEXT}, {"comments": [{"id": "c-1", "text": examples.TEXT}]}],
        },
    )

    @model_validator(mode="after")
    def _one(self) -> "PredictRequest":
        return one_of_both(self)


class LabelScore(Answer):
    """What a model says of one label."""

    probability: Probability = Field(description="Calibrated: of comments with 0.8, four in five carry the label.")
    decision: bool = Field(description="Whether the model gives the label, by its tuned threshold.")
    threshold: Probability = Field(description="The tuned threshold, on the scale of `probability`.")
    start: int = Field(description="Where the window that scores highest begins, in Unicode characters.")
    end: int = Field(description="Where it ends.")


class ModelScores(Answer):
    """What one model says of a comment."""

    model: str
    version: str
    windows: int = Field(description="In how many overlapping parts it read the comment; each label has the maximum.")
    tokens: int = Field(description="Tokens of all windows.")
    labels: dict[str, LabelScore]


class Prediction(Answer):
    """What the models say of a comment."""

    id: str
    characters: int
    models: list[ModelScores]


class PredictResponse(Answer):
    """Predictions in the order of the comments."""

    results: list[Prediction]
    request_id: str

    model_config = shown(examples.PREDICTED)


class ModerateRequest(Strict):
    """One comment as `text`, or several as `comments`, and how to decide on them."""

    text: Text | None = Field(None, description="A single comment.")
    comments: list[GroupedComment] | None = Field(None, min_length=1, description="Several comments.")
    group: Name | None = Field(None, description="The group of sites that comments without one are of.")
    spans: Literal["attention", "occlusion", "none"] = Field(
        "attention",
        description="How the words of a reason are found: by attention, at no cost; by occlusion, which is more "
        "telling and costs a pass a word; or not.",
    )
    store: bool = Field(True, description="Record the comments in the moderators' database, if there is one.")
    predictions: bool = Field(False, description="Give all models' predictions beside the verdict.")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [{"required": ["text"]}, {"required": ["comments"]}],
            "examples": [
                {"text": examples.TEXT, "group": "news", "spans": "occlusion"},
                {"comments": [{"id": "c-1", "text": examples.TEXT, "group": "forum"}], "store": False},
            ],
        },
    )

    @model_validator(mode="after")
    def _one(self) -> "ModerateRequest":
        return one_of_both(self)


class SpanOf(Answer):
    """Words of a comment."""

    start: int = Field(description="In Unicode characters from the comment's beginning.")
    end: int
    weight: float = Field(description="How much they count, the strongest of the comment at 1.")


class ReasonOf(Answer):
    """What a label has to do with a verdict."""

    label: str
    probability: Probability
    threshold: float | None = Field(description="What it was held against; null where nothing can be promised.")
    distance: float | None = Field(description="Probability less threshold.")
    rule: str = Field(description="score, always_review, no_promise or unknown_group.")
    spans: list[SpanOf] = Field(description="Words that the label is due to, where it counts and was asked for.")


class Moderated(Answer):
    """The verdict on a comment."""

    id: str
    verdict: VerdictName
    group: str
    score: Probability = Field(description="Probability that the comment violates the policy.")
    reasons: list[ReasonOf] = Field(description="The most telling first.")
    policy_hash: str
    model: str = Field(description="Which decided.")
    version: str
    stored: bool = Field(description="Whether it stands in the moderators' database, under this id.")
    models: list[ModelScores] | None = Field(None, description="All models' predictions, if asked for.")


class ModerateResponse(Answer):
    """Verdicts in the order of the comments."""

    results: list[Moderated]
    policy: str = Field(description="Name of the policy.")
    promises: list[str] = Field(description="What is promised of automatic decisions, in words.")
    request_id: str

    model_config = shown(examples.MODERATED)


class ExplainRequest(Strict):
    """A comment, and whose scores of it are to be explained."""

    text: Text = Field(min_length=1, description="The comment; one that is blank has no words to explain.")
    models: list[Name] | None = Field(None, min_length=1, description="Names of models; all of them if left out.")
    labels: list[Label] | None = Field(None, min_length=1, description="Labels to explain; all of them if left out.")
    method: Literal["occlusion", "attention"] = Field(
        "occlusion",
        description="occlusion: how a label's logit falls without the word. attention: where the pooling looked; only "
        "models that have one.",
    )

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"text": examples.TEXT, "labels": ["insult"]}, {"text": examples.TEXT}]},
    )


class ExplanationOf(Answer):
    """Why a model scores a comment as it does: the record of `toxres.explain`, with null for what is not known."""

    text: str
    words: list[tuple[int, int]] = Field(description="Start and end of each word, in Unicode characters.")
    word_texts: list[str]
    labels: list[str]
    attributions: list[list[float]] = Field(description="For each word, one number a label.")
    read: list[bool] = Field(description="Whether the word was asked about.")
    method: str
    model: str
    scores: list[float | None] = Field(description="Logits, one a label.")
    baseline_scores: list[float | None]
    convergence_delta: list[float | None]
    baseline: str
    steps: int
    note: str = Field(description="What a reader has to know.")


class ExplainResponse(Answer):
    """Explanations, one a model."""

    explanations: list[ExplanationOf]
    request_id: str

    model_config = shown(examples.EXPLAINED)


class DecisionRequest(Strict):
    """What a moderator decides of a comment that the queue gave."""

    comment_id: Text = Field(min_length=1, max_length=500)
    moderator: Name = Field(description="Who decides.")
    verdict: Literal["accept", "reject"]
    labels: list[Label] = Field([], max_length=len(LABELS), description="What it is rejected for; none for an accept.")
    correct: bool = Field(False, description="Change an earlier decision.")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"comment_id": "c-1", "moderator": "ada", "verdict": "reject", "labels": ["insult"]},
                {"comment_id": "c-2", "moderator": "ada", "verdict": "accept"},
            ]
        },
    )


class DecisionResponse(Answer):
    """A decision that is on disk."""

    decision: int = Field(description="Its number.")
    comment_id: str
    verdict: Literal["accept", "reject"]
    request_id: str

    model_config = shown(examples.DECIDED)


class QueuedComment(Answer):
    """A comment that waits for a decision."""

    comment_id: str
    text: str
    group: str
    created: datetime.datetime | None
    copies: int = Field(description="Comments with this text; a decision is on all of them.")
    verdict: VerdictName
    probabilities: dict[str, Probability]
    enforced: list[str] = Field(description="Labels that the policy enforces.")
    model: str
    policy_hash: str
    second: bool = Field(description="A second opinion is wanted.")
    claimed_until: datetime.datetime


class QueueResponse(Answer):
    """Comments that are the moderator's to decide until the claim runs out."""

    comments: list[QueuedComment]
    waiting: int | None = Field(description="How many wait in all; null where it is not known.")
    request_id: str

    model_config = shown(examples.QUEUED)


class ModelInfo(Answer):
    """A model of the bundle."""

    name: str
    version: str
    labels: list[str]
    thresholds: dict[str, Probability] = Field(description="Tuned, on the scale of calibrated probabilities.")
    attention: bool = Field(description="Whether attention explains it.")
    decides: bool = Field(description="Whether verdicts come from it.")
    runtime: str = Field(description="What runs it.")
    precision: str = Field(description="In which it multiplies.")


class BundleInfo(Answer):
    """The bundle that is served."""

    version: str = Field(description="Changes whenever any of its files does.")
    created: str | None


class ModelsResponse(Answer):
    """What is served."""

    models: list[ModelInfo]
    bundle: BundleInfo
    policy: dict[str, Any] | None
    policy_hash: str
    promises: list[str]
    groups: list[str]
    database: bool = Field(description="Whether there is a moderators' database.")
    colours: dict[str, str] = Field(description="One a label, safe for colour-blind people.")
    limits: dict[str, float]
    request_id: str


class Health(Answer):
    """Whether the service lives, or is ready."""

    status: Literal["ok", "starting", "stopping", "broken"]


def one_of_both(request: Any) -> Any:
    """The request, if it has either `text` or `comments`.

    Raises:
        ValueError: It has none of them, or both.
    """
    if (request.text is None) == (request.comments is None):
        raise ValueError("give either text, or comments")
    return request
