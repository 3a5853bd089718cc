"""Turns a workflow into a subgraph as ComfyUI keeps its blueprints; make_apps.py uses it."""

from __future__ import annotations

import uuid

from workflow_twins import values_of

NAMESPACE = uuid.UUID("e3fa1a47-92f9-5d05-b61b-9d4e6d8967c7")
ENDINGS = ("SaveImage", "PreviewImage", "FittingRoomSavePicture", "PreviewAny", "SaveText",
           "SaveVideo", "FittingRoomSaveVideo")  # fmt: skip
SOURCES = ("LoadImage", "LoadVideo")


def slot(node: dict, widget: str) -> int:
    return next(
        index
        for index, entry in enumerate(node["inputs"])
        if entry.get("widget", {}).get("name") == widget
    )


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
    return values_of(node)[widget]
