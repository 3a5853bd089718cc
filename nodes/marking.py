"""What both nodes that save have in common: the marks, the label, and where a file goes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import folder_paths
from comfy_api.latest import io

from ..pipelines.errors import InputError, readable
from ..pipelines.writing import LONGEST_NAME

SOURCES = ("generated", "preview", "photos", "none")
PRODUCER = "FittingRoom"
CORNERS = ("bottom right", "bottom left", "top right", "top left")


def place_of(prefix: str, width: int, height: int) -> tuple[str, str]:
    """Subfolder of the output folder and beginning of the file's name, with ComfyUI's places
    filled in. Raises InputError for what lies outside, and for names that no disk takes."""
    problem = f"The filename_prefix has to name a place in the output folder, and {prefix!r}"
    if "\0" in prefix or readable(prefix) != prefix:
        raise InputError(f"{problem} has characters that no file name has.")
    now = time.localtime()
    filled = {
        "width": width, "height": height, "year": now.tm_year, "month": f"{now.tm_mon:02}",
        "day": f"{now.tm_mday:02}", "hour": f"{now.tm_hour:02}", "minute": f"{now.tm_min:02}",
        "second": f"{now.tm_sec:02}",
    }  # fmt: skip
    for word, value in filled.items():
        prefix = prefix.replace(f"%{word}%", str(value))
    place, name = os.path.split(os.path.normpath(prefix))
    output = folder_paths.get_output_directory()
    if not folder_paths.is_within_directory(output, os.path.join(output, place)):
        raise InputError(f"{problem} is outside the output folder.")
    if name in ("", os.curdir, os.pardir):
        name = "picture"
    names = [*Path(place).parts, f"{name}_00000001_.webp"]
    if any(len(os.fsencode(each)) > LONGEST_NAME for each in names):
        raise InputError(f"{problem} is too long a name. Shorten it.")
    return place, name


def marks_of(source: str, system: str, aigc_field: str, producer: str) -> Any:
    """Marks, signed where the machine has a certificate; see the nodes' inputs."""
    from ..pipelines.marks.credentials import credentials_of
    from ..pipelines.marks.provenance import AigcLabel, Marks

    wanted = source == "generated" if aigc_field == "auto" else aigc_field == "on"
    return Marks(
        source=source,
        system=system.strip(),
        aigc=AigcLabel(producer=producer.strip()) if wanted else None,
        # Credentials say what made a picture; without a source there is nothing to sign.
        credentials=credentials_of(os.environ) if source != "none" else None,
    )


def dropped(source: str) -> list[str]:
    """What to say where the files are not signed although this process could."""
    if source != "none" or not os.environ.get("FITTING_ROOM_C2PA_CERTIFICATE"):
        return []
    return ["Content credentials were left out: they say what made a file. Choose a source."]


def label_inputs() -> list[io.Input]:
    """Of the label that people read."""
    return [
        io.Boolean.Input(
            "visible_label",
            default=False,
            optional=True,
            tooltip="Whether a label that people can read is drawn into a corner.",
        ),
        io.Combo.Input(
            "label_language",
            options=["en", "zh"],
            default="en",
            optional=True,
            tooltip="Language of the ready-made text: AI-generated, or AI生成.",
        ),
        io.String.Input(
            "label_text",
            default="",
            optional=True,
            tooltip="Your own text of the label; empty for the ready-made one.",
        ),
        io.Combo.Input(
            "label_corner",
            options=list(CORNERS),
            default=CORNERS[0],
            optional=True,
            tooltip="Corner of the label.",
        ),
    ]


def mark_inputs(what: str) -> list[io.Input]:
    """Of the marks that programs read. what: picture or video, as its number is named."""
    return [
        io.String.Input(
            "ai_system",
            default="",
            advanced=True,
            optional=True,
            tooltip="Name of the model (IPTC AI System Used). Written where the "
            "source is generated.",
        ),
        io.Combo.Input(
            "aigc_field",
            options=["auto", "on", "off"],
            default="auto",
            advanced=True,
            optional=True,
            tooltip="The AIGC field of China's rules (GB 45438-2025). auto: where the source is "
            "generated.",
        ),
        io.String.Input(
            "producer",
            default=PRODUCER,
            advanced=True,
            optional=True,
            tooltip="Name or code of who offers the service, for the AIGC field. The preset names "
            "the software only.",
        ),
        io.String.Input(
            f"{what}_number",
            default="",
            advanced=True,
            optional=True,
            tooltip=f"Your own number of the {what}, for the AIGC field; empty for a random one."
            + (" In a batch -1, -2 and so on are added." if what == "picture" else ""),
        ),
    ]
