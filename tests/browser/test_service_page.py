"""The service's page in Chromium: type, compare, explain, moderate by keys, in both themes, on a phone, accessibly."""

import contextlib
import json
import re
from importlib import resources

import pytest
from helpers.chromium import CHROMIUM
from helpers.serving import fake_app, served
from playwright.sync_api import expect, sync_playwright

from toxres.labels import LABELS
from toxres.triage.database import open_database

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")

FOOL = "You are a fool, and your edit is rubbish."
ATTACK = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script> \u202efool\u200b"
SIZES = {"desk": {"width": 1200, "height": 850}, "phone": {"width": 390, "height": 780}}
AXE = resources.files("axe_playwright_python").joinpath("axe.min.js")


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    database = open_database(tmp_path_factory.mktemp("page") / "moderation.db", create=True)
    with served(fake_app(database=database)) as client:
        yield client


@contextlib.contextmanager
def tab(chromium, service, size="desk", theme="light", expected=(), **options):
    """The page, opened; when the block ends, nothing was complained about and nothing asked of another machine."""
    context = chromium.new_context(viewport=SIZES[size], color_scheme=theme, reduced_motion="reduce", **options)
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints, asked = [], []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    try:
        open_page(page, service)
        yield page
        assert complaints == list(expected)
        outside = [url for url in asked if not url.startswith((str(service.base_url), "blob:"))]
        assert asked and outside == []
    finally:
        context.close()


def open_page(page, service, fragment=""):
    page.goto(f"{service.base_url}/{fragment}", wait_until="domcontentloaded")
    page.locator("body[data-ready]").wait_for()


def send(page, text):
    before = page.locator(".message").count()
    page.locator("#text").fill(text)
    expect(page.locator("#send")).to_be_enabled()
    page.keyboard.press("Enter")
    expect(page.locator(".message")).to_have_count(before + 1)
    return page.locator(".message").last


