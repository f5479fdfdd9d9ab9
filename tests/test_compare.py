"""Models side by side: what they say, agreement, verdicts, thresholds, history, cards, twin, exports and the panel."""

import asyncio
import html
import io
import json
import os
import threading
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from helpers.fakes import fake_checkpoint
from helpers.serving import fake_bundle, fake_triage
from helpers.training import trained
from nbclient import NotebookClient
from nbformat import v4

from toxres.checkpoint import load_checkpoint
from toxres.errors import InputError
from toxres.evaluation.calibration import Calibration
from toxres.labels import LABELS
from toxres.newest import belonging
from toxres.render import strip_volatile
from toxres.widgets import Compare, voila
from toxres.widgets import conversation as conversation_module
from toxres.widgets.card import CELLS, LONG
from toxres.widgets.compare import EXAMPLES, SHOWN
from toxres.widgets.compare_controls import thresholds_html
from toxres.widgets.conversation import lines_of
from toxres.widgets.rulings import rule, triages_by_model

ATTACK = "Quillfeather <script>alert(1)</script> \u202ecalls \u200bit crap."
KIND = "Quillfeather thanks everybody for the bridge."
SAYS = {
    "first": {ATTACK: (0.9, 0.1, 0.7, 0.1, 0.8, 0.1), KIND: (0.1, 0.1, 0.1, 0.1, 0.1, 0.1)},
    "second": {ATTACK: (0.95, 0.1, 0.2, 0.1, 0.85, 0.1), KIND: (0.1, 0.1, 0.1, 0.1, 0.1, 0.1)},
}
CALIBRATION = Calibration("platt", np.full(6, 0.5), np.full(6, 0.25), LABELS)


def fakes() -> dict:
    """Two models that differ on obscene of `ATTACK` alone."""
    made = {name: fake_checkpoint(name, says) for name, says in SAYS.items()}
    for fake in made.values():
        fake.calibration = CALIBRATION
    return made


@pytest.fixture
def compare():
    return Compare(fakes())


@pytest.fixture
def panel():
    """Of a bundle with a triage, and what it sent."""
    made = Compare(fake_bundle(), triages=fake_triage())
    made.widget.sent = []
    made.widget.send = made.widget.sent.append
    return made.widget


def hear(panel, **message) -> list[dict]:
    """What is sent when a front end asks for something."""
    panel.sent.clear()
    panel._hear(panel, message, [])
    panel.jobs.settle()
    return list(panel.sent)


def test_values_are_calibrated_and_thresholds_on_the_same_scale(compare):
    said = compare.say(ATTACK)[0]
    logit = np.log(0.9 / 0.1)
    assert said.turn.probs["first"][0] == pytest.approx(1 / (1 + np.exp(-(0.5 * logit + 0.25))))
    assert compare.thresholds["first"] == pytest.approx(np.full(6, 1 / (1 + np.exp(-0.25))))
    assert said.labels_of("first") == ["toxic", "obscene", "insult"] and said.labels_of("second") == ["toxic", "insult"]
    assert said.told() == "The models differ on obscene (only first)."
    assert [label for label in LABELS if not said.agree(label)] == ["obscene"]
    assert compare.say(KIND)[0].told() == "The models agree: no label."


def test_a_checkpoint_and_the_bundle_of_it_decide_as_they_do_themselves():
    texts = ["Ada says the old bridge is crap", "Bert says the new table is fine"]
    checkpoint = load_checkpoint(trained("custom"))
    compare = Compare([trained("custom")])
    said = compare.say(*texts)
    assert compare.models == ["custom"] and said[0].told().startswith("custom: ")
    assert [each.turn.probs["custom"] for each in said] == [
        pytest.approx(row) for row in checkpoint.predict_proba(texts, calibrated=True)
    ]
    assert [each.given["custom"].tolist() for each in said] == checkpoint.decide(texts).tolist()
    for name, model in fake_bundle().models.items():
        each = Compare(fake_bundle()).say("You fool, what rubbish")[0]
        assert each.given[name].tolist() == model.decide(["You fool, what rubbish"])[0].tolist()


