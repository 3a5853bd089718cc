"""What a photo shows where: background, skin, hair, upper and lower garment, shoes.

No parsing network is shipped, so this is estimated from the photo alone: where each kind may be
comes from the landmarks and the person mask, how it looks from colour mixtures learnt on the photo.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..maps.colours import Palette, length, read_palette, to_lab
from ..maps.edges import refine, resized_map
from ..maps.grids import widest
from ..maps.spreading import spread
from .anatomy import HIPS, WAIST
from .figure import (
    Figure,
    along,
    capsule,
    face_distance,
    pixel_grid,
    projected,
)
from .hands import hand_discs
from .kinds import BACKGROUND, HAIR, LOWER, SHOES, SKIN, UPPER, smooth_step
from .limbs import limb_cover, limb_priors, sleeves_told_apart

COMPONENTS = (8, 3, 3, 5, 4, 3)  # colours of the mixture of each kind
SPREADS = [(8.0, 0.12) if kind == SKIN else (3.0, 0.0) for kind in range(6)]  # see learn_mixture
READING_SIDE = 224  # pixels of the longer side at which kinds are told apart
CUT_OFF = 0.04  # torso lengths of a lower garment at the photo's end that would not be told


@dataclass(frozen=True)
class Regions:
    """kinds (6, H, W) float32: probability of each kind per pixel, they add up to 1.
    covered: per arm (right, left), which part of it the old sleeve covers, 0..1;
    legs the same for trouser legs or a skirt; waist: in torso lengths below the shoulders, where
    the upper garment gives way to the lower one; one_piece: the colours show no such place (a
    dress, or both alike)."""

    kinds: np.ndarray
    covered: tuple[float, float]
    legs: tuple[float, float]
    waist: float
    one_piece: bool


def place_priors(figure: Figure, mask: np.ndarray) -> np.ndarray:
    """Where each kind may be (6, H, W), from the landmarks and the person mask alone."""
    points = pixel_grid(*mask.shape)
    unit = figure.unit
    side = np.abs(figure.side(points)) / unit
    fall = figure.level(points) / figure.torso
    face = face_distance(points, figure)
    far = max(4.0, 0.3 * unit)  # from there on nothing below changes
    arms = np.minimum(
        capsule(points, figure.right_arm, 0.06 * unit, far),
        capsule(points, figure.left_arm, 0.06 * unit, far),
    )
    legs = np.minimum(
        capsule(points, figure.right_leg, 0.08 * unit, far),
        capsule(points, figure.left_leg, 0.08 * unit, far),
    )
    in_arms, in_legs = smooth_step(arms, 4, -4), smooth_step(legs, 4, -4)
    hands = smooth_step(hand_discs(points, figure), 1.15, 0.7)
    neck = smooth_step(along(points, figure.chin, figure.neck)[1] / unit, 0.34, 0.2)
    in_face = smooth_step(face, 1.15, 0.9)
    chest = smooth_step(side, 0.62, 0.5) * smooth_step(fall, -0.25, -0.1)
    torso = chest * smooth_step(fall, 1.25, 0.85)
    feet = np.full(mask.shape, np.inf, np.float32)
    for leg in (figure.right_leg, figure.left_leg):
        feet = np.minimum(feet, along(points, leg.joints[2], leg.end)[1] / unit)
    shoes = smooth_step(feet, 0.4, 0.25) * (fall > 1.6)
    above = projected(points, figure.chin, figure.face_up) / unit
    near_head = smooth_step(face, 2.6, 1.6) * smooth_step(above, -0.15, 0.15)
    falling = smooth_step(side, 0.75, 0.5) * smooth_step(fall, 0.7, 0.2) * (above < 0.4)

    below = smooth_step(fall, 0.45, 0.95)
    skin = 0.05 + 3 * in_face + 0.8 * neck + 0.8 * in_arms + 0.6 * in_legs * below + 1.5 * hands
    skin = skin + 0.35 * chest * smooth_step(fall, 0.4, 0.1) + 0.1 * torso
    hair = 0.003 + 1.5 * near_head * (1 - 0.97 * in_face) + 0.2 * falling * (1 - in_face)
    upper = 0.03 + 2.0 * torso + 0.8 * in_arms * (1 - 0.8 * hands) + 0.25 * neck
    upper = upper * (1 - 0.99 * in_face) * smooth_step(above, 0.35, 0.0)
    lower = 0.01 + 2.0 * below * (1 - 0.8 * hands) * smooth_step(side, 1.5, 1.0)
    lower = lower * (1 - 0.8 * in_arms * (1 - in_legs))
    priors = np.stack([np.zeros_like(skin), skin, hair, upper, lower, 1e-5 + 3 * shoes])
    # Beside arms and trunk the person mask may have lost a wide sleeve or a pale trimming.
    doubtful = smooth_step(np.minimum(arms / unit, side - 0.55), 0.3, 0.15)
    doubtful = doubtful * smooth_step(fall, -0.2, 0.0) * smooth_step(fall, 1.3, 1.0)
    mask = np.maximum(mask, 0.12 * doubtful)
    priors *= mask / np.maximum(priors.sum(0), 1e-9)
    priors[BACKGROUND] = 1 - mask
    return priors


def fine_regions(small: np.ndarray, person: np.ndarray, figure: Figure) -> Regions:
    """Regions of a picture float32 (h, w, 3) in 0..1 with its soft person mask (h, w), at its own
    size: told apart at READING_SIDE, then drawn along its edges. figure: in its pixels."""
    scale = max(1.0, max(person.shape) / READING_SIDE)
    size = (round(person.shape[0] / scale), round(person.shape[1] / scale))
    tiny = resized_map(small, *size)
    regions = read_regions(tiny, figure.scaled(1 / scale), resized_map(person, *size))
    kinds = refine(regions.kinds, tiny, small, 2, 3e-4)
    kinds = kinds / np.maximum(kinds.sum(0), 1e-6)
    if regions.one_piece:
        kinds = split_at_waist(kinds, figure)
    return replace(regions, kinds=kinds.astype(np.float32))


def read_regions(picture: np.ndarray, figure: Figure, mask: np.ndarray) -> Regions:
    """Regions of a small picture float32 (H, W, 3) in 0..1 with its soft person mask (H, W)."""
    lab = to_lab(picture)
    palette = read_palette(lab)
    # The person mask may have lost something at its rim, but nothing far away.
    rim = widest(mask, max(1, round(0.25 * figure.unit)))
    priors = place_priors(figure, np.clip(mask, 0.015 * np.clip(rim, 0.001, 1), 0.999))
    priors[BACKGROUND] *= like_surroundings(picture, lab, mask)
    scores = learn_seeds(palette, priors, figure)
    evidence = palette.evidence(scores)
    kinds = posterior(priors, evidence)
    arms, legs = limb_cover(kinds, figure)
    waist, told = find_waist(kinds, figure)
    if told:
        priors = waist_priors(priors, figure, waist)
    lowest = figure.level(np.array([figure.hips[0], len(picture)])) / figure.torso
    if told and waist > lowest - CUT_OFF:  # the photo ends above the lower garment
        priors[LOWER] = 0
    priors = limb_priors(priors, figure, arms, legs)
    kinds = posterior(priors, evidence)
    for kind in (BACKGROUND, SKIN, UPPER, LOWER, SHOES):
        weights = palette.weigh(kinds[kind] ** 2)
        if kind not in (BACKGROUND, SKIN):
            weights = without_known(weights, [scores[SKIN]])
        scores[kind] = palette.scores(weights, COMPONENTS[kind], *SPREADS[kind])
    kinds = sleeves_told_apart(posterior(priors, palette.evidence(scores)), figure)
    if not priors[LOWER].any():
        return Regions(kinds.astype(np.float32), *limb_cover(kinds, figure), waist, False)
    waist = find_waist(kinds, figure)[0]
    one_piece = alike(palette, kinds, scores)
    if one_piece and lowest < HIPS:  # then all that is seen of it is the upper part
        kinds[UPPER], kinds[LOWER] = kinds[UPPER] + kinds[LOWER], 0
        one_piece = False
    if one_piece:
        waist = WAIST
        kinds = split_at_waist(kinds, figure)
    return Regions(kinds.astype(np.float32), *limb_cover(kinds, figure), waist, one_piece)


def like_surroundings(picture: np.ndarray, lab: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How much a pixel (H, W) inside the person may still be background, 0..1: between arm and
    trunk it looks like the background around, a hard collar or a dark lining does not. lab: the
    picture's colours."""
    strange = length(lab - to_lab(spread(picture, mask < 0.05)))
    return np.maximum(smooth_step(strange, 45.0, 20.0), smooth_step(mask, 0.98, 0.8))


