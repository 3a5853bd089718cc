"""What models read of a person's whole photo: who is meant, and the pose in the model's picture."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..diffusion.latents import to_bytes
from ..images import Crop, crop_around
from ..masking.body import Body, find_body
from ..masking.installed import OPENPOSE
from ..masking.keypoints import KeyPoints
from ..masking.people import find_people
from ..masking.pose import find_poses
from ..masking.sources import pose_distance
from .common import Readers, Sight

AROUND_PERSON = 0.4
"""Of the context that is meant for a mask: a whole person is larger than one garment."""

SAME_PERSON = 0.1
"""Of the longer side: points that lie further from the body's on average are another person's."""


NEARLY = 0.75
"""Of the largest part of a mask that lies in a person's box: as much counts as equal, as a mask
reaches beyond the person, and one person's box may hold another's."""


def masked_body(readers: Readers, sight: Sight) -> Body:
    """The person who is meant in a photo: of those whose boxes the mask lies in most the nearest
    to its middle; without a mask the one with the number that was asked for.
    Raises NobodyFound."""
    model, photo = readers.body(), to_bytes(sight.photo)[0]
    if sight.mask is None:
        return find_body(model, photo, sight.person_index)
    people = find_people(model, photo)
    mask = sight.mask[0, 0].cpu().numpy() >= 0.5
    if len(people) < 2 or not mask.any():
        return find_body(model, photo)
    middle = np.argwhere(mask).mean(axis=0)[::-1]
    boxes = np.array([person.box for person in people])
    covered = np.array([mask[_inside(person.box)].sum() for person in people])
    away = np.hypot(*((boxes[:, :2] + boxes[:, 2:]) / 2 - middle).T)
    away[covered < NEARLY * covered.max()] = np.inf
    return find_body(model, photo, int(away.argmin()))


def around_person(readers: Readers, sight: Sight) -> Crop:
    """The region around the whole person and the mask, inside the photo as far as that goes."""
    body = masked_body(readers, sight)
    seen = torch.zeros(sight.photo.shape[-2:])
    left, top, right, bottom = body.box
    room = round(AROUND_PERSON * sight.context * max(right - left, bottom - top))
    seen[max(top - room, 0) : bottom + room, max(left - room, 0) : right + room] = 1
    if sight.mask is not None:
        seen = torch.maximum(seen, (sight.mask[0, 0] > 0).float())
    return crop_around(seen, sight.width, sight.height, context=0)


def read_pose(readers: Readers, sight: Sight, body: Body) -> tuple[KeyPoints, str]:
    """(key points of a body in its photo, by what they were found): OpenPose where it is installed
    and finds somebody near that body, else the body's own."""
    expected, photo = body.keypoints, to_bytes(sight.photo)[0]
    if readers.installed(OPENPOSE):
        found = find_poses(readers.openpose(), photo)
        nearest = min(found, key=lambda one: pose_distance(one, expected), default=None)
        if nearest is not None and (
            pose_distance(nearest, expected) < SAME_PERSON * max(photo.shape[:2])
        ):
            return nearest, "OpenPose"
    return expected, "the embedded body model"


def points_in(crop: Crop, points: KeyPoints) -> KeyPoints:
    """Key points of a photo in the model's picture of it."""
    shifted = points.shifted(crop.left, crop.top, crop.width, crop.height)
    return shifted.resized(crop.model_width, crop.model_height)


def labels_of(body: Body, labels: np.ndarray, alone: bool) -> Tensor:
    """A label map of a photo, (1, 1, height, width), without the people beside this body."""
    own = labels if alone else np.where(body.mask >= 0.5, labels, 0)
    return torch.from_numpy(own.astype(np.float32))[None, None]


def _inside(box: tuple[float, float, float, float]) -> tuple[slice, slice]:
    """Rows and columns of a box that is cut at the frame."""
    left, top, right, bottom = (max(round(side), 0) for side in box)
    return slice(top, bottom), slice(left, right)
