"""The person as simple geometry: a unit of length, head, torso axis, limbs with widths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .anatomy import ARM_RADII, LEG_RADII
from .body import Body

SEEN = 0.5  # landmark visibility above which a joint counts as seen

Coordinates = np.ndarray | tuple[np.ndarray, np.ndarray]
"""x and y of points in pixels, (2, ...), or two arrays that broadcast to one shape: those of a
picture's pixels are the numbers of its columns and rows."""


@dataclass(frozen=True)
class Limb:
    """An arm or a leg: joints (3, 2) from shoulder/hip over elbow/knee to wrist/ankle in pixels,
    depth (3,) towards (negative) or away from the camera, end (2,) the middle of the hand or the
    toes, seen (3,) visibility of the joints. line (K, 2): the middle of the bare limb from the
    first joint to the last, radii (K,) half its width there."""

    joints: np.ndarray
    depth: np.ndarray
    end: np.ndarray
    seen: np.ndarray
    line: np.ndarray
    radii: np.ndarray

    def scaled(self, factor: float) -> Limb:
        """The same limb in a picture resized by a factor."""
        lengths = ("joints", "depth", "end", "line", "radii")
        return replace(self, **{name: getattr(self, name) * factor for name in lengths})

    @property
    def length(self) -> float:
        """Length of both bones in the picture."""
        return float(np.linalg.norm(np.diff(self.joints, axis=0), axis=1).sum())


@dataclass(frozen=True)
class Figure:
    """Body geometry in pixels of one picture. Right and left are the person's own.

    unit is the width between the shoulder joints of a person seen from the front; every length
    in this package is a multiple of it. across and down are unit vectors of the torso. facing is
    +1 seen from the front, -1 from behind (the right shoulder is then at the viewer's right).
    """

    unit: float
    facing: int
    right_shoulder: np.ndarray
    left_shoulder: np.ndarray
    right_hip: np.ndarray
    left_hip: np.ndarray
    right_arm: Limb
    left_arm: Limb
    right_leg: Limb
    left_leg: Limb
    face_centre: np.ndarray
    face_axes: np.ndarray
    face_up: np.ndarray
    chin: np.ndarray
    face_seen: bool

    def scaled(self, factor: float) -> Figure:
        """The same body in a picture resized by a factor."""
        points = ("unit", "right_shoulder", "left_shoulder", "right_hip", "left_hip",
                  "face_centre", "face_axes", "chin")  # fmt: skip
        limbs = ("right_arm", "left_arm", "right_leg", "left_leg")
        return replace(
            self,
            **{name: getattr(self, name) * factor for name in points},
            **{name: getattr(self, name).scaled(factor) for name in limbs},
        )

    @cached_property
    def neck(self) -> np.ndarray:
        """Middle between the shoulder joints."""
        return (self.right_shoulder + self.left_shoulder) / 2

    @cached_property
    def hips(self) -> np.ndarray:
        """Middle between the hip joints."""
        return (self.right_hip + self.left_hip) / 2

    @cached_property
    def down(self) -> np.ndarray:
        """Unit vector from the shoulders to the hips."""
        return unit_vector(self.hips - self.neck)

    @cached_property
    def across(self) -> np.ndarray:
        """Unit vector along the shoulders towards the viewer's right."""
        return self.facing * unit_vector(self.left_shoulder - self.right_shoulder)

    def level(self, points: Coordinates) -> np.ndarray:
        """How far points lie below the neck along the torso, in pixels."""
        return projected(points, self.neck, self.down)

    def side(self, points: Coordinates) -> np.ndarray:
        """How far points lie to the viewer's right of the torso's middle, in pixels."""
        return projected(points, self.neck, self.across)

    @cached_property
    def torso(self) -> float:
        """Distance from the shoulders to the hips."""
        return float(np.linalg.norm(self.hips - self.neck))


def unit_vector(vector: np.ndarray) -> np.ndarray:
    """The vector at length 1; (0, 1) for a vector of no length."""
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-6 else np.array([0.0, 1.0])


