"""The live side of the policy editor: its controls, and the outcome that follows them."""

import threading
from typing import TYPE_CHECKING

import ipywidgets as widgets

from toxres.errors import InputError
from toxres.widgets.live import alone
from toxres.widgets.policy_controls import PolicyControls
from toxres.widgets.policy_shown import message_html, outcome_html, sheet, yaml_html

if TYPE_CHECKING:
    from toxres.widgets.policy import PolicyEditor

WIDE = {"width": "calc(100% - 4px)"}


class PolicyPanel:
    """The widgets of one editor, and what happens when they change.

    Attributes:
        box: All of it.
        controls: What a person edits.
        reset: Takes all changes back.
        message: Why the controls say no policy; the outcome then stays that of the last one that was.
        outcome: What follows from the policy.
        file: The policy as YAML, with a link that downloads it.
    """

    def __init__(self, editor: "PolicyEditor", twin_name: str) -> None:
        self.editor, self._state, self._changing = editor, threading.RLock(), False
        self.controls = PolicyControls(editor.policies, editor.policy, editor.traffic)
        self.reset = widgets.Button(description="Take changes back", tooltip="Say again what the policy said at first")
        self.message, self.outcome, self.file = (widgets.HTML(layout=WIDE) for _ in range(3))
        hidden = f".jp-OutputArea-child:has(.{twin_name}), .{twin_name} {{ display: none !important; }}"
        style = widgets.HTML(f"<style>{sheet()}\n{hidden}</style>", layout={"display": "none"})
        controls = self.controls
        promise = widgets.VBox(
            [controls.start, controls.promise, *controls.shares.values(), controls.confidence, controls.unknown_group]
        )
        pairs = zip(controls.severities.values(), controls.rules.values(), strict=True)
        labels = widgets.VBox([widgets.HBox(list(pair)) for pair in pairs])
        day = widgets.HBox([controls.daily_queue, controls.traffic, self.reset])
        edited = widgets.Box([promise, labels, day])
        self.box = widgets.VBox([style, edited, self.message, self.outcome, self.file])
        for widget, name in (
            (self.box, "toxres-policy-editor"), (edited, "tp-controls"), (self.message, "tp-said"),
            (self.outcome, "tp-follows"), (self.file, "tp-export"), (controls.promise, "tp-promise-kind"),
            (controls.start, "tp-start"), (controls.confidence, "tp-confidence"), (self.reset, "tp-reset"),
            *((slider, f"tp-{name.replace('_', '-')}") for name, slider in controls.shares.items()),
        ):  # fmt: skip
            widget.add_class(name)
        for each in controls.all():
            each.observe(self._edited, "value")
        controls.start.observe(self._started, "value")
        self.reset.on_click(self._started)
        self._show()

    @alone
    def _started(self, change) -> None:
        try:
            self.editor.start(self.controls.start.value)
        except InputError as error:
            self.message.value = message_html(f"{error}. What stands below is of the policy before this change.")
            return
        self._changing = True
        try:
            self.controls.set(self.editor.policy)
        finally:
            self._changing = False
        self._show()

    @alone
    def _edited(self, change) -> None:
        if self._changing:
            return
        self.controls.show()
        try:
            self.editor.edit(self.controls.policy(self.editor.policy), self.controls.traffic.value)
        except InputError as error:
            self.message.value = message_html(f"{error}. What stands below is of the policy before this change.")
        else:
            self._show()

    def _show(self) -> None:
        editor = self.editor
        told = outcome_html(editor.outcome, editor.traffic, editor.texts)
        self.message.value = ""
        self.outcome.value = f'<div class="toxres-policy tp-outcome" role="status">{told}</div>'
        self.file.value = yaml_html(editor.policy, link=True)
