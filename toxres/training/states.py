"""The states a trainer saves on its way, and which of them a run can be resumed from after it was killed."""

import zipfile
from pathlib import Path

from safetensors import SafetensorError, safe_open

from toxres.files import read_json

_STATE = "trainer_state.json"
_TENSORS = ("optimizer.pt", "scheduler.pt")


def latest_state(folder: Path, processes: int = 1) -> Path | None:
    """The newest whole state under `folder`, or None; one that a kill cut off is passed over.

    Args:
        folder: Holds `checkpoint-<step>` folders.
        processes: How many processes train; each saves the state of its random generator.
    """
    return next((state for state in reversed(_states(folder)) if _is_whole(state, processes)), None)


def _states(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("checkpoint-*") if path.name.removeprefix("checkpoint-").isdigit()]
    return sorted(found, key=lambda path: int(path.name.removeprefix("checkpoint-")))


def _is_whole(state: Path, processes: int) -> bool:
    """The trainer writes its record last, and other processes maybe their random state after it."""
    random = ["rng_state.pth"] if processes == 1 else [f"rng_state_{rank}.pth" for rank in range(processes)]
    try:
        read_json(state / _STATE)
        with safe_open(state / "model.safetensors", framework="pt"):
            return all(zipfile.is_zipfile(state / name) for name in (*_TENSORS, *random))
    except (OSError, ValueError, SafetensorError):
        return False
