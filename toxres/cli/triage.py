"""What `toxres triage` does. Imports stand inside the functions: the parser loads this module."""

import argparse
import sys


def fit(options: argparse.Namespace) -> None:
    """`toxres triage fit CHECKPOINT --policy FILE|NAME --source NAME|FILE.csv --out DIR`."""
    from toxres.triaging import fit_policy

    found = fit_policy(
        options.checkpoint,
        options.policy,
        options.source,
        out=options.out,
        split=options.split,
        group=options.group,
    )
    for line in found.triage.told():
        print(line)
    if found.caution:
        print(found.caution, file=sys.stderr)
    print(f"triage: {found.folder}")
    print(f"next: toxres triage report {found.folder} {options.checkpoint} --source {options.source}")


def report(options: argparse.Namespace) -> None:
    """`toxres triage report TRIAGE CHECKPOINT --source NAME|FILE.csv [--json OUT.json]`."""
    from toxres.files import need_writable, write_json
    from toxres.triaging import report_policy

    if options.json is not None:
        need_writable(options.json)
    found, caution = report_policy(
        options.triage, options.checkpoint, options.source, split=options.split, group=options.group
    )
    print(found.table())
    if caution:
        print(caution, file=sys.stderr)
    if options.json:
        write_json(options.json, found.to_dict() | {"caution": caution})
