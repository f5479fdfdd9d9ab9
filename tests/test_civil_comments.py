"""All of Civil Comments: from files at hand, as frame or stream, and fetched from the hub."""

import numpy as np
import pandas as pd
import pytest

from toxres.data import available, civil_comments, load_comments
from toxres.data.registry import describe, pull
from toxres.data.streams import open_stream
from toxres.errors import InputError, RunError

COUNTS = {"train": 6, "validation": 2, "test": 3}


def table(split: str) -> pd.DataFrame:
    count = COUNTS[split]
    columns = ("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack", "sexual_explicit")
    texts = [f"{split} remark number {row}" for row in range(count)]
    return pd.DataFrame({"text": texts} | {name: np.linspace(0, 1, count, dtype=np.float32) for name in columns})


@pytest.fixture
def hub(monkeypatch, bare_data):
    """The hub, which holds a small one."""
    import datasets

    sets = {split: datasets.Dataset.from_pandas(table(split)) for split in COUNTS}
    asked = []
    monkeypatch.setattr(civil_comments, "open_hub", lambda name: asked.append(name) or sets)
    monkeypatch.setattr(civil_comments, "ROWS", COUNTS)
    return asked


def test_it_is_fetched_once_and_read_as_frame_and_as_stream(hub, bare_data):
    cache = bare_data.parent / "cache"
    assert not available("civil_comments")
    with pytest.raises(InputError, match="run `toxres data pull civil_comments`"):
        open_stream("civil_comments")
    pulled = pull(["civil_comments"], progress=False)
    assert [path.relative_to(cache).as_posix() for path in pulled.downloaded] == list(civil_comments.FILES)
    assert len(pull(["civil_comments"], progress=False).present) == 3 and hub == ["google/civil_comments"]
    assert available("civil_comments")
    comments = load_comments("civil_comments")
    assert comments["fold"].value_counts().to_dict() == {0: 3, 1: 2, 2: 2, 3: 2, 4: 2}
    assert comments["group"].unique().tolist() == ["news"] and comments["id"].iloc[0] == "train-1"
    stream = open_stream("civil_comments")
    streamed = pd.concat(list(stream.tables()))
    assert streamed["fold"].value_counts().to_dict() == {2: 6, 0: 3, 1: 2} and stream.own == {"test", "validation"}
    assert sorted(streamed["text"]) == sorted(comments["text"])
    assert streamed["identity_hate"].tolist()[-1] == 1.0


def test_a_lost_split_is_fetched_again(hub, bare_data):
    pull(["civil_comments"], progress=False)
    lost = bare_data.parent / "cache" / "civil_comments" / "test.parquet"
    lost.unlink()
    pulled = pull(["civil_comments"], progress=False)
    assert pulled.downloaded == (lost,) and len(pulled.present) == 2


def test_another_number_of_rows_is_no_dataset(hub, bare_data, monkeypatch):
    monkeypatch.setattr(civil_comments, "ROWS", COUNTS | {"test": 4})
    with pytest.raises(RunError, match="split 'test' has 3 comments instead of 4"):
        pull(["civil_comments"], progress=False)
    assert not (bare_data.parent / "cache").exists()


def test_it_is_fetched_only_when_named(hub, bare_data, monkeypatch):
    monkeypatch.setattr("toxres.data.registry.remote_files", lambda: ())
    told = pull(progress=False).manual
    assert any("toxres data pull civil_comments" in line for line in told) and not hub
    assert "CC0" in describe("civil_comments") and describe("civil_comments").endswith("pull civil_comments")
