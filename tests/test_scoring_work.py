"""Runs that are broken and go on: `kill -9`, full disks, other inputs; the output is that of an unbroken run."""

import contextlib
import gzip
import itertools
import json
import random
import resource
import signal
import time

import pytest
from helpers.scorers import Fussy, chunks_done, hard_rows, start

from toxres.cli import main
from toxres.errors import InputError, RunError
from toxres.scoring import score
from toxres.scoring import work as at_work


@pytest.fixture
def rows(tmp_path):
    return hard_rows(tmp_path / "in.csv", 300)


class Stopped(Exception):
    """Stands for whatever stops a run."""


def run(source, out, log, chunks=None, **options):
    """Score in chunks of 20 rows; stop after so many of them."""
    model = Fussy(log)

    def count(_):
        if chunks is not None and chunks_done(out) == chunks:
            raise Stopped

    with contextlib.suppress(Stopped):
        score(source, model, out, chunk=20, on_chunk=count, **options)
    return model


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_broken_run_goes_on_and_scores_nothing_twice(rows, tmp_path, kind):
    whole, out = tmp_path / f"whole.{kind}", tmp_path / f"out.{kind}"
    asked = run(rows, whole, tmp_path / "whole.log").asked()
    for chunks in (1, 4, 5, 14):
        run(rows, out, tmp_path / "log", chunks)
        assert chunks_done(out) == chunks and not out.exists()
        with (out.with_name(f"{out.name}.partial") / "rows").open("ab") as file:
            file.write(b"half a li")
    model = run(rows, out, tmp_path / "log")
    assert out.read_bytes() == whole.read_bytes()
    assert (tmp_path / "out.rejected.jsonl").read_bytes() == (tmp_path / "whole.rejected.jsonl").read_bytes()
    assert model.asked() == asked < 300 - 6 - 25
    assert sorted(path.name for path in tmp_path.glob("out.*")) == [f"out.{kind}", "out.rejected.jsonl"]


@pytest.mark.parametrize(
    ("kind", "step"),
    [("parquet", "to_parquet"), *itertools.product(["csv", "parquet"], ["_save", "replace", "rmtree"])],
)
def test_broken_while_the_output_is_put_in_its_place(rows, tmp_path, monkeypatch, kind, step):
    whole, out, log = tmp_path / f"whole.{kind}", tmp_path / f"out.{kind}", tmp_path / "log"
    run(rows, whole, log)

    def stop(*arguments, **options):
        raise Stopped

    with monkeypatch.context() as patched:
        if step == "_save":
            save = at_work.Work._save
            patched.setattr(at_work.Work, step, lambda work, state: stop() if state.placing else save(work, state))
        elif step == "replace":
            replace = at_work.os.replace
            patched.setattr(at_work.os, step, lambda a, b: stop() if str(b) == str(out) else replace(a, b))
        elif step == "to_parquet":
            patched.setattr(at_work, step, stop)
        else:
            patched.setattr(at_work.shutil, step, lambda folder, **_: stop() if folder.suffix == ".partial" else None)
        run(rows, out, log)
    if step == "rmtree":
        assert out.read_bytes() == whole.read_bytes()
        with pytest.raises(InputError, match=r"exists; choose another --out, or add --replace"):
            run(rows, out, log)
        assert not out.with_name(f"{out.name}.partial").exists()
    else:
        if step == "replace":
            other = hard_rows(tmp_path / "other.csv", 310)
            with pytest.raises(InputError, match="another input, which differs from row 301 on"):
                run(other, out, log)
        run(rows, out, log)
    assert out.read_bytes() == whole.read_bytes()
    assert (tmp_path / "out.rejected.jsonl").read_bytes() == (tmp_path / "whole.rejected.jsonl").read_bytes()


