"""The table of errors: comments with their truth, and what each model says of them."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from toxres.checkpoint import Checkpoint, need_scores
from toxres.data import targets
from toxres.data.schema import validate_comments
from toxres.errors import InputError
from toxres.evaluation.arrays import as_thresholds, decide, to_probs
from toxres.evaluation.disagreement import losses
from toxres.labels import LABELS

THRESHOLDS = "thresholds"
"""Attribute of a table: by model, its six thresholds."""


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """The arrays of a table of errors, N comments by the six labels.

    Attributes:
        table: As `error_table` makes it.
        targets: (N, 6), NaN where unknown.
        probs: By model, probabilities (N, 6).
        decided: By model, booleans (N, 6).
        losses: By model, cross-entropies (N, 6) in nats, 0 where the target is unknown.
        thresholds: By model, (6,).
    """

    table: pd.DataFrame
    targets: np.ndarray
    probs: dict[str, np.ndarray]
    decided: dict[str, np.ndarray]
    losses: dict[str, np.ndarray]
    thresholds: dict[str, np.ndarray]

    @functools.cached_property
    def models(self) -> list[str]:
        """Names of the models, in order."""
        return list(self.probs)

    @functools.cached_property
    def loss(self) -> np.ndarray:
        """Mean of the models' losses: (N, 6)."""
        return np.mean(list(self.losses.values()), axis=0)

    @functools.cached_property
    def spread(self) -> np.ndarray:
        """How far the models' probabilities are apart: (N, 6), 0 of a single model."""
        return np.ptp(np.stack(list(self.probs.values())), axis=0)


def error_table(
    comments: pd.DataFrame,
    checkpoints: Mapping[str, Checkpoint],
    *,
    thresholds: Mapping[str, np.ndarray | Sequence[float]] | None = None,
) -> pd.DataFrame:
    """Score comments once with each model, and set what it says beside what is true.

    The table holds the texts. A notebook that is saved must not show it; `table.drop(columns="text")` may be shown.

    Args:
        comments: N comments in the schema, and columns `functionality` and `source` if there are such.
        checkpoints: Models that score the six labels, by the name that tables call them.
        thresholds: By model, six thresholds instead of those of its checkpoint.

    Returns:
        A row a comment, in their order: `id`, `text`, `group`, `functionality` ("" where there is none), `source` if
        the comments have it; the six labels with their targets, NaN where unknown; for each MODEL and LABEL the
        probability as trained, `MODEL.LABEL`, and the decision at the threshold, `MODEL.LABEL.given`; for each model
        `MODEL.loss`, the cross-entropy of the known labels in nats; `loss`, the mean of those, and `disagreement`, the
        largest difference of two models' probabilities of one label. `attrs["thresholds"]` has six a model.

    Raises:
        InputError: The comments don't keep to the schema, there is no model, or one scores other labels.
    """
    validate_comments(comments)
    if not checkpoints:
        raise InputError("checkpoints: names no model; give at least one, such as {'baseline': load_checkpoint(...)}")
    for name, checkpoint in checkpoints.items():
        if tuple(need_scores(checkpoint).labels) != LABELS:
            raise InputError(f"{name}: scores {', '.join(checkpoint.labels)}, not the six labels; leave it out")
    if unknown := sorted(set(thresholds or {}) - set(checkpoints)):
        raise InputError(f"thresholds: {unknown[0]!r} is no model here; choose among: {', '.join(checkpoints)}")
    truth, texts = targets(comments), comments["text"].tolist()
    columns = {name: comments[name].to_numpy() for name in ("id", "text", "group")}
    columns["functionality"] = _functionalities(comments)
    if "source" in comments:
        columns["source"] = comments["source"].to_numpy()
    columns |= {label: truth[:, i] for i, label in enumerate(LABELS)}
    probs, cuts, totals = {}, {}, {}
    for name, checkpoint in checkpoints.items():
        probs[name] = to_probs(checkpoint.predict_logits(texts), checkpoint.task.exclusive)
        cut = np.asarray((thresholds or {}).get(name, checkpoint.thresholds), dtype=np.float64)
        cuts[name] = as_thresholds(cut, (1, len(LABELS)))[0]
        given = decide(probs[name], cuts[name])
        columns |= {f"{name}.{label}": probs[name][:, i] for i, label in enumerate(LABELS)}
        columns |= {f"{name}.{label}.given": given[:, i] for i, label in enumerate(LABELS)}
        columns[f"{name}.loss"] = totals[name] = losses(truth, probs[name]).sum(axis=1)
    columns["loss"] = np.mean(list(totals.values()), axis=0)
    columns["disagreement"] = np.ptp(np.stack(list(probs.values())), axis=0).max(axis=1)
    table = pd.DataFrame(columns)
    table.attrs = {**comments.attrs, THRESHOLDS: {name: cut.tolist() for name, cut in cuts.items()}}
    return table


def judged(table: pd.DataFrame, models: Sequence[str]) -> Judged:
    """The arrays of a table of errors.

    Args:
        table: Of `error_table`, or some of its rows.
        models: Names of the models to look at.

    Raises:
        InputError: A column of a model is missing, or the table's thresholds are.
    """
    needed = [f"{name}.{label}{end}" for name in models for label in LABELS for end in ("", ".given")]
    missing = [column for column in ("id", "text", "group", *LABELS, *needed) if column not in table]
    if missing:
        raise InputError(f"table: no column {missing[0]!r}; make it with error_table and the same names of models")
    cuts = table.attrs.get(THRESHOLDS, {})
    if lost := [name for name in models if name not in cuts]:
        raise InputError(f"table: attrs has no thresholds of {lost[0]!r}; pass on what error_table returned")
    table = table.reset_index(drop=True)
    if "functionality" not in table:
        table["functionality"] = ""
    truth = targets(table).astype(np.float64)
    probs = {name: table[[f"{name}.{label}" for label in LABELS]].to_numpy(np.float64) for name in models}
    decided = {name: table[[f"{name}.{label}.given" for label in LABELS]].to_numpy(bool) for name in models}
    lost = {name: losses(truth, each) for name, each in probs.items()}
    return Judged(table, truth, probs, decided, lost, {name: np.asarray(cuts[name]) for name in models})


def _functionalities(comments: pd.DataFrame) -> np.ndarray:
    if "functionality" not in comments:
        return np.full(len(comments), "", dtype=object)
    return comments["functionality"].astype(object).where(comments["functionality"].notna(), "").astype(str).to_numpy()
