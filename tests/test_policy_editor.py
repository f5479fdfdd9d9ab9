"""The policy editor: what a policy comes to, its twin, its sliders, its file, and no numbers that nothing promises."""

import dataclasses
from urllib.parse import unquote

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from nbclient import NotebookClient
from nbformat import v4

from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.triage import Policy, load_policy
from toxres.triage.policy_file import parse_policy
from toxres.widgets import PolicyEditor, ScoredRows
from toxres.widgets import policy as policy_module
from toxres.widgets.policy_controls import APART, POOLED
from toxres.widgets.policy_outcome import outcome, trade_off
from toxres.widgets.policy_shown import figures, needed_told

POOL = Policy("mine", {"toxic": 1, "threat": 5}, wrong_decisions=0.05, daily_queue=50)
EXAMPLES = {
    "Quillfeather thanks <everybody>.": (0.001, 0, 0, 0, 0, 0),
    "Quillfeather is unsure.": (0.5, 0, 0, 0, 0, 0),
    "Grumblewick is a nitwit.": (0.999, 0, 0, 0, 0.9, 0),
    "Grumblewick shall be sorry.": (0.999, 0, 0, 0.8, 0, 0),
}


def rows(sure: int, unsure: int, wrong: int = 0) -> ScoredRows:
    """Comments: of the sure ones a tenth is toxic, of the unsure ones every second; `wrong` sure ones are threats."""
    probs, targets = np.zeros((sure + unsure, 6)), np.zeros((sure + unsure, 6))
    toxic = np.arange(sure) % 10 == 9
    probs[:sure, 0], targets[:sure, 0] = np.where(toxic, 0.999, 0.001), toxic
    probs[sure:, 0], targets[sure:, 0] = 0.5, np.arange(unsure) % 2
    targets[:wrong, 3] = 1
    return ScoredRows(probs, targets)


@pytest.fixture
def editor():
    return PolicyEditor(POOL, rows(200, 50), rows(900, 100, 9), examples=EXAMPLES, traffic=1_000, origin="made <here>")


def cells(html: str, caption: str) -> list[list[str]]:
    tables = BeautifulSoup(html, "html.parser").find_all("table")
    table = next(table for table in tables if table.caption.get_text() == caption)
    return [[cell.get_text() for cell in line.find_all(["th", "td"])] for line in table.tbody.find_all("tr")]


def test_what_follows_was_worked_out_by_hand(editor):
    each = editor.outcome
    assert each.shares == {"accept": 0.81, "uncertain": 0.1, "reject": 0.09} and each.coverage == 0.9
    assert each.wrong["accepted"][:2] == (9, 810) and each.wrong["rejected"][:2] == (0, 90)
    assert each.wrong["automatic"][:2] == (9, 900) and each.wrong["automatic"].low < 0.01 < each.wrong["automatic"].high
    assert each.harm == 45.0, "nine threats of severity 5"
    assert each.queue(1_000) == (100.0, 50, 50.0, 500.0)
    assert [verdict.verdict for verdict in each.examples] == ["accept", "uncertain", "reject", "reject"]
    told = dict(figures(each, 1_000))
    assert told["decided without a person"] == "90.0% of 1,000 held-out comments"
    assert told["wrong among these"].startswith("1.00% (9 of 900) [0.46%, ")
    assert told["moderators"] == "50 decisions a day: 50 are left over every day; full at 500 comments a day"


def test_unknown_answers_count_for_the_workload_alone():
    held_out = rows(900, 100, 9)
    held_out.targets[:9] = np.nan
    each = outcome(POOL, rows(200, 50), held_out, np.zeros((0, 6)), "site")
    assert each.coverage == 0.9 and each.wrong["accepted"][:2] == (0, 801)


def test_a_rule_sends_to_a_person_what_would_be_decided(editor):
    held_out = rows(900, 100)
    held_out.probs[:5, 3] = 0.4
    editor = PolicyEditor(POOL, rows(200, 50), held_out, examples=EXAMPLES)
    assert editor.outcome.ruled == 0
    editor.edit(dataclasses.replace(POOL, always_review={"threat": 0.3}))
    assert editor.outcome.ruled == 0.005 and editor.outcome.shares["uncertain"] == 0.105
    assert [verdict.verdict for verdict in editor.outcome.examples] == ["accept", "uncertain", "reject", "uncertain"]
    assert "threat 0.800, a person sees it from 0.3 on" in editor.twin().html


