"""A policy's outcome in words and HTML: shares, promises, workload, verdicts on examples."""

import math
import re
from collections.abc import Sequence
from importlib import resources
from urllib.parse import quote

from toxres.explain.sheet import theme_rules
from toxres.plots.style import pretty
from toxres.serving.colours import VERDICTS
from toxres.triage.policy import Policy
from toxres.triage.promise import Promise, verb
from toxres.widgets.policy_controls import percent
from toxres.widgets.policy_outcome import Outcome, Share, varied
from toxres.widgets.shown import escaped, swatch

WORDS = {"accept": "accepted", "uncertain": "for a person", "reject": "rejected"}
"""What becomes of a comment."""

KINDS = {"accepted": "of the accepted", "rejected": "of the rejected", "automatic": "of the automatic decisions"}
VARIED = {"wrong_decisions": "wrong decisions", "wrong_accepts": "wrong accepts", "wrong_rejects": "wrong rejects"}


def sheet() -> str:
    """The style sheet of the editor and its twin: constants only."""
    own = resources.files("toxres.widgets").joinpath("policy.css").read_text(encoding="utf-8")
    plain = "".join(f"--{name}: {light};" for name, (light, _) in VERDICTS.items())
    both = "".join(f"--{name}: light-dark({light}, {dark});" for name, (light, dark) in VERDICTS.items())
    colours = [
        f".toxres-policy {{ {plain} }}",
        f"@supports (color: light-dark(#000, #fff)) {{ .toxres-policy {{ {both} }} }}",
    ]
    return "\n".join([*theme_rules(".toxres-policy", ".toxres-policy"), *colours, own])


def outcome_html(each: Outcome, traffic: int, texts: Sequence[str]) -> str:
    """All that follows from a policy.

    Args:
        each: The outcome.
        traffic: Comments a day.
        texts: The examples, as in the outcome.
    """
    return "\n".join([_promises(each), _shares(each), _figures(each, traffic), _examples(each, texts)])


def promise_told(promise: Promise, policy: Policy) -> str:
    """What is promised, or why nothing is, as a sentence; the rows that would do stand apart."""
    kind = KINDS[promise.of]
    if promise.kept:
        return (
            f"Promised with confidence {percent(policy.confidence)}: at most {percent(promise.tolerated)} {kind} are "
            f"wrong ({promise.wrong:,} of {promise.decided:,} calibration comments were)."
        )
    return f"Nothing is {verb(promise.of)} automatically: {promise.why}."


def needed_told(promise: Promise, rows: int) -> str:
    """How many calibration comments a promise would take, or that no number would do; "" where it is kept."""
    if promise.kept:
        return ""
    if promise.rows_needed is None:
        return "No number of calibration comments would do."
    return f"About {promise.rows_needed:,} calibration comments would be needed; there are {rows:,}."


def figures(each: Outcome, traffic: int) -> list[tuple[str, str]]:
    """Name and value of each figure."""
    accept, reject = each.thresholds
    day = each.queue(traffic)
    rows = [
        ("decided without a person", f"{each.coverage:.1%} of {each.tried:,} held-out comments"),
        ("wrong among these", _share(each.wrong["automatic"])),
        ("wrong among the accepted", _share(each.wrong["accepted"])),
        ("wrong among the rejected", _share(each.wrong["rejected"])),
        ("severity published by mistake", f"{each.harm:.1f} in 1,000 comments"),
        ("accepted below", "nothing is" if accept is None else f"a probability of {accept:.3g}"),
        ("rejected from", "nothing is" if reject is None else f"a probability of {reject:.3g}"),
        ("sent to a person by a rule alone", f"{each.ruled:.1%}"),
        ("queue", f"{day.asked:,.0f} of {traffic:,} comments a day"),
    ]
    if day.cap is not None:
        full = "it never fills" if day.full_at is None else f"full at {day.full_at:,.0f} comments a day"
        over = f"{day.left:,.0f} are left over every day" if day.left else "all of it is decided"
        rows.append(("moderators", f"{day.cap:,} decisions a day: {over}; {full}"))
    return rows


def trade_off_html(each: Outcome, others: Sequence[tuple[float, Outcome]]) -> str:
    """A row a tolerated share: what is decided, what of it is wrong, and what a promise would take."""
    field, lines = varied(each.policy), []
    of = {"wrong_decisions": "automatic", "wrong_accepts": "accepted", "wrong_rejects": "rejected"}[field]
    for share, one in others:
        promise = next(promise for promise in one.promises if promise.of == of)
        told = "promised" if promise.kept else needed_told(promise, one.calibration)
        mark = ' class="tp-marked"' if share == getattr(each.policy, field) else ""
        cells = [f"{one.coverage:.1%}", _share(one.wrong[of]), told]
        body = "".join(f"<td>{escaped(cell)}</td>" for cell in cells)
        lines.append(f'<tr{mark}><th scope="row">{percent(share)}</th>{body}</tr>')
    heads = (f"tolerated {VARIED[field]}", "decided without a person", f"wrong {KINDS[of]}", "promise")
    return _table("What other tolerances would come to", heads, lines)


