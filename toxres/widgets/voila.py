"""Notebooks as apps, without a request to another machine: `python -m toxres.widgets.voila NOTEBOOK [OPTION...]`.

Voila's own templates ask a CDN for icons that nothing here uses; the one beside this file does not.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from toxres.errors import InputError

TEMPLATES = Path(__file__).parent / "jupyter"
"""Where Jupyter finds the template, beside its own places."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve a notebook by Voila; options are Voila's own.

    Returns:
        0, or 2 where Voila is not installed or no notebook is named.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        if not any(not each.startswith("-") for each in argv):
            raise InputError("names no notebook; for example: python -m toxres.widgets.voila NOTEBOOK --port=8866")
        try:
            from voila.app import main as serve
        except ImportError:
            raise InputError('Voila is not installed; pip install "voila==0.5.13"') from None
        paths = [str(TEMPLATES), *filter(None, [os.environ.get("JUPYTER_PATH")])]
        os.environ["JUPYTER_PATH"] = os.pathsep.join(paths)
        serve(["--template=toxres", *argv])
    except InputError as error:
        print(f"toxres.widgets.voila: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
