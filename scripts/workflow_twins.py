"""Writes workflows/api/*.json from workflows/*.json: the same graphs as programs POST them.

    python scripts/workflow_twins.py           writes the twins
    python scripts/workflow_twins.py --check   exits 1 where one is missing or differs

The result equals the front end's own export (`app.graphToPrompt`), which the browser test compares.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

WORKFLOWS = Path(__file__).resolve().parent.parent / "workflows"
NOTES = {"Note", "MarkdownNote"}
# Widgets that only the page has: their values stand in widgets_values and are not sent.
PAGE_ONLY_AFTER = {
    ("LoadImage", "image"): 1,
    ("LoadVideo", "file"): 1,
    ("*", "seed"): 1,
    ("*", "noise_seed"): 1,
}


def plain_workflows() -> list[Path]:
    """All but the apps, whose graphs are those of the workflows that they are made from."""
    return sorted(p for p in WORKFLOWS.glob("*.json") if not p.name.endswith(".app.json"))


def twin(workflow: dict) -> dict:
    """The API format of a workflow as the page saves it: {node id: class_type, inputs, _meta}."""
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    nodes = [node for node in workflow["nodes"] if node["type"] not in NOTES]
    return {str(node["id"]): _node(node, sources) for node in sorted(nodes, key=lambda n: n["id"])}


def values_of(node: dict) -> dict:
    """What stands in a node's widgets: {widget's name: value}."""
    values, found = list(node.get("widgets_values", [])), {}
    for name in (entry["name"] for entry in node["inputs"] if "widget" in entry):
        found[name] = values.pop(0)
        page_only = PAGE_ONLY_AFTER.get((node["type"], name), PAGE_ONLY_AFTER.get(("*", name), 0))
        del values[:page_only]
    return found


def _node(node: dict, sources: dict) -> dict:
    values, inputs = values_of(node), {}
    for entry in node["inputs"]:
        name = entry["name"]
        if "widget" in entry:
            inputs[name] = values[name]
        if entry.get("link") is not None:
            inputs[name] = sources[entry["link"]]
    found = {"class_type": node["type"], "inputs": inputs}
    return found | ({"_meta": {"title": node["title"]}} if "title" in node else {})


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for path in plain_workflows():
        text = json.dumps(twin(json.loads(path.read_text("utf-8"))), indent=2, ensure_ascii=False)
        target = WORKFLOWS / "api" / path.name
        if target.is_file() and target.read_text("utf-8") == text + "\n":
            continue
        stale.append(path.name)
        if not check:
            target.parent.mkdir(exist_ok=True)
            target.write_text(text + "\n", "utf-8")
    for name in stale:
        print(f"{'stale' if check else 'written'}: workflows/api/{name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
