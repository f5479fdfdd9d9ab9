"""The moderation database: opening, refusing, and transactions, on SQLite and PostgreSQL alike."""

import datetime
import sqlite3
import threading

import pytest
import sqlalchemy
from helpers.databases import scored
from sqlmodel import select

from toxres.errors import InputError, RunError
from toxres.triage import database as database_module
from toxres.triage.database import open_database
from toxres.triage.intake import record_comments
from toxres.triage.overview import queue_table
from toxres.triage.queue import claim_next, decide
from toxres.triage.tables import SCHEMA, Comment, Item, SchemaVersion


def test_a_new_database_is_empty_and_of_this_schema(database):
    with database.read() as session:
        assert session.exec(select(SchemaVersion.version)).all() == [SCHEMA]
    assert queue_table(database).empty


def test_what_is_recorded_is_there_after_opening_again(database, database_url):
    record_comments(database, [scored(1)])
    with open_database(database_url) as again:
        assert queue_table(again).loc["news", "waiting"] == 1


def test_nothing_is_made_unless_asked(database_url):
    with pytest.raises(InputError, match=r"no such database|no moderation database"):
        open_database(database_url)


def test_many_may_make_it_at_once(database_url):
    failures, start = [], threading.Barrier(6)

    def make():
        start.wait()
        try:
            with open_database(database_url, create=True) as opened:
                record_comments(opened, [scored(1)])
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with open_database(database_url) as opened:
        table = queue_table(opened)
        assert table.loc["news", ["comments", "texts"]].tolist() == [1, 1]


def test_another_schema_version_is_refused_and_left_alone(database, database_url):
    record_comments(database, [scored(1)])
    with database.write() as session:
        session.get(SchemaVersion, SCHEMA).version = SCHEMA + 6
    with pytest.raises(InputError, match=f"schema version {SCHEMA + 6}, and this version of toxres reads {SCHEMA}"):
        open_database(database_url, create=True)
    with database.read() as session:
        assert session.exec(select(Comment.id)).all() == ["c1"]


def test_a_read_only_database_can_be_read_and_says_so_when_written(database, database_url, clock):
    record_comments(database, [scored(1)])
    if database.is_sqlite:
        url = f"sqlite:///file:{database_url}?mode=ro&uri=true"
    else:
        url = f"{database_url}&options=-c%20default_transaction_read_only%3Don"
    with open_database(url, clock=clock) as reader:
        assert queue_table(reader).loc["news", "waiting"] == 1
        with pytest.raises(InputError, match=r"can only be read .*nothing was written"):
            claim_next(reader, "anna")
        with pytest.raises(InputError, match="can only be read"):
            record_comments(reader, [scored(2)])
    assert queue_table(database).loc["news", ["comments", "claimed"]].tolist() == [1, 0]


def test_a_block_that_raises_leaves_nothing(database):
    record_comments(database, [scored(1)])
    with pytest.raises(ZeroDivisionError), database.write() as session:
        session.exec(select(Item)).one().copies = 77
        session.flush()
        raise ZeroDivisionError
    assert queue_table(database).loc["news", "comments"] == 1


def test_a_reader_sees_one_state_throughout(database):
    record_comments(database, [scored(1)])
    with database.read() as session:
        before = len(session.exec(select(Comment.id)).all())
        record_comments(database, [scored(2)])
        assert len(session.exec(select(Comment.id)).all()) == before == 1


def test_times_come_back_aware_and_equal(database, clock):
    clock.now = datetime.datetime(2026, 7, 1, 1, 2, 3, 456, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    record_comments(database, [scored(1, created=clock.now)])
    with database.read() as session:
        comment = session.get(Comment, "c1")
    assert comment.created == comment.arrived == clock.now
    assert comment.created.utcoffset() == datetime.timedelta(0)


def test_sqlite_keeps_commits_through_a_power_cut(tmp_path):
    with open_database(tmp_path / "m.db", create=True) as opened, opened.engine.connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in PRAGMAS}
    assert found == PRAGMAS


PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_a_writer_waits_for_another_and_gives_up_with_advice(tmp_path, monkeypatch):
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.2)
    with open_database(tmp_path / "m.db", create=True) as opened:
        other = sqlite3.connect(tmp_path / "m.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RunError, match=r"another process has held it for 0\.2 seconds; nothing was written"):
            record_comments(opened, [scored(1)])
        other.execute("ROLLBACK")
        other.close()
        assert record_comments(opened, [scored(1)]).added == 1


def test_what_is_no_database_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("not a database at all, but long enough to be looked at as one, as its header is read first\n" * 3)
    before = file.read_bytes()
    with pytest.raises(InputError, match="is no SQLite database"):
        open_database(file, create=True)
    assert file.read_bytes() == before
    with pytest.raises(InputError, match="can't be opened"):
        open_database(tmp_path, create=True)


def test_a_strange_sqlite_file_gets_no_tables(tmp_path):
    with sqlite3.connect(tmp_path / "shop.db") as other:
        other.execute("CREATE TABLE orders (id)")
    other.close()
    with pytest.raises(InputError, match="database of something else"):
        open_database(tmp_path / "shop.db", create=True)
    with sqlite3.connect(tmp_path / "shop.db") as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("orders",)]
    other.close()


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("", "name is empty"),
        ("sqlite://", "in memory would be lost"),
        ("sqlite:///:memory:", "in memory would be lost"),
        ("mysql://root@localhost/x", "mysql: is no kind of database known here"),
        ("nonsense://", "no kind of database|malformed"),
    ],
)
def test_names_that_cannot_be(where, said):
    with pytest.raises(InputError, match=said):
        open_database(where, create=True)


def test_a_server_that_is_not_there_is_a_failed_run(tmp_path):
    with pytest.raises(RunError, match="can't be reached"):
        open_database(f"postgresql://toxres:secret@/x?host={tmp_path}", create=True)
    with pytest.raises(RunError) as told:
        open_database(f"postgresql://toxres:secret@/x?host={tmp_path}", create=True)
    assert "secret" not in str(told.value)


def test_postgresql_without_its_driver_says_what_to_install(monkeypatch):
    def missing(*_, **__):
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr(sqlalchemy, "create_engine", missing)
    with pytest.raises(InputError, match=r"psycopg: is not installed; `pip install toxres\[postgres\]`"):
        open_database("postgresql://toxres@localhost/x")


def test_decisions_are_only_ever_added(database):
    record_comments(database, [scored(1)])
    claim_next(database, "anna")
    first = decide(database, "c1", "anna", "accept")
    second = decide(database, "c1", "ben", "reject", ["toxic"], correct=True)
    with database.read() as session:
        rows = session.connection().exec_driver_sql("SELECT id, verdict, supersedes FROM toxres_decision ORDER BY id")
        assert [tuple(row) for row in rows] == [(first, "accept", None), (second, "reject", first)]
