"""Apps and blueprints: made from their workflows, labelled in both languages, whole graphs."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))


def _script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


make_apps = _script("make_apps")
from subgraphs import ENDINGS, SOURCES  # noqa: E402

NAMES = sorted(make_apps.APPS)


def read(path):
    return json.loads((ROOT / path).read_text("utf-8"))


def test_they_are_up_to_date():
    assert make_apps.written(check=True) == [], "run scripts/make_apps.py"


def test_there_is_none_beside():
    files = {path.name for path in (ROOT / "workflows").glob("*.app.json")}
    assert files == {f"{name}.app.json" for name in NAMES}
    blueprints = {path.stem for path in (ROOT / "subgraphs").glob("*.json")}
    assert blueprints == {app.blueprint for app in make_apps.APPS.values()}


@pytest.mark.parametrize("name", NAMES)
def test_an_app_is_its_workflow(name):
    twins = _script("workflow_twins")
    assert twins.twin(read(f"workflows/{name}.app.json")) == read(f"workflows/api/{name}.json")


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_few_and_labelled_in_both_languages(name):
    extra = read(f"workflows/{name}.app.json")["extra"]
    inputs, labels = extra["linearData"]["inputs"], extra["fittingRoomLabels"]
    keys = {f"{node}.{widget}" for node, widget in inputs}
    assert extra["linearMode"] is True and 2 <= len(inputs) <= 8
    assert set(labels["en"]) == set(labels["zh"]) == keys
    assert all(any("一" <= letter <= "鿿" for letter in text) for text in labels["zh"].values())
    assert len(set(labels["en"].values())) == len(keys)


@pytest.mark.parametrize("name", NAMES)
def test_a_blueprint_holds_one_whole_graph(name):
    outer = read(f"subgraphs/{make_apps.APPS[name].blueprint}.json")
    (instance,), (inner,) = outer["nodes"], outer["definitions"]["subgraphs"]
    assert instance["type"] == inner["id"] and inner["outputs"]
    nodes = {node["id"]: node for node in inner["nodes"]}
    kinds = {node["type"] for node in inner["nodes"]}
    assert not kinds & {*ENDINGS, *SOURCES, "MarkdownNote"}
    links = {link["id"]: link for link in inner["links"]}
    for link in links.values():
        if link["origin_id"] == -10:
            assert link["id"] in inner["inputs"][link["origin_slot"]]["linkIds"]
        else:
            given = nodes[link["origin_id"]]["outputs"][link["origin_slot"]]
            assert link["id"] in given["links"] and given["type"] == link["type"]
        if link["target_id"] == -20:
            assert inner["outputs"][link["target_slot"]]["linkIds"] == [link["id"]]
        else:
            taken = nodes[link["target_id"]]["inputs"][link["target_slot"]]
            assert taken["link"] == link["id"]
    used = {entry["link"] for node in nodes.values() for entry in node["inputs"]}
    given = {number for node in nodes.values() for out in node["outputs"]
             for number in out["links"] or []}  # fmt: skip
    assert (used | given) - {None} == set(links)
