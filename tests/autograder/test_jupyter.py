"""A student's notebook in a real JupyterLab, through a browser: wrong, a message, mended, passed.

Screenshots go to build/screenshots/, for people to look at.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.autograder.layers import ENVIRONMENT, ROOT

pytestmark = [pytest.mark.prove, pytest.mark.filterwarnings("default")]

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update",
         "--disable-sync"]  # fmt: skip
SCREENSHOTS = ROOT / "build" / "screenshots"
TOKEN = "test"
SETTINGS = {
    # All cells are in the page, seen or not; nothing asks for the network.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
WRONG = """def softmax(z: torch.Tensor, dim: int = -1) -> torch.Tensor:
    e = (z - z.amax(dim, keepdim=True)).exp()
    return e / e.sum()
"""
RIGHT = """def softmax(z: torch.Tensor, dim: int = -1) -> torch.Tensor:
    e = (z - z.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jupyter")
    return Path(shutil.copytree(ROOT / "assignments" / "losses", folder / "losses"))


def settings(home, wanted):
    """Write JupyterLab's settings, plugin by plugin."""
    for name, values in wanted.items():
        package, _, plugin = name.partition("/")
        path = home.parent / "settings" / "@jupyterlab" / package / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))


@pytest.fixture(scope="module")
def server(home):
    """Start JupyterLab on the loopback interface; return its address."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    settings(home, SETTINGS)
    environment = ENVIRONMENT | {
        "JUPYTERLAB_SETTINGS_DIR": str(home.parent / "settings"),
        "JUPYTER_CONFIG_DIR": str(home.parent / "config"),
        "JUPYTER_DATA_DIR": str(home.parent / "data"),
        "JUPYTER_RUNTIME_DIR": str(home.parent / "runtime"),
        "HOME": str(home.parent),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
               "--ip=127.0.0.1", "--port=0", f"--IdentityProvider.token={TOKEN}",
               f"--ServerApp.root_dir={home}"]  # fmt: skip
    log = home.parent / "server.log"
    with log.open("w") as stream:
        running = subprocess.Popen(
            command, cwd=home, env=environment, stdout=stream, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield _address(running, log)
    finally:
        os.killpg(running.pid, signal.SIGKILL)  # it waits for kernels that are just starting
        running.wait()


def _address(running, log):
    """Return where the server listens, once it says so."""
    for _ in range(600):
        found = re.search(r"http://127\.0\.0\.1:\d+/", log.read_text())
        if found:
            return found[0]
        try:
            running.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def page(server):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(f"{server}lab/tree/losses.ipynb?token={TOKEN}&reset")
        code_cell(page, "def softmax(z")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        page.wait_for_timeout(1000)
        page.screenshot(path=SCREENSHOTS / "notebook-0-opened.png")
        yield page
        browser.close()


def code_cell(page, text):
    """Return the one code cell whose source holds a text."""
    cell = page.locator(".jp-CodeCell").filter(
        has=page.locator(".jp-InputArea-editor", has_text=text)
    )
    cell.wait_for()  # there is one, and not more
    return cell


def run(page, text):
    """Run a cell and wait until the kernel is idle again; return the cell."""
    cell = code_cell(page, text)
    before = cell.locator(".jp-InputPrompt").inner_text()
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    prompt = cell.locator(".jp-InputPrompt")
    for _ in range(600):
        now = prompt.inner_text()
        if now != before and re.search(r"\d", now):
            return cell
        page.wait_for_timeout(100)
    page.screenshot(path=SCREENSHOTS / "failed.png")
    pytest.fail(f"the kernel did not run {text!r}; its number is still {before!r}")


def write(page, text, new):
    """Put new text into a cell, as a person does: select all, type over it."""
    cell = code_cell(page, text)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(new)


def shoot(cell, name):
    cell.scroll_into_view_if_needed()
    cell.page.screenshot(path=SCREENSHOTS / f"{name}.png")
    return cell.locator(".jp-OutputArea-output").inner_text()


def test_a_function_is_written_wrongly_then_mended(page):
    ask = 'grader.check("softmax")'
    run(page, "import otter")
    run(page, "import torch")
    assert shoot(run(page, ask), "notebook-1-not-written").startswith("softmax: not written yet")

    write(page, "def softmax(z", WRONG)
    run(page, "def softmax(z")
    said = shoot(run(page, ask), "notebook-2-wrong")
    assert said.startswith("softmax: failed")
    assert "expected 0.896245, got 0.156252" in said
    assert "hint: All results together sum to 1" in said

    cell = code_cell(page, ask)
    cell.get_by_text("one more hint").first.click()
    assert "hint: A tensor with one single row is right" in shoot(cell, "notebook-3-one-more-hint")

    write(page, "def softmax(z", RIGHT)
    run(page, "def softmax(z")
    assert shoot(run(page, ask), "notebook-4-right").startswith("softmax: passed")


def test_what_was_saved_is_what_a_check_of_the_file_says(page, home):
    write(page, "def softmax(z", WRONG)
    run(page, "def softmax(z")
    run(page, 'grader.check("softmax")')
    page.keyboard.press("Escape")
    page.keyboard.press("Control+S")
    page.wait_for_function("!document.querySelector('.jp-mod-dirty')")
    done = subprocess.run(
        [sys.executable, "-c", "from autograder.cli import main; raise SystemExit(main())",
         "check", str(home / "losses.ipynb"), "-k", "softmax"],
        env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "expected 0.896245, got 0.156252" in done.stdout, done.stderr


def test_a_saved_verdict_can_be_read_in_the_dark(page, server, home):
    settings(home, {"apputils-extension/themes": {"theme": "JupyterLab Dark"}})
    page.goto(f"{server}lab/tree/losses.ipynb?token={TOKEN}&reset")
    cell = code_cell(page, 'grader.check("softmax")')
    page.wait_for_selector("[data-jp-theme-name='JupyterLab Dark']", state="attached")
    assert shoot(cell, "notebook-5-dark").startswith("softmax: failed")
