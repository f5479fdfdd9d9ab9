"""The record of the headline figures: merged, complete, and never half-written."""

import datetime
import json
import subprocess
import threading

import pytest

from toxres import results
from toxres.errors import InputError
from toxres.results import current_commit, read_headline, update_headline

RUN = {"preset": "full", "sources": {"jigsaw": "ab" * 32}}


def test_figures_are_added_with_the_run_they_come_from(tmp_path):
    path = tmp_path / "headline.json"
    figures = update_headline({"jigsaw.oof.tfidf": {"macro_ap": 0.5, "macro_ece": float("nan")}}, RUN, path)
    assert figures == json.loads(path.read_text())
    assert figures["jigsaw.oof.tfidf.macro_ap"] == 0.5 and figures["jigsaw.oof.tfidf.macro_ece"] is None
    run = figures["jigsaw.oof.tfidf._run"]
    assert run["preset"] == "full" and run["sources"] == RUN["sources"]
    assert run["date"] == datetime.date.today().isoformat() and run["commit"] == current_commit()


def test_every_other_key_is_kept(tmp_path):
    path = tmp_path / "headline.json"
    update_headline({"bench": {"import_seconds": 0.1, "score_speedup": 2}}, RUN, path)
    update_headline({"ablation.cls_bce": {"macro_ap": 0.6}}, RUN, path)
    figures = update_headline({"bench": {"import_seconds": 0.2}}, {**RUN, "commit": "c", "date": "d"}, path)
    assert figures["bench.import_seconds"] == 0.2 and figures["bench.score_speedup"] == 2
    assert figures["ablation.cls_bce.macro_ap"] == 0.6
    assert figures["bench._run"] == {**RUN, "commit": "c", "date": "d"}
    assert list(figures) == sorted(figures)


def test_a_system_without_file_locks_goes_without(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "fcntl", None)
    update_headline({"bench": {"import_seconds": 0.1}}, RUN, tmp_path / "new" / "headline.json")
    assert read_headline(tmp_path / "new" / "headline.json")["bench.import_seconds"] == 0.1


@pytest.mark.parametrize(
    ("values", "run", "complaint"),
    [
        ({"a": {"b": 1}}, {"preset": "full"}, "lacks 'sources'"),
        ({"a": {"b": 1}}, {"sources": {}}, "lacks 'preset'"),
        ({"": {"b": 1}}, RUN, "not a group's name"),
        ({"a.": {"b": 1}}, RUN, "not a group's name"),
        ({"a": {"b.c": 1}}, RUN, "not a figure's name"),
        ({"a": {"_run": 1}}, RUN, "not a figure's name"),
        ({"a": {"b": "high"}}, RUN, "a.b: 'high' is not a number"),
    ],
)
def test_what_is_no_record_is_refused_and_nothing_written(tmp_path, values, run, complaint):
    with pytest.raises(InputError, match=complaint):
        update_headline(values, run, tmp_path / "headline.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["{", "[1]"])
def test_a_broken_file_is_not_overwritten(tmp_path, content):
    path = tmp_path / "headline.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"headline\.json"):
        update_headline({"a": {"b": 1}}, RUN, path)
    assert path.read_text() == content


def test_no_file_is_no_figures(tmp_path):
    assert read_headline(tmp_path / "none.json") == {}


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    path = tmp_path / "headline.json"
    run = {**RUN, "commit": "c"}
    threads = [threading.Thread(target=update_headline, args=({f"g{i}": {"x": i}}, run, path)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {read_headline(path)[f"g{i}.x"] for i in range(16)} == set(range(16))


def test_the_commit_says_when_files_differ_from_it(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True)

    assert current_commit(tmp_path) == "unknown"
    git("init")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-m", "x")
    clean = current_commit(tmp_path)
    assert len(clean) == 12
    (tmp_path / "file").write_text("2")
    assert current_commit(tmp_path) == clean + "+"
