"""The preview try-on: fit the garment to the body, take the old one off, light it, lay it on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from ..fit import FitReport, doubtful
from ..garment.read import Garment
from ..maps.edges import blur, in_bytes, outline
from ..maps.enlarging import Cut
from ..maps.grids import narrowest
from ..masking.body import Body
from ..masking.kinds import BACKGROUND, LOWER, smooth_step
from ..masking.placed import judge_place
from ..masking.wishes import surroundings_only, without_specks
from ..threads import single_thread
from .bare import body_distances
from .covering import covered_limbs
from .drawing import Painter, Piece, close_gaps, fallen
from .fill import undress
from .judging import check_upright, judge_person, judge_shown, judge_skin, judge_sleeves
from .layers import below_top, find_front, occluders, old_sleeves
from .left_open import below_ankles, between_fronts, carried, kept_clothes, skin_share
from .light import body_shading
from .mixing import mixed
from .old import find_old, find_removed
from .paint_maps import Lights, PaintMaps
from .place import is_pointed, neck_opening, place_garment
from .scene import read_scene
from .undressed import Undressed, read_undressed
from .warp import STEP

CUT = 48, 768  # rows and columns that are painted at once
LARGE = 2**21  # pixels of a photo from which two threads paint: a small one is done as soon by one


@dataclass(frozen=True)
class PreviewResult:
    """picture uint8 (H, W, 3); mask float32 (H, W): what was repainted, 0 = untouched; fit: how far
    it can be trusted, the garment's reading included."""

    picture: np.ndarray
    mask: np.ndarray
    fit: FitReport = FitReport()


class PreviewPipeline:
    """Weight-free try-on. It keeps what it read of the last person: the next garment is quicker."""

    def __init__(self) -> None:
        self.last: tuple[np.ndarray, Body, Undressed] | None = None

    @single_thread()
    def read(self, picture: np.ndarray, body: Body) -> Undressed:
        """Reads the photo uint8 (H, W, 3) RGB and the body found in it. Raises InputError for a
        person who is not upright."""
        check_upright(body)
        if self.last is None or self.last[0] is not picture or self.last[1] is not body:
            self.last = picture, body, read_undressed(read_scene(picture, body))
        return self.last[2]

    @single_thread()
    def __call__(
        self,
        picture: np.ndarray,
        body: Body,
        garment: Garment,
        mask: np.ndarray | None = None,
        *,
        lighting: float = 1.0,
        progress: Callable[[int, int], None] | None = None,
    ) -> PreviewResult:
        """Tries the garment on.

        picture: uint8 (H, W, 3) RGB, of any size, and the body found in it. mask: (H, W), 1 =
        may be repainted; without it the region follows from both garments. lighting: how much of
        the photo's folds and shadows the garment takes, 0 to 2. progress(step, 4) is called after
        each step and may raise to stop. Raises InputError for what cannot be tried on.
        """
        check(picture, body, garment, mask)
        wish, fit = wished(mask, body, garment.category)
        fit = judge_person(body, garment.category).and_then(fit)
        if garment.category != "lower":
            fit = fit.and_then(judge_sleeves(body, garment.reach))
        tell = progress or (lambda step, total: None)
        person = self.read(picture, body)
        scene = person.scene
        tell(1, 4)
        pieces = place_garment(garment, scene)
        # What would lie outside the photo is refused at once; what is hidden in it is known later.
        inside = STEP**2 * sum(int(piece.mapping.inside.sum()) for piece in pieces)
        judge_shown(inside / scene.figure.unit**2, garment.category)
        tell(2, 4)
        planned = plan(person, garment, pieces, lighting)
        fit = fit.and_then(judge_shown(planned.shown, garment.category))
        fit = fit.and_then(judge_skin(planned.guessed_skin))
        tell(3, 4)
        result = paint(picture, person, planned.maps, pieces, lighting, wish)
        tell(4, 4)
        if not result.mask.any():
            raise InputError(
                "Nothing of the photo would change: the mask lies where no garment and nothing of "
                "the old clothes is. Draw it on the person's clothes, or leave it out."
            )
        return replace(result, fit=garment.fit.and_then(fit))


@dataclass(frozen=True)
class PaintPlan:
    """What is painted: the maps; how much skin that the photo does not show, and how much of the
    garment is to be seen, in squares of the figure's unit."""

    maps: PaintMaps
    guessed_skin: float
    shown: float


