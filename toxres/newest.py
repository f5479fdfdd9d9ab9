"""Which checkpoints stand under a folder: the newest of each recipe, and those that belong side by side."""

from pathlib import Path

from toxres.checkpoint import RUN, load_checkpoint
from toxres.errors import InputError
from toxres.files import read_json

SIDE_BY_SIDE = ("baseline", "custom", "ulmfit")
"""The recipes that are compared and served side by side."""


def newest_checkpoints(folder: str | Path, source: str | None = None, preset: str | None = None) -> dict[str, Path]:
    """The newest finished checkpoint of each recipe anywhere under a folder, by recipe name.

    Args:
        folder: Where the checkpoints stand.
        source: Only those trained on this source and no other, in an earlier stage neither.
        preset: Only those of this preset.
    """
    newest: dict[str, Path] = {}
    for file in sorted(Path(folder).rglob(RUN), key=lambda file: file.stat().st_mtime):
        try:
            run = load_checkpoint(file.parent).run
        except InputError:
            continue
        entries = [*run["sources"], *((run.get("initial") or {}).get("sources", ()))]
        if source is not None and {entry["name"] for entry in entries} != {source}:
            continue
        if preset is None or run["preset"]["name"] == preset:
            newest[run["recipe"]["name"]] = file.parent
    return newest


def belonging(folder: str | Path) -> list[Path]:
    """The newest checkpoints of one set of sources and one preset, those of the newest `custom`, in order.

    Without a `custom` the newest of another of `SIDE_BY_SIDE` says which; without any there is none.
    """
    newest = {name: path for name, path in newest_checkpoints(folder).items() if name in SIDE_BY_SIDE}
    if not newest:
        return []
    kinds = {name: _kind(path) for name, path in newest.items()}
    wanted = kinds.get("custom") or list(kinds.values())[-1]
    return [newest[name] for name in SIDE_BY_SIDE if kinds.get(name) == wanted]


def _kind(checkpoint: Path) -> tuple[frozenset[str], str]:
    """The sources a checkpoint was trained on, and its preset."""
    run = read_json(checkpoint / RUN)
    return frozenset(source["name"] for source in run["sources"]), run["preset"]["name"]
