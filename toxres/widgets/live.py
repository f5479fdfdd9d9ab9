"""The live side of the browser of errors: its controls, and the panel that follows them."""

import asyncio
import functools
import textwrap
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import ipywidgets as widgets

from toxres.explain import METHODS
from toxres.explain.html import fragment
from toxres.labels import LABELS
from toxres.plots.style import pretty
from toxres.widgets.choice import ANY, OFFERED, Choice, judged_label, select
from toxres.widgets.controls import FIELD, STYLE, WIDE, Picks, Place, dropdown, filters
from toxres.widgets.shown import (
    LISTED,
    count_html,
    details_html,
    list_lines,
    message_html,
    sheet,
)

if TYPE_CHECKING:
    from toxres.explain import Explanation
    from toxres.widgets.errors import ErrorBrowser

HINT = "Pick a comment to read it and to see why the models score it so. Comments may be abusive, obscene or hateful."
PAUSE = 0.15
"""Seconds before something is computed, in which another pick replaces it."""

LONGEST = 200
"""Characters of an error's message."""

WORST = "the costliest label"


def alone(handler: Callable) -> Callable:
    """A method of `Panel` that runs in one thread at a time: JupyterLab lets a kernel hear widgets in several."""

    @functools.wraps(handler)
    def run(self, *args):
        with self._state:
            return handler(self, *args)

    return run


