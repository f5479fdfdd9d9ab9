"""The model card of a bundle: what its models are, what they were trained on, how good they are, and for what."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toxres.checkpoint import Checkpoint
from toxres.data.sources import SOURCES
from toxres.tasks import TOXICITY

if TYPE_CHECKING:
    from toxres.triage import Triage

INTENDED: Final = (
    "Sorting comments for people who moderate them: which to look at first, which to publish or hold back at once "
    "under a policy whose error rates were promised and are watched.",
    "Showing an author, before sending, how a comment may be read.",
    "Research on toxic language, on calibration, and on explanations.",
)
NOT_INTENDED: Final = (
    "Deciding about people: bans, reports to anybody, or anything that can't be taken back, without a person.",
    "Languages other than those of the training comments, and other kinds of text than comments.",
    "Finding out who somebody is, or what group they belong to.",
)
LIMITS: Final = (
    "The labels are those of a few raters, who differ; a score says how likely such raters would give the label, not "
    "whether a comment is right or wrong.",
    "Comments that mention a group, quote abuse to speak against it, or use a word among friends are scored too high "
    "more often than others; irony, new words and abuse without a rude word are missed.",
    "Rare labels rest on few examples (see the column `positive`): their scores, thresholds and figures are uncertain.",
    "Calibration and thresholds hold for comments like those they were fitted on. On another site fit them anew.",
    "Who knows the model can write around it. Normalisation undoes some disguises, not all.",
)


def make_card(
    checkpoints: Mapping[str, Checkpoint],
    choice: Mapping,
    created: str,
    triage: "tuple[str, Triage] | None" = None,
) -> dict:
    """The card as plain values, ready for JSON and for `card_text`.

    Args:
        checkpoints: By the name that the bundle gives them.
        choice: What `choice.json` says.
        created: When, ISO 8601, UTC.
        triage: Name of the model it decides on, and the triage; or None.
    """
    return {
        "created": created,
        "task": next(iter(checkpoints.values())).task.name,
        "labels": list(next(iter(checkpoints.values())).labels),
        "intended_use": list(INTENDED),
        "not_intended": list(NOT_INTENDED),
        "limits": list(LIMITS),
        "models": {name: _model(checkpoint) for name, checkpoint in checkpoints.items()},
        "data": _data(checkpoints),
        "choice": dict(choice),
        "triage": None if triage is None else _triage(*triage),
    }


def card_text(card: Mapping) -> str:
    """The card in Markdown."""
    models = card["models"]
    parts = [
        f"# Model card: {', '.join(models)}",
        f"{'Comment toxicity: ' if card['task'] == TOXICITY.name else ''}{', '.join(card['labels'])}. "
        f"Exported {card['created']}.",
        "## Models",
        _table(
            ("model", "kind", "pooling", "head", "loss", "encoder", "preset", "tokens a window", "run"),
            [[name, *(model[key] for key in _KIND)] for name, model in models.items()],
        ),
        "A text that is longer than a window is read in several that overlap; each label gets its maximum over them. "
        "A bag of n-grams (tfidf) reads a text as a whole.",
        "## Intended use",
        _list(card["intended_use"]),
        "Not intended:",
        _list(card["not_intended"]),
        "## Data",
        _table(
            ("source", "what", "language", "training comments", "licence", "sha256"),
            [[each[key] for key in _DATA] for each in card["data"]],
        ),
        _list(sorted({each["citation"] for each in card["data"] if each["citation"]})),
        "## Metrics",
        "On the validation comments of each run: it chose the weights kept, and its thresholds and calibration were "
        "fitted on them, so F1 and calibration error are flattered; `toxres evaluate` scores other comments.",
    ]
    for name, model in models.items():
        parts += [f"**{name}**, {_rows(model)}", _metrics(model)]
    parts += ["## Limits", _list(card["limits"]), "## Runtime and precision", card["choice"]["why"]]
    if card["choice"]["candidates"]:
        parts += [
            choice_table(card["choice"]),
            "Against the torch models, on the same comments. Times are the least of a few.",
        ]
    if long_texts := card["choice"].get("long_texts"):
        parts.append(_list(_windows(name, each) for name, each in long_texts.items()))
    if card["triage"]:
        parts += [
            "## Triage",
            f"Policy {card['triage']['policy']} ({card['triage']['policy_hash'][:12]}) decides on the calibrated "
            f"probabilities of {card['triage']['model']}. What is promised was computed as the checkpoint reads, one "
            "window a comment; nothing is promised of comments that take more.",
            _list(card["triage"]["promises"]),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def choice_table(choice: Mapping) -> str:
    """What was measured of every candidate, a row a candidate and model, in Markdown."""
    shapes = list(
        dict.fromkeys(shape for one in choice["candidates"] for ms in one["milliseconds"].values() for shape in ms)
    )
    rows = []
    for one in choice["candidates"]:
        name = f"{one['runtime']} {one['precision']}"
        chosen = (one["runtime"], one["precision"]) == (choice["runtime"], choice["precision"])
        taken = "chosen" if chosen else "yes" if one["accepted"] else "no"
        if not one["quality"]:
            rows.append([name, "–", one["refused"], *["–"] * (3 + len(shapes))])
        for model, quality in one["quality"].items():
            verdicts = quality["verdicts_flipped"]
            rows.append(
                [
                    name,
                    model,
                    taken,
                    _change(quality["auroc_fall"]),
                    f"{quality['decisions_flipped']:.2%}" + ("" if verdicts is None else f" / {verdicts:.2%}"),
                    f"{quality['max_abs_logit']:.1g}",
                    *(f"{one['milliseconds'][model][shape]:.1f}" for shape in shapes),
                ]
            )
    header = ("candidate", "model", "accepted", "AUROC", "flipped", "logit", *(f"ms {shape}" for shape in shapes))
    return _table(header, rows)


_KIND = ("kind", "pooling", "head", "loss", "encoder", "preset", "max_length", "run")
_DATA = ("name", "title", "language", "rows", "licence", "sha256")
_METRICS = {
    "positives": "positive", "auroc": "AUROC", "ap": "AP", "threshold": "threshold", "f1_tuned": "F1 tuned",
    "precision": "precision", "recall": "recall", "ece_calibrated": "ECE calibrated",
}  # fmt: skip


def _model(checkpoint: Checkpoint) -> dict:
    run = checkpoint.run
    recipe, preset = run["recipe"], run["preset"]
    deep = recipe["family"] == "transformer"
    return {
        "recipe": recipe["name"],
        "kind": "ULMFiT" if recipe.get("language_model") else recipe["family"],
        "pooling": recipe["pooling"] if deep else "–",
        "head": recipe["head"] if deep else "–",
        "loss": recipe["loss"] if deep else "–",
        "encoder": _encoder(recipe, preset) if deep else "–",
        "preset": preset.get("name", "unknown"),
        "max_length": checkpoint.max_length if deep else None,
        "normalisation": list(recipe.get("normalisation", ())),
        "run": run.get("key", "unknown"),
        "seed": run.get("seed"),
        "commit": run.get("commit"),
        "date": run.get("date"),
        "rows_train": run.get("rows_train"),
        "rows_validation": run.get("rows_validation"),
        "thresholds": dict(zip(checkpoint.labels, map(float, checkpoint.thresholds), strict=True)),
        "validation": run.get("validation"),
    }


def _encoder(recipe: Mapping, preset: Mapping) -> str:
    return "AWD-LSTM" if recipe.get("language_model") else str(preset.get("encoder", "unknown"))


def _data(checkpoints: Mapping[str, Checkpoint]) -> list[dict]:
    """The sources of all runs, those of the runs they started from too, each once."""
    found = {}
    for checkpoint in checkpoints.values():
        run = checkpoint.run
        for entry in [*run.get("sources", ()), *(run.get("initial") or {}).get("sources", ())]:
            source = SOURCES.get(entry["name"])
            known = {"title": source.title, "language": source.language, "licence": source.licence} if source else {}
            found[entry["name"], entry.get("sha256", "")] = {
                "name": source_name(entry["name"]),
                "title": known.get("title", "a file of the user"),
                "language": known.get("language", "unknown"),
                "licence": known.get("licence", "unknown"),
                "citation": source.citation if source else "",
                "rows": entry.get("rows"),
                "sha256": str(entry.get("sha256", ""))[:12],
            }
    return list(found.values())


def source_name(name: str) -> str:
    """What a bundle calls a source: a file goes without the folder it lay in, which is nobody's business."""
    return name if name in SOURCES or name.startswith("hub:") else Path(name).name


