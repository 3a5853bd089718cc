"""What stands out from the background and is no garment: badges, floors, stands and heads of
mannequins, hanging ties. It is taken away with words, or the photo is refused with words."""

from __future__ import annotations

import numpy as np

from ..errors import InputError, NoGarmentFound
from ..maps.colours import distance
from ..maps.grids import boxes, narrowest, pieces, sizes_of, within
from ..maps.ranking import median
from .by_edges import LEAST_CONTRAST, contrast, find_by_edges
from .matting import main_pieces
from .reach import reach_from_border
from .wearer import skin_like

MOST_BORDER = 0.22  # of the picture's border that a garment may cover: more is a floor or tiles
LEAST_BORDER = 0.02  # of it, where it reaches from the left to the right edge
CELL = 6.0  # Lab units: colours in one cell are alike
MOST_ALIKE = 0.3  # of a cut-out may have colours that are common at the picture's border
SEVERAL = 0.2  # of the largest piece: what is as large as that is another garment
NEAR = 0.02  # of the long side: pieces as near as that belong together
LOOSE = 4  # so many pieces of one size are no garments
THIN = 0.02  # of the long side, half the width of the widest tie, stand or hook
LONG = 0.05  # of the height, the shortest of them
HANGER_DIFFERS = 30.0  # Lab units between a hanger and the cloth; straps are of the cloth
HEAD_DIFFERS = 12.0  # Lab units between a mannequin and its clothes

PALE = 16.0  # Lab units across an outline: a garment of nearly the background's colour
AGREE, SAME_SIZE = 0.95, 0.7  # overlap of two cut-outs from which they are one; least share of area
BLOCKS = 8.0  # Lab units that compression adds at the most beside a garment
FAINTEST, MARGIN = 15, 0.4  # percent of an outline, and Lab units by which that must be clearer

Words = tuple[str, ...]


def only_the_garment(
    inside: np.ndarray | None, lab: np.ndarray, problem: NoGarmentFound | None = None
) -> tuple[np.ndarray, Words]:
    """The share of the garment alone, float (height, width) 0..1, and what was left out, in words.

    inside: of everything that stands out from one field of background; None, and why, where there
    is no such field. lab: the photo's colours, float32 (3, height, width). Where the background is
    a floor and a wall, or shaded, the garment is cut out by its edges instead. Raises
    NoGarmentFound where there is no garment, InputError for several of them.
    """
    try:
        if inside is None:
            raise problem or NoGarmentFound("A garment on a plain background was wanted.")
        check_border(inside > 0.5)
        inside, clear = clear_outline(inside, lab)
        return alone(inside if clear > PALE else clearer(inside, lab), lab)
    except NoGarmentFound as refusal:
        try:
            by_edges = find_by_edges(lab)
            check_border(by_edges > 0.5)
            by_edges, _ = clear_outline(by_edges, lab)
            check_unlike_border(by_edges > 0.5, lab)
            found, words = alone(by_edges, lab)
        except InputError:
            raise refusal from None
        said = "The background is not even, so the garment was cut out along its edges alone."
        return found, (said, *words)


def alone(inside: np.ndarray, lab: np.ndarray) -> tuple[np.ndarray, Words]:
    """The garment without what is beside, below and above it, and what that was."""
    inside, words = one_piece(inside)
    for remove in (without_stand, without_ties, without_head):
        inside, said = remove(inside, lab)
        words += said
    return inside, words


def clear_outline(inside: np.ndarray, lab: np.ndarray) -> tuple[np.ndarray, float]:
    """A cut-out float (height, width), if need be without_blocks, and the contrast across its
    outline. Raises NoGarmentFound where that is no edge: a vignette or a soft shadow."""
    clear = contrast(inside, lab)
    if clear < LEAST_CONTRAST:
        inside = without_blocks(inside, lab)
        clear = contrast(inside, lab)
    if clear < LEAST_CONTRAST:
        raise NoGarmentFound(
            "A garment on a plain background was wanted, but what stands out has no clear edge: a "
            "vignette or a shadow. Use an evenly lit photo, or give a mask of the garment."
        )
    return inside, clear


def without_blocks(inside: np.ndarray, lab: np.ndarray) -> np.ndarray:
    """A cut-out float (height, width) whose outline is no edge, without what of it differs from
    the background by noise: strong compression fills whole blocks beside a rugged garment.
    Unchanged where that does not leave a clear outline."""
    solid = inside > 0.5
    if solid.all():
        return inside
    strange = distance(lab, median_of(lab, ~solid))
    bold = main_pieces(solid & ~reach_from_border(~solid | (strange < BLOCKS), 1))
    if bold.sum() < SAME_SIZE / 2 * solid.sum() or contrast(bold.astype(np.float32), lab) < PALE:
        return inside
    return bold.astype(np.float32)


