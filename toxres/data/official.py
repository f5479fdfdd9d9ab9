"""Official test files: for final figures only, so their texts are kept out of all training."""

import functools
from collections.abc import Mapping
from pathlib import Path

from toxres.data.csvfiles import read_table
from toxres.data.memory import fingerprint, remembered
from toxres.data.paths import need_columns, resolve

OFFICIAL_TESTS: Mapping[str, str] = {
    "toxic_spans/tsd_test.csv": "text",
    "hatecheck/test_suite_cases.csv": "test_case",
    "madlibs/bias_madlibs_77k.csv": "Text",
    "poleval2019/task6-1/test_set_clean_only_text.txt": "",
}
"""Files for final figures only, and the column their texts stand in ("" for one text a line)."""


def load_official_texts(data_dir: str | Path | None = None) -> dict[str, list[str]]:
    """Texts of the official test files that are at hand, by file: never to be trained or tuned on.

    Raises:
        InputError: A file is broken.
    """
    texts = {}
    for file, column in OFFICIAL_TESTS.items():
        path = resolve(file, data_dir)
        if path is None:
            continue
        texts[file] = remembered(
            ("official", column), fingerprint([path]), functools.partial(_read, path, column), copy=list
        )
    return texts


def _read(path: Path, column: str) -> list[str]:
    if not column:
        return [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    table = read_table(path)
    need_columns(table, path, (column,))
    return table[column].tolist()
