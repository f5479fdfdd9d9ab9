"""The bundle that `toxres serve` takes when none is named: of the newest checkpoints under `build/`."""

from pathlib import Path

from toxres.errors import InputError

ROWS = 400
"""Validation comments that the runtime and precision are chosen on: enough to tell, few enough to wait for."""


def newest_bundle(build: Path) -> Path:
    """`build/bundle`, exported anew if it is missing, broken, or older than the newest checkpoints.

    The checkpoints are those of one source and preset: that of the newest `custom`, or else of the newest of all.

    Raises:
        InputError: There is no checkpoint of a recipe that is served.
    """
    from toxres.newest import SIDE_BY_SIDE, belonging
    from toxres.serving import export_bundle
    from toxres.serving.manifest import MANIFEST, read_manifest

    chosen = belonging(build / "checkpoints")
    bundle = build / "bundle"
    if not chosen:
        if (bundle / MANIFEST).is_file():
            return bundle
        raise InputError(
            f"{build / 'checkpoints'}: holds no checkpoint of {', '.join(SIDE_BY_SIDE)}; `make run` trains some, or "
            "name a bundle that `toxres export` wrote"
        )
    try:
        read_manifest(bundle)
        if (bundle / MANIFEST).stat().st_mtime >= max((path / "run.json").stat().st_mtime for path in chosen):
            return bundle
    except InputError:
        pass
    print(f"exporting {', '.join(map(str, chosen))} to {bundle}", flush=True)
    return export_bundle(chosen, bundle, limit=ROWS, say=lambda line: print(line, flush=True))
