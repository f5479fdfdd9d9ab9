"""The bundle that `toxres serve` takes when none is named: of the newest checkpoints under `build/`."""

from pathlib import Path

from toxres.errors import InputError
from toxres.files import read_json

SERVED = ("baseline", "custom", "ulmfit")
"""The recipes of `make run` that are served side by side."""

ROWS = 400
"""Validation comments that the runtime and precision are chosen on: enough to tell, few enough to wait for."""


def newest_bundle(build: Path) -> Path:
    """`build/bundle`, exported anew if it is missing, broken, or older than the newest checkpoints.

    The checkpoints are those of one source and preset: that of the newest `custom`, or else of the newest of all.

    Raises:
        InputError: There is no checkpoint of a recipe that is served.
    """
    from toxres.serving import export_bundle
    from toxres.serving.manifest import MANIFEST, read_manifest

    chosen = _chosen(build / "checkpoints")
    bundle = build / "bundle"
    if not chosen:
        if (bundle / MANIFEST).is_file():
            return bundle
        raise InputError(
            f"{build / 'checkpoints'}: holds no checkpoint of {', '.join(SERVED)}; `make run` trains some, or name "
            "a bundle that `toxres export` wrote"
        )
    try:
        read_manifest(bundle)
        if (bundle / MANIFEST).stat().st_mtime >= max((path / "run.json").stat().st_mtime for path in chosen):
            return bundle
    except InputError:
        pass
    print(f"exporting {', '.join(map(str, chosen))} to {bundle}", flush=True)
    return export_bundle(chosen, bundle, limit=ROWS, say=lambda line: print(line, flush=True))


def _chosen(folder: Path) -> list[Path]:
    """Checkpoints that belong together, in the order of `SERVED`."""
    from toxres.summary import newest_checkpoints

    newest = {name: path for name, path in newest_checkpoints(folder).items() if name in SERVED}
    if not newest:
        return []
    kinds = {name: _kind(path) for name, path in newest.items()}
    wanted = kinds.get("custom") or list(kinds.values())[-1]
    return [newest[name] for name in SERVED if kinds.get(name) == wanted]


def _kind(checkpoint: Path) -> tuple[frozenset[str], str]:
    """The sources a checkpoint was trained on, and its preset."""
    run = read_json(checkpoint / "run.json")
    return frozenset(source["name"] for source in run["sources"]), run["preset"]["name"]
