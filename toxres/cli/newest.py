"""The bundle that `toxres serve` takes when none is named: of the newest checkpoints under `build/`."""

import dataclasses
import tempfile
from pathlib import Path

from toxres.errors import InputError

POLICY = "forum"
"""The example that verdicts are by, unless a bundle brings its own."""

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
    with tempfile.TemporaryDirectory(prefix="toxres-") as work:
        triage = _fit(chosen, Path(work) / "triage")
        return export_bundle(chosen, bundle, triage=triage, limit=ROWS, say=lambda line: print(line, flush=True))


def _fit(chosen: list[Path], out: Path) -> Path | None:
    """A triage for the last model that has attention pooling, by `POLICY` for every group; None where none can be."""
    from toxres.checkpoint import load_checkpoint
    from toxres.triage import load_policy
    from toxres.triaging import fit_policy

    opened = [load_checkpoint(path) for path in chosen]
    seeing = [each for each in opened if each.run["recipe"].get("pooling") == "attention"]
    checkpoint = (seeing or opened)[-1]
    policy = dataclasses.replace(load_policy(POLICY), groups=())
    try:
        fitted = fit_policy(checkpoint, policy, checkpoint.run["sources"][0]["name"], out=out)
    except InputError as error:
        print(f"no policy was fitted, so every comment goes to a person: {error}", flush=True)
        return None
    for line in fitted.triage.told():
        print(f"policy {policy.name}: {line}", flush=True)
    return fitted.folder
