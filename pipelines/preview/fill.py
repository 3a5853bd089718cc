"""What the photo would show without the old garment: skin, the other garment, the background."""

from __future__ import annotations

import numpy as np

from ..maps.colours import distance, length
from ..maps.edges import blur, resized_map, to_planes
from ..maps.grids import box_of, each, narrowest, taken, widest
from ..maps.patches import continue_background
from ..maps.ranking import medians
from ..maps.spreading import spread
from ..masking.anatomy import COLLAR_LEVELS, COLLAR_SIDES, LEGS_APART, NAVEL
from ..masking.figure import Limb, LimbFrames, unit_vector
from ..masking.kinds import BACKGROUND, SKIN, smooth_step
from .bare import BodyOutlines, inner_side
from .hips import near_hips, of_body
from .lower import lower_maps
from .paint_maps import BareBody
from .scene import Scene

# Natural logarithms of the brightness of red, green and blue at the outline of a bare limb.
TURNED_AWAY = np.array([-0.30, -0.40, -0.45], dtype=np.float32)
STRANGE = 200.0  # squared distance in Lab, where lightness counts 1 / 2.5, of other skin


def background_plate(picture: np.ndarray, person: np.ndarray, margin: int) -> np.ndarray:
    """The picture without the person: each row runs straight from one side to the other, which
    continues floors and horizons, with the grain of the picture beside it mirrored in."""
    from scipy.ndimage import gaussian_filter1d

    height, width = person.shape
    hidden = widest(person, margin) > 0.25
    columns = np.arange(width)
    before = np.maximum.accumulate(np.where(hidden, -1, columns), axis=1)
    after = np.minimum.accumulate(np.where(hidden, width, columns)[:, ::-1], axis=1)[:, ::-1]
    has_before, has_after = before >= 0, after < width
    known = (~hidden).astype(np.float32)
    share = np.maximum(blur(known, 3.0), np.float32(1e-3))
    mean = blur(picture * each(known), 3.0) / each(share)
    rows = np.arange(height)[:, None]
    left = taken(mean, rows, before.clip(min=0))
    right = taken(mean, rows, after.clip(max=width - 1))
    place = ((columns - before) / np.maximum(after - before, 1)).clip(0, 1).astype(np.float32)
    place = np.where(has_before & has_after, place, has_after.astype(np.float32))
    line = left + (right - left) * each(place)
    line = np.asarray(gaussian_filter1d(line, 3.0, axis=0))
    seen = has_before & has_after
    if not seen.all():  # where a row ends at the person, the nearest background of all goes on
        line = np.where(each(seen), line, spread(picture, known))
    nearer = np.where(
        has_before & (~has_after | (columns - before <= after - columns)),
        2 * before - columns, 2 * after - columns,
    ).clip(0, width - 1)  # fmt: skip
    grain = taken((picture - mean) * each(known), rows, nearer)
    return np.where(each(hidden), np.clip(line + grain, 0, 1), picture)


def round_shading(offset: np.ndarray, light: float) -> np.ndarray:
    """Brightness across a round limb or trunk by signed offset in radii; light > 0 comes from the
    right."""
    edge = np.clip(np.abs(offset), 0, 1.15)
    return 1.0 - 0.20 * edge**2.8 + 0.10 * light * np.clip(offset, -1, 1)


def skin_shading(scene: Scene, frames: LimbFrames) -> np.ndarray:
    """Brightness (3, h, w) of round bare limbs and a flatter trunk, by colour: where skin turns
    away it gets darker and redder, and brighter towards the light. Falls of brightness as on arms
    in studio photos. Worked out at half size: it is soft."""
    figure, half = scene.figure, (slice(None, None, 2), slice(None, None, 2))
    light = side_light(scene, frames)
    offset = np.clip(scene.side[half] / scene.half_width[half], -1.1, 1.1)
    turned, lit = 0.8 * offset * offset * np.abs(offset), 0.7 * light * offset
    for name in ("right_leg", "left_leg", "right_arm", "left_arm"):
        limb, frame = getattr(figure, name), frames.of(name)
        near = 0.06 * figure.unit
        there = box_of(frame.beyond[half] < near)
        beyond, place = frame.beyond[half][there], frame.place[half][there]
        offset = np.clip(frame.offset[half][there], -1.1, 1.1)
        inwards = inner_side(limb.line, figure.neck if name.endswith("arm") else figure.hips)
        # Little light comes in between arm and trunk, or between the legs.
        round_limb = offset * offset + 0.25 * np.maximum(inwards * offset, 0)
        inside = smooth_step(beyond, near, -0.02 * figure.unit)
        # At its upper end a limb goes over into the trunk.
        joined = smooth_step(place, 0.0, 0.25)
        joined = np.maximum(joined, smooth_step(inwards * offset, 0.2, -0.4))
        inside = inside * joined * smooth_step(place, 1.0, 0.97)
        turned[there] += (round_limb - turned[there]) * inside
        lit[there] += (light * rightwards(limb) * offset - lit[there]) * inside
    turned, lit = (blur(plane, 0.02 * figure.unit) for plane in (turned, lit))
    turned += relief(scene)
    shares = [np.exp(turned * share + lit) for share in TURNED_AWAY]
    return np.stack([resized_map(plane, *scene.level.shape) for plane in shares])