def test_too_few_comments_promise_nothing_and_say_how_many_would():
    editor = PolicyEditor(POOL, rows(20, 5), rows(900, 100), examples=EXAMPLES)
    (promise,) = editor.outcome.promises
    assert not promise.kept and editor.outcome.coverage == 0 and editor.outcome.thresholds == (None, None)
    needed = f"About {promise.rows_needed:,} calibration comments would be needed"
    assert needed_told(promise, 25) == f"{needed}; there are 25."
    assert 59 <= promise.rows_needed <= 80
    html = editor.twin().html
    assert "Nothing can be promised, so every comment goes to a person." in html
    assert needed in html
    hopeless = rows(100, 0)
    hopeless.targets[:, 0] = np.arange(100) % 2
    editor = PolicyEditor(POOL, hopeless, rows(10, 10))
    assert needed_told(editor.outcome.promises[0], 100) == "No number of calibration comments would do."


def test_sides_apart_and_other_tolerances():
    sides = Policy("sides", {"toxic": 1}, wrong_accepts=0.05, wrong_rejects=0.001)
    calibration, held_out = rows(200, 50), rows(900, 100)
    each = outcome(sides, calibration, held_out, np.zeros((0, 6)), "site")
    assert [promise.kept for promise in each.promises] == [True, False] and each.shares["reject"] == 0
    found = {share: one.coverage for share, one in trade_off(each, calibration, held_out)}
    assert found[0.05] == 0.81 and found[0.001] == 0, "the accepts' share is varied"


def test_the_twin_has_every_part_escaped_and_no_script(editor):
    twin = editor.twin()
    assert "made &lt;here&gt;" in twin.html and "thanks &lt;everybody&gt;" in twin.html and "<script" not in twin.html
    assert [line[1] for line in cells(twin.html, "Verdicts on examples")] == [
        "accepted", "for a person", "rejected", "rejected",
    ]  # fmt: skip
    others = cells(twin.html, "What other tolerances would come to")
    assert [line[0] for line in others if line[3] == "promised"][-1] == "30%"
    assert "calibration comments would be needed" in others[0][3], others[0]
    assert "wrong_decisions: 0.05" in twin.html and "data:" not in twin.html
    assert "Promised with confidence 95%: at most 5% of the automatic decisions are wrong (0 of 200" in twin.text
    assert editor.twin().html == twin.html


def test_sliders_edit_the_policy_and_what_follows(editor):
    panel = editor._panel
    controls = panel.controls
    assert controls.shares["wrong_decisions"].value == 0.05 and controls.severities["threat"].value == 5
    assert "<b>81.0%</b>" in panel.outcome.value
    controls.shares["wrong_decisions"].value = 0.001
    assert "Nothing can be promised" in panel.outcome.value and editor.policy.wrong_decisions == 0.001
    controls.shares["wrong_decisions"].value = 0.05
    controls.confidence.value = 0.9
    controls.severities["insult"].value = 2.0
    controls.rules["threat"].value = 0.3
    controls.daily_queue.value, controls.traffic.value = 0, 2_000
    assert editor.policy == dataclasses.replace(
        POOL, confidence=0.9, labels={"toxic": 1, "threat": 5, "insult": 2}, always_review={"threat": 0.3},
        daily_queue=None,
    )  # fmt: skip
    assert "200 of 2,000 comments a day" in panel.outcome.value and "wrong_decisions: 0.05" in panel.file.value
    controls.promise.value = APART
    assert editor.policy.wrong_decisions is None and editor.policy.wrong_accepts == 0.01
    assert controls.shares["wrong_decisions"].layout.display == "none"
    assert controls.shares["wrong_accepts"].layout.display == ""


def test_what_no_policy_can_be_is_said_and_changes_nothing(editor):
    panel = editor._panel
    before = panel.outcome.value
    for each in panel.controls.severities.values():
        each.value = 0
    assert "enforces none" in panel.message.value and 'role="alert"' in panel.message.value
    assert set(editor.policy.labels) == {"threat"}, "the last label cannot be taken away"
    assert panel.outcome.value != before and "thanks" in panel.outcome.value
    panel.reset.click()
    assert editor.policy == POOL and panel.outcome.value == before and panel.message.value == ""


