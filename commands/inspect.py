"""`fitting-room inspect PICTURE …`: prints what a picture or video carries beside its pixels."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..pipelines.errors import InputError, readable
from . import pictures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Prints the AI marks, content credentials, workflow and EXIF of pictures and videos, and "
        "warns of a GPS position and of text that looks like a key. Exit code 1: a file cannot be "
        "read; 2: a position or key was found, or too much to be searched. With --json one object "
        "a line."
    )
    parser.add_argument("pictures", nargs="+", type=Path, help="PNG, JPEG, WebP or MP4 files")


def run(args: argparse.Namespace) -> int:
    from ..pipelines.marks.inspection import inspect_picture

    unread = leaking = False
    for path in args.pictures:
        try:
            found = inspect_picture(path)
        except InputError as error:
            print(error, file=sys.stderr)
            unread = True
            continue
        # A name or text in the file may hold codes that a terminal obeys.
        told = pictures.as_json(found) if args.json else "\n".join(map(readable, lines(found)))
        print(told)
        leaking = leaking or found["gps"] or bool(found["keys"]) or bool(found["unsearched"])
    return 1 if unread else 2 if leaking else 0


def lines(found: dict[str, Any]) -> list[str]:
    """One fact a line, only of what is there; warnings last."""
    alpha = ", alpha" if found["alpha"] else ""
    made = {True: "yes", False: "no", None: "no mark says"}[found["ai_made"]]
    told = [
        found["file"],
        f"  {found['format']}, {found['width']}x{found['height']}, {found['bits']} bits{alpha}",
        f"  made with AI: {made}",
    ]
    if found["digital_source_type"]:
        told.append(f"  IPTC source type: {found['digital_source_type']} ({found['meaning']})")
    for name, words in (("system", "AI system"), ("creator_tool", "creator tool")):
        if found[name]:
            told.append(f"  {words}: {found[name]}")
    if found["aigc"] is not None:
        told.append(f"  AIGC field: {json.dumps(found['aigc'], ensure_ascii=False)}")
    if found["credentials"]["present"]:
        told.append(f"  content credentials: {_credentials(found['credentials'])}")
    if found["workflow"]:
        told.append(f"  embedded: {', '.join(found['workflow'])}")
    if found["texts"]:
        told.append(f"  other text: {', '.join(found['texts'])}")
    if found["exif"]:
        told.append("  EXIF: " + ", ".join(f"{n} {value}" for n, value in found["exif"].items()))
    if found["gps"]:
        told.append("  WARNING: it carries a GPS position")
    if found["keys"]:
        told.append(f"  WARNING: looks like a key: {', '.join(found['keys'])}")
    if found["unsearched"]:
        told.append(f"  WARNING: too large to be searched: {', '.join(found['unsearched'])}")
    return told


def _credentials(found: dict[str, Any]) -> str:
    if not found["read"]:
        return "present; install comfyui-fitting-room[c2pa] to read them"
    valid = "valid" if found["valid"] else f"NOT valid ({', '.join(found['problems'])})"
    trusted = "" if found["trusted"] else ", signer not on the default trust list"
    return f"{valid}{trusted}, signed by {found.get('issuer') or 'nobody named'}"