def relief(scene: Scene) -> np.ndarray:
    """How much skin turns away, at half size (h, w), around collar bones, breastbone, the middle of
    the belly and the navel: a hint of each, and none where the photo shows skin of its own or the
    person turned away."""
    figure, unit = scene.figure, scene.figure.unit
    side, level = scene.side[::2, ::2], scene.level[::2, ::2]
    # The trunk's middle may lie beside the torso's.
    left, right = of_body(scene.hip_growth, unit)
    middle = near_hips(level, scene.regions, figure) * (right - left) / 2
    side = (side - middle) / unit
    result = np.zeros_like(level)
    breadth = float(np.linalg.norm(figure.left_shoulder - figure.right_shoulder)) / unit
    if figure.facing < 0 or breadth < 0.8:
        return result
    trunk = (np.abs(side) < 0.45) & (level > -0.25 * unit) & (level < 0.8 * figure.torso)
    side, level = side[trunk], level[trunk]
    aside, belly, height = np.abs(side), level / figure.torso, level / unit
    bone = height - np.interp(aside, COLLAR_SIDES, COLLAR_LEVELS)  # below it
    around = bump(bone - 0.045, 0.022) + 0.7 * bump(bone + 0.04, 0.02)
    bones = 0.3 * around - 0.15 * bump(bone, 0.02)
    bones = bones * smooth_step(aside, 0.03, 0.09) * smooth_step(aside, 0.42, 0.3)
    notch = 0.3 * bump(side, 0.035) * bump(height + 0.03, 0.045)
    middle = 0.12 * bump(side, 0.03) * smooth_step(belly, 0.05, 0.2) * smooth_step(belly, 0.76, 0.7)
    navel = 0.9 * bump(side, 0.016) * bump(height - NAVEL * figure.torso / unit, 0.022)
    shown = blur(smooth_step(scene.regions.kinds[SKIN], 0.4, 0.8), 0.08 * unit)
    hidden = np.clip(1 - 1.5 * shown[::2, ::2][trunk], 0, 1)
    result[trunk] = (bones + notch + middle + navel) * hidden
    return result


def bump(distance: np.ndarray, width: float) -> np.ndarray:
    """1 at distance 0, falling to 0 within about two widths."""
    return np.exp(-((distance / width) ** 2))


def rightwards(limb: Limb) -> float:
    """How far positive offsets (see LimbFrame) of a limb point to the viewer's right, -1..1."""
    return -float(unit_vector(limb.line[-1] - limb.line[0])[1])


def side_light(scene: Scene, frames: LimbFrames) -> float:
    """How much brighter, as a natural logarithm, bare arms get from their middle to their edge at
    the viewer's right, 0 where the photo shows none."""
    skin = scene.regions.kinds[SKIN]
    slopes = []
    for name, covered in zip(("right_arm", "left_arm"), scene.regions.covered, strict=True):
        frame = frames.of(name)
        seen = (skin > 0.9) & (frame.beyond < 0) & (np.abs(frame.offset) < 0.8)
        seen &= (frame.place > covered + 0.05) & (frame.place < 0.97)
        if seen.sum() < 0.04 * scene.figure.unit**2:
            continue
        offset = rightwards(getattr(scene.figure, name)) * frame.offset[seen]
        values = np.log(scene.planes[:, seen].mean(0) + 0.02)
        offset, values = offset - offset.mean(), values - values.mean()
        slopes.append(float((offset * values).sum() / max((offset * offset).sum(), 1e-6)))
    # The trunk darkens the inner side of either arm: only both together tell the light's side.
    return float(np.clip(np.mean(slopes), -0.25, 0.25)) if len(slopes) == 2 else 0.0


