"""The work folder: who may train in it, and until when."""

import json
import os

import pytest

from toxres.errors import InputError
from toxres.training import work
from toxres.training.work import claimed, has_key

MINE, OTHER = {"key": "mine"}, {"key": "other"}


def interrupted(folder, description=MINE):
    with pytest.raises(KeyboardInterrupt), claimed(folder, description):
        raise KeyboardInterrupt
    return folder


def test_made_with_the_record_and_locked(tmp_path):
    partial = tmp_path / "out.partial"
    with claimed(partial, MINE):
        assert json.loads((partial / "run.json").read_text()) == MINE
        assert os.listdir(tmp_path) == ["out.partial"]
        for description, options in ((MINE, {}), (MINE, {"resume": True}), (OTHER, {"replace": True})):
            with (
                pytest.raises(InputError, match="is being trained by another process"),
                claimed(partial, description, **options),
            ):
                pytest.fail("two at a time")
        assert has_key(partial, "mine")


def test_free_after_any_end(tmp_path):
    partial = interrupted(tmp_path / "out.partial")
    (partial / "state").write_text("8")
    for _ in range(2):
        with pytest.raises(RuntimeError), claimed(partial, MINE, resume=True):
            raise RuntimeError("no memory")
    with claimed(partial, MINE, resume=True):
        assert (partial / "state").exists()


def test_an_interrupted_run_is_taken_over_only_as_told(tmp_path):
    partial = interrupted(tmp_path / "out.partial")
    with pytest.raises(InputError, match="add --resume"), claimed(partial, MINE):
        pytest.fail("not told to resume")
    with pytest.raises(InputError, match="of other settings"), claimed(partial, OTHER, resume=True):
        pytest.fail("other settings")
    with claimed(partial, OTHER, replace=True):
        assert has_key(partial, "other")
        with pytest.raises(InputError, match="another process"), claimed(partial, OTHER, resume=True):
            pytest.fail("the new folder is locked too")


def test_two_that_start_at_once(tmp_path, monkeypatch):
    partial = tmp_path / "out.partial"
    write = work.write_json

    def slow(path, value):
        monkeypatch.setattr(work, "write_json", write)
        with claimed(partial, OTHER):
            (partial / "state").write_text("8")
        write(path, value)

    monkeypatch.setattr(work, "write_json", slow)
    with pytest.raises(InputError, match="another process"), claimed(partial, MINE):
        pytest.fail("two at a time")
    assert (partial / "state").exists() and os.listdir(tmp_path) == ["out.partial"]


def test_without_locks(tmp_path, monkeypatch):
    monkeypatch.setattr("toxres.files.fcntl", None)
    with claimed(tmp_path / "out.partial", MINE), claimed(tmp_path / "out.partial", MINE, resume=True):
        assert os.listdir(tmp_path / "out.partial") == ["run.json"]
