"""Sample pictures in ComfyUI's input folder, so that the shipped workflows run at the first press.

They stand at the top of the folder, because the page takes pictures of a subfolder for missing.
Copied once; a file of that name that is there already stays as it is. A folder holds them a second
time, for the workflows that read folders.
"""

from __future__ import annotations

import logging
from pathlib import Path

import folder_paths

from ..pipelines.errors import InputError, readable
from ..pipelines.writing import write_new

logger = logging.getLogger(__name__)
SAMPLES = Path(__file__).resolve().parent.parent / "samples"


FOLDER = "fitting_room_samples"


def copy_samples() -> None:
    """Puts samples/<name> into the input folder as fitting_room_<name>, and into a folder there."""
    folder = Path(folder_paths.get_input_directory())
    for sample in sorted(SAMPLES.iterdir()):
        for target in (folder / f"fitting_room_{sample.name}", folder / FOLDER / sample.name):
            try:
                if not target.exists():
                    write_new(target, sample.read_bytes())  # whole, or not there at all
            except (OSError, InputError) as error:
                logger.warning("A sample picture could not be copied: %s", readable(str(error)))
