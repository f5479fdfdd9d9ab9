"""Scoring a file of comments of any size: one column a label out, nothing half-written, nothing lost."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from toxres.data.textfiles import TextFile
from toxres.errors import InputError
from toxres.files import need_writable
from toxres.scoring.chunks import CHUNK, Chunk, Plan, check_groups, read_chunks
from toxres.scoring.models import Asked, Opened, Scorer, open_scorer, predict_sorted
from toxres.scoring.output import out_format
from toxres.scoring.progress import Progress
from toxres.scoring.stream import Stream
from toxres.scoring.work import OtherInput, Work, refuse_existing, rejected_file, said_when_full, work_folder

if TYPE_CHECKING:
    from toxres.router import Router

ENGINES = ("local", "ray")
"""What can run the model: this process, or the workers of a Ray cluster."""


class Summary(NamedTuple):
    """What became of a file.

    Attributes:
        rows: Rows of the input; blank lines are none.
        comments: Those that have scores.
        distinct: Different texts among them, each of which was scored once.
        rejected: Rows that are no comments.
        rejects: Where they are listed, or None.
        resumed: Rows that were done before this process.
        seconds: What this process took.
    """

    rows: int
    comments: int
    distinct: int
    rejected: int
    rejects: Path | None
    resumed: int
    seconds: float

    def told(self) -> str:
        """It in one line."""
        rate = (self.rows - self.resumed) / max(self.seconds, 1e-9)
        twice = f", {self.comments - self.distinct:,} of them duplicates" if self.comments > self.distinct else ""
        where = f" (see {self.rejects})" if self.rejects else ""
        return f"{self.comments:,} comments scored{twice}; {self.rejected:,} rows rejected{where}; {rate:,.0f} rows/s"


def score(
    source: str | Path,
    checkpoint: "Scorer | Router | str | Path",
    out: str | Path,
    *,
    calibrated: bool = False,
    text_column: str | None = None,
    group: str | None = None,
    group_column: str | None = None,
    model: str | None = None,
    whole: bool = True,
    on_chunk: Callable[[int], None] | None = None,
    **options,
) -> int:
    """Score every comment of a file; returns how many were scored.

    Args:
        source: CSV, JSON lines or Parquet with a text column, a `.txt` with one comment a line, each but Parquet also
            packed (`.csv.gz`, `.csv.zip`), or "-": standard input, one comment a line.
        checkpoint: A checkpoint, a router of groups of sites, a predictor of a bundle, or the folder of a checkpoint,
            router or bundle.
        out: CSV, JSON lines or Parquet by its ending, or "-": CSV to standard output. A row holds the comment's `id`
            (`row`, counted from 1, where the input has no ids) and one probability a label. Identical texts are scored
            once. It is written at the end, as a whole; until then the work stands in `<out>.partial`, where the same
            call goes on after it was broken.
        calibrated: Write recalibrated probabilities; thresholds are tuned on the plain ones.
        text_column: Name of the text column; else "comment_text" or "text".
        group: For a router: the group of all comments.
        group_column: For a router: name of the column with each comment's group; "group" where neither is given.
        model: For a bundle of several models: the name of the one that scores.
        whole: For a bundle: read long texts to their end; else, as checkpoints do, only as far as training did.
        on_chunk: Called with the number of comments scored so far.
        **options: See `score_file`.

    Raises:
        InputError, RunError: As `score_file`.
    """
    asked = Asked(checkpoint, model, calibrated, group, group_column, whole)
    return score_file(source, asked, out, text_column=text_column, on_chunk=on_chunk, **options).comments


def score_file(
    source: str | Path,
    asked: Asked,
    out: str | Path,
    *,
    text_column: str | None = None,
    strict: bool = False,
    replace: bool = False,
    chunk: int = CHUNK,
    engine: str = "local",
    workers: int | None = None,
    ray_address: str | None = None,
    progress: bool = False,
    on_chunk: Callable[[int], None] | None = None,
) -> Summary:
    """Score every comment of a file, as `score` does.

    Args:
        source: As in `score`.
        asked: The model, and what it is asked for.
        out: As in `score`.
        text_column: As in `score`.
        strict: A row that is no comment is an error. Otherwise such rows are listed in `<out>.rejected.jsonl`, without
            their text, and the others are scored.
        replace: Replace an output that exists, and begin anew in place of unfinished work that cannot be gone on with.
        chunk: Rows that are read, scored and written at a time.
        engine: "local" scores in this process, "ray" on the workers of a Ray cluster.
        workers: How many of them; 2 unless told otherwise.
        ray_address: Of a cluster that runs; None starts one on this machine for the time of the call.
        progress: Say on standard error how far it has come.
        on_chunk: Called with the number of comments scored so far, after each chunk.

    Raises:
        InputError: The input as a whole is at fault, all of its rows are or, if `strict`, one; the groups do not fit
            the model; `out` exists, cannot be written, or is the input; or the unfinished work there is of other
            options or another input, or being done by another process.
        RunError: The disk is full; or Ray is not installed, or failed.
    """
    if chunk < 1:
        raise InputError(f"chunk is {chunk}; give a whole number above 0")
    if engine not in ENGINES:
        raise InputError(f"engine {engine!r} is unknown; choose one of {', '.join(ENGINES)}")
    if engine == "local" and (workers is not None or ray_address is not None):
        raise InputError("workers and an address are for the engine ray; leave them out, or add --engine ray")
    TextFile(source, text_column)
    kind = _need_output(source, out, replace)
    opened = open_scorer(asked)
    plan = Plan(source, text_column, opened.column, opened.route, strict, chunk)
    TextFile(source, text_column, opened.column)
    if strict and opened.route is not None:
        check_groups(plan)
    shown, description = Progress(progress), _description(plan, asked, opened)
    with said_when_full(str(out), lambda: _advice(out)), contextlib.ExitStack() as held:
        if str(out) == "-":
            work = Stream(opened.labels)
        else:
            work = Work(Path(out), kind, opened.labels, description, replace=replace)
        held.callback(work.close)
        held.callback(shown.close)
        if engine == "ray":
            from toxres.scoring.ray_engine import ray_scored

            scored = undone(ray_scored(plan, asked, work.state.chunks, workers or 2, ray_address), work)
        else:
            scored = _local(plan, opened, work, shown)
        held.callback(scored.close)
        return _run(scored, work, shown, Path(out), source, on_chunk)


def _run(
    scored: Iterator[tuple[Chunk, np.ndarray]],
    work: Work | Stream,
    shown: Progress,
    out: Path,
    source: str | Path,
    on_chunk: Callable[[int], None] | None,
) -> Summary:
    """Commit what is scored, chunk by chunk, and finish."""
    began, before = time.monotonic(), work.state
    if before.chunks:
        shown.say(f"going on after {before.rows:,} rows, which an interrupted run left in {work.folder}")
    last = began
    try:
        for chunk, probs in scored:
            now, rows = time.monotonic(), work.state.rows
            work.commit(chunk, probs, now - last)
            last = now
            shown.at(work.state.rows, chunk.total(rows))
            if on_chunk is not None:
                on_chunk(work.state.comments)
    except OtherInput:
        raise
    except InputError as error:
        if str(out) == "-" or not work.state.rows:
            raise
        raise InputError(
            f"{error} ({work.state.rows:,} rows before are done and kept in {work.folder}; the same command goes on)"
        ) from error
    state = work.state
    if not state.comments:
        if state.rejected:
            raise InputError(f"{source}: no row of {state.rows:,} is a comment; the first: {state.first}")
        raise InputError(f"{source}: there are no comments in it; give at least one")
    work.finish()
    listed = rejected_file(out) if state.rejected and str(out) != "-" else None
    return Summary(
        state.rows, state.comments, state.distinct, state.rejected, listed, before.rows, time.monotonic() - began
    )


def _local(plan: Plan, opened: Opened, work: Work | Stream, shown: Progress) -> Iterator[tuple[Chunk, np.ndarray]]:
    """The chunks that are not done, each with the probabilities (M, L) of its new texts."""
    chunks = read_chunks(plan, work.index)
    with contextlib.closing(chunks):
        for chunk, _ in undone(((chunk, None) for chunk in chunks), work):
            before = work.state.rows

            def tick(texts: int, chunk: Chunk = chunk, before: int = before) -> None:
                shown.at(before + chunk.rows * texts // max(len(chunk.texts), 1), chunk.total(before))

            tick(0)
            yield chunk, predict_sorted(opened, chunk.texts, chunk.groups, tick)


def undone(
    chunks: Iterator[tuple[Chunk, np.ndarray | None]], work: Work | Stream
) -> Iterator[tuple[Chunk, np.ndarray | None]]:
    """The chunks that are not done; those that are have to be what they were.

    Raises:
        OtherInput: They are not.
    """
    done, met = work.state.chunks, 0
    for chunk, probs in chunks:
        met += 1
        if chunk.number < done:
            work.check(chunk)
        elif work.state.placing:
            raise work.other_input(chunk.number)
        else:
            yield chunk, probs
    if met < done:
        raise work.other_input(met)


def _need_output(source: str | Path, out: str | Path, replace: bool) -> str:
    """The format of an output that can be written; one that exists is refused before a model is opened."""
    kind = out_format(out)
    if str(out) == "-":
        return kind
    need_writable(out)
    if str(source) != "-":
        for path in (Path(out), rejected_file(out)):
            if path.exists() and path.samefile(source):
                raise InputError(f"{path}: is the input, which would be replaced; choose another --out")
    if not replace and not work_folder(out).exists():
        refuse_existing(Path(out))
    return kind


def _description(plan: Plan, asked: Asked, opened: Opened) -> dict:
    return {
        "model": opened.version,
        "labels": list(opened.labels),
        "calibrated": asked.calibrated,
        "text_column": plan.text_column,
        "group": asked.group,
        "group_column": plan.group_column,
        "chunk": plan.size,
    }


def _advice(out: str | Path) -> str:
    if str(out) == "-":
        return "make room and run it again"
    return "nothing that was scored is lost: make room and run the same command again, which goes on from there"
