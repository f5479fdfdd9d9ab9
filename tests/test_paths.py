"""Where a run writes."""

from toxres.files import ROOT
from toxres.paths import build_dir


def test_under_build_unless_the_runner_decides(monkeypatch, tmp_path):
    monkeypatch.delenv("TOXRES_BUILD", raising=False)
    assert build_dir() == ROOT / "build"
    monkeypatch.setenv("TOXRES_BUILD", str(tmp_path))
    assert build_dir() == tmp_path
