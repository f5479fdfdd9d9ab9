"""Ten times what the service manages: it says no in time, answers what it took, keeps its size, is well after."""

import asyncio
import re
import time
from pathlib import Path

import httpx
import pytest
from test_server import process

OVERRUN = """
from helpers.serving import fake_app
from toxres.serving.server import listening, run
from toxres.serving.settings import Limits, Settings
listener = listening("127.0.0.1", 0)
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
limits = Limits(in_flight=64, waiting_seconds=2.0, request_seconds=20.0)
run(fake_app(limits, seconds=0.008), listener, Settings(limits))
"""
A_SECOND = 5.5
"""Requests of `BODY` a second that the service manages: 22 tokens at 8 ms."""

BODY = {"text": "word " * 20, "models": ["custom"]}


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1_024


async def overrun(address: str, seconds: float, times: int) -> list[tuple[int, str]]:
    """Ask at `times` what the service manages, whether or not it answers: status and `Retry-After` of each."""
    answers: list[tuple[int, str]] = []
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)

    async def ask(client: httpx.AsyncClient) -> None:
        response = await client.post("/v1/predict", json=BODY)
        answers.append((response.status_code, response.headers.get("retry-after", "")))

    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits, trust_env=False) as client:
        async with asyncio.TaskGroup() as group:
            start, asked = time.perf_counter(), 0
            while (now := time.perf_counter() - start) < seconds:
                while asked < now * times * A_SECOND:
                    group.create_task(ask(client))
                    asked += 1
                await asyncio.sleep(0.01)
        assert len(answers) == asked, "every request is answered"
    return answers


def held_to(seconds: float, growth: int) -> None:
    with process(code=OVERRUN) as (client, started, _):
        for _ in range(3):
            assert client.post("/v1/predict", json=BODY).status_code == 200
        before = memory(started.pid)
        start = time.perf_counter()
        answers = asyncio.run(overrun(str(client.base_url), seconds, 10))
        took_in_all = time.perf_counter() - start
        after = memory(started.pid)
        statuses = {status for status, _ in answers}
        assert statuses == {200, 503}, statuses
        accepted = [wait for status, wait in answers if status == 200]
        assert len(accepted) >= 0.3 * A_SECOND * seconds, "it goes on working"
        assert len(accepted) <= 1.5 * A_SECOND * (took_in_all + 4), "it was more than it manages"
        assert len(answers) >= 5 * A_SECOND * seconds, "it was far more than it manages"
        assert all(wait.isdigit() and 1 <= int(wait) <= 120 for status, wait in answers if status == 503)
        assert after - before < growth, f"{(after - before) >> 20} MiB more"
        assert client.get("/healthz").status_code == 200
        assert client.post("/v1/predict", json=BODY).status_code == 200
        text = client.get("/metrics").text
        assert 'toxres_waiting_tokens{model="custom"} 0.0' in text and "toxres_requests_in_flight 1.0" in text
        within, all_of_them = (
            float(re.search(rf"^{re.escape(name)} (.*)$", text, re.MULTILINE).group(1))
            for name in (
                'toxres_request_seconds_bucket{le="10.0",route="/v1/predict"}',
                'toxres_request_seconds_count{route="/v1/predict"}',
            )
        )
        assert within == all_of_them >= len(answers), "bounded time, from when a request was taken"


def test_for_a_moment():
    held_to(3, 64 << 20)


@pytest.mark.stress
def test_for_a_minute():
    held_to(60, 64 << 20)
