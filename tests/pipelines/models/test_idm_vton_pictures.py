"""The authors' framing of pictures for IDM-VTON; the rest of it: tests/goldens/idm_vton.py."""

import numpy as np
import pytest
from fitting_room.pipelines.models.idm_vton import pictures
from fitting_room.pipelines.models.idm_vton.prompts import look_at


def test_centre_box_and_back():
    photo = np.random.default_rng(0).integers(0, 255, (150, 111, 3)).astype(np.uint8)
    box = pictures.centre_box(111, 150)
    assert box == (0.0, 1.0, 111.0, 149.0)
    inside = pictures.cut_out(photo, box)
    assert inside.shape == (148, 111, 3)
    assert np.array_equal(pictures.paste_back(photo, box, inside), photo)
    wide = pictures.centre_box(300, 100)
    assert wide == (112.5, 0.0, 187.5, 100.0)


def test_hand_mask_takes_every_value():
    assert pictures.hand_mask(np.array([[0, 1], [128, 255]], np.uint8)).tolist() == [
        [0, 255],
        [255, 255],
    ]


@pytest.mark.parametrize(("height", "width"), [(300, 200), (200, 333), (224, 224), (100, 90)])
def test_look_is_that_of_the_published_processor(height, width):
    """Against the processor of transformers that works on Pillow, as the published one did."""
    processors = pytest.importorskip("transformers.models.clip.image_processing_pil_clip")
    picture = np.random.default_rng(1).integers(0, 255, (height, width, 3)).astype(np.uint8)
    wanted = processors.CLIPImageProcessorPil()(images=[picture], return_tensors="pt").pixel_values
    assert (look_at([picture]) - wanted).abs().max() < 1e-5