def clearer(inside: np.ndarray, lab: np.ndarray) -> np.ndarray:
    """The cut-out float (height, width) of a pale garment, or the one along the edges of its photo
    (3, height, width) where that has the clearer outline: in its own soft shadow such a
    garment's colour tells little."""
    try:
        by_edges = find_by_edges(lab)
        check_border(by_edges > 0.5)
    except NoGarmentFound:
        return inside
    one, other = inside > 0.5, by_edges > 0.5
    alike = (one & other).sum() > AGREE * (one | other).sum()
    if alike or other.sum() < SAME_SIZE * one.sum():
        return inside
    faint, clear = (contrast(cut, lab, FAINTEST) for cut in (inside, by_edges))
    return by_edges if clear > faint + MARGIN else inside


def check_border(solid: np.ndarray) -> None:
    """Raises NoGarmentFound for a cut-out that runs along the border of its picture."""
    border = np.concatenate([solid[0], solid[-1], solid[:, 0], solid[:, -1]])
    share = float(border.mean())
    across = solid[:, 0].any() and solid[:, -1].any() and not solid[0].any()
    if share > MOST_BORDER or (across and share > LEAST_BORDER):
        raise NoGarmentFound(
            "A garment on a plain background was wanted, but what stands out covers "
            f"{share:.0%} of the picture's edge: a floor, tiles, furniture, a hard shadow, or a "
            "garment cut off by the frame. Use a photo with free space around the garment, or "
            "give a mask of the garment."
        )


def check_unlike_border(solid: np.ndarray, lab: np.ndarray) -> None:
    """Raises NoGarmentFound for what has the colours of the picture's border: tiles."""
    if common_at_border(lab)[solid].mean() > MOST_ALIKE:
        raise NoGarmentFound(
            "A garment on a plain background was wanted, but what stands out has the colours of "
            "the picture's edge: tiles or a pattern. Use a plain background, or give a mask of the "
            "garment."
        )


def common_at_border(lab: np.ndarray) -> np.ndarray:
    """Which pixels (height, width), bool, have a colour that is common at the border of a photo
    (3, height, width)."""
    light, *hue = np.floor(lab / CELL).astype(np.int64) + 64
    cells = (256 * light + hue[0]) * 256 + hue[1]
    border = np.concatenate([cells[0], cells[-1], cells[:, 0], cells[:, -1]])
    colours, counts = np.unique(border, return_counts=True)
    return np.isin(cells, colours[counts > 0.01 * len(border)])


def one_piece(inside: np.ndarray) -> tuple[np.ndarray, Words]:
    """The largest piece and what is close to it. Raises for several as large, NoGarmentFound or
    InputError."""
    solid = inside > 0.5
    joined, count = pieces(within(solid, max(1, round(NEAR * max(solid.shape) / 2))))
    sizes = sizes_of(np.where(solid, joined, 0), count)
    large = np.flatnonzero(sizes >= SEVERAL * sizes.max())
    if len(large) >= LOOSE:
        raise NoGarmentFound(
            f"A garment was wanted, but this picture shows {len(large)} loose pieces of one size. "
            "Use a photo of one garment, or give a mask of it."
        )
    if len(large) > 1:
        raise InputError(
            f"One garment was wanted, but this picture shows {len(large)}. Cut the picture to one "
            "of them, or give a mask of it."
        )
    kept = np.where(joined == large[0], inside, 0)
    left_out = sizes.sum() - sizes[large[0]]
    if left_out > 0.003 * sizes[large[0]]:
        return kept, ("Something smaller beside the garment was left out.",)
    return kept, ()


def without_stand(inside: np.ndarray, lab: np.ndarray) -> tuple[np.ndarray, Words]:
    """Without the pole of a mannequin and its foot: what is below a narrow place under the hem."""
    solid = inside > 0.5
    rows = np.flatnonzero(solid.any(1))
    widths = solid[rows].sum(1)
    usual = float(median(widths))
    low = np.arange(len(rows)) > 0.5 * len(rows)
    narrow = np.flatnonzero(low & (widths < 0.16 * usual))
    if len(narrow) < max(3, LONG / 2 * len(rows)):
        return inside, ()
    before = widths[max(0, narrow[0] - max(2, round(0.02 * len(rows))))]
    if before < 0.45 * usual:  # it tapers, as a body suit does
        return inside, ()
    below = widths[narrow[0] :].sum()
    if below > 0.25 * widths.sum():
        return inside, ()
    kept = inside.copy()
    kept[rows[narrow[0]] :] = 0
    return kept, ("A stand or tie below the hem was left out.",)


