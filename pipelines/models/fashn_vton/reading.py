"""What FASHN VTON reads of photos: the pose as it draws it, the labels of clothes, who stays.

A pose comes from DWPose where that is installed, else from the embedded body, drawn the same way
with what that knows of face and hands. So a try-on from a flat-lay needs no download but the
model's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from ...errors import InputError, MissingFiles
from ...files.locate import download_command
from ...garment.read import read_garment
from ...images import Crop
from ...masking.body import Body
from ...masking.clothes import load_clothes_parser
from ...masking.dwpose.drawing import draw_grey
from ...masking.dwpose.network import load_dwpose
from ...masking.dwpose.whole_body import WholeBody, of_body
from ...masking.embedded import embedded_mask, head_and_hands
from ...masking.installed import PARSING
from ...masking.keypoints import KeyPoints
from ...masking.parsing import atr_with_neck, parse
from ...masking.rules_common import resized_labels
from ...masking.rules_fashn import (
    ALWAYS_KEPT,
    FASHN,
    GARMENTS,
    KEPT,
    of_atr,
    with_hands,
    worn_garment,
)
from ...masking.sources import Region, cut, pose_distance
from ..changed import Wearing
from ..common import Readers
from ..person import SAME_PERSON

DWPOSE, OWN_PARSER = "dwpose/l_384", "human_parsing/fashn"

OF_FACE_AND_HANDS = ", with 7 of 68 points of the face and 4 of 21 of each hand"
"""What the embedded body gives of what DWPose draws."""

LEAST_OLD = 0.002
"""Of the picture: less of the garment's category in a parsing is a speck, no garment."""

REACH = 0.35
"""Shoulder widths beyond the body and the old garment, that a new one can reach."""


@dataclass(frozen=True)
class PhotoView:
    """The part of a photo that a frame shows, without what lies beyond the photo's edges.

    pixels: uint8 (height, width, 3) at the frame's scale. left, top: where it lies in the frame.
    region: left, top, width, height of it in the photo.
    """

    pixels: np.ndarray
    left: int
    top: int
    region: Region

    def placed(self, picture: np.ndarray, width: int, height: int) -> np.ndarray:
        """A picture of this part in a frame of width x height, 0 around it."""
        frame = np.zeros((height, width, *picture.shape[2:]), picture.dtype)
        rows, columns = picture.shape[:2]
        frame[self.top : self.top + rows, self.left : self.left + columns] = picture
        return frame

    def points_of(self, body: Body) -> KeyPoints:
        """A body of the photo in pixels of this part."""
        height, width = self.pixels.shape[:2]
        return body.keypoints.shifted(*self.region).resized(width, height)

    def mask_of(self, mask: np.ndarray) -> np.ndarray:
        """A mask of the photo, bool, of this part at its scale."""
        height, width = self.pixels.shape[:2]
        part = cut((mask > 0.5).astype(np.uint8), self.region)
        return resized_labels(part, width, height) > 0


def view_of(frame: np.ndarray, crop: Crop) -> PhotoView:
    """frame: uint8 (model height, model width, 3), the crop of a photo."""
    across, down = crop.model_width / crop.width, crop.model_height / crop.height
    left, top = max(crop.left, 0), max(crop.top, 0)
    right = min(crop.left + crop.width, crop.photo_width)
    bottom = min(crop.top + crop.height, crop.photo_height)
    columns = slice(round((left - crop.left) * across), round((right - crop.left) * across))
    rows = slice(round((top - crop.top) * down), round((bottom - crop.top) * down))
    region = (left, top, right - left, bottom - top)
    return PhotoView(np.ascontiguousarray(frame[rows, columns]), columns.start, rows.start, region)


def whole_view(picture: np.ndarray, photo_width: int, photo_height: int) -> PhotoView:
    """A whole photo, shrunk."""
    return PhotoView(picture, 0, 0, (0, 0, photo_width, photo_height))