def split_at_waist(kinds: np.ndarray, figure: Figure) -> np.ndarray:
    """What is one garment, or looks like one, counts as the upper one down to the waist and along
    the arms."""
    points = pixel_grid(*kinds.shape[1:])
    level = figure.level(points) / figure.torso
    unit = figure.unit
    limbs = figure.right_arm, figure.left_arm
    arms = np.minimum(*(capsule(points, arm, most=0.1 * unit) for arm in limbs)) / unit
    upper = np.maximum(smooth_step(level, WAIST + 0.01, WAIST - 0.01), smooth_step(arms, 0.05, 0.0))
    result = kinds.copy()
    both = kinds[UPPER] + kinds[LOWER]
    result[UPPER], result[LOWER] = both * upper, both * (1 - upper)
    return result


def alike(palette: Palette, kinds: np.ndarray, scores: np.ndarray, least: float = 3.0) -> bool:
    """Whether upper and lower garment have the same colours. scores: see learn_seeds."""
    weights = [palette.weigh(kinds[kind]) + 1e-6 for kind in (UPPER, LOWER)]
    gap = scores[UPPER] - scores[LOWER]
    apart = np.average(gap, weights=weights[0]) - np.average(gap, weights=weights[1])
    return bool(apart / 2 < least)


def learn_seeds(palette: Palette, priors: np.ndarray, figure: Figure) -> np.ndarray:
    """The scores (6, N), see Palette, of each kind by a mixture of colours from the places
    where the kind is almost certain.

    Skin and the lower garment are learnt first; what they explain is taken out of the others,
    unless it is most of what they have (a garment in skin colour, a dress).
    """
    share = priors / np.maximum(priors.sum(0), 1e-9)
    weights = []
    points = pixel_grid(*priors.shape[1:])
    crown = projected(points, figure.face_centre, figure.face_up) > 0
    for kind in range(len(COMPONENTS)):
        # Skin is learnt from the face where there is one: a hand's place is less sure.
        limit = min(0.9 if kind == SKIN else 0.8, float(share[kind].max()) * 0.95)
        # Beside the chin a dark collar may pass for hair, above the eyes nothing else does.
        certain = (share[kind] >= limit) & (crown if kind == HAIR and crown.any() else True)
        weights.append(palette.count(certain) + 1e-6)
    scores: dict[int, np.ndarray] = {}
    for kind in (SKIN, LOWER, UPPER, HAIR, SHOES, BACKGROUND):
        known = [scores[k] for k in (SKIN, LOWER) if k in scores]
        if kind != BACKGROUND:
            weights[kind] = without_known(weights[kind], known)
        scores[kind] = palette.scores(weights[kind], COMPONENTS[kind], *SPREADS[kind])
    return np.stack([scores[kind] for kind in range(len(COMPONENTS))])


