"""`Compare` in JupyterLab and Voila: typed, compared, explained, judged anew, exported, and nothing leaves."""

import contextlib
import io
from importlib import resources
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from helpers.chromium import CHROMIUM
from helpers.notebook_server import TOKEN, lab, voila
from helpers.serving import fake_bundle
from nbformat import v4
from playwright.sync_api import expect, sync_playwright

from toxres.labels import LABELS

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")

RUDE = "You are an idiot <b>and</b> your edit is rubbish."
CODE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from helpers.serving import fake_bundle, fake_triage
from toxres.widgets import Compare
Compare(fake_bundle(), triages=fake_triage(), examples=["Thanks, brilliant!", "What the hell?"])
"""
READY = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
AXE = resources.files("axe_playwright_python").joinpath("axe.min.js")
PATIENCE = 180_000


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture
def notebook(tmp_path):
    made = v4.new_notebook(cells=[v4.new_code_cell(CODE)])
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = tmp_path / "notebooks" / "compare.ipynb"
    path.parent.mkdir()
    nbformat.write(made, path)
    return path


@contextlib.contextmanager
def tab(chromium, address, **options):
    """A page; when the block ends, nothing was complained about and nothing was asked of another machine."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1000}, reduced_motion="reduce", **options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    errors, asked = [], []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    try:
        yield page
        assert errors == []
        outside = [url for url in asked if not url.startswith((address, "blob:", "data:"))]
        assert asked and outside == [], "no request leaves the machine"
    finally:
        context.close()


