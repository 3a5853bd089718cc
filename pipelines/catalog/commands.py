"""Where files of the catalogue are kept by default, and the command that gets them."""

from __future__ import annotations

import os
from pathlib import Path


def models_home() -> Path:
    """$FITTING_ROOM_MODELS, or the folder used where neither it nor ComfyUI says one."""
    given = os.environ.get("FITTING_ROOM_MODELS")
    return Path(given).expanduser() if given else Path.home() / ".cache" / "fitting_room"


def download_command(name: str) -> str:
    return f"fitting-room download {name}"
