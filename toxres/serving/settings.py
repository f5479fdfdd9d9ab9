"""What a service may take and how long: limits, keys and switches, as frozen records that are checked when made."""

import dataclasses
import math
from pathlib import Path

from toxres.errors import InputError


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much a service takes before it says no, so that its time and memory are bounded.

    Attributes:
        body_bytes: Bytes of a request's body (413 above).
        comments: Comments of a request (422 above).
        characters: Characters of a comment (422 above).
        request_tokens: Tokens of a request, for one model (422 above).
        words: Words of a comment that an explanation by occlusion asks about; the others stay unexplained.
        in_flight: Requests that are worked on at once (503 above).
        buffered_bytes: Bytes of all bodies that are held at once (503 above).
        waiting_tokens: Tokens that wait for a model (503 above).
        waiting_seconds: How long a request may have to wait for the models, by their measured speed (503 above).
        batch_tokens: Tokens of a batch, padding included.
        body_seconds: How long a body may take to arrive (408 above).
        request_seconds: How long a request may take in all (504 above).
    """

    body_bytes: int = 1 << 20
    comments: int = 128
    characters: int = 50_000
    request_tokens: int = 3 << 15
    words: int = 200
    in_flight: int = 256
    buffered_bytes: int = 64 << 20
    waiting_tokens: int = 1 << 17
    waiting_seconds: float = 10.0
    batch_tokens: int = 1_024
    body_seconds: float = 10.0
    request_seconds: float = 60.0

    def __post_init__(self) -> None:
        """Refuse a limit that lets nothing through.

        Raises:
            InputError: A limit is not a finite number above 0.
        """
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise InputError(f"limit {field.name} is {value!r}; give a number above 0")


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a service is run.

    Attributes:
        limits: How much it takes.
        keys: API keys, one of which a request has to show; none lets everybody in.
        origins: Origins that browsers may call it from (CORS), besides its own.
        languages: Language codes that the Perspective-compatible route says it scores.
        log_text: Write the comments' text into the log.
    """

    limits: Limits = Limits()
    keys: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    origins: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    log_text: bool = False


def read_keys(path: str | Path) -> tuple[str, ...]:
    """API keys of a file: one a line; blank lines and lines that begin with # are left out.

    Raises:
        InputError: The file can't be read, has no key, or has one that is shorter than 16 characters or not ASCII.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no UTF-8 text"
        raise InputError(f"{path}: can't be read ({reason}); name a file with one API key a line") from None
    keys = []
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        if len(line) < 16 or not line.isascii() or not line.isprintable() or " " in line:
            raise InputError(f"{path}: line {number}: an API key needs 16 or more ASCII characters without spaces")
        keys.append(line)
    if not keys:
        raise InputError(f"{path}: has no API key; write one a line, such as `openssl rand -hex 24` makes")
    return tuple(keys)
