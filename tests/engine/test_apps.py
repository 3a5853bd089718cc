"""Apps as a user meets them in Chromium: two pictures uploaded, Run pressed, the result compared
with the API twin's; and the blueprints as nodes of another graph."""

import importlib.util
import io
import json
import sys
from pathlib import Path

import core_models
import numpy as np
import pytest
from fitting_room.services.engine import failure
from pages import BYPASS, MAKE_SMALL, SENT, shot
from PIL import Image
from small_graphs import DRAWING, size_for, small

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
UPLOADS = ("person.jpg", "stripes.png", "tshirt.png")
PHONE = {"width": 390, "height": 844}
PICKERS = 'label:has(input[type=file][accept="image/*"])'

sys.path.insert(0, str(ROOT / "scripts"))
_spec = importlib.util.spec_from_file_location("make_apps", ROOT / "scripts" / "make_apps.py")
make_apps = importlib.util.module_from_spec(_spec)
sys.modules["make_apps"] = make_apps
_spec.loader.exec_module(make_apps)
NAMES = sorted(make_apps.APPS)
RUNNING = [name for name in NAMES if name not in core_models.workflows()]

OPEN = """async name => {
    const found = await fetch(`/api/workflow_templates/comfyui-fitting-room/${name}.json`)
    await window.app.loadGraphData(await found.json(), true, true, `${name}.json`)
}"""

USE_BLUEPRINT = """async ([name, pictures]) => {
    const listed = await (await fetch('/global_subgraphs')).json()
    const id = Object.keys(listed).find(key => listed[key].name === name)
    const { data } = await (await fetch('/global_subgraphs/' + id)).json()
    await window.app.loadGraphData(JSON.parse(data))
    const graph = window.app.graph, dressed = graph.nodes[0]
    const make = type => {
        const node = window.LiteGraph.createNode(type)
        graph.add(node)
        return node
    }
    for (const [label, file] of pictures) {
        const photo = make('LoadImage')
        photo.widgets[0].value = file
        photo.connect(0, dressed, dressed.inputs.findIndex(input => input.label === label))
    }
    const picture = dressed.outputs.findIndex(output => output.type === 'IMAGE')
    dressed.connect(picture, make('SaveImage'), 0)
    return (await window.app.graphToPrompt()).output
}"""


SET_LANGUAGE = "value => window.app.ui.settings.setSettingValueAsync('Comfy.Locale', value)"
EDIT_AND_RUN = {"en": "Edit & Run", "zh": "编辑与运行"}
RUN = {"en": "Run", "zh": "运行"}

CUT_OFF = """() => {
    const inside = [...document.querySelectorAll(
        '[data-testid=linear-widgets], [data-testid=linear-widgets] *')]
    return inside.filter(one => {
        const box = one.getBoundingClientRect(), text = one.childElementCount === 0
        if (!box.width || getComputedStyle(one).position === 'fixed') return false
        return box.left < -1 || box.right > innerWidth + 1
            || (text && one.tagName === 'SPAN' && one.scrollWidth > one.clientWidth + 1
                && one.dataset.testid === 'builder-widget-label')
    }).map(one => one.outerHTML.slice(0, 200))
}"""


def open_app(page, name):
    page.evaluate(OPEN, f"{name}.app")
    page.wait_for_timeout(1500)
    page.keyboard.press("Escape")  # the page's own welcome
    page.wait_for_timeout(500)


def to_inputs(page, language="en"):
    """On a phone, inputs and outputs are two pages."""
    if page.viewport_size["width"] < 500:
        page.get_by_text(EDIT_AND_RUN[language]).click()
        page.wait_for_timeout(800)


def upload(page, place, name):
    with page.expect_response(lambda answer: "/upload/image" in answer.url):
        with page.expect_file_chooser() as chooser:
            page.locator(PICKERS).nth(place).click()
        chooser.value.set_files(SAMPLES / name)
    page.wait_for_timeout(500)


def press_run(page, engine, longest=180, language="en"):
    """Presses Run and waits for the end, so many seconds at most. Returns the history entry."""
    before = set(engine.get("/history"))
    page.get_by_role("button", name=RUN[language], exact=True).click()
    for _ in range(5 * longest):
        page.wait_for_timeout(200)
        if new := set(engine.get("/history")) - before:
            return engine.get("/history")[new.pop()]
    raise AssertionError("nothing was run")


