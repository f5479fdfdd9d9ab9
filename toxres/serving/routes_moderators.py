"""Routes for moderators: the queue and their decisions, from the triage database."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from toxres.serving.context import Service, in_thread, refusals, request_id, service_of, tell
from toxres.serving.problems import Problem, json_response
from toxres.serving.responses import documented
from toxres.serving.schemas import DecisionRequest, DecisionResponse, QueueResponse

router = APIRouter(tags=["moderators"])

NO_DATABASE = "there is no moderators' database here; start the service with --database"


@router.get(
    "/v1/queue", response_model=QueueResponse, responses=documented(404, 422), summary="What waits for a decision"
)
async def queue(
    request: Request,
    moderator: Annotated[str, Query(min_length=1, max_length=200, description="Who asks.", examples=["ada"])],
    group: Annotated[
        str | None, Query(min_length=1, max_length=200, description="Comments of this group alone.")
    ] = None,
    order: Annotated[Literal["uncertain", "change", "oldest"], Query(description="Which come first.")] = "uncertain",
    limit: Annotated[int, Query(ge=1, le=100, description="Most comments to give.")] = 20,
    second: Annotated[
        bool, Query(description="Comments that another moderator decided, for a second opinion.")
    ] = False,
) -> Response:
    """Give a moderator the next comments; nobody else gets them until the claim runs out.

    What the moderator has claimed already comes first, so asking again loses nothing.
    """
    service = service_of(request)
    database = _database(service)
    from toxres.triage.queue import claim_next

    cap = service.moderation.triage.policy.daily_queue

    def claim() -> tuple[list, int | None]:
        given = claim_next(database, moderator, group=group, order=order, limit=limit, daily_cap=cap, second=second)
        return given, _waiting(database, group)

    with refusals(service):
        given, waiting = await in_thread(service, claim)
    tell(request, given=len(given))
    comments = [
        {
            "comment_id": each.comment_id, "text": each.text, "group": each.group, "created": each.created,
            "copies": each.copies, "verdict": each.verdict, "probabilities": each.probs,
            "enforced": list(each.enforced), "model": each.model, "policy_hash": each.policy_hash,
            "second": each.second, "claimed_until": each.until,
        }
        for each in given
    ]  # fmt: skip
    return json_response({"comments": comments, "waiting": waiting, "request_id": request_id(request)})


@router.post(
    "/v1/decisions",
    response_model=DecisionResponse,
    responses=documented(404, 409, 413, 422),
    summary="Record a decision",
)
async def decisions(body: DecisionRequest, request: Request) -> Response:
    """Record what a moderator decided. When the answer comes, the decision is on disk.

    409 says that another moderator has the comment, or that it is decided already;
    `correct` changes an earlier decision.
    """
    service = service_of(request)
    database = _database(service)
    from toxres.triage.queue import decide
    from toxres.triage.refusals import AlreadyDecided, NotClaimed, UnknownComment

    def record() -> int:
        return decide(database, body.comment_id, body.moderator, body.verdict, body.labels, correct=body.correct)

    try:
        with_labels = {"decision": body.verdict}
        number = await _refused(service, record, (AlreadyDecided, NotClaimed), UnknownComment)
    finally:
        tell(request, **with_labels)
    service.metrics.decisions.labels(body.verdict).inc()
    answer = {"decision": number, "comment_id": body.comment_id, "verdict": body.verdict}
    return json_response(answer | {"request_id": request_id(request)})


async def _refused(service: Service, work, conflicts: tuple[type[Exception], ...], missing: type[Exception]) -> int:
    """What work in the database gives, its refusals as answers: 409 for conflicts, 404 for what is not there."""
    with refusals(service):
        try:
            return await in_thread(service, work)
        except conflicts as error:
            raise Problem(409, " ".join(str(error).split())) from None
        except missing as error:
            raise Problem(404, " ".join(str(error).split())) from None


def _database(service: Service):
    if service.moderation.database is None:
        raise Problem(404, NO_DATABASE)
    return service.moderation.database


def _waiting(database, group: str | None) -> int | None:
    """How many texts wait for a decision."""
    from sqlmodel import func, select

    from toxres.triage.tables import Item

    wanted = select(func.count()).select_from(Item).where(Item.waits)
    with database.read() as session:
        return session.exec(wanted if group is None else wanted.where(Item.group == group)).one()
