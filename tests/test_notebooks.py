"""The committed notebooks: fit to read as they are, and still running from top to bottom."""

import pytest

from toxres.render import check_notebook, find_notebooks, render

NOTEBOOKS = find_notebooks()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_committed_notebook_is_one_clean_rendering(path):
    assert check_notebook(path) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_the_synthetic_corpus(path, tmp_path, monkeypatch):
    monkeypatch.delenv("TOXRES_DATA_DIR", raising=False)
    figures = tmp_path / "figures"
    done = render(path, tmp_path / "out" / path.name, preset="smoke", build=tmp_path / "build", figures=figures)
    assert done.path.exists()
    assert any(figures.iterdir()), "a notebook saves the figures it draws"