def without_ties(inside: np.ndarray, lab: np.ndarray) -> tuple[np.ndarray, Words]:
    """Without the narrow ends of belts, ribbons and straps that hang below the garment, and without
    the hook of a hanger above its middle."""
    solid = inside > 0.5
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    tall, middle = len(rows), columns.mean()
    radius = max(1, round(THIN * max(len(rows), len(columns))))
    core = within(narrowest(np.pad(solid, radius + 1), radius), radius)
    core = core[radius + 1 : -radius - 1, radius + 1 : -radius - 1]
    hem = np.flatnonzero(core.any(1))
    inner = core[:, max(0, round(middle) - radius) : round(middle) + radius + 1]
    lowest = max(np.flatnonzero(inner.any(1)), default=rows[-1])
    kept, said = inside.copy(), set()
    labels, _ = pieces(solid & ~core)
    for number, place in boxes(labels):
        top, bottom = place[0].start, place[0].stop
        left, right = place[1].start, place[1].stop
        piece = labels[place] == number
        about = left < middle < right  # straps lie to both sides of it
        if about and is_hanger(piece, place, lab, core, rows[0] + 0.3 * tall):
            kept[place][piece] = 0
            said.add("A hanger was left out.")
            continue
        if bottom - top < LONG * tall or piece.sum() > (bottom - top) ** 2 / 3:
            continue
        hangs = top > rows[0] + 0.45 * tall and bottom > lowest + 0.04 * tall
        beyond = hangs and not core[bottom - 1 :, left:right].any()
        hook = (
            len(hem) > 0
            and right - left < 0.15 * len(columns)
            and bottom <= hem[0] + radius
            and abs((left + right) / 2 - middle) < 0.06 * len(columns)
            and not solid[top:bottom][:, np.r_[0:left, right : solid.shape[1]]].any()
        )
        if beyond or hook:
            kept[place][piece] = 0
            said.add(
                "The hook of a hanger was left out."
                if hook
                else "A tie below the hem was left out."
            )
    return kept, tuple(sorted(said))


def is_hanger(
    piece: np.ndarray,
    place: tuple[slice, slice],
    lab: np.ndarray,
    core: np.ndarray,
    lowest: float,
) -> bool:
    """Is a thin piece, bool (rows and columns of its place), that lies above `lowest`, long and of
    quite another colour than the cloth? core (height, width), bool: where that is surely."""
    if place[0].stop > lowest or max(piece.shape) < 0.06 * max(core.shape):
        return False
    own = median_of(lab[:, place[0], place[1]], piece)
    cloth = median_of(lab, core) if core.any() else np.zeros(3)
    return float(np.linalg.norm(own - cloth)) > HANGER_DIFFERS


def without_head(inside: np.ndarray, lab: np.ndarray) -> tuple[np.ndarray, Words]:
    """Without a mannequin's head and neck: what stands on the shoulders, narrower than they are,
    in one piece about the middle, and of another colour than the chest; down to the neckline, as
    far as that colour goes."""
    solid = inside > 0.5
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    widths = solid[rows].sum(1)
    tall = len(rows)
    if tall < 40:
        return inside, ()
    usual = float(median(widths[int(0.3 * tall) :]))
    shoulders = int((widths > 0.62 * usual).argmax())
    if not 0.05 * tall < shoulders < 0.45 * tall:
        return inside, ()
    above = slice(rows[0], rows[0] + shoulders)
    runs = (np.diff(solid[above].astype(np.int8), axis=1, prepend=0) == 1).sum(1)
    middle = np.nonzero(solid[above])[1].mean()
    half = shoulders // 2
    neck = widths[half:shoulders].min() < 0.88 * widths[:half].max()
    if (runs != 1).mean() > 0.15 or abs(middle - columns.mean()) > 0.1 * len(columns):
        return inside, ()
    chest = slice(rows[0] + shoulders, rows[0] + min(tall, shoulders + tall // 3))
    cloth, upper = narrowest(solid, 3)[chest], narrowest(solid, 2)[above]
    if np.count_nonzero(cloth) < 50 or np.count_nonzero(upper) < 20:
        return inside, ()
    head, garment = median_of(lab[:, above], upper), median_of(lab[:, chest], cloth)
    strange, other = distance(lab, head), distance(lab, garment)
    alike = (strange < HEAD_DIFFERS) & (other > HEAD_DIFFERS) & (inside > 0.02)
    alike[chest.stop :] = False
    plastic = head[0] > 55 and np.hypot(head[1], head[2]) < 8
    if not neck and not (shoulders > 0.08 * tall and (plastic or skin_like(head))):
        return inside, ()  # a collar widens towards the shoulders
    if np.linalg.norm(head - garment) < HEAD_DIFFERS or alike[above][solid[above]].mean() < 0.6:
        return inside, ()
    stands = alike | ((np.arange(len(inside)) < above.stop)[:, None] & (other > HEAD_DIFFERS))
    labels, _ = pieces(stands)
    numbers = np.unique(labels[above][alike[above]])
    gone = within(np.isin(labels, numbers[numbers > 0]), 2) & (other > HEAD_DIFFERS / 2)
    kept = np.where(gone, 0, inside)
    kept = np.where(one_piece_of(kept > 0.5), kept, 0)
    return kept, ("The head or neck of a mannequin was left out.",)


def median_of(lab: np.ndarray, region: np.ndarray) -> np.ndarray:
    """The usual colour (3,) of a region (height, width), bool."""
    return np.array([median(plane[region]) for plane in lab])


def one_piece_of(solid: np.ndarray) -> np.ndarray:
    """The largest piece."""
    labels, count = pieces(solid)
    return labels == sizes_of(labels, count).argmax() if count else solid