def _triage(model: str, triage: "Triage") -> dict:
    return {
        "model": model,
        "policy": triage.policy.name,
        "policy_hash": triage.policy.hash,
        "promises": triage.told(),
    }


def _rows(model: Mapping) -> str:
    rows = model["rows_validation"]
    return f"trained on {model['rows_train']:,} comments, validated on {rows:,}" if rows else "without validation"


def _metrics(model: Mapping) -> str:
    validation = model["validation"]
    if not validation:
        return ""
    rows = [[label, *(found.get(key) for key in _METRICS)] for label, found in validation["per_label"].items()]
    macro = [validation["macro"].get(key) for key in _METRICS]
    return _table(("label", *_METRICS.values()), [*rows, ["macro", *macro]])


def _change(fall: float | None) -> str:
    return "–" if fall is None or math.isnan(fall) else f"{0.0 - fall:+.5f}"


def _windows(name: str, found: Mapping) -> str:
    return (
        f"{name}: {found['long']:,} of {found['rows']:,} validation comments take more than one window; macro AUROC "
        f"{_cell(found['auroc_windows'])} over windows, {_cell(found['auroc_first'])} where only the first is read; "
        f"{found['decided_otherwise']:,} comments are decided otherwise."
    )


def _table(header: Sequence[str], rows: Sequence[Sequence]) -> str:
    lines = [header, ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|").replace("\n", " ")


def _list(items) -> str:
    return "\n".join(f"- {item}" for item in items)
