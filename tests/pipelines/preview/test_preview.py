"""The preview try-on on a drawn person, whose body is known, with drawn garments."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_people import (
    SKIN,
    SWEATER,
    TROUSERS,
    draw_person,
    draw_shirt,
    draw_trousers,
)
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.garment.read import read_garment
from fitting_room.pipelines.maps.edges import enlarged, in_bytes
from fitting_room.pipelines.maps.enlarging import Cut, Enlarged, EnlargedMaps, Grid
from fitting_room.pipelines.maps.grids import narrowest, widest
from fitting_room.pipelines.masking.body import Body, find_body, load_body_model
from fitting_room.pipelines.masking.kinds import BACKGROUND
from fitting_room.pipelines.preview.bare import bare_frames, body_distances
from fitting_room.pipelines.preview.drawing import Painter
from fitting_room.pipelines.preview.drawn import CUTS, Look, draw
from fitting_room.pipelines.preview.fill import relief
from fitting_room.pipelines.preview.layers import joined
from fitting_room.pipelines.preview.lower import lower_maps
from fitting_room.pipelines.preview.pipeline import PreviewPipeline, plan
from fitting_room.pipelines.preview.place import place_garment
from fitting_room.pipelines.preview.scene import read_scene
from fitting_room.pipelines.preview.undressed import read_undressed
from PIL import Image


def jacobian(mapping):
    """Determinant of a backward map's derivative at inside pixels (N,): positive without folds."""
    inside = mapping.inside
    core = inside[:-1, :-1] & inside[1:, :-1] & inside[:-1, 1:]
    along_x = (mapping.source[:-1, 1:] - mapping.source[:-1, :-1])[core]
    along_y = (mapping.source[1:, :-1] - mapping.source[:-1, :-1])[core]
    return along_x[:, 0] * along_y[:, 1] - along_x[:, 1] * along_y[:, 0]


@pytest.fixture(scope="module")
def person():
    return draw_person()


@pytest.fixture(scope="module")
def shirt():
    return read_garment(draw_shirt(), "upper")


@pytest.fixture(scope="module")
def worn(person, shirt):
    return PreviewPipeline()(*person, shirt)


def reddish(picture):
    wide = picture.astype(int)
    return (wide[..., 0] > 120) & (wide[..., 1] < 90) & (wide[..., 2] < 100)


def like(picture, colour, tolerance=45):
    return np.abs(picture.astype(int) - colour).max(-1) < tolerance


def test_outside_the_mask_nothing_changes(person, worn):
    photo, _ = person
    assert worn.picture.dtype == np.uint8 and worn.mask.dtype == np.float32
    assert worn.picture.shape == photo.shape and worn.mask.shape == photo.shape[:2]
    assert worn.mask.min() >= 0 and worn.mask.max() <= 1
    assert (worn.picture[worn.mask == 0] == photo[worn.mask == 0]).all()
    assert (worn.picture != photo).any(-1).sum() > 20000


def test_the_torso_is_covered_without_holes(worn):
    assert reddish(worn.picture[250:400, 250:350]).mean() > 0.99


def test_head_hands_and_trousers_stay(person, worn):
    photo, _ = person
    for rows, columns in ((slice(40, 150), slice(250, 350)), (slice(600, 850), slice(200, 400))):
        assert (worn.picture[rows, columns] == photo[rows, columns]).all()
    for x in (168, 432):  # the fingers
        hand = np.s_[476:492, x - 5 : x + 5]
        assert (worn.picture[hand] == photo[hand]).all()


def test_nothing_of_the_old_sleeves_is_left(person, worn):
    left = like(worn.picture, SWEATER, 30)
    assert left.sum() < 0.01 * like(person[0], SWEATER, 30).sum()
    for x, y in ((425, 420), (175, 420)):  # the forearms
        patch = worn.picture[y - 4 : y + 4, x - 4 : x + 4]
        assert like(patch, SKIN, 60).mean() > 0.9


