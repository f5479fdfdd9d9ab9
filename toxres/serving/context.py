"""What the routes share: the models, the verdicts, the limits and the meters of one app."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from fastapi import Request

from toxres.errors import InputError, RunError
from toxres.serving.batching import Overloaded
from toxres.serving.bundle import Bundle
from toxres.serving.metrics import Metrics
from toxres.serving.moderation import Moderation
from toxres.serving.problems import Problem, busy
from toxres.serving.scorer import Scored, Scorer, TooLong
from toxres.serving.settings import Limits, Settings


class Service(NamedTuple):
    """One app's parts.

    Attributes:
        bundle: What is served.
        scorer: The models at work.
        moderation: Verdicts, and the moderators' database.
        settings: How it is run.
        metrics: Its meters.
        threads: For what waits for a database.
    """

    bundle: Bundle
    scorer: Scorer
    moderation: Moderation
    settings: Settings
    metrics: Metrics
    threads: ThreadPoolExecutor

    @property
    def limits(self) -> Limits:
        """How much is taken."""
        return self.settings.limits

    def close(self) -> None:
        """Finish what was begun and close what is open."""
        self.scorer.close()
        self.threads.shutdown()
        if self.moderation.database is not None:
            self.moderation.database.close()


def service_of(request: Request) -> Service:
    """The parts of the app that a request came to."""
    return request.app.state.service


def request_id(request: Request) -> str:
    """A request's id."""
    return request.state.request_id


def tell(request: Request, **fields: Any) -> None:
    """Add fields to the request's line in the log."""
    request.state.told.update(fields)


def check_texts(service: Service, texts: Sequence[str], where: str = "comments") -> None:
    """Refuse too many texts, or one that is too long.

    Raises:
        Problem: 422.
    """
    limits = service.limits
    if len(texts) > limits.comments:
        raise Problem(422, f"{where}: {len(texts)} are more than {limits.comments}; send them in several requests")
    for number, text in enumerate(texts):
        if len(text) > limits.characters:
            field = where if where == "text" else f"{where}.{number}.text"
            told = f"has {len(text):,} characters, more than {limits.characters:,}; shorten it or send it in parts"
            raise Problem(422, f"{field}: {told}", fields=[{"field": field, "message": told}])


def check_models(service: Service, names: Sequence[str] | None) -> list[str]:
    """The names of the models that are asked.

    Raises:
        Problem: 422: there is no such model, or it is named twice.
    """
    known = list(service.scorer.models)
    for name in names or ():
        if name not in known or list(names).count(name) > 1:
            raise Problem(422, f"models: {name[:60]!a} is unknown or named twice; choose out of {', '.join(known)}")
    return list(names or known)


@contextlib.contextmanager
def refusals(service: Service, *passed: type[Exception]) -> Iterator[None]:
    """Say what goes wrong in the block as an answer of HTTP, but for exceptions that are `passed` on."""
    try:
        yield
    except passed:
        raise
    except Overloaded as error:
        service.metrics.refused.labels("models").inc()
        raise busy(error.retry_after) from None
    except TooLong as error:
        most = service.limits.request_tokens
        told = f"the texts have {error.tokens:,} tokens, more than {most:,}; send fewer or shorter ones"
        raise Problem(422, told, fields=[{"field": "comments", "message": told}]) from None
    except InputError as error:
        raise Problem(422, " ".join(str(error).split())) from None
    except RunError as error:
        raise busy(5, " ".join(str(error).split())) from None


async def score(service: Service, texts: Sequence[str], names: Sequence[str] | None = None) -> dict[str, list[Scored]]:
    """Scores of texts by models.

    Raises:
        Problem: 422 for too many tokens, 503 for too much to do.
    """
    with refusals(service):
        return await service.scorer.score(texts, names)


async def in_thread(service: Service, work: Callable[..., Any], *arguments: Any) -> Any:
    """Do what waits for a database, in a thread."""
    return await asyncio.get_running_loop().run_in_executor(service.threads, lambda: work(*arguments))
