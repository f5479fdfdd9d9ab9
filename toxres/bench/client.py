"""Clients of a service, so thin that they take next to nothing of the cores that the service needs."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import NamedTuple

from toxres.errors import RunError


class Load(NamedTuple):
    """What N requests of C clients gave.

    Attributes:
        seconds: From the first request to the last answer.
        latencies: N, seconds of each request.
        answers: N bodies, in the order of the requests.
    """

    seconds: float
    latencies: list[float]
    answers: list[bytes]

    def quantile(self, share: float) -> float:
        """The latency that so large a share of the requests did not exceed (nearest rank)."""
        ranked = sorted(self.latencies)
        return ranked[max(0, -(-int(share * 1_000) * len(ranked) // 1_000) - 1)]


def send(port: int, path: str, texts: Sequence[str], clients: int) -> Load:
    """POST `{"text": ...}` for each text, by so many clients, each of which sends its next when it has an answer.

    Args:
        port: At 127.0.0.1.
        path: Of the route.
        texts: N of them; the clients take them in this order.
        clients: C, each on a connection that is kept.

    Raises:
        RunError: An answer is no 200.
    """
    return asyncio.run(_send(port, path, [_request(path, text) for text in texts], clients))


def _request(path: str, text: str) -> bytes:
    body = json.dumps({"text": text}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


async def _send(port: int, path: str, requests: Sequence[bytes], clients: int) -> Load:
    latencies, answers = [0.0] * len(requests), [b""] * len(requests)
    waiting = iter(enumerate(requests))
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(clients)]

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, request in waiting:
            start = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RunError(f"{path}: {head.decode('latin-1').splitlines()[0]}")
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
            )
            answers[number] = await reader.readexactly(length)
            latencies[number] = time.perf_counter() - start
        writer.close()

    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(client(*connection))
    return Load(time.perf_counter() - start, latencies, answers)