@pytest.mark.parametrize("fraction", [1, 2])
def test_a_long_sleeve_ends_straight_across_the_wrist(fraction):
    """The hand that is in front of the garment begins where the sleeve ends: it takes no bite."""
    photo, body = draw_person(sleeve=64)
    photo = np.asarray(Image.fromarray(photo).reduce(fraction))
    landmarks = body.landmarks / [*3 * [fraction], 1, 1]
    seen = np.asarray(Image.fromarray(body.mask).reduce(fraction))
    body = Body(landmarks, seen, tuple(side // fraction for side in body.box), 1.0)
    top = read_garment(draw(CUTS["long-sleeved top"], Look((196, 40, 50)), 480, 640).picture)
    picture = PreviewPipeline()(photo, body, replace(top, reach=1.0)).picture.astype(int)
    red = (picture[..., 0] > 2.2 * picture[..., 1]) & (picture[..., 0] > 90)
    for elbow, wrist in (landmarks[[14, 16], :2], landmarks[[13, 15], :2]):
        way = (wrist - elbow) / np.hypot(*(wrist - elbow))
        off = (np.argwhere(red)[:, ::-1] - wrist) * fraction
        along, aside = off @ way, off @ [-way[1], way[0]]
        ends = [along[np.abs(aside - place) < fraction].max() for place in range(-10, 11, 2)]
        assert min(ends) > -1.5 and np.ptp(ends) < 4


def test_no_folds(person):
    for pixels, category in ((draw_shirt(), "upper"), (draw_trousers(), "lower")):
        garment = read_garment(pixels, category)
        pieces = place_garment(garment, read_scene(*person))
        assert len(pieces) >= 3
        for piece in pieces:
            determinant = jacobian(piece.mapping)
            assert (determinant > 0).mean() > 0.995, piece.part


def test_stripes_stay_level_and_even(person):
    photo, body = person
    garment = read_garment(draw_shirt(stripes=True), "upper")
    picture = PreviewPipeline()(photo, body, garment, lighting=0.0).picture.astype(int)
    rows = np.s_[290:400]
    edges = [np.nonzero(np.diff((picture[rows, x, 1] > 130).astype(int)))[0] for x in (270, 330)]
    assert len(edges[0]) == len(edges[1]) >= 4
    assert np.abs(edges[0] - edges[1]).max() <= 3, "level"
    assert np.ptp(np.diff(edges[0])) <= 3, "even"


def test_proportions_are_kept(person, worn):
    cropped = PreviewPipeline()(*person, read_garment(draw_shirt(length=170), "upper"))
    hem, cropped_hem = (np.nonzero(reddish(r.picture[:, 300]))[0].max() for r in (worn, cropped))
    assert 40 < hem - cropped_hem < 110


def test_the_users_mask_wins(person, shirt):
    photo, body = person
    mask = np.zeros(photo.shape[:2], np.float32)
    mask[200:350] = 1
    result = PreviewPipeline()(photo, body, shirt, mask)
    assert (result.picture[mask == 0] == photo[mask == 0]).all()
    assert (result.mask[mask == 0] == 0).all() and result.mask.max() > 0.9


def test_same_again(person, shirt, worn):
    again = PreviewPipeline()(*person, shirt)
    assert (again.picture == worn.picture).all() and (again.mask == worn.mask).all()


def test_a_person_is_read_once(person, shirt):
    photo, body = person
    pipeline = PreviewPipeline()
    scene = pipeline.read(photo, body)
    first = pipeline(photo, body, shirt).picture
    assert pipeline.read(photo, body) is scene
    flipped = np.ascontiguousarray(photo[:, ::-1])
    pipeline(flipped, body, shirt)
    assert pipeline.read(photo, body) is not scene, "another photo was read since"
    np.testing.assert_array_equal(pipeline(photo, body, shirt).picture, first)


def test_any_resolution_gives_the_same_look(person, shirt, worn):
    photo, body = person
    size = (photo.shape[1] * 2, photo.shape[0] * 2)
    large = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC))
    mask = np.asarray(Image.fromarray(body.mask).resize(size, Image.Resampling.BILINEAR))
    landmarks = body.landmarks * np.array([2, 2, 2, 1, 1], np.float32)
    doubled = Body(landmarks, mask, tuple(2 * edge for edge in body.box), 1.0)
    result = PreviewPipeline()(large, doubled, shirt).picture
    back = np.asarray(Image.fromarray(result).resize(photo.shape[1::-1], Image.Resampling.BOX))
    assert np.abs(back.astype(int) - worn.picture).mean() < 3


def test_trousers_replace_trousers(person):
    photo, body = person
    result = PreviewPipeline()(photo, body, read_garment(draw_trousers(), "lower"))
    assert reddish(result.picture[560:700, 235:265]).mean() > 0.9
    assert (result.picture[:400] == photo[:400]).all(), "the sweater stays"
    assert like(result.picture[500:740], TROUSERS, 25).mean() < 0.005


