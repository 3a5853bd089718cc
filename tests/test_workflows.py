"""Shipped workflows: twins up to date, node types known, readable layout. No engine needed."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))


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
def test_nodes_do_not_overlap(path):
    nodes = json.loads(path.read_text("utf-8"))["nodes"]
    boxes = [(node["id"], *node["pos"], *node["size"]) for node in nodes]
    for index, (one, x, y, width, height) in enumerate(boxes):
        for other, x2, y2, width2, height2 in boxes[index + 1 :]:
            apart = x + width <= x2 or x2 + width2 <= x or y + height <= y2 or y2 + height2 <= y
            assert apart, f"nodes {one} and {other} overlap"


def test_no_twin_without_a_workflow():
    twin_names = {path.name for path in (ROOT / "workflows" / "api").glob("*.json")}
    assert twin_names == {path.name for path in WORKFLOWS}
