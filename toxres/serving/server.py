"""`toxres serve`: the app in a server of its own, with an address, logs and an orderly end."""

import errno
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from toxres.errors import InputError
from toxres.serving import logs
from toxres.serving.app import create_app
from toxres.serving.bundle import load_bundle
from toxres.serving.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

BACKLOG = 512
GRACE_SECONDS = 30
CONNECTIONS = 1_000


def serve(
    bundle: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    settings: Settings | None = None,
    triage: str | Path | None = None,
    database: str | None = None,
    decides: str | None = None,
) -> None:
    """Serve a bundle until SIGINT or SIGTERM; what was accepted by then is finished first.

    Args:
        bundle: Its folder.
        host: Address to listen at; 0.0.0.0 is all of the machine's.
        port: 0 takes a free one.
        settings: Limits, keys and switches.
        triage: Folder of a fitted triage, instead of the bundle's.
        database: The moderators': a SQLite file, made if it is missing, or a URL of PostgreSQL.
        decides: Name of the model that verdicts come from.

    Raises:
        InputError: The port is in use, or bundle, triage or database can't be opened.
    """
    settings = settings or Settings()
    with listening(host, port) as listener:
        app = open_app(bundle, settings, triage=triage, database=database, decides=decides)
        address = _address(listener)
        print(f"toxres: {bundle} is served at {address} (the API: {address}/openapi.json); Ctrl-C ends it", flush=True)
        if not settings.keys and not _is_loopback(listener):
            print(
                "toxres: no API key is asked for, and others can reach this address; see --api-key-file",
                file=sys.stderr,
            )
        run(app, listener, settings)


def open_app(
    bundle: str | Path,
    settings: Settings,
    *,
    triage: str | Path | None = None,
    database: str | None = None,
    decides: str | None = None,
) -> "FastAPI":
    """The app of a bundle's folder; arguments as of `serve`."""
    loaded = load_bundle(bundle)
    fitted = opened = None
    if triage is not None:
        from toxres.triage import load_triage

        fitted = load_triage(triage)
    if database is not None:
        from toxres.triage.database import open_database

        opened = open_database(database, create=True)
    return create_app(loaded, settings, triage=fitted, database=opened, decides=decides)


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; a port that is in use is found out before anything is loaded.

    Raises:
        InputError: It can't be had.
    """
    if not 0 <= port <= 65_535:
        raise InputError(f"--port {port}: give a number from 0 to 65535")
    try:
        kind, _, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
    except (socket.gaierror, UnicodeError):
        raise InputError(f"--host {host!r}: is no address of this machine; give one, such as 127.0.0.1") from None
    # asyncio turns Nagle's delay off only where a socket says it is TCP; else each answer waits 40 ms for a receipt.
    listener = socket.socket(kind, socket.SOCK_STREAM, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"port {port} is in use at {host}; choose another with --port, or end what has it"
            ) from None
        raise InputError(
            f"{host}:{port}: no listening there ({error.strerror}); choose another --host or --port"
        ) from None
    return listener


def run(app: "FastAPI", listener: socket.socket, settings: Settings) -> None:
    """Run an app on a socket, in this thread, until a signal ends it."""
    import uvicorn

    logs.set_up(settings.log_text)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        lifespan="on",
        loop="asyncio",
        ws="none",
        backlog=BACKLOG,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)

    def ended(number: int, frame: object) -> None:
        if not server.should_exit:  # before the server heard of it; after its end the signal comes here again
            raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, ended)
    server.run(sockets=[listener])


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def _is_loopback(listener: socket.socket) -> bool:
    return listener.getsockname()[0].startswith("127.") or listener.getsockname()[0] == "::1"
