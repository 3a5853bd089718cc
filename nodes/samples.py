"""Sample pictures in ComfyUI's input folder, so that the shipped workflows run at the first press.

They stand at the top of the folder, because the page takes pictures of a subfolder for missing.
Copied once; a file of that name that is there already stays as it is. A folder holds them a second
time, for the workflows that read folders.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import folder_paths

logger = logging.getLogger(__name__)
SAMPLES = Path(__file__).resolve().parent.parent / "samples"


FOLDER = "fitting_room_samples"


def copy_samples() -> None:
    """Puts samples/<name> into the input folder as fitting_room_<name>, and into a folder there."""
    folder = Path(folder_paths.get_input_directory())
    try:
        (folder / FOLDER).mkdir(exist_ok=True)
        for sample in SAMPLES.iterdir():
            for target in (folder / f"fitting_room_{sample.name}", folder / FOLDER / sample.name):
                if not target.exists():
                    shutil.copyfile(sample, target)
    except OSError as error:
        logger.warning("The sample pictures could not be copied to %s: %s", folder, error)
