"""What makes a folder a bundle: a manifest with the hash of every file, of itself too, and the format's version.

The hashes tell a damaged or half-copied bundle from a whole one. They are no signature: who can write into the folder
can write a manifest that fits.
"""

import hashlib
import json
from pathlib import Path
from typing import Final

from toxres.errors import InputError
from toxres.files import sha256

MANIFEST: Final = "manifest.json"
FORMAT: Final = "toxres-bundle"
FORMAT_VERSION: Final = 1
"""Raised whenever an older toxres could not read a bundle, or would misread it."""

_AGAIN = "copy the bundle again, or export it again with `toxres export`"


def write_manifest(folder: Path, fields: dict) -> dict:
    """Write `manifest.json` over all files of a folder.

    Args:
        folder: The bundle, complete but for the manifest.
        fields: What else the manifest says.

    Returns:
        The manifest.
    """
    files = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)} for name in _names(folder)
    }
    manifest = {"format": FORMAT, "format_version": FORMAT_VERSION, **fields, "files": files}
    manifest["digest"] = _digest(manifest)
    (folder / MANIFEST).write_bytes(_bytes(manifest))
    return manifest


def read_manifest(folder: Path) -> dict:
    """The manifest of a bundle of which every file is there and as it was written.

    Raises:
        InputError: There is no bundle, it is of another format version, or a file is missing, changed or foreign.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such bundle folder; make one with `toxres export CHECKPOINT... --out {folder}`")
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(
            f"{folder}: {MANIFEST} is missing, so this is no bundle; name a folder that `toxres export` wrote"
        )
    content = path.read_bytes()
    try:
        manifest = json.loads(content)
        kind, version = manifest["format"], manifest["format_version"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: is damaged, or no manifest of a bundle; {_AGAIN}") from None
    if kind != FORMAT:
        raise InputError(f"{path}: its format is {kind!r}, not {FORMAT!r}; name a folder that `toxres export` wrote")
    if version != FORMAT_VERSION:
        raise InputError(
            f"{folder}: is a bundle of format version {version!r}, and this toxres reads version {FORMAT_VERSION}; "
            "export it again with this toxres, or serve it with the one that made it"
        )
    rest = {key: value for key, value in manifest.items() if key != "digest"}
    if manifest.get("digest") != _digest(rest) or content != _bytes(manifest):
        raise InputError(f"{path}: was changed after the export; {_AGAIN}")
    _check_files(folder, manifest["files"])
    return manifest


def _check_files(folder: Path, files: dict) -> None:
    """Raises InputError for the first file that is missing, foreign or changed."""
    found = _names(folder)
    if missing := sorted(files.keys() - set(found)):
        raise InputError(f"{folder}: {missing[0]} is missing; {_AGAIN}")
    if foreign := sorted(set(found) - files.keys()):
        raise InputError(f"{folder}: {foreign[0]} is not of the bundle; remove it, or keep it elsewhere")
    for name, entry in files.items():
        path = folder / name
        if path.stat().st_size != entry["bytes"] or sha256(path) != entry["sha256"]:
            raise InputError(f"{path}: was changed after the export (its sha256 is another); {_AGAIN}")


def _names(folder: Path) -> list[str]:
    """Names of all files below a folder but the manifest, with forward slashes; anything that is no folder counts."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(name for name in (path.relative_to(folder).as_posix() for path in paths) if name != MANIFEST)


def _digest(manifest: dict) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _bytes(manifest: dict) -> bytes:
    return (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()