def faults(page) -> list[str]:
    """Serious faults of accessibility that axe-core finds."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']}).then(found => found.violations)")
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary']}" for each in serious for node in each["nodes"]
    ]


def test_a_comment_is_typed_compared_and_explained(chromium, service):
    with tab(chromium, service) as page:
        card = send(page, FOOL)
        expect(card.locator(".model h4")).to_have_count(2)
        expect(card.locator(".score")).to_have_count(2 * len(LABELS))
        expect(card.locator(".tick")).to_have_count(2 * len(LABELS))
        expect(card.locator(".verdict")).to_have_text(re.compile("Ask a person"))
        answer = service.post("/v1/predict", json={"text": FOOL}).json()["results"][0]["models"][1]["labels"]["insult"]
        insult = card.locator("[data-key='custom/insult']")
        expect(insult).to_contain_text(f"{round(100 * answer['probability'])}%")
        width = insult.locator(".fill").evaluate("e => e.getBoundingClientRect().width / e.parentElement.clientWidth")
        assert width == pytest.approx(answer["probability"], abs=0.01)
        colour = insult.locator(".fill").evaluate("e => getComputedStyle(e).backgroundColor")
        assert colour == "rgb(230, 159, 0)", "the label's own"
        expect(card.locator(".legend")).to_contain_text("by custom")
        expect(card.locator(".word.o8")).to_have_text("fool")
        card.locator("[data-key='baseline/obscene']").click()
        expect(card.locator(".legend")).to_contain_text("obscene by baseline")
        expect(card.locator(".word.o6")).to_have_text("rubbish")
        expect(card.locator("[aria-pressed='true']")).to_have_count(1)
        expect(card.locator(".agree")).to_contain_text("Both give toxic, insult")


def test_a_comment_is_text_and_never_markup(chromium, service):
    with tab(chromium, service) as page:
        card = send(page, ATTACK)
        expect(card.locator(".word.o8")).to_contain_text("fool")
        assert page.title() != "taken" and page.locator(".text img, .text script").count() == 0
        expect(card.locator(".chip").first).to_have_text("U+202E")
        policy = service.get("/").headers["content-security-policy"]
        assert "script-src 'self'" in policy and "unsafe" not in policy and "require-trusted-types-for" in policy


def test_the_history_stays_in_the_browser_and_can_be_exported_and_cleared(chromium, service):
    with tab(chromium, service, accept_downloads=True) as page:
        send(page, FOOL)
        send(page, "=thanks")
        open_page(page, service)
        expect(page.locator(".message")).to_have_count(2)
        downloads = []
        page.on("download", lambda download: downloads.append(download))
        page.locator("#export").click()
        page.wait_for_timeout(500)
        files = {each.suggested_filename.rpartition(".")[2]: each.path() for each in downloads}
        rows = files["csv"].read_text(encoding="utf-8").splitlines()
        assert len(rows) == 1 + 2 * 2 * len(LABELS) and rows[0].startswith("time,text,verdict")
        assert f'"{FOOL}"' in rows[1] and "'=thanks" in rows[-1]
        assert [each["text"] for each in json.loads(files["json"].read_text(encoding="utf-8"))] == [FOOL, "=thanks"]
        page.locator("#clear").click()
        expect(page.locator(".message")).to_have_count(0)
        open_page(page, service)
        expect(page.locator("#welcome")).to_be_visible()


def test_many_lines_are_many_comments_when_asked_for(chromium, service):
    with tab(chromium, service) as page:
        page.locator("#lines").check()
        page.locator("#text").fill("one\n\n two\nthree")
        page.locator("#send").click()
        expect(page.locator(".message")).to_have_count(3)
        page.locator("#lines").uncheck()
        send(page, "four\nfive")


def test_a_refusal_is_told_and_the_text_kept(chromium, service):
    with tab(chromium, service, expected=["Failed to load resource: net::ERR_FAILED"]) as page:
        page.route("**/v1/moderate", lambda route: route.abort())
        page.locator("#text").fill(FOOL)
        page.locator("#send").click()
        expect(page.locator("#alert")).to_contain_text("can't be reached")
        expect(page.locator("#text")).to_have_value(FOOL)
        page.unroute("**/v1/moderate")


@pytest.fixture
def waiting(service):
    """Twenty comments of a group of its own that wait for a moderator."""
    texts = [f"this is rubbish, see line {'i' * number}" for number in range(1, 21)]
    comments = [{"text": text, "group": "news"} for text in texts]
    found = service.post("/v1/moderate", json={"comments": comments}).json()["results"]
    assert {each["verdict"] for each in found} == {"uncertain"}
    return [each["id"] for each in found]


def test_a_queue_of_twenty_is_moderated_by_keys(chromium, service, waiting):
    with tab(chromium, service) as page:
        page.locator("#tab-chat").focus()
        page.keyboard.press("ArrowRight")
        page.locator("#moderator").fill("ada")
        page.keyboard.press("Enter")
        expect(page.locator("#left")).to_have_text("20")
        expect(page.locator("#case-scores")).to_be_hidden()
        page.keyboard.press("v")
        expect(page.locator("#case-scores")).to_be_visible()
        page.keyboard.press("w")
        expect(page.locator("#case .word.o6")).to_have_text("rubbish")
        page.keyboard.press("r")
        expect(page.locator("#alert")).to_contain_text("Choose what it is rejected for")
        for number in range(20):
            if number % 2:
                page.keyboard.press("1")
                page.keyboard.press("5")
                expect(page.locator(".pick[aria-pressed='true']")).to_have_count(2)
                page.keyboard.press("r")
            else:
                page.keyboard.press("a")
            if number < 19:
                expect(page.locator("#left")).to_have_text(str(19 - number))
        expect(page.locator("#desk")).to_contain_text("You decided 20")
        page.keyboard.press("u")
        expect(page.locator("#case")).to_contain_text("correcting")
        page.keyboard.press("a")
        expect(page.locator("#desk")).to_contain_text("You decided 20")
    assert service.get("/v1/queue?moderator=bob").json()["waiting"] == 0
    text = service.get("/metrics").text
    assert 'toxres_decisions_total{decision="reject"} 10.0' in text
    assert 'toxres_decisions_total{decision="accept"} 11.0' in text


@pytest.mark.parametrize(("size", "theme"), [("desk", "dark"), ("phone", "light")])
def test_nothing_serious_is_wrong_with_accessibility_or_width(chromium, service, size, theme):
    service.post("/v1/moderate", json={"text": f"rubbish {size} {theme}", "group": "forum"})
    with tab(chromium, service, size, theme, bypass_csp=True) as page:
        wide = "document.documentElement.scrollWidth - window.innerWidth"
        found = {}
        send(page, FOOL).locator(".legend").wait_for()
        send(page, "x" * 300)
        found["compare"] = faults(page)
        assert page.evaluate(wide) <= 0
        page.locator("#open-about").click()
        found["about"] = faults(page)
        page.keyboard.press("Escape")
        page.locator("#tab-queue").click()
        page.locator("#moderator").fill(f"{size}{theme}")
        page.keyboard.press("Enter")
        page.locator("#case, .nothing").first.wait_for()
        page.keyboard.press("1")
        found["moderate"] = faults(page)
        assert page.evaluate(wide) <= 0
        ground = page.evaluate("getComputedStyle(document.querySelector('.top')).backgroundColor")
        assert ground == ("rgb(27, 27, 29)" if theme == "dark" else "rgb(255, 255, 255)")
    assert {name: each for name, each in found.items() if each} == {}


def test_a_key_is_asked_for_where_one_is_needed(chromium):
    key = "k" * 24
    with served(fake_app(keys=(key,))) as service:
        context = chromium.new_context(viewport=SIZES["desk"])
        page = context.new_page()
        page.goto(f"{service.base_url}/", wait_until="domcontentloaded")
        page.locator("#about[open] #key").fill(key)
        page.keyboard.press("Enter")
        page.locator("body[data-ready]").wait_for()
        expect(send(page, FOOL).locator(".verdict")).to_be_visible()
        context.close()