def yaml_html(policy: Policy, *, link: bool) -> str:
    """The policy's file, and a link that downloads it."""
    text = policy.to_yaml()
    parts = [f'<pre class="tp-yaml" tabindex="0" aria-label="The policy as YAML">{escaped_lines(text)}</pre>']
    if link:
        name = re.sub(r"[^A-Za-z0-9]+", "-", policy.name) + ".yaml"
        address = f"data:application/yaml;charset=utf-8,{quote(text)}"
        parts.insert(0, f'<p><a class="tp-download" download="{name}" href="{address}">Download {name}</a></p>')
    return f'<div class="toxres-policy tp-file">{"".join(parts)}</div>'


def escaped_lines(text: str) -> str:
    """Several lines as HTML, each with its indentation."""
    lines = ((line, line.lstrip(" ")) for line in text.split("\n"))
    return "\n".join(" " * (len(line) - len(rest)) + escaped(rest) for line, rest in lines)


def message_html(text: str) -> str:
    """Why the controls say no policy."""
    return f'<div class="toxres-policy tp-error" role="alert">{escaped(text)}</div>'


def _share(share: Share) -> str:
    if not share.decided:
        return "none is decided"
    return f"{share.share:.2%} ({share.wrong:,} of {share.decided:,}) [{share.low:.2%}, {share.high:.2%}]"


def _promises(each: Outcome) -> str:
    lines = []
    if not any(promise.kept for promise in each.promises):
        lines.append('<p class="tp-nothing"><b>Nothing can be promised, so every comment goes to a person.</b></p>')
    for promise in each.promises:
        mark, name = ("✓", "tp-kept") if promise.kept else ("✗", "tp-broken")
        told = promise_told(promise, each.policy)
        if needed := needed_told(promise, each.calibration):
            told = f"{needed} {told}"
        lines.append(f'<p class="tp-promise {name}"><span aria-hidden="true">{mark}</span> {escaped(told)}</p>')
    return "\n".join(lines)


def _shares(each: Outcome) -> str:
    parts = "".join(
        f'<i class="tp-{verdict}" style="width:{100 * share:.2f}%"></i>' for verdict, share in each.shares.items()
    )
    keys = " ".join(
        f'<span class="tp-key"><i class="tp-{verdict}"></i>{WORDS[verdict]} <b>{share:.1%}</b></span>'
        for verdict, share in each.shares.items()
    )
    return f'<div class="tp-bar" aria-hidden="true">{parts}</div><p class="tp-keys">{keys}</p>'


def _figures(each: Outcome, traffic: int) -> str:
    lines = [
        f'<tr><th scope="row">{escaped(name)}</th><td>{escaped(value)}</td></tr>'
        for name, value in figures(each, traffic)
    ]
    return _table("On held-out comments, with exact 95% intervals", (), lines)


def _examples(each: Outcome, texts: Sequence[str]) -> str:
    if not texts:
        return ""
    lines = []
    for text, verdict in zip(texts, each.examples, strict=True):
        reason = verdict.reasons[0]
        told = f"{pretty(reason.label)} {reason.probability:.3f}"
        if reason.rule == "always_review":
            told += f", a person sees it from {reason.threshold:g} on"
        elif reason.threshold is not None and not math.isnan(reason.threshold):
            told += f", {'below' if reason.distance < 0 else 'not below'} {reason.threshold:.3g}"
        key = f'<span class="tp-key"><i class="tp-{verdict.verdict}"></i>{WORDS[verdict.verdict]}</span>'
        lines.append(
            f'<tr><td class="tp-text">{escaped(text)}</td><td>{key}</td>'
            f"<td>{swatch(reason.label)}{escaped(told)}</td></tr>"
        )
    return _table("Verdicts on examples", ("comment", "verdict", "because"), lines)


def _table(caption: str, heads: Sequence[str], lines: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in heads)
    head = f"<thead><tr>{head}</tr></thead>" if heads else ""
    return (
        f'<div class="tp-scroll" tabindex="0" role="region" aria-label="{escaped(caption)}"><table>'
        f"<caption>{escaped(caption)}</caption>{head}\n<tbody>{chr(10).join(lines)}</tbody></table></div>"
    )
