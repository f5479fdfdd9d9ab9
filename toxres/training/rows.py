"""Which comments a run trains on and which it is chosen and calibrated on."""

import hashlib
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from toxres.config import Preset
from toxres.data import drop_overlap, load_comments, ninety_ten, targets
from toxres.data.sources import is_beside
from toxres.data.splits import OFFICIAL_FOLD, TEST_FOLD, VALIDATION_FOLD, compute_folds
from toxres.data.tasks import need_two_classes, with_task
from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.tasks import TOXICITY, Task

DECISIONS = "decisions"
"""What moderators' decisions are called among the sources of a run."""

MOST_BESIDE = 0.5
"""A source that is `beside` the first gives at most so many training comments for each of the first's."""


class TrainingRows(NamedTuple):
    """The comments of one run.

    Attributes:
        train: Training comments of all sources, in the schema of `toxres.data.schema`, with the task's own columns.
        validation: Validation comments of the first source, or None.
        sources: For each source its name, origin, SHA-256 and number of training comments, for `run.json`.
        labels: The task's.
    """

    train: pd.DataFrame
    validation: pd.DataFrame | None
    sources: list[dict]
    labels: tuple[str, ...] = LABELS

    @property
    def sha256(self) -> str:
        """Digest of ids, texts and targets of all rows, in order."""
        digest = hashlib.sha256()
        for frame in (self.train, self.validation):
            if frame is None:
                continue
            for row in frame[["id", "text"]].itertuples(index=False):
                digest.update(f"{row.id}\0{row.text}\0".encode("utf-8", "surrogatepass"))
            digest.update(np.nan_to_num(targets(frame, self.labels), nan=-1.0).astype("<f4").tobytes())
        return digest.hexdigest()


