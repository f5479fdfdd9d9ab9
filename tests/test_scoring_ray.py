"""The same scores from a Ray cluster of two workers: byte for byte, resumed, and with a worker that is lost."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from helpers.scorers import Fussy, chunks_done, hard_rows, start

from toxres.errors import InputError, RunError
from toxres.files import ROOT
from toxres.scoring import score


def whole_run(tmp_path, rows: int):
    """A file of rows, and the output of one process."""
    source = hard_rows(tmp_path / "in.csv", rows)
    score(source, Fussy(tmp_path / "whole.log"), tmp_path / "whole.csv", chunk=20)
    return source, tmp_path / "whole.csv"


def workers(log) -> Counter:
    """How often each process scored texts."""
    lines = log.read_text().splitlines() if log.exists() else []
    return Counter(int(line.split()[0]) for line in lines)


def same(tmp_path, out, whole) -> bool:
    """Whether an output and its list of rejected rows are those of one process."""
    listed = [tmp_path / f"{path.stem}.rejected.jsonl" for path in (out, whole)]
    return out.read_bytes() == whole.read_bytes() and listed[0].read_bytes() == listed[1].read_bytes()


@pytest.mark.stress
def test_two_workers_go_on_where_one_process_stopped(tmp_path):
    source, whole = whole_run(tmp_path, 400)
    out, log = tmp_path / "out.csv", tmp_path / "log"

    def stop(comments):
        if comments > 80:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(source, Fussy(log), out, chunk=20, on_chunk=stop)
    process = start(source, out, log, 0.1, 20, "ray")
    said = process.communicate(timeout=170)[1].decode()
    assert process.returncode == 0, said
    assert said == "" and same(tmp_path, out, whole)
    assert len(workers(log)) in (2, 3) and process.pid not in workers(log), "a worker that starts late may get nothing"
    assert Fussy(log).asked() == Fussy(tmp_path / "whole.log").asked(), "no text was scored twice"


@pytest.mark.stress
def test_a_worker_is_lost(tmp_path):
    source, whole = whole_run(tmp_path, 1_000)
    out, log = tmp_path / "out.csv", tmp_path / "log"
    process = start(source, out, log, 0.3, 20, "ray")
    deadline = time.monotonic() + 170
    while len(workers(log)) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    lost = next(iter(workers(log)))
    os.kill(lost, signal.SIGKILL)
    assert process.poll() is None and chunks_done(out) < 40, "others have its work to do"
    said = process.communicate(timeout=170)[1].decode()
    assert process.returncode == 0, said
    assert same(tmp_path, out, whole)
    assert int(log.read_text().splitlines()[-1].split()[0]) != lost


@pytest.mark.stress
def test_a_bad_row_is_said_as_by_one_process(tmp_path):
    (tmp_path / "cut.csv").write_text('id,comment_text\n1,fine\n2,"cut')
    with pytest.raises(InputError, match=r"cut.csv: row 2 \(line 3\): unexpected end of data"):
        score(tmp_path / "cut.csv", Fussy(tmp_path / "log"), tmp_path / "c.csv", engine="ray", workers=1, strict=True)


def test_what_ray_cannot_do(tmp_path):
    with pytest.raises(InputError, match="--engine ray: standard input can't be read by another process"):
        score("-", Fussy(tmp_path / "log"), tmp_path / "out.csv", engine="ray")
    (tmp_path / "in.txt").write_text("fine\n")
    with pytest.raises(RunError, match=r"--ray-address 127\.0\.0\.1:1: no cluster answers"):
        score(
            tmp_path / "in.txt", Fussy(tmp_path / "log"), tmp_path / "out.csv", engine="ray", ray_address="127.0.0.1:1"
        )


def test_without_ray_it_is_said_how_to_install_it(tmp_path):
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from toxres.cli import main; import toxres.scoring.models as models\n"
        "from helpers.scorers import Fussy; models._open = lambda *_: Fussy('log')\n"
        "sys.exit(main(['score', 'in.txt', '--checkpoint', 'x', '--out', 'out.csv', '--engine', 'ray']))"
    )
    (tmp_path / "in.txt").write_text("fine\n")
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": paths}, capture_output=True
    )
    assert done.returncode == 2 and done.stdout == b""
    assert done.stderr.decode().splitlines() == [
        "toxres score: --engine ray: Ray is not installed; run pip install 'toxres[ray]', or leave --engine out"
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt"]
