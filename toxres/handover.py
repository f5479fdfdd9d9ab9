"""From models to a service, as a notebook does it: policies fitted, disagreements by id, a bundle exported once."""

import contextlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.checkpoint import RUN, Checkpoint
from toxres.data import load_comments
from toxres.errors import InputError
from toxres.lab import score_split, scored_rows
from toxres.labels import LABELS
from toxres.paths import build_dir
from toxres.plots.style import pretty
from toxres.serving.bundle import Bundle
from toxres.triage import Triage, fit_triage, load_policy, save_triage
from toxres.widgets.choice import patterns
from toxres.widgets.shown import functionality_name, truth_word
from toxres.widgets.table import judged
from toxres.widgets.talk import Judgement

EXPORT_ROWS = 400
"""Validation comments that a bundle's runtime and precision are chosen on: enough to tell, few enough to wait for."""


def fit_policies(checkpoint: Checkpoint, source: str, policies: Sequence[str]) -> list[Triage]:
    """Policies fitted for a checkpoint on its validation comments.

    Its recalibration has seen these rows, so that what is promised is a little too good; see notebook 06 for how the
    promise is kept on rows that nothing has seen.

    Args:
        checkpoint: The model.
        source: Name of the source it learned from.
        policies: Names of policies, or their files.
    """
    scored = score_split(checkpoint, source, "validation")
    rows = load_comments(source, split="validation", limit=scored_rows(checkpoint.run["preset"]))
    record = {"source": source, "checkpoint": checkpoint.name, "split": "validation"}
    return [
        fit_triage(scored.calibrated, scored.targets, rows["group"].tolist(), load_policy(name), calibrated_on=record)
        for name in policies
    ]


def promises_table(policies: Mapping[str, Sequence[Triage]]) -> pd.DataFrame:
    """What is promised of each model's verdicts: a row a policy, group of sites and kind of decision.

    Args:
        policies: By model, of `fit_policies`.

    Returns:
        A column a model: "none", or the tolerated share with how many calibration rows were decided wrongly.
    """
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for name, triages in policies.items():
        for triage in triages:
            for group in triage.groups.values():
                for each in group.promises:
                    told = f"at most {each.tolerated:.3g} wrong ({each.wrong:,} of {each.decided:,})"
                    row = rows.setdefault((triage.policy.name, group.group, each.of), {})
                    row[name] = told if each.kept else "none"
    index = pd.MultiIndex.from_tuples(rows, names=["policy", "group", "decisions"])
    return pd.DataFrame(list(rows.values()), index=index).fillna("none")


def export_once(models: Mapping[str, Checkpoint], source: str, triage: Triage | None = None) -> Path:
    """The bundle of some checkpoints under `build/bundles`: exported if it is missing, broken, or of others.

    Runtime and precision are chosen on as few comments as `make app` takes, so that it does not take long.

    Args:
        models: By name, all trained at one preset.
        source: Name of the source they learned from.
        triage: Verdicts to go along, fitted on the scores of one of the models.
    """
    from toxres.serving import export_bundle
    from toxres.serving.manifest import MANIFEST, read_manifest

    preset = next(iter(models.values())).run["preset"]["name"]
    policy = "" if triage is None else f"-{triage.policy.hash[:8]}"
    folder = build_dir() / "bundles" / f"{source}-{preset}{policy}"
    trained = max((model.path / RUN).stat().st_mtime for model in models.values())
    with contextlib.suppress(InputError):
        known = list(read_manifest(folder)["models"])
        if known == list(models) and (folder / MANIFEST).stat().st_mtime >= trained:
            return folder
    with tempfile.TemporaryDirectory() as scratch:
        fitted = None if triage is None else save_triage(triage, Path(scratch) / "triage")
        return export_bundle(list(models.values()), folder, triage=fitted, source=source, limit=EXPORT_ROWS)


