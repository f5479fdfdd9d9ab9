"""`ErrorBrowser`: comments that models get wrong, listed by id; one that a person picks is shown and explained."""

import dataclasses
import functools
import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from toxres.checkpoint import Checkpoint, load_checkpoint
from toxres.errors import InputError
from toxres.explain import Explanation
from toxres.widgets.choice import ANY, OFFERED, ORDERS, Choice, checked
from toxres.widgets.table import judged
from toxres.widgets.twin import Twin, twin

if TYPE_CHECKING:
    import ipywidgets

BOUNDS = {"integrated_gradients": {"max_steps": 128}}
"""Options of methods that keep a person from waiting: an integral that needs more says that it did not converge."""

KEPT = 400
"""Explanations that are kept, the last asked for."""

VIEW = "application/vnd.jupyter.widget-view+json"
STILL = "The browser of errors works while a kernel runs: run this cell to use it. Its figures stand above."


class ErrorBrowser:
    """A browser of errors: filters, a list of comments by id, and what the models say of the one that is picked.

    What a saved notebook holds: displayed in a notebook that somebody works in, it writes two outputs, its twin (counts
    and ids, see `twin`) and a reference to the live widget, which hides the twin while it is there; viewers without a
    kernel show the twin, and one sentence in the widget's place. A run without anyone to pick something, such as by
    nbclient, papermill or nbconvert, writes the twin alone and makes no widget.

    No text of a comment is in either output, nor in the widget's state before a person picks a comment: text is sent
    only in answer to a message from the front end's list, not when code sets its value. It then is in the front end's
    memory; JupyterLab saves that only with "Save Widget State Automatically" on (it is off by default), and not once
    the comment was hidden again.

    Attributes:
        judged: The table's arrays.
        choice: What is listed at first.
        method: The method of explanation that is chosen at first.

    Example::

        checkpoints = {"baseline": load_checkpoint(...), "custom": load_checkpoint(...)}
        ErrorBrowser(error_table(comments, checkpoints), checkpoints)
    """

    def __init__(
        self,
        table: pd.DataFrame,
        checkpoints: Mapping[str, Checkpoint | str | Path],
        *,
        method: str = "integrated_gradients",
        label: str = ANY,
        outcome: str = ANY,
        order: str = ORDERS[0],
        top: int = 10,
        origin: str = "",
    ) -> None:
        """Take a table and the models that it is of; nothing is computed yet.

        Args:
            table: Of `error_table`, or some of its rows.
            checkpoints: The models, or their folders, by the names that the table has.
            method: One of `OFFERED`.
            label: Chosen at first: one of the six, or "any".
            outcome: Chosen at first, such as "any model wrong" or "only custom right".
            order: Chosen at first: "highest loss", "biggest disagreement" or "id".
            top: Comments that the twin lists.
            origin: Where the comments came from, for the twin.

        Raises:
            InputError: The table is not of these models, or a choice is unknown.
        """
        if method not in OFFERED:
            raise InputError(f"method {method!r} is not known; choose one of: {', '.join(OFFERED)}")
        if not checkpoints:
            raise InputError("checkpoints: names no model; give those that the table was made with")
        self.judged = judged(table, list(checkpoints))
        self.choice = checked(self.judged, Choice(label=label, outcome=outcome, order=order))
        self.method = method
        self._checkpoints = dict(checkpoints)
        self._explanations: OrderedDict[tuple, Explanation] = OrderedDict()
        self._top, self._origin = top, origin

    @functools.cached_property
    def widget(self) -> "ipywidgets.VBox":
        """The live widget, made when it is first asked for."""
        return self._panel.box

    def twin(self) -> Twin:
        """What a saved notebook shows: counts by label and outcome, and the first comments by id. It has no text."""
        return twin(self.judged, self.choice, self._top, self._origin)

    def explanation(self, model: str, row: int, method: str, label: str) -> Explanation:
        """Why a model gives a comment its score of a label; computed once.

        Args:
            model: One of the table's.
            row: Of the table, from 0.
            method: One of `OFFERED`.
            label: One of the six.

        Raises:
            InputError: The method cannot explain the model.
        """
        key = (model, row, method, label)
        if key not in self._explanations:
            from toxres.explain import explain

            if isinstance(self._checkpoints[model], str | Path):
                self._checkpoints[model] = load_checkpoint(self._checkpoints[model])
            text = self.judged.table["text"].iat[row]
            found = explain(self._checkpoints[model], [text], method, [label], **BOUNDS.get(method, {}))[0]
            self._explanations[key] = dataclasses.replace(found, model=model)
        self._explanations.move_to_end(key)
        while len(self._explanations) > KEPT:
            self._explanations.popitem(last=False)
        return self._explanations[key]

    @functools.cached_property
    def _panel(self):
        from toxres.widgets.live import Panel

        return Panel(self, self.twin().name)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.twin())
        if somebody_is_there():
            bundle = self.widget._repr_mimebundle_()
            display({VIEW: bundle[VIEW], "text/plain": STILL}, raw=True)

    def __repr__(self) -> str:
        return f"ErrorBrowser of {len(self.judged.table):,} comments: {', '.join(self.judged.models)}"


def somebody_is_there() -> bool:
    """Whether a front end with a person may show this: it can be asked for input, or is Voila.

    The message that runs a cell says whether input can be asked for (Jupyter's messaging protocol, `allow_stdin`).
    Programs that run notebooks say no.
    """
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return False
    if os.environ.get("SERVER_SOFTWARE", "").startswith("voila"):
        return True
    content = (kernel.get_parent("shell") or {}).get("content", {})
    return bool(content.get("allow_stdin", True))
