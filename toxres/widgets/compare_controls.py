"""The thresholds of `Compare` as a form: a slider a label and model, two limits a policy and model."""

from typing import TYPE_CHECKING

from toxres.labels import LABELS
from toxres.plots.style import pretty
from toxres.widgets.shown import escaped

if TYPE_CHECKING:
    from toxres.widgets.conversation import Conversation


def thresholds_html(conversation: "Conversation") -> str:
    """Fields that say which model, label or policy they are of in `data-` attributes."""
    parts = []
    for model in conversation.models:
        rows = "".join(
            _slider(model, label, float(conversation.thresholds[model][i])) for i, label in enumerate(LABELS)
        )
        for policy in conversation.triages[model]:
            rows += _limits(model, policy, *conversation.limits_now(model, policy))
        parts.append(f"<fieldset><legend>{escaped(model)}</legend>{rows}</fieldset>")
    return "".join(parts)


def _slider(model: str, label: str, value: float) -> str:
    name = f"{pretty(label)}, {model}: threshold"
    return (
        f'<label class="tc-slide"><span>{pretty(label)}</span><input type="range" min="0" max="1" step="0.01" '
        f'value="{value:.2f}" data-model="{escaped(model)}" data-label="{label}" aria-label="{escaped(name)}">'
        f"<output>{value:.2f}</output></label>"
    )


def _limits(model: str, policy: str, accept: float | None, reject: float | None) -> str:
    fields = []
    for side, told, value in (("accept", "accept below", accept), ("reject", "reject from", reject)):
        shown = "" if value is None else f"{value:.2f}"
        name = f"policy {policy}, {model}: {told}"
        fields.append(
            f'<label>{told} <input type="number" min="0" max="1" step="0.01" value="{shown}" placeholder="none" '
            f'data-model="{escaped(model)}" data-policy="{escaped(policy)}" data-side="{side}" '
            f'aria-label="{escaped(name)}"></label>'
        )
    return f'<div class="tc-limits"><span>policy {escaped(policy)}</span> {" ".join(fields)}</div>'
