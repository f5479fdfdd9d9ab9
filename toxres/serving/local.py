"""An app on a port of this machine for as long as a block lasts: for notebooks and tests."""

import contextlib
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

from toxres.errors import RunError

if TYPE_CHECKING:
    from fastapi import FastAPI

SECONDS = 60


@contextlib.contextmanager
def served(app: "FastAPI", port: int = 0) -> Iterator[str]:
    """The address of an app that a real server serves in a thread; it ends with the block, and what runs is finished.

    Args:
        app: As `create_app` makes it.
        port: 0 takes a free one.

    Raises:
        InputError: The port is in use.
        RunError: The app does not get ready.

    Example:
        with served(create_app(load_bundle("build/bundle"))) as address:
            httpx.post(f"{address}/v1/predict", json={"text": "What a kind thing to say."}).json()
    """
    import uvicorn

    from toxres.serving.server import BACKLOG, GRACE_SECONDS, listening

    with listening("127.0.0.1", port) as listener:
        config = uvicorn.Config(
            app, log_config=None, access_log=False, ws="none", backlog=BACKLOG, timeout_graceful_shutdown=GRACE_SECONDS
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="toxres-server", daemon=True)
        thread.start()
        try:
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            _wait(address, thread)
            yield address
        finally:
            server.should_exit = True
            thread.join(GRACE_SECONDS + 10)


def _wait(address: str, thread: threading.Thread) -> None:
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and thread.is_alive():
        with contextlib.suppress(urllib.error.URLError, OSError), ask(f"{address}/readyz", timeout=5):
            return
        time.sleep(0.02)
    raise RunError("the service does not get ready; its log says why")