def shown(engine, history):
    """{node id: its pictures as arrays}."""
    return {
        node: [np.asarray(Image.open(io.BytesIO(engine.picture(name)))) for name in made["images"]]
        for node, made in history["outputs"].items() if "images" in made
    }  # fmt: skip


def forget(engine):
    """So that the next run works everything out again."""
    engine.post("/free", {"unload_models": True, "free_memory": True})


def photos(name):
    spec = make_apps.APPS[name]
    return [entry for entry in spec.inputs if entry[1] == "image"]


def twin_of(graph, name):
    """The API twin, small, with the pictures that are uploaded in the page."""
    prompt = small(graph(name))
    for (title, *_), file in zip(photos(name), UPLOADS, strict=False):
        node = next(n for n in prompt.values() if n.get("_meta", {}).get("title") == title)
        node["inputs"]["image"] = file
    return prompt


@pytest.mark.parametrize("name", RUNNING)
def test_two_pictures_run_and_the_result_is_the_twins(page, engine, graph, name):
    prompt = twin_of(graph, name)
    open_app(page, name)
    labels = page.locator("[data-testid=builder-widget-label]").all_inner_texts()
    assert labels == [label for _, _, label, _ in make_apps.APPS[name].inputs]
    for place in range(len(photos(name))):
        upload(page, place, UPLOADS[place])
    page.evaluate(MAKE_SMALL, [list(DRAWING), size_for(graph(name))])
    history = press_run(page, engine)
    assert failure(history) is None, failure(history)
    page.wait_for_timeout(2000)
    shot(page, f"{name}-app")
    made = shown(engine, history)
    seen = page.evaluate("() => [...document.querySelectorAll('img')].filter(i => i.offsetWidth"
                         " > 300 && i.src.includes('/view?')).length")  # fmt: skip
    assert seen, "the result is large in the page"
    forget(engine)
    again = engine.run(prompt)
    assert failure(again) is None, failure(again)
    wanted = shown(engine, again)
    assert made.keys() == wanted.keys() and made
    for node, pictures in wanted.items():
        for one, other in zip(made[node], pictures, strict=True):
            assert np.array_equal(one, other)
    assert page.complaints == []


@pytest.mark.parametrize("name", [name for name in NAMES if name not in RUNNING])
def test_an_app_of_core_models_sends_its_twin_and_says_what_is_missing(page, engine, graph, name):
    """Its models are empty files here: the engine accepts the graph and refuses the first file."""
    prompt = twin_of(graph, name)
    open_app(page, name)
    labels = page.locator("[data-testid=builder-widget-label]").all_inner_texts()
    assert labels == [label for _, _, label, _ in make_apps.APPS[name].inputs]
    for place in range(len(photos(name))):
        upload(page, place, UPLOADS[place])
    sent = page.evaluate(SENT)
    alike = {key: (node["class_type"], node["inputs"]) for key, node in sent.items()}
    assert alike == {key: (node["class_type"], node["inputs"]) for key, node in prompt.items()}
    told = failure(press_run(page, engine))
    assert told and told["node_type"] in {kind for kind, _ in core_models.FOLDERS}
    shot(page, f"{name}-app")
    given = [[label, file] for (_, _, label, _), file in zip(photos(name), UPLOADS, strict=False)]
    inner = page.evaluate(USE_BLUEPRINT, [make_apps.APPS[name].blueprint, given])
    kinds = sorted(node["class_type"] for node in inner.values())
    assert "UNETLoader" in kinds and failure(engine.run(inner))["node_type"] == told["node_type"]


def test_align_result_bypassed_in_the_page_passes_on_what_the_model_made(page, graph):
    """The page passes on the first picture that goes in: it must not be the photo."""
    open_app(page, "edit_klein_4b")
    page.evaluate(BYPASS, "FittingRoomAlignResult")
    sent = page.evaluate(SENT)
    wanted = core_models.bypassed(graph("edit_klein_4b"), "FittingRoomAlignResult", "result")
    assert {key: sent[key]["inputs"] for key in wanted} == {
        key: node["inputs"] for key, node in wanted.items()
    }


