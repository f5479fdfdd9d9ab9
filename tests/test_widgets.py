"""The browser of errors: its table, its choices, its twin, its panel, and no text where it must not be."""

import asyncio
import html
import json
import math
import threading
import time
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from helpers.fakes import fake_checkpoint
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat import v4

from toxres.data.schema import make_comments
from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.render import strip_volatile
from toxres.widgets import ErrorBrowser, error_table
from toxres.widgets import errors as errors_module
from toxres.widgets import live as live_module
from toxres.widgets.choice import ANY, WRONG, Choice, judged_label, loosened, outcome_names, patterns, select, wrongly
from toxres.widgets.shown import LISTED, list_lines, truth_word
from toxres.widgets.table import judged

TEXTS = {
    "c1": "Quillfeather thanks everybody for the bridge.",
    "c2": "Quillfeather is a nitwit <script>alert(1)</script>",
    "c9": "Wobblethorpe shall be sorry soon.",
    "c10": "Wobblethorpe says that nitwit is a funny word.",
    "c11": "Grumblewick of the harbour, unread by anyone.",
}
NAN = float("nan")
TRUTH = {  # toxic, insult, threat; the others are 0, but all of c11 is unknown
    "c1": (0, 0, 0),
    "c2": (1, 1, 0),
    "c9": (1, 0, 1),
    "c10": (0.4, 0, NAN),
    "c11": (NAN, NAN, NAN),
}
SAYS = {
    "baseline": {"c1": (0.1, 0.1, 0.1), "c2": (0.9, 0.8, 0.1), "c9": (0.3, 0.1, 0.2), "c10": (0.9, 0.8, 0.1)},
    "custom": {"c1": (0.2, 0.1, 0.1), "c2": (0.9, 0.4, 0.1), "c9": (0.8, 0.1, 0.7), "c10": (0.6, 0.2, 0.9)},
}


def six(toxic: float, insult: float, threat: float, others: float) -> tuple[float, ...]:
    return (toxic, others, others, threat, insult, others)


@pytest.fixture
def comments() -> pd.DataFrame:
    rows = [six(*TRUTH[name], NAN if name == "c11" else 0) for name in TEXTS]
    columns = dict(zip(LABELS, zip(*rows, strict=True), strict=True))
    made = make_comments(list(TEXTS), list(TEXTS.values()), ["a", "a", "b", "b", "b"], columns, name="made")
    return made.assign(functionality=["", "", "threat_dir_h", "my own", ""])


@pytest.fixture
def models() -> dict:
    """By name, a model that says what `SAYS` has, 0.01 of other labels; of the last comment and any other 0.5."""
    return {
        name: fake_checkpoint(name, {TEXTS[key]: six(*probs, 0.01) for key, probs in says.items()})
        for name, says in SAYS.items()
    }


@pytest.fixture
def table(comments, models) -> pd.DataFrame:
    return error_table(comments, models)


@pytest.fixture
def each(table):
    return judged(table, list(SAYS))


@pytest.fixture
def browser(table, models):
    return ErrorBrowser(table, models, method="occlusion")


def ids(each, **choice) -> list[str]:
    return [each.table["id"].iat[row] for row in select(each, Choice(**choice))]


def pick(browser, name: str | None) -> None:
    """What a front end sends when a person picks a comment."""
    values = [browser.judged.table["id"].iat[row] for _, row in browser._panel.comments.options]
    browser._panel.comments.set_state({"index": None if name is None else values.index(name)})


def no_text(told: str) -> bool:
    return not any(word in told for word in ("Quillfeather", "Wobblethorpe", "Grumblewick", "nitwit"))


