"""The live side of `Compare`: what its front end asks for, computed in a thread of its own."""

import functools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import resources
from typing import TYPE_CHECKING

import anywidget
import traitlets

from toxres.errors import InputError
from toxres.explain.record import METHODS
from toxres.widgets.card import card, sheet
from toxres.widgets.choice import OFFERED
from toxres.widgets.compare_controls import thresholds_html
from toxres.widgets.conversation import CHUNK, lines_of, one_line

if TYPE_CHECKING:
    from toxres.widgets.compare import Compare

PAUSE = 0.4
"""Seconds after which the twin follows the widget, in which further changes are taken along."""


@functools.cache
def _worker() -> ThreadPoolExecutor:
    """The thread of all widgets of a kernel: models have hooks that two explanations at once would share."""
    return ThreadPoolExecutor(1, "toxres-compare")


class Jobs:
    """Jobs in order; one that is put under the name of one that waits takes its place."""

    def __init__(self) -> None:
        self._waiting: dict[str, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._last: Future | None = None

    def put(self, job: Callable[[], None], name: str = "") -> None:
        """Have a job done; under a name it replaces a waiting one."""
        with self._lock:
            name = name or f"job {id(job)} {time.monotonic_ns()}"
            known = name in self._waiting
            self._waiting[name] = job
            if not known:
                self._last = _worker().submit(self._do, name)

    def settle(self, seconds: float = 60) -> None:
        """Wait until nothing waits.

        Raises:
            TimeoutError: It takes longer.
        """
        deadline = time.monotonic() + seconds
        while True:
            with self._lock:
                last = self._last
            if last is not None:
                last.result(max(0.0, deadline - time.monotonic()))
            with self._lock:
                if last is self._last:
                    return

    def _do(self, name: str) -> None:
        with self._lock:
            job = self._waiting.pop(name)
        job()


class Panel(anywidget.AnyWidget):
    """The widget. Its state holds constants alone: comments go to a view that asks for them, and into no saved state.

    Attributes:
        compare: What it shows.
        jobs: What is to be computed.
    """

    _esm = resources.files("toxres.widgets").joinpath("compare.js").read_text(encoding="utf-8")
    _css = traitlets.Unicode("").tag(sync=True)
    setup = traitlets.Dict().tag(sync=True)

    def __init__(self, compare: "Compare", twin_name: str) -> None:
        self.compare, self.jobs = compare, Jobs()
        hidden = f".jp-OutputArea-child:has(.{twin_name}), .{twin_name} {{ display: none !important; }}"
        setup = {
            "models": compare.models,
            "examples": list(compare.examples),
            "methods": [[name, METHODS[name]] for name in OFFERED],
            "groups": compare.groups,
            "mode": compare.mode,
            "policies": any(compare.triages.values()),
        }
        super().__init__(_css=f"{sheet()}\n{hidden}", setup=setup)
        self.add_class("toxres-compare-widget")
        self.on_msg(self._hear)

    def _hear(self, widget: object, message: object, buffers: object) -> None:
        """Have done what a front end asks for; nothing is computed here."""
        if not isinstance(message, dict):
            return
        act = str(message.get("act"))
        handler = getattr(self, f"_do_{act}", None)
        if handler is not None:
            name = act if act in ("draft", "threshold", "limits", "hello") and "key" not in message else ""
            name = f"{act} {message['key']}" if "key" in message else name
            self.jobs.put(functools.partial(self._try, handler, message), name)

    def _try(self, handler: Callable[[dict], None], message: dict) -> None:
        try:
            handler(message)
        except InputError as error:
            self._say(one_line(error), "error")
        except Exception as error:  # told where the person looks: nobody sees the kernel's log
            self._say(f"That did not work: {one_line(error)}", "error")
        finally:
            if message.get("act") == "draft":
                self.send({"kind": "drafted"})

    def _say(self, text: str, kind: str = "hint") -> None:
        self.send({"kind": "status", "text": text, "as": kind})

    def _show(self, *, settings: bool = False) -> None:
        """Send the whole history."""
        turns = [{"id": each.turn.number, "html": card(each, live=True)} for each in self.compare.judged()]
        state = {"kind": "all", "turns": turns, "method": self.compare.method, "group": self.compare.group or ""}
        if settings:
            state["thresholds"] = thresholds_html(self.compare)
        self.send(state)
        self._stored()

    def _stored(self) -> None:
        """Let the twin follow, once for changes that come together."""
        timer = threading.Timer(PAUSE, lambda: self.jobs.put(self.compare.store, "store"))
        timer.daemon = True
        timer.start()

    def _do_hello(self, message: dict) -> None:
        self._show(settings=True)

    def _do_draft(self, message: dict) -> None:
        text = str(message.get("text", ""))
        shown = card(self.compare.draft(text), live=True) if text.strip() else ""
        self.send({"kind": "draft", "html": shown})

    def _do_say(self, message: dict) -> None:
        text = str(message.get("text", ""))
        texts = lines_of(text) if message.get("lines") else [text]
        self._say_some(texts, len(texts))

    def _say_some(self, texts: list[str], total: int) -> None:
        """Score some, and put the rest behind what else waits."""
        said = self.compare.say(*texts[:CHUNK])
        kept = {turn.number for turn in self.compare.turns}
        self.send({"kind": "add", "turns": [{"id": s.turn.number, "html": card(s, live=True)} for s in said],
                   "kept": sorted(kept)})  # fmt: skip
        rest = texts[CHUNK:]
        if rest:
            self._say(f"{total - len(rest)} of {total} comments compared …", "busy")
            self.jobs.put(lambda: self._try(lambda _: self._say_some(rest, total), {}))
        else:
            self._say(said[0].told() if total == 1 else f"{total} comments compared.")
        self._stored()

    def _do_why(self, message: dict) -> None:
        number, label = int(message["turn"]), str(message.get("label") or "")
        turn = self.compare.turn(number)
        if label and turn.label != label:
            turn.label, turn.explanations, turn.failed = label, {}, {}
            self._replace(number)
            self.compare.explain(number, label)
        else:
            self.compare.explain(number, "")
        self._replace(number)
        self._stored()

    def _replace(self, number: int) -> None:
        shown = card(self.compare.judge(self.compare.turn(number)), live=True)
        self.send({"kind": "turn", "id": number, "html": shown})

    def _do_pin(self, message: dict) -> None:
        number = int(message["turn"])
        self.compare.pin(number, not self.compare.turn(number).pinned)
        self._replace(number)
        self._stored()

    def _do_drop(self, message: dict) -> None:
        self.compare.drop(int(message["turn"]))
        self._show()

    def _do_clear(self, message: dict) -> None:
        self.compare.clear()
        left = len(self.compare.turns)
        self._show()
        self._say(
            f"Cleared; {left} pinned {'comment stays' if left == 1 else 'comments stay'}." if left else "Cleared."
        )

    def _do_export(self, message: dict) -> None:
        kind = str(message.get("as"))
        if not self.compare.turns:
            raise InputError("there is nothing to export yet; compare a comment first")
        if kind not in ("csv", "html"):
            raise InputError(f"export as {kind!r} is not known; choose csv or html")
        text = self.compare.csv() if kind == "csv" else self.compare.html()
        self.send({"kind": "file", "name": f"comparison.{kind}", "type": f"text/{kind}", "text": text})
        self._say(f"{len(self.compare.turns)} comments exported as comparison.{kind}.")

    def _do_threshold(self, message: dict) -> None:
        self.compare.set_threshold(str(message["model"]), str(message["label"]), message["value"])
        self._show()

    def _do_limits(self, message: dict) -> None:
        self.compare.set_limits(
            str(message["model"]), str(message["policy"]), message.get("accept"), message.get("reject")
        )
        self._show()

    def _do_reset(self, message: dict) -> None:
        self.compare.reset()
        self._show(settings=True)
        self._say("Thresholds are the tuned ones again.")

    def _do_method(self, message: dict) -> None:
        self.compare.choose_method(str(message["value"]))
        for turn in list(self.compare.turns):
            if turn.label:
                self.compare.explain(turn.number, turn.label)
        self._show()

    def _do_group(self, message: dict) -> None:
        self.compare.group = str(message["value"]) or None
        self._show(settings=True)
