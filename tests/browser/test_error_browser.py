"""The browser of errors in JupyterLab: a comment is picked, both models are explained, and the file holds no text."""

import json

import nbformat
import pytest
from helpers.chromium import CHROMIUM, opened
from helpers.notebook_server import TOKEN, lab
from helpers.training import trained
from nbformat import v4

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")

CODE = """
from toxres.checkpoint import load_checkpoint
from toxres.data.schema import make_comments
from toxres.labels import LABELS
from toxres.widgets import ErrorBrowser, error_table
texts = ["Quillfeather says the old bridge is crap", "Quillfeather says the " + "new table is fine"]
comments = make_comments(["x-1", "x-2"], texts, "made", {{label: [1, 0] for label in LABELS}}, name="made")
checkpoints = {{name: load_checkpoint(path) for name, path in {folders}.items()}}
ErrorBrowser(error_table(comments, checkpoints), checkpoints, order="id")
"""
READY = "window.jupyterapp && jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status == 'idle'"
SENT = "Network.requestWillBeSent"
SHOWN = "[...document.querySelectorAll('{}')].filter(e => e.getBoundingClientRect().height > 0).length"


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """A folder with a notebook of one cell that shows the browser."""
    folder = tmp_path_factory.mktemp("lab")
    code = CODE.format(folders=json.dumps({name: str(trained(name)) for name in ("baseline", "custom")}))
    made = v4.new_notebook(cells=[v4.new_code_cell(code)])
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, folder / "errors.ipynb")
    return folder / "errors.ipynb"


@pytest.mark.stress
def test_a_comment_is_picked_read_and_not_saved(notebook, tmp_path):
    with lab(notebook.parent) as address, opened(tmp_path) as tab:
        tab.call("Page.navigate", url=f"{address}doc/tree/{notebook.name}?token={TOKEN}")
        tab.wait(READY, "JupyterLab starts no kernel")
        tab.value("void jupyterapp.commands.execute('notebook:run-all-cells')")
        tab.wait("document.querySelectorAll('.te-list option').length == 2", "the list does not come")
        assert tab.wait(SHOWN.format(".te-counted"), "the count is seen") == 1
        assert "2 of 2 comments" in tab.value("document.querySelector('.te-counted').innerText")
        assert tab.value("document.querySelectorAll('.te-twin').length") == 1
        assert tab.value(SHOWN.format(".te-twin")) == 0, "the live widget hides its twin"
        assert "Quillfeather" not in tab.value("document.querySelector('.jp-OutputArea').innerText")

        tab.value("document.querySelector('.te-place input').focus()")
        tab.press("ArrowUp")
        tab.wait("document.querySelectorAll('.te-why .tx-card').length == 2", "both models are explained")
        said = tab.value("document.querySelector('.te-why').innerText")
        assert "Quillfeather says the old bridge" in said and "baseline" in said and "custom" in said
        assert "x-1" in tab.value("document.querySelector('.te-said').innerText")
        assert tab.value("document.querySelector('.te-list select').selectedIndex") == 0
        wide = "document.querySelector('.toxres-browser').parentElement"
        assert tab.value(f"{wide}.scrollWidth <= {wide}.clientWidth"), "nothing is cut off"

        tab.value("jupyterapp.commands.execute('docmanager:save').then(() => { window.saved = true })")
        tab.wait("window.saved", "the notebook is saved")
        tab.click(".te-list option:last-child")
        tab.wait("document.querySelector('.te-said').innerText.includes('x-2')", "a pick by mouse shows another")
        tab.wait("document.querySelector('.te-why').innerText.includes('table is fine')", "its text follows")
        tab.click("button.te-hide")
        tab.wait("!document.querySelector('.te-why').innerText.trim()", "it can be hidden")
        asked = [each["params"]["request"]["url"] for each in tab.events if each["method"] == SENT]
    outside = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert asked and outside == [], "no request leaves the machine"
    saved = nbformat.read(notebook, as_version=4)
    outputs = saved.cells[0].outputs
    assert len(outputs) == 2 and "te-twin" in outputs[0].data["text/html"] and "x-2" in outputs[0].data["text/html"]
    assert "new table is fine" not in str(outputs) and "old bridge" not in str(outputs) + str(saved.metadata)