def test_going_on_is_said_and_other_work_is_refused(rows, tmp_path, capsys):
    out, log = tmp_path / "out.csv", tmp_path / "log"
    run(rows, out, log, 3)
    run(rows, out, log, 4, progress=True)
    assert f"going on after 60 rows, which an interrupted run left in {out}.partial" in capsys.readouterr().err
    before = {path.name: path.read_bytes() for path in (tmp_path / "out.csv.partial").iterdir()}
    for options, what in (
        ({"calibrated": True}, r"other probabilities \(--calibrated\)"),
        ({"text_column": "comment_text"}, "another text column"),
    ):
        with pytest.raises(InputError, match=f"unfinished work with {what}; repeat that command, add --replace"):
            run(rows, out, log, **options)
    with pytest.raises(InputError, match=r"unfinished work with another size of chunks \(--chunk\)"):
        score(rows, Fussy(log), out)
    other = Fussy(log)
    other.version = "other"
    with pytest.raises(InputError, match="unfinished work with another model"):
        score(rows, other, out, chunk=20)
    text = rows.read_text()
    rows.write_text(text.replace("comment 25", "comment twenty-five"))
    with pytest.raises(InputError, match="another input, which differs from row 21 on; add --replace"):
        run(rows, out, log)
    rows.write_text("".join(text.splitlines(keepends=True)[:31]))
    with pytest.raises(InputError, match="another input, which differs from row 21 on"):
        run(rows, out, log)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out.csv.partial").iterdir()} == before
    rows.write_text(text + "id 300,one more\n")
    run(rows, out, log)
    assert out.read_text().splitlines()[-1].startswith("id 300,")


def test_an_archive_that_is_mended_later(rows, tmp_path):
    packed, out, log = tmp_path / "in.csv.gz", tmp_path / "out.csv", tmp_path / "log"
    whole = gzip.compress(rows.read_bytes())
    packed.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"the archive is broken .* \([0-9]+ rows before are done and kept in"):
        run(packed, out, log)
    done = chunks_done(out)
    assert 0 < done < 15
    packed.write_bytes(whole)
    run(packed, out, log)
    run(rows, tmp_path / "whole.csv", tmp_path / "whole.log")
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_an_output_that_exists_is_replaced_only_when_told_and_only_at_the_end(rows, tmp_path):
    out, log, listed = tmp_path / "out.csv", tmp_path / "log", tmp_path / "out.rejected.jsonl"
    for path in (out, listed):
        path.write_text("as it was")
        with pytest.raises(InputError, match=rf"{path.name}: exists; choose another --out, or add --replace"):
            run(rows, out, log)
        assert path.read_text() == "as it was" and not (tmp_path / "out.csv.partial").exists()
        if path == out:
            path.unlink()
    out.write_text("as it was")
    run(rows, out, log, 2, replace=True)
    run(rows, out, log, 4)
    assert chunks_done(out) == 4 and out.read_text() == "as it was" and listed.read_text() == "as it was"
    run(rows, out, log, replace=True)
    run(rows, tmp_path / "whole.csv", tmp_path / "whole.log")
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes() and "empty" in listed.read_text()
    rows.write_text("id,comment_text\n1,fine\n")
    run(rows, out, log, replace=True)
    assert not listed.exists()


def test_replace_begins_anew_where_it_was_not_begun_with_it(rows, tmp_path):
    out, log = tmp_path / "out.csv", tmp_path / "log"
    run(rows, out, log, 3)
    run(rows, out, log, 1, replace=True)
    assert chunks_done(out) == 1
    run(rows, out, log, 2, replace=True)
    assert chunks_done(out) == 2


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ("{", "state.json: JSONDecodeError"),
        ("[]", "state.json: TypeError"),
        ('{"format": 2, "description": {}}', "its format is 2, this version of toxres writes 1"),
        ('{"format": 1}', "state.json: KeyError"),
        (None, "state.json is missing"),
        ("short", "rows is shorter than it was"),
        ("negative", "state.json: ValueError"),
    ],
)
def test_a_broken_state_is_said_and_replaced_when_told(rows, tmp_path, broken, what):
    out, log = tmp_path / "out.csv", tmp_path / "log"
    run(rows, out, log, 3)
    state = tmp_path / "out.csv.partial" / "state.json"
    if broken is None:
        state.unlink()
    elif broken == "short":
        (state.parent / "rows").write_bytes(b"id")
    elif broken == "negative":
        state.write_text(json.dumps(json.loads(state.read_text()) | {"chunks": -1}))
    else:
        state.write_text(broken)
    with pytest.raises(InputError, match=rf"out.csv.partial: holds unfinished work that is broken \({what}"):
        run(rows, out, log)
    run(rows, out, log, replace=True)
    assert len(out.read_text().splitlines()) == 1 + 300 - 6


