"""Masks that come from a user: what of them is a wish, and which objects they mark.

A page's mask editor, a picture's transparency and a node that makes masks all give the same type.
Where nobody drew anything it is black, or nearly so: a CMYK JPEG gives 1/255 everywhere, and a
cut-out person gives everything but the person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..maps.grids import boxes, pieces

WISHED = 0.5  # a mask is a wish where it reaches this
FAINT = 0.02  # up to this a value is an artefact of decoding or resizing
SPECK_SHARE, LEAST_SPECK = 4e-5, 12  # of the picture's pixels, and pixels: a stray dot is smaller
MOST_PIECES = 100  # more of them are a pattern, and one object
FAR = 0.25  # of the larger one's longer side: pieces closer together are one object
OUTSIDE, INSIDE = 0.7, 0.15  # shares of the surroundings and of the mask, see surroundings_only


@dataclass(frozen=True)
class MaskObject:
    """One thing that a mask marks. box: left, top, right, bottom in pixels; pixels: how many of it
    reach 0.5; mask: float32 (height, width), this object alone with its soft rim."""

    box: tuple[int, int, int, int]
    pixels: int
    mask: np.ndarray


def objects_of(mask: np.ndarray) -> list[MaskObject]:
    """What a mask (height, width) in 0..1 marks, the largest first: pieces close to each other,
    such as two trouser legs, are one object; specks and faint values are none."""
    labels, count = pieces(mask > FAINT)
    if not count:
        return []
    solid = np.bincount(labels[mask >= WISHED], minlength=count + 1)
    least = max(LEAST_SPECK, SPECK_SHARE * mask.size)
    found = [(number, place) for number, place in boxes(labels) if solid[number] >= least]
    objects = []
    for members in _close_together([place for _, place in found]):
        numbers = [found[index][0] for index in members]
        places = [found[index][1] for index in members]
        box = (
            min(columns.start for _, columns in places), min(rows.start for rows, _ in places),
            max(columns.stop for _, columns in places), max(rows.stop for rows, _ in places),
        )  # fmt: skip
        chosen = np.zeros(count + 1, bool)
        chosen[numbers] = True
        alone = np.where(chosen[labels], mask, 0).astype(np.float32)
        objects.append(MaskObject(box, int(solid[numbers].sum()), alone))
    return sorted(objects, key=lambda each: -each.pixels)


def _close_together(places: list[tuple[slice, slice]]) -> list[list[int]]:
    """Groups of the indices of boxes that are near to one another."""
    if len(places) > MOST_PIECES:
        return [list(range(len(places)))]
    groups = {index: [index] for index in range(len(places))}
    for first in range(len(places)):
        for second in range(first):
            one, other = groups[first], groups[second]
            if one is not other and _near(places[first], places[second]):
                one += other
                groups |= dict.fromkeys(other, one)
    return list({id(group): group for group in groups.values()}.values())


def _near(one: tuple[slice, slice], other: tuple[slice, slice]) -> bool:
    gaps = [max(a.start, b.start) - min(a.stop, b.stop) for a, b in zip(one, other, strict=True)]
    sides = [side.stop - side.start for side in (*one, *other)]
    return max(gaps) <= FAR * max(sides)


def without_specks(mask: np.ndarray) -> np.ndarray:
    """The mask (height, width) without faint values and stray dots, float32; all 0 if there is
    nothing else."""
    return sum((each.mask for each in objects_of(mask)), np.zeros(mask.shape, np.float32))


def surroundings_only(mask: np.ndarray, person: np.ndarray) -> bool:
    """Whether a mask (height, width) marks what lies around a person (height, width) and not the
    person, as the transparency of a cut-out picture does."""
    marked, inside = mask >= WISHED, person > 0.5
    if not marked.any() or not inside.any():
        return False
    around = ~inside
    return bool(
        (marked & around).sum() > OUTSIDE * around.sum()
        and (marked & inside).sum() < INSIDE * min(inside.sum(), marked.sum())
    )


def chosen_object(mask: np.ndarray, number: int) -> tuple[np.ndarray, str]:
    """The mask (height, width) of one of its objects, 1 being the largest, or of all of them for 0,
    without specks; and what it marks, for the user. Raises InputError where there is none."""
    objects = objects_of(mask)
    if not objects:
        raise InputError(
            f"The mask marks nothing: it reaches {WISHED} on nothing larger than a speck. Draw one "
            "in the mask editor, or connect that of Garment Mask."
        )
    if number > len(objects):
        raise InputError(
            f"Object {number} of the mask was asked for, and it marks {len(objects)}: "
            f"{told_objects(objects)}. Choose 0 for all of them, or 1 to {len(objects)}."
        )
    if len(objects) == 1:
        return objects[0].mask, "1 object"
    if number:
        said = f"object {number} of {len(objects)} that are far apart: {told_objects(objects)}"
        return objects[number - 1].mask, said
    said = f"{len(objects)} objects far apart in one crop, choose one: {told_objects(objects)}"
    return without_specks(mask), said


def told_wish(mask: np.ndarray) -> str:
    """What a user's own mask is, for the report."""
    objects = objects_of(mask)
    if len(objects) < 2:
        return "your own mask"
    return f"your own mask: {len(objects)} objects far apart: {told_objects(objects)}"


def told_objects(objects: list[MaskObject]) -> str:
    """Where objects lie, for the user."""
    return ", ".join(
        f"{number}: {box[2] - box[0]}x{box[3] - box[1]} pixels at ({box[0]}, {box[1]})"
        for number, box in enumerate((each.box for each in objects), 1)
    )