class Panel:
    """The widgets of one browser, and what happens when they change.

    Explanations are computed in the kernel's event loop, one at a time and one model a turn, so that what is picked
    meanwhile replaces what waits; without a loop, as in a script, they are computed at once.

    Attributes:
        box: All of it.
        filters: The controls of what is listed, by the field of `Choice`.
        comments: The list; a value is a row of the table.
        place: In the list; a way to pick by keyboard.
        method: Of explanation.
        explained: The label to explain, or `ANY` for the one that costs most.
        hide: Takes the comment off the screen.
        count: How many fit.
        details: Truth and probabilities of the comment that was picked.
        why: Its explanations, with its text.
    """

    def __init__(self, browser: "ErrorBrowser", twin_name: str) -> None:
        self.browser, self.each = browser, browser.judged
        self._turn, self._changing = 0, False
        self._state, self._computing = threading.RLock(), threading.RLock()
        self.filters = filters(self.each, browser.choice)
        methods = [(name, key) for key, name in METHODS.items() if key in OFFERED]
        labels = [(WORST, ANY), *((pretty(label), label) for label in LABELS)]
        self.method = dropdown("Explain by", methods, browser.method, "te-method", "Method of explanation")
        self.explained = dropdown("Explain label", labels, ANY, "te-explained", "Whose score is explained")
        self.hide = widgets.Button(
            description="Hide the comment", tooltip="Take the comment off the screen", disabled=True
        )
        self.comments = Picks(
            options=[], rows=9, description="Comments", tooltip="Comments by id", layout=WIDE, style=STYLE
        )
        self.place = Place(
            min=0,
            max=0,
            description="Number",
            tooltip="Place in the list; arrow keys change it",
            layout=FIELD,
            style=STYLE,
        )
        self.count, self.details, self.why = (widgets.HTML(layout=WIDE) for _ in range(3))
        hidden = f".jp-OutputArea-child:has(.{twin_name}), .{twin_name} {{ display: none !important; }}"
        style = widgets.HTML(f"<style>{sheet()}\n{hidden}</style>", layout={"display": "none"})
        above = widgets.Box([each for name, each in self.filters.items() if self._is_of_use(name)])
        below = widgets.Box([self.place, self.explained, self.method, self.hide])
        self.box = widgets.VBox([style, above, self.count, self.comments, below, self.details, self.why])
        for widget, name in (
            (above, "te-controls"), (below, "te-controls"), (self.comments, "te-list"), (self.place, "te-place"),
            (self.hide, "te-hide"),
            (self.count, "te-counted"), (self.details, "te-said"), (self.why, "te-why"), (self.box, "toxres-browser"),
        ):  # fmt: skip
            widget.add_class(name)
        for each in self.filters.values():
            each.observe(self._filtered, "value")
        self.comments.observe(self._picked, "index")
        self.place.observe(self._placed, "value")
        for each in (self.method, self.explained):
            each.observe(self._explain_again, "value")
        self.hide.on_click(lambda _: self._show(None))
        self._row = None
        self._filtered()
        self._show(None)

    def choice(self) -> Choice:
        """What the filters say."""
        return Choice(**{field: each.value for field, each in self.filters.items()})

    def _is_of_use(self, field: str) -> bool:
        return field not in ("group", "functionality") or len(self.filters[field].options) > 2

    @alone
    def _filtered(self, change=None) -> None:
        choice = self.choice()
        rows = select(self.each, choice)
        lines = list_lines(self.each, rows[:LISTED], choice.label)
        places = [row for _, row in lines]
        at = places.index(self._row) if self._row in places else None
        self._changing = True
        try:
            with self.comments.hold_sync(), self.place.hold_sync():
                self.comments.index = None
                self.comments.options = lines
                self.place.max = len(lines)
            self._point(at)
        finally:
            self._changing = False
        self.comments.disabled = self.place.disabled = not lines
        self.count.value = count_html(self.each, choice, len(rows))
        if self._row is not None and self._row not in places:
            self._show(None)
        elif self._row is not None and change is not None and change.owner is self.filters["label"]:
            self._show(self._row)

    def _point(self, at: int | None) -> None:
        """Let list and number say which comment is shown."""
        before, self._changing = self._changing, True
        self.comments.index, self.place.value = at, 0 if at is None else at + 1
        self._changing = before

    @alone
    def _picked(self, change) -> None:
        if not self._changing:
            self._pick(self.comments.index if self.comments.told else None)

    @alone
    def _placed(self, change) -> None:
        if not self._changing:
            self._pick(self.place.value - 1 if self.place.told and self.place.value else None)

    def _pick(self, at: int | None) -> None:
        self._point(at)
        self._show(self.comments.value)

    @alone
    def _explain_again(self, change) -> None:
        if self._row is not None:
            self._show(self._row)

    @alone
    def _show(self, row: int | None) -> None:
        """Show a comment, or none."""
        self._row, self._turn = row, self._turn + 1
        self.hide.disabled = row is None
        if row is None:
            self._point(None)
            self.details.value, self.why.value = message_html(HINT), ""
            return
        label = self.explained.value
        if label == ANY:
            label = judged_label(self.each, row, self.filters["label"].value)
        self.details.value = details_html(self.each, row, label)
        self._say_computing(self.each.models[0])
        self._soon(PAUSE, self._turn, row, self.method.value, label, {}, {})

    def _say_computing(self, model: str) -> None:
        self.why.value = message_html(f"Computing: {METHODS[self.method.value]} of {model} …", "busy")

    def _soon(self, seconds: float, *task) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._compute(*task)
        else:
            loop.call_later(seconds, self._compute, *task)

    def _compute(
        self, turn: int, row: int, method: str, label: str, found: dict[str, "Explanation"], failed: dict[str, str]
    ) -> None:
        """Explain the score of the next model, and show all of them when none is left."""
        with self._computing:
            if turn != self._turn:
                return
            model = self.each.models[len(found) + len(failed)]
            try:
                found[model] = self.browser.explanation(model, row, method, label)
            except Exception as error:  # shown in the panel, whatever it is: nobody sees the kernel's log
                failed[model] = _one_line(error)
        with self._state:
            if turn != self._turn:
                return
            if len(found) + len(failed) == len(self.each.models):
                self.why.value = _explained(found, failed, label)
                return
            self._say_computing(self.each.models[len(found) + len(failed)])
        self._soon(0.01, turn, row, method, label, found, failed)


def _explained(found: dict[str, "Explanation"], failed: dict[str, str], label: str) -> str:
    parts = [message_html(f"{name} can't be explained so: {line}", "error") for name, line in failed.items()]
    try:
        parts += [fragment(list(found.values()), label)] if found else []
    except Exception as error:
        parts.append(message_html(f"The explanation can't be shown: {_one_line(error)}", "error"))
    return "\n".join(parts)


def _one_line(error: Exception) -> str:
    line = " ".join(str(error).split())
    return textwrap.shorten(line, LONGEST, placeholder=" …") if line else type(error).__name__
