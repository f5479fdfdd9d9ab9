"""`python -m toxres.data`: write the committed folds in data/splits/ anew, from the data at hand."""

import sys

from toxres.data.official import OFFICIAL_TESTS
from toxres.data.paths import resolve
from toxres.data.sources import SOURCES
from toxres.data.splits import COMMITTED, SPLIT_DIR, compute_folds, write_folds


def main() -> int:
    """Compute and write the folds of every source in `COMMITTED`; every official test file is needed for that."""
    missing = [file for file in OFFICIAL_TESTS if resolve(file) is None]
    if missing:
        print(f"not at hand: {', '.join(missing)}; set TOXRES_DATA_DIR or run `toxres data pull`", file=sys.stderr)
        return 2
    for name in COMMITTED:
        folds = compute_folds(SOURCES[name].load(None))
        write_folds(folds, SPLIT_DIR / f"{name}.csv")
        print(name, folds["fold"].value_counts().sort_index().to_dict(), f"{folds['cluster'].nunique()} clusters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
