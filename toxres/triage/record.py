"""A triage as a folder: `triage.json`, what was fitted and on what, and `policy.yaml`, for people."""

import dataclasses
import datetime
from pathlib import Path

from toxres.errors import InputError
from toxres.files import atomic_path, need_writable, read_json, write_json, write_text
from toxres.results import current_commit
from toxres.triage.policy import FieldError, Policy
from toxres.triage.policy_file import load_policy
from toxres.triage.promise import Promise
from toxres.triage.verdicts import GroupThresholds, Triage

TRIAGE = "triage.json"
POLICY = "policy.yaml"
VERSION = 1
"""Of the layout of `triage.json`."""


def save_triage(triage: Triage, folder: str | Path) -> Path:
    """Write a triage into a new folder, all of it or nothing.

    Raises:
        InputError: The folder exists (a triage never changes: choose another name) or cannot be written.
    """
    folder = Path(folder)
    need_writable(folder, folder=True)
    if folder.exists():
        raise InputError(f"{folder}: exists, and a triage never changes; choose another folder")
    record = {
        "version": VERSION,
        "policy": triage.policy.to_dict(),
        "policy_hash": triage.policy.hash,
        "labels": list(triage.labels),
        "groups": {name: _group(each) for name, each in triage.groups.items()},
        "calibrated_on": dict(triage.calibrated_on),
        "commit": current_commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        write_json(temporary / TRIAGE, record)
        write_text(temporary / POLICY, triage.policy.to_yaml())
    return folder


def load_triage(folder: str | Path) -> Triage:
    """Open a folder that `save_triage` wrote.

    Raises:
        InputError: There is no such folder, a file is missing or broken, or `policy.yaml` is no longer the policy that
            the thresholds were fitted for.
    """
    folder = Path(folder)
    for name in (TRIAGE, POLICY):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: {name} is missing, so this is no triage; name a folder of `toxres triage fit`")
    file = folder / TRIAGE
    try:
        value = read_json(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: is not valid JSON ({str(error).splitlines()[0]}); fit the triage again") from None
    try:
        if value["version"] != VERSION:
            raise InputError(f"{file}: has version {value['version']}, and this toxres reads {VERSION}; fit it again")
        policy = Policy.from_dict(value["policy"])
        groups = {
            name: GroupThresholds(**{**each, "promises": tuple(Promise(**one) for one in each["promises"])})
            for name, each in value["groups"].items()
        }
        triage = Triage(policy, groups, tuple(value["labels"]), value["calibrated_on"])
        if not groups or value["policy_hash"] != policy.hash:
            raise ValueError("the policy is not the one it was fitted for")
    except FieldError as error:
        raise InputError(f"{file}: field policy.{error.field}: {error.problem}") from None
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{file}: a field is missing or wrong ({error}); fit the triage again") from None
    if load_policy(folder / POLICY).hash != policy.hash:
        raise InputError(
            f"{folder / POLICY}: is not the policy that the thresholds were fitted for; fit a triage for the new one"
        )
    return triage


def _group(group: GroupThresholds) -> dict:
    return dataclasses.asdict(group)
