"""Micro-batching: order, buckets, bounds, errors, and an end that finishes what was begun."""

import asyncio
import threading

import pytest

from toxres.serving.batching import Batcher, Overloaded


class Recorder:
    """A model that gives back what it gets, and can be held up."""

    def __init__(self) -> None:
        self.batches, self.go = [], threading.Event()
        self.go.set()

    def __call__(self, windows):
        self.go.wait(20)
        self.batches.append(list(windows))
        if "bad" in windows:
            raise ValueError("bad")
        return [f"<{window}>" for window in windows]


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def batcher(recorder):
    batcher = Batcher(recorder, batch_tokens=64, waiting_tokens=400, waiting_seconds=1e9)
    yield batcher
    recorder.go.set()
    batcher.close()


async def held(batcher, recorder):
    """Let the model be at work on something, so that what comes next waits."""
    recorder.go.clear()
    first = asyncio.ensure_future(batcher.submit([("first", 8)]))
    while batcher._buckets[0] or not batcher.waiting:
        await asyncio.sleep(0.001)
    return first


def test_results_come_in_the_order_of_the_windows(batcher):
    windows = [(f"w{number}", 8 * (number % 5 + 1)) for number in range(40)]
    found = asyncio.run(batcher.submit(windows[:12]))
    assert found == [f"<w{number}>" for number in range(12)]
    assert asyncio.run(batcher.submit([])) == []
    assert batcher.waiting == 0 and batcher.speed > 0


def test_windows_of_several_requests_share_a_batch_of_similar_length(batcher, recorder):
    async def ask():
        first = await held(batcher, recorder)
        others = [asyncio.ensure_future(batcher.submit([(name, tokens)])) for name, tokens in
                  (("a", 8), ("long", 60), ("b", 7), ("c", 5))]  # fmt: skip
        await asyncio.sleep(0.01)
        recorder.go.set()
        return await asyncio.gather(first, *others)

    assert asyncio.run(ask()) == [["<first>"], ["<a>"], ["<long>"], ["<b>"], ["<c>"]]
    assert recorder.batches == [["first"], ["a", "b", "c"], ["long"]]


def test_a_batch_holds_no_more_tokens_than_it_may(batcher, recorder):
    asyncio.run(batcher.submit([(number, 16) for number in range(10)]))
    assert max(map(len, recorder.batches)) == 4 and sum(map(len, recorder.batches)) == 10
    asyncio.run(batcher.submit([("huge", 300)]))
    assert recorder.batches[-1] == ["huge"]


def test_who_asks_for_much_lets_others_in_between(batcher, recorder):
    async def ask():
        first = await held(batcher, recorder)
        many = asyncio.ensure_future(batcher.submit([(f"many{number}", 32) for number in range(8)]))
        await asyncio.sleep(0.01)
        one = asyncio.ensure_future(batcher.submit([("one", 32)]))
        await asyncio.sleep(0.01)
        recorder.go.set()
        await asyncio.gather(first, many, one)

    asyncio.run(ask())
    order = [window for batch in recorder.batches for window in batch]
    assert order.index("one") <= 3


def test_what_does_not_fit_is_refused_at_once_with_a_time(batcher, recorder):
    async def ask():
        first = await held(batcher, recorder)
        waits = asyncio.ensure_future(batcher.submit([("waits", 300)]))
        await asyncio.sleep(0.01)
        with pytest.raises(Overloaded) as refused:
            await batcher.submit([("much", 100)])
        recorder.go.set()
        await asyncio.gather(first, waits)
        return refused.value.retry_after

    assert asyncio.run(ask()) >= 1
    assert ["much"] not in recorder.batches
    assert asyncio.run(batcher.submit([("much", 5_000)])) == ["<much>"], "alone, it may come"


def test_the_measured_speed_bounds_the_wait(recorder):
    batcher = Batcher(recorder, waiting_tokens=10**9, waiting_seconds=2.0)
    batcher._speed, batcher._waiting = 100.0, 150
    assert batcher.wait_for(50) is None
    assert batcher.wait_for(450) == pytest.approx(1.5), "no longer than until nothing waits"
    assert batcher.wait_for(200) == pytest.approx(1.5)
    batcher._waiting = 0
    batcher.close()


def test_an_error_is_the_requests_alone_and_the_next_batch_runs(batcher, recorder):
    with pytest.raises(ValueError, match="bad"):
        asyncio.run(batcher.submit([("bad", 8)]))
    assert asyncio.run(batcher.submit([("good", 8)])) == ["<good>"]
    assert batcher.alive and batcher.waiting == 0


def test_what_nobody_waits_for_any_more_is_not_run(batcher, recorder):
    async def ask():
        first = await held(batcher, recorder)
        gone = asyncio.ensure_future(batcher.submit([("gone", 8), ("gone too", 40)]))
        await asyncio.sleep(0.01)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        recorder.go.set()
        await first
        await batcher.submit([("next", 8)])

    asyncio.run(ask())
    assert not any("gone" in batch or "gone too" in batch for batch in recorder.batches)
    assert batcher.waiting == 0


def test_closing_finishes_what_was_accepted(recorder):
    batcher = Batcher(recorder, batch_tokens=8)

    async def ask():
        first = await held(batcher, recorder)
        others = [asyncio.ensure_future(batcher.submit([(number, 8)])) for number in range(5)]
        await asyncio.sleep(0.01)
        closing = asyncio.get_running_loop().run_in_executor(None, batcher.close)
        recorder.go.set()
        found = await asyncio.gather(first, *others)
        await closing
        with pytest.raises(RuntimeError, match="shut down"):
            await batcher.submit([("late", 8)])
        return found

    assert asyncio.run(ask()) == [["<first>"], *([f"<{number}>"] for number in range(5))]
    assert not batcher.alive