def without_known(weights: np.ndarray, known: list[np.ndarray], most: float = 0.6) -> np.ndarray:
    """Weights of colours less those that a known kind explains by its scores, if something
    remains."""
    for scores in known:
        explained = smooth_step(scores, -13.0, -9.5)
        if (explained * weights).sum() < most * weights.sum():
            weights = weights * (1 - 0.98 * explained)
    return weights


def posterior(priors: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """Probability of each kind (6, H, W) from where a pixel lies and what its colour says."""
    kinds = np.where(priors > 0, priors + 1e-6, 0)
    kinds *= evidence.reshape(priors.shape)
    kinds /= kinds.sum(0)
    return kinds


def find_waist(kinds: np.ndarray, figure: Figure) -> tuple[float, bool]:
    """At which height, in torso lengths, the upper garment gives way to the lower one, and
    whether their colours tell."""
    points = pixel_grid(*kinds.shape[1:])
    fall = figure.level(points) / figure.torso
    core = np.abs(figure.side(points)) < 0.35 * figure.unit
    bins = 40
    index = (fall / 1.5 * bins).astype(int)
    inside = core & (fall > 0.3) & (index < bins)
    balance = (kinds[UPPER] - kinds[LOWER])[inside]
    counts = np.bincount(index[inside], minlength=bins)
    votes = np.bincount(index[inside], balance, bins) / np.maximum(counts, 1)
    totals = np.concatenate([[0.0], np.cumsum(votes)])
    waist = float(np.argmax(2 * totals - totals[-1])) / bins * 1.5
    return waist, bool(np.abs(votes).sum() > 0.3 * max((counts > 0).sum(), 1))


def waist_priors(priors: np.ndarray, figure: Figure, waist: float) -> np.ndarray:
    """Priors that know at which height the upper garment gives way to the lower one."""
    fall = figure.level(pixel_grid(*priors.shape[1:])) / figure.torso
    below = smooth_step(fall, waist - 0.05, waist + 0.05)
    result = priors.copy()
    result[UPPER] *= 1 - 0.9 * below
    result[LOWER] *= 1 + 3 * below
    return result
