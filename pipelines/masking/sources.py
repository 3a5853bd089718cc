"""What is known of the person in a photo: label maps, key points, body; and reading it in one go.

Rules of the OOTDiffusion family are drawn in a 384x512 frame, and their programs read the maps and
the pose from a photo shrunk to it. Photos of another shape are first cut to 3:4 around the person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, NobodyFound
from ..images import resize
from .keypoints import KeyPoints
from .rules_common import FRAME_HEIGHT, FRAME_WIDTH, check_labels, resized_labels

if TYPE_CHECKING:
    from .body import Body
    from .clothes import ClothesParser
    from .densepose_rcnn.network import DensePoseRCNN
    from .openpose.network import OpenPoseBody
    from .schp.network import Schp
    from .schp.onnx import OnnxSchp
    from .vitpose import VitPose

Region = tuple[int, int, int, int]
"""left, top, width, height in whole pixels of a photo; may reach beyond its edges."""

DENSEPOSE_SCORE = 0.8
"""Least score of a person in CatVTON's program."""

SAME_PERSON = 0.2
"""Two poses are one person's where their points are apart by at most this share of the diagonal
around them, on average. Mirrored arms and legs stay below it; a neighbour does not."""

SAME_SHAPE = 0.01
"""A photo's aspect may differ from the frame's by this share and still count as it."""


@dataclass(frozen=True)
class Sources:
    """width, height: of the photo. maps: uint8 label maps, all of the same part of the photo and of
    any size, by the names of `Rule.maps`: "atr", "lip", "atr_neck", "lip_neck", "densepose".
    keypoints: of that part too; where absent those of the body are taken. body: of find_body, in
    the photo. region: the part; by default the whole photo. parser: what made the maps, for
    reports; empty where they were given. Raises InputError for other maps."""

    width: int
    height: int
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    keypoints: KeyPoints | None = None
    body: Body | None = None
    region: Region | None = None
    parser: str = ""

    def __post_init__(self) -> None:
        for name, labels in self.maps.items():
            check_labels(labels, name)
            _, _, width, height = self.part
            if abs(labels.shape[1] * height / (labels.shape[0] * width) - 1) > 2 * SAME_SHAPE:
                raise InputError(
                    f"The {name} label map is {labels.shape[1]}x{labels.shape[0]}, which is not "
                    f"the shape of the photo ({width}x{height}). Make it from this photo."
                )

    @property
    def part(self) -> Region:
        return self.region or (0, 0, self.width, self.height)

    @property
    def points(self) -> KeyPoints | None:
        """Key points in pixels of the photo."""
        if self.keypoints is None:
            return self.body.keypoints if self.body else None
        left, top, width, height = self.part
        points = self.keypoints.resized(width, height)
        return points.shifted(-left, -top, self.width, self.height)

    def map_of_photo(self, name: str) -> np.ndarray:
        """A label map at the photo's size, 0 outside the region."""
        left, top, width, height = self.part
        labels = resized_labels(self.maps[name], width, height)
        return cut(labels, (-left, -top, self.width, self.height))

    def within(self, region: Region) -> tuple[dict[str, np.ndarray], KeyPoints | None]:
        """Maps and key points of a region of the photo: as they are if it is the sources' own."""
        _, _, width, height = region
        points = self.points
        points = points.shifted(*region) if points is not None else None
        if region == self.part:
            return dict(self.maps), self.keypoints or points
        return {name: cut(self.map_of_photo(name), region) for name in self.maps}, points


def read_sources(
    photo: np.ndarray,
    *,
    atr: Schp | OnnxSchp | ClothesParser | None = None,
    lip: Schp | OnnxSchp | None = None,
    pose: OpenPoseBody | VitPose | None = None,
    densepose: DensePoseRCNN | None = None,
    body: Body | None = None,
    size: tuple[int, int] = (FRAME_WIDTH, FRAME_HEIGHT),
) -> Sources:
    """Runs the networks that are given on the photo, in the frame and size of the published rules.

    photo: uint8 (height, width, 3) RGB. body: of find_body; it tells where the person is, so that
    the other networks look at the same person. size: width and height at which the networks see
    the region; the published programs take 384x512. Raises NobodyFound, InputError.
    """
    from .parsing import check_picture, parse

    check_picture(photo)
    height, width = photo.shape[:2]
    region = frame_region(width, height, columns_of(body.keypoints) if body else None)
    seen = framed_photo(photo, region, size)
    maps = {}
    for name, network in (("atr", atr), ("lip", lip)):
        if network is not None:
            (maps[name],) = parse(network, [seen])
    expected = body.keypoints.shifted(*region).resized(*size) if body else None
    if densepose is not None and (labels := _densepose(densepose, seen, expected)) is not None:
        maps["densepose"] = labels
    keypoints = _pose(pose, seen, expected) if pose is not None else None
    parser = "" if atr is None and lip is None else getattr(atr, "title", "SCHP")
    return Sources(width, height, maps, keypoints, body, region, parser)