def test_the_table_has_what_was_worked_out_by_hand(table, models):
    row = table.set_index("id").loc["c2"]
    assert row["group"] == "a" and row["text"] == TEXTS["c2"] and row["functionality"] == ""
    assert row[list(LABELS)].tolist() == [1, 0, 0, 0, 1, 0]
    assert row["baseline.insult"] == pytest.approx(0.8) and row["custom.insult"] == pytest.approx(0.4)
    assert row["baseline.insult.given"] and not row["custom.insult.given"]
    right = -4 * math.log(0.99) + math.log(0.99)  # three labels at 0.01; threat is at 0.1
    expected = {"baseline": -math.log(0.9 * 0.8 * 0.9) + right, "custom": -math.log(0.9 * 0.4 * 0.9) + right}
    assert {name: row[f"{name}.loss"] for name in expected} == pytest.approx(expected)
    assert row["loss"] == pytest.approx(sum(expected.values()) / 2)
    assert row["disagreement"] == pytest.approx(0.4)
    assert table["loss"].iat[4] == 0, "nothing is known, so nothing is lost"
    assert table.set_index("id").loc["c10", "baseline.loss"] == pytest.approx(
        -0.4 * math.log(0.9) - 0.6 * math.log(0.1) - math.log(0.2) - 3 * math.log(0.99)
    )
    assert table.attrs["thresholds"] == {"baseline": [0.5] * 6, "custom": [0.5] * 6}
    assert [model.asked for model in models.values()] == [5, 5], "each comment is scored once"


def test_thresholds_decide_and_can_be_given(comments, models):
    models["baseline"].thresholds = np.array([0.5, 0.5, 0.5, 0.5, 0.85, 0.5])
    own = error_table(comments, models).set_index("id")
    assert not own.loc["c2", "baseline.insult.given"]
    given = error_table(comments, models, thresholds={"baseline": [0.05] * 6})
    assert given.set_index("id").loc["c1", "baseline.toxic.given"]
    assert given.attrs["thresholds"] == {"baseline": [0.05] * 6, "custom": [0.5] * 6}
    with pytest.raises(InputError, match="'other' is no model here"):
        error_table(comments, models, thresholds={"other": [0.5] * 6})


def test_what_is_no_table_of_errors_is_refused(comments, models, table):
    with pytest.raises(InputError, match="names no model"):
        error_table(comments, {})
    models["baseline"].labels = ("fine", "bad")
    with pytest.raises(InputError, match="baseline: scores fine, bad, not the six labels"):
        error_table(comments, models)
    with pytest.raises(InputError, match=r"no column 'third\.toxic'"):
        ErrorBrowser(table, models | {"third": models["custom"]})
    table.attrs = {}
    with pytest.raises(InputError, match="no thresholds of 'baseline'"):
        ErrorBrowser(table, models)


@pytest.mark.parametrize(("field", "value"), [("label", "rude"), ("outcome", "only third right"), ("order", "size")])
def test_an_unknown_choice_is_refused(table, models, field, value):
    with pytest.raises(InputError, match=f"{field} '{value}' is not known; choose one of: "):
        ErrorBrowser(table, models, **{field: value})
    with pytest.raises(InputError, match="method 'magic' is not known"):
        ErrorBrowser(table, models, method="magic")


def test_outcomes(each):
    whole = ["all right", "only baseline right", "only custom right", "all wrong", "unknown"]
    assert patterns(each).tolist() == whole
    assert patterns(each, "insult").tolist() == [
        "all right",
        "only baseline right",
        "all right",
        "only custom right",
        "unknown",
    ]
    assert patterns(each, "threat").tolist() == ["all right", "all right", "only custom right", "unknown", "unknown"]
    assert wrongly(each, "custom", "false positive").tolist() == [False, False, False, True, False]
    assert wrongly(each, "custom", "false positive", "threat").sum() == 0, "nobody knows whether c10 is a threat"
    assert wrongly(each, "baseline", "false negative").tolist() == [False, False, True, False, False]
    assert ids(each, outcome="false negative of custom", order="id") == ["c2"]
    assert ids(each, outcome=WRONG, order="id") == ["c2", "c9", "c10"]
    assert ids(each, outcome=WRONG, order="id", label="insult") == ["c2", "c10"]
    for outcome in outcome_names(each.models):
        assert set(ids(each, outcome=outcome)) <= set(TEXTS)


def test_filters_orders_and_search(each):
    assert ids(each, order="id") == ["c1", "c2", "c9", "c10", "c11"], "9 comes before 10"
    assert ids(each, order="highest loss") == ["c10", "c9", "c2", "c1", "c11"]
    assert ids(each, order="biggest disagreement") == ["c10", "c9", "c2", "c1", "c11"]
    assert ids(each, order="biggest disagreement", label="toxic") == ["c9", "c10", "c1", "c2", "c11"]
    assert ids(each, group="b", order="id") == ["c9", "c10", "c11"]
    assert ids(each, functionality="threat_dir_h") == ["c9"]
    assert ids(each, search=" NITWIT ", order="id") == ["c2", "c10"]
    assert ids(each, search="c1", order="id") == ["c1", "c10", "c11"]
    assert ids(each, search=".*") == []


