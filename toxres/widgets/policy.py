"""`PolicyEditor`: a policy edited by sliders; what can be promised, and what follows, is seen at once."""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toxres.errors import InputError
from toxres.files import write_text
from toxres.labels import LABELS
from toxres.triage.policy import Policy
from toxres.triage.policy_file import example_policies, load_policy
from toxres.triage.verdicts import check_probs
from toxres.widgets.errors import VIEW, somebody_is_there
from toxres.widgets.policy_outcome import Outcome, ScoredRows, checked_rows, outcome, trade_off
from toxres.widgets.policy_shown import (
    escaped,
    figures,
    needed_told,
    outcome_html,
    promise_told,
    sheet,
    trade_off_html,
    yaml_html,
)
from toxres.widgets.twin import Twin

if TYPE_CHECKING:
    import ipywidgets

SITE = "site"
"""What the group is called where the policy names none."""

STILL = "The policy editor works while a kernel runs: run this cell to use it. What it starts from stands above."


class PolicyEditor:
    """An editor of a policy: tolerated errors, confidence, enforced labels, rules and the moderators' day.

    Each change fits the thresholds anew on the calibration comments and shows what they do to held-out ones: what is
    promised (or that nothing can be, and how many comments that would take), shares of verdicts, errors, workload, and
    verdicts on examples. The edited policy is shown as a file, and can be downloaded.

    A saved notebook holds the twin of the policy as it is when the cell ran, as that of `ErrorBrowser` does. Nothing of
    the comments but counts is in either; the texts of `examples` are in both.

    Attributes:
        policy: The policy as it is edited now.
        traffic: Comments a day.
        outcome: What follows from the policy.
        texts: The examples.
        policies: Names of the policies to start from.

    Example::

        editor = PolicyEditor("forum", ScoredRows(probs, targets), ScoredRows(others, their_targets))
        editor                    # in a notebook
        editor.save("mine.yaml")  # what `toxres triage fit --policy mine.yaml` reads
    """

    def __init__(
        self,
        policy: Policy | str | Path,
        calibration: ScoredRows,
        held_out: ScoredRows,
        *,
        examples: Mapping[str, Sequence[float]] | None = None,
        traffic: int = 10_000,
        origin: str = "",
    ) -> None:
        """Take a policy and comments, and fit its thresholds.

        Args:
            policy: A policy, its file, or the name of an example policy.
            calibration: Comments of one group of sites that thresholds are chosen on; neither the model nor its
                recalibration has seen them.
            held_out: Others of the group, on which errors are counted.
            examples: Text to its six probabilities; texts that may be shown to anybody.
            traffic: Comments a day.
            origin: Whose comments and scores these are.

        Raises:
            InputError: The policy is not there or can't be, or arrays do not fit together.
        """
        policy = policy if isinstance(policy, Policy) else load_policy(policy)
        self._calibration, self._held_out = checked_rows(calibration, "calibration"), checked_rows(held_out, "held_out")
        self.texts = list(examples or ())
        self._examples = check_probs(
            np.array([list(probs) for probs in (examples or {}).values()], dtype=float).reshape(-1, len(LABELS)), LABELS
        )
        self._own, self.origin = policy, origin
        self.policies = list(dict.fromkeys([policy.name, *example_policies()]))
        self.edit(policy, traffic)

    def start(self, name: str) -> None:
        """Edit another policy, or this one from its beginning.

        Raises:
            InputError: The name is not among `policies`.
        """
        if name not in self.policies:
            raise InputError(f"policy {name!r} is not known here; choose one of: {', '.join(self.policies)}")
        self.edit(self._own if name == self._own.name else load_policy(name))

    def edit(self, policy: Policy, traffic: int | None = None) -> None:
        """Take a policy, and see what follows.

        Raises:
            InputError: It enforces a label that no calibration comment has; the policy then stays as it was.
        """
        group = policy.groups[0] if policy.groups else SITE
        self.outcome: Outcome = outcome(policy, self._calibration, self._held_out, self._examples, group)
        self.policy = policy
        if traffic is not None:
            self.traffic = traffic

    def save(self, path: str | Path) -> Path:
        """Write the policy as it is edited now, as a YAML file that `load_policy` reads."""
        write_text(Path(path), self.policy.to_yaml())
        return Path(path)

    @functools.cached_property
    def widget(self) -> "ipywidgets.VBox":
        """The live widget, made when it is first asked for."""
        return self._panel.box

    def twin(self) -> Twin:
        """What a saved notebook shows: what follows from the policy, other tolerances beside it, and its file."""
        title = f"The policy “{self.policy.name}”, {self.policy.told()}"
        origin = self.origin or f"{self.outcome.calibration:,} calibration and {self.outcome.tried:,} held-out comments"
        others = trade_off(self.outcome, self._calibration, self._held_out)
        parts = [
            f'<p class="tp-title"><b>{escaped(title)}</b></p><p class="tp-origin">{escaped(origin)}</p>',
            outcome_html(self.outcome, self.traffic, self.texts),
            trade_off_html(self.outcome, others),
            '<p class="tp-note">The sliders are there when this notebook runs. The policy as a file:</p>',
            yaml_html(self.policy, link=False),
        ]
        body = "\n".join(parts)
        name = f"tp-{hashlib.sha256(body.encode()).hexdigest()[:12]}"
        promises = [promise_told(promise, self.policy) for promise in self.outcome.promises]
        needed = [needed_told(promise, self.outcome.calibration) for promise in self.outcome.promises]
        told = [f"{name}: {value}" for name, value in figures(self.outcome, self.traffic)]
        text = "\n".join([f"{title} ({origin})", *promises, *filter(None, needed), *told])
        return Twin(f'<div class="toxres-policy tp-twin {name}"><style>{sheet()}</style>\n{body}</div>', text, name)

    @functools.cached_property
    def _panel(self):
        from toxres.widgets.policy_live import PolicyPanel

        return PolicyPanel(self, self._twin_name)

    @functools.cached_property
    def _twin_name(self) -> str:
        return self.twin().name

    def _ipython_display_(self) -> None:
        from IPython.display import display

        twin = self.twin()
        display(twin)
        if somebody_is_there():
            self.__dict__.pop("_panel", None), self.__dict__.pop("widget", None)
            self._twin_name = twin.name
            bundle = self.widget._repr_mimebundle_()
            display({VIEW: bundle[VIEW], "text/plain": STILL}, raw=True)

    def __repr__(self) -> str:
        return f"PolicyEditor of {self.policy.name}: {self.outcome.coverage:.1%} decided without a person"
