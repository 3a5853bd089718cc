"""Sample pictures in ComfyUI's input folder, so that the shipped workflows run at the first press.

The workflows name `fitting_room/…`. The files are copied once; one that the user changed or
another one of that name stays as it is.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import folder_paths

logger = logging.getLogger(__name__)
SAMPLES = Path(__file__).resolve().parent.parent / "samples"


def copy_samples() -> None:
    folder = Path(folder_paths.get_input_directory()) / "fitting_room"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for sample in SAMPLES.iterdir():
            if not (folder / sample.name).exists():
                shutil.copyfile(sample, folder / sample.name)
    except OSError as error:
        logger.warning("The sample pictures could not be copied to %s: %s", folder, error)
