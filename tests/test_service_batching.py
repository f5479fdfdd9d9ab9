"""Micro-batching: order, buckets, bounds, errors, and an end that finishes what was begun."""

import asyncio
import random
import threading

import numpy as np
import pytest

from toxres.serving.batching import Batcher, Overloaded, choose
from toxres.serving.metrics import Metrics
from toxres.serving.models import WindowScores
from toxres.serving.predictor import Predictions
from toxres.serving.reading import Reading, Window
from toxres.serving.scorer import Scorer
from toxres.serving.settings import Limits


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
    while any(batcher._buckets.values()) or not batcher.waiting:
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


@pytest.mark.parametrize(
    ("counts", "first", "expected"),
    [
        ({32: 3}, 32, {32: 3}),
        ({32: 2, 48: 2}, 32, {32: 2, 48: 2}),  # 32 tokens of padding cost less than another batch
        ({32: 3, 48: 2}, 32, {32: 3}),  # 48 don't
        ({32: 3, 48: 2}, 48, {48: 2}),
        ({32: 2, 48: 2}, 48, {32: 2, 48: 2}),
        ({16: 1, 32: 1, 48: 1, 64: 1}, 32, {32: 1, 16: 1, 48: 1}),  # the nearest, as long as there is one
        ({16: 1, 512: 1}, 16, {16: 1}),
        ({32: 90}, 32, {32: 32}),  # 1,024 tokens
        ({32: 31, 48: 1}, 48, {48: 1}),
        ({512: 1, 496: 9}, 512, {512: 1, 496: 1}),  # no room for more
        ({4_096: 2}, 4_096, {4_096: 1}),  # longer than a batch, but somebody waits for it
    ],
)
def test_a_batch_takes_other_widths_while_padding_costs_less_than_another_batch(counts, first, expected):
    assert choose(counts, first, 1_024) == expected


def test_a_chosen_batch_holds_the_first_and_never_too_much():
    generator = random.Random(0)
    for _ in range(300):
        counts = {16 * generator.randint(1, 8): generator.randint(1, 40) for _ in range(generator.randint(1, 9))}
        first = generator.choice(list(counts))
        found = choose(counts, first, 1_024)
        assert found[first] >= 1 and max(found) * sum(found.values()) <= 1_024
        assert all(0 < count <= counts[width] for width, count in found.items())


@pytest.mark.parametrize(("other", "reads"), [("{}", 1), ('{"max_length": 4}', 2), (None, 2)])
def test_models_that_read_alike_read_once(tmp_path, other, reads):
    count = 0

    class Model:
        has_attention, whole = False, True

        def __init__(self, name, settings):
            self.name, self.path = name, tmp_path / name
            self.path.mkdir()
            if settings is not None:
                (self.path / "tokenizer.json").write_text("{}")
                (self.path / "reading.json").write_text(settings)

        def read(self, texts):
            nonlocal count
            count += 1
            return [Reading(text, (Window(text, np.zeros(3, dtype=np.int64), 3),)) for text in texts]

        def score(self, windows):
            return [WindowScores(np.full(2, len(window.text), dtype=np.float32), None) for window in windows]

        def combine(self, readings, parts):
            logits = np.stack([scores[0].logits for scores in parts])
            return Predictions(
                logits, logits, logits, logits > 0, np.ones(len(parts)), np.zeros_like(logits, dtype=int)
            )

    scorer = Scorer([Model("a", "{}"), Model("b", other)], Limits(), Metrics())
    try:
        found = asyncio.run(scorer.score(["one", "seven"]))
    finally:
        scorer.close()
    assert count == reads
    assert [[each.logits.tolist() for each in found[name]] for name in "ab"] == [[[3, 3], [5, 5]]] * 2
