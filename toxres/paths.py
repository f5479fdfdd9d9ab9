"""Where a run writes: `build/`, unless the notebook runner says otherwise."""

import os
from pathlib import Path

from toxres.files import ROOT


def build_dir() -> Path:
    """Folder for checkpoints and whatever else a run produces: `TOXRES_BUILD_DIR`, else `build/` of the project."""
    return Path(os.environ.get("TOXRES_BUILD_DIR") or ROOT / "build")


def figures_dir() -> Path:
    """Folder a figure is saved to: `TOXRES_FIGURES_DIR`, else `build/figures`.

    Never the committed `figures/`: only `make render` moves the figures of a clean run there.
    """
    return Path(os.environ.get("TOXRES_FIGURES_DIR") or build_dir() / "figures")