def test_the_newest_checkpoints_that_belong_together_are_the_default(tmp_path, monkeypatch):
    monkeypatch.setenv("TOXRES_BUILD", str(tmp_path))
    with pytest.raises(InputError, match="holds no checkpoint of baseline, custom, ulmfit; `make run` trains some"):
        Compare()
    runs = {"old": ("custom", "jigsaw", "quick"), "b": ("baseline", "made", "smoke"), "c": ("custom", "made", "smoke"),
            "t": ("tfidf", "made", "smoke"), "u": ("ulmfit", "made", "full")}  # fmt: skip
    for age, name in enumerate(runs):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
        run = {"sources": [{"name": runs[name][1]}], "preset": {"name": runs[name][2]}}
        (tmp_path / "checkpoints" / name / "run.json").write_text(json.dumps(run), encoding="utf-8")
        os.utime(tmp_path / "checkpoints" / name / "run.json", (age, age))

    def opened(path):
        recipe, source, preset = runs[path.name]
        fake = fake_checkpoint(recipe, {})
        fake.calibration = CALIBRATION
        fake.run = {"recipe": {"name": recipe}, "sources": [{"name": source}], "preset": {"name": preset}}
        return fake

    for module in ("toxres.newest", "toxres.widgets.voices"):
        monkeypatch.setattr(f"{module}.load_checkpoint", opened)
    assert [path.name for path in belonging(tmp_path / "checkpoints")] == ["b", "c"]
    assert Compare().models == ["baseline", "custom"]


def test_what_is_no_model_is_refused():
    with pytest.raises(InputError, match="models: names none"):
        Compare({})
    with pytest.raises(InputError, match="no such checkpoint folder"):
        Compare({"mine": "nowhere"})
    with pytest.raises(InputError, match="two models are called 'first'"):
        Compare([fakes()["first"], fakes()["first"]])
    other = fakes()["first"]
    other.labels = ("fine", "bad")
    with pytest.raises(InputError, match="other: scores fine, bad, not the six labels"):
        Compare({"other": other})
    with pytest.raises(InputError, match="method 'magic' is not known"):
        Compare(fakes(), method="magic")
    with pytest.raises(InputError, match="mode 'slow' is not known; choose one of: live, enter"):
        Compare(fakes(), mode="slow")


def test_a_triage_is_for_the_model_it_was_fitted_on():
    triage = fake_triage()
    assert triages_by_model(triage, ["baseline", "custom"]) == {"baseline": {}, "custom": {"news": triage}}
    assert triages_by_model([triage], ["a", "b"]) == {"a": {"news": triage}, "b": {"news": triage}}
    assert triages_by_model({"baseline": triage}, ["baseline", "custom"])["baseline"] == {"news": triage}
    with pytest.raises(InputError, match="'other' is no model here"):
        triages_by_model({"other": triage}, ["baseline"])
    with pytest.raises(InputError, match="a Policy decides nothing yet"):
        triages_by_model([triage.policy], ["a"])
    with pytest.raises(InputError, match="a has two of the policy 'news'"):
        triages_by_model([triage, triage], ["a"])


def test_verdicts_by_policy_and_by_hand():
    high, low = np.array([0.95, 0, 0, 0.1, 0.4, 0]), np.array([0.1, 0, 0, 0.1, 0.15, 0])
    assert rule(fake_triage(), high, None)[:4] == ("news", "reject", 0.95, "toxic 0.95 ≥ 0.90")
    assert rule(fake_triage(), low, "forum")[:4] == ("news", "accept", 0.15, "insult 0.15 < 0.20")
    assert rule(fake_triage(), low, "abroad").why == "knows no group abroad"
    assert rule(fake_triage("refuse"), low, "abroad").verdict == "no verdict"
    threat = np.array([0.95, 0, 0, 0.6, 0, 0])
    assert rule(fake_triage(), threat, None).why == "threat 0.60 ≥ 0.50 (a person always decides)"
    by_hand = rule(fake_triage(), low, "news", (0.05, 0.12))
    assert by_hand.verdict == "reject" and by_hand.by_hand
    assert rule(fake_triage(), high, "news", (None, None)).verdict == "uncertain"


def test_thresholds_change_and_come_back():
    compare = Compare(fake_bundle(), triages=fake_triage())
    said = compare.say("You idiot, fool")[0]
    assert said.given["custom"][4] and said.rulings["custom"]["news"].verdict == "reject"
    compare.set_threshold("custom", "insult", 1.0)
    compare.set_limits("custom", "news", 1.0, None)
    said = compare.judged()[0]
    assert not said.given["custom"][4] and said.given["baseline"][4] == compare.judged()[0].given["baseline"][4]
    assert said.rulings["custom"]["news"].verdict == "accept"
    assert "set by hand" in compare.told() and "promises nothing" in compare.told()
    compare.reset()
    assert compare.judged()[0].given["custom"][4] and "tuned on validation comments" in compare.told()
    for wrong in (
        ("other", "insult", 0.5),
        ("custom", "rude", 0.5),
        ("custom", "insult", 1.1),
        ("custom", "insult", ""),
    ):
        with pytest.raises(InputError):
            compare.set_threshold(*wrong)
    with pytest.raises(InputError, match=r"accept is 0\.9, above reject, 0\.1; swap them"):
        compare.set_limits("custom", "news", 0.9, 0.1)
    with pytest.raises(InputError, match="no policy 'news' for 'baseline'"):
        compare.set_limits("baseline", "news", 0.1, 0.9)