def plan(person: Undressed, garment: Garment, pieces: list[Piece], lighting: float) -> PaintPlan:
    """Works out at a small size what a Painter paints."""
    scene, frames = person.scene, person.frames
    category, unit = garment.category, scene.figure.unit
    front = find_front(scene, garment)
    outlines = body_distances(scene, frames, front.hands, front.skin_like)
    old = find_old(scene, category, front, outlines)
    # In a wide neckline one looks at the shoulders.
    opening = neck_opening(garment, pieces, scene.small.shape[:2], unit)
    hidden, gone = (there * (1 - opening) for there in covered_limbs(scene, garment, pieces))
    bare, below_hem = undress(scene, person.skin, category, old, gone, outlines)
    there = gone * (1 - scene.regions.kinds[BACKGROUND])
    removed = find_removed(scene, np.maximum(old, there), bare.background)
    if below_hem is not None:  # the lower one stays, but for its rim
        lower = scene.regions.kinds[LOWER] * (1 - old_sleeves(scene, over_trousers=True))
        lower = narrowest(lower * below_hem, 1)
        removed = removed * (1 - blur(smooth_step(lower, 0.6, 0.9), 0.7))
    stay = np.maximum(below_ankles(scene), carried(scene, outlines))
    above = 1 - below_top(scene) if category == "lower" else occluders(scene)
    maps = PaintMaps(
        front=front.models,
        free=front.free,
        above=np.maximum(above, stay),
        removed=removed * (1 - stay),
        # Where a new sleeve goes around the arm, the trunk goes on behind it.
        hidden=hidden,
        person=outline(scene.small_person, 0.025 * unit),
        bare=bare,
        lights=lights(person, pieces, lighting),
    )
    # At working size, where the shadows fall and which gaps stay open.
    height, width = scene.small.shape[:2]
    painter = Painter(in_bytes(scene.small), maps, pieces, unit, lighting)
    first = painter.paint(Cut(0, height, 0, width))
    worn = first.worn
    stays = kept_clothes(scene, garment, old, outlines, front.free, worn)
    gaps = None
    if not has_legs(pieces):
        # Under a short sleeve the bare arm is no gap, nor is the tip of a V or an open front.
        stays_open = np.clip(0.5 - bare.arms, 0, 1) * (1 - hidden)
        if is_pointed(garment):
            stays_open = np.maximum(stays_open, opening)
        if garment.open_front:
            stays_open = np.maximum(stays_open, between_fronts(first.alphas[0]))
        gaps = close_gaps(scene, first, stays_open)
    falls = tuple(fallen(alpha, 0.035 * unit) for alpha in first.alphas)
    maps = replace(maps, removed=maps.removed * (1 - stays), gaps=gaps, falls=falls)
    seen = maps.removed * (1 - worn) * (1 - maps.above)
    return PaintPlan(maps, skin_share(scene, bare, seen), float(worn.sum()) / unit**2)


def has_legs(pieces: list[Piece]) -> bool:
    return any(piece.part.endswith("_leg") for piece in pieces)


def lights(person: Undressed, pieces: list[Piece], lighting: float) -> Lights:
    """How bright the parts of the garment are in the photo's light."""
    scene, folds = person.scene, np.exp(lighting * person.folds)
    parts = {"trunk"} | {piece.part for piece in pieces if piece.part.endswith("_arm")}
    made = {part: folds * body_shading(scene, part, has_legs(pieces)) for part in parts}
    return Lights(**made)


def wished(
    mask: np.ndarray | None, body: Body, category: str
) -> tuple[np.ndarray | None, FitReport]:  # fmt: skip
    """What of a user's mask is a wish, None where nothing is; and what is to be said of it. Raises
    InputError for one that lies where no garment of the category is worn."""
    wish = None if mask is None else without_specks(mask)
    if wish is None or not wish.any():
        return None, FitReport()
    if surroundings_only(wish, body.mask):
        told = "The mask marks what is around the person, as a cut-out does, and counts as none."
        return None, doubtful([told])
    try:
        return wish, judge_place(wish, body, category)
    except InputError as error:
        raise InputError(f"Nothing of the photo would change as was wanted. {error}") from error


def check(picture: np.ndarray, body: Body, garment: Garment, mask: np.ndarray | None) -> None:
    """Raises InputError for what cannot be tried on."""
    height, width = picture.shape[:2]
    if body.mask.shape != (height, width):
        raise InputError(
            f"The body was found in a photo of {body.mask.shape[1]}x{body.mask.shape[0]} pixels, "
            f"but this one has {width}x{height}. Give the photo that the body was found in."
        )
    if mask is not None and mask.shape != (height, width):
        raise InputError(
            f"The mask must have the photo's size, {width}x{height} pixels, but it has "
            f"{mask.shape[1]}x{mask.shape[0]}. Resize it or leave it out."
        )
    check_upright(body)
    joints = body.landmarks[[11, 12]] if garment.category != "lower" else body.landmarks[[23, 24]]
    inside = (joints[:, :2] > -0.1 * width).all(1) & (joints[:, 0] < 1.1 * width)
    if not (inside & (joints[:, 1] < height)).any():
        part = "hips" if garment.category == "lower" else "shoulders"
        raise InputError(
            f"To try on a garment of the category {garment.category!r} the photo must show the "
            f"person's {part}, but they are outside it. Use a photo that shows more of the person."
        )


def paint(
    picture: np.ndarray,
    person: Undressed,
    maps: PaintMaps,
    pieces: list[Piece],
    lighting: float,
    mask: np.ndarray | None,
) -> PreviewResult:
    """Paints the photo by its maps, within the user's mask where there is one."""
    import cv2

    scene = person.scene
    left, top, right, bottom = scene.window
    result, whole = picture.copy(), np.zeros(picture.shape[:2], dtype=np.float32)
    window = (slice(top, bottom), slice(left, right))
    painter = Painter(scene.photo, maps, pieces, scene.figure.unit, lighting, person.grains)

    def work(cut: Cut) -> None:
        painted = painter.paint(cut)
        changed, colours = painted.mask, painted.picture
        if mask is not None:
            allowed = np.asarray(mask[window][cut.slices], np.float32)
            colours = mixed(painted.photo, colours, allowed)
            changed = changed * allowed
        seen = (changed > 1 / 255).view(np.uint8)
        rounded = cv2.merge([cv2.convertScaleAbs(plane, alpha=255) for plane in colours])
        # As numpy's `copyto`, many times as quick.
        cv2.copyTo(changed, seen, whole[window][cut.slices])
        cv2.copyTo(rounded, seen, result[window][cut.slices])

    cuts = deque(painter.parts(*CUT))

    def work_off() -> None:
        while cuts:
            try:
                cut = cuts.popleft()
            except IndexError:  # another thread took the last one
                return
            work(cut)

    if whole.size < LARGE:
        work_off()
        return PreviewResult(result, whole)
    # This thread paints as well: each one keeps memory of its own.
    with ThreadPoolExecutor(1) as beside:
        other = beside.submit(work_off)
        work_off()
        other.result()
    return PreviewResult(result, whole)
