"""The service under load: both models, comments of real lengths, one client and many at once.

Beside it stands a FastAPI endpoint that asks the torch models for each request. Texts are cut off where one window of
the models ends, so that both services read the same tokens.
"""

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toxres.bench.measure import Benchmark, Result, Sample, Setting, compare, max_difference
from toxres.bench.servers import launched, naive, ours
from toxres.bench.sides import Run, Side, alternate
from toxres.bench.subjects import comments, served_bundle, subjects
from toxres.errors import RunError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENS = 128
"""Where texts are cut off: what the models read at once."""

CLIENTS = {1: 48, 16: 160, 64: 192}
"""Clients at once, and how many requests they send together."""

REPEATS = 3
"""Most runs of each side: a run takes seconds, and holds hundreds of requests."""

SPEEDUP = 4.0
"""Throughput of the naive service, at 16 clients, that ours is to reach."""


@contextlib.contextmanager
def prepare(words: list[str], path: str, clients: dict[str, int], checkpoint: str) -> Iterator:
    """A server, and what sends it requests once: figures by number of clients, of which the process is this one.

    Args:
        words: After `python`, that start the server.
        path: Of the route.
        clients: Number of clients to number of requests.
        checkpoint: Whose tokenizer says where texts are cut off.
    """
    from toxres.bench.client import send

    texts = _texts(checkpoint, max(clients.values()))
    with launched(words) as server:

        def once() -> Sample:
            figures, outputs = {}, None
            for count, requests in clients.items():
                used = time.process_time()
                load = send(server.port, path, texts[:requests], int(count))
                figures[f"{count} rate"] = requests / load.seconds
                figures[f"{count} p50"] = 1_000 * load.quantile(0.5)
                figures[f"{count} p99"] = 1_000 * load.quantile(0.99)
                figures[f"{count} client"] = (time.process_time() - used) / load.seconds
                outputs = [probabilities(json.loads(answer)) for answer in load.answers]
            return Sample(figures, outputs, server.memory)

        yield once


def probabilities(answer: dict[str, Any]) -> list[list[float]]:
    """Models x labels probabilities of an answer of either service."""
    if "results" not in answer:
        return [list(labels.values()) for labels in answer.values()]
    models = answer["results"][0]["models"]
    if any(model["windows"] != 1 for model in models):
        raise RunError("a text was read in several windows by our service, and cut off by the other")
    return [[label["probability"] for label in model["labels"].values()] for model in models]


def _texts(checkpoint: str, count: int) -> list[str]:
    """Comments, cut off at a word so that they fit into one window."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(checkpoint) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return [cut(text, tokenizer, TOKENS) for text in comments(count).texts]


def cut(text: str, tokenizer: "Tokenizer", tokens: int) -> str:
    """As many of a text's words as fit into so many tokens, two special ones included."""
    read = tokenizer.encode(text)
    if len(read.ids) <= tokens:
        return text
    end = read.offsets[tokens - 2][1]  # of the last token that has room before the closing one
    return text[:end] if text[end : end + 1].isspace() else text[:end].rsplit(maxsplit=1)[0]


def run(setting: Setting) -> Result:
    """Both services, by number of clients; of the naive one the better of two kinds."""
    found, used = subjects(setting), comments(max(CLIENTS.values()))
    bundle = served_bundle(setting, found)
    options = {"checkpoint": str(found.custom)}
    kinds = {
        kind: _side(naive(found.both, kind), "/predict", setting, {16: 64}, options) for kind in ("threads", "lock")
    }
    tried = alternate(kinds, 1, warmups=1)
    best = max(tried, key=lambda kind: tried[kind].figures("16 rate")[0])
    sides = {
        "ours": _side(ours(str(bundle)), "/v1/predict", setting, CLIENTS, options),
        "naive": _side(naive(found.both, best), "/predict", setting, CLIENTS, options),
    }
    runs = alternate(sides, min(setting.repeats, REPEATS))
    measurements, headline = _measurements(runs, best), {}
    by_name = {each.name: each for each in measurements}
    headline["service_speedup"] = by_name["service, 16 clients: throughput"].ratio
    headline["service_p99_ratio"] = 1 / by_name["service, 16 clients: p99"].ratio
    details = {
        "naive": {kind: run.figures("16 rate")[0] for kind, run in tried.items()},
        "client_processor_share": {
            name: {count: run.figures(f"{count} client") for count in CLIENTS} for name, run in runs.items()
        },
    }
    notes = [
        f"comments of {used.source}, cut off at {TOKENS} tokens; both models answer each request",
        f"the naive service runs requests by {best!r}, the faster of {' and '.join(kinds)} at 16 clients",
        *([found.note] if found.note else []),
    ]
    return Result(measurements, headline, notes, details, found.preset, used.sources)


def _side(words: Sequence[str], path: str, setting: Setting, clients: dict[int, int], options: dict) -> Side:
    options = options | {
        "words": list(words),
        "path": path,
        "clients": {str(count): each for count, each in clients.items()},
    }
    return Side(f"{__name__}:prepare", options, setting.threads)


def _measurements(runs: dict[str, Run], kind: str) -> list:
    ours, theirs = runs["ours"], runs["naive"]
    alternative = f"FastAPI, torch fp32, one model after the other ({kind})"
    equality = {"max_abs_difference": max_difference(ours.outputs, theirs.outputs)}
    given = {"alternative": alternative, "equality": equality}
    found = []
    for count in CLIENTS:
        name, main = f"service, {count} client{'s' * (count > 1)}", count == 16
        rate, target = f"{count} rate", SPEEDUP if main else None
        found.append(compare(f"{name}: throughput", ours, theirs, rate, unit="comments/s", target=target, **given))
        for part in ("p50", "p99"):
            given |= {"unit": "ms", "better": "lower", "target": 1.0 if main and part == "p99" else None}
            found.append(compare(f"{name}: {part}", ours, theirs, f"{count} {part}", **given))
            given = {"alternative": alternative, "equality": equality}
    return found


BENCHMARK = Benchmark("service", "The service: how many comments a second, how soon?", run)
