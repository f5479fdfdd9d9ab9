"""`toxres queue`, `toxres retrain` and `toxres rollback`: what they do, say and exit with."""

import json

import pandas as pd
import pytest

from toxres.cli import main
from toxres.data import load_comments
from toxres.triage import open_database, queue_table
from toxres.triage.policy import Policy


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(Policy("club", {"toxic": 1.0}, wrong_decisions=0.4, daily_queue=140).to_yaml())
    return str(path)


@pytest.fixture
def comments(tmp_path):
    """A file of comments of a group, and what is true of them."""
    rows = load_comments("synthetic", split="train", limit=150, seed=5)
    path = tmp_path / "comments.csv"
    rows.rename(columns={"text": "comment_text"})[["id", "comment_text"]].to_csv(path, index=False)
    return str(path), dict(zip(rows["id"], rows["toxic"] >= 0.5, strict=True))


def run(capsys, *words) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out, said.err


def decide_all(capsys, db, truth, limit) -> None:
    code, out, _ = run(capsys, "queue", "next", "--db", db, "--moderator", "anna", "--limit", limit, "--json")
    assert code == 0
    for line in out.splitlines():
        claimed = json.loads(line)
        verdict = ["reject", "--labels", "toxic"] if truth[claimed["comment_id"]] else ["accept"]
        words = ["queue", "decide", claimed["comment_id"], *verdict, "--db", db, "--moderator", "anna"]
        assert run(capsys, *words)[0] == 0