@pytest.mark.parametrize("text", ["", "  \n\t", "x" * 20_001, None])
def test_what_cannot_be_compared_is_refused_and_nothing_enters(compare, text):
    with pytest.raises(InputError, match=r"the comment is blank|at most 20,000|not a string"):
        compare.say(KIND, text)
    assert compare.turns == []


def test_hostile_texts_are_shown_as_what_they_are(compare):
    for text in (
        "\x00nul",
        "\ud800 lone",
        "\u202egnola",
        "a" + "\u0301" * 90,
        "😀" * 300,
        "<b>&amp;</b>",
        "x" * 20_000,
    ):
        assert compare.say(text)[0].turn.text
    twin = compare.twin().html
    assert "<b>&amp;" not in twin and "U+202E" in twin and "U+0000" in twin
    twin.encode()
    assert f"{20_000 - LONG:,} more characters" in twin


def test_history_is_kept_pinned_dropped_and_bounded(compare, monkeypatch):
    compare.say(ATTACK, KIND, "third")
    compare.pin(1)
    compare.drop(3)
    assert [turn.number for turn in compare.turns] == [1, 2]
    compare.clear()
    assert [turn.number for turn in compare.turns] == [1]
    monkeypatch.setattr(conversation_module, "KEPT", 3)
    compare.say("a", "b", "c", "d")
    assert [turn.number for turn in compare.turns] == [1, 6, 7], "what is pinned stays"
    with pytest.raises(InputError, match="comment 99 is not in the history"):
        compare.pin(99)


def test_the_history_as_a_table_and_files(compare, tmp_path):
    compare.say(ATTACK, KIND)
    compare.pin(2)
    table = pd.read_csv(compare.to_csv(tmp_path / "out" / "history.csv"))
    assert table["text"].tolist() == [ATTACK, KIND] and table["pinned"].tolist() == [False, True]
    assert table["agree"].tolist() == [False, True]
    assert table["first.obscene.given"].tolist() == [True, False] and not table["second.obscene.given"].any()
    assert table["first.toxic"].iat[0] == pytest.approx(compare.turns[0].probs["first"][0], abs=1e-6)
    page = compare.to_html(tmp_path / "history.html").read_text(encoding="utf-8")
    soup = BeautifulSoup(page, "html.parser")
    assert "default-src 'none'" in soup.find("meta", {"http-equiv": True})["content"]
    assert not soup.find_all(["script", "button", "link"]) and not soup.find_all(style=True)
    assert len(soup.select(".tc-turn")) == 2 and "alert(1)" in soup.select_one(".tc-text").text
    with pytest.raises(InputError, match="is a folder"):
        compare.to_csv(tmp_path)


def test_a_card_tells_everything_with_and_without_style(compare):
    soup = BeautifulSoup(compare_card(compare), "html.parser")
    rows = soup.select("tbody tr")
    assert [row.th.text for row in rows] == [label.replace("_", " ") for label in LABELS]
    assert [bool(row.get("class")) for row in rows] == [False, False, True, False, False, False]
    bars = soup.select("svg .tc-fill")
    assert len(bars) == 12 and len({bar["class"][1] for bar in bars}) == 6
    probs = compare.turns[0].probs
    assert float(bars[0]["width"]) == pytest.approx(100 * probs["first"][0], abs=0.06)
    assert float(soup.select_one(".tc-cut")["x"]) + 0.8 == pytest.approx(100 * compare.thresholds["first"][0], abs=0.06)
    plain = rows[2].get_text(" ", strip=True)
    assert "≥" in plain and "given" in plain and "not given" in plain and "differ" in plain
    chars = rows[0].select_one(".tc-chars").text.strip()
    assert len(chars) == CELLS and chars.count("█") == round(CELLS * probs["first"][0])
    assert not soup.find_all("script") and "<script" not in str(soup.select_one(".tc-text"))


def compare_card(compare) -> str:
    from toxres.widgets.card import card

    return card(compare.say(ATTACK)[0])