def select_rows(
    sources: Sequence[str],
    preset: Preset,
    seed: int = 0,
    test_fold: int | None = TEST_FOLD,
    validation_fold: int | None = VALIDATION_FOLD,
    held_out: Sequence[str] = (),
    need_labels: bool = True,
    task: Task = TOXICITY,
    decisions: pd.DataFrame | None = None,
) -> TrainingRows:
    """The rows of one run.

    The first source gives validation rows and all folds but the test fold; every further source gives all its folds but
    its own test fold; a source that is `beside` (see `toxres.data.sources.Source`) also keeps its validation fold out,
    and gives at most `MOST_BESIDE` comments for each of the first's. Comments that stand in an official test file
    are in no fold, and comments of further sources that duplicate one of the first source's test or validation rows are
    dropped.

    Args:
        sources: Names or CSV files, the most important first.
        preset: Its `split`, `max_rows` and `max_rows_auxiliary` are read.
        seed: Of the draw where rows are limited, and of the 90/10 split.
        test_fold: Fold of the first source that is kept out; None keeps none out.
        validation_fold: Fold of the first source for validation; None is no validation, and the fold is trained on.
        held_out: Sources of which no comment may be trained on, exactly or nearly.
        need_labels: Refuse rows of which no label is known; a language model needs none.
        task: What is to be learned; its targets are added to the rows (see `with_task`).
        decisions: Further training comments, whole and whatever the preset's limits: what moderators decided. They are
            the last in `sources`, as "decisions"; those that duplicate a test or validation comment are dropped.

    Raises:
        InputError: A source isn't there, is named twice, or leaves no training or validation comments, no label of any
            training comment is known or all are of one class, one fold is to be both test and validation, or the seed
            is out of range.
    """
    if len(set(sources)) < len(sources) or not sources:
        raise InputError(f"sources {','.join(sources)!r}: name at least one source, and each only once")
    if not 0 <= seed < 1 << 32:
        raise InputError(f"seed {seed}: is no seed; give a whole number from 0 to {(1 << 32) - 1}")
    if test_fold is not None and test_fold == validation_fold and preset.split == "folds":
        raise InputError(f"fold {test_fold} is both test_fold and validation_fold; choose two, or None for one")
    first = _with_folds(with_task(load_comments(sources[0]), task, sources[0], need=need_labels), task)
    if preset.split == "90/10":
        if len(first) < 2:
            raise InputError(f"source {sources[0]!r}: too few comments to split 90/10; give it more comments")
        train, validation = ninety_ten(first, seed)
        kept_out = validation
    else:
        is_test = first["fold"] == test_fold
        is_validation = first["fold"] == validation_fold
        train = first[~is_test & ~is_validation]
        validation = first[is_validation] if validation_fold is not None else None
        kept_out = first[is_test | is_validation]
    frames = [_limit(train, preset.max_rows, seed)]
    if validation is not None and preset.max_rows is not None:
        validation = _limit(validation, max(1, preset.max_rows // 3), seed)
    for name in sources[1:]:
        auxiliary = _with_folds(with_task(load_comments(name), task, name, need=need_labels), task)
        auxiliary = auxiliary[auxiliary["fold"] != TEST_FOLD]
        most = preset.max_rows_auxiliary
        if is_beside(name):
            auxiliary = auxiliary[auxiliary["fold"] != VALIDATION_FOLD]
            beside = math.ceil(MOST_BESIDE * len(frames[0]))
            most = beside if most is None else min(most, beside)
        frames.append(_limit(drop_overlap(auxiliary, kept_out), most, seed))
    names = list(sources)
    if decisions is not None and len(decisions):
        frames.append(drop_overlap(with_task(decisions, task, DECISIONS, need=False), kept_out))
        names.append(DECISIONS)
    for name in held_out:
        other = load_comments(name, keep_official=True)
        frames = [drop_overlap(frame, other) for frame in frames]
    manifest = [
        {"name": name, **{key: frame.attrs.get(key) for key in ("origin", "sha256")}, "rows": len(frame)}
        for name, frame in zip(names, frames, strict=True)
    ]
    if validation is not None and validation.empty:
        raise InputError(f"source {sources[0]!r}: no validation comments are left; give it more comments")
    for entry in manifest:
        if not entry["rows"] and entry["name"] != DECISIONS:
            raise InputError(f"source {entry['name']!r}: no training comments are left; take another source")
    if need_labels and all(np.isnan(targets(frame, task.labels)).all() for frame in frames):
        needed = task.enforced or task.labels
        raise InputError(
            f"source {sources[0]!r}: no label of any training comment is known; add at least one of the columns "
            f"{', '.join(needed)}"
        )
    train = pd.concat([frame.assign(source=entry["name"]) for entry, frame in zip(manifest, frames, strict=True)])
    if need_labels:
        need_two_classes(targets(train, task.labels), task, f"source {', '.join(map(repr, sources))}")
    return TrainingRows(
        train.reset_index(drop=True),
        None if validation is None else validation.reset_index(drop=True),
        manifest,
        task.labels,
    )


def validation_comments(source: str) -> pd.DataFrame:
    """All validation comments of a source, also of a CSV file, whatever a preset's limits.

    Raises:
        InputError: The source isn't there.
    """
    comments = _with_folds(load_comments(source))
    return comments[comments["fold"] == VALIDATION_FOLD].reset_index(drop=True)


def _with_folds(comments: pd.DataFrame, task: Task = TOXICITY) -> pd.DataFrame:
    """The comments outside official test files, with folds; where these are computed, stratified by the task."""
    if "fold" not in comments:
        attrs = dict(comments.attrs)
        strata = comments
        if task != TOXICITY:
            columns = zip(LABELS, targets(comments, task.labels).T, strict=False)
            strata = comments.assign(**dict.fromkeys(LABELS, np.float32("nan")) | dict(columns))
        comments = comments.assign(fold=compute_folds(strata)["fold"].to_numpy())
        comments.attrs = attrs
    return comments[comments["fold"] != OFFICIAL_FOLD]


def _limit(frame: pd.DataFrame, most: int | None, seed: int) -> pd.DataFrame:
    if most is None or len(frame) <= most:
        return frame
    rows = np.sort(np.random.default_rng(seed).choice(len(frame), most, replace=False))
    return frame.iloc[rows]
