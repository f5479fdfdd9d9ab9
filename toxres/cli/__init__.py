"""The `toxres` command: 0 when it worked, 1 for a failed run, 2 for bad usage or bad input, 130 after Ctrl-C."""

import os
import sys
from collections.abc import Sequence

from toxres.cli.parser import build_parser
from toxres.errors import InputError, RunError

__all__ = ["build_parser", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; every complaint is one line on stderr that says what to do.

    Args:
        argv: The words after `toxres`; those of this process by default.
    """
    parser = build_parser()
    try:
        options = parser.parse_args(argv)
    except SystemExit as stop:
        return stop.code or 0
    name = options.prog
    try:
        options.verb(options)
        sys.stdout.flush()
        return 0
    except InputError as error:
        return _complain(f"{name}: {_one_line(error)}", 2)
    except RunError as error:
        return _complain(f"{name}: {_one_line(error)}", 1)
    except KeyboardInterrupt:
        return _complain(f"{name}: interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("TOXRES_DEBUG"):
            raise
        return _complain(f"{name}: failed: {type(error).__name__}: {_one_line(error)} (TOXRES_DEBUG=1 shows where)", 1)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _complain(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code
