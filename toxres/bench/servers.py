"""A server in a process of its own, for as long as a block lasts."""

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from toxres.bench.worker import peak_memory
from toxres.errors import RunError

LIMIT_SECONDS = 120


class Server(NamedTuple):
    """A server that is ready.

    Attributes:
        port: At 127.0.0.1.
        process: Its id.
        seconds: From its start to the first 200 of `/readyz`.
    """

    port: int
    process: int
    seconds: float

    @property
    def memory(self) -> float | None:
        """Peak of its resident memory in MiB."""
        return peak_memory(self.process)


def ours(bundle: str) -> list[str]:
    """Words after `python` that serve a bundle; {port} stands for the port."""
    return ["-m", "toxres", "serve", bundle, "--port", "{port}"]


def naive(folders: Sequence[str], kind: str) -> list[str]:
    """Words after `python` that serve checkpoints naively."""
    return ["-m", "toxres.bench.naive_service", "{port}", kind, *folders]


@contextlib.contextmanager
def launched(words: Sequence[str]) -> Iterator[Server]:
    """Start a server and wait until it is ready; it is ended with the block.

    Args:
        words: After `python`; {port} stands for the port.

    Raises:
        RunError: It ends, or does not get ready.
    """
    port = _free_port()
    command = [sys.executable, *(word.replace("{port}", str(port)) for word in words)]
    with tempfile.TemporaryFile("w+") as log:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            while not _is_ready(port):
                if process.poll() is not None or time.perf_counter() - start > LIMIT_SECONDS:
                    log.seek(0)
                    last = ([line.strip() for line in log if line.strip()] or ["it said nothing"])[-1]
                    raise RunError(f"the server {' '.join(words[:3])} does not get ready: {last[:300]}")
                time.sleep(0.01)
            yield Server(port, process.pid, time.perf_counter() - start)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _is_ready(port: int) -> bool:
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    with contextlib.suppress(urllib.error.URLError, OSError), ask(f"http://127.0.0.1:{port}/readyz", timeout=5) as seen:
        return seen.status == 200
    return False
