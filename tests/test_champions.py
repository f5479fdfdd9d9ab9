"""The registry of champions: immutable versions, one pointer, and processes that die."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from toxres.errors import InputError
from toxres.triage.registry import (
    champion,
    next_name,
    note_attempt,
    promote,
    read_version,
    rollback,
    verify_version,
    versions,
    working,
)


def make(registry, parent=None, recipe="tfidf", content="weights", decisions=()) -> str:
    with working(registry) as work:
        name = next_name(registry, recipe)
        for part in ("checkpoint", "triage"):
            (work / "version" / part).mkdir(parents=True)
            (work / "version" / part / "file.json").write_text(content * 50)
        return promote(registry, name, work / "version", {"parent": parent, "decisions": list(decisions)}).name


def test_the_champion_is_the_last_that_was_promoted(tmp_path):
    registry = tmp_path / "registry"
    first = make(registry)
    second = make(registry, first)
    assert (first, second) == ("0001-tfidf", "0002-tfidf")
    found = champion(registry)
    assert found.name == second and found.record["parent"] == first
    assert found.checkpoint.is_dir() and found.triage.is_dir()
    assert versions(registry) == [first, second]
    verify_version(found)


def test_paths_of_a_champion_stay_those_of_one_version(tmp_path):
    make(tmp_path)
    before = champion(tmp_path)
    make(tmp_path, before.name)
    assert "0001-tfidf" in str(before.checkpoint) and champion(tmp_path).name == "0002-tfidf"
    assert (tmp_path / "champion").resolve().name == "0002-tfidf"


def test_rolling_back_goes_from_parent_to_parent_and_by_name(tmp_path):
    names = [None]
    for _ in range(3):
        names.append(make(tmp_path, names[-1]))
    assert rollback(tmp_path).name == names[2]
    assert rollback(tmp_path).name == names[1]
    with pytest.raises(InputError, match="0001-tfidf is the first champion"):
        rollback(tmp_path)
    assert rollback(tmp_path, names[3]).name == champion(tmp_path).name == names[3]
    with pytest.raises(InputError, match="has no version '0009-x'; choose one of: 0001-tfidf, 0002-tfidf, 0003-tfidf"):
        rollback(tmp_path, "0009-x")
    events = [json.loads(line)["event"] for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert events == ["promoted"] * 3 + ["rolled back"] * 3
    assert versions(tmp_path) == names[1:]


def test_a_challenger_is_judged_against_the_champion_that_is(tmp_path):
    first = make(tmp_path)
    second = make(tmp_path, first)
    with pytest.raises(InputError, match="the champion was changed in the meantime"):
        make(tmp_path, first)
    assert champion(tmp_path).name == second and versions(tmp_path) == [first, second]


def test_a_rollback_need_not_wait_for_a_retraining(tmp_path):
    first = make(tmp_path)
    make(tmp_path, first)
    with working(tmp_path), pytest.raises(InputError, match="another process retrains here"), working(tmp_path):
        pass
    with working(tmp_path):
        assert rollback(tmp_path).name == first


def test_attempts_have_numbers_and_no_weights(tmp_path):
    first = make(tmp_path)
    with working(tmp_path) as work:
        (work / "version").mkdir()
        note_attempt(tmp_path, next_name(tmp_path, "tfidf"), {"reasons": ["a loss"]})
    assert make(tmp_path, first) == "0003-tfidf"
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_changed_version_is_found_out_and_not_rolled_back_to(tmp_path):
    first = make(tmp_path)
    make(tmp_path, first)
    for damage in ("changed", "missing", "added"):
        version = read_version(tmp_path, first)
        file = version.checkpoint / "file.json"
        before = file.read_text()
        file.chmod(0o644)
        if damage == "changed":
            file.write_text("other")
        elif damage == "missing":
            file.unlink()
        else:
            (version.triage / "more.json").write_text("x")
        with pytest.raises(InputError, match=r"checkpoint/file.json|triage/more.json"):
            rollback(tmp_path)
        assert champion(tmp_path).name == "0002-tfidf"
        file.write_text(before)
        (version.triage / "more.json").unlink(missing_ok=True)
    assert rollback(tmp_path).name == first


def test_registries_that_are_not_there_or_broken(tmp_path):
    with pytest.raises(InputError, match="no such registry"):
        champion(tmp_path / "none")
    with pytest.raises(InputError, match="no such registry"):
        rollback(tmp_path / "none", "0001-tfidf")
    with working(tmp_path / "empty"):
        pass
    assert champion(tmp_path / "empty") is None
    with pytest.raises(InputError, match="no champion to roll back from"):
        rollback(tmp_path / "empty")
    make(tmp_path)
    (tmp_path / "versions" / "0001-tfidf" / "record.json").chmod(0o644)
    (tmp_path / "versions" / "0001-tfidf" / "record.json").write_text("{")
    with pytest.raises(InputError, match=r"record\.json: is missing or broken"):
        champion(tmp_path)


def test_readers_always_find_a_whole_version(tmp_path):
    names = [make(tmp_path)]
    names.append(make(tmp_path, names[0]))
    stop, failures, seen = threading.Event(), [], set()

    def read():
        while not stop.is_set():
            try:
                found = champion(tmp_path)
                verify_version(found)
                seen.add(found.name)
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    for _ in range(40):
        for name in names:
            rollback(tmp_path, name)
    stop.set()
    thread.join()
    assert failures == [] and seen == set(names)


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[2])))
from test_champions import make
from toxres.triage.registry import champion, rollback
registry = Path(sys.argv[1])
registry.mkdir(exist_ok=True)
print("ready", flush=True)
while True:
    now = champion(registry)
    print(make(registry, now and now.name), flush=True)
    if now:
        print(rollback(registry).name, flush=True)
        print(rollback(registry, now.name).name, flush=True)
"""


def killed_registry(registry, rounds: int, seed: int = 0) -> None:
    """Kill a process that promotes and rolls back without a pause; each time one valid champion is left.

    It is the one that was last acknowledged, or what the one step after that made of it: its child or its parent.
    """
    chance, acknowledged = random.Random(seed), None
    for _ in range(rounds):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(registry), str(Path(__file__).parent)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.random() * 0.1)
        os.kill(process.pid, signal.SIGKILL)
        said = process.stdout.read().splitlines()
        process.wait()
        acknowledged = said[-1] if said else acknowledged
        found = champion(registry)
        if found is None:
            assert acknowledged is None
            continue
        verify_version(found)
        last = read_version(registry, acknowledged) if acknowledged else None
        assert last is None or found.name in (last.name, last.record["parent"]) or found.record["parent"] == last.name
        acknowledged = found.name
    assert acknowledged is not None
    assert make(registry, acknowledged) == champion(registry).name
    assert [path.name for path in registry.glob(".*")] == []


def test_a_killed_process_leaves_one_valid_champion(tmp_path):
    killed_registry(tmp_path / "registry", 4)


@pytest.mark.stress
def test_fifty_killed_processes_leave_one_valid_champion(tmp_path):
    killed_registry(tmp_path / "registry", 50, seed=1)