def disagreements(table: pd.DataFrame, models: Sequence[str], top: int = 10, *, texts: bool = False) -> pd.DataFrame:
    """Comments that models decide differently, those on whose probabilities they are furthest apart first.

    Args:
        table: Of `error_table`.
        models: Which of its models.
        top: Comments at most.
        texts: Show the comments, which only those written for this project may be; else their ids stand for them.

    Returns:
        A row a comment: its id, source and functional test (or its text), the label they are furthest apart on, what is
        true of it, who is right on all labels, and each model's probability of that label with its decision.
    """
    each = judged(table, list(models))
    given = np.stack(list(each.decided.values()))
    spread = np.where((given != given[0]).any(axis=0), each.spread, 0.0)  # N x L
    found, rows = patterns(each), []
    for row in np.argsort(-spread.max(axis=1), kind="stable")[:top]:
        column = int(spread[row].argmax())
        if spread[row, column] == 0:
            break
        line = each.table.iloc[row]
        about = {"text": line["text"]} if texts else {"id": line["id"]}
        if not texts and "source" in line:
            about |= {"source": line["source"], "tests": functionality_name(line["functionality"])}
        about |= {"label": pretty(LABELS[column]), "true": truth_word(each.targets[row, column])}
        about["outcome"] = found.iat[row]
        for name in each.models:
            word = "given" if each.decided[name][row, column] else "not given"
            about[name] = f"{each.probs[name][row, column]:.2f} {word}"
        rows.append(about)
    return pd.DataFrame(rows)


def agreement_told(said: Sequence[Judgement]) -> str:
    """On how many comments models give different labels, and on how many a policy's verdict depends on the model."""
    labels = sum(not all(map(each.agree, LABELS)) for each in said)
    verdicts = sum(not all(map(each.verdicts_agree, each.policies)) for each in said)
    return (
        f"Of {len(said)} examples the models give different labels to {labels}; on {verdicts} a policy's verdict "
        "depends on the model that is asked."
    )


def bundle_table(bundle: Bundle) -> pd.DataFrame:
    """A row a model of a bundle: what runs it, in which precision, whether it shows attention, and its size."""
    rows = {}
    for name, model in bundle.models.items():
        size = sum(file.stat().st_size for file in model.path.rglob("*") if file.is_file())
        rows[name] = (model.runtime, model.precision, model.has_attention, f"{size / 2**20:.1f}")
    return pd.DataFrame.from_dict(rows, orient="index", columns=["runtime", "precision", "shows attention", "MiB"])


def parity_told(bundle: Bundle, models: Mapping[str, Checkpoint], texts: Sequence[str]) -> str:
    """How far a bundle's probabilities are from its checkpoints', and how many decisions differ."""
    furthest, flips = 0.0, 0
    for name, model in models.items():
        exported = bundle.models[name]
        furthest = max(furthest, float(abs(exported.predict_proba(texts) - model.predict_proba(texts)).max()))
        flips += int((exported.decide(texts) != model.decide(texts)).sum())
    count = len(texts) * len(models) * len(LABELS)
    return (
        f"On {len(texts)} examples the bundle's probabilities are at most {furthest:.1e} away from the checkpoints', "
        f"and {flips} of {count} decisions differ."
    )


def predicted_table(answer: Mapping) -> pd.DataFrame:
    """What `/v1/predict` says of its first comment: a row a label, a column a model, calibrated probabilities."""
    models = answer["results"][0]["models"]
    return pd.DataFrame(
        {
            each["model"]: {pretty(name): label["probability"] for name, label in each["labels"].items()}
            for each in models
        }
    )


def moderated_told(answer: Mapping, text: str) -> str:
    """What `/v1/moderate` says of its first comment, in a sentence of Markdown."""
    verdict = answer["results"][0]
    reason = verdict["reasons"][0]
    words = ", ".join(f"*{text[span['start'] : span['end']]}*" for span in reason["spans"])
    held = "no threshold can be promised" if reason["threshold"] is None else f"threshold {reason['threshold']:.2f}"
    return (
        f"**{verdict['verdict']}** by policy {answer['policy']}, as {verdict['model']} says: "
        f"{pretty(reason['label'])} {reason['probability']:.2f}, {held}{f'; words: {words}' if words else ''}."
    )
