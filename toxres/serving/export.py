"""`export_bundle`: from checkpoints to one folder that a service runs on."""

import datetime
import re
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from toxres.checkpoint import CALIBRATION, LABELS_FILE, RUN, THRESHOLDS, Checkpoint, load_checkpoint
from toxres.errors import InputError
from toxres.files import atomic_path, need_writable, write_json
from toxres.serving.bundle import MODELS
from toxres.serving.engines import LOGITS, ONNXRUNTIME
from toxres.serving.graph import need_exportable, write_graph
from toxres.serving.manifest import MANIFEST, write_manifest
from toxres.serving.models import GRAPH, SCIKIT_LEARN
from toxres.serving.reading import write_reader

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def export_bundle(checkpoints: Sequence[Checkpoint | str | Path], out: str | Path) -> Path:
    """Write a bundle of one or more checkpoints; what stood at `out` is replaced only by a whole one.

    Args:
        checkpoints: Checkpoints or their folders, all of one task.
        out: The folder to write; one that stands there is replaced if it is a bundle.

    Returns:
        The folder.

    Raises:
        InputError: A checkpoint can't be read or exported, they have different tasks or the same name, or `out` is
            something else or can't be written.
    """
    out = Path(out)
    need_writable(out, folder=True)
    if out.exists() and not (out / MANIFEST).is_file():
        raise InputError(f"{out}: exists and is no bundle; remove it or choose another --out")
    named = name_checkpoints(checkpoints)
    with atomic_path(out) as folder:
        folder.mkdir()
        entries = {name: _write_model(checkpoint, folder / MODELS / name) for name, checkpoint in named.items()}
        created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        write_manifest(folder, {"toxres": metadata.version("toxres"), "created": created, "models": entries})
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


def _write_model(checkpoint: Checkpoint, folder: Path) -> dict:
    """Write a model's files; returns its entry in the manifest."""
    folder.mkdir(parents=True)
    if checkpoint.tokenizer is None:
        checkpoint.model.save(folder)
        entry = {"runtime": SCIKIT_LEARN, "precision": "fp32", "outputs": [LOGITS]}
    else:
        outputs = write_graph(checkpoint, folder / GRAPH)
        write_reader(checkpoint, folder)
        entry = {"runtime": ONNXRUNTIME, "precision": "fp32", "outputs": list(outputs)}
    write_json(folder / LABELS_FILE, list(checkpoint.labels))
    write_json(folder / CALIBRATION, checkpoint.calibration.to_dict())
    write_json(folder / THRESHOLDS, dict(zip(checkpoint.labels, checkpoint.thresholds.tolist(), strict=True)))
    write_json(folder / RUN, _record(checkpoint.run))
    return entry


def _record(run: dict) -> dict:
    """What a bundle keeps of a run's record: nothing of where files lay, and not the trainer's log."""
    sources = [{key: value for key, value in source.items() if key != "origin"} for source in run.get("sources", [])]
    return {key: value for key, value in run.items() if key != "history"} | {"sources": sources}
