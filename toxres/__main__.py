"""`python -m toxres` is the `toxres` command."""

import sys

from toxres.cli import main

sys.exit(main())
