"""Moderation databases for tests: SQLite files, and a real PostgreSQL that is started once a process."""

import contextlib
import datetime
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy

from toxres.triage.intake import ScoredComment

KINDS = ("sqlite", "postgresql")


def postgres_bin() -> Path | None:
    """The folder of Debian's newest PostgreSQL, or of the one on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    other = shutil.which("initdb")
    return found[-1].parent if found else Path(other).parent if other else None


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Start a PostgreSQL on a socket in a folder of its own; yields the URL of its database.

    PostgreSQL refuses to run as root: the user that Debian's package makes runs it then.
    """
    binaries = postgres_bin()
    user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="toxres-pg-", dir="/tmp"))
    if user:
        shutil.chown(folder, "postgres", "postgres")

    def run(*words: str) -> None:
        subprocess.run([*user, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=60)

    control = [str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-w"]
    settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c max_connections=200 -c fsync=off"
    try:
        run(
            str(binaries / "initdb"),
            "-D",
            str(folder / "data"),
            "-A",
            "trust",
            "-U",
            "toxres",
            "-E",
            "UTF8",
            "--no-sync",
        )
        run(*control, "-l", str(folder / "log"), "-o", settings, "start")
        yield f"postgresql://toxres@/postgres?host={folder}"
        run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def emptied(server: str) -> str:
    """The URL, with everything that a test before has left in its database removed."""
    url = sqlalchemy.make_url(server).set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        others = "pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid()"
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM {others}")
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()
    return server


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=datetime.UTC)

    def __call__(self) -> datetime.datetime:
        return self.now

    def move(self, **by: float) -> None:
        """Move it on, by `minutes`, `hours` or `days`."""
        self.now += datetime.timedelta(**by)


ENFORCED = ("toxic", "threat")


def scored(number: int, toxic: float = 0.5, verdict: str = "uncertain", **fields) -> ScoredComment:
    """A comment of group "news" as a model has scored it."""
    return ScoredComment(
        **{
            "id": f"c{number}",
            "text": f"comment number {number} about bridges",
            "group": "news",
            "probs": {"toxic": toxic, "threat": 0.001, "insult": 0.2},
            "verdict": verdict,
            "model": "m1",
            "policy_hash": "p1",
            "enforced": ENFORCED,
            **fields,
        }
    )
