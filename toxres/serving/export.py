"""`export_bundle`: from checkpoints to one folder that a service runs on."""

import datetime
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toxres.checkpoint import CALIBRATION, LABELS_FILE, RUN, THRESHOLDS, Checkpoint, load_checkpoint
from toxres.errors import InputError
from toxres.evaluation.arrays import decide, to_probs
from toxres.files import atomic_path, need_writable, write_json, write_text
from toxres.serving.bundle import CARD, CARD_TEXT, CHOICE, MODELS, TRIAGE
from toxres.serving.candidates import CANDIDATES, Candidate, write_candidate
from toxres.serving.card import card_text, make_card, source_name
from toxres.serving.choice import (
    AS_FAST,
    MAX_AUROC_FALL,
    MAX_FLIPPED,
    Measured,
    Scored,
    choose,
    machine,
    macro_auroc,
    measure,
)
from toxres.serving.engines import LOGITS, cores
from toxres.serving.graph import need_exportable, write_graph
from toxres.serving.manifest import MANIFEST, write_manifest
from toxres.serving.models import GRAPH, SCIKIT_LEARN
from toxres.serving.reading import write_reader

if TYPE_CHECKING:
    import pandas as pd

    from toxres.triage import Triage

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def export_bundle(
    checkpoints: Sequence[Checkpoint | str | Path],
    out: str | Path,
    *,
    triage: str | Path | None = None,
    source: str | None = None,
    limit: int | None = None,
    candidates: Sequence[Candidate] | None = None,
    threads: int | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Write a bundle of one or more checkpoints; what stood at `out` is replaced only by a whole one.

    All models get the runtime and precision that are fastest among those that decide as torch does: on validation
    comments the macro AUROC of no model falls by `MAX_AUROC_FALL` or more, and decisions (or verdicts of the triage)
    change on less than `MAX_FLIPPED` of the comments. A bag of n-grams stays with scikit-learn.

    Args:
        checkpoints: Checkpoints or their folders, all of one task.
        out: The folder to write; one that stands there is replaced if it is a bundle.
        triage: Folder of a fitted triage, which goes along.
        source: Where the validation comments come from: a source, of which the validation split is taken, or a CSV
            file; by default the first source of the first checkpoint, and the fold its run was validated on.
        limit: At most so many validation comments.
        candidates: Runtimes and precisions to choose from; `CANDIDATES` by default.
        threads: That the service will give a batch of one model; by default the cores shared out among the models.
        say: Told what is being done, line by line.

    Returns:
        The folder.

    Raises:
        InputError: A checkpoint can't be read or exported, they have different tasks or the same name, the validation
            comments or the triage can't be read, or `out` is something else or can't be written.
        RunError: No candidate decides as torch does.
    """
    out = Path(out)
    need_writable(out, folder=True)
    if (out.exists() or out.is_symlink()) and not (out / MANIFEST).is_file():
        raise InputError(f"{out}: exists and is no bundle; remove it or choose another --out")
    named = name_checkpoints(checkpoints)
    fitted = None if triage is None else _open_triage(triage, named)
    graphs = {name: checkpoint for name, checkpoint in named.items() if checkpoint.tokenizer is not None}
    comments = _validation(next(iter(graphs.values())), source, limit) if graphs else None
    threads = threads or max(1, cores() // len(named))
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with atomic_path(out) as folder:
        folder.mkdir()
        entries = {}
        for name, checkpoint in named.items():
            say(f"{name}: writing its model")
            entries[name] = _write_model(checkpoint, folder / MODELS / name)
        choice = _nothing_to_choose()
        if graphs:
            with tempfile.TemporaryDirectory(prefix=".candidates-", dir=out.parent) as work:
                folders = {name: folder / MODELS / name for name in graphs}
                found = measure(
                    graphs,
                    folders,
                    comments,
                    candidates or CANDIDATES,
                    Path(work),
                    threads=threads,
                    triage=fitted,
                    say=say,
                )
                chosen = choose(found[0])
                for name in graphs:
                    shutil.copyfile(folders[name] / GRAPH, Path(work) / GRAPH)
                    write_candidate(Path(work) / GRAPH, chosen.candidate, folders[name] / GRAPH)
                    entries[name] |= chosen.candidate._asdict()
            choice = _choice(chosen, *found, graphs, comments, threads)
        write_json(folder / CHOICE, choice)
        if fitted is not None:
            shutil.copytree(triage, folder / TRIAGE)
        card = make_card(named, choice, created, fitted)
        write_json(folder / CARD, card)
        write_text(folder / CARD_TEXT, card_text(card))
        about = {"toxres": metadata.version("toxres"), "created": created, "models": entries}
        if fitted is not None:
            about["triage"] = {"model": fitted[0], "policy": fitted[1].policy.name}
        write_manifest(folder, about)
    return out


def name_checkpoints(checkpoints: Sequence[Checkpoint | str | Path]) -> dict[str, Checkpoint]:
    """Checkpoints by what the bundle calls them: their recipes, or their folders where recipes are the same.

    Raises:
        InputError: There is none, one can't be exported, the tasks differ, or a name can't be given.
    """
    opened = [each if isinstance(each, Checkpoint) else load_checkpoint(each) for each in checkpoints]
    if not opened:
        raise InputError("no checkpoint to export; train one with `toxres train custom --source NAME --out DIR`")
    for checkpoint in opened:
        need_exportable(checkpoint)
        if checkpoint.task != opened[0].task:
            raise InputError(
                f"{checkpoint.path}: its task is {checkpoint.task}, but that of {opened[0].path} is {opened[0].task}; "
                "export models of one task"
            )
    names = [checkpoint.name for checkpoint in opened]
    if len(set(names)) < len(names):
        names = [checkpoint.path.resolve().name for checkpoint in opened]
    for name, checkpoint in zip(names, opened, strict=True):
        if names.count(name) > 1:
            raise InputError(f"{checkpoint.path}: another checkpoint is called {name!r} too; rename its folder")
        if not _NAME.fullmatch(name):
            raise InputError(f"{checkpoint.path}: {name!r} can't be the name of a model; use letters, digits, _ . -")
    return dict(zip(names, opened, strict=True))


def _open_triage(folder: str | Path, named: Mapping[str, Checkpoint]) -> "tuple[str, Triage]":
    """A triage, and the name of the model that it was fitted for."""
    from toxres.triage import load_triage

    triage = load_triage(folder)
    if triage.labels != next(iter(named.values())).labels:
        raise InputError(f"{folder}: decides on other labels than the models have; fit a triage for one of them")
    said, told = str(dict(triage.calibrated_on)), str(triage.calibrated_on.get("checkpoint", ""))
    fits = [name for name, checkpoint in named.items() if str(checkpoint.run.get("key")) in said]
    if not fits and told:
        fits = [name for name, each in named.items() if Path(told).name in (name, each.path.resolve().name)]
    if len(fits) != 1:
        raise InputError(
            f"{folder}: was fitted for none of the models that are exported ({', '.join(named)}); export the "
            "checkpoint it was fitted for too, or fit a triage for one of these"
        )
    return fits[0], triage


def _validation(checkpoint: Checkpoint, source: str | None, limit: int | None) -> "pd.DataFrame":
    """Validation comments, with the targets of the checkpoint's task."""
    from toxres.data import SOURCES, load_comments
    from toxres.data.tasks import with_task

    run = checkpoint.run
    first = run["sources"][0]["name"] if run.get("sources") else "synthetic"
    name = first if source is None else source
    split = None
    if name in SOURCES:
        fold = run.get("validation_fold") if name == first else None
        split = "validation" if fold is None else f"fold:{fold}"
    try:
        comments = load_comments(name, split=split, limit=limit)
    except InputError as error:
        if source is not None:
            raise
        raise InputError(
            f"the comments {checkpoint.path} was validated on are not at hand ({error}); name --source"
        ) from None
    if not len(comments):
        raise InputError(f"{name}: holds no comment to compare the models on; name another --source")
    return with_task(comments, checkpoint.task, name, need=False).assign(source=name)


def _write_model(checkpoint: Checkpoint, folder: Path) -> dict:
    """Write a model's files; returns its entry in the manifest."""
    folder.mkdir(parents=True)
    if checkpoint.tokenizer is None:
        checkpoint.model.save(folder)
        entry = {"runtime": SCIKIT_LEARN, "precision": "fp32", "outputs": [LOGITS]}
    else:
        entry = {"outputs": list(write_graph(checkpoint, folder / GRAPH))}
        write_reader(checkpoint, folder)
    write_json(folder / LABELS_FILE, list(checkpoint.labels))
    write_json(folder / CALIBRATION, checkpoint.calibration.to_dict())
    write_json(folder / THRESHOLDS, dict(zip(checkpoint.labels, checkpoint.thresholds.tolist(), strict=True)))
    write_json(folder / RUN, _record(checkpoint.run))
    return entry


def _record(run: dict) -> dict:
    """What a bundle keeps of a run's record: nothing of where files lay, and not the trainer's log."""
    kept = {key: value for key, value in run.items() if key != "history"} | {"sources": _sources(run)}
    if kept.get("initial"):
        kept["initial"] = kept["initial"] | {"sources": _sources(kept["initial"])}
    return kept


def _sources(run: Mapping) -> list[dict]:
    """The sources of a run, without where their files lay."""
    kept = [{key: value for key, value in source.items() if key != "origin"} for source in run.get("sources", ())]
    return [source | {"name": source_name(source["name"])} for source in kept]


def _nothing_to_choose() -> dict:
    why = "Bags of n-grams are run by scikit-learn, in float64; there was nothing to choose."
    return {"runtime": SCIKIT_LEARN, "precision": "fp32", "why": why, "candidates": []}


def _choice(
    chosen: Measured,
    measured: Sequence[Measured],
    references: Mapping[str, Scored],
    graphs: Mapping[str, Checkpoint],
    comments: "pd.DataFrame",
    threads: int,
) -> dict:
    """What `choice.json` says."""
    accepted = sorted((one for one in measured if not one.refused), key=lambda one: one.mean_milliseconds)
    times = ", ".join(f"{one.candidate.name} {one.mean_milliseconds:.1f}" for one in accepted)
    refused = "; ".join(f"{one.candidate.name} ({one.refused})" for one in measured if one.refused)
    why = (
        f"{chosen.candidate.name} was chosen of {len(measured)} candidates: of those that decide as the torch models "
        f"do on {len(comments):,} validation comments (macro AUROC falls by less than {MAX_AUROC_FALL}, less than "
        f"{MAX_FLIPPED:.1%} of the decisions flip) it is the fastest, or as fast within {AS_FAST - 1:.0%} and simpler. "
        f"Milliseconds a batch, geometric mean over models and shapes: {times}."
    )
    return {
        "runtime": chosen.candidate.runtime,
        "precision": chosen.candidate.precision,
        "why": why + (f" Refused: {refused}." if refused else ""),
        "rule": {"max_auroc_fall": MAX_AUROC_FALL, "max_flipped": MAX_FLIPPED},
        "rows": {
            "source": source_name(comments["source"].iloc[0]),
            "sha256": str(comments.attrs.get("sha256", "")),
            "count": len(comments),
        },
        "machine": machine(threads),
        "candidates": [one.to_dict() for one in measured],
        "long_texts": {
            each: _long_texts(references[each], checkpoint, comments) for each, checkpoint in graphs.items()
        },
    }


def _long_texts(reference: Scored, checkpoint: Checkpoint, comments: "pd.DataFrame") -> dict:
    """What reading long texts in windows changes, against reading their first window only."""
    first = to_probs(reference.first, checkpoint.task.exclusive)
    decided = decide(first, checkpoint.thresholds, checkpoint.task.exclusive)
    return {
        "rows": len(comments),
        "long": int((reference.predictions.windows > 1).sum()),
        "auroc_first": macro_auroc(comments, first, checkpoint.labels),
        "auroc_windows": macro_auroc(comments, reference.predictions.probs, checkpoint.labels),
        "decided_otherwise": int(np.any(decided != reference.predictions.decisions, axis=1).sum()),
    }
