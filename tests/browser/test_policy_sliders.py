"""The policy editor in JupyterLab: moved by keyboard, the outcome follows, its file is offered, nothing leaves."""

import nbformat
import pytest
from helpers.chromium import CHROMIUM, opened
from helpers.notebook_server import TOKEN, lab
from nbformat import v4

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")

CODE = """
import numpy as np
from toxres.triage import Policy
from toxres.widgets import PolicyEditor, ScoredRows
probs, targets = np.zeros((250, 6)), np.zeros((250, 6))
probs[:200, 0] = targets[:200, 0] = np.arange(200) % 10 == 9
probs[200:, 0], targets[200:, 0] = 0.5, np.arange(50) % 2
rows = ScoredRows(probs, targets)
policy = Policy("mine", {"toxic": 1}, wrong_decisions=0.02)
PolicyEditor(policy, rows, rows, examples={"Quillfeather thanks you.": [0.0] * 6})
"""
READY = "window.jupyterapp && jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status == 'idle'"
SENT = "Network.requestWillBeSent"
SHOWN = "[...document.querySelectorAll('{}')].filter(e => e.getBoundingClientRect().height > 0).length"
SAID = "document.querySelector('.tp-follows').innerText"


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """A folder with a notebook of one cell that shows the editor."""
    made = v4.new_notebook(cells=[v4.new_code_cell(CODE)])
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    folder = tmp_path_factory.mktemp("lab")
    nbformat.write(made, folder / "policy.ipynb")
    return folder / "policy.ipynb"


def test_a_policy_is_edited_by_keyboard(notebook, tmp_path):
    with lab(notebook.parent) as address, opened(tmp_path) as tab:
        tab.call("Page.navigate", url=f"{address}doc/tree/{notebook.name}?token={TOKEN}")
        tab.wait(READY, "JupyterLab starts no kernel")
        tab.value("void jupyterapp.commands.execute('notebook:run-all-cells')")
        tab.wait(SHOWN.format(".tp-follows"), "the editor does not come")
        assert "Promised with confidence 95%: at most 2%" in tab.wait(SAID, "the outcome is seen")
        assert "accepted 72.0%" in tab.value(SAID) and "Quillfeather thanks you." in tab.value(SAID)
        assert tab.value("document.querySelectorAll('.tp-twin').length") == 1
        assert tab.value(SHOWN.format(".tp-twin")) == 0, "the live widget hides its twin"

        tab.value("document.querySelector('.tp-wrong-decisions .noUi-handle').focus()")
        tab.press("ArrowLeft")
        tab.wait(f"{SAID}.includes('Nothing can be promised')", "a stricter share can't be promised, and this is said")
        assert "calibration comments would be needed; there are 250." in tab.value(SAID)
        file = "document.querySelector('.tp-export .tp-yaml').innerText"
        tab.wait(f"{file}.includes('  wrong_decisions: 0.01')", "the file follows")
        tab.press("ArrowRight")
        tab.wait(f"{SAID}.includes('Promised')", "back again")
        link = "decodeURIComponent(document.querySelector('a.tp-download').href)"
        tab.wait(f"{link}.includes('wrong_decisions: 0.02')", "so does what is downloaded")
        tab.click("button.tp-reset")
        wide = "document.querySelector('.toxres-policy-editor').parentElement"
        assert tab.value(f"{wide}.scrollWidth <= {wide}.clientWidth"), "nothing is cut off"
        tab.value("jupyterapp.commands.execute('docmanager:save').then(() => { window.saved = true })")
        tab.wait("window.saved", "the notebook is saved")
        asked = [each["params"]["request"]["url"] for each in tab.events if each["method"] == SENT]
    outside = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert asked and outside == [], "no request leaves the machine"
    outputs = nbformat.read(notebook, as_version=4).cells[0].outputs
    assert len(outputs) == 2 and "tp-twin" in outputs[0].data["text/html"]
