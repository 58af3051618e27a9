"""Pages in a real browser: silent, reachable by keyboard, readable by everybody, inert.

What they look like is in build/screenshots/ afterwards.
"""

import json
import os
import shutil
from pathlib import Path

import pytest

from autograder.cli import main
from autograder.report.json import dump, sealed
from tests.autograder.layers import gradlab

COURSE = Path(__file__).parents[3]
SCREENSHOTS = COURSE / "build" / "screenshots"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync"]  # fmt: skip
if hasattr(os, "geteuid") and os.geteuid() == 0:
    OPTIONS.append("--no-sandbox")  # root has no other way

pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(CHROMIUM is None, reason="expected Chromium: apt-get install chromium"),
]

EVIL = (
    "</pre></style></title><script>alert(1)</script><img src=http://evil.example/ onerror=alert(2)>"
)
STUDENT, CLASS, HOSTILE = (
    "tp1/students/sum-not-mean.html",
    "tp1/index.html",
    "tp1/students/loops-and-other-names.html",
)
PUBLIC = "public/tp1/index.html"
PAGES = [
    STUDENT,
    "tp1/students/autograd.html",
    "tp1/students/empty-file.html",
    HOSTILE,
    CLASS,
    PUBLIC,
]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Return the pages of the bundled class; one of its students writes HTML wherever possible."""
    out = tmp_path_factory.mktemp("demo")
    done = gradlab("-C", str(COURSE), "demo", "-o", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in ("feedback", "results", "submissions"):
        path = out / "grades" / kind / "tp1" / f"{Path(HOSTILE).stem}.json"
        found = _poisoned(json.loads(path.read_text()))
        path.write_bytes(dump(sealed(found) if found.pop("sha256", "") else found))
    command = ["-C", str(COURSE), "report", str(out / "grades")]
    assert main(command) == 0
    public = out / "grades" / "pages" / "public"
    assert main([*command, "--anonymous", "-o", str(public)]) == 0
    return public.parent


def _poisoned(value, key=""):
    """Return a document with `EVIL` in every text that is a person's own words."""
    if isinstance(value, dict):
        return {name: _poisoned(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_poisoned(item, key) for item in value]
    words = {"title", "message", "remarks", "hints", "review", "problem", "files", "graded_file",
             "explanation", "name"}  # fmt: skip
    is_words = key in words and isinstance(value, str)
    return f"{value} {EVIL}" if is_words else value


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="expected playwright: pip install")
    with api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield found
        found.close()


@pytest.fixture
def visit(browser, site):
    """Return a function that opens a page, and lets nothing but that page's file through."""
    pages = []

    def opened(path, *, width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.heard = []
        url = (site / path).as_uri()

        def gate(route):
            if route.request.url != url:
                page.heard.append(f"request {route.request.url}")
                route.abort()
            else:
                route.continue_()

        page.route("**/*", gate)
        page.on("console", lambda message: page.heard.append(f"console {message.text}"))
        page.on("pageerror", lambda error: page.heard.append(f"error {error}"))
        page.on("dialog", lambda dialog: (page.heard.append("dialog"), dialog.dismiss()))
        page.goto(url)
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
class TestEveryPage:
    def test_asks_for_nothing_and_says_nothing(self, visit, path, scheme):
        page = visit(path, scheme=scheme)
        for details in page.query_selector_all("details > summary"):
            details.click()
        page.wait_for_load_state("networkidle")
        assert page.heard == []
        assert page.title()

    @pytest.mark.parametrize("width", [320, 1280])
    def test_breaks_no_rule_of_accessibility(self, visit, path, scheme, width):
        axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
        page = visit(path, width=width, scheme=scheme)
        for details in page.query_selector_all("details"):
            details.evaluate("one => one.open = true")
        found = axe.run(page).response
        assert len(found["passes"]) > 10
        assert [
            (one["id"], [node["html"][:120] for node in one["nodes"]])
            for one in found["violations"]
        ] == []


@pytest.mark.parametrize("path", PAGES)
class TestEveryWidth:
    @pytest.mark.parametrize("width", [320, 768, 1280, 1920])
    def test_nothing_sticks_out(self, visit, path, width):
        page = visit(path, width=width)
        for details in page.query_selector_all("details"):
            details.evaluate("one => one.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") == width

    def test_the_keyboard_reaches_everything(self, visit, path):
        page = visit(path)
        wanted = page.evaluate(
            "[...document.querySelectorAll('a, summary, [tabindex=\"0\"]')].map(e => e.outerHTML)"
        )
        reached = []
        for _ in wanted:
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.outerHTML"))
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", reached[-1]
        assert reached == wanted

    def test_the_first_stop_leads_past_the_head(self, visit, path):
        page = visit(path)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


class TestHostileText:
    def test_html_is_shown_and_does_nothing(self, visit):
        page = visit(HOSTILE)
        assert page.evaluate("document.querySelectorAll('script, img').length") == 0
        assert "<script>alert(1)</script>" in page.inner_text("main")
        assert page.heard == []

    def test_the_policy_stops_what_a_template_would_let_through(self, visit):
        """The second lock: script and styles that do get into the page are dead."""
        page = visit(STUDENT)
        page.evaluate(
            """() => {
                document.body.insertAdjacentHTML('beforeend',
                    '<img src="x" onerror="document.title = 1"><p id="p" style="width: 7px">');
                const script = document.createElement('script');
                script.textContent = 'document.title = 2';
                document.body.append(script);
            }"""
        )
        page.wait_for_timeout(100)
        assert "TP 1" in page.title()
        assert page.evaluate("document.getElementById('p').offsetWidth") != 7
        assert len([one for one in page.heard if "Content Security Policy" in one]) >= 3
        assert not [one for one in page.heard if one.startswith("request")]


class TestHints:
    def test_one_opens_at_a_time_by_key(self, visit):
        page = visit(STUDENT)
        rungs = page.locator(".hints details")
        assert rungs.count() == 3
        assert not rungs.nth(0).locator("p").is_visible()
        rungs.nth(0).locator("summary").focus()
        page.keyboard.press("Enter")
        assert rungs.nth(0).locator("p").is_visible()
        assert not rungs.nth(1).locator("p").is_visible()


class TestPrinted:
    @pytest.mark.parametrize("path", [STUDENT, CLASS])
    def test_it_is_black_on_white_and_whole(self, visit, path, tmp_path):
        page = visit(path, scheme="dark")
        page.emulate_media(media="print", color_scheme="dark")
        assert (
            page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        )
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        hidden = "details:not([open]) > :not(summary)"
        shown = page.evaluate(
            f"[...document.querySelectorAll('{hidden}')].map(e => e.checkVisibility())"
        )
        assert shown
        assert all(shown)
        page.screenshot(path=SCREENSHOTS / f"{Path(path).stem}-printed.png", full_page=True)
        data = page.pdf(format="A4", path=SCREENSHOTS / f"{Path(path).stem}.pdf")
        assert data.startswith(b"%PDF")


@pytest.mark.parametrize("width", [320, 1280, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [STUDENT, CLASS, PUBLIC])
def test_what_it_looks_like_is_kept(visit, path, scheme, width):
    page = visit(path, width=width, scheme=scheme)
    name = path.replace("/students", "").replace("/", "-").removesuffix(".html")
    target = SCREENSHOTS / f"{name}-{width}-{scheme}.png"
    page.screenshot(path=target, full_page=True)
    assert target.stat().st_size > 10_000
