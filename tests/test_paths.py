"""Where a run writes."""

import pytest

from toxres.files import ROOT
from toxres.paths import build_dir, figures_dir


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    monkeypatch.delenv("TOXRES_BUILD_DIR", raising=False)
    monkeypatch.delenv("TOXRES_FIGURES_DIR", raising=False)


def test_everything_goes_under_build():
    assert build_dir() == ROOT / "build"
    assert figures_dir() == ROOT / "build" / "figures"


def test_the_runner_decides(monkeypatch, tmp_path):
    monkeypatch.setenv("TOXRES_BUILD_DIR", str(tmp_path))
    assert build_dir() == tmp_path and figures_dir() == tmp_path / "figures"
    monkeypatch.setenv("TOXRES_FIGURES_DIR", str(tmp_path / "f"))
    assert build_dir() == tmp_path and figures_dir() == tmp_path / "f"
