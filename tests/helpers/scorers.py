"""A scorer for runs that are broken on purpose, in processes of their own."""

import csv
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from toxres.files import ROOT
from toxres.labels import LABELS

SCRIPT = """
import sys
from helpers.scorers import Fussy
from toxres.scoring import score
source, out, log, seconds, chunk, engine = sys.argv[1:]
score(source, Fussy(log, float(seconds)), out, chunk=int(chunk), engine=engine)
"""


class Fussy:
    """Scores a text by its letters, and in the last digits by what else is scored with it; writes down how many.

    Attributes:
        log: A file that gets a line for each call: its process and the number of texts.
        seconds: How long a call takes.
    """

    version = "fussy"

    def __init__(self, log: str | Path, seconds: float = 0.0) -> None:
        self.log, self.seconds = str(log), seconds

    def predict_proba(self, texts, calibrated=False):
        with open(self.log, "a") as log:
            log.write(f"{os.getpid()} {len(texts)}\n")
        time.sleep(self.seconds)
        own = np.array([_number(text) for text in texts])
        return own[:, None] / np.arange(1, len(LABELS) + 1) + 1e-5 * _number("\n".join(texts))

    def asked(self) -> int:
        """How many texts it scored, in all processes."""
        return sum(int(line.split()[1]) for line in Path(self.log).read_text().splitlines())


def hard_rows(path: Path, count: int) -> Path:
    """A CSV file of so many rows: every seventh text repeats an earlier one, every fiftieth row is no comment."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "comment_text"])
        for row in range(count):
            told = row if row % 7 else row // 3
            text = f"comment {told} {'and so on ' * (told % 11)}"
            writer.writerow([f"id {row}", " " if row % 50 == 49 else text])
    return path


def start(source: Path, out: Path, log: Path, seconds: float, chunk: int, engine: str = "local") -> subprocess.Popen:
    """A process that scores a file."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    words = [sys.executable, "-c", SCRIPT, str(source), str(out), str(log), str(seconds), str(chunk), engine]
    return subprocess.Popen(words, env=os.environ | {"PYTHONPATH": paths}, stderr=subprocess.PIPE)


def chunks_done(out: Path) -> int:
    """How many chunks of an unfinished run are committed."""
    try:
        return json.loads((out.with_name(f"{out.name}.partial") / "state.json").read_text())["chunks"]
    except FileNotFoundError:
        return 0


def _number(text: str) -> float:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest()) / 2**33
