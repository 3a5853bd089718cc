"""ComfyUI's page in headless Chromium, for the tests that look at it.

Screenshots go to $FITTING_ROOM_SCREENSHOTS where it is set. Skips without Chromium or playwright.
"""

import os
import shutil
from pathlib import Path

import pytest

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

MAKE_SMALL = """([types, values]) => {
    for (const node of window.app.graph.nodes.filter(n => types.includes(n.type)))
        for (const widget of node.widgets.filter(w => w.name in values))
            widget.value = values[widget.name]
    for (const node of window.app.graph.nodes)
        for (const widget of (node.widgets ?? []).filter(w => w.name === "allow_upload"))
            widget.value = true
}"""

BYPASS = """kind => {
    for (const node of window.app.graph.nodes.filter(n => n.type === kind)) node.mode = 4
}"""
SENT = "async () => (await window.app.graphToPrompt()).output"


@pytest.fixture(scope="module")
def browser(engine_folder):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium found: install it or set CHROMIUM to run the browser tests")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def page(browser, engine):
    """ComfyUI's page, with what its console complains of in `page.complaints`."""
    opened = browser.new_page(viewport={"width": 1800, "height": 1100})
    opened.complaints = []
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.on("console", lambda message: _note(opened, message))
    _open(opened, engine)
    opened.complaints.clear()  # what the page says of itself while it starts
    yield opened
    opened.close()


def _note(page, message):
    # Only what concerns this package: the page itself looks for files that need not be there, and
    # complains of its own order of loading.
    text = f"{message.text} {message.location.get('url', '')}"
    if message.type == "error" and "fitting" in text.lower():
        page.complaints.append(text)


def _open(page, engine):
    page.goto(engine.address, wait_until="domcontentloaded")
    page.wait_for_function(
        "window.app && window.app.vueAppReady && window.app.graph", timeout=120000
    )
    for _ in range(25):  # until the page has put up its own first workflow
        if page.evaluate("() => window.app.graph.nodes.length"):
            break
        page.wait_for_timeout(200)
    page.keyboard.press("Escape")


def shot(page, name):
    folder = os.environ.get("FITTING_ROOM_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def load(page, workflow):
    wanted = sorted(node["type"] for node in workflow["nodes"])
    for _ in range(5):  # the page may still put another in its place
        page.evaluate("async workflow => { await window.app.loadGraphData(workflow) }", workflow)
        page.wait_for_timeout(1500)
        if sorted(page.evaluate("() => window.app.graph.nodes.map(n => n.type)")) == wanted:
            break
    page.evaluate("() => { window.app.canvas.setDirty(true, true) }")
