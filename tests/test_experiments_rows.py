"""Many rows on a small scale: what is measured, what is written, and the picture of the memory."""

import itertools
import json
from types import SimpleNamespace

from helpers.scorers import Fussy
from matplotlib import pyplot as plt

from toxres.experiments import rows
from toxres.experiments.rows import Memory, Sample, main, real_rows
from toxres.plots.memory import memory_curve


class Here:
    """Stands for a pool of processes: does the work at once."""

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, function, *arguments):
        return SimpleNamespace(result=lambda: function(*arguments))


def test_rows_are_scored_and_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(rows.concurrent.futures, "ProcessPoolExecutor", Here)
    monkeypatch.setattr("toxres.training.train", lambda *names, out, progress: out)
    monkeypatch.setattr("toxres.scoring.models._open", lambda *_: Fussy(tmp_path / "log"))
    out = tmp_path / "rows.json"
    out.write_text('{"real": {"rows": 5}}')
    assert main(["--rows", "9000", "--json", str(out), "--figures", str(tmp_path)]) == 0
    found = json.loads(out.read_text())
    assert found["real"] == {"rows": 5}, "what the other kind of comments gave stays"
    found = found["synthetic"]
    assert found["rows"] == 9_000 and 0.95 <= found["distinct_share"] <= 1
    assert found["distinct_share"] == Fussy(tmp_path / "log").asked() / 9_000
    assert found["rows_per_second"] > 0 and [sample["rows"] for sample in found["memory"]] == [8_192, 9_000]
    assert 50 < found["memory"][0]["mib"] < 5_000
    assert (tmp_path / "bench_memory.png").stat().st_size > 5_000
    assert "9,000 rows (" in capsys.readouterr().out


def test_samples_are_thinned_evenly_and_keep_the_last():
    memory = Memory()
    memory.samples = [Sample(row, 1.0) for row in range(1, 251)]
    thinned = memory.thinned()
    assert rows.POINTS <= len(thinned) < 2 * rows.POINTS and thinned[-1].rows == 250
    assert {later.rows - sooner.rows for sooner, later in itertools.pairwise(thinned)} == {5}


def test_real_rows_repeat_the_sources(monkeypatch, small_comments):
    monkeypatch.setattr("toxres.data.load_comments", lambda source: small_comments)
    found = list(real_rows(50))
    assert len(found) == 50 and len({text for _, text in found}) == len(small_comments)
    assert found[0][0] == "a1" and found[24][0] == "a1-1" and found[49][0] == "a2-2"


def test_the_picture_shows_the_largest_value():
    ax = memory_curve([10, 20, 30], [100.0, 140.0, 120.0], title="flat")
    assert ax.get_lines()[0].get_ydata().tolist() == [100.0, 140.0, 120.0]
    assert "at most 140 MiB" in [text.get_text() for text in ax.texts]
    assert ax.get_ylim()[0] == 0 and ax.get_ylim()[1] > 140
    plt.close(ax.figure)


def test_the_headline_is_of_different_real_comments_in_the_committed_file(tmp_path, monkeypatch, small_comments):
    found = {"rows": 10, "distinct_share": 0.5, "seconds": 1.0, "rows_per_second": 10.0, "scored_per_second": 5.0}
    found |= {"memory": [{"rows": 10, "mib": 1.0}], "commit": "abc"}
    told = []
    monkeypatch.setattr(rows, "measure", lambda *_, whole: found)
    monkeypatch.setattr(rows, "RESULTS", tmp_path / "committed.json")
    monkeypatch.setattr("toxres.data.load_comments", lambda source: small_comments)
    monkeypatch.setattr("toxres.results.update_headline", lambda values, run: told.append((values, run["commit"])))
    for name in ("other.json", "committed.json"):
        assert main(["--checkpoint", "x", "--json", str(tmp_path / name)]) == 0
    assert told == [({"bench": {"rows_per_second": 5.0}}, "abc")]
