"""Key points of the people in a photo, from OpenPose, ViTPose, or another package's JSON.

All give `KeyPoints` in pixels of the photo, largest person first:

    network = load_openpose(folder / "body_pose_model.pth")
    keypoints = find_pose(network, photo)

The published try-on programs detect in a 384x512 copy of the photo: pass such a copy for key points
(and masks) equal to theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import InputError, NobodyFound
from .keypoints import KeyPoints
from .layers import load_network
from .openpose.maps import frame_of, network_input
from .openpose.network import OpenPoseBody
from .openpose.people import find_people
from .parsing import check_picture
from .vitpose import VitPose

__all__ = [
    "OpenPoseBody",
    "VitPose",
    "find_pose",
    "find_poses",
    "from_openpose",
    "keypoints_of",
    "load_openpose",
]

LONGEST_SHAPE = 6
"""Longer side to shorter side; beyond it the network's input would be mostly one person's strip."""

BODY_25 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
"""Which of OpenPose's newer 25 points are the 18."""


def load_openpose(path: Path | str) -> OpenPoseBody:
    """The network of body_pose_model.pth. Raises MissingFiles."""
    return load_network(OpenPoseBody, path)


def find_poses(network: OpenPoseBody | VitPose, picture: np.ndarray) -> list[KeyPoints]:
    """Everyone in the photo, largest first; an empty list where nobody is found.

    picture: uint8 (height, width, 3) RGB. The network runs where its weights are.
    Raises InputError.
    """
    check_picture(picture)
    height, width = picture.shape[:2]
    if max(height, width) > LONGEST_SHAPE * min(height, width):
        raise InputError(
            f"A photo of {width}x{height} pixels is too long and narrow to look for people in. "
            "Crop it around the person."
        )
    if isinstance(network, VitPose):
        poses = network.find(picture)
    else:
        frame = frame_of(picture)
        peaks, people = find_people(*network_maps(network, frame), *frame.shape[:2])
        poses = [
            keypoints_of(peaks, person, frame.shape[1], frame.shape[0]).resized(width, height)
            for person in people
        ]
    return sorted(poses, key=_extent, reverse=True)


def find_pose(network: OpenPoseBody | VitPose, picture: np.ndarray, index: int = 0) -> KeyPoints:
    """Person number `index` (0 is the largest). Raises NobodyFound, InputError."""
    return _chosen(find_poses(network, picture), index, picture.shape[1], picture.shape[0])


@torch.inference_mode()
def network_maps(network: OpenPoseBody, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fields (38, rows, columns) and heat maps (19, rows, columns) of a frame, float32."""
    weight = next(network.parameters())
    pictures = torch.from_numpy(network_input(frame)).to(weight)
    fields, heat = network(pictures)
    return fields[0].float().cpu().numpy(), heat[0].float().cpu().numpy()


def keypoints_of(peaks: np.ndarray, person: np.ndarray, width: int, height: int) -> KeyPoints:
    """One row of `find_people` as key points of a width x height picture: the person's own joints.

    The published wrapper edits one list for all people and can hand out another person's joint.
    """
    points = np.zeros((18, 3), dtype=np.float32)
    found = person[:18] >= 0
    points[found] = peaks[person[:18][found].astype(int), :3]
    points[:, 2] = points[:, 2].clip(0, 1)
    return KeyPoints(points, width, height)


def from_openpose(
    data: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    index: int = 0,
    width: int | None = None,
    height: int | None = None,
) -> KeyPoints:
    """Key points from OpenPose JSON, as other node packages exchange it (POSE_KEYPOINT).

    data: {"people": [{"pose_keypoints_2d": [x, y, confidence, …]}, …], "canvas_width": …,
    "canvas_height": …}, or a list of such, of which the first is taken. 18 points, or OpenPose's
    25, of which 18 are taken. Coordinates are pixels of the canvas, or shares of it if none passes
    1. width, height: of the photo, if the canvas is not said or the points are to be scaled to it.
    Raises NobodyFound, or InputError for JSON of another kind.
    """
    if not isinstance(data, Mapping):
        if not isinstance(data, Sequence) or isinstance(data, str) or not data:
            raise InputError(f"OpenPose JSON is a table with people; got {type(data).__name__}.")
        data = data[0]
    people = data.get("people") if isinstance(data, Mapping) else None
    if not isinstance(people, Sequence):
        raise InputError('OpenPose JSON needs "people": a list, with "pose_keypoints_2d" in each.')
    canvas_width = data.get("canvas_width") or width
    canvas_height = data.get("canvas_height") or height
    if not canvas_width or not canvas_height:
        raise InputError(
            'OpenPose JSON without "canvas_width" and "canvas_height" needs the size of the photo.'
        )
    poses = [_read_person(person, int(canvas_width), int(canvas_height)) for person in people]
    poses = [pose for pose in poses if pose.points[:, 2].any()]
    poses.sort(key=_extent, reverse=True)
    chosen = _chosen(poses, index, int(canvas_width), int(canvas_height))
    return chosen.resized(width or chosen.width, height or chosen.height)


def _read_person(person: Any, width: int, height: int) -> KeyPoints:
    flat = person.get("pose_keypoints_2d") if isinstance(person, Mapping) else None
    try:
        points = np.array([0 if v is None else v for v in flat or [0] * 54], dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InputError("The key points of OpenPose JSON must be numbers.") from error
    if points.size not in (54, 75) or not np.isfinite(points).all():
        raise InputError(
            "OpenPose JSON must give 18 or 25 points of x, y and confidence for each person, "
            f"54 or 75 finite numbers; got {points.size}."
        )
    points = points.reshape(-1, 3)
    points = points[list(BODY_25)] if len(points) == 25 else points.copy()
    if (points[:, :2] <= 1).all():
        points[:, :2] *= (width, height)
    points[:, 2] = points[:, 2].clip(0, 1)
    # A point at the corner is another way of saying that it was not found.
    points[(points[:, 2] == 0) | (points[:, :2] == 0).all(axis=1)] = 0
    return KeyPoints(points, width, height)


def _chosen(poses: list[KeyPoints], index: int, width: int, height: int) -> KeyPoints:
    if not poses:
        raise NobodyFound(
            f"Nobody was found in the photo ({width}x{height} pixels). Use a photo of one person, "
            "upright, whose face or upper body is visible and takes up a good part of the picture."
        )
    if not 0 <= index < len(poses):
        raise NobodyFound(
            f"Person {index} was asked for, but the photo shows {len(poses)}, numbered from 0 "
            f"(the largest). Choose 0 to {len(poses) - 1}."
        )
    return poses[index]


def _extent(pose: KeyPoints) -> float:
    """Diagonal of the box around the points: a person seen from the side is not small."""
    places = pose.points[pose.points[:, 2] > 0, :2]
    return float(np.hypot(*np.ptp(places, axis=0))) if len(places) else 0.0