def test_progress_may_stop(person, shirt):
    steps = []

    def stop(step, total):
        steps.append((step, total))
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PreviewPipeline()(*person, shirt, progress=stop)
    assert steps == [(1, 4), (2, 4)]


def test_bare_arms_are_round(worn):
    """The uncovered forearm is brightest along its middle and keeps the skin's colour there."""
    row = worn.picture[400, 390:450].astype(int).sum(-1)
    row = row[np.abs(row - row[0]) > 60]  # where it is not background
    middle = row[len(row) // 2 - 3 : len(row) // 2 + 4].mean()
    assert middle > 1.08 * row[3:6].mean() and middle > 1.08 * row[-6:-3].mean()


def nothing_seen(scene):
    """No hands, and all skin may be."""
    return np.zeros(scene.small.shape[:2]), np.ones(scene.small.shape[:2])


def test_a_bared_arm_has_no_step():
    photo, body = draw_person(sleeve=64)
    scene = read_scene(photo, body)
    arms = body_distances(scene, bare_frames(scene), *nothing_seen(scene)).arms
    (_, top), (_, bottom) = scene.figure.right_arm.joints[:2].astype(int)
    rows = np.arange(top + 8, bottom)
    columns = (arms[rows] < 0).argmax(1)  # the outer edge
    inside, outside = arms[rows, columns], arms[rows, columns - 1]
    edge = columns - 1 + outside / (outside - inside)
    assert np.abs(np.diff(edge[::3], 2)).max() < 0.6  # small pixels
    seen = (1 - scene.regions.kinds[BACKGROUND])[rows] > 0.5
    assert np.abs(edge - seen.argmax(1))[-8:].max() < 1
    assert (edge > seen.argmax(1) - 1).all()  # nowhere out of the sleeve


def test_uncovered_trousers_have_smooth_sides(person):
    scene = read_scene(*person)
    edge = lower_maps(scene)[0].edge
    rows = np.arange(int(scene.waist + scene.figure.neck[1]) + 3, int(scene.figure.hips[1]))
    left = (edge[rows] < 0).argmax(1)
    right = edge.shape[1] - (edge[rows] < 0)[:, ::-1].argmax(1)
    for side in (left, right):
        assert np.abs(np.diff(side)).max() <= 2  # small pixels
    assert (right - left).min() > 0.8 * (right - left).max()


def test_only_a_front_has_collar_bones(person):
    scene = read_scene(*person)
    front, back = (
        relief(replace(scene, figure=replace(scene.figure, facing=facing))) for facing in (1, -1)
    )
    assert front.max() > 0.2 and not back.any()


def test_the_neck_is_where_the_photo_shows_it(person):
    scene = read_scene(*person)
    torso = body_distances(scene, bare_frames(scene), *nothing_seen(scene)).torso
    scale = scene.small.shape[0] / scene.photo.shape[0]

    def at(x, y):
        return torso[round((y - scene.window[1]) * scale), round((x - scene.window[0]) * scale)]

    assert at(285, 190) < 0 and at(315, 190) < 0
    assert at(270, 190) > 0 and at(330, 190) > 0


def test_nothing_shines_through_between_sleeve_and_trunk(person, shirt):
    scene = read_scene(*person)
    pieces = place_garment(shirt, scene)
    maps = plan(read_undressed(scene), shirt, pieces, 1.0).maps
    height, width = scene.small.shape[:2]
    worn = Painter(in_bytes(scene.small), maps, pieces, scene.figure.unit).paint(
        Cut(0, height, 0, width)
    )
    through = (1 - worn.worn) * (1 - np.clip(maps.gaps.cover, 0, 1))
    # The rims of the layers, beside what is closed, well within the person.
    near = widest((maps.gaps.cover > 0.5).astype(np.float32), 1) > 0
    rims = near & (narrowest(scene.small_person, 2) > 0.95)
    assert rims.sum() > 20 and through[rims].mean() < 0.1


def test_the_parts_are_painted_as_the_whole(person, shirt):
    scene = read_scene(*person)
    pieces = place_garment(shirt, scene)
    painter = Painter(
        scene.photo, plan(read_undressed(scene), shirt, pieces, 1.0).maps, pieces, scene.figure.unit
    )
    height, width = scene.photo.shape[:2]
    whole = painter.paint(Cut(0, height, 0, width))
    left = whole.mask.copy()
    parts = painter.parts(60, 150)
    assert len(parts) > 5
    for cut in parts:
        part = painter.paint(cut)
        assert np.abs(part.picture - whole.picture[(slice(None), *cut.slices)]).max() < 2e-3
        left[cut.slices] = 0
    assert left.max() <= 1 / 255, "nothing is painted outside the parts"


def test_hair_is_what_hangs_together_with_the_head():
    hair = np.zeros((20, 20), bool)
    hair[2:12, 4:6] = hair[14:18, 14:18] = True
    head = np.zeros_like(hair)
    head[0:4] = True
    kept = joined(hair, head)
    assert kept[2:12, 4:6].all() and kept.sum() == 20


def test_what_cannot_be_tried_on_is_said(person, shirt):
    photo, body = person
    with pytest.raises(InputError, match="600x850"):
        PreviewPipeline()(photo[:400], body, shirt)
    with pytest.raises(InputError, match="mask must have"):
        PreviewPipeline()(photo, body, shirt, np.ones((64, 64), np.float32))
    top = Body(body.landmarks, body.mask[:300], (100, 40, 500, 300), 1.0)
    with pytest.raises(InputError, match="hips"):
        PreviewPipeline()(photo[:300], top, read_garment(draw_trousers(), "lower"))


def test_the_astronaut_takes_her_suit_off(shirt):
    path = Path(__file__).parents[2] / "data" / "astronaut.png"
    photo = np.asarray(Image.open(path).convert("RGB"))
    result = PreviewPipeline()(photo, find_body(load_body_model(), photo), shirt)
    orange = (photo[..., 0] > 170) & (photo[..., 1] > 60) & (photo[..., 2] < 90)
    left = orange & (result.picture == photo).all(-1)
    assert left[:400].sum() < 0.2 * orange[:400].sum()
    assert (result.picture[60:150, 190:260] == photo[60:150, 190:260]).all(), "the face stays"


def test_a_cut_is_part_of_the_whole_map_enlarged():
    maps = np.random.default_rng(1).random((2, 9, 7)).astype(np.float32)
    whole = np.stack([enlarged(plane, 31, 24) for plane in maps])
    cut = Cut(top=5, bottom=29, left=3, right=24)
    grid = Grid((24 / 7, 31 / 9))
    np.testing.assert_allclose(
        Enlarged(maps, grid, (0, 24)).cut(cut), whole[:, 5:29, 3:], atol=1e-5
    )
    lower_right = Enlarged(maps[:, 2:, 1:], grid, (8, 24), corner=(1, 2)).cut(Cut(13, 31, 8, 24))
    np.testing.assert_allclose(lower_right, whole[:, 13:, 8:], atol=1e-5)
    upper_left = Enlarged(maps[:, :6, :4], grid, (0, 15)).cut(Cut(0, 15, 0, 15))  # wider than those
    np.testing.assert_allclose(upper_left[:, :, :12], whole[:, :15, :12], atol=1e-5)
    assert (upper_left[:, :, 13:] == upper_left[:, :, 13:14]).all()


def test_maps_that_are_not_enlarged_are_those_that_were_given():
    chance = np.random.default_rng(2)
    one, colours = chance.random((9, 7), np.float32), chance.random((3, 9, 7))
    same = EnlargedMaps((one, colours), Grid((1, 1))).cut(Cut(2, 9, 0, 5))
    assert (same[0] == one[2:, :5]).all()
    np.testing.assert_allclose(same[1], colours[:, 2:, :5], atol=1e-6)


def test_arms_that_nobody_sees_have_the_colour_of_the_face():
    """In a photo where the face alone is bare, dark cloth and shadows that pass for skin do not
    colour the bared arms."""
    from fitting_room.services.backends.preview import PreviewBackend
    from fitting_room.services.request import TryOnRequest

    samples = Path(__file__).parents[3] / "samples"
    person, garment = (
        np.asarray(Image.open(samples / name).convert("RGB"))
        for name in ("person.jpg", "tshirt.png")
    )
    made = PreviewBackend().run(TryOnRequest(person, (garment,), "upper")).picture
    face, arm = person[130:170, 200:240], made[390:420, 60:80]
    assert arm.mean() > 0.6 * face.mean()