def test_other_policies_can_be_started_from_with_their_own_values(editor):
    controls = editor._panel.controls
    assert controls.start.options[0] == "mine"
    controls.start.value = "children"
    assert editor.policy == load_policy("children") and controls.promise.value == APART
    assert controls.confidence.value == 0.99 and controls.rules["identity_hate"].value == 0.3
    controls.start.value = "news"
    assert editor.outcome.group == "news" and editor.policy.groups == ("news",)
    controls.start.value = "mine"
    assert editor.policy == POOL and controls.promise.value == POOLED
    odd = dataclasses.replace(POOL, wrong_decisions=0.0123, confidence=0.973)
    controls = PolicyEditor(odd, rows(200, 50), rows(90, 10))._panel.controls
    assert controls.policy(odd) == odd, "values that are not offered are kept"


def test_a_label_that_nobody_knows_is_an_error_in_the_panel():
    calibration = rows(200, 50)
    calibration.targets[:, 4] = np.nan
    editor = PolicyEditor(POOL, calibration, rows(90, 10))
    editor._panel.controls.severities["insult"].value = 1
    assert "insult" in editor._panel.message.value and editor.policy == POOL


def test_the_policy_is_saved_as_a_file_that_can_be_read(editor, tmp_path):
    edited = dataclasses.replace(POOL, confidence=0.8)
    editor.edit(edited)
    assert load_policy(editor.save(tmp_path / "mine.yaml")) == edited
    shown = BeautifulSoup(editor._panel.file.value, "html.parser")
    assert parse_policy(shown.pre.get_text()) == edited, "what is shown can be copied"
    link = shown.a
    assert parse_policy(unquote(link["href"].partition(",")[2])) == edited and link["download"] == "mine.yaml"


def test_every_control_is_described(editor):
    controls = editor._panel.controls
    assert all(each.description and each.tooltip for each in [controls.start, *controls.all()])


@pytest.mark.parametrize(
    ("calibration", "told"),
    [
        (np.zeros((3, 6, 2)), "calibration: give probabilities and targets"),
        (ScoredRows(np.zeros((0, 6)), np.zeros((0, 6))), "calibration: there are no comments"),
        (ScoredRows(np.zeros((3, 6)), np.zeros((2, 6))), "calibration: targets have shape"),
        (ScoredRows(np.full((3, 6), 2.0), np.zeros((3, 6))), "pass probabilities in"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(calibration, told):
    with pytest.raises(InputError, match=told):
        PolicyEditor(POOL, calibration, rows(9, 1))
    with pytest.raises(InputError, match="no such policy"):
        PolicyEditor("nosuch", rows(9, 1), rows(9, 1))


def test_in_a_front_end_the_editor_follows_its_twin(editor, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *args, **options: shown.append((args[0], options)))
    monkeypatch.setattr(policy_module, "somebody_is_there", lambda: True)
    editor._ipython_display_()
    (twin, _), (bundle, options) = shown
    assert set(bundle) == {policy_module.VIEW, "text/plain"} and options == {"raw": True}
    assert f".{twin.name} {{ display: none !important; }}" in editor.widget.children[0].value


def test_a_run_without_a_person_shows_the_twin_alone():
    code = """
import numpy as np
from toxres.widgets import PolicyEditor, ScoredRows
rows = ScoredRows(np.zeros((400, len(LABELS := range(6)))), np.zeros((400, 6)))
PolicyEditor("forum", rows, rows, examples={"Quillfeather thanks you.": [0.0] * 6})
"""
    notebook = v4.new_notebook(cells=[v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=120, store_widget_state=True, kernel_name="python3").execute()
    assert [sorted(output.data) for output in notebook.cells[0].outputs] == [["text/html", "text/plain"]]
    assert "widgets" not in notebook.metadata and "Quillfeather" in nbformat.writes(notebook)


def test_labels_are_those_of_the_controls(editor):
    assert list(editor._panel.controls.severities) == list(LABELS)
