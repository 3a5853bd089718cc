"""Who wears the garment in its photo, if anybody does."""

from __future__ import annotations

import math

import numpy as np

from ..errors import InputError, NobodyFound
from ..maps.ranking import medians
from ..masking.body import Body, BodyModel, find_body
from ..masking.people import first_look

# Of the person detector. It sees whole people with 0.78 to 0.99, whichever way they are turned, and
# empty clothes with at most 0.81 (100 and 550 photos): in between a face decides.
LIKELY, SURE = 0.75, 0.86
SKIN_SHARE = 0.03  # of what stands out from the background: less skin is no wearer
LEAST_LIMBS = 2  # places of LIMBS with skin on them
CONTRAST = 12.0  # Lab units between bare arms and the cloth between them, at least
UNLIKE = 8.0  # Lab units in hue and chroma from the chest: a sleeve of the same cloth is no skin
MOST_LEAN = 50.0  # degrees from upright

# Pairs of landmarks whose middle is bare as a rule: hands, forearms, shins.
LIMBS = ((16, 20), (15, 19), (14, 16), (13, 15), (26, 28), (25, 27))
WARM = [(math.cos(math.radians(hue)), math.sin(math.radians(hue))) for hue in (15, 78)]
NECK = 0.18  # shoulder widths above the shoulders
SHOULDERS, HIPS, NOSE, FACE = [11, 12], [23, 24], 0, [0, 2, 5, 9, 10]


def find_wearer(
    model: BodyModel, picture: np.ndarray, lab: np.ndarray, alpha: np.ndarray | None = None
) -> Body | None:
    """Whoever wears the garment in a photo uint8 (height, width, 3) RGB, or None.

    lab: its colours, float32 (3, height, width). alpha: float (height, width), what stands
    out from a plain background, where that could be cut out. It tells a face printed on a shirt
    from a wearer's, and without a face, as shops often cut their photos, whether there is skin to
    look closer for. Raises InputError for a wearer who is turned or upside down, and for skin where
    no body can be found.
    """
    score = first_look(model, picture)
    skin = skin_like(lab)
    if alpha is not None and score < LIKELY:
        inside = alpha > 0.5
        if np.count_nonzero(skin & inside) < SKIN_SHARE * np.count_nonzero(inside):
            return None
    try:
        body = find_body(model, picture)
    except NobodyFound:
        body = None
    if body is not None and (is_hood(body, lab) or alpha is not None and is_print(body, alpha)):
        return None
    sure = score >= SURE or (
        score >= LIKELY and body is not None and shows_face(body, skin, alpha)
    )  # fmt: skip
    upright = body is not None and lean_of(body) <= MOST_LEAN  # beige sleeves lie in every way
    if body is None or not (sure or (upright and is_bare(body, lab, skin))):
        if alpha is not None and shows_skin(lab, skin, alpha > 0.5):
            raise InputError(
                "Somebody seems to wear this garment, but no body can be found in the photo. Use a "
                "photo that shows the wearer's face, or a mask of the garment alone."
            )
        return None
    check_upright(body)
    return body


def skin_like(lab: np.ndarray) -> np.ndarray:
    """Which Lab colours (3, ...) skin may have in daylight (bool): a warm hue of middle chroma."""
    light, red, yellow = lab
    chroma = red * red + yellow * yellow
    (low, least), (high, most) = WARM  # tangents would need more cases
    warm = (low * yellow > least * red) & (high * yellow < most * red)
    return (light > 15) & (light < 93) & warm & (chroma > 6 * 6) & (chroma < 48 * 48)


