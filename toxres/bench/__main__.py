"""`python -m toxres.bench` runs the benchmarks."""

import sys

from toxres.bench.command import main

sys.exit(main())
