"""`kill -9` at any moment: no acknowledged decision is lost or made twice, and one valid champion is left."""

import multiprocessing
import os
import random
import select
import signal
import time

import pytest
from helpers.databases import scored
from sqlmodel import select as query

from toxres.config import SMOKE
from toxres.data import load_comments
from toxres.triage import Policy
from toxres.triage.database import open_database
from toxres.triage.gates import draw_roles
from toxres.triage.intake import record_comments
from toxres.triage.queue import claim_next, decide
from toxres.triage.registry import champion, verify_version
from toxres.triage.retrain import retrain
from toxres.triage.tables import Decision, Item

POLICY = Policy("loose", {"toxic": 1.0}, wrong_decisions=0.4)
FORK = multiprocessing.get_context("fork")


def moderator(url: str, name: str, verdict: str, pipe: int) -> None:
    """Decide one comment after the other; a comment's id is written once its decision has returned."""
    labels = ["toxic"] if verdict == "reject" else []
    with open_database(url) as database:
        while True:
            for each in claim_next(database, name, order="oldest"):
                decide(database, each.comment_id, name, verdict, labels)
                os.write(pipe, f"{each.comment_id}\n".encode())


def retrainer(url: str, registry: str, pipe: int) -> None:
    """Retrain again and again; a version is written once it is the champion, or is not."""
    with open_database(url) as database:
        while True:
            wide = {"ap": 0.99, "brier": 0.99}
            found = retrain(
                database, registry, POLICY, "tfidf", "synthetic", SMOKE, min_gate=10, margins=wide, n_resamples=20
            )
            os.write(pipe, f"{found.version} {found.promoted}\n".encode())


def killed(jobs: list[tuple], seconds: float, *, wait: list[int] | bool) -> list[list[str]]:
    """Run jobs as processes of their own, kill them all at once, and return the lines that each has written.

    The moment is `seconds` after they start, or with `wait` after the first line, of the jobs that it names if it does.
    """
    pipes, children = [], []
    for function, *arguments in jobs:
        reading, writing = os.pipe()
        child = FORK.Process(target=function, args=(*arguments, writing))
        child.start()
        os.close(writing)
        pipes.append(reading)
        children.append(child)
    if wait:
        heard = pipes if wait is True else [pipes[job] for job in wait]
        assert select.select(heard, [], [], 120)[0], "no process has acknowledged anything"
    time.sleep(seconds)
    for child in children:
        assert child.is_alive(), child.exitcode
        os.kill(child.pid, signal.SIGKILL)
    said = []
    for child, reading in zip(children, pipes, strict=True):
        child.join()
        with os.fdopen(reading) as pipe:
            said.append(pipe.read().splitlines())
    return said


def check(database, acknowledged: dict[str, str]) -> None:
    """Every acknowledged decision is there, as it was made, and no text was decided twice."""
    with database.read() as session:
        found = session.exec(query(Decision.comment_id, Decision.moderator, Decision.verdict)).all()
        most = session.exec(query(Item.decisions).order_by(Item.decisions.desc())).first()
    assert most <= 1
    assert len({row[0] for row in found}) == len(found)
    assert {row[0]: row[1] for row in found if row[0] in acknowledged} == acknowledged
    assert {row[2] for row in found} <= {"reject"}


@pytest.mark.parametrize("rounds", [3, pytest.param(50, marks=pytest.mark.stress)])
def test_no_acknowledged_decision_is_lost(database, database_url, rounds):
    chance, acknowledged = random.Random(rounds), {}
    for number in range(rounds):
        record_comments(database, [scored(1_000 * number + n) for n in range(60)])
        database.close()  # no connection is shared with the processes
        jobs = [(moderator, database_url, name, "reject") for name in ("anna", "ben")]
        for name, said in zip(("anna", "ben"), killed(jobs, 0.3 * chance.random(), wait=number % 2 == 0), strict=True):
            acknowledged |= dict.fromkeys(said, name)
        check(database, acknowledged)
    assert acknowledged


@pytest.mark.stress
def test_two_moderators_and_a_retraining_are_killed_fifty_times(database, database_url, tmp_path):
    """All three at once, on one database; each time decisions are whole and the champion valid.

    What the moderators accept is harmless, so a challenger that learned it can be promoted.
    """
    rows = load_comments("synthetic", split="train", limit=60, seed=5)
    record_comments(
        database, [scored(0, id=row.id, text=row.text, enforced=("toxic",), group="club") for row in rows.itertuples()]
    )
    draw_roles(database, "club", gate=20, calibration=20)
    truth = dict(zip(rows["id"], rows["toxic"] >= 0.5, strict=True))
    for each in claim_next(database, "zoe", limit=60):
        labels = ["toxic"] if truth[each.comment_id] else []
        decide(database, each.comment_id, "zoe", "reject" if labels else "accept", labels)
    registry, chance = str(tmp_path / "registry"), random.Random(7)
    retrain(database, registry, POLICY, "tfidf", "synthetic", SMOKE, min_gate=10)
    acknowledged, promoted = {}, set()
    for number in range(50):
        record_comments(database, [scored(1_000 * number + n, group="club") for n in range(40)])
        database.close()
        jobs = [(moderator, database_url, name, "accept") for name in ("anna", "ben")]
        jobs += [(retrainer, database_url, registry)]
        wait = [2] if number % 10 == 0 else number % 2 == 0  # now and then for the retraining itself
        *moderators, retrained = killed(jobs, 4 * chance.random(), wait=wait)
        for name, said in zip(("anna", "ben"), moderators, strict=True):
            acknowledged |= dict.fromkeys(said, name)
        with database.read() as session:
            made = dict(session.exec(query(Decision.comment_id, Decision.moderator)).all())
        assert {key: made.get(key) for key in acknowledged} == acknowledged
        now = champion(registry)
        verify_version(now)
        promoted |= {line.split()[0] for line in retrained if line.endswith("True")}
        assert not promoted or now.name >= max(promoted)
    assert acknowledged and promoted