def test_what_to_loosen(each):
    nothing = Choice(group="a", outcome="only custom right", search="bridge")
    assert len(select(each, nothing)) == 0
    assert loosened(each, nothing) == {"outcome": 1}
    assert loosened(each, Choice(group="a", search="zzz", label="threat")) == {"search": 2}


def test_the_label_to_look_at_is_the_costliest(each):
    assert [judged_label(each, row) for row in range(4)] == ["toxic", "insult", "threat", "toxic"]
    assert judged_label(each, 1, "threat") == "threat"


def test_lines_of_the_list(each):
    lines = list_lines(each, select(each, Choice(order="id")), ANY)
    assert [row for _, row in lines] == [0, 1, 2, 3, 4]
    words = [line.replace("\u00a0", " ").split() for line, _ in lines]
    assert words[1] == ["c2", "only", "baseline", "right", "insult", "baseline", "0.80", "custom", "0.40"]
    assert len({len(line) for line, _ in lines}) == 1, "columns stand under each other"
    assert [truth_word(value) for value in (1, 0, 0.4, 0.6, NAN)] == ["yes", "no", "no (0.40)", "yes (0.60)", "unknown"]


def test_a_comment_is_shown_when_a_person_picks_it(browser):
    panel = browser._panel
    assert "Pick a comment" in panel.details.value and panel.hide.disabled
    pick(browser, "c2")
    assert "true labels: toxic+insult" in panel.details.value and "only baseline right" in panel.details.value
    assert '<strong class="te-wrong">not given, wrong</strong>' in panel.details.value
    shown = panel.why.value
    assert shown.count('class="tx-card"') == 2 and "baseline" in shown and "custom" in shown
    assert "nitwit" in shown and "<script>" not in shown and "&lt;" in shown
    assert "insult" in shown.split('class="tx-score"')[1], "the costliest label is explained"
    panel.hide.click()
    assert no_text(repr(panel.box.get_state()) + panel.details.value + panel.why.value)
    assert panel.comments.index is None and panel.hide.disabled


def test_a_comment_is_picked_by_its_place_in_the_list(browser):
    panel = browser._panel
    panel.place.set_state({"value": 3})
    assert panel.comments.index == 2 and "nitwit" in panel.why.value
    pick(browser, "c9")
    assert panel.place.value == 2 and "sorry" in panel.why.value
    panel.place.set_state({"value": 0})
    assert panel.comments.index is None and panel.why.value == ""
    panel.place.set_state({"value": 99})
    assert panel.comments.index == 4, "no further than the list goes"
    panel.filters["search"].value = "zzz"
    assert (panel.place.value, panel.place.max) == (0, 0)


def test_code_that_picks_shows_nothing(browser):
    for value in range(5):
        browser._panel.comments.index = value
        browser._panel.comments.value = value
        browser._panel.place.value = value + 1
        assert browser._panel.why.value == "" and no_text(browser._panel.details.value)


def test_no_text_in_any_state_before_a_pick(browser):
    found = [browser.widget]
    for each in found:
        found += getattr(each, "children", ())
    states = repr([each.get_state() for each in found])
    assert "c10" in states, "the list is in it"
    assert no_text(states)


def test_explanations_are_computed_once(browser, models):
    pick(browser, "c2")
    asked = [model.asked for model in models.values()]
    pick(browser, "c9")
    assert [model.asked for model in models.values()] > asked
    asked = [model.asked for model in models.values()]
    pick(browser, "c2")
    assert [model.asked for model in models.values()] == asked
    assert "nitwit" in browser._panel.why.value
    browser._panel.explained.value = "threat"
    assert [model.asked for model in models.values()] > asked


def test_the_oldest_explanation_makes_room(browser, monkeypatch):
    monkeypatch.setattr(errors_module, "KEPT", 2)
    for row in range(3):
        browser.explanation("custom", row, "lexicon", "toxic")
    assert [key[1] for key in browser._explanations] == [1, 2]


