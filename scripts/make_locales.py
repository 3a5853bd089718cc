"""Writes locales/en/nodeDefs.json from the nodes' own schemas, and tells what locales/zh lacks.

    python scripts/make_locales.py ADDRESS    e.g. http://127.0.0.1:8188, a running ComfyUI

English entries win over a node's own texts in the page, so they are generated, never edited.
Exits 1 where the Chinese file misses a text or has one too many.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path

DYNAMIC = "COMFY_DYNAMICCOMBO_V3"
LOCALES = Path(__file__).resolve().parent.parent / "locales"


def english(object_info: dict) -> dict:
    """nodeDefs of this package's nodes, from the engine's /object_info."""
    return {
        name: _node(node)
        for name, node in sorted(object_info.items())
        if name.startswith("FittingRoom") and not name.startswith("FittingRoomTest")
    }


def _node(node: dict) -> dict:
    inputs = {}
    for section in ("required", "optional"):
        for name in node["input_order"].get(section, []):
            kind, options = node["input"][section][name]
            inputs[name] = _input(name, options)
            if kind == DYNAMIC:
                inputs |= _opened(name, options["options"])
    outputs = {
        str(index): {"name": name, "tooltip": tooltip or ""}
        for index, (name, tooltip) in enumerate(
            zip(node["output_name"], node["output_tooltips"], strict=True)
        )
    }
    return {
        "display_name": node["display_name"],
        "description": node["description"],
        "inputs": inputs,
        "outputs": outputs,
    }


def _input(name: str, options: dict) -> dict:
    label = options.get("display_name") or name.replace("_", " ")
    return {"name": label, "tooltip": options.get("tooltip", "")}


def _opened(name: str, choices: list[dict]) -> dict:
    """Inputs that a choice of input `name` opens, under the keys where the page looks for them."""
    return {
        f"{name}_{inner}": _input(inner, options)
        for choice in choices
        for section in choice["inputs"].values()
        for inner, (_, options) in section.items()
    }


def differences(wanted: dict, found: dict, path: str = "") -> list[str]:
    """Keys that one of the two lacks, and texts that are empty."""
    problems = []
    for key in sorted(set(wanted) | set(found)):
        here = f"{path}.{key}" if path else key
        if key not in found:
            problems.append(f"missing: {here}")
        elif key not in wanted:
            problems.append(f"not a text of the nodes: {here}")
        elif isinstance(wanted[key], dict):
            problems += differences(wanted[key], found[key], here)
        elif not str(wanted[key]).strip() or not str(found[key]).strip():
            problems.append(f"empty: {here}")
    return problems


def main() -> int:
    with urllib.request.urlopen(sys.argv[1] + "/object_info", timeout=60) as answer:
        wanted = english(json.load(answer))
    text = json.dumps(wanted, indent=2, ensure_ascii=False) + "\n"
    (LOCALES / "en" / "nodeDefs.json").write_text(text, "utf-8")
    chinese = json.loads((LOCALES / "zh" / "nodeDefs.json").read_text("utf-8"))
    problems = differences(wanted, chinese)
    for problem in problems:
        print(f"locales/zh: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
