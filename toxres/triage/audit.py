"""Who waits and who is wronged: coverage and errors for each label and for comments about each group of people.

Selective classification can magnify disparities between groups even where it makes the whole more accurate (Jones,
Sagawa, Koh, Kumar and Liang, ICLR 2021, "Selective classification can magnify disparities across groups"). A promise
is about all comments of a site together; what it comes to for a part of them has to be counted.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact

from toxres.data.identity_terms import KINDS, TERMS, mentioned_terms
from toxres.evaluation.seeds import holm
from toxres.triage.bounds import clopper_pearson
from toxres.triage.verdicts import ACCEPT, REJECT, UNCERTAIN

ANY: Final = "any group"
"""Row of the comments that mention at least one group of people."""

NONE: Final = "none"
"""Row of the comments that mention none."""

LEAST: Final = 20
"""Comments that a term needs for a row of its own."""


def mentions(texts: Sequence[str], least: int = LEAST) -> dict[str, np.ndarray]:
    """Which comments (N,) mention which group of people: `NONE`, `ANY`, each kind of group, each frequent term.

    Args:
        texts: N comments.
        least: Comments that a kind or a term needs to be listed.
    """
    found = mentioned_terms(texts)
    kinds = {kind: np.zeros(len(texts), dtype=bool) for kind in KINDS}
    for name, rows in found.items():
        kinds[TERMS[name].kind] |= rows
    anyone = np.logical_or.reduce(list(found.values()))
    listed = {f"kind: {kind}": rows for kind, rows in kinds.items()} | found
    return {NONE: ~anyone, ANY: anyone} | {name: rows for name, rows in listed.items() if rows.sum() >= least}


def audit(
    verdict: np.ndarray, violates: np.ndarray, parts: Mapping[str, np.ndarray], reference: str = NONE
) -> pd.DataFrame:
    """Coverage and error of parts of the comments, and whether they differ from those of a reference part.

    Args:
        verdict: (N,) verdicts of comments whose answer is known.
        violates: (N,) booleans, what is true of them.
        parts: Name to (N,) booleans; parts may overlap.
        reference: The part that others are compared with.

    Returns:
        A row a part: `n`, `violations`; `coverage`, `error` (of the decided), `wrong_accepts` (of the accepted),
        `wrong_rejects` (of the rejected), `harmless_reviewed` (share of the harmless that wait for a person), each with
        exact 95% intervals (`_low`, `_high`); `coverage_p`, `error_p` and `harmless_p`: p-values of Fisher's exact test
        against the reference, corrected by Holm over the parts; NaN for the reference.
    """
    verdict, violates = np.asarray(verdict), np.asarray(violates, dtype=bool)
    counted = {name: _counts(verdict[rows], violates[rows]) for name, rows in parts.items()}
    frame = pd.DataFrame({"n": {name: int(rows.sum()) for name, rows in parts.items()}}, index=list(parts))
    frame["violations"] = [int(violates[rows].sum()) for rows in parts.values()]
    for column in _COLUMNS:
        hits, n = np.array([counted[name][column] for name in parts]).T
        frame[column] = np.divide(hits, n, out=np.full(len(n), np.nan), where=n > 0)
        frame[f"{column}_low"], frame[f"{column}_high"] = clopper_pearson(hits, n)
    for name, column in (("coverage", "coverage"), ("error", "error"), ("harmless", "harmless_reviewed")):
        p_values = [
            np.nan if part == reference else _fisher(counted[part][column], counted[reference][column])
            for part in parts
        ]
        frame[f"{name}_p"] = holm(p_values)
    return frame


_COLUMNS = ("coverage", "error", "wrong_accepts", "wrong_rejects", "harmless_reviewed")


def _counts(verdict: np.ndarray, violates: np.ndarray) -> dict[str, tuple[int, int]]:
    """Hits and cases of each share."""
    accepted, rejected = verdict == ACCEPT, verdict == REJECT
    wrong_accepts, wrong_rejects = int((accepted & violates).sum()), int((rejected & ~violates).sum())
    decided = int(accepted.sum() + rejected.sum())
    return {
        "coverage": (decided, len(verdict)),
        "error": (wrong_accepts + wrong_rejects, decided),
        "wrong_accepts": (wrong_accepts, int(accepted.sum())),
        "wrong_rejects": (wrong_rejects, int(rejected.sum())),
        "harmless_reviewed": (int(((verdict == UNCERTAIN) & ~violates).sum()), int((~violates).sum())),
    }


def _fisher(part: tuple[int, int], reference: tuple[int, int]) -> float:
    if not part[1] or not reference[1]:
        return np.nan
    table = [[hits, n - hits] for hits, n in (part, reference)]
    return float(fisher_exact(table).pvalue)


def label_audit(verdict: np.ndarray, targets: np.ndarray, labels: Sequence[str]) -> pd.DataFrame:
    """What becomes of the comments that carry each label.

    Args:
        verdict: (N,) verdicts.
        targets: (N, L) in [0, 1], NaN unknown; a label is carried from 0.5 on.
        labels: Names of the columns.

    Returns:
        A row a label: `n` that carry it; `accepted`, `uncertain`, `rejected`, shares of these; `accepted_low` and
        `accepted_high`, the exact 95% interval of what is published.
    """
    rows = {}
    for label, column in zip(labels, np.asarray(targets, dtype=float).T, strict=True):
        part = verdict[np.nan_to_num(column, nan=0.0) >= 0.5]
        n = len(part)
        shares = {word: (part == which).sum() for word, which in _VERBS.items()}
        low, high = clopper_pearson(shares["accepted"], n)
        rows[label] = {
            "n": n,
            **{word: hits / n if n else np.nan for word, hits in shares.items()},
            "accepted_low": float(low),
            "accepted_high": float(high),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


_VERBS = {"accepted": ACCEPT, "uncertain": UNCERTAIN, "rejected": REJECT}
