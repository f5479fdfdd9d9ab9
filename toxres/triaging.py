"""The verbs `triage fit` and `triage report` as functions: a checkpoint and a policy on comments of a source."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from toxres.api import caution
from toxres.data import load_comments, targets
from toxres.errors import InputError
from toxres.files import need_writable
from toxres.tasks import TOXICITY
from toxres.triage.fit import fit_triage
from toxres.triage.policy import Policy
from toxres.triage.policy_file import load_policy
from toxres.triage.record import load_triage, save_triage
from toxres.triage.report import TriageReport, report_triage
from toxres.triage.verdicts import Triage

if TYPE_CHECKING:
    from toxres.checkpoint import Checkpoint
    from toxres.router import Router


@dataclasses.dataclass(frozen=True)
class FittedTriage:
    """A triage in its folder.

    Attributes:
        folder: Where it stands.
        triage: What was fitted.
        caution: Why its promise may not hold, or "".
    """

    folder: Path
    triage: Triage
    caution: str


def fit_policy(
    checkpoint: "Checkpoint | Router | str | Path",
    policy: Policy | str | Path,
    source: str | Path,
    *,
    out: str | Path,
    split: str | None = "validation",
    group: str | None = None,
) -> FittedTriage:
    """Choose the thresholds of a policy on labelled comments, and keep them in a folder.

    Args:
        checkpoint: A checkpoint of the six labels, a router, or the folder of one.
        policy: A policy, its file, or the name of an example.
        source: Name of a source, or a CSV file in Kaggle's format: the site's own labelled comments are best.
        out: The folder to make.
        split: Split of a named source; of a CSV file all rows are taken.
        group: The group of all rows, instead of the source's own.

    Raises:
        InputError: Something is not there or broken, the model was trained on these rows, a group or label of the
            policy has no rows, or `out` exists.
    """
    need_writable(out, folder=True)
    if Path(out).exists():
        raise InputError(f"{out}: exists, and a triage never changes; choose another folder")
    policy = policy if isinstance(policy, Policy) else load_policy(policy)
    model = _open(checkpoint)
    comments = _comments(model, str(source), split, group)
    told = _caution(model, comments, str(source), split)
    if "was trained on rows" in told:
        raise InputError(
            f"{source}: {model.name} was trained on rows of this split, which promise nothing; calibrate on others, "
            "such as the validation split or a CSV file of new comments"
        )
    record = _record(model, comments, str(source), split)
    if told:
        record["caution"] = told
    triage = fit_triage(
        _probs(model, comments, source), targets(comments), comments["group"].tolist(), policy, calibrated_on=record
    )
    return FittedTriage(save_triage(triage, out), triage, told)


def report_policy(
    triage: Triage | str | Path,
    checkpoint: "Checkpoint | Router | str | Path",
    source: str | Path,
    *,
    split: str | None = "test",
    group: str | None = None,
) -> tuple[TriageReport, str]:
    """What a triage does to comments whose answer is known, and why that may be flattered ("" if nothing says so).

    Args:
        triage: A triage, or its folder.
        checkpoint: The model that it was fitted for.
        source: As in `fit_policy`; other rows than the triage was fitted on.
        split: As in `fit_policy`.
        group: As in `fit_policy`.

    Raises:
        InputError: Something is not there or broken, or the triage was fitted for another model.
    """
    folder = triage if isinstance(triage, str | Path) else "triage"
    triage = triage if isinstance(triage, Triage) else load_triage(triage)
    model = _open(checkpoint)
    fitted_for = triage.calibrated_on.get("model")
    if fitted_for is not None and fitted_for != model.run.get("key"):
        raise InputError(
            f"{model.path}: is run {model.run.get('key')}, but {folder} was fitted for run {fitted_for}, so that its "
            "thresholds say nothing here; fit a triage for this checkpoint"
        )
    comments = _comments(model, str(source), split, group)
    here = _record(model, comments, str(source), split)
    told = _caution(model, comments, str(source), split)
    if all(triage.calibrated_on.get(key) == here[key] for key in ("source", "split", "files_sha256")):
        told = "Careful: the thresholds were chosen on these rows."
    probs = _probs(model, comments, source)
    known = comments["group"].tolist()
    return report_triage(triage, probs, targets(comments), known, texts=comments["text"].tolist()), told


def _open(checkpoint: "Checkpoint | Router | str | Path") -> "Checkpoint | Router":
    if isinstance(checkpoint, str | Path):
        from toxres.router import open_model

        checkpoint = open_model(checkpoint)
    task = getattr(checkpoint, "task", TOXICITY)
    if task != TOXICITY:
        raise InputError(
            f"{checkpoint.path}: its task is {task}, and policies are about the six labels; take a checkpoint of these"
        )
    return checkpoint


def _comments(model: "Checkpoint | Router", source: str, split: str | None, group: str | None) -> pd.DataFrame:
    comments = load_comments(source, split=split if _named(source) else None)
    if np.isnan(targets(comments)).all():
        raise InputError(f"{source}: no label of any row is known; add at least one of the six label columns")
    if group is not None:
        if not group.strip():
            raise InputError("group: is empty; name a group of sites, such as news")
        attrs = dict(comments.attrs)
        comments = comments.assign(group=group)
        comments.attrs = attrs
    return comments


def _named(source: str) -> bool:
    from toxres.data import SOURCES

    return source in SOURCES


def _probs(model: "Checkpoint | Router", comments: pd.DataFrame, source: str | Path) -> np.ndarray:
    """Recalibrated probabilities (N, 6); a router's are those of each comment's group."""
    from toxres.router import Router

    texts = comments["text"].tolist()
    if not isinstance(model, Router):
        return model.calibration.apply(model.predict_logits(texts))
    try:
        return model.predict(texts, comments["group"].tolist()).calibrated
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def _record(model: "Checkpoint | Router", comments: pd.DataFrame, source: str, split: str | None) -> dict[str, object]:
    return {
        "source": source if _named(source) else Path(source).name,
        "split": split if _named(source) else None,
        "files_sha256": str(comments.attrs.get("sha256", "")),
        "model": model.run.get("key"),
        "model_name": model.name,
    }


def _caution(model: "Checkpoint | Router", comments: pd.DataFrame, source: str, split: str | None) -> str:
    from toxres.router import Router

    sha256 = str(comments.attrs.get("sha256", ""))
    runs = model.runs(comments["group"]) if isinstance(model, Router) else [model.run]
    cautions = dict.fromkeys(caution(run, source, split, sha256) for run in runs)
    return " ".join(said for said in cautions if said)
