"""The official metrics of PolEval 2019 task 6, what others reached there, and what costs nothing.

M. Ptaszynski, A. Pieciukiewicz, P. Dybala: Results of the PolEval 2019 Shared Task 6. Task 6-1 is ranked by the F1 of
the harmful class, 6-2 by micro-F with macro-F beside it. As nine tweets in ten are harmless, the micro-F of "none
always" is close to the winner's; macro-F tells them apart.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from toxres.errors import InputError

CLASSES: Final = {"6-1": 2, "6-2": 3}
"""Number of classes of each task; class 0 is harmless."""


class HarmfulScores(NamedTuple):
    """Scores of task 6-1, all in [0, 1]: three of the harmful class, 0 where undefined, and accuracy over both."""

    precision: float
    recall: float
    f1: float
    accuracy: float


class TypeScores(NamedTuple):
    """Scores of task 6-2, all in [0, 1].

    Attributes:
        micro_f: F of the decisions of all three classes pooled. Each tweet has one tag, so it is the accuracy.
        macro_f: Mean of the three classes' F1, 0 for a class never found: scikit-learn's "macro".
        macro_f_of_means: Harmonic mean of macro precision and macro recall, the other definition in use (Sokolova and
            Lapalme 2009). Which of the two the official "macro-average F" is, is not known here; both are given.
    """

    micro_f: float
    macro_f: float
    macro_f_of_means: float


class Published(NamedTuple):
    """What someone else reached on the test file.

    Attributes:
        task: "6-1" or "6-2".
        system: What it is.
        scores: Metric to value in [0, 1], fields of `HarmfulScores` or `TypeScores`; what is not known is left out.
        source: Where it says so.
        differs: What it had that the task's own training file has not.
    """

    task: str
    system: str
    scores: Mapping[str, float]
    source: str
    differs: str


_TASK_PAPER = "Ptaszynski et al., Results of the PolEval 2019 Shared Task 6"

PUBLISHED: Final = (
    Published("6-1", "task winner: ULMFiT", {"f1": 0.5858}, _TASK_PAPER, "pre-trained language model"),
    Published("6-1", "Websensa CMP: ULMFiT", {"f1": 0.6596}, "Websensa", "language model of 17.5 M comments"),
    Published("6-1", "Polish RoBERTa-base", {"f1": 0.668}, "KLEJ benchmark, CBD", "pre-trained Polish encoder"),
    Published("6-1", "Polish RoBERTa-large", {"f1": 0.709}, "KLEJ benchmark, CBD", "pre-trained Polish encoder"),
    Published("6-1", "TrelBERT", {"f1": 0.761}, "KLEJ benchmark, CBD", "pre-trained Polish encoder"),
    Published("6-2", "task winner", {"micro_f": 0.876, "macro_f": 0.5175}, _TASK_PAPER, "macro-F is approximate"),
)
"""Published results on the test file, by task."""


def harmful_scores(tags: np.ndarray, predicted: np.ndarray) -> HarmfulScores:
    """Official metrics of task 6-1.

    Args:
        tags: (N,) true tags, 0 or 1.
        predicted: (N,) predicted tags, 0 or 1.

    Raises:
        InputError: No rows, other shapes, or another tag.
    """
    counts = _confusion(tags, predicted, "6-1")
    precision, recall, f1 = (float(values[1]) for values in _by_class(counts))
    return HarmfulScores(precision, recall, f1, float(counts.trace() / counts.sum()))


def type_scores(tags: np.ndarray, predicted: np.ndarray) -> TypeScores:
    """Official metrics of task 6-2.

    Args:
        tags: (N,) true tags, 0, 1 or 2.
        predicted: (N,) predicted tags, 0, 1 or 2.

    Raises:
        InputError: No rows, other shapes, or another tag.
    """
    counts = _confusion(tags, predicted, "6-2")
    precision, recall, f1 = _by_class(counts)
    means = _harmonic(np.array(precision.mean()), np.array(recall.mean()))
    return TypeScores(float(counts.trace() / counts.sum()), float(f1.mean()), float(means))


def poleval_scores(task: str, tags: np.ndarray, predicted: np.ndarray) -> HarmfulScores | TypeScores:
    """Official metrics of a task; see `harmful_scores` and `type_scores`."""
    return {"6-1": harmful_scores, "6-2": type_scores}[_known(task)](tags, predicted)


def trivial_systems(task: str, tags: np.ndarray) -> dict[str, HarmfulScores | TypeScores]:
    """Scores of giving every tweet the same tag, by a name such as "1 always"; tag 0 is called "none always"."""
    names = {tag: f"{tag} always" if tag else "none always" for tag in range(CLASSES[_known(task)])}
    return {name: poleval_scores(task, tags, np.full(len(tags), tag)) for tag, name in names.items()}


def poleval_table(
    task: str, ours: Mapping[str, HarmfulScores | TypeScores], tags: np.ndarray | None = None
) -> pd.DataFrame:
    """Ours beside the published and the trivial systems.

    Args:
        task: "6-1" or "6-2".
        ours: Name of a system to its scores on the test file.
        tags: (N,) true tags of the test file, for the trivial systems; left out without.

    Returns:
        A row a system, sorted by the telling metric (`f1`, or `macro_f`), best first: the task's metrics in per cent,
        NaN where not published, then `kind` (ours, published, trivial), `source` and `differs`.
    """
    metrics = {"6-1": HarmfulScores, "6-2": TypeScores}[_known(task)]._fields
    rows = [(name, *scores, "ours", "", "") for name, scores in ours.items()]
    for item in PUBLISHED:
        if item.task == task:
            values = [item.scores.get(metric, np.nan) for metric in metrics]
            rows.append((item.system, *values, "published", item.source, item.differs))
    if tags is not None:
        rows += [(name, *scores, "trivial", "", "") for name, scores in trivial_systems(task, tags).items()]
    table = pd.DataFrame(rows, columns=["system", *metrics, "kind", "source", "differs"]).set_index("system")
    table[list(metrics)] *= 100
    return table.sort_values("f1" if task == "6-1" else "macro_f", ascending=False, kind="stable")


def _known(task: str) -> str:
    if task not in CLASSES:
        raise InputError(f"unknown PolEval task {task!r}; choose one of: {', '.join(CLASSES)}")
    return task


def _confusion(tags: np.ndarray, predicted: np.ndarray, task: str) -> np.ndarray:
    """Counts (C, C): true class by predicted class."""
    tags, predicted = np.asarray(tags), np.asarray(predicted)
    if tags.ndim != 1 or tags.shape != predicted.shape or not len(tags):
        raise InputError(f"tags have shape {tags.shape}, predictions {predicted.shape}; give one tag a row of each")
    classes = CLASSES[task]
    for name, values in (("tags", tags), ("predicted", predicted)):
        wrong = ~np.isin(values, np.arange(classes))
        if wrong.any():
            row = int(wrong.argmax())
            raise InputError(f"{name}, row {row + 1}: {values[row]} is no tag of task {task}; give 0 to {classes - 1}")
    return np.bincount(tags.astype(int) * classes + predicted.astype(int), minlength=classes**2).reshape(classes, -1)


def _by_class(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 of each class, 0 where undefined."""
    found = counts.diagonal().astype(float)
    precision = np.divide(found, counts.sum(axis=0), out=np.zeros_like(found), where=counts.sum(axis=0) > 0)
    recall = np.divide(found, counts.sum(axis=1), out=np.zeros_like(found), where=counts.sum(axis=1) > 0)
    return precision, recall, _harmonic(precision, recall)


def _harmonic(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(2 * a * b, a + b, out=np.zeros_like(a), where=a + b > 0)
