"""The sample's person, cut out."""

from pathlib import Path

import numpy as np
import pytest
from fitting_room.pipelines.masking.body import find_body, load_body_model
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


@pytest.fixture(scope="session")
def body_model():
    return load_body_model()


@pytest.fixture(scope="session")
def cutouts(body_model):
    """Person and mirrored person: (picture, mask) at a third of the frame's width."""
    found = []
    for name in ("person_close.jpg", "person_mirrored.jpg"):
        picture = Image.open(SAMPLES / name).convert("RGB")
        picture = picture.resize((256, round(256 * picture.height / picture.width)))
        pixels = np.asarray(picture)
        found.append((pixels, find_body(body_model, pixels).mask))
    return found
