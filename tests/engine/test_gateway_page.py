"""ComfyUI's own page through the gateway: it loads a workflow, runs it, shows the picture."""

import json
import time

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("prometheus_client")

from gateways import ROOT, SHOP, STUDIO, GatewayProcess, until
from pages import load, shot

KEYS = f"shop={SHOP},studio={STUDIO}"
SHOWN = """() => window.app.graph.nodes
    .filter(node => ["SaveImage", "PreviewImage"].includes(node.type) && node.imgs?.length)
    .map(node => ({type: node.type, width: node.imgs[0].naturalWidth, src: node.imgs[0].src}))"""


@pytest.fixture
def gateway(two_engines, tmp_path):
    with GatewayProcess(tmp_path, [each.address for each in two_engines], keys=KEYS) as running:
        yield running


@pytest.fixture
def opened(browser, gateway):
    """The page with the shop's key in its cookie; what it asked for in `page.asked`."""
    page = browser.new_page(viewport={"width": 1800, "height": 1100})
    page.asked = []
    page.on(
        "response", lambda each: page.asked.append((each.status, each.request.method, each.url))
    )
    page.goto(gateway.address, wait_until="domcontentloaded")
    assert page.locator("input[name=key]").count() == 1  # without a key only the form
    page.fill("input[name=key]", SHOP)
    page.click("button")
    page.wait_for_function(
        "window.app && window.app.vueAppReady && window.app.graph", timeout=120000
    )
    page.keyboard.press("Escape")
    yield page
    page.close()


def test_the_page_runs_a_workflow_of_ours(opened, gateway):
    workflow = json.loads((ROOT / "workflows" / "preview_try_on.json").read_text("utf-8"))
    load(opened, workflow)
    opened.evaluate("async () => { await window.app.queuePrompt(0) }")
    opened.wait_for_function(f"({SHOWN})().length === 2", timeout=180000)
    shown = opened.evaluate(SHOWN)
    shot(opened, "gateway")
    assert all(each["width"] > 100 for each in shown)
    assert all(each["src"].startswith(f"{gateway.address}/api/view") for each in shown)
    (job,) = gateway.get("/api/jobs", key=SHOP)[1]["jobs"]
    deadline = time.monotonic() + 60  # the pictures are shown before the last node has ended
    while job["status"] == "in_progress" and time.monotonic() < deadline:
        time.sleep(0.2)
        (job,) = gateway.get("/api/jobs", key=SHOP)[1]["jobs"]
    assert job["status"] == "completed" and job["workflow_id"] == workflow["id"]
    assert gateway.get("/api/jobs", key=STUDIO)[1]["jobs"] == []
    wrong = [
        each for each in opened.asked
        if each[0] >= 400 and "userdata" not in each[2] and not each[2].endswith("/user.css")
    ]  # fmt: skip
    assert wrong == [(401, "GET", f"{gateway.address}/")]  # before the key
    assert not any(SHOP in each[2] for each in opened.asked)


def test_the_page_keeps_its_workflows_apart_and_is_interrupted(opened, gateway):
    """What is saved in the page is there after a reload, for this caller only."""
    opened.evaluate(
        """async () => { await window.app.api.storeUserData("workflows/mine.json", {a: 1}) }"""
    )
    assert gateway.get("/userdata?dir=workflows", key=SHOP)[1] == ["mine.json"]
    assert gateway.get("/userdata?dir=workflows", key=STUDIO)[0] == 404
    graph = {
        "1": {"class_type": "EmptyImage",
              "inputs": {"width": 32, "height": 32, "batch_size": 1, "color": 5}},
        "3": {"class_type": "FittingRoomTestSlow",
              "inputs": {"image": ["1", 0], "steps": 2000, "seconds": 0.05, "mark": "page"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "x"}},
    }  # fmt: skip
    opened.evaluate(
        """async graph => {
            window.seen = []
            const api = window.app.api
            api.addEventListener("progress", event => window.seen.push(event.detail.value))
            const told = await api.queuePrompt(0, {output: graph, workflow: {}})
            window.name_of_it = told.prompt_id
        }""",
        graph,
    )
    opened.wait_for_function("window.seen.length > 3", timeout=60000)
    opened.evaluate("async () => { await window.app.api.interrupt(window.name_of_it) }")
    name = opened.evaluate("window.name_of_it")
    until(lambda: gateway.get(f"/api/jobs/{name}", key=SHOP)[1]["status"] == "cancelled", 60)
