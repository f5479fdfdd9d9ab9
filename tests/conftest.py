"""Fixtures that several test modules share."""

import os
from pathlib import Path

import pandas as pd
import pytest
from helpers.databases import KINDS, Clock, emptied, postgres, postgres_bin

from toxres.data.schema import make_comments
from toxres.triage.database import open_database


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with the real data; tests that need it are skipped where it is not at hand."""
    folder = os.environ.get("TOXRES_DATA_DIR")
    if not folder:
        pytest.skip("TOXRES_DATA_DIR is not set")
    return Path(folder)


@pytest.fixture
def small_comments() -> pd.DataFrame:
    """Eight comments written for the tests: every label occurs, one is soft, one unknown, two are duplicates."""
    unknown = float("nan")
    rows = [
        ("a1", "Thanks for fixing the table, it reads much better now.", 0, 0, 0, 0, 0, 0),
        ("a2", "You are a pathetic idiot and everybody knows it.", 1, 0, 0, 0, 1, 0),
        ("a3", "You are a PATHETIC idiot, and everybody knows it!!!", 1, 0, 0, 0, 1, 0),
        ("a4", "I will find you and break your fingers.", 1, 0, 0, 1, 0, 0),
        ("a5", "What the hell is this crap?", 0.6, 0, 1, 0, 0, 0),
        ("a6", "People from that town are vermin, all of them.", 1, 0, 0, 0, 1, 1),
        ("a7", "Fuck off, you filthy lying piece of shit.", 1, 1, 1, 0, 1, 0),
        ("a8", "I moved the section about bridges to its own page.", 0, unknown, 0, unknown, 0, unknown),
    ]
    labels = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")
    ids, texts, *columns = zip(*rows, strict=True)
    comments = make_comments(ids, texts, "test", dict(zip(labels, columns, strict=True)), name="small_comments")
    comments.attrs = {"source": "small", "origin": "tests", "sha256": ""}
    return comments


@pytest.fixture
def bare_data(monkeypatch, tmp_path) -> Path:
    """An empty folder as the only place where data files are looked for."""
    root = tmp_path / "project"
    raw = root / "data" / "raw"
    raw.mkdir(parents=True)
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)
    for module in ("toxres.data.paths", "toxres.data.splits", "toxres.data.registry"):
        monkeypatch.setattr(f"{module}.ROOT", root)
    return raw


@pytest.fixture(scope="session")
def postgres_server():
    """URL of a PostgreSQL's database."""
    if postgres_bin() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    with postgres() as server:
        yield server


@pytest.fixture(params=KINDS)
def database_url(request, tmp_path) -> str:
    """Where a moderation database can be made: the same test runs on both kinds."""
    if request.param == "sqlite":
        return str(tmp_path / "moderation.db")
    return emptied(request.getfixturevalue("postgres_server"))


@pytest.fixture
def clock() -> Clock:
    """The database's clock, which a test moves."""
    return Clock()


@pytest.fixture
def database(database_url, clock):
    """An empty moderation database, once of each kind."""
    with open_database(database_url, create=True, clock=clock) as opened:
        yield opened
