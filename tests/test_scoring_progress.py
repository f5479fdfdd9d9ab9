"""How far scoring has come: a bar on a terminal, a line now and then elsewhere, and which share of a file is read."""

import gzip
import io
import sys
import zipfile

import pandas as pd
import pytest

from toxres.data.textfiles import TextFile
from toxres.scoring import progress
from toxres.scoring.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """The time, which a test moves."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_now_and_then_without_a_terminal(clock, capsys):
    shown = Progress()
    shown.at(1_000, 10_000)
    clock[0] += progress.EVERY / 2
    shown.at(2_000, 10_000)
    assert capsys.readouterr().err == ""
    clock[0] += progress.EVERY / 2
    shown.at(4_000, 10_000)
    assert capsys.readouterr().err == "4,000 rows of about 10,000 (40%), 50 rows/s, 0:02:00 left\n"
    clock[0] += progress.EVERY
    shown.at(7_000, None)
    assert capsys.readouterr().err == "7,000 rows, 50 rows/s\n"


def test_a_bar_with_rate_and_time_left_on_a_terminal(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    shown = Progress()
    shown.at(1_000, 10_000)
    shown._bar.start_t -= 10
    shown.at(3_000, 10_000)
    shown._bar.refresh()
    bar = str(shown._bar)
    assert " 30%|" in bar and "3.00k/10.0k" in bar and "rows/s" in bar and "<" in bar
    assert shown._bar.initial == 1_000, "what was done before does not count for the rate"
    shown.close()
    shown.say("done")
    assert sys.stderr.getvalue().endswith("done\n")


def test_nothing_is_said_unless_it_is_asked_for(clock, capsys):
    shown = Progress(False)
    clock[0] += 10 * progress.EVERY
    shown.at(1, 2)
    shown.say("a line")
    shown.close()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.csv.zip", "in.jsonl", "in.parquet"])
def test_the_share_of_a_file_grows_to_all_of_it(tmp_path, name):
    frame = pd.DataFrame({"text": [f"comment {row} {hash(str(row))}" for row in range(20_000)]})
    path = tmp_path / name
    if name.endswith(".parquet"):
        frame.to_parquet(path)
    elif name.endswith(".jsonl"):
        frame.to_json(path, orient="records", lines=True)
    else:
        data = frame.to_csv().encode()
        if name.endswith(".zip"):
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("in.csv", data)
        else:
            path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    file = TextFile(path)
    assert file.share == 0
    shares = [file.share for _ in file.rows()]
    assert shares == sorted(shares) and 0.3 < shares[10_000] < 0.8 and file.share == 1


def test_the_share_of_standard_input_is_unknown(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\n")))
    file = TextFile("-")
    assert [file.share for _ in file.rows()] == [None, None]
