"""The mask from the body alone."""

from pathlib import Path

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.masking.body import Body
from fitting_room.pipelines.masking.embedded import embedded_mask
from PIL import Image, ImageDraw

SKIN, HAIR, CLOTH = (214, 166, 138), (60, 40, 30), (70, 120, 80)

# A person seen from the front in 400x800 pixels, arms a little away from the trunk.
PLACES = {
    0: (200, 100), 2: (212, 90), 5: (188, 90), 7: (225, 95), 8: (175, 95), 9: (208, 120),
    10: (192, 120), 11: (250, 190), 12: (150, 190), 13: (285, 280), 14: (115, 280), 15: (300, 365),
    16: (100, 365), 17: (305, 395), 18: (95, 395), 19: (302, 398), 20: (98, 398), 21: (298, 390),
    22: (102, 390), 23: (230, 340), 24: (170, 340), 25: (235, 500), 26: (165, 500), 27: (238, 650),
    28: (162, 650), 29: (240, 665), 30: (160, 665), 31: (245, 690), 32: (155, 690),
}  # fmt: skip


def standing(scale: float = 1.0) -> Body:
    landmarks = np.zeros((33, 5), np.float32)
    for index, (x, y) in PLACES.items():
        landmarks[index] = x * scale, y * scale, 0, 1, 1
    for index, of in ((1, 2), (3, 2), (4, 5), (6, 5)):
        landmarks[index] = landmarks[of]
    height, width = round(800 * scale), round(400 * scale)
    mask = np.zeros((height, width), np.float32)
    mask[round(40 * scale) : round(700 * scale), round(85 * scale) : round(315 * scale)] = 1
    return Body(landmarks, mask, (85, 40, 315, 700), 1.0)


def at(mask: np.ndarray, landmark: int) -> float:
    x, y = PLACES[landmark]
    return float(mask[y, x])


@pytest.mark.parametrize("category", ["upper", "lower", "dress"])
def test_head_hands_and_feet_are_kept(category):
    mask = embedded_mask(standing(), category)
    assert mask.dtype == np.float32 and mask.shape == (800, 400)
    assert [at(mask, point) for point in (0, 9, 19, 20, 31, 32)] == [0] * 6


def test_categories_cover_their_part_of_the_body():
    upper, lower, dress = (embedded_mask(standing(), c) for c in ("upper", "lower", "dress"))
    assert at(upper, 11) == 1 and at(upper, 25) == 0
    assert at(lower, 25) == 1 and at(lower, 11) == 0 and at(lower, 13) == 0
    assert at(dress, 11) == at(dress, 25) == dress[600, 237] == 1
    assert lower[520, 200] == 1, "a skirt hangs between the legs"
    assert (np.maximum(upper, lower) <= dress).mean() > 0.99


def test_sleeves_reach_from_shoulder_to_wrist():
    none, short, long = (embedded_mask(standing(), "upper", s) for s in ("none", "short", "long"))
    assert (at(none, 13), at(short, 13), at(long, 13)) == (0, 1, 1)
    assert (short[325, 292], long[325, 292]) == (0, 1), "the forearm"
    assert none.sum() < short.sum() < long.sum()
    assert (none - short).max() < 0.6 and (short - long).max() < 0.6


def test_grow_and_feather():
    plain = embedded_mask(standing(), "upper")
    assert embedded_mask(standing(), "upper", grow=0.1).sum() > plain.sum()
    assert embedded_mask(standing(), "upper", grow=-0.1).sum() < plain.sum()
    soft = embedded_mask(standing(), "upper", feather=0.2)
    assert ((soft > 0.05) & (soft < 0.95)).sum() > 3 * ((plain > 0.05) & (plain < 0.95)).sum()


def test_size_of_the_photo_does_not_matter():
    small, large = embedded_mask(standing(), "dress"), embedded_mask(standing(2.5), "dress")
    assert np.abs(large[::5, ::5] - small[::2, ::2]).mean() < 0.01


def test_nothing_to_repaint_is_said():
    landmarks = standing().landmarks.copy()
    landmarks[23:, 1] += 900
    landmarks[11:23, 1] += 300
    with pytest.raises(InputError, match="not in the photo"):
        embedded_mask(Body(landmarks, np.ones((600, 400), np.float32), (0, 0, 9, 9), 1.0), "lower")
    with pytest.raises(InputError, match="upper, lower or dress"):
        embedded_mask(standing(), "hat")
    with pytest.raises(InputError, match="none, short or long"):
        embedded_mask(standing(), "upper", "medium")


