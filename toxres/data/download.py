"""One verified download: resumed where the server can, else restarted, and in place only when it is right."""

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from toxres.errors import RunError

_BLOCK = 1 << 16
_TIMEOUT = 30.0


class DownloadError(RunError):
    """A download that failed: one line naming the file, what came instead, and what to do."""


def download(url: str, path: str | Path, *, size: int, sha256: str, progress: bool = True, attempts: int = 3) -> None:
    """Fetch `url` to `path` and verify size and SHA-256 before the file appears there.

    Bytes are kept in `.<name>.part` beside it. If a connection breaks, the next attempt (also of a later call) asks
    the server for the rest by an HTTP range; a server that does not know ranges sends all of it again. A body with the
    wrong hash is thrown away.

    Args:
        url: Where the file is.
        path: Where to put it.
        size: Its size in bytes.
        sha256: Hex digest of its bytes.
        progress: Show a progress bar.
        attempts: How often a broken connection is taken up again.

    Raises:
        DownloadError: The server has no such file, cannot be reached, breaks off, or sends something else.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    if part.exists() and part.stat().st_size > size:
        part.unlink()
    problem = ""
    for _ in range(attempts):
        had = part.stat().st_size if part.exists() else 0
        if had < size:
            problem = _fetch(url, part, path.name, size, progress)
        if part.exists() and part.stat().st_size >= size:
            break
    got = part.stat().st_size if part.exists() else 0
    if got < size:
        raise DownloadError(
            f"{url}: broke off after {got:,} of {size:,} bytes{problem}; check the connection and run the command "
            "again, it goes on from there"
        )
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        part.unlink()
        raise DownloadError(
            f"{url}: the server sent another file (sha256 {found[:12]}..., {got:,} bytes; expected {sha256[:12]}..., "
            f"{size:,} bytes); nothing was kept: try again, or fetch the file by hand to {path}"
        )
    os.replace(part, path)


def _fetch(url: str, part: Path, name: str, size: int, progress: bool) -> str:
    """Append to `part` what the server sends, at most one byte more than `size`; say what broke it off, if anything."""
    had = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "toxres", "Accept-Encoding": "identity"})
    if had:
        request.add_header("Range", f"bytes={had}-")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            resumed = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {had}-")
            if response.status == 206 and not resumed:
                part.unlink(missing_ok=True)
                return " (the server answered with another range)"
            start = had if resumed else 0
            with (
                part.open("ab" if resumed else "wb") as file,
                tqdm(total=size, initial=start, unit="B", unit_scale=True, desc=name, disable=not progress) as bar,
            ):
                room = size + 1 - start
                while room > 0 and (block := response.read(min(_BLOCK, room))):
                    file.write(block)
                    bar.update(len(block))
                    room -= len(block)
        return ""
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            part.unlink(missing_ok=True)
            return " (the server refused the range)"
        if error.code >= 500:
            return f" (HTTP {error.code})"
        raise DownloadError(
            f"{url}: HTTP {error.code} {error.reason}; the file is not there, fetch it by hand"
        ) from None
    except urllib.error.URLError as error:
        raise DownloadError(
            f"{url}: no connection ({error.reason}); check the network and run the command again"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        return f" ({type(error).__name__})"
