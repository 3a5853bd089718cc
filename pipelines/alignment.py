"""Lays an editing model's picture back onto the photo: where it shifted, zoomed, changed colour.

Editing models return the whole picture anew, often a few pixels off (known of Qwen-Image-Edit and
FLUX.2 klein). Corners of what should not have changed are followed from the photo into the result
(pyramidal Lucas-Kanade, forwards and back) and one similarity is fitted to them by RANSAC; both by
OpenCV, after Bouguet 2000 and Fischler and Bolles 1981. Pictures are uint8 (height, width, 3) RGB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import InputError
from .masking.rules_common import opencv

PASSES = 4  # each follows the corners in the result as corrected so far
MOST_CORNERS = 1500
FEWEST_CORNERS = 24
INLIER_PIXELS = 1.0  # of the longer side of 1000 pixels
BACK_PIXELS = 0.5  # a corner followed there and back lies within this of where it was
LONGEST = 1600  # pixels of the longer side beyond which corners say nothing more
LEAST_SPREAD = 0.12  # of the picture's diagonal: corners in one spot say nothing of the zoom


class NotAligned(InputError):
    """The result cannot be laid onto the photo: another picture, or too far off."""


@dataclass(frozen=True)
class Limits:
    """Beyond what a result is refused. shift: of the longer side; zoom: of 1; rotation: degrees;
    agreement: the least share of compared corners that follow one movement."""

    shift: float = 0.06
    zoom: float = 0.06
    rotation: float = 3.0
    agreement: float = 0.4


LIMITS = Limits()


@dataclass(frozen=True)
class Alignment:
    """How the result lies relative to the photo, in pixels of the photo.

    shift_x, shift_y: where the photo's centre went, right and down. zoom: 1.05 = the result shows
    everything 5 % larger. rotation: degrees, clockwise. corners: how many were compared;
    agreement: the share of them that follows this movement (others: people or things that moved);
    residual: median distance of those that follow, in pixels. matrix: (2, 3), photo to result.
    """

    shift_x: float
    shift_y: float
    zoom: float
    rotation: float
    corners: int
    agreement: float
    residual: float
    matrix: np.ndarray

    @property
    def text(self) -> str:
        return (
            f"shift {self.shift_x:+.2f} px right, {self.shift_y:+.2f} px down; "
            f"zoom {100 * (self.zoom - 1):+.2f} %; rotation {self.rotation:+.2f} degrees; "
            f"{self.corners} points compared, {100 * self.agreement:.0f} % agree"
        )


def measure(photo: np.ndarray, result: np.ndarray, changed: np.ndarray) -> Alignment:
    """Where the result lies relative to the photo.

    result: of the photo's size (see `at_size`). changed: (height, width) float, 1 = old and new
    garment: not looked at. Raises NotAligned where too little can be compared, InputError for
    pictures of different sizes.
    """
    cv2 = opencv()
    check_sizes(photo, result, changed)
    height, width = photo.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    size = (round(width * scale), round(height * scale))
    factors = np.array([size[0] / width, size[1] / height])
    still = cv2.resize((changed <= 0).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    before = _evened(cv2.resize(photo, size, interpolation=cv2.INTER_AREA))
    after = _evened(cv2.resize(result, size, interpolation=cv2.INTER_AREA))
    corners = cv2.goodFeaturesToTrack(before, MOST_CORNERS, 0.01, 4, mask=still * 255)
    if corners is None or len(corners) < FEWEST_CORNERS:
        raise _too_little(0 if corners is None else len(corners))
    matrix, followed, agree, residual = _started(before, after, corners)
    for step in range(1, PASSES):
        matrix, followed, agree, residual = _follow(before, after, corners, matrix, step)
    return _described(matrix, factors, (width, height), followed, agree, residual)


def check(found: Alignment, size: tuple[int, int], limits: Limits = LIMITS) -> None:
    """Raises NotAligned, saying what is beyond the limits. size: width and height of the photo."""
    longer = max(size)
    reasons = []
    shift = float(np.hypot(found.shift_x, found.shift_y))
    if shift > limits.shift * longer:
        reasons.append(f"it is shifted by {shift:.0f} px (at most {limits.shift * longer:.0f})")
    if abs(found.zoom - 1) > limits.zoom:
        reasons.append(
            f"it is zoomed by {100 * (found.zoom - 1):+.1f} % (at most {100 * limits.zoom:.0f} %)"
        )
    if abs(found.rotation) > limits.rotation:
        reasons.append(f"it is turned by {found.rotation:+.1f} degrees")
    if found.agreement < limits.agreement:
        reasons.append(
            f"only {100 * found.agreement:.0f} % of what should have stayed as it was is where it "
            f"was (at least {100 * limits.agreement:.0f} %): the person or the scene moved"
        )
    if reasons:
        raise NotAligned(
            f"The model's picture does not fit onto the photo: {'; '.join(reasons)}. Pasted back "
            "it would show things double. Run it again with another seed or a shorter prompt that "
            "says that pose, framing and background stay, or use the model's picture as it is."
        )


def corrected(result: np.ndarray, found: Alignment) -> np.ndarray:
    """The result laid onto the photo; beyond its edges its outermost pixels are repeated."""
    cv2 = opencv()
    height, width = result.shape[:2]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    matrix = found.matrix.astype(np.float64)
    return cv2.warpAffine(
        result, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )


def at_size(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """The whole picture at a size; the model's own size need not be the photo's."""
    cv2 = opencv()
    if picture.shape[:2] == (height, width):
        return picture
    smaller = picture.shape[0] * picture.shape[1] > width * height
    way = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cv2.resize(picture, (width, height), interpolation=way)


def check_sizes(photo: np.ndarray, result: np.ndarray, changed: np.ndarray) -> None:
    """Raises InputError where photo, result and mask differ in size."""
    if photo.shape != result.shape or changed.shape != photo.shape[:2]:
        sizes = ", ".join(f"{item.shape[1]}x{item.shape[0]}" for item in (photo, result, changed))
        raise InputError(f"Photo, result and mask of one size were wanted; {sizes} pixels came.")


def _too_little(count: int) -> NotAligned:
    return NotAligned(
        f"Only {count} points of the photo can be compared with the model's picture (at least "
        f"{FEWEST_CORNERS} are needed): it shows another scene, or the mask leaves nothing but "
        "plain ground. Give a smaller mask, a photo that shows more than the garment, or use the "
        "model's picture as it is."
    )


def _evened(picture: np.ndarray) -> np.ndarray:
    """Grey picture with light and contrast evened out locally: a colour cast does not mislead."""
    cv2 = opencv()
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    around = max(picture.shape[:2]) / 40
    flat = grey - cv2.GaussianBlur(grey, (0, 0), around)
    # 6 levels: noise on plain ground is not blown up to structure
    contrast = np.sqrt(cv2.GaussianBlur(flat * flat, (0, 0), around)) + 6.0
    return np.rint((128 + 50 * flat / contrast).clip(0, 255)).astype(np.uint8)


def _started(
    before: np.ndarray, after: np.ndarray, corners: np.ndarray
) -> tuple[np.ndarray, int, float, float]:
    """The better first pass of two: from where things were, and from the shift of the whole
    picture by phase correlation, which finds large ones."""
    cv2 = opencv()
    window = cv2.createHanningWindow(before.shape[::-1], cv2.CV_32F)
    (x, y), _ = cv2.phaseCorrelate(before.astype(np.float32), after.astype(np.float32), window)
    tried, problem = [], _too_little(0)
    for shift in ((0.0, 0.0), (x, y)):
        try:
            start = np.column_stack([np.eye(2), shift])
            tried.append(_follow(before, after, corners, start, 0))
        except NotAligned as error:
            problem = error
    if not tried:
        raise problem
    return max(tried, key=lambda found: found[2])


def _follow(
    before: np.ndarray, after: np.ndarray, corners: np.ndarray, matrix: np.ndarray, step: int
) -> tuple[np.ndarray, int, float, float]:
    """One pass: (better matrix photo to result, corners followed, share that agrees, residual)."""
    cv2 = opencv()
    height, width = before.shape
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(after, matrix, (width, height), flags=flags,
                           borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    inside = _maps_inside(corners, matrix, width, height)
    points = corners[inside]
    if len(points) < FEWEST_CORNERS:
        raise _too_little(len(points))
    window, levels = ((31, 31), 5) if step == 0 else ((21, 21), 2)
    options = {"winSize": window, "maxLevel": levels,
               "criteria": (cv2.TermCriteria_EPS | cv2.TermCriteria_COUNT, 40, 0.005)}  # fmt: skip
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, moved, points, None, **options)
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(moved, before, there, None, **options)
    good = (found[:, 0] > 0) & (found_back[:, 0] > 0)
    good &= np.linalg.norm((back - points)[:, 0], axis=1) < BACK_PIXELS
    if good.sum() < FEWEST_CORNERS:
        raise _too_little(int(good.sum()))
    one, other = points[good][:, 0], there[good][:, 0]
    threshold = INLIER_PIXELS * max(height, width) / 1000 * (3 if step == 0 else 1)
    fitted, agreeing = cv2.estimateAffinePartial2D(
        one, other, method=cv2.RANSAC, ransacReprojThreshold=max(threshold, 0.6),
        maxIters=5000, confidence=0.999, refineIters=20,
    )  # fmt: skip
    if fitted is None:
        raise _too_little(0)
    used = agreeing[:, 0] > 0
    if used.sum() < FEWEST_CORNERS // 2 or not _spread(one[used], width, height):
        raise _too_little(int(used.sum()))
    distance = np.linalg.norm(one @ fitted[:, :2].T + fitted[:, 2] - other, axis=1)[used]
    # Corners that could not be followed at all count as not agreeing.
    share = float(used.sum() / len(points))
    return _joined(fitted, matrix), len(points), share, float(np.median(distance))


def _maps_inside(corners: np.ndarray, matrix: np.ndarray, width: int, height: int) -> np.ndarray:
    """Which corners the result shows at all, at the place where they are now thought to be."""
    places = corners[:, 0] @ matrix[:, :2].T + matrix[:, 2]
    return ((places > 3) & (places < np.array([width, height]) - 4)).all(1)


def _spread(points: np.ndarray, width: int, height: int) -> bool:
    middle = points - points.mean(0)
    return bool(np.sqrt((middle**2).sum(1).mean()) > LEAST_SPREAD / 2 * np.hypot(width, height))


def _joined(first: np.ndarray, then: np.ndarray) -> np.ndarray:
    """The movement `first`, then the movement `then`."""
    turned = then[:, :2] @ first[:, :2]
    return np.column_stack([turned, then[:, :2] @ first[:, 2] + then[:, 2]])


def _described(
    matrix: np.ndarray, factors: np.ndarray, size: tuple[int, int], corners: int, agree: float,
    residual: float,
) -> Alignment:  # fmt: skip
    """The movement between pictures that were made smaller, in pixels of the photo."""
    # OpenCV's pixel centres are whole numbers: x of the small picture = (x + 0.5) * factor - 0.5
    to_small = np.column_stack([np.diag(factors), 0.5 * factors - 0.5])
    to_large = np.column_stack([np.diag(1 / factors), 0.5 / factors - 0.5])
    full = _joined(_joined(to_small, matrix), to_large)
    middle = (np.array(size) - 1) / 2
    shift = full[:, :2] @ middle + full[:, 2] - middle
    zoom = float(np.sqrt(abs(np.linalg.det(full[:, :2]))))
    rotation = float(np.degrees(np.arctan2(full[1, 0] - full[0, 1], full[0, 0] + full[1, 1])))
    return Alignment(float(shift[0]), float(shift[1]), zoom, rotation, corners, agree,
                     float(residual / factors.mean()), full)  # fmt: skip