def test_on_a_phone(page, engine):
    page.set_viewport_size(PHONE)
    open_app(page, "preview_try_on")
    to_inputs(page)
    upload(page, 0, "person_close.jpg")
    upload(page, 1, "stripes.png")
    wide = page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= PHONE["width"], "nothing stands out at the side"
    shot(page, "phone-inputs")
    assert failure(press_run(page, engine)) is None
    page.wait_for_timeout(2500)
    shot(page, "phone-result")
    widths = page.evaluate("() => [...document.querySelectorAll('img')].filter(i =>"
                           " i.src.includes('/view?')).map(i => i.offsetWidth)")  # fmt: skip
    assert max(widths, default=0) >= 300


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_app_fits_a_phone(page, language):
    """Nothing stands out at the side, every label is whole, and Run is on the page."""
    page.set_viewport_size(PHONE)
    page.evaluate(SET_LANGUAGE, language)
    try:
        for name in NAMES:
            open_app(page, name)
            to_inputs(page, language)
            labels = page.locator("[data-testid=builder-widget-label]").all_inner_texts()
            wanted = [entry[2:][language == "zh"] for entry in make_apps.APPS[name].inputs]
            assert labels == wanted, name
            shot(page, f"phone-{language}-{name}")
            assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
            assert page.evaluate(CUT_OFF) == [], name
            run = page.locator("[data-testid=linear-run-button]").bounding_box()
            assert run["width"] > 80 and run["x"] >= 0 and run["y"] >= 0
            assert run["x"] + run["width"] <= PHONE["width"]
            assert run["y"] + run["height"] <= PHONE["height"]
    finally:
        page.evaluate(SET_LANGUAGE, "en")


@pytest.mark.parametrize("size", [None, PHONE], ids=["desk", "phone"])
def test_a_refusal_says_its_sentence_in_the_page(page, engine, size):
    if size:
        page.set_viewport_size(size)
    width = page.viewport_size["width"]
    open_app(page, "preview_try_on")
    to_inputs(page)
    upload(page, 0, "tshirt.png")
    told = failure(press_run(page, engine))
    assert told and told["exception_message"].startswith("Nobody was found")
    page.get_by_text("Use a photo of one person").wait_for(timeout=10000)
    page.wait_for_timeout(1000)  # it slides in
    message = page.locator(".p-toast-message").first.bounding_box()
    assert message["x"] >= 0 and message["x"] + message["width"] <= width, "whole, with its sign"
    shot(page, f"refusal-{size is not None}")
    page.locator(".p-toast-close-button").first.click()
    to_inputs(page)
    upload(page, 0, "person.jpg")
    assert failure(press_run(page, engine)) is None, "and the next run is fine"


def test_labels_in_chinese(page, engine):
    page.evaluate(SET_LANGUAGE, "zh")
    try:
        open_app(page, "preview_try_on")
        labels = page.locator("[data-testid=builder-widget-label]").all_inner_texts()
        assert labels[:3] == ["人物", "服装", "类别"]
        shot(page, "app-chinese")
    finally:
        page.evaluate(SET_LANGUAGE, "en")


@pytest.mark.parametrize("name", RUNNING)
def test_a_blueprint_in_another_graph_gives_the_twins_picture(page, engine, graph, name):
    prompt = twin_of(graph, name)
    assert page.get_by_text("Failed to load subgraph blueprints").count() == 0
    for file in UPLOADS:
        (engine.base / "input" / file).write_bytes((SAMPLES / file).read_bytes())
    given = [[label, file] for (_, _, label, _), file in zip(photos(name), UPLOADS, strict=False)]
    sent = page.evaluate(USE_BLUEPRINT, [make_apps.APPS[name].blueprint, given])
    inner = small(sent)
    history = engine.run(inner)
    assert failure(history) is None, json.dumps(failure(history), indent=1)
    made = [picture for pictures in shown(engine, history).values() for picture in pictures]
    forget(engine)
    wanted = [p for pictures in shown(engine, engine.run(prompt)).values() for p in pictures]
    assert made
    for picture in made:
        alike = [other for other in wanted if other.shape == picture.shape]
        # ComfyUI's Save Image rounds down, Save Picture to the nearest level.
        assert min(np.abs(other.astype(int) - picture).max() for other in alike) <= 1
