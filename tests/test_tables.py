"""Files of any size as small tables: the same comments from every format, and a broken row is named."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers.training import comments_rows

from toxres.data.tables import ROWS, comments_of, file_part, hub_parts
from toxres.errors import InputError
from toxres.labels import LABELS

COUNT = ROWS + 5


def write(path, rows: list[dict]) -> str:
    frame = pd.DataFrame(rows)
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False, row_group_size=300)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        frame.to_csv(path, index=False)
    return str(path)


def read(path) -> pd.DataFrame:
    part, first, blocks = file_part(path), 1, []
    for table in part:
        blocks.append(comments_of(table, part.name, first=first))
        first += len(blocks[-1])
    assert all(len(block) <= ROWS for block in blocks)
    return pd.concat(blocks, ignore_index=True)


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "parquet"])
def test_every_format_gives_the_same_comments(tmp_path, ending):
    rows = comments_rows(COUNT)
    rows[-1] |= {"toxic": -1, "insult": 0.25}
    found = read(write(tmp_path / f"x.{ending}", rows))
    assert found["text"].tolist() == [row["comment_text"] for row in rows]
    assert found["id"].tolist() == [row["id"] for row in rows]
    assert np.isnan(found["toxic"].iloc[-1]) and found["insult"].iloc[-1] == 0.25
    assert found[list(LABELS)].iloc[1].tolist() == [1, 0, 1, 1, 1, 0]


def test_columns_of_civil_comments(tmp_path):
    row = {"text": "hm", "toxicity": 0.7, "severe_toxicity": 0.1, "obscene": 0.2, "threat": 0.0, "insult": 0.6,
           "identity_attack": 0.3, "sexual_explicit": 0.9}  # fmt: skip
    found = read(write(tmp_path / "x.parquet", [row, row]))
    np.testing.assert_allclose(found[list(LABELS)].iloc[0], [0.7, 0.1, 0.2, 0.0, 0.6, 0.3], atol=1e-7)
    assert found["id"].tolist() == ["row-1", "row-2"]
    kaggle = read(write(tmp_path / "x.csv", [{"comment_text": "hm", "target": 0.8}]))
    assert kaggle["toxic"].tolist() == [np.float32(0.8)] and kaggle["insult"].isna().all()


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("comment_text", "  ", "row 1003, field 'comment_text': is empty; give it a text or drop the row"),
        ("insult", 7, "row 1003, field 'insult': is no number in .0, 1.; give 0, 1 or a fraction"),
    ],
)
def test_a_broken_row_is_named_by_file_row_and_field(tmp_path, ending, field, value, complaint):
    rows = comments_rows(COUNT)
    rows[1_002][field] = value
    with pytest.raises(InputError, match=rf"x\.{ending}: {complaint}"):
        read(write(tmp_path / f"x.{ending}", rows))


def test_what_is_no_table_or_broken(tmp_path):
    lines = tmp_path / "x.jsonl"
    lines.write_text('{"text": "a"}\n\n{"text": "b"\n')
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "x.csv").write_text("sentence\nhello\n")
    for name, complaint in {
        "x.jsonl": "x.jsonl: line 3: not valid JSON",
        "x.parquet": "x.parquet: not a Parquet file, or broken after row 0",
        "x.csv": r"x.csv: no column 'comment_text' or 'text' \(found sentence\)",
        "x.txt": "x.txt: is no table; name a .csv, .jsonl or .parquet file",
        "none.csv": "none.csv: no such file; check the path",
        "x.doc": "unknown ending '.doc'",
    }.items():
        with pytest.raises(InputError, match=complaint):
            read(tmp_path / name)
    with pytest.raises(InputError, match="'Toxic', which would not be read; rename the column 'toxic'"):
        read(write(tmp_path / "y.csv", [{"comment_text": "a", "Toxic": 1}]))


def test_a_digest_follows_the_bytes(tmp_path):
    path = write(tmp_path / "x.csv", comments_rows(3))
    before = file_part(path).digest
    assert file_part(path).digest == before
    write(tmp_path / "x.csv", comments_rows(4))
    assert file_part(path).digest != before


def test_splits_of_a_folder(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "set"
    folder.mkdir()
    for split, count in (("train", 7), ("validation", 2), ("test", 3)):
        write(folder / f"{split}.parquet", comments_rows(count))
    parts = hub_parts(str(folder))
    assert {name: sum(len(table["id"]) for table in part) for name, part in parts.items()} == {
        "train": 7, "validation": 2, "test": 3,
    }  # fmt: skip
    assert "split 'train'" in parts["train"].name and len({part.digest for part in parts.values()}) == 3
    assert capfd.readouterr().err == ""