def shows_skin(lab: np.ndarray, skin: np.ndarray, inside: np.ndarray) -> bool:
    """Whether what stands out (height, width), bool, looks like a person without a face: the colour
    of skin at the top and on both sides of the middle, and another one, with less of it, in
    between. lab: float32 (3, height, width); skin: of skin_like."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    tall, wide = len(rows), len(columns)
    if min(tall, wide) < 16:
        return False
    top = slice(rows[0], rows[0] + max(2, tall // 10))
    middle = slice(rows[0] + round(0.3 * tall), rows[0] + round(0.75 * tall))
    band, colour = inside[middle], skin[middle] & inside[middle]
    rim = max(2, round(0.06 * wide))
    core = np.zeros_like(band)
    core[:, columns[0] + round(0.4 * wide) : columns[0] + round(0.6 * wide)] = True
    core &= band
    if not core.any() or skin[top][inside[top]].mean() <= 0.25:
        return False
    least, cloth = 2 * colour[core].mean(), medians(lab[:, middle][:, core])
    for flip in (1, -1):
        depth = np.cumsum(band[:, ::flip], axis=1)[:, ::flip]
        bare = colour & (depth <= rim)
        share = bare.sum() / np.count_nonzero(band & (depth <= rim))
        if share <= max(0.3, least):
            return False
        if np.linalg.norm(medians(lab[:, middle][:, bare]) - cloth) < CONTRAST:
            return False  # cloth of the colour of skin, in another light
    return True


def shows_face(body: Body, skin: np.ndarray, alpha: np.ndarray | None) -> bool:
    """Whether at most places of a face there is the colour of skin, and no background."""
    seen = skin if alpha is None else skin & (alpha > 0.5)
    places = np.round(body.landmarks[FACE, :2]).astype(int)
    last = np.array(seen.shape[::-1]) - 1
    x, y = places[((places >= 0) & (places <= last)).all(1)].T
    return 2 * np.count_nonzero(seen[y, x]) > len(places)


def is_bare(body: Body, lab: np.ndarray, skin: np.ndarray) -> bool:
    """Is a body that only might be one, seen without a face, bare where bodies are?"""
    return body.score > 0.85 and bare_limbs(body, lab, skin) >= LEAST_LIMBS


def bare_limbs(body: Body, lab: np.ndarray, skin: np.ndarray) -> int:
    """At how many of the neck, hands, forearms and shins a photo shows skin, and not the cloth of
    the chest."""
    landmarks = body.landmarks[:, :2]
    shoulders, hips = landmarks[SHOULDERS], landmarks[HIPS]
    unit = float(np.hypot(*(shoulders[0] - shoulders[1])))
    radius = max(1, round(0.05 * unit))
    height, width = skin.shape

    def around(point: np.ndarray) -> tuple[slice, slice] | None:
        x, y = (round(float(value)) for value in point)
        if not (0 <= x < width and 0 <= y < height):
            return None
        return (
            slice(max(0, y - radius), y + radius + 1),
            slice(max(0, x - radius), x + radius + 1),
        )

    chest = around(np.concatenate([shoulders, hips]).mean(0))
    cloth = usual_colour(lab, chest) if chest else np.zeros(3)
    places = [
        shoulders.mean(0) - [0, NECK * unit],
        *(landmarks[list(two)].mean(0) for two in LIMBS),
    ]
    count = 0
    for place in places:
        cut = around(place)
        if cut is None or skin[cut].mean() < 0.5:
            continue
        seen = usual_colour(lab, cut)
        count += bool(np.hypot(*(seen - cloth)[1:]) > UNLIKE)
    return count


def usual_colour(lab: np.ndarray, cut: tuple[slice, slice]) -> np.ndarray:
    """The median (3,) in some rows and columns of (3, height, width)."""
    return medians(lab[:, cut[0], cut[1]])


def is_hood(body: Body, lab: np.ndarray) -> bool:
    """Is what passes for a face of the chest's hue, and no skin? So is the inside of a hood."""
    landmarks = body.landmarks[:, :2]
    face, chest = landmarks[FACE].mean(0), landmarks[SHOULDERS + HIPS].mean(0)
    colours = []
    for x, y in (face, chest):
        row, column = round(float(y)), round(float(x))
        if not (0 <= row < lab.shape[1] and 0 <= column < lab.shape[2]):
            return False
        cut = slice(max(0, row - 2), row + 3), slice(max(0, column - 2), column + 3)
        colours.append(usual_colour(lab, cut))
    hues = [np.degrees(np.arctan2(colour[2], colour[1])) for colour in colours]
    turn = abs((hues[0] - hues[1] + 180) % 360 - 180)
    coloured = min(float(np.hypot(*colour[1:])) for colour in colours) > 10
    return coloured and turn < 15 and not skin_like(colours[0])


def is_print(body: Body, alpha: np.ndarray) -> bool:
    """Is it a picture of somebody on the cloth? At the height of a wearer's nose what stands out is
    narrower than at the shoulders; a printed face has cloth on both sides."""
    if lean_of(body) > MOST_LEAN:
        return False
    nose, shoulders = body.landmarks[NOSE, :2], body.landmarks[SHOULDERS, :2].mean(0)
    face, chest = run_through(alpha > 0.5, nose), run_through(alpha > 0.5, shoulders)
    return chest > 0 and face > 0.92 * chest


def run_through(region: np.ndarray, point: np.ndarray) -> int:
    """How many pixels in a row belong to a region (height, width) around a point; 0 outside it."""
    column, row = (round(float(value)) for value in point)
    height, width = region.shape
    if not (0 <= row < height and 0 <= column < width and region[row, column]):
        return 0
    gaps = np.flatnonzero(~region[row])
    left, right = gaps[gaps < column], gaps[gaps > column]
    return int((right[0] if len(right) else width) - (left[-1] if len(left) else -1) - 1)


def lean_of(body: Body) -> float:
    """How far the trunk is turned from upright, degrees."""
    shoulders, hips = body.landmarks[SHOULDERS, :2].mean(0), body.landmarks[HIPS, :2].mean(0)
    across, down = hips - shoulders
    return float(np.degrees(np.arctan2(abs(across), down)))


def check_upright(body: Body) -> None:
    """Raises InputError for a wearer who is not upright."""
    lean = lean_of(body)
    if lean > MOST_LEAN:
        way = "upside down" if lean > 135 else "lying on the side"
        raise InputError(
            "A garment photo that stands upright was wanted, but this one shows a wearer who is "
            f"{way}. Turn the photo."
        )