def build_figure(body: Body, origin: tuple[float, float], scale: float) -> Figure:
    """The figure of a body in a picture cropped at origin (x, y) and then resized by scale."""
    points = (body.landmarks[:, :2].astype(np.float64) - origin) * scale
    depth = body.landmarks[:, 2].astype(np.float64) * scale
    seen = body.landmarks[:, 3].astype(np.float64)
    shoulders = float(np.linalg.norm(points[11] - points[12]))
    torso = float(np.linalg.norm((points[11] + points[12] - points[23] - points[24]) / 2))
    # A person turned sideways shows narrow shoulders: the torso's length then sets the unit.
    unit = max(shoulders, 0.66 * torso)

    def limb(indices: tuple[int, int, int], ends: tuple[int, ...], radii: tuple) -> Limb:
        chosen = list(indices)
        joints = points[chosen]
        end = points[list(ends)].mean(axis=0)
        return Limb(joints, depth[chosen], end, seen[chosen], joints, np.array(radii) * unit)

    eyes, mouth = (points[2] + points[5]) / 2, (points[9] + points[10]) / 2
    # However the photo is turned: the way to the left shoulder, seen along the torso.
    way, down = points[11] - points[12], (points[23] + points[24] - points[11] - points[12]) / 2
    drop = mouth - eyes
    face = max(float(np.linalg.norm(drop)), 0.18 * unit)
    up = -unit_vector(drop)
    return Figure(
        unit=unit,
        facing=1 if way[0] * down[1] >= way[1] * down[0] else -1,
        right_shoulder=points[12],
        left_shoulder=points[11],
        right_hip=points[24],
        left_hip=points[23],
        right_arm=limb((12, 14, 16), (18, 20, 22), ARM_RADII),
        left_arm=limb((11, 13, 15), (17, 19, 21), ARM_RADII),
        right_leg=limb((24, 26, 28), (32,), LEG_RADII),
        left_leg=limb((23, 25, 27), (31,), LEG_RADII),
        face_centre=eyes - up * 0.35 * face,
        face_axes=np.array([0.92, 1.15]) * face,
        face_up=up,
        chin=mouth - up * 0.55 * face,
        face_seen=bool(seen[[2, 5, 9, 10]].mean() > SEEN),
    )


def pixel_grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres as float32: x (width,) and y (height, 1)."""
    return np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]


def around(line: np.ndarray, reach: float, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of a picture that hold what is as near to a line (K, 2) as `reach`."""
    left, top = np.floor(line.min(0) - reach).astype(int).clip(0, (width, height)).tolist()
    right, bottom = np.ceil(line.max(0) + reach + 1).astype(int).clip(0, (width, height)).tolist()
    return slice(top, bottom), slice(left, right)


