"""The page of explanations in Chromium: tabs by keyboard, both themes, and not one request or script."""

import re

import numpy as np
import pytest
from helpers.chromium import CHROMIUM, opened

from toxres.colours import LEVELS, shade
from toxres.explain import Explanation
from toxres.explain.html import page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")

ATTACK = "<script>document.title = 'taken'</script> <img src=x onerror=\"document.title = 'taken'\"> \u202efool"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


def made(text: str, model: str = "baseline") -> Explanation:
    words = tuple(match.span() for match in re.finditer(r"\w+", text))
    labels, nothing = ("toxic", "insult", "threat"), np.full(3, np.nan)
    values = np.zeros((len(words), 3))
    values[-1], values[0] = 2.0, -2.0
    read = np.ones(len(words), bool)
    return Explanation(text, words, labels, values, read, "occlusion", model, np.arange(3.0), nothing, nothing)


@pytest.fixture
def shown(browser, tmp_path):
    """The browser with a page of two comments, each explained for two models, in the light theme."""
    path = tmp_path / "page.html"
    comments = [[made(text), made(text, "custom")] for text in ("you mild fool", ATTACK)]
    path.write_text(page(comments, title="A <b>page</b>", label="toxic"), encoding="utf-8")
    browser.theme("light")
    browser.events.clear()
    browser.open(path.as_uri())
    return browser


VISIBLE = "[...document.querySelectorAll('.tx-panel')].map(e => getComputedStyle(e).display != 'none' ? 1 : 0).join('')"
GROUND = "getComputedStyle(document.querySelector('{}')).backgroundColor"


def rgb(colour: str) -> str:
    return "rgb({}, {}, {})".format(*(int(colour[i : i + 2], 16) for i in (1, 3, 5)))


def test_tabs_are_chosen_by_keyboard(shown):
    assert shown.value(VISIBLE) == "100100"
    shown.press("Tab")
    assert shown.value("document.activeElement.id") == "c1-1"
    outline = "getComputedStyle(document.activeElement.nextElementSibling).outlineStyle"
    assert shown.value(outline) == "solid", "the focus can be seen"
    shown.press("ArrowRight")
    assert shown.value(VISIBLE) == "010100"
    shown.press("ArrowLeft")
    shown.press("ArrowLeft")
    assert shown.value(VISIBLE) == "001100"
    shown.press("Tab")
    assert shown.value("document.activeElement.tagName") == "SUMMARY"
    shown.press("Enter")
    assert shown.value("document.querySelector('details').open") is True


def test_both_themes_colour_words_and_ground(shown):
    for name, dark in (("light", False), ("dark", True)):
        shown.theme(name)
        assert shown.value(GROUND.format(f".o{LEVELS}")) == rgb(shade(LEVELS, dark=dark))
        assert shown.value(GROUND.format(f".b{LEVELS}")) == rgb(shade(-LEVELS, dark=dark))
        assert shown.value(GROUND.format("body")) == rgb("#1B1B1D" if dark else "#FFFFFF")


def test_a_notebooks_theme_wins_over_the_systems(shown):
    shown.theme("dark")
    shown.value("document.body.dataset.jpThemeLight = 'true'")
    assert shown.value(GROUND.format(f".o{LEVELS}")) == rgb(shade(LEVELS))
    shown.theme("light")
    shown.value("document.body.dataset.jpThemeLight = 'false'")
    assert shown.value(GROUND.format(f".o{LEVELS}")) == rgb(shade(LEVELS, dark=True))


def test_nothing_runs_and_nothing_is_asked_of_a_network(shown):
    assert shown.value("document.title") == "A <b>page</b>"
    assert shown.value("document.querySelectorAll('script, img, article b').length") == 0
    asked = [each["params"]["request"]["url"] for each in shown.events if each["method"] == "Network.requestWillBeSent"]
    assert asked and all(address.startswith("file://") and address.endswith("/page.html") for address in asked)
    assert [each for each in shown.events if each["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")] == []
    read = "[...document.querySelectorAll('.tx-text')][6].textContent"
    assert shown.value(read) == ATTACK.replace("\u202e", "U+202E")


def test_a_script_put_into_the_page_is_refused(shown):
    inject = "(() => { const s = document.createElement('script'); s.textContent = 'document.title = \"taken\"';"
    shown.value(f"{inject} document.body.append(s); }})()")
    assert shown.value("document.title") == "A <b>page</b>"


@pytest.mark.parametrize("width", [1200, 360])
def test_nothing_is_wider_than_the_window(shown, width):
    shown.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    assert shown.value("document.documentElement.scrollWidth") <= width
    cards = "[...document.querySelectorAll('.tx-panel-1 .tx-card')].slice(0, 2).map(e => e.getBoundingClientRect().top)"
    first, second = shown.value(cards)
    assert (first == second) is (width == 1200), "side by side where there is room, else one under the other"
    shown.call("Emulation.clearDeviceMetricsOverride")
