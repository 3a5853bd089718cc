"""Writes the apps and the blueprints from the workflows: one graph, three ways to use it.

    python scripts/make_apps.py           writes workflows/*.app.json and subgraphs/*.json
    python scripts/make_apps.py --check   exits 1 where one is missing or differs

An app is the workflow with ComfyUI's app mode on: chosen inputs, a Run button, the result. Its
labels stand in English and Chinese in `extra`; web/apps.js shows those of the page's language.
A blueprint is the workflow between its pictures and its results as one node for other graphs.
"""

from __future__ import annotations

import copy
import json
import shutil
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS, BLUEPRINTS = ROOT / "workflows", ROOT / "subgraphs"
NAMESPACE = uuid.UUID("e3fa1a47-92f9-5d05-b61b-9d4e6d8967c7")
ENDINGS = ("SaveImage", "PreviewImage", "FittingRoomSavePicture", "PreviewAny", "SaveText",
           "SaveVideo")  # fmt: skip
SOURCES = ("LoadImage", "LoadVideo")


@dataclass(frozen=True)
class App:
    """inputs: (a node's title or type, its widget, English label, Chinese label) in order of use.
    outputs: titles or types of the nodes whose pictures are shown. blueprint: its name."""

    blueprint: str
    inputs: tuple[tuple[str, str, str, str], ...]
    outputs: tuple[str, ...]


PERSON = ("Person", "image", "Person", "人物")
GARMENT = ("Garment", "image", "Garment", "服装")
CATEGORY = ("FittingRoomGarmentCutout", "category", "Category", "类别")
WHO = ("FittingRoomBodyPose", "person", "Which person", "第几个人")
SEED = ("FittingRoomTryOn", "seed", "Seed", "种子")
COMPARED = "Before and after"

APPS = {
    "preview_try_on": App(
        "Try-On (Preview)", (PERSON, GARMENT, CATEGORY, WHO), ("SaveImage", COMPARED)
    ),
    "leffa": App(
        "Try-On (Leffa)",
        (PERSON, GARMENT, CATEGORY, WHO, SEED),
        ("FittingRoomSavePicture", COMPARED),
    ),
    "ootdiffusion": App(
        "Try-On (OOTDiffusion)",
        (PERSON, GARMENT, WHO, SEED),
        ("FittingRoomSavePicture", COMPARED),
    ),
    "idm_vton": App(
        "Try-On (IDM-VTON)",
        (
            PERSON,
            GARMENT,
            ("FittingRoomEncodeGarment", "description", "Describe the garment", "描述服装"),
            WHO,
            SEED,
        ),
        ("FittingRoomSavePicture", COMPARED),
    ),
    "many_garments_one_person": App(
        "Try-On (Many Garments)",
        (
            PERSON,
            ("Garment 1", "image", "Garment 1", "服装 1"),
            ("Garment 2", "image", "Garment 2", "服装 2"),
            WHO,
            SEED,
        ),
        ("FittingRoomSavePicture", COMPARED),
    ),
    "preview_then_finish": App(
        "Try-On (Preview, then Leffa)",
        (
            PERSON,
            GARMENT,
            CATEGORY,
            WHO,
            ("FittingRoomTryOn", "strength", "How much anew", "重绘强度"),
            SEED,
        ),
        ("FittingRoomSavePicture", "Preview", "Preview and finish"),
    ),
    "check_a_folder": App(
        "Safety Check of a Folder",
        (
            ("FittingRoomPictureFolder", "folder", "Folder", "文件夹"),
            ("FittingRoomPictureFolder", "first", "Start at", "从第几张开始"),
            ("FittingRoomPictureFolder", "count", "How many", "检查几张"),
            ("FittingRoomSafetyFilter", "action", "Flagged pictures", "对被标记的图片"),
        ),
        ("Pictures", "Report"),
    ),
}


def found(workflow: dict, name: str) -> dict:
    """The one node of a title or, where none has it, of a type. Raises ValueError."""
    for key in ("title", "type"):
        nodes = [node for node in workflow["nodes"] if node.get(key) == name]
        if len(nodes) == 1:
            return nodes[0]
    raise ValueError(f"{name!r} must name one node, by its title or its type")


def slot(node: dict, widget: str) -> int:
    return next(
        index
        for index, entry in enumerate(node["inputs"])
        if entry.get("widget", {}).get("name") == widget
    )