def skin_plate(scene: Scene, frames: LimbFrames) -> np.ndarray:
    """Skin colour everywhere (3, h, w), from the skin that the photo shows, shaded round."""
    import cv2

    skin, unit = scene.regions.kinds[SKIN], scene.figure.unit
    shading = skin_shading(scene, frames)
    face = scene.face < 1.2
    known = smooth_step(narrowest(skin, 1), 0.75, 0.95)
    # Shoes, jewellery and cloth that passed for skin are told by their colour.
    typical = scene.face_colour
    if typical is None:
        sure = known * np.where(face, np.float32(0.005), 1)
        typical = medians(scene.lab_planes[:, sure > 0.5 * sure.max()])
    strange = distance(scene.lab_planes, typical, np.array([2.5, 1, 1], np.float32))
    alike = np.exp(strange * strange / -STRANGE)
    known = known * alike
    # A face is lit and made up in its own way: it counts where little else is bare.
    elsewhere = float((known * ~face).sum()) / unit**2
    known = known * np.where(face, np.float32(0.05 if elsewhere < 0.15 else 0.005), 1)
    if known.sum() < 0.02 * unit * unit:
        known = known + 0.2 * smooth_step(skin, 0.6, 0.9) * (1 - 0.9 * ~face) * alike + 1e-6
    plain = scene.planes / shading
    middle = medians(plain[:, known >= 0.02 * known.max()])[:, None, None]
    # Far from all visible skin the average tone weighs as much as what is carried there.
    plain = middle + (plain - middle) * (known / (known + 3e-3))
    size = (skin.shape[0] // 2, skin.shape[1] // 2)  # it is blurred anyway
    known = resized_map(np.minimum(known + 3e-3, 1), *size)
    carried = spread(cv2.merge([resized_map(plane, *size) for plane in plain]), known)
    soft = cv2.split(blur(carried, 0.025 * unit))
    plate = np.stack([resized_map(plane, *skin.shape) for plane in soft])
    plate *= shading
    return np.clip(plate, 0, 1, out=plate)


def empty_scene(scene: Scene, gone: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """The photo without the person (h, w, 3) where something goes. gone (h, w): the old garment and
    covered limbs; outline (h, w): distance in pixels to the body in front of the background."""
    picture, unit = scene.small, scene.figure.unit
    person = np.maximum(1 - scene.regions.kinds[BACKGROUND], scene.small_person)
    np.maximum(person, gone, out=person)
    margin = max(2, round(0.05 * unit))
    rows = np.nonzero((gone > 0.05).any(1))[0]
    if not len(rows):
        return picture
    hidden = widest(person, margin) > 0.25
    shown = (widest(gone, margin) > 0.05) & hidden & (outline > -0.03 * unit)
    if lively(scene, hidden, shown):
        plate = continue_background(picture, ~hidden, shown)
        if plate is not None:
            return plate
    plate = picture.copy()
    some = slice(max(0, rows[0] - 2 * margin), rows[-1] + 2 * margin)
    plate[some] = background_plate(picture[some], person[some], margin)
    return plate


def lively(scene: Scene, hidden: np.ndarray, shown: np.ndarray) -> bool:
    """Whether there is more than a wall or a floor beside what is shown (h, w) of the hidden."""
    third = (slice(None, None, 3), slice(None, None, 3))  # of the pixels are enough
    unit, seen, lab = scene.figure.unit / 3, ~hidden[third], scene.lab[third]
    beside = widest(shown[third].astype(np.float32), max(1, round(0.2 * unit))) * seen
    if shown[third].sum() < 0.03 * unit * unit or not beside.any():
        return False
    share = np.maximum(blur(seen.astype(np.float32), 0.1 * unit), 1e-3)
    around = blur(lab * each(seen.astype(np.float32)), 0.1 * unit) / each(share)
    strange = length(lab - around)
    return bool(np.average(strange, weights=beside) > 5.0)


def undress(
    scene: Scene,
    skin: np.ndarray,
    category: str,
    old: np.ndarray,
    gone: np.ndarray,
    outlines: BodyOutlines,
) -> tuple[BareBody, np.ndarray | None]:
    """What the photo shows where the old garment is taken off; of an upper one also where the lower
    garment is below its hem (see lower_maps).

    The body is bare there and the background goes on behind it; under an old upper garment the
    lower one goes on up to the waist. old (h, w): the garment that goes; gone (h, w): limbs that
    the new garment covers, left out; skin (3, h, w): the skin_plate; outlines: the body_distances.
    """
    figure, regions = scene.figure, scene.regions
    far = 3 * gone  # pixels outwards: enough for an outline to vanish
    level, aside = scene.level, np.abs(scene.side)
    outer = aside > 0.37 * figure.unit
    trunk = outlines.trunk + far * outer * figure.unit
    if gone.any():  # nor may shoulders look out over their seams
        beyond = smooth_step(aside, 0.36 * figure.unit, 0.42 * figure.unit)
        trunk = trunk + 0.04 * figure.unit * beyond * smooth_step(level, 0.1 * figure.unit, 0)
    arms = outlines.arms + far * figure.unit
    if category != "upper":
        if category == "lower":  # trousers and skirts make their own hips
            below = level > np.where(outer, regions.waist, LEGS_APART) * figure.torso
            trunk = trunk + 3 * figure.unit * below
        trunk = np.minimum(trunk, outlines.legs + far * figure.unit)
    plate = empty_scene(scene, np.maximum(old, gone), np.minimum(trunk, arms))
    lower, below_hem = lower_maps(scene) if category == "upper" else (None, None)
    return BareBody(to_planes(plate), skin, trunk, arms, lower), below_hem
