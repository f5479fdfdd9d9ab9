"""Structured logs: one JSON object a line, which never holds a comment's text unless that is switched on."""

import json
import logging
import sys
import time
import traceback
from typing import Any

LOGGER = "toxres.serving"
RESERVED = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonFormatter(logging.Formatter):
    """A record as a JSON object: time, level, logger, event, and the fields that were given as `extra`.

    Of an exception it tells the type and where it was raised. Its message may quote what was sent, so it is left out
    unless `log_text` is on.
    """

    def __init__(self, log_text: bool = False) -> None:
        super().__init__()
        self.log_text = log_text

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON, in ASCII, so that no character of a name can break a line or a terminal."""
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in RESERVED}
        if record.exc_info and record.exc_info[1] is not None:
            line |= _told(record.exc_info[1], self.log_text)
        return json.dumps(line, default=str)


def _told(error: BaseException, log_text: bool) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    found: dict[str, Any] = {"error": type(error).__name__}
    found["where"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]]
    if log_text:
        found["error_message"] = str(error)
    return found


def set_up(log_text: bool = False, level: str = "INFO") -> None:
    """Send everything that this process logs to stderr, as JSON; the server's own access log stays silent."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(log_text))
    logging.root.handlers = [handler]
    logging.root.setLevel(logging.WARNING)
    for name in (LOGGER, "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(level)
    logging.getLogger("uvicorn.access").disabled = True


def logger() -> logging.Logger:
    """The service's logger."""
    return logging.getLogger(LOGGER)
