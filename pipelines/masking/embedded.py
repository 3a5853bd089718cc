"""The region to repaint from the body alone, where no parsing network is installed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import InputError
from .body import Body
from .figure import (
    Coordinates,
    Figure,
    Limb,
    along,
    build_figure,
    capsule,
    face_distance,
    pixel_grid,
    projected,
    unit_vector,
)
from .kinds import HAIR, LOWER, UPPER
from .regions import fine_regions

CATEGORIES = ("upper", "lower", "dress")
# How far along the arm the mask goes for each sleeve length, 0..2 over both bones.
SLEEVES = {"none": 0.35, "short": 0.95, "long": 2.0}
ANKLE, FOOT = 0.1, 0.5  # units below an ankle, and around a foot, where shoes and shadows begin
MARGIN = 0.04  # units that the mask reaches beyond the old clothes
LEAST_CLOTH = 0.01  # of the square of the unit: smaller pieces only look like cloth
WORKING_SIDE = 512  # pixels of the longer side in which distances are worked out


def embedded_mask(
    body: Body,
    category: str,
    sleeves: str = "long",
    *,
    grow: float = 0.0,
    feather: float = 0.0,
) -> np.ndarray:
    """Mask float32 (height, width) of the body's photo, 1 = repaint.

    The old clothes of the category, sleeve corners, cuffs and hems included, where the body knows
    its photo; and where a new garment may lie, within the person mask grown a little: torso and
    arms for "upper", hips and legs (with the space between them, for skirts) for "lower", both for
    "dress". Head, hair, bare hands and feet are kept; for "lower" the arms too. sleeves: "none",
    "short" or "long", of the new garment. grow: how much wider (negative: tighter), and feather:
    how wide the soft edge is, both as a share of the shoulder width.
    Raises InputError where nothing of the region lies inside the photo.
    """
    if category not in CATEGORIES:
        raise InputError(f"The category must be upper, lower or dress, not {category!r}.")
    if sleeves not in SLEEVES:
        raise InputError(f"The sleeve length must be none, short or long, not {sleeves!r}.")
    from ..maps.edges import resized_map

    height, width = body.mask.shape
    scale = max(1.0, max(height, width) / WORKING_SIDE)
    size = (max(1, round(height / scale)), max(1, round(width / scale)))
    figure = build_figure(body, (0, 0), 1 / scale)
    person = resized_map(body.mask, *size)
    outside = region_distance(figure, person, category, SLEEVES[sleeves])
    kept = kept_distance(figure, person)
    if category == "lower":
        points = pixel_grid(*size)
        for arm in (figure.right_arm, figure.left_arm):
            kept = np.minimum(kept, capsule(points, arm, 0.02 * figure.unit))
    outside = np.maximum(outside - grow * figure.unit, -kept)
    if body.small is not None:
        cloth = cloth_distance(body, category, size) - (MARGIN + grow) * figure.unit
        outside = np.minimum(outside, np.maximum(cloth, -bare_distance(figure, size)))
    distance = resized_map(outside.astype(np.float32), height, width) * scale
    mask = np.clip(0.5 - distance / max(feather * figure.unit * scale, 1.0), 0, 1)
    if mask.max() < 0.5:
        raise InputError(
            f"The {category} part of the body is not in the photo, so there is nothing to "
            "repaint. Use a photo that shows it, or choose another category."
        )
    return mask.astype(np.float32)


def cloth_distance(body: Body, category: str, size: tuple[int, int]) -> np.ndarray:
    """Signed distance (h, w) in pixels of the photo reduced to this size to the silhouette of the
    old clothes of a category, as the photo shows them; negative inside."""
    from ..maps.edges import resized_map
    from ..maps.grids import pieces, sizes_of, widest

    assert body.small is not None
    left, top, right, bottom = body.window
    small = body.small.astype(np.float32) / 255
    scale = (right - left) / small.shape[1]
    figure = build_figure(body, (left, top), 1 / scale)
    person = resized_map(body.mask[top:bottom, left:right], *small.shape[:2])
    kinds = fine_regions(small, person, figure).kinds
    wanted = {"upper": [UPPER], "lower": [LOWER], "dress": [UPPER, LOWER]}[category]
    cloth = (kinds[wanted].sum(0) > 0.35) & (widest(kinds[HAIR], 2) < 0.5)
    labels, count = pieces(cloth)
    whole = np.full(size, float(sum(size)), np.float32)
    cloth &= (sizes_of(labels, count) >= LEAST_CLOTH * figure.unit**2)[labels]
    if not cloth.any():
        return whole
    shrink = size[1] / body.mask.shape[1]
    low = [round(left * shrink), round(top * shrink)]
    high = [max(low[0] + 1, round(right * shrink)), max(low[1] + 1, round(bottom * shrink))]
    inside = resized_map(
        person_distance(cloth.astype(np.float32)), high[1] - low[1], high[0] - low[0]
    )
    rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
    place = whole[rows, columns]
    place[:] = np.minimum(inside * scale * shrink, sum(size))[: place.shape[0], : place.shape[1]]
    return whole


def bare_distance(figure: Figure, size: tuple[int, int]) -> np.ndarray:
    """Signed distance (h, w), roughly, to where no clothes are looked for: the head above the chin,
    and the feet; negative inside."""
    points, unit = pixel_grid(*size), figure.unit
    head = (face_distance(points, figure) - 1.75) * float(figure.face_axes.mean())
    kept = [np.maximum(head, projected(points, figure.chin, figure.down))]
    for leg in (figure.right_leg, figure.left_leg):
        ankle = leg.joints[2]
        shin = unit_vector(ankle - leg.joints[1])
        near = along(points, ankle, leg.end)[1] - FOOT * unit
        kept.append(np.maximum(near, ANKLE * unit - projected(points, ankle, shin)))
    return np.minimum.reduce(kept)


def region_distance(figure: Figure, person: np.ndarray, category: str, sleeve: float) -> np.ndarray:
    """Signed distance (H, W) in pixels to what a garment of the category may cover."""
    points = pixel_grid(*person.shape)
    unit = figure.unit
    side, level = np.abs(figure.side(points)), figure.level(points)
    bound = person_distance(person) - 0.10 * unit
    parts = []
    if category in ("upper", "dress"):
        slope = 0.26 * unit - 0.30 * np.maximum(side - 0.2 * unit, 0)  # from neck to shoulder
        hem = (1.15 if category == "upper" else 1.4) * figure.torso
        parts.append(np.maximum.reduce([side - 0.72 * unit, -level - slope, level - hem]))
        for arm in (figure.right_arm, figure.left_arm):
            parts.append(capsule(points, shortened(arm, sleeve), 0.09 * unit))
    clothed = np.minimum.reduce(parts) if parts else np.full(person.shape, np.inf)
    clothed = np.maximum(clothed, bound)
    if category in ("lower", "dress"):
        legs = np.minimum(
            capsule(points, figure.right_leg, 0.10 * unit),
            capsule(points, figure.left_leg, 0.10 * unit),
        )
        waist = 0.60 * figure.torso - level
        hips = np.maximum.reduce([side - 0.8 * unit, waist, level - 1.5 * figure.torso])
        own = np.maximum(np.minimum(legs, hips), np.maximum(bound, waist))
        clothed = np.minimum.reduce([clothed, own, between_legs(points, figure)])
    return clothed


def shortened(limb: Limb, end: float) -> Limb:
    """The limb up to a place along its bones (0..2)."""
    places = np.array([0.0, min(end, 1.0), end]) if end > 1 else np.array([0.0, end / 2, end])
    bones = np.arange(3.0)
    line = np.stack([np.interp(places, bones, limb.joints[:, k]) for k in (0, 1)], 1)
    return replace(limb, line=line, radii=np.interp(places, bones, limb.radii))


def between_legs(points: Coordinates, figure: Figure) -> np.ndarray:
    """Signed distance to the space between both legs from the hips to the ankles."""
    best = np.array(np.inf)
    share = np.linspace(0, 2, 24)
    bones = np.arange(3.0)
    lines = [
        np.stack([np.interp(share, bones, leg.joints[:, k]) for k in (0, 1)], 1)
        for leg in (figure.right_leg, figure.left_leg)
    ]
    radius = 0.06 * figure.unit
    for start, end in zip(*lines, strict=True):
        best = np.minimum(best, along(points, start, end)[1] - radius)
    return best


def person_distance(person: np.ndarray) -> np.ndarray:
    """Signed distance (H, W) in pixels to the person: negative inside."""
    from scipy.ndimage import distance_transform_edt

    inside = person > 0.5
    if not inside.any():
        return np.full(person.shape, np.inf)
    return np.asarray(distance_transform_edt(~inside)) - np.asarray(distance_transform_edt(inside))


def head_and_hands(body: Body) -> np.ndarray:
    """Float32 (height, width) of the body's photo, 1 = head, hair or a hand, roughly."""
    from ..maps.edges import resized_map

    height, width = body.mask.shape
    scale = max(1.0, max(height, width) / WORKING_SIDE)
    size = (max(1, round(height / scale)), max(1, round(width / scale)))
    kept = kept_distance(
        build_figure(body, (0, 0), 1 / scale), resized_map(body.mask, *size), False
    )
    return (resized_map(kept.astype(np.float32), height, width) <= 0).astype(np.float32)


def kept_distance(figure: Figure, person: np.ndarray, feet: bool = True) -> np.ndarray:
    """Signed distance (H, W), roughly, to head, hair, hands and, if `feet`, feet: negative
    inside."""
    points = pixel_grid(*person.shape)
    unit = figure.unit
    face = float(figure.face_axes.mean())
    # The hair: a wider disc above the mouth; below it only the face with the chin.
    above = projected(points, figure.face_centre, figure.face_up)
    head = (face_distance(points, figure) - np.where(above > -0.2 * face, 1.75, 1.22)) * face
    kept = [head]
    for arm in (figure.right_arm, figure.left_arm):
        tip = arm.joints[2] + (arm.end - arm.joints[2]) * 1.7
        start = arm.joints[2] + (arm.end - arm.joints[2]) * 0.35
        kept.append(along(points, start, tip)[1] - 0.14 * unit)
    for leg in (figure.right_leg, figure.left_leg) if feet else ():
        start = leg.joints[2] + (leg.end - leg.joints[2]) * 0.3
        kept.append(along(points, start, leg.end)[1] - 0.15 * unit)
    return np.minimum.reduce(kept)
