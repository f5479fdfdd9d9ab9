"""The moderation database: a SQLite file, or PostgreSQL by URL; what is acknowledged stays.

SQLite runs with a write-ahead log and `synchronous=FULL`, so that a commit that returned survives `kill -9` and a power
cut (sqlite.org/pragma.html#pragma_synchronous; WAL's own default, NORMAL, may lose the last commits to the latter).
Transactions that write begin with `BEGIN IMMEDIATE`: they take the one write lock at once and wait for it, where a
transaction that read first and wants to write later would fail (sqlite.org/lang_transaction.html). In PostgreSQL rows
are locked one by one, and queues skip those that another moderator's transaction holds.
"""

import contextlib
import datetime
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy
from sqlalchemy import event, exc, inspect, text
from sqlmodel import Session, select

from toxres.errors import InputError, RunError
from toxres.triage.tables import SCHEMA, SchemaVersion, Table

BUSY_SECONDS = 30
"""How long a transaction waits for another one of the same SQLite file."""

_CREATE_LOCK = 6_148_914_691
_PREPARING = {"toxres_write": False}


class Database:
    """An open moderation database. Threads may share it: each operation has a connection of its own.

    Attributes:
        name: What errors call it: the file, or the URL without its password.
        engine: SQLAlchemy's.
        clock: Gives the time, aware; claims run out by it.
    """

    def __init__(self, name: str, engine: sqlalchemy.Engine, clock: Callable[[], datetime.datetime]) -> None:
        self.name = name
        self.engine = engine
        self.clock = clock

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a SQLite file."""
        return self.engine.dialect.name == "sqlite"

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database throughout, and writes nothing."""
        level = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with (
            self._told(),
            self.engine.connect().execution_options(toxres_write=False, **level) as connection,
            Session(connection, expire_on_commit=False) as session,
        ):
            yield session

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """A session that is committed where the block ends, and rolled back where it raises.

        Raises:
            InputError: The database can only be read, or is none any more.
            RunError: Another process held it for too long, or it can't be reached.
        """
        with (
            self._told(),
            self.engine.connect() as connection,
            Session(connection, expire_on_commit=False) as session,
        ):
            yield session
            session.commit()

    def close(self) -> None:
        """Close its connections."""
        self.engine.dispose()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Say the database's own errors in one line that says what to do."""
        try:
            yield
        except exc.DBAPIError as error:
            raise _translated(error, self.name) from error


def open_database(
    where: str | Path, *, create: bool = False, clock: Callable[[], datetime.datetime] | None = None
) -> Database:
    """Open a moderation database.

    Args:
        where: A SQLite file, or a URL: `postgresql://user@host/name` or `sqlite:///file`.
        create: Make the file and the tables where they are missing.
        clock: Gives the time; the system's.

    Raises:
        InputError: There is no such database, it is something else's, of another schema version or no database at all,
            or PostgreSQL's driver is missing.
        RunError: It can't be reached.
    """
    url = _url(where)
    name = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite":
        name = url.database
        if not (create or name.startswith("file:") or Path(name).exists()):
            raise InputError(f"{name}: no such database; check the path (`toxres queue add` makes one)")
        if create and not name.startswith("file:"):
            Path(name).absolute().parent.mkdir(parents=True, exist_ok=True)
        engine = _sqlite(url)
    else:
        engine = _postgresql(url)
    database = Database(name, engine, clock or _now)
    try:
        with database._told():
            _prepare(database, create)
    except BaseException:
        database.close()
        raise
    return database


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _url(where: str | Path) -> sqlalchemy.URL:
    if "://" not in str(where):
        if not str(where).strip():
            raise InputError("the database's name is empty; name a file, or postgresql://user@host/name")
        return sqlalchemy.URL.create("sqlite", database=str(where))
    try:
        url = sqlalchemy.make_url(str(where))
        kind = url.get_backend_name()
    except exc.ArgumentError:
        raise InputError("the database's URL is malformed; write postgresql://user@host/name") from None
    if kind == "postgres":
        kind = "postgresql"
    if kind not in ("sqlite", "postgresql"):
        raise InputError(
            f"{kind}: is no kind of database known here; name a SQLite file or postgresql://user@host/name"
        )
    if kind == "sqlite" and (not url.database or url.database == ":memory:" or url.query.get("mode") == "memory"):
        raise InputError("a SQLite database in memory would be lost at the end; name a file")
    return url.set(drivername="postgresql+psycopg") if kind == "postgresql" else url