def test_explanations_open_close_and_fail_in_a_line(compare):
    compare.say(ATTACK)
    each = compare.explain(1, "insult")
    assert list(each.turn.explanations) == ["first", "second"]
    assert compare.twin().html.count('class="tx-card"') == 2
    assert each.turn.explanations["first"].labels == ("insult",)
    assert compare.explain(1).turn.label == "toxic", "the label that models are surest of"
    compare.choose_method("integrated_gradients")
    failed = compare.explain(1, "toxic").turn.failed
    assert "choose occlusion, lexicon or random" in failed["first"]
    assert "first can&#x27;t be explained so" in compare.twin().html or "first can't" in html.unescape(
        compare.twin().html
    )
    assert compare.explain(1, "").turn.label == "" and 'class="tx-card"' not in compare.twin().html
    with pytest.raises(InputError, match="label 'rude' is not known"):
        compare.explain(1, "rude")


def test_a_bundle_is_explained_by_occlusion_and_by_its_attention():
    compare = Compare(fake_bundle())
    compare.say("You are a fool")
    found = compare.explain(1, "insult").turn.explanations
    words = dict(zip(found["custom"].word_texts(), found["custom"].of("insult"), strict=True))
    assert words["fool"] == pytest.approx(4.5, abs=1e-5) and words["are"] == pytest.approx(0, abs=1e-5)
    compare.choose_method("attention")
    turn = compare.explain(1, "insult").turn
    shares = turn.explanations["custom"].of("insult")
    assert shares.argmax() == 3 and 0 < shares.sum() <= 1 and "no transformer" in turn.failed["baseline"]


def test_the_twin_shows_the_last_and_what_is_pinned(compare):
    assert "No comment was compared yet" in compare.twin().html
    compare.say(*[f"comment number {number}" for number in range(1, SHOWN + 4)])
    compare.pin(2)
    twin = compare.twin()
    numbers = [int(each["data-turn"]) for each in BeautifulSoup(twin.html, "html.parser").select(".tc-turn")]
    assert numbers == [2, *range(4, SHOWN + 4)] and "2 earlier comments are not shown" in twin.html
    assert "comment number 2" in twin.text and "<button" not in twin.html and "<script" not in twin.html
    bundle = twin._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}


def test_the_panel_answers_and_its_state_holds_no_comment(panel):
    drafted = hear(panel, act="draft", text="You idiot, fool")
    assert [each["kind"] for each in drafted] == ["draft", "drafted"] and "You idiot, fool" in drafted[0]["html"]
    assert hear(panel, act="draft", text="  ")[0]["html"] == "" and panel.compare.turns == []
    said = hear(panel, act="say", text="You idiot, fool", lines=False)
    assert said[0]["kind"] == "add" and said[0]["kept"] == [1] and "reject" in said[0]["turns"][0]["html"]
    assert "fool" not in repr(panel.get_state()), "comments are sent to a view that asks, not kept in the state"
    shown = hear(panel, act="hello")[0]
    assert shown["kind"] == "all" and len(shown["turns"]) == 1 and 'data-policy="news"' in shown["thresholds"]
    opened = hear(panel, act="why", turn="1", label="insult")
    assert "Explaining insult" in opened[0]["html"] and opened[1]["html"].count('class="tx-card"') == 2
    assert "tx-card" not in hear(panel, act="why", turn="1", label="insult")[-1]["html"], "once more closes it"
    assert 'aria-pressed="true"' in hear(panel, act="pin", turn="1")[0]["html"]
    changed = hear(panel, act="threshold", model="custom", label="insult", value=1, key="custom insult")[0]
    assert "not given" in changed["turns"][0]["html"].split("insult:")[1].split("</tr>")[0]
    assert (
        "set by hand"
        in hear(panel, act="limits", model="custom", policy="news", accept=1, reject=None)[0]["turns"][0]["html"]
    )
    file = hear(panel, act="export", **{"as": "csv"})[0]
    assert file["name"] == "comparison.csv" and len(pd.read_csv(io.StringIO(file["text"]))) == 1
    assert hear(panel, act="export", **{"as": "html"})[0]["text"].startswith("<!doctype html>")
    assert len(hear(panel, act="clear")[0]["turns"]) == 1
    assert hear(panel, act="drop", turn=1)[0]["turns"] == []
    assert hear(panel, act="reset")[0]["thresholds"] == thresholds_html(panel.compare)
    assert hear(panel, act="group", value="forum")[0]["group"] == "forum" and panel.compare.group == "forum"