def test_a_model_that_cannot_be_explained_says_so_in_a_line(browser, models):
    def fails(texts):
        raise RuntimeError("no\n such <b>thing</b>" + " long" * 200)

    models["custom"].predict_logits = fails
    pick(browser, "c2")
    shown = browser._panel.why.value
    assert (
        "custom can&#x27;t be explained so: no such &lt;b&gt;thing&lt;/b&gt; long" in shown and 'role="alert"' in shown
    )
    assert shown.count('class="tx-card"') == 1 and "long" * 50 not in shown.replace(" ", ""), (
        "the other model is explained"
    )
    browser._panel.method.value = "attention"
    assert browser._panel.why.value.count('role="alert"') == 2


def test_filters_change_list_count_and_panel(browser):
    panel = browser._panel
    assert "<strong>5</strong> of 5 comments" in panel.count.value and len(panel.comments.options) == 5
    pick(browser, "c9")
    panel.filters["group"].value = "b"
    assert [browser.judged.table["id"].iat[row] for _, row in panel.comments.options] == ["c10", "c9", "c11"]
    assert panel.comments.index == 1 and "Wobblethorpe" in panel.why.value, "a comment that still fits stays"
    panel.filters["label"].value = "toxic"
    assert "toxic" in panel.why.value.split('class="tx-score"')[1], "the label is explained that is chosen"
    panel.filters["outcome"].value = "all wrong"
    assert panel.why.value == "" and panel.comments.index is None, "one that does not fit is gone"
    panel.filters["search"].value = "zzz"
    assert panel.comments.options == () and panel.comments.disabled
    assert "None fits. Loosen one limit (no search: 1)." in panel.count.value
    panel.filters["search"].value = ""
    assert len(panel.comments.options) == 1 and not panel.comments.disabled


def test_a_long_list_is_cut_and_says_so(comments, models):
    many = pd.concat([comments.assign(id=[f"{name}-{k}" for name in TEXTS]) for k in range(50)], ignore_index=True)
    browser = ErrorBrowser(error_table(many, models), models)
    assert len(browser._panel.comments.options) == LISTED
    assert f"<strong>250</strong> of 250 comments; the first {LISTED} by highest loss" in browser._panel.count.value


def test_a_pick_replaces_what_waits(browser, models, monkeypatch):
    monkeypatch.setattr(live_module, "PAUSE", 0.02)

    async def picks():
        pick(browser, "c2")
        pick(browser, "c9")
        assert "Computing: word occlusion of baseline" in browser._panel.why.value
        deadline = asyncio.get_running_loop().time() + 10
        while "tx-card" not in browser._panel.why.value and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)

    asyncio.run(picks())
    assert "Wobblethorpe" in browser._panel.why.value
    assert {key[1] for key in browser._explanations} == {2}, "the first pick was never computed"


def test_explanations_do_not_run_into_each_other(browser, models, monkeypatch):
    monkeypatch.setattr(live_module, "PAUSE", 0)
    running, most, says = [], [0], models["baseline"].predict_logits

    def slowly(texts):
        running.append(1)
        most[0] = max(most[0], len(running))
        time.sleep(0.01)
        running.pop()
        return says(texts)

    models["baseline"].predict_logits = slowly

    async def picks(names):
        for name in names:
            pick(browser, name)
            await asyncio.sleep(0.03)
        await asyncio.sleep(0.2)

    browser.widget  # noqa: B018  made before the threads start
    names = (["c2", "c9", "c2"], ["c10", "c1", "c10"], ["c9", "c11", "c1"])
    threads = [threading.Thread(target=asyncio.run, args=(picks(each),)) for each in names]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert most == [1] and 'role="alert"' not in browser._panel.why.value


def test_every_control_is_described_and_none_has_an_icon(browser):
    panel = browser._panel
    controls = [*panel.filters.values(), panel.comments, panel.place, panel.method, panel.explained, panel.hide]
    assert all(each.description and each.tooltip for each in controls)
    assert not any(getattr(each, "icon", "") for each in controls)


def test_a_filter_without_a_choice_is_not_offered(comments, models):
    plain = comments.drop(columns="functionality").assign(group="one")
    panel = ErrorBrowser(error_table(plain, models), models)._panel
    shown = panel.box.children[1].children
    assert panel.filters["label"] in shown
    assert panel.filters["group"] not in shown and panel.filters["functionality"] not in shown


