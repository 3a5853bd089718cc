"""Garments on the grounds that people photograph them on, drawn."""

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.garment.ground import with_other_parts
from fitting_room.pipelines.garment.read import read_garment
from fitting_room.pipelines.maps.edges import blur
from fitting_room.pipelines.preview.drawn import CUTS, Look, draw

SIZE = (640, 480)
CLOTH = (150, 60, 60)
Y, X = np.mgrid[: SIZE[0], : SIZE[1]]


def grains(noise, size):
    """Smooth noise of mean 0, its usual strength 1; size: of its grains, pixels."""
    grain = blur(noise.standard_normal(SIZE).astype(np.float32), size)
    return (grain / grain.std())[..., None]


def creased_sheet(noise):
    folds = np.abs(np.sin((X + 0.6 * Y + 60 * grains(noise, 60)[..., 0]) / 23)) ** 8
    return np.array([205, 203, 198]) + 9 * grains(noise, 25) - 45 * folds[..., None]


def quilt(noise):
    seams = np.minimum(np.abs((X + Y) % 90 - 45), np.abs((X - Y) % 90 - 45))
    puffs = np.clip(seams / 30, 0, 1)[..., None]
    return np.array([150, 152, 156]) + 22 * puffs + 8 * grains(noise, 14)


def planks(noise):
    tone = noise.uniform(-14, 14, 9)[X // 60]
    fibre = blur(noise.standard_normal(SIZE).astype(np.float32) * 20, 1.2)
    joints = (X % 60 < 2)[..., None]
    wood = np.array([150, 110, 75]) + (tone + 3 * fibre)[..., None] + 5 * grains(noise, 30)
    return np.where(joints, 70, wood)


def tiles(noise):
    joints = (((X + 3) % 160 < 5) | ((Y + 40) % 160 < 5))[..., None]
    return np.where(joints, 90, np.array([198, 186, 168]) + 8 * grains(noise, 20))


def wall_with_rail(noise):
    wall = np.array([196, 188, 186]) + 7 * grains(noise, 80) - 0.05 * Y[..., None]
    rail = (np.abs(Y - 60 - 0.04 * X) < 5)[..., None]
    return np.where(rail, 235, wall + 2.5 * grains(noise, 2))


GROUNDS = [creased_sheet, quilt, planks, tiles, wall_with_rail]


def laid_on(ground, cut="t-shirt", colour=CLOTH, share=0.55):
    """The drawing of a garment, and its photo on a ground that it shades a little."""
    drawing = draw(CUTS[cut], Look(colour, background=(200, 200, 200)), SIZE[1], SIZE[0], share)
    noise = np.random.default_rng(7)
    alpha = drawing.alpha[..., None]
    shade = blur(np.roll(drawing.alpha, (6, 4), (0, 1)), 5)[..., None]
    below = ground(noise) * (1 - 0.15 * shade)
    photo = drawing.picture * alpha + below * (1 - alpha) + 2 * noise.standard_normal((*SIZE, 1))
    return drawing, photo.clip(0, 255).astype(np.uint8)


def overlap(garment, drawing):
    one, other = garment.alpha > 0.5, drawing.alpha > 0.5
    return (one & other).sum() / (one | other).sum()


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize(
    "cut, category, least", [("t-shirt", "upper", 0.95), ("trousers", "lower", 0.9)]
)
def test_garments_on_rough_ground_are_cut_out(ground, cut, category, least):
    drawing, photo = laid_on(ground, cut)
    garment = read_garment(photo)
    lower = cut == "trousers"
    assert overlap(garment, drawing) > (0.9 if lower else 0.95)
    assert garment.category == ("lower" if lower else "upper")
    assert str(garment.fit) == "ok"


def test_cuffs_that_were_taken_for_wood_come_back_and_tiles_do_not():
    whole = laid_on(planks, "long-sleeved top", share=0.8)[0].alpha > 0.5
    columns = np.flatnonzero(whole.any(0))
    cuffs = whole & (np.abs(X - SIZE[1] / 2 + 0.5) > SIZE[1] / 2 - columns[0] - 60)
    lab = np.zeros((3, *SIZE), np.float32)
    lab[:, ~whole], lab[:, whole], lab[:, cuffs] = np.array(
        [[50, 15, 25], [90, 0, 0], [60, 35, 50]], np.float32
    )[..., None]
    without, by_edges = ((whole & ~cuffs).astype(np.float32), whole.astype(np.float32))
    assert (with_other_parts(without, by_edges, lab)[cuffs] == 1).mean() > 0.96
    lab[:, cuffs] = lab[:, :1, 0]  # a part of the floor
    assert (with_other_parts(without, by_edges, lab) == without).all()


def test_a_garment_like_its_ground_is_doubtful():
    for colour in ((150, 110, 75), (175, 130, 95)):
        try:
            garment = read_garment(laid_on(planks, colour=colour)[1])
        except InputError:
            continue
        assert garment.fit.level == "doubtful"
