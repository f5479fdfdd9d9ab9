"""Retraining: moderators' decisions make a challenger, and a gate says whether it becomes the champion.

What is used for what, so that no figure flatters the challenger:

- trained on: the sources' training folds, and every decided text of the queue;
- recalibrated on (Platt): a third of the first source's validation fold;
- thresholds on: the second third, for the group of that source, and each group's decided calibration texts for theirs;
- judged on: the last third, and each group's gate. Both are frozen: a text's part never changes.

The queue's own decisions are of the comments that a model was unsure of, so thresholds are never set on them.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from toxres.checkpoint import Checkpoint, load_checkpoint
from toxres.config import Preset, Recipe, get_preset, get_recipe
from toxres.data import drop_overlap, targets
from toxres.errors import InputError
from toxres.evaluation.calibration import fit_calibration
from toxres.files import write_json
from toxres.labels import LABELS
from toxres.tasks import TOXICITY, task_of
from toxres.training.record import provenance
from toxres.training.rows import validation_comments
from toxres.training.run import train
from toxres.triage.database import Database
from toxres.triage.decisions import read_decisions, usable
from toxres.triage.fit import fit_triage
from toxres.triage.gate_check import Gate
from toxres.triage.intake import text_sha256
from toxres.triage.judgement import MIN_GATE, Judgement, Retrained, judge
from toxres.triage.policy import Policy
from toxres.triage.record import load_triage, save_triage
from toxres.triage.registry import (
    CHECKPOINT,
    TRIAGE,
    Version,
    champion,
    next_name,
    note_attempt,
    promote,
    verify_version,
    working,
)
from toxres.triage.tables import CALIBRATION, GATE, TRAIN
from toxres.triage.verdicts import Triage

PARTS: Final = ("recalibration", CALIBRATION, GATE)
RECALIBRATION_FILE = "calibration.json"


def retrain(
    database: Database,
    registry: str | Path,
    policy: Policy,
    recipe: str | Recipe,
    sources: str | Sequence[str],
    preset: str | Preset | None = None,
    seed: int = 0,
    *,
    min_decisions: int = 1,
    min_gate: int = MIN_GATE,
    margins: dict[str, float] | None = None,
    checkpoint: str | Path | None = None,
    n_resamples: int = 1_000,
    progress: bool = False,
) -> Retrained:
    """Train a challenger on the original comments and the moderators' decisions; promote it if the gates allow.

    It is promoted only if no gate of any group shows a loss on an enforced label, or leaves room for one beyond the
    margin (`gate_check`), no promise is broken on a gate, and it can promise something wherever the champion can. The
    first challenger has no champion to be held against: the promises alone decide. Else the champion stays, and
    `reasons` say why. A process that dies at any moment leaves the champion as it was.

    Args:
        database: Where the decisions are.
        registry: The registry's folder; made if it is missing.
        policy: Whose labels, errors and groups count.
        recipe: A recipe of the six labels, or its name.
        sources: Names of sources or CSV files, the most important first.
        preset: A preset or its name.
        seed: Of training and the bootstrap.
        min_decisions: With fewer new decisions than this nothing is trained, unless there is no champion yet.
        min_gate: Decided texts that a group's gate needs.
        margins: Loss that has to be ruled out, by metric ("ap", "brier"), instead of `gate_check.MARGINS`.
        checkpoint: Take this one as the challenger instead of training.
        n_resamples: Of the bootstrap.
        progress: Show progress bars.

    Raises:
        InputError: An unfit recipe, source, policy or checkpoint, a damaged champion, or another process at work.
    """
    recipe = get_recipe(recipe) if isinstance(recipe, str) else recipe
    if task_of(recipe) != TOXICITY:
        raise InputError(f"recipe {recipe.name!r}: a policy enforces some of the six labels, which it doesn't give")
    preset = preset if isinstance(preset, Preset) else get_preset(preset)
    sources = [sources] if isinstance(sources, str) else list(sources)
    with working(registry) as work:
        before = champion(registry)
        if before is not None:
            verify_version(before)
        decided = usable(read_decisions(database))
        home = validation_comments(sources[0])
        parts = {name: home[_part_of(home) == number] for number, name in enumerate(PARTS)}
        rows = {role: decided[decided["role"] == role] for role in (TRAIN, CALIBRATION, GATE)}
        learned = set(before.record["decisions"]) if before else set()
        fresh = [int(number) for number in rows[TRAIN]["decision"] if int(number) not in learned]
        name = next_name(registry, recipe.name)
        if before is not None and len(fresh) < min_decisions:
            why = f"{len(fresh):,} new decisions since {before.name}, and {min_decisions:,} are wanted; decide more"
            return Retrained(name, False, Judgement(reasons=(why,)), len(fresh), None)
        folder = work / "version"
        folder.mkdir()
        model = _challenger(recipe, sources, preset, seed, rows, parts, folder, checkpoint, progress)
        triage = _fit(model, policy, parts, rows, name)
        save_triage(triage, folder / TRIAGE)
        judgement = judge(
            _gates(model, before, triage, parts, rows),
            triage,
            None if before is None else load_triage(before.triage),
            set(decided["group"]),
            margins=margins,
            min_gate=min_gate,
            n_resamples=n_resamples,
            seed=seed,
        )
        promoted = not judgement.reasons
        record = {
            "parent": before.name if before else None,
            "promoted": promoted,
            "recipe": recipe.name,
            "preset": preset.name,
            "sources": sources,
            "seed": seed,
            "policy_hash": policy.hash,
            "decisions": sorted(int(number) for number in rows[TRAIN]["decision"]),
            "new_decisions": len(fresh),
            **judgement.to_dict(),
            **provenance(),
        }
        path = promote(registry, name, folder, record).path if promoted else note_attempt(registry, name, record)
        return Retrained(name, promoted, judgement, len(fresh), path)


def _part_of(comments: pd.DataFrame) -> np.ndarray:
    """Which of `PARTS` (N,) each validation comment is of: by its text alone, so that it never changes."""
    digests = [hashlib.sha256(f"part {text_sha256(text)}".encode()).digest() for text in comments["text"]]
    return np.array([int.from_bytes(digest[:8], "big") % len(PARTS) for digest in digests], dtype=int)


def _challenger(
    recipe: Recipe,
    sources: list[str],
    preset: Preset,
    seed: int,
    rows: dict[str, pd.DataFrame],
    parts: dict[str, pd.DataFrame],
    folder: Path,
    checkpoint: str | Path | None,
    progress: bool,
) -> Checkpoint:
    """The challenger in `folder`, recalibrated on rows that neither thresholds nor gates see."""
    if checkpoint is not None:
        import shutil

        given = load_checkpoint(checkpoint)
        if given.task != TOXICITY:
            raise InputError(f"{checkpoint}: doesn't give the six labels that a policy enforces; name another")
        shutil.copytree(checkpoint, folder / CHECKPOINT)
    else:
        apart = pd.concat([rows[CALIBRATION], rows[GATE]])
        decisions = rows[TRAIN] if apart.empty or rows[TRAIN].empty else drop_overlap(rows[TRAIN], apart)
        train(
            recipe, sources, preset, seed, folder / CHECKPOINT, decisions=decisions[["id", "text", "group", *LABELS]],
            progress=progress,
        )  # fmt: skip
    model = load_checkpoint(folder / CHECKPOINT)
    part = parts["recalibration"]
    model.calibration = fit_calibration(targets(part), model.predict_logits(part["text"].tolist()), labels=LABELS)
    write_json(folder / CHECKPOINT / RECALIBRATION_FILE, model.calibration.to_dict())
    return model


def _fit(
    model: Checkpoint, policy: Policy, parts: dict[str, pd.DataFrame], rows: dict[str, pd.DataFrame], name: str
) -> Triage:
    """The challenger's thresholds for each group."""
    calibration = pd.concat([parts[CALIBRATION], rows[CALIBRATION]])
    probs = model.predict_proba(calibration["text"].tolist(), calibrated=True)
    return fit_triage(
        probs, targets(calibration), calibration["group"].tolist(), policy, calibrated_on={"checkpoint": name}
    )


def _gates(
    model: Checkpoint,
    before: Version | None,
    triage: Triage,
    parts: dict[str, pd.DataFrame],
    rows: dict[str, pd.DataFrame],
) -> list[Gate]:
    """Each group's gate, scored by both models."""
    comments = pd.concat([parts[GATE], rows[GATE]])
    comments = comments[comments["group"].isin(list(triage.groups))]
    old = None if before is None else load_checkpoint(before.checkpoint)
    gates = []
    for group, gate in comments.groupby("group", sort=True):
        texts = gate["text"].tolist()
        scores = [each and each.predict_proba(texts, calibrated=True) for each in (model, old)]
        gates.append(Gate(str(group), targets(gate).astype(float), *scores))
    return gates
