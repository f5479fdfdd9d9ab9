"""Micro-batching: windows of all requests that wait for a model go through it together, by similar length."""

import asyncio
import heapq
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

STEP = 16
"""Widths of batches, in tokens, are multiples of it, as in `TokenModel.score`."""

MOST_PADDING = 32
"""Tokens of padding that are worth a batch less. One takes some 3 ms besides its tokens, above all where its shape is
another than the last one's, and a token of MiniLM in bfloat16 some 0.05 ms; half of that gain, as what waits by itself
may soon find others of its width."""

SETTLED = 0.2
"""Weight of the last batch in the measured speed."""


class Overloaded(Exception):
    """More is waiting than may wait.

    Attributes:
        retry_after: Seconds after which there should be room.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"too much is waiting; try again in {retry_after:.0f} s")
        self.retry_after = retry_after


class _Item(NamedTuple):
    """One window that waits.

    Attributes:
        turn: The number of its request plus its place in it: who asks for much lets others in between.
        number: Of the window, among all.
        place: Which result of its request it is.
        tokens: Its length.
        window: What `run` takes.
        request: The request it is of.
    """

    turn: int
    number: int
    place: int
    tokens: int
    window: Any
    request: "_Request"


class _Request:
    """The windows of one call of `submit`: what came back so far, and who waits for it."""

    def __init__(self, count: int, loop: asyncio.AbstractEventLoop) -> None:
        self.results: list[Any] = [None] * count
        self.left = count
        self.loop = loop
        self.future: asyncio.Future = loop.create_future()
        self.gone = False


class Batcher:
    """One model in a thread of its own, and the windows that wait for it.

    There is no pause to fill a batch: while one runs, the next gathers. The window whose turn it is goes first, with
    others of its width, and shorter or longer ones as far as padding costs less than another batch would. Turns only
    grow, so every window's comes.

    Args:
        run: Takes B windows of similar length, gives B results; called from the thread.
        batch_tokens: Most tokens a batch, padding included.
        waiting_tokens: Most tokens that wait.
        waiting_seconds: Longest wait, by measured speed, of what is let in.
        on_batch: Called after each batch with its windows, its tokens and its seconds.
        name: Of the thread.
    """

    def __init__(
        self,
        run: Callable[[list[Any]], Sequence[Any]],
        *,
        batch_tokens: int = 1_024,
        waiting_tokens: int = 1 << 17,
        waiting_seconds: float = 10.0,
        on_batch: Callable[[int, int, float], None] | None = None,
        name: str = "model",
    ) -> None:
        self._run, self._on_batch = run, on_batch
        self.batch_tokens, self.waiting_tokens, self.waiting_seconds = batch_tokens, waiting_tokens, waiting_seconds
        self._buckets: dict[int, list[_Item]] = {}  # by width, heaps
        self._waiting = self._requests = self._windows = 0
        self._speed = 0.0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name=f"toxres-{name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Tokens that wait or are being worked on."""
        return self._waiting

    @property
    def speed(self) -> float:
        """Tokens a second, as measured of late; 0 before the first batch."""
        return self._speed

    @property
    def alive(self) -> bool:
        """Whether the thread is there to do what is asked."""
        return self._thread.is_alive() and not self._closed

    def wait_for(self, tokens: int) -> float | None:
        """Seconds to wait until `tokens` more would be let in; None if they are let in at once.

        Whatever fits the limits of a single request is let in while nothing waits, however long it is.
        """
        with self._changed:
            if self._waiting == 0:
                return None
            least = self._waiting + tokens - self.waiting_tokens
            if self._speed:
                least = max(least, self._waiting + tokens - self.waiting_seconds * self._speed)
            least = min(least, self._waiting)
            return None if least <= 0 else max(1.0, least / (self._speed or 1_000.0))

    async def submit(self, windows: Sequence[tuple[Any, int]]) -> list[Any]:
        """Results of windows, in their order.

        Args:
            windows: Each with its number of tokens.

        Raises:
            Overloaded: Too much is waiting; nothing of it was begun.
            RuntimeError: The batcher is closed.
        """
        if not windows:
            return []
        tokens = sum(length for _, length in windows)
        if (seconds := self.wait_for(tokens)) is not None:
            raise Overloaded(seconds)
        request = _Request(len(windows), asyncio.get_running_loop())
        with self._changed:
            if self._closed:
                raise RuntimeError("the model is shut down")
            for place, (window, length) in enumerate(windows):
                item = _Item(self._requests + place, self._windows, place, length, window, request)
                heapq.heappush(self._buckets.setdefault(_width(length), []), item)
                self._windows += 1
            self._requests += 1
            self._waiting += tokens
            self._changed.notify()
        try:
            return await request.future
        finally:
            request.gone = True

    def close(self, seconds: float = 30.0) -> None:
        """Finish what waits, then end the thread; nothing is taken any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (batch := self._next()):
                    if self._closed:
                        return
                    self._changed.wait()
            self._one(batch)

    def _next(self) -> list[_Item]:
        """The next batch; windows that nobody waits for any more are dropped."""
        for width, bucket in list(self._buckets.items()):
            while bucket and bucket[0].request.gone:
                self._waiting -= heapq.heappop(bucket).tokens
            if not bucket:
                del self._buckets[width]
        if not self._buckets:
            return []
        first = min(self._buckets, key=lambda width: self._buckets[width][0])
        counts = {width: len(bucket) for width, bucket in self._buckets.items()}
        batch = []
        for width, count in choose(counts, first, self.batch_tokens).items():
            for item in (heapq.heappop(self._buckets[width]) for _ in range(count)):
                if item.request.gone:
                    self._waiting -= item.tokens
                else:
                    batch.append(item)
        return batch

    def _one(self, batch: list[_Item]) -> None:
        start, results, error = time.perf_counter(), None, None
        try:
            results = list(self._run([item.window for item in batch]))
        except Exception as problem:
            error = problem
        seconds = max(time.perf_counter() - start, 1e-6)
        tokens = sum(item.tokens for item in batch)
        with self._changed:
            self._waiting -= tokens
            speed = tokens / seconds
            self._speed = speed if not self._speed else (1 - SETTLED) * self._speed + SETTLED * speed
        if self._on_batch:
            self._on_batch(len(batch), tokens, seconds)
        for number, item in enumerate(batch):
            request = item.request
            if error is None:
                request.results[item.place] = results[number]
            request.left -= 1
            if error is not None or request.left == 0:
                _answer(request, error)


def choose(counts: Mapping[int, int], first: int, batch_tokens: int) -> dict[int, int]:
    """How many windows of each width make a batch.

    Those of the width that has to go come first. The next shorter or longer ones are added, those that cost the least
    padding before others, as long as that is no more than `MOST_PADDING` for a width.

    Args:
        counts: Windows that wait, by width.
        first: The width of the one whose turn it is.
        batch_tokens: Most tokens of the batch, padding included, unless a single window has more.
    """
    widths = sorted(counts)
    low = high = widths.index(first)
    chosen = {first: min(counts[first], max(1, batch_tokens // first))}
    while True:
        taken, widest, offers = sum(chosen.values()), widths[high], []
        for place in (low - 1, high + 1):
            if 0 <= place < len(widths):
                width = widths[place]
                count = min(counts[width], batch_tokens // max(width, widest) - taken)
                padding = count * (widest - width) if width < widest else taken * (width - widest)
                if count > 0 and padding <= MOST_PADDING:
                    offers.append((padding, place, count))
        if not offers:
            return chosen
        _, place, count = min(offers)
        chosen[widths[place]] = count
        low, high = min(low, place), max(high, place)


def _width(tokens: int) -> int:
    return -(-max(1, tokens) // STEP) * STEP


def _answer(request: _Request, error: Exception | None) -> None:
    """Tell the event loop that waits for a request, unless it is gone."""

    def tell() -> None:
        if request.future.done():
            return
        if error is None:
            request.future.set_result(request.results)
        else:
            request.future.set_exception(error)

    try:
        request.loop.call_soon_threadsafe(tell)
    except RuntimeError:  # the loop is closed: nobody waits
        request.gone = True
