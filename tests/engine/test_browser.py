"""The front end in headless Chromium: each workflow loads, equals its API twin, runs.

Screenshots go to $FITTING_ROOM_SCREENSHOTS where it is set. Skips without Chromium or playwright,
unless $FITTING_ROOM_REQUIRE names `browser`.
"""

import json
from pathlib import Path

import core_models
import pytest
from fitting_room.services.engine import failure
from pages import MAKE_SMALL, load, shot
from small_graphs import DRAWING, size_for

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(p.stem for p in (ROOT / "workflows").glob("*.json") if ".app." not in p.name)
APPS = sorted(p.stem for p in (ROOT / "workflows").glob("*.app.json"))
FOLDER = "comfyui-fitting-room"
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


@pytest.mark.parametrize("name", NAMES)
def test_workflow_in_the_page(page, engine, graph, name):
    workflow = json.loads((ROOT / "workflows" / f"{name}.json").read_text("utf-8"))
    load(page, workflow)
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
    for node in sent.values():
        node["inputs"].pop("video-preview", None)  # the page's own, once the video has loaded
    twin = {
        key: {"class_type": node["class_type"], "inputs": node["inputs"]}
        for key, node in graph(name).items()
    }
    assert sent == twin, "the page sends what the API twin says"
    shot(page, f"{name}-loaded")
    if name in core_models.workflows():  # its models are empty files: see test_core_workflows
        assert page.evaluate(OVERLAPPING) == [] and page.complaints == []
        return

    page.evaluate(MAKE_SMALL, [list(DRAWING), size_for(graph(name))])
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
    shot(page, f"{name}-run")
    assert page.evaluate(OVERLAPPING) == []
    assert page.complaints == []


def test_template_browser_lists_them(page, engine):
    listed = engine.get("/api/workflow_templates")
    assert sorted(listed[FOLDER]) == sorted(NAMES + APPS)
    for name in NAMES + APPS:
        assert engine.get_bytes(f"/api/workflow_templates/{FOLDER}/{name}.jpg")[:2] == b"\xff\xd8"