def test_many_lines_are_compared_in_parts_and_others_are_heard_between(panel, monkeypatch):
    text = "\r\n".join(f"line {number}" for number in range(40)) + "\n\n"
    sent = hear(panel, act="say", text=text, lines=True)
    assert [len(each["turns"]) for each in sent if each["kind"] == "add"] == [16, 16, 8]
    assert [each["text"] for each in sent if each["kind"] == "status"] == [
        "16 of 40 comments compared …", "32 of 40 comments compared …", "40 comments compared.",
    ]  # fmt: skip
    with pytest.raises(InputError, match="501 comments at once; paste at most 500"):
        lines_of("x\n" * 501)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"act": "say", "text": " "}, "the comment is blank"),
        ({"act": "draft", "text": "x" * 30_000}, "at most 20,000"),
        ({"act": "export", "as": "csv"}, "there is nothing to export yet"),
        ({"act": "why", "turn": "7", "label": "toxic"}, "comment 7 is not in the history"),
        ({"act": "pin"}, "That did not work: 'turn'"),
        ({"act": "method", "value": "magic"}, "method 'magic' is not known"),
    ],
)
def test_what_goes_wrong_is_said_in_a_line(panel, message, told):
    errors = [each for each in hear(panel, **message) if each["kind"] == "status"]
    assert len(errors) == 1 and errors[0]["as"] == "error" and told in errors[0]["text"]


def test_what_is_no_message_is_left_alone(panel):
    panel._hear(panel, "hello", [])
    assert hear(panel, act="__init__") == [] and hear(panel) == []


def test_a_draft_replaces_the_one_that_waits_and_nothing_blocks_the_caller(panel):
    hold, asked = threading.Event(), []
    panel.jobs.put(hold.wait)
    draft = panel.compare.draft
    panel.compare.draft = lambda text: asked.append(text) or draft(text)
    for text in ("Y", "Yo", "You", "You idiot, fool"):
        panel._hear(panel, {"act": "draft", "text": text}, [])
    assert asked == [], "the one who asks does not wait"
    hold.set()
    panel.jobs.settle()
    assert asked == ["You idiot, fool"]


def test_the_twin_that_a_notebook_holds_follows(panel, monkeypatch):
    stored = []
    monkeypatch.setattr("toxres.widgets.compare_live.PAUSE", 0.0)
    panel.compare._stored = type("Handle", (), {"update": lambda self, twin: stored.append(twin.text)})()
    hear(panel, act="say", text="You idiot, fool", lines=False)
    waited = threading.Event()
    for _ in range(200):
        if stored:
            break
        waited.wait(0.02)
    assert "You idiot, fool" in stored[-1]


def test_every_field_is_named_and_no_icon_is_asked_for():
    compare = Compare(fake_bundle(), triages=fake_triage())
    soup = BeautifulSoup(thresholds_html(compare), "html.parser")
    sliders, numbers = soup.select("input[type=range]"), soup.select("input[type=number]")
    assert len(sliders) == 12 and len(numbers) == 2 and all(each["aria-label"] for each in [*sliders, *numbers])
    assert [each["value"] for each in numbers] == ["0.20", "0.90"]
    assert (
        "http" not in compare.widget._esm and "http" not in compare.widget._css and "@import" not in compare.widget._css
    )
    assert "icon" not in compare.widget.get_state()


def test_a_run_without_a_person_writes_the_twin_alone(tmp_path):
    cell = (
        "import sys, json\nsys.path.insert(0, PLACE)\nfrom helpers.serving import fake_bundle, fake_triage\n"
        "from toxres.widgets import Compare\ncompare = Compare(fake_bundle(), triages=fake_triage())\n"
        "_ = compare.say('You idiot, fool')\ncompare"
    ).replace("PLACE", json.dumps(str(Path(__file__).parent)))
    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell)])
    client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    asyncio.run(client.async_execute())
    strip_volatile(notebook)
    assert len(notebook.cells[0].outputs) == 1 and "widgets" not in notebook.metadata
    shown = notebook.cells[0].outputs[0].data
    assert set(shown) == {"text/html", "text/plain"} and "You idiot, fool" in shown["text/html"]
    nbformat.validate(notebook)


def test_examples_are_mild_and_all_different():
    assert len(set(EXAMPLES)) == len(EXAMPLES) >= 6 and all(len(text) < 80 for text in EXAMPLES)


def test_the_app_needs_a_notebook_and_knows_a_template_that_asks_no_cdn(capsys):
    assert voila.main([]) == 2 and voila.main(["--port=1"]) == 2
    assert capsys.readouterr().err.splitlines()[0].startswith("toxres.widgets.voila: names no notebook; for example")
    template = voila.TEMPLATES / "voila" / "templates" / "toxres"
    assert json.loads((template / "conf.json").read_text()) == {"base_template": "lab"}
    assert (template / "index.html.j2").is_file()
