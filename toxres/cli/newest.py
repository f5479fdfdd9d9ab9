"""The bundle that `toxres serve` takes when none is named: of the newest checkpoints under `build/`."""

from pathlib import Path

from toxres.errors import InputError

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
    from toxres.checkpoint import load_checkpoint
    from toxres.summary import newest_checkpoints

    newest = {name: path for name, path in newest_checkpoints(folder).items() if name in SERVED}
    if not newest:
        return []
    run = load_checkpoint(newest.get("custom") or list(newest.values())[-1]).run
    sources = {entry["name"] for entry in run["sources"]}
    source = sources.pop() if len(sources) == 1 else None
    alike = newest_checkpoints(folder, source, run["preset"]["name"])
    return [alike[name] for name in SERVED if name in alike]