def test_one_process_at_a_time(rows, tmp_path):
    out = tmp_path / "out.csv"

    def again(_):
        with pytest.raises(InputError, match=r"out.csv.partial: another process is writing this output; wait for it"):
            score(rows, Fussy(tmp_path / "log"), out, chunk=20)

    assert score(rows, Fussy(tmp_path / "log"), out, chunk=20, on_chunk=again) == 294
    (tmp_path / "other.csv.partial").write_text("")
    with pytest.raises(InputError, match=r"other.csv.partial: is no folder"):
        score(rows, Fussy(tmp_path / "log"), tmp_path / "other.csv")


@contextlib.contextmanager
def quota(size: int):
    """No file may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("size", [700, 5_000, 9_000])
def test_a_full_disk_is_said_and_the_run_goes_on_when_there_is_room(rows, tmp_path, kind, size):
    out, log = tmp_path / f"out.{kind}", tmp_path / "log"
    with (
        quota(size),
        pytest.raises(RunError, match=r"the disk is full \(File too large\); nothing that was scored is lost: make"),
    ):
        run(rows, out, log)
    done = chunks_done(out)
    assert done < 15 and (done > 0 or size == 700)
    run(rows, out, log)
    run(rows, tmp_path / f"whole.{kind}", tmp_path / "whole.log")
    assert out.read_bytes() == (tmp_path / f"whole.{kind}").read_bytes()


def test_a_full_disk_is_one_line_and_exit_code_1(rows, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("toxres.scoring.models._open", lambda *_: Fussy(tmp_path / "log"))
    command = ["score", str(rows), "--checkpoint", "x", "--out", str(tmp_path / "out.csv"), "--chunk", "20"]
    with quota(5_000):
        assert main(command) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "out.csv: the disk is full (File too large)" in said[0]
    assert main([*command, "--resume"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("going on after ") and said[1].startswith("294 comments scored, ")
    assert "6 rows rejected (see " in said[1]


def killed_often(tmp_path, rows: int, kills: int, kind: str, seed: int) -> None:
    """Kill a scorer so many times between its first and last commit; the output is that of an unbroken run."""
    source, chance, chunks = hard_rows(tmp_path / "in.csv", rows), random.Random(seed), rows // 20
    whole, out, log = tmp_path / f"whole.{kind}", tmp_path / f"out.{kind}", tmp_path / "log"
    unbroken = run(source, whole, tmp_path / "whole.log").asked()
    for after in sorted(chance.sample(range(1, chunks - 5), kills)):
        process = start(source, out, log, 0.003, 20)
        deadline = time.monotonic() + 60
        while chunks_done(out) < after and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.02 * chance.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it was killed, and had not ended"
        assert chunks_done(out) >= after and not out.exists()
    last = start(source, out, log, 0, 20)
    assert last.wait(60) == 0, last.stderr.read().decode()
    assert out.read_bytes() == whole.read_bytes()
    assert (tmp_path / "out.rejected.jsonl").read_bytes() == (tmp_path / "whole.rejected.jsonl").read_bytes()
    assert unbroken <= Fussy(log).asked() <= unbroken + 20 * kills, "a kill costs no more than the chunk at work"


def test_killed_twice(tmp_path):
    killed_often(tmp_path, 2_000, 2, "csv", 0)


@pytest.mark.stress
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_killed_twenty_times(tmp_path, kind):
    killed_often(tmp_path, 6_000, 20, kind, 1)
