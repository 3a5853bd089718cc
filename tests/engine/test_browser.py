"""The front end in headless Chromium: each workflow loads, equals its API twin, runs.

Screenshots go to $FITTING_ROOM_SCREENSHOTS where it is set. Skips without Chromium or playwright,
unless $FITTING_ROOM_REQUIRE names `browser`.
"""

import json
import os
import shutil
from pathlib import Path

import pytest
from fitting_room.services.engine import failure
from small_graphs import DRAWING, SMALL

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (ROOT / "workflows").glob("*.json"))
FOLDER = "comfyui-fitting-room"
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

# The page makes nodes as large as their widgets and pictures need.
OVERLAPPING = """() => {
    const title = window.LiteGraph.NODE_TITLE_HEIGHT, found = []
    const boxes = window.app.graph.nodes.map(node => [node.title, node.pos[0],
        node.pos[1] - title, node.pos[0] + node.size[0], node.pos[1] + node.size[1]])
    for (const [i, a] of boxes.entries())
        for (const b of boxes.slice(i + 1))
            if (a[1] < b[3] && b[1] < a[3] && a[2] < b[4] && b[2] < a[4]) found.push([a, b])
    return found
}"""


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


def _shot(page, name):
    folder = os.environ.get("FITTING_ROOM_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def _load(page, workflow):
    wanted = sorted(node["type"] for node in workflow["nodes"])
    for _ in range(5):  # the page may still put another in its place
        page.evaluate("async workflow => { await window.app.loadGraphData(workflow) }", workflow)
        page.wait_for_timeout(1500)
        if sorted(page.evaluate("() => window.app.graph.nodes.map(n => n.type)")) == wanted:
            break
    page.evaluate("() => { window.app.canvas.setDirty(true, true) }")


@pytest.mark.parametrize("name", NAMES)
def test_workflow_in_the_page(page, engine, graph, name):
    workflow = json.loads((ROOT / "workflows" / f"{name}.json").read_text("utf-8"))
    _load(page, workflow)
    unknown = page.evaluate(
        "() => window.app.graph.nodes.filter(n => !window.LiteGraph.registered_node_types[n.type]"
        " && n.type !== 'MarkdownNote').map(n => n.type)"
    )
    assert unknown == []
    prompt = page.evaluate("async () => (await window.app.graphToPrompt()).output")
    sent = {
        key: {"class_type": node["class_type"], "inputs": node["inputs"]}
        for key, node in prompt.items()
    }
    twin = {
        key: {"class_type": node["class_type"], "inputs": node["inputs"]}
        for key, node in graph(name).items()
    }
    assert sent == twin, "the page sends what the API twin says"
    _shot(page, f"{name}-loaded")

    page.evaluate(MAKE_SMALL, [list(DRAWING), SMALL])
    done = len(engine.get("/history"))
    page.evaluate("async () => { await window.app.queuePrompt(0, 1) }")
    for _ in range(600):
        page.wait_for_timeout(200)
        history = engine.get("/history")
        if len(history) > done:
            break
    newest = max(history.values(), key=lambda entry: entry["prompt"][0])
    assert failure(newest) is None, failure(newest)["exception_message"]
    page.wait_for_timeout(2500)
    _shot(page, f"{name}-run")
    assert page.evaluate(OVERLAPPING) == []
    assert page.complaints == []


def test_template_browser_lists_them(page, engine):
    listed = engine.get("/api/workflow_templates")
    assert sorted(listed[FOLDER]) == NAMES
    for name in NAMES:
        assert engine.get_bytes(f"/api/workflow_templates/{FOLDER}/{name}.jpg")[:2] == b"\xff\xd8"