def read_pose(readers: Readers, view: PhotoView, body: Body) -> tuple[WholeBody, str]:
    """(points, by what they were found) of one person in a view.

    Where DWPose finds nobody near the body of the photo, the body's own points are taken.
    """
    height, width = view.pixels.shape[:2]
    expected = view.points_of(body)
    by = "the embedded body model"
    if readers.installed(DWPOSE) and find_spec("onnxruntime") is None:
        by += " (DWPose is there, but not the package it needs: pip install onnxruntime)"
    elif readers.installed(DWPOSE):
        folder = readers.files(DWPOSE)[0].parent
        people = readers.ready(load_dwpose, folder).people(view.pixels)
        nearest = min(people, key=lambda one: pose_distance(one.keypoints, expected))
        if pose_distance(nearest.keypoints, expected) < max(width, height) * SAME_PERSON:
            return nearest, "DWPose"
        by += " (DWPose found nobody there)"
    return of_body(body, view.region, width, height), by + OF_FACE_AND_HANDS


def draw_pose(body: WholeBody) -> np.ndarray:
    """The pose as the model is shown it, uint8 (height, width)."""
    return draw_grey(body, body.width, body.height)


def read_labels(readers: Readers, view: PhotoView, body: Body) -> tuple[np.ndarray, str] | None:
    """(FASHN's labels of a view, by what they were found); None where no parser is installed."""
    if readers.installed(OWN_PARSER):
        folder = readers.files(OWN_PARSER)[0].parent
        parser = readers.ready(load_clothes_parser, folder)
        return parser.fashn_labels(view.pixels), "FASHN's parser"
    if not any(map(readers.installed, PARSING)):
        return None
    atr, lip = readers.schp("atr", "lip")
    (atr_labels,), (lip_labels,) = parse(atr, [view.pixels]), parse(lip, [view.pixels])
    labels = of_atr(atr_with_neck(atr_labels, lip_labels))
    return with_hands(labels, view.points_of(body)), "SCHP"


def worn_cloth(
    readers: Readers, view: PhotoView, body: Body, photo: np.ndarray, category: str
) -> np.ndarray:
    """Where a garment is that somebody wears, bool, in a view of the whole photo.

    By an installed parser, else by the package's own reading of garments. Raises MissingFiles where
    that cannot make it out either.
    """
    found = read_labels(readers, view, body)
    if found is not None:
        return worn_garment(found[0], category)
    try:
        return view.mask_of(read_garment(photo, category, model=readers.body()).alpha)
    except InputError as error:
        raise MissingFiles(
            f"The garment could not be cut out of its wearer's photo: {error} A parsing network "
            f"may: get one with `{download_command(PARSING[0])}`. Or take a photo of the garment "
            "alone."
        ) from error


def read_wearing(
    readers: Readers, view: PhotoView, body: Body, category: str
) -> tuple[Wearing, str]:
    """(where in a view the old garment is and what must stay, by what that was found).

    Raises InputError where that part of the body is not in the picture.
    """
    kept = view.mask_of(head_and_hands(body))
    can_be = view.mask_of(embedded_mask(body, category))
    if not can_be.any():
        raise InputError(
            f"The {category} part of the body is not in the photo, so no garment can be put on it. "
            "Use a photo that shows it, or choose another category."
        )
    reach = view.mask_of(embedded_mask(body, category, grow=REACH))
    found = read_labels(readers, view, body)
    if found is None:
        return Wearing(can_be, kept, reach, sure=False), "the embedded body model"
    labels, by = found
    stays = [FASHN[name] for name in (*ALWAYS_KEPT, *KEPT[category])]
    kept |= np.isin(labels, stays)
    old = np.isin(labels, [FASHN[name] for name in GARMENTS[category]])
    old &= view.mask_of(body.mask) | can_be  # and no neighbour's
    if old.mean() < LEAST_OLD:  # wears none of the kind
        return Wearing(can_be, kept, reach, sure=False), by
    return Wearing(old, kept, reach | old, sure=True), by