def test_a_real_photo():
    from fitting_room.pipelines.masking.body import find_body, load_body_model
    from PIL import Image

    photo = np.asarray(Image.open(Path(__file__).parents[2] / "data" / "astronaut.png"))
    body = find_body(load_body_model(), photo[..., :3])
    mask = embedded_mask(body, "upper")
    x, y = body.landmarks[0, :2].astype(int)
    assert mask[y, x] == 0, "the face is kept"
    assert mask[400, 200] == 1, "the suit's chest is repainted"
    assert 0.15 < mask.mean() < 0.6


def in_colours(body: Body, shoe: tuple) -> tuple[np.ndarray, Body]:
    """The photo of a body in a wide green dress whose sleeves, cuffs and hem stand off it, with
    shoes; and the body that knows it."""
    photo = Image.new("RGB", (400, 800), (205, 208, 212))
    mask = Image.new("L", (400, 800), 0)
    for canvas, plain in ((photo, None), (mask, 255)):
        pen = ImageDraw.Draw(canvas)
        skin, hair, cloth, shoes = (plain,) * 4 if plain else (SKIN, HAIR, CLOTH, shoe)
        pen.ellipse((165, 45, 235, 120), fill=hair)
        pen.ellipse((172, 58, 228, 142), fill=skin)
        pen.rectangle((185, 130, 215, 185), fill=skin)
        for ankle in (162, 238):
            pen.line([(ankle, 500), (ankle, 650)], fill=skin, width=26)
            pen.ellipse((ankle - 18, 655, ankle + 18, 702), fill=shoes)
        for shoulder, elbow, wrist in ((12, 14, 16), (11, 13, 15)):
            pen.line([PLACES[n] for n in (shoulder, elbow, wrist)], fill=cloth, width=44)
            x, y = PLACES[wrist]
            pen.ellipse((x - 14, y, x + 14, y + 42), fill=skin)
            pen.rectangle((x - 30, y - 26, x + 30, y + 2), fill=cloth)  # a wide cuff
        pen.polygon([(180, 178), (220, 178), (262, 195), (255, 350), (315, 560), (85, 560),
                     (145, 350), (138, 195)], fill=cloth)  # fmt: skip
    alpha = np.asarray(mask, np.float32) / 255
    rows, columns = np.nonzero(alpha)
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    pixels = np.asarray(photo)
    return pixels, Body(body.landmarks, alpha, box, 1.0).seen_in(pixels)


@pytest.mark.parametrize("sleeves", ["none", "short", "long"])
@pytest.mark.parametrize("category", ["dress", "upper"])
def test_the_silhouette_of_the_old_cloth_lies_inside(category, sleeves):
    photo, body = in_colours(standing(), (90, 60, 40))
    mask = embedded_mask(body, category, sleeves)
    cloth = (photo == CLOTH).all(-1)
    if category == "upper":
        cloth[300:] = False  # what counts as the lower part of a dress
    assert mask[cloth].min() > 0.5, "sleeve corners, cuffs and the hem"
    assert mask[(photo == SKIN).all(-1)][:1500].max() < 0.5, "the face"


def test_shoes_of_the_old_cloth_s_colour_stay_outside():
    photo, body = in_colours(standing(), CLOTH)
    mask = embedded_mask(body, "dress", "long")
    assert mask[672:, :].max() < 0.5


def test_where_the_photo_shows_no_such_clothes_the_body_alone_decides():
    body = standing()
    bare = np.full((800, 400, 3), SKIN, np.uint8)
    for category in ("upper", "lower", "dress"):
        mask = embedded_mask(body.seen_in(bare), category)
        assert np.isfinite(mask).all() and mask.max() == 1


@pytest.mark.parametrize("category", ["upper", "lower", "dress"])
def test_clothes_that_the_photo_does_not_show(category):
    """A photo down to the hips: of the lower clothes nothing is seen."""
    from fitting_room.pipelines.masking.body import find_body, load_body_model

    sample = Path(__file__).resolve().parents[3] / "samples" / "person.jpg"
    body = find_body(load_body_model(), np.asarray(Image.open(sample).convert("RGB")))
    mask = embedded_mask(body, category)
    assert np.isfinite(mask).all() and mask.min() >= 0 and 0 < mask.mean() < 0.9