def _sqlite(url: sqlalchemy.URL) -> sqlalchemy.Engine:
    engine = sqlalchemy.create_engine(url, connect_args={"timeout": BUSY_SECONDS}, pool_size=8, max_overflow=24)

    @event.listens_for(engine, "connect")
    def connected(connection, record) -> None:
        connection.isolation_level = None  # transactions begin where `begun` says, not where the driver guesses
        for pragma in ("foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(connection: sqlalchemy.Connection) -> None:
        writes = connection.get_execution_options().get("toxres_write", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(url: sqlalchemy.URL) -> sqlalchemy.Engine:
    try:
        return sqlalchemy.create_engine(url, pool_pre_ping=True, pool_size=8, max_overflow=24)
    except ModuleNotFoundError as error:
        raise InputError(f"{error.name}: is not installed; `pip install toxres[postgres]` brings it") from None


def _prepare(database: Database, create: bool) -> None:
    """Check the schema version; make the tables where they are missing and may be made."""
    with database.engine.connect().execution_options(**_PREPARING) as connection:
        tables = set(inspect(connection).get_table_names())
        connection.rollback()
    if SchemaVersion.__tablename__ not in tables:
        if not create:
            raise InputError(
                f"{database.name}: is no moderation database; check the name (`toxres queue add` makes one)"
            )
        if database.is_sqlite and tables:
            raise InputError(f"{database.name}: is the database of something else; name another file")
        _make(database)
    with database.read() as session:
        versions = session.exec(select(SchemaVersion.version)).all()
    if versions != [SCHEMA]:
        found = ", ".join(map(str, versions)) or "none"
        raise InputError(
            f"{database.name}: is of schema version {found}, and this version of toxres reads {SCHEMA}; nothing was "
            "changed: use the toxres that made it, or export its decisions with that and add them to a new database"
        )


def _make(database: Database) -> None:
    if database.is_sqlite:
        connection = database.engine.raw_connection()
        try:
            connection.execute("PRAGMA journal_mode=WAL")  # a property of the file, not of the connection
        finally:
            connection.close()
    with database.write() as session:
        if not database.is_sqlite:
            session.exec(text(f"SELECT pg_advisory_xact_lock({_CREATE_LOCK})"))
        Table.metadata.create_all(session.connection())
        if session.get(SchemaVersion, SCHEMA) is None and not session.exec(select(SchemaVersion)).all():
            session.add(SchemaVersion(version=SCHEMA, created=database.clock()))


def _translated(error: exc.DBAPIError, name: str) -> Exception:
    """What a driver's error means to a person."""
    said = str(error.orig).strip().splitlines()
    line = said[0] if said else type(error.orig).__name__
    low = line.lower()
    if "readonly" in low or "read-only" in low or "permission denied for" in low:
        return InputError(f"{name}: can only be read ({line}); nothing was written: make it writable, or name another")
    if "not a database" in low or "malformed" in low:
        return InputError(f"{name}: is no SQLite database ({line}); name another file, or restore it from a copy")
    if "unable to open" in low:
        return InputError(f"{name}: can't be opened ({line}); check the path and its permissions")
    if "locked" in low or "busy" in low:
        return RunError(
            f"{name}: another process has held it for {BUSY_SECONDS} seconds; nothing was written: try again"
        )
    if "disk" in low and "full" in low:
        return RunError(f"{name}: the disk is full ({line}); nothing was written: make room and try again")
    if isinstance(error, exc.OperationalError):
        line = re.sub(r"password=\S+", "password=...", line)
        return RunError(f"{name}: can't be reached or gave up ({line}); nothing was written: check it and try again")
    return error
