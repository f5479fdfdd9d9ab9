"""What Prometheus is told: counts, times and queues, in a registry of each app's own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The meters of one app.

    Attributes:
        requests: Answers by route, method and status.
        seconds: Time to answer, by route.
        comments: Comments scored, by route.
        refused: Requests that were refused for want of room, by reason.
        in_flight: Requests that are worked on.
        batches: Windows a batch, by model.
        tokens: Tokens scored, by model.
        model_seconds: Time models were at work, by model.
        waiting: Tokens that wait, by model.
        verdicts: Verdicts by group and verdict.
        decisions: Moderators' decisions.
        ready: 1 when requests are taken.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "toxres_requests", "Answers by route, method and status", ("route", "method", "status"), registry=registry
        )
        self.seconds = Histogram(
            "toxres_request_seconds", "Seconds to answer, by route", ("route",), buckets=SECONDS, registry=registry
        )
        self.comments = Counter("toxres_comments", "Comments scored, by route", ("route",), registry=registry)
        self.refused = Counter("toxres_refused", "Requests refused for want of room", ("reason",), registry=registry)
        self.in_flight = Gauge("toxres_requests_in_flight", "Requests that are worked on", registry=registry)
        self.batches = Histogram(
            "toxres_batch_windows", "Windows a batch", ("model",), buckets=(1, 2, 4, 8, 16, 32, 64), registry=registry
        )
        self.tokens = Counter("toxres_tokens", "Tokens scored", ("model",), registry=registry)
        self.model_seconds = Counter("toxres_model_seconds", "Seconds a model worked", ("model",), registry=registry)
        self.waiting = Gauge("toxres_waiting_tokens", "Tokens that wait for a model", ("model",), registry=registry)
        self.verdicts = Counter("toxres_verdicts", "Verdicts by group", ("group", "verdict"), registry=registry)
        self.decisions = Counter("toxres_decisions", "Moderators' decisions", ("decision",), registry=registry)
        self.ready = Gauge("toxres_ready", "1 when requests are taken", registry=registry)

    def page(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)