def app(name: str, workflow: dict) -> dict:
    """The workflow as an app."""
    made, spec = copy.deepcopy(workflow), APPS[name]
    made["id"] = str(uuid.uuid5(NAMESPACE, f"app {name}"))
    labels: dict[str, dict[str, str]] = {"en": {}, "zh": {}}
    inputs = []
    for title, widget, english, chinese in spec.inputs:
        node = found(made, title)
        key = f"{node['id']}.{widget}"
        node["inputs"][slot(node, widget)]["label"] = english
        labels["en"][key], labels["zh"][key] = english, chinese
        inputs.append([str(node["id"]), widget])
    outputs = [str(found(made, title)["id"]) for title in spec.outputs]
    made["extra"] = made.get("extra", {}) | {
        "linearMode": True,
        "linearData": {"inputs": inputs, "outputs": outputs},
        "fittingRoomLabels": labels,
    }
    return made


def blueprint(name: str, workflow: dict) -> dict:
    """A workflow that holds one instance of the subgraph between pictures and results."""
    spec = APPS[name]
    inner = Inner(copy.deepcopy(workflow), str(uuid.uuid5(NAMESPACE, f"subgraph {name}")))
    for title, widget, english, _ in spec.inputs:
        node = found(workflow, title)
        if node["type"] not in SOURCES:
            inner.promote(node["id"], widget, english)
    return inner.as_workflow(spec.blueprint, str(uuid.uuid5(NAMESPACE, f"blueprint {name}")))


class Inner:
    """A workflow on its way to a subgraph: pictures become inputs, what is shown outputs."""

    def __init__(self, workflow: dict, identity: str) -> None:
        self.identity = identity
        self.nodes = {node["id"]: node for node in workflow["nodes"]}
        self.links = {link[0]: _link(link) for link in workflow["links"]}
        self.last = max([0, *self.links])
        self.groups = workflow["groups"]
        self.inputs: list[dict] = []
        self.outputs: list[dict] = []
        self.promoted: list[tuple[str, object]] = []
        for node in list(self.nodes.values()):
            if node["type"] in SOURCES:
                self._open(node)
            elif node["type"] in ENDINGS:
                self._show(node)
            elif node["type"] == "MarkdownNote":
                del self.nodes[node["id"]]

    def _open(self, node: dict) -> None:
        """Takes a picture's node out; what it gave becomes an input."""
        del self.nodes[node["id"]]
        name = node.get("title", node["type"])
        for place, output in enumerate(node["outputs"]):
            links = [self.links[number] for number in output["links"] or []]
            if not links:
                continue
            label = name if place == 0 else f"{name}: {output['name'].lower()}"
            index = self._input(label, output["type"], [link["id"] for link in links])
            for link in links:
                link |= {"origin_id": -10, "origin_slot": index}

    def _show(self, node: dict) -> None:
        """Takes an ending out; what it was given becomes an output, once."""
        del self.nodes[node["id"]]
        for entry in node["inputs"]:
            if entry.get("link") is None:
                continue
            link = self.links.pop(entry["link"])
            origin = self.nodes[link["origin_id"]]["outputs"][link["origin_slot"]]
            origin["links"].remove(link["id"])
            given = (link["origin_id"], link["origin_slot"])
            if any((self.links[out["linkIds"][0]]["origin_id"],
                    self.links[out["linkIds"][0]]["origin_slot"]) == given
                   for out in self.outputs):  # fmt: skip
                continue
            origin["links"].append(link["id"])
            self.links[link["id"]] = link | {"target_id": -20, "target_slot": len(self.outputs)}
            label = node.get("title", "Image" if entry["type"] == "IMAGE" else entry["name"])
            self.outputs.append(_port(label, link["type"], [link["id"]], self.identity))

    def promote(self, number: int, widget: str, label: str) -> None:
        """Shows a widget of an inner node on the outer one."""
        node = self.nodes[number]
        place = slot(node, widget)
        entry = node["inputs"][place]
        self.last += 1
        index = self._input(label, entry["type"], [self.last])
        self.links[self.last] = {
            "id": self.last, "origin_id": -10, "origin_slot": index, "target_id": number,
            "target_slot": place, "type": entry["type"],
        }  # fmt: skip
        entry["link"] = self.last
        self.promoted.append((label, _value(node, widget)))

    def _input(self, label: str, kind: str, links: list[int]) -> int:
        self.inputs.append(_port(label, kind, links, self.identity))
        return len(self.inputs) - 1

    def as_workflow(self, name: str, identity: str) -> dict:
        shown = {label for label, _ in self.promoted}
        left, top, right = self._edges()
        for ports, x in ((self.inputs, left - 60), (self.outputs, right + 120)):
            for index, port in enumerate(ports):
                port["pos"] = [x, top + 20 + 20 * index]
        subgraph = {
            "id": self.identity, "version": 1, "revision": 0, "config": {}, "name": name,
            "state": {"lastGroupId": len(self.groups), "lastNodeId": max(self.nodes),
                      "lastLinkId": self.last, "lastRerouteId": 0},
            "inputNode": {"id": -10, "bounding": [left - 180, top, 140,
                                                  40 + 20 * len(self.inputs)]},
            "outputNode": {"id": -20, "bounding": [right + 100, top, 140,
                                                   40 + 20 * len(self.outputs)]},
            "inputs": self.inputs, "outputs": self.outputs, "widgets": [],
            "nodes": list(self.nodes.values()), "groups": self.groups,
            "links": list(self.links.values()), "extra": {}, "category": "Fitting Room",
        }  # fmt: skip
        outer = {
            "id": 1, "type": self.identity, "pos": [0, 0], "size": [360, 320], "flags": {},
            "order": 0, "mode": 0, "title": name,
            "inputs": [
                {"name": port["name"], "label": port["label"], "type": port["type"], "link": None}
                | ({"widget": {"name": port["name"]}} if port["label"] in shown else {})
                for port in self.inputs
            ],
            "outputs": [{"name": port["name"], "label": port["label"], "type": port["type"],
                         "links": []} for port in self.outputs],
            "properties": {"proxyWidgets": [["-1", _name(label)] for label, _ in self.promoted]},
            "widgets_values": [value for _, value in self.promoted],
        }  # fmt: skip
        return {
            "id": identity, "revision": 0, "last_node_id": 1, "last_link_id": 0, "nodes": [outer],
            "links": [], "groups": [], "definitions": {"subgraphs": [subgraph]}, "config": {},
            "extra": {}, "version": 0.4,
        }  # fmt: skip

    def _edges(self) -> tuple[float, float, float]:
        nodes = self.nodes.values()
        return (
            min(node["pos"][0] for node in nodes),
            min(node["pos"][1] for node in nodes),
            max(node["pos"][0] + node["size"][0] for node in nodes),
        )


