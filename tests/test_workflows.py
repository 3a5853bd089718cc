"""Shipped workflows: twins up to date, node types known, readable layout. No engine needed."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted(p for p in (ROOT / "workflows").glob("*.json") if ".app." not in p.name)
TITLE = 30  # height of the bar above a node's place
APART = 30  # what nodes grow by in the page, where letters are taller or a picture is shown


def twins():
    spec = importlib.util.spec_from_file_location("twins", ROOT / "scripts" / "workflow_twins.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_api_twin_is_the_same_graph(path):
    made = twins().twin(json.loads(path.read_text("utf-8")))
    assert json.loads((path.parent / "api" / path.name).read_text("utf-8")) == made


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_thumbnail_and_notes(path):
    assert path.with_suffix(".jpg").is_file(), "the template browser shows workflows/<name>.jpg"
    nodes = json.loads(path.read_text("utf-8"))["nodes"]
    notes = [node["widgets_values"][0] for node in nodes if node["type"] == "MarkdownNote"]
    assert any("一" <= letter <= "鿿" for note in notes for letter in note), "a note in Chinese"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_nodes_are_apart(path):
    nodes = json.loads(path.read_text("utf-8"))["nodes"]
    boxes = []
    for node in nodes:
        (x, y), (width, height) = node["pos"], node["size"]
        boxes.append((node["id"], x, y - TITLE, width, height + TITLE))
    for index, (one, x, y, width, height) in enumerate(boxes):
        for other, x2, y2, width2, height2 in boxes[index + 1 :]:
            beside = max(x2 - x - width, x - x2 - width2)
            below = max(y2 - y - height, y - y2 - height2)
            assert max(beside, below) >= APART, f"nodes {one} and {other} are too close"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_groups_title_does_not_run_into_the_next_group(path):
    """Chinese signs are as wide as the font is high, others about half."""
    for group in json.loads(path.read_text("utf-8"))["groups"]:
        wide = sum(1 if letter >= "一" else 0.5 for letter in group["title"])
        assert wide * group.get("font_size", 24) <= 1.25 * group["bounding"][2], group["title"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_nodes_are_inside_a_group_or_outside(path):
    workflow = json.loads(path.read_text("utf-8"))
    for group in workflow["groups"]:
        left, top, width, height = group["bounding"]
        right, bottom = left + width, top + height
        for node in workflow["nodes"]:
            (x, y), (wide, tall) = node["pos"], node["size"]
            edges = (x >= left, x + wide <= right, y - TITLE >= top, y + tall <= bottom)
            beside = x + wide <= left or x >= right or y + tall <= top or y - TITLE >= bottom
            assert all(edges) or beside, f"node {node['id']} lies across {group['title']!r}"


def test_no_twin_without_a_workflow():
    twin_names = {path.name for path in (ROOT / "workflows" / "api").glob("*.json")}
    assert twin_names == {path.name for path in WORKFLOWS}


# masks_side_by_side makes masks, check_a_folder is a check: nobody is dressed there.
TRY_ONS = [path for path in WORKFLOWS if path.stem not in ("masks_side_by_side", "check_a_folder")]


def reached(graph, start):
    """Types of the nodes whose pictures come to a node without passing a check or a guard."""
    found, waiting = set(), [start]
    while waiting:
        for name, value in graph[waiting.pop()]["inputs"].items():
            # A drawn mask, the settings and a video's sound and rate are no pictures of people.
            if not isinstance(value, list) or name in ("mask", "filter", "audio", "fps"):
                continue
            kind = graph[value[0]]["class_type"]
            found.add(kind)
            if kind not in ("FittingRoomSafetyCheck", "FittingRoomGuardedResult"):
                waiting.append(value[0])
    return found


@pytest.mark.parametrize("path", TRY_ONS, ids=lambda path: path.stem)
def test_photos_and_results_are_checked(path):
    """No photo comes to a try-on unchecked, and none of its pictures is shown or saved so."""
    graph = json.loads((path.parent / "api" / path.name).read_text("utf-8"))
    # VAEDecode: what an editing, drawing or video model of ComfyUI's own made.
    tryons = {"FittingRoomTryOn", "FittingRoomPreviewTryOn", "FittingRoomPoseTransfer", "VAEDecode",
              "FittingRoomHostedTryOn", "FittingRoomRoutedTryOn",
              "FittingRoomDesignClothes"}  # fmt: skip
    endings = {"SaveImage", "PreviewImage", "FittingRoomSavePicture", "SaveVideo",
               "FittingRoomSaveVideo"}  # fmt: skip
    kinds = {node["class_type"] for node in graph.values()}
    assert kinds & tryons and kinds & endings
    for name, node in graph.items():
        if node["class_type"] in tryons | endings:
            assert not reached(graph, name) & {"LoadImage", "LoadVideo"}
        if node["class_type"] in endings:
            assert not reached(graph, name) & tryons
    settings = [n for n in graph.values() if n["class_type"] == "FittingRoomSafetyFilter"]
    assert [node["inputs"]["level"] for node in settings] == ["standard"]


@pytest.mark.parametrize(
    "path",
    [path for path in TRY_ONS if "FittingRoomLoadModel" in path.read_text("utf-8")],
    ids=lambda path: path.stem,
)
def test_what_a_model_made_is_marked(path):
    graph = json.loads((path.parent / "api" / path.name).read_text("utf-8"))
    kinds = [node["class_type"] for node in graph.values()]
    marks = [n["inputs"] for n in graph.values() if n["class_type"] == "FittingRoomSavePicture"]
    assert len(marks) == kinds.count("FittingRoomLoadModel")
    assert all(mark["source"] == "generated" and mark["ai_system"] for mark in marks)


@pytest.mark.parametrize(
    "path",
    [path for path in TRY_ONS if "UNETLoader" in path.read_text("utf-8")],
    ids=lambda path: path.stem,
)
def test_what_a_core_model_made_is_marked_and_its_licence_told(path):
    """A picture by Save Picture, a video by Save Marked Video; never by ComfyUI's own nodes."""
    graph = json.loads((path.parent / "api" / path.name).read_text("utf-8"))
    nodes = json.loads(path.read_text("utf-8"))["nodes"]
    note = next(n["widgets_values"][0] for n in nodes if n["type"] == "MarkdownNote")
    assert "Licence" in note and "许可证" in note and "Card: " in note and " GB" in note
    saving = {"FittingRoomSavePicture", "FittingRoomSaveVideo"}
    marks = [n["inputs"] for n in graph.values() if n["class_type"] in saving]
    assert marks and all(m["source"] == "generated" and m["ai_system"] for m in marks)
    assert "SaveVideo" not in {node["class_type"] for node in graph.values()}