def test_the_twin_counts_and_names_no_text(table, models):
    twin = ErrorBrowser(table, models, outcome=WRONG, top=2, origin="made <here>").twin()
    bundle = twin._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"} and no_text(repr(bundle))
    assert "made &lt;here&gt;" in twin.html and "<script" not in twin.html
    counts, top = (
        [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in found.find("tbody").find_all("tr")]
        for found in BeautifulSoup(twin.html, "html.parser").find_all("table")
    )
    assert counts[0] == ["the whole comment", *"4211111111"]
    assert counts[5] == ["insult", *"4121101001"]
    assert [row[0] for row in top] == ["c10", "c9"] and [row[-1] for row in top] == ["0.60 given, wrong", "0.70 given"]
    assert "The first 2 of 3 comments (any model wrong), those of the highest loss" in twin.html
    assert ErrorBrowser(table, models, outcome=WRONG, top=2, origin="made <here>").twin().html == twin.html


CELLS = """
import sys
sys.path.insert(0, {tests!r})
import pandas as pd
from helpers.fakes import fake_checkpoint
from toxres.widgets import ErrorBrowser, error_table
comments = pd.read_parquet({file!r})
models = {{name: fake_checkpoint(name, {{}}) for name in ("baseline", "custom")}}
browser = ErrorBrowser(error_table(comments, models), models, method="occlusion")
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A notebook run by nbclient, which keeps widget state: the browser by itself, then its widget, forced."""
    from helpers import fakes

    folder = tmp_path_factory.mktemp("executed")
    columns = {label: [1.0, 0.0, 1.0, 0.0, NAN] for label in LABELS}
    made = make_comments(list(TEXTS), list(TEXTS.values()), "a", columns, name="made")
    made.attrs = {}
    made.to_parquet(folder / "comments.parquet")
    tests = str(Path(fakes.__file__).parents[1])
    code = CELLS.format(tests=tests, file=str(folder / "comments.parquet"))
    forced = "browser._panel.comments.index = 1\ndisplay(browser.widget)"
    notebook = v4.new_notebook(cells=[v4.new_code_cell(each) for each in (code, "browser", forced)])
    NotebookClient(notebook, timeout=120, store_widget_state=True, kernel_name="python3").execute()
    return notebook


def test_a_saved_notebook_holds_no_text(executed):
    saved = nbformat.writes(executed)
    state = executed.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert any("c10" in json.dumps(model) for model in state.values()), "the widget's state is in the file"
    assert no_text(saved)


def test_a_run_without_a_person_shows_the_twin_alone(executed):
    outputs = executed.cells[1].outputs
    assert [sorted(output.data) for output in outputs] == [["text/html", "text/plain"]]
    strip_volatile(executed)
    page, _ = HTMLExporter().from_notebook_node(executed)
    assert "What baseline and custom get wrong" in page and no_text(html.unescape(page))


def test_in_a_front_end_the_widget_follows_its_twin(browser, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *args, **options: shown.append((args[0], options)))
    monkeypatch.setattr(errors_module, "somebody_is_there", lambda: True)
    browser._ipython_display_()
    (twin, _), (bundle, options) = shown
    assert twin.html == browser.twin().html and options == {"raw": True}
    assert set(bundle) == {errors_module.VIEW, "text/plain"} and bundle["text/plain"] == errors_module.STILL
    style = browser.widget.children[0].value
    assert f".{twin.name} {{ display: none !important; }}" in style, "the live widget hides the twin"


def test_who_is_there(monkeypatch):
    class Kernel:
        def __init__(self, content):
            self.content = content

        def get_parent(self, channel):
            return {"content": self.content}

    def shell(kernel):
        monkeypatch.setattr("IPython.get_ipython", lambda: type("Shell", (), {"kernel": kernel})())

    monkeypatch.delenv("SERVER_SOFTWARE", raising=False)
    assert not errors_module.somebody_is_there(), "no kernel"
    shell(Kernel({"allow_stdin": True}))
    assert errors_module.somebody_is_there()
    shell(Kernel({"allow_stdin": False}))
    assert not errors_module.somebody_is_there()
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    assert errors_module.somebody_is_there()