def _link(link: list) -> dict:
    names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    return dict(zip(names, link, strict=True))


def _name(label: str) -> str:
    return label.lower().replace(" ", "_").replace(":", "")


def _port(label: str, kind: str, links: list[int], identity: str) -> dict:
    number = str(uuid.uuid5(NAMESPACE, f"{identity} {label} {kind}"))
    return {"id": number, "name": _name(label), "label": label, "type": kind, "linkIds": links}


def _value(node: dict, widget: str) -> object:
    """What stands in a widget, by the rules of the twins."""
    from workflow_twins import values_of

    return values_of(node)[widget]


def written(check: bool) -> list[str]:
    """Writes all files that differ (with `check` none) and returns their names."""
    stale = []
    for name in APPS:
        workflow = json.loads((WORKFLOWS / f"{name}.json").read_text("utf-8"))
        pairs = {
            WORKFLOWS / f"{name}.app.json": app(name, workflow),
            BLUEPRINTS / f"{APPS[name].blueprint}.json": blueprint(name, workflow),
        }
        for path, made in pairs.items():
            text = json.dumps(made, ensure_ascii=False) + "\n"
            if path.is_file() and path.read_text("utf-8") == text:
                continue
            stale.append(path.relative_to(ROOT).as_posix())
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, "utf-8")
        picture = WORKFLOWS / f"{name}.app.jpg"
        if not picture.is_file():
            stale.append(picture.relative_to(ROOT).as_posix())
            if not check:
                shutil.copy(WORKFLOWS / f"{name}.jpg", picture)
    return stale


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    names = written("--check" in sys.argv[1:])
    print("\n".join(names) or "all up to date")
    sys.exit(bool(names) and "--check" in sys.argv[1:])