def _densepose(
    network: DensePoseRCNN, seen: np.ndarray, expected: KeyPoints | None
) -> np.ndarray | None:
    """Labels of the expected person; None where only the body was found, which then has to do."""
    from .densepose import read_densepose

    person: str | list[float] = "largest"
    if expected is not None and expected.points[:, 2].any():
        places = expected.points[expected.points[:, 2] > 0, :2]
        person = [*places.min(axis=0), *places.max(axis=0)]
    try:
        return read_densepose(network, seen, threshold=DENSEPOSE_SCORE, person=person).labels
    except NobodyFound:
        if expected is None:
            raise
        return None


def _pose(
    network: OpenPoseBody | VitPose, seen: np.ndarray, expected: KeyPoints | None
) -> KeyPoints | None:
    """Key points of the expected person; None where only the body was found."""
    from .pose import find_pose, find_poses

    if expected is None:
        return find_pose(network, seen)
    return nearest_pose(find_poses(network, seen), expected)


def nearest_pose(poses: Sequence[KeyPoints], expected: KeyPoints) -> KeyPoints | None:
    """The pose of the expected person; None where all are too far away to be theirs."""
    seen = expected.points[expected.points[:, 2] > 0, :2]
    if not len(seen):
        return None
    farthest = SAME_PERSON * float(np.hypot(*np.ptp(seen, axis=0)))
    near = [pose for pose in poses if pose_distance(pose, expected) <= farthest]
    return min(near, key=lambda pose: pose_distance(pose, expected), default=None)


def pose_distance(one: KeyPoints, other: KeyPoints) -> float:
    """Mean pixels between the points that both have."""
    common = (one.points[:, 2] > 0) & (other.points[:, 2] > 0)
    if not common.any():
        return float("inf")
    return float(np.hypot(*(one.points - other.points)[common, :2].T).mean())


def framed_photo(photo: np.ndarray, region: Region, size: tuple[int, int]) -> np.ndarray:
    """A region of a photo, black beyond its edges, at size (width, height): Pillow's bicubic."""
    whole = (0, 0, photo.shape[1], photo.shape[0])
    picture = photo if region == whole else cut(photo, region)
    if picture.shape[1::-1] == size:
        return np.ascontiguousarray(picture)
    return resize(picture, *size)


def frame_region(width: int, height: int, columns: Sequence[float] | None) -> Region:
    """The 3:4 region of a photo in which the rules are drawn.

    A photo of that shape is its own region, as published. Else the region has the photo's height
    and lies around the person, or the photo's width if the person needs that; it may reach beyond
    the edges. columns: first and last column of the person.
    """
    if abs(width * FRAME_HEIGHT / (height * FRAME_WIDTH) - 1) <= SAME_SHAPE:
        return 0, 0, width, height
    first, last = columns or (0, width)
    frame_width = round(height * FRAME_WIDTH / FRAME_HEIGHT)
    if last - first > frame_width:
        frame_height = round(width * FRAME_HEIGHT / FRAME_WIDTH)
        return 0, (height - frame_height) // 2, width, frame_height
    left = round((first + last - frame_width) / 2)
    if frame_width <= width:
        left = min(max(left, 0), width - frame_width)
    return left, 0, frame_width, height


def columns_of(
    keypoints: KeyPoints | None, maps: Sequence[np.ndarray] = ()
) -> tuple[float, float] | None:
    """First and last column of the person, of all that is known of it, in one photo's pixels."""
    columns: list[float] = []
    if keypoints is not None and keypoints.points[:, 2].any():
        x = keypoints.points[keypoints.points[:, 2] > 0, 0]
        columns += [float(x.min()), float(x.max())]
    for labels in maps:
        used = np.flatnonzero(labels.any(axis=0))
        columns += [float(used[0]), float(used[-1])] if len(used) else []
    return (min(columns), max(columns)) if columns else None


def cut(picture: np.ndarray, region: Region) -> np.ndarray:
    """A region of a map or picture, 0 beyond its edges."""
    left, top, width, height = region
    rows, columns = picture.shape[:2]
    result = np.zeros((height, width, *picture.shape[2:]), dtype=picture.dtype)
    first_row, last_row = max(top, 0), min(top + height, rows)
    first, last = max(left, 0), min(left + width, columns)
    if first_row < last_row and first < last:
        result[first_row - top : last_row - top, first - left : last - left] = picture[
            first_row:last_row, first:last
        ]
    return result