def test_the_whole_loop_from_the_command_line(capsys, database_url, comments, policy, tmp_path):
    """First champion, comments, gate, decisions, challenger, rollback: on both kinds of database."""
    db, registry, (file, truth) = database_url, str(tmp_path / "registry"), comments
    open_database(db, create=True).close()
    learn = ["retrain", "tfidf", "--db", db, "--registry", registry, "--policy", policy, "--source", "synthetic"]
    learn += ["--preset", "smoke", "--margin", "0.9"]
    code, out, _ = run(capsys, *learn)
    assert code == 0 and "0001-tfidf: promoted" in out and "next: toxres queue rescore" in out

    code, out, _ = run(capsys, "queue", "add", file, "--db", db, "--registry", registry, "--group", "club")
    assert (code, out) == (0, "150 comments added, 0 of them copies; 0 scored again\n")
    code, out, _ = run(capsys, "queue", "draw", "--db", db, "--group", "club", "--gate", 55, "--calibration", 45)
    assert code == 0 and "55 texts drawn for the gate, 45 for calibration" in out
    decide_all(capsys, db, truth, 120)

    code, out, _ = run(capsys, *learn, "--json", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert code == 0 and found["version"] == "0002-tfidf" and found["promoted"] == ("0002-tfidf: promoted" in out)
    assert {row["group"] for row in found["labels"]} >= {"club"}
    code, out, _ = run(capsys, "queue", "rescore", "--db", db, "--registry", registry)
    assert code == 0 and out == f"30 undecided comments scored by {'0002' if found['promoted'] else '0001'}-tfidf\n"

    code, out, _ = run(capsys, "queue", "stats", "--db", db, "--json", tmp_path / "stats.json")
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert code == 0 and "anna" in out and "agreement: unknown" in out
    assert stats["groups"]["club"]["gate_decided"] == 55 and stats["moderators"]["anna"]["decisions"] == 120
    code, out, _ = run(capsys, "queue", "export", "--db", db, "--role", "gate", "--out", tmp_path / "gate.csv")
    assert code == 0 and "55 decided texts" in out
    exported = pd.read_csv(tmp_path / "gate.csv").set_index("id")["toxic"]
    assert all((exported[key] == 1) == truth[key] for key in exported.index)

    if found["promoted"]:
        code, out, _ = run(capsys, "rollback", "--registry", registry)
        assert code == 0 and out.startswith("champion: 0001-tfidf")
        code, out, _ = run(capsys, "rollback", "--registry", registry, "--list")
        assert code == 0 and "* 0001-tfidf  after none, 0 decisions" in out and "  0002-tfidf  after 0001-tfidf" in out


@pytest.fixture
def queue(database, database_url):
    from helpers.databases import scored

    from toxres.triage import record_comments

    record_comments(database, [scored(n, text=f"text {n} \u00e9") for n in range(4)])
    return database_url


def test_next_shows_a_comment_and_respects_the_cap(capsys, queue, monkeypatch, tmp_path):
    code, out, _ = run(capsys, "queue", "next", "--db", queue, "--moderator", "anna", "--order", "oldest")
    assert code == 0 and out.startswith("c0 (news; yours until ") and "\ntext 0 \u00e9\n" in out
    monkeypatch.setenv("TOXRES_DATABASE", queue)
    code, out, _ = run(capsys, "queue", "next", "--moderator", "ben", "--comment", "c3", "--json")
    assert code == 0 and json.loads(out)["comment_id"] == "c3"
    code, out, err = run(capsys, "queue", "next", "--moderator", "carl", "--daily-cap", 2)
    assert (code, out, err) == (0, "", "today's cap of 2 comments is reached\n")
    code, out, err = run(capsys, "queue", "next", "--moderator", "carl", "--group", "chess")
    assert (code, out, err) == (0, "", "no comment waits\n")
    assert run(capsys, "queue", "release", "c3", "--moderator", "ben")[:2] == (0, "c3: given back\n")


def test_a_correction_and_a_second_opinion(capsys, queue):
    run(capsys, "queue", "next", "--db", queue, "--moderator", "anna", "--order", "oldest")
    code, out, _ = run(
        capsys, "queue", "decide", "c0", "reject", "--labels", "toxic, insult", "--db", queue, "--moderator", "anna"
    )
    assert code == 0 and out.endswith("c0, reject for toxic, insult\n")
    code, out, _ = run(capsys, "queue", "next", "--db", queue, "--moderator", "ben", "--second", "--json")
    assert json.loads(out)["second"] is True
    assert run(capsys, "queue", "decide", "c0", "accept", "--db", queue, "--moderator", "ben")[0] == 0
    code, out, _ = run(capsys, "queue", "stats", "--db", queue)
    assert code == 0 and "agreement: 0 of 1" in out
    assert run(capsys, "queue", "decide", "c0", "accept", "--db", queue, "--moderator", "zoe", "--correct")[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["queue", "decide", "c9", "accept", "--moderator", "anna"], "comment 'c9': is not in the database"),
        (["queue", "decide", "c1", "accept", "--moderator", "anna"], "comment 'c1': is claimed by nobody"),
        (["queue", "decide", "c1", "maybe", "--moderator", "anna"], "argument accept|reject: invalid choice: 'maybe'"),
        (["queue", "next", "--moderator", "anna", "--order", "best"], "unknown order 'best'"),
        (["queue", "next", "--moderator", ""], "the moderator's name is empty"),
        (["queue", "export", "--out", "x.csv"], "nothing to export"),
        (["queue", "export", "--out", "x.csv", "--role", "spare"], "'spare' is none of train, calibration, gate"),
        (["queue", "draw", "--group", "news"], "nothing to draw"),
        (["queue", "draw", "--group", "news", "--gate", "99"], "99 texts are wanted and 4 undecided ones are there"),
        (["queue", "add", "nothing.csv"], "say who scores: --registry DIR"),
        (["queue", "rescore", "--registry", "nowhere"], "nowhere: no such registry"),
        (["retrain", "tfidf", "--registry", "r", "--policy", "nope.yaml", "--source", "synthetic"], "nope.yaml"),
        (["retrain", "tfidf", "--registry", "r", "--policy", "news", "--source", "x", "--margin", "2"], "--margin: 2"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(capsys, queue, words, said, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *words, "--db", queue)
    assert code == 2 and out == "" and said in err and err.count("\n") == 1
    with open_database(queue) as opened:
        assert queue_table(opened).loc["news", ["comments", "decided", "claimed"]].tolist() == [4, 0, 0]
    assert list(tmp_path.glob("*.csv")) == []


def test_databases_that_are_not_there(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("TOXRES_DATABASE", raising=False)
    assert run(capsys, "queue", "stats") == (
        2,
        "",
        "toxres queue stats: no database is named; give --db FILE or a URL, or set TOXRES_DATABASE\n",
    )
    code, _, err = run(capsys, "queue", "stats", "--db", tmp_path / "m.db")
    assert code == 2 and "no such database" in err and not (tmp_path / "m.db").exists()
    code, _, err = run(capsys, "queue", "stats", "--db", f"postgresql://toxres@/x?host={tmp_path}")
    assert code == 1 and "can't be reached" in err
    code, _, err = run(capsys, "rollback", "--registry", tmp_path / "none")
    assert code == 2 and "no such registry" in err