def pixels_of(cut: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the pixels of a picture in rows and columns, as pixel_grid has them."""
    rows, columns = cut
    x = np.arange(columns.start, columns.stop, dtype=np.float32)
    return x, np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]


def along(points: Coordinates, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where points lie beside a segment: the nearest place on it (0 = start, 1 = end) and the
    distance to that place."""
    dx, dy = float(end[0] - start[0]), float(end[1] - start[1])
    length = max(dx * dx + dy * dy, 1e-9)
    x, y = points
    x, y = x - float(start[0]), y - float(start[1])
    place = np.asarray(x * (dx / length) + y * (dy / length))
    place.clip(0, 1, out=place)
    aside = place * -dx
    aside += x
    aside *= aside
    distance = np.asarray(place * -dy)
    distance += y
    distance *= distance
    distance += aside
    return place, np.sqrt(distance, out=distance)


def capsule(points: Coordinates, limb: Limb, grow: float = 0.0, most: float = np.inf) -> np.ndarray:
    """Signed distance (...,) in pixels to the limb's outline: negative inside. Where it is more
    than `most`, it may be given as infinite."""
    x, y = points
    best = np.full(np.broadcast_shapes(x.shape, y.shape), np.inf, x.dtype)
    if most < np.inf:
        reach = float(limb.radii.max()) + grow + most
        (left, top), (right, bottom) = limb.line.min(0) - reach, limb.line.max(0) + reach
        near = ((x > left) & (x < right)) & ((y > top) & (y < bottom))
        x, y = np.broadcast_arrays(x, y)
        best[near] = capsule((x[near], y[near]), limb, grow)
        return best
    for k in range(len(limb.line) - 1):
        place, distance = along(points, limb.line[k], limb.line[k + 1])
        near, far = float(limb.radii[k]) + grow, float(limb.radii[k + 1]) + grow
        place *= far - near
        distance -= near
        distance -= place
        np.minimum(best, distance, out=best)
    return best


def face_distance(points: Coordinates, figure: Figure) -> np.ndarray:
    """Elliptic distance from the face: below 1 inside it."""
    up = figure.face_up
    side = np.array([-up[1], up[0]])
    across = projected(points, figure.face_centre, side / figure.face_axes[0])
    upwards = projected(points, figure.face_centre, up / figure.face_axes[1])
    return np.sqrt(across * across + upwards * upwards)


def projected(points: Coordinates, origin: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """How far points lie from the origin along a direction, in its lengths."""
    x, y = points
    return x * float(direction[0]) + (y * float(direction[1]) - float(origin @ direction))


@dataclass(frozen=True)
class LimbFrame:
    """How the pixels of a picture lie to a limb, each (H, W) float32: place along it 0..1, signed
    offset across in radii, and pixels beyond its bare outline (negative inside)."""

    place: np.ndarray
    offset: np.ndarray
    beyond: np.ndarray


def limb_frame(limb: Limb, height: int, width: int) -> LimbFrame:
    """Frame of a limb. Pixels that are far from it count as far, whatever their distance."""
    reach = 4 * float(limb.radii.max())
    left, top = np.maximum(np.floor(limb.line.min(0) - reach), 0).astype(int)
    right, bottom = np.minimum(np.ceil(limb.line.max(0) + reach), [width, height]).astype(int)
    frame = LimbFrame(
        np.zeros((height, width), np.float32),
        np.full((height, width), 9, np.float32),
        np.full((height, width), reach, np.float32),
    )
    if right <= left or bottom <= top:
        return frame
    pieces = len(limb.line) - 1
    for k in range(pieces):
        start, end = limb.line[k].astype(np.float32), limb.line[k + 1].astype(np.float32)
        # Only where this piece can be near.
        first = np.maximum(np.minimum(start, end) - reach, (left, top)).astype(int)
        last = np.minimum(np.maximum(start, end) + reach + 1, (right, bottom)).astype(int)
        if (last <= first).any():
            continue
        cut = (slice(first[1], last[1]), slice(first[0], last[0]))
        x = np.arange(first[0], last[0], dtype=np.float32)
        y = np.arange(first[1], last[1], dtype=np.float32)[:, None]
        part, distance = along((x, y), start, end)
        direction = unit_vector(end - start)
        # In double precision: where a limb is folded, two of its pieces are equally near.
        radius = limb.radii[k] + part * np.float32(limb.radii[k + 1] - limb.radii[k])
        beyond = distance - radius
        nearer = beyond < frame.beyond[cut]
        np.copyto(frame.beyond[cut], beyond, where=nearer)
        part += k
        part /= pieces
        np.copyto(frame.place[cut], part, where=nearer)
        distance /= radius
        across = (y - start[1]) * direction[0] - (x - start[0]) * direction[1]
        distance *= np.sign(across, out=across)
        np.copyto(frame.offset[cut], distance, where=nearer)
    return frame


@dataclass(frozen=True)
class LimbFrames:
    """The frames of all limbs."""

    right_arm: LimbFrame
    left_arm: LimbFrame
    right_leg: LimbFrame
    left_leg: LimbFrame

    def of(self, name: str) -> LimbFrame:
        """That of the limb which a Figure has under this name."""
        return getattr(self, name)


def limb_frames(figure: Figure, height: int, width: int) -> LimbFrames:
    """The frames of a figure's limbs in a picture of that size."""
    return LimbFrames(
        limb_frame(figure.right_arm, height, width), limb_frame(figure.left_arm, height, width),
        limb_frame(figure.right_leg, height, width), limb_frame(figure.left_leg, height, width),
    )  # fmt: skip
