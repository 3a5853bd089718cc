"""What the photo would show without the old garment: skin, the other garment, the background."""

from __future__ import annotations

import numpy as np

from ..masking.figure import Figure, LimbFrame, along, face_distance, pixel_grid
from .edges import blur, resize
from .regions import BACKGROUND, LOWER, SKIN, Regions, smooth_step, to_lab
from .shape import Shape


def spread(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Carries values (H, W, C) known where weights (H, W) > 0 smoothly over the whole picture.

    Pull-push: averages at ever smaller sizes fill what the finer ones leave open.
    """
    height, width = weights.shape
    known = values * weights[..., None]
    if min(height, width) <= 2:
        total = max(float(weights.sum()), 1e-9)
        return np.broadcast_to(known.sum((0, 1)) / total, values.shape).astype(np.float32)
    stack = np.concatenate([known, weights[..., None]], -1).astype(np.float32)
    small = resize(stack, (height + 1) // 2, (width + 1) // 2)
    small_weights = small[..., -1]
    coarse = spread(
        small[..., :-1] / np.maximum(small_weights, 1e-9)[..., None],
        np.minimum(small_weights * 4, 1.0),
    )
    share = np.clip(weights, 0, 1)[..., None]
    return (values * share + resize(coarse, height, width) * (1 - share)).astype(np.float32)


def background_plate(picture: np.ndarray, person: np.ndarray, margin: int) -> np.ndarray:
    """The picture without the person: each row runs straight from one side to the other, which
    continues floors and horizons, with the grain of the picture beside it mirrored in."""
    from scipy.ndimage import gaussian_filter1d, maximum_filter

    height, width = person.shape
    hidden = maximum_filter(person, 2 * margin + 1) > 0.25
    columns = np.arange(width)
    before = np.maximum.accumulate(np.where(hidden, -1, columns), axis=1)
    after = np.minimum.accumulate(np.where(hidden, width, columns)[:, ::-1], axis=1)[:, ::-1]
    has_before, has_after = before >= 0, after < width
    known = 1.0 - hidden
    mean = blur(picture * known[..., None], 3.0) / np.maximum(blur(known, 3.0), 1e-3)[..., None]
    rows = np.arange(height)[:, None]
    left = mean[rows, np.clip(before, 0, width - 1)]
    right = mean[rows, np.clip(after, 0, width - 1)]
    span = np.maximum(after - before, 1)
    place = np.clip((columns - before) / span, 0, 1)
    place = np.where(has_before & has_after, place, np.where(has_before, 0.0, 1.0))[..., None]
    line = left * (1 - place) + right * place
    line = gaussian_filter1d(line, 1.5, axis=0)
    # Rows that the person fills from edge to edge take the nearest others.
    line = np.where((has_before | has_after)[..., None], line, spread(picture, known))
    nearer = np.where(
        has_before & (~has_after | (columns - before <= after - columns)),
        2 * before - columns, 2 * after - columns,
    ).clip(0, width - 1)  # fmt: skip
    grain = np.where(known[..., None] > 0, picture - mean, 0)[rows, nearer]
    return np.where(hidden[..., None], np.clip(line + grain, 0, 1), picture).astype(np.float32)


def round_shading(offset: np.ndarray, light: float) -> np.ndarray:
    """Brightness across a round limb or trunk by signed offset in radii; light from the right > 0."""
    edge = np.clip(np.abs(offset), 0, 1.15)
    return 1.0 - 0.20 * edge**3 + 0.10 * light * np.clip(offset, -1, 1)


def skin_plate(
    picture: np.ndarray,
    figure: Figure,
    shape: Shape,
    regions: Regions,
    frames: dict[str, LimbFrame],
) -> tuple[np.ndarray, np.ndarray]:
    """Skin colour everywhere (H, W, 3), from the skin the photo shows, round like limbs and trunk;
    and the shading (H, W) that was drawn into it."""
    from scipy.ndimage import minimum_filter

    points = pixel_grid(*picture.shape[:2])
    unit = figure.unit
    offset = points - figure.neck
    side = offset @ figure.across
    level = offset @ figure.down
    shading = round_shading(side / shape.half_width(level, side), 0.0)
    for name in ("right_leg", "left_leg", "right_arm", "left_arm"):
        inside = smooth_step(frames[name].beyond, 0.06 * unit, -0.02 * unit)
        shading = shading * (1 - inside) + round_shading(frames[name].offset, 0.0) * inside
    known = minimum_filter(regions.kinds[SKIN], 3)
    face = face_distance(points, figure) < 1.2
    known = smooth_step(known, 0.75, 0.95) * np.where(face, 0.02, 1.0)
    if known.sum() < 0.02 * unit * unit:
        known = known + 0.2 * smooth_step(regions.kinds[SKIN], 0.6, 0.9) + 1e-6
    # Shoes, jewellery and cloth that passed for skin are told by their colour.
    lab = to_lab(picture.astype(np.float64))
    sure = known > 0.5
    if sure.any():
        typical = np.median(lab[sure], axis=0)
        strange = np.linalg.norm((lab - typical) / [2.5, 1, 1], axis=-1)
        known = known * np.exp(-((strange / 9.0) ** 2)) + 1e-7
    plain = spread(picture / shading[..., None], known)
    plain = blur(plain, 0.05 * unit)
    return np.clip(plain * shading[..., None], 0, 1).astype(np.float32), shading


def bare_body(
    figure: Figure, shape: Shape, regions: Regions, frames: dict[str, LimbFrame]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the bare trunk with the neck, the bare arms and the bare legs are (H, W), 0..1.

    A limb in a tight sleeve or trouser leg has the outline that the photo shows.
    """
    person = 1 - regions.kinds[BACKGROUND]
    points = pixel_grid(*person.shape)
    unit = figure.unit
    offset = points - figure.neck
    side = offset @ figure.across
    level = offset @ figure.down
    wide = smooth_step(np.abs(side) - shape.half_width(level, side), 1.0, -1.0)
    below_line = smooth_step(-level - shape.rise(side), 1.0, -1.0)
    trunk = wide * below_line * smooth_step(level / figure.torso, 1.3, 1.25)
    neck = smooth_step(along(points, figure.chin, figure.neck)[1], 0.2 * unit + 1, 0.2 * unit - 1)

    def outlines(right: str, left: str) -> np.ndarray:
        beyond = np.minimum(frames[right].beyond, frames[left].beyond)
        return smooth_step(beyond - 0.05 * unit, 1.0, -1.0) * smooth_step(person, 0.35, 0.65)

    arms = outlines("right_arm", "left_arm")
    legs = outlines("right_leg", "left_leg")
    return np.maximum(trunk, neck), arms, legs


def lower_plate(
    picture: np.ndarray, figure: Figure, regions: Regions
) -> tuple[np.ndarray, np.ndarray]:
    """The lower garment continued upwards below an old hem: colours (H, W, 3) and where (H, W)."""
    points = pixel_grid(*picture.shape[:2])
    offset = points - figure.neck
    level = (offset @ figure.down) / figure.torso
    known = smooth_step(regions.kinds[LOWER], 0.8, 0.95)
    colours = blur(spread(picture, known), 0.02 * figure.unit)
    waist = smooth_step(level, min(regions.waist, 0.8) - 0.01, min(regions.waist, 0.8) + 0.01)
    return colours, waist


def undress(
    picture: np.ndarray,
    figure: Figure,
    shape: Shape,
    regions: Regions,
    frames: dict[str, LimbFrame],
    category: str,
    hidden: np.ndarray,
) -> np.ndarray:
    """The person without the garment that a new one of this category replaces (H, W, 3).

    picture float32 (H, W, 3) in 0..1. Meant for the places where the old garment was: the body is
    bare there, the background goes on behind it; under an old upper garment the lower one goes
    on up to the waist. hidden (H, W): limbs that the new garment covers, left out.
    """
    person = 1 - regions.kinds[BACKGROUND]
    plate = background_plate(picture, person, max(2, round(0.02 * figure.unit)))
    skin, _ = skin_plate(picture, figure, shape, regions, frames)
    trunk, arms, legs = bare_body(figure, shape, regions, frames)
    side = (pixel_grid(*person.shape) - figure.neck) @ figure.across
    trunk = trunk * (1 - hidden * smooth_step(np.abs(side), 0.34 * figure.unit, 0.40 * figure.unit))
    trunk_skin = np.maximum(trunk, legs * (1 - hidden)) if category != "upper" else trunk
    bare = plate + (skin - plate) * trunk_skin[..., None]
    if category == "upper":
        lower, waist = lower_plate(picture, figure, regions)
        bare = bare + (lower - bare) * (waist * np.maximum(trunk, legs))[..., None]
    return (bare + (skin - bare) * (arms * (1 - hidden))[..., None]).astype(np.float32)
