"""Where two layers of a garment meet, nothing shines through."""

import numpy as np
import pytest
from drawn_people import RED, draw_person
from fitting_room.pipelines.garment.read import read_garment
from fitting_room.pipelines.masking.body import Body
from fitting_room.pipelines.preview.drawn import CUTS, Look, draw
from fitting_room.pipelines.preview.pipeline import PreviewPipeline
from PIL import Image


def smaller(height):
    """The drawn person, in a photo of this height."""
    photo, body = draw_person()
    share = height / len(photo)
    size = round(photo.shape[1] * share), height
    landmarks = body.landmarks * np.array([share, share, share, 1, 1], np.float32)
    mask = np.asarray(Image.fromarray(body.mask).resize(size, Image.Resampling.BOX))
    box = tuple(round(edge * share) for edge in body.box)
    picture = Image.fromarray(photo).resize(size, Image.Resampling.BOX)
    return np.asarray(picture), Body(landmarks, mask, box, 1.0)


@pytest.mark.parametrize("height", [850, 420, 280, 200])
@pytest.mark.parametrize("large", [640, 1280])
def test_hips_and_legs_of_trousers_in_a_small_photo(height, large):
    trousers = draw(CUTS["trousers"], Look(RED), large * 3 // 4, large).picture
    photo, body = smaller(height)
    worn = PreviewPipeline()(photo, body, read_garment(trousers, "lower")).picture.astype(float)
    hip, knee = body.landmarks[24, :2], body.landmarks[26, :2]
    x, half = (hip[0] + knee[0]) / 2, 0.02 * height
    top = hip[1] + 0.15 * (knee[1] - hip[1])  # below the sweater
    strip = worn[int(top) : int(knee[1]), int(x - half) : int(x + half) + 1].mean(1)
    line = strip[2:-2] - (strip[:-4] + strip[4:]) / 2
    assert np.abs(line).max() < 12  # of 160 between trousers and wall