def compare_and_export(page, shots: Path) -> None:
    """What a person does, and what they have to see."""
    root = page.locator(".tc-root")
    text, history = root.locator("textarea"), root.locator(".tc-history .tc-turn")
    models = fake_bundle().models
    text.fill("You are a fo")
    expect(root.locator(".tc-draft")).to_contain_text("You are a fo")
    text.fill(RUDE)
    expect(root.locator(".tc-draft .tc-text")).to_have_text(RUDE)
    assert history.count() == 0, "a draft is no history"

    text.press("Enter")
    expect(history).to_have_count(1)
    expect(root.locator(".tc-draft")).to_be_empty()
    assert history.locator(".tc-text").inner_text() == RUDE, "text is text"
    cells = [row.locator("td:not(.tc-agree)").all() for row in history.locator("tbody tr:not(.tc-policy)").all()]
    assert [len(row) for row in cells] == [2] * 6
    for column, (name, model) in enumerate(models.items()):
        found = model.predict([RUDE])
        widths = [float(row[column].locator(".tc-fill").get_attribute("width")) for row in cells]
        assert widths == pytest.approx(100 * found.calibrated[0], abs=0.06), name
        marks = [float(row[column].locator(".tc-cut").get_attribute("x")) + 0.8 for row in cells]
        assert marks == pytest.approx(100 * model.calibrated_thresholds, abs=0.06)
        given = [row[column].locator(".tc-given").count() == 1 for row in cells]
        assert given == found.decisions[0].tolist()
    colours = {row[0].locator(".tc-fill").evaluate("e => getComputedStyle(e).fill") for row in cells}
    assert len(colours) == 6
    verdict = history.locator(".tc-policy td").nth(1)
    expect(verdict).to_contain_text("reject")
    expect(history.locator(".tc-policy td").nth(0)).to_contain_text("not for this model")

    history.get_by_role("button", name="insult: explain").click()
    expect(history.locator(".tc-why .tx-card")).to_have_count(2)
    expect(history.locator(".tc-why .w[class*='o8']").first).to_have_text("idiot")
    assert page.evaluate("document.activeElement.dataset.label") == "insult", "a card that is replaced keeps the focus"
    page.screenshot(path=shots / f"{shots.name}-light.png")
    assert faults(page) == []

    root.locator("summary").first.click()
    slider = root.get_by_label("insult, custom: threshold")
    slider.focus()
    slider.press("End")
    row = history.locator("tbody tr").nth(LABELS.index("insult"))
    expect(row.locator("td").nth(1)).to_contain_text("not given")
    expect(row.locator("td").nth(1).locator(".tc-cut")).to_have_attribute("x", "98.4")
    root.get_by_label("policy news, custom: reject from").fill("1")
    root.get_by_label("policy news, custom: accept below").fill("1")
    root.get_by_label("policy news, custom: accept below").press("Tab")
    expect(verdict).to_contain_text("accept")
    expect(verdict).to_contain_text("set by hand")
    page.screenshot(path=shots / f"{shots.name}-thresholds.png")
    root.get_by_role("button", name="Back to the tuned ones").click()
    expect(verdict).to_contain_text("reject")

    history.get_by_role("button", name="Pin comment 1").click()
    expect(history.get_by_role("button", name="Pin comment 1")).to_have_attribute("aria-pressed", "true")
    paste(page, "Thanks a lot!\n\nThose liars again\r\nWhat the hell is this valley?")
    expect(root.locator(".tc-send")).to_have_text("Compare 3 comments")
    text.press("Enter")
    expect(history).to_have_count(4)
    root.get_by_role("button", name="What the hell?").click()
    expect(history).to_have_count(5)
    with page.expect_download() as download:
        root.get_by_role("button", name="Export CSV").click()
    table = pd.read_csv(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert table["number"].tolist() == [1, 2, 3, 4, 5] and table["text"].iat[2] == "Those liars again"
    assert table["custom.news"].iat[0] == "reject"
    root.get_by_role("button", name="Clear").click()
    expect(history).to_have_count(1)
    with page.expect_download() as download:
        root.get_by_role("button", name="Export page").click()
    exported = Path(download.value.path()).read_text(encoding="utf-8")
    assert "idiot &lt;b&gt;and&lt;/b&gt;" in exported and "liars" not in exported


def paste(page, text: str) -> None:
    """Paste into the field, as by Ctrl+V."""
    page.locator(".tc-root textarea").evaluate(
        """(field, text) => {
            const data = new DataTransfer();
            data.setData("text", text);
            field.focus();
            field.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
            field.value = text;
            field.dispatchEvent(new InputEvent("input", {bubbles: true}));
        }""",
        text,
    )


def faults(page) -> list[str]:
    """Serious faults of accessibility that axe-core finds in the widget."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run('.tc-root', {resultTypes: ['violations']}).then(found => found.violations)")
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {node['html'][:160]}" for each in serious for node in each["nodes"]]


def test_in_jupyterlab(chromium, notebook, tmp_path):
    shots = tmp_path / "lab"
    shots.mkdir()
    with lab(notebook.parent) as address, tab(chromium, address) as page:
        page.goto(f"{address}doc/tree/{notebook.name}?token={TOKEN}", wait_until="domcontentloaded")
        page.wait_for_function(READY)
        page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
        page.locator(".tc-root").wait_for()
        expect(page.locator(".tc-twin")).to_be_hidden()
        compare_and_export(page, shots)
        page.evaluate("jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
        expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
        page.screenshot(path=shots / "lab-dark.png")
        assert faults(page) == []
        expect(page.locator(".tc-twin")).to_contain_text("idiot")
        page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    outputs = nbformat.read(notebook, as_version=4).cells[0].outputs
    twin = outputs[0].data["text/html"]
    assert len(outputs) == 2 and "idiot &lt;b&gt;and&lt;/b&gt;" in twin and "liars" not in twin
    assert "application/vnd.jupyter.widget-view+json" in outputs[1].data


@pytest.mark.stress
def test_in_voila(chromium, notebook, tmp_path):
    shots = tmp_path / "voila"
    shots.mkdir()
    with voila(notebook) as address, tab(chromium, address) as page:
        page.goto(address, wait_until="domcontentloaded")
        page.locator(".tc-root").wait_for()
        compare_and_export(page, shots)
        page.set_viewport_size({"width": 390, "height": 844})
        page.screenshot(path=shots / "voila-phone.png", full_page=True)
        assert faults(page) == []
        assert page.evaluate("document.querySelector('.tc-root').scrollWidth <= innerWidth"), "nothing is cut off"
