"""`Compare`: models side by side on what a person types, with bars, verdicts and explanations, and a history."""

import contextlib
import dataclasses
import functools
import hashlib
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from toxres.widgets.card import LONG, card, plain, sheet
from toxres.widgets.conversation import Conversation
from toxres.widgets.errors import VIEW, somebody_is_there
from toxres.widgets.shown import escaped
from toxres.widgets.twin import Twin

if TYPE_CHECKING:
    from toxres.widgets.compare_live import Panel

EXAMPLES = (
    "Thank you, this was really helpful!",
    "What a stupid page, nobody needs it.",
    "You are not stupid, don't let them tell you that.",
    "He called her a complete idiot, and that was not fair.",
    "As a gay man I love this museum.",
    "you are such an 1d!ot, st*pid l0ser",
    "Stop this or you will be sorry.",
    "Damn, that was a great goal!",
)
"""Comments written for this widget: mild, and such as models get wrong."""

MODES = ("live", "enter")
"""Score while a person writes, or when they press Enter."""

SHOWN = 8
"""Comments in the twin, besides those that are pinned."""

STILL = "The comparison works while a kernel runs: run this cell to use it. What was compared last stands above."

_numbers = itertools.count(1)


class Compare(Conversation):
    """Models side by side on what a person types.

    What a saved notebook holds: displayed where somebody works, it writes two outputs, its twin and a reference to the
    live widget, which hides the twin while it is there. The twin follows the widget: it shows the comments that are
    pinned and the last ones, so that **what was typed here is saved with the notebook** unless it is cleared. Viewers
    without a kernel show the twin. A run without a person, such as by nbclient, papermill or nbconvert, writes the twin
    alone, of the comments that code said (`say`, `explain`, `pin`).

    Models are asked in a thread of their own, one job at a time, and what is typed meanwhile replaces what waits: cells
    run and others answer while it computes.

    Example::

        compare = Compare({"baseline": "build/checkpoints/baseline", "custom": "build/checkpoints/custom"})
        compare.say("What a stupid page, nobody needs it.")
        compare.explain(1, "toxic")
        compare
    """

    def __init__(
        self,
        models: object = None,
        *,
        triages: object = None,
        group: str | None = None,
        method: str = "occlusion",
        mode: str = "live",
        examples: Sequence[str] = EXAMPLES,
        origin: str = "",
    ) -> None:
        """Take models; nothing is computed yet.

        Args:
            models: Checkpoints or a bundle's predictors, or their folders, by name; a list of checkpoints or folders;
                a bundle, or its folder; None for the newest `baseline`, `custom` and `ulmfit` under
                `build/checkpoints`.
            triages: Fitted triages or their folders, for verdicts; one or several for all models, or by model. Those of
                a bundle by default.
            group: Of sites, for the verdicts; None is the first that a triage knows.
            method: Of explanation: one of `toxres.widgets.choice.OFFERED`.
            mode: One of `MODES`, at first.
            examples: Comments to try.
            origin: What the models were trained on, for the twin.

        Raises:
            InputError: No model, one that can't be opened or does not score the six labels, what is no triage, or an
                unknown method or mode.
        """
        super().__init__(models, triages=triages, group=group, method=method)
        if mode not in MODES:
            from toxres.errors import InputError

            raise InputError(f"mode {mode!r} is not known; choose one of: {', '.join(MODES)}")
        self.mode, self.examples, self.origin = mode, tuple(map(str, examples)), origin
        told = repr([*self.voices, origin, next(_numbers)])
        self._name = f"tc-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
        self._stored = None

    @functools.cached_property
    def widget(self) -> "Panel":
        """The live widget, made when it is first asked for."""
        from toxres.widgets.compare_live import Panel

        return Panel(self, self._name)

    def twin(self) -> "ComparisonTwin":
        """What a saved notebook shows: the comments that are pinned and the last ones, as they are judged now."""
        judged = self.judged()
        last = {each.turn.number for each in judged[-SHOWN:]}
        shown = [each for each in judged if each.turn.pinned or each.turn.number in last]
        told = "; ".join(filter(None, [self.told(), self.origin]))
        parts = [f'<p class="tc-title"><b>{escaped(self.title())}</b></p><p class="tc-origin">{escaped(told)}.</p>']
        parts += [card(each, most=LONG) for each in shown]
        if len(shown) < len(judged):
            parts.append(f'<p class="tc-note">{len(judged) - len(shown)} earlier comments are not shown here.</p>')
        if not judged:
            parts.append('<p class="tc-note">No comment was compared yet: run this cell and write one.</p>')
        parts.append('<p class="tc-note">To compare others, run this notebook.</p>')
        body = "\n".join(parts)
        text = "\n".join([f"{self.title()} ({told})", *map(plain, shown)])
        html = f'<div class="toxres-compare tc-twin {self._name}"><style>{sheet()}</style>\n{body}</div>'
        return ComparisonTwin(html, text, self._name)

    def store(self) -> None:
        """Let the twin that a notebook holds say what the widget shows."""
        if self._stored is not None:
            with contextlib.suppress(RuntimeError):  # a kernel that ends while this is asked for
                self._stored.update(self.twin())

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if not somebody_is_there():
            display(self.twin())
            return
        self._stored = display(self.twin(), display_id=True)
        bundle = self.widget._repr_mimebundle_()
        bundle = bundle[0] if isinstance(bundle, tuple) else bundle
        display({VIEW: bundle[VIEW], "text/plain": STILL}, raw=True)

    def __repr__(self) -> str:
        return f"Compare of {', '.join(self.voices)}: {len(self.turns):,} comments"


@dataclasses.dataclass(frozen=True, repr=False)
class ComparisonTwin(Twin):
    """Cards that any viewer shows, with styles or without."""
