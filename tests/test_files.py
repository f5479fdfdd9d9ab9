"""Writing whole or not at all, and never over what a result must not replace."""

import os

import pytest

from toxres.errors import InputError
from toxres.files import atomic_path, need_writable, well_formed, write_json


@pytest.fixture
def precious(tmp_path):
    """A folder with something in it."""
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "kept.txt").write_text("as it was")
    return folder


def test_a_file_never_replaces_a_folder(precious):
    with pytest.raises(InputError, match="precious: is a folder; name a file"):
        write_json(precious, {"a": 1})
    assert (precious / "kept.txt").read_text() == "as it was"
    assert list(precious.parent.iterdir()) == [precious], "no temporary file is left"


def test_a_folder_replaces_a_folder(precious):
    with atomic_path(precious) as folder:
        folder.mkdir()
        (folder / "new.txt").touch()
    assert [item.name for item in precious.iterdir()] == ["new.txt"]
    assert list(precious.parent.iterdir()) == [precious]


def test_a_block_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("as it was")
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "as it was" and list(tmp_path.iterdir()) == [path]


def test_where_a_result_can_be_written(precious):
    need_writable(precious / "new" / "deep" / "a.json")
    need_writable(precious / "kept.txt")
    need_writable(precious, folder=True)
    assert [item.name for item in precious.iterdir()] == ["kept.txt"], "nothing is made"
    with pytest.raises(InputError, match="is a folder; name a file"):
        need_writable(precious)
    for path in (precious / "kept.txt" / "x", precious / "kept.txt" / "x" / "y"):
        for folder in (False, True):
            with pytest.raises(InputError, match=r"kept.txt is no folder; choose another place"):
                need_writable(path, folder=folder)


@pytest.mark.parametrize("path", ["", ".", "/", "a/.."])
def test_a_result_needs_a_name(path):
    for folder in (False, True):
        with pytest.raises(InputError, match=r"is no name of a (file|folder) to write"):
            need_writable(path, folder=folder)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc")
def test_a_place_where_nothing_can_be_made_is_refused_before_the_work():
    for folder in (False, True):
        with pytest.raises(
            InputError, match=r"^/proc/x/y.json: nothing can be written in /proc \(.*choose another place"
        ):
            need_writable("/proc/x/y.json", folder=folder)


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match=r"nothing can be written in .*Permission denied"):
        need_writable(tmp_path / "new" / "a.json")


def test_lone_surrogates_cannot_be_written():
    assert well_formed("a\ud800b\udc00") == "a\ufffdb\ufffd"
    assert well_formed("fine \U0001f600 \ud83d\ude00") == "fine \U0001f600 \U0001f600"
