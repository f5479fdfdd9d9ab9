"""Where a run writes: `build/`, unless the notebook runner says otherwise."""

import os
from pathlib import Path

from toxres.files import ROOT


def build_dir() -> Path:
    """Folder for checkpoints and whatever else a run produces: `TOXRES_BUILD`, else `build/` of the project."""
    return Path(os.environ.get("TOXRES_BUILD") or ROOT / "build")
