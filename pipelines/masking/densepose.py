"""DensePose: for each pixel of a person the body part, and the place on it.

    network = load_densepose(folder / "model_final_162be9.pkl")
    found = read_densepose(network, photo)
    picture = coloured(found)      # IDM-VTON, Leffa VITON-HD

The 24 parts: 1, 2 torso; 3 right and 4 left hand; 5 left and 6 right foot; 7 to 10 thighs; 11 to 14
lower legs; 15 to 18 upper arms; 19 to 22 forearms; 23, 24 head; 0 is everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ..errors import InputError, NobodyFound
from ..images import resize
from .densepose_rcnn.boxes import clipped
from .densepose_rcnn.network import UNUSED, Charts, DensePoseRCNN
from .layers import load_network
from .parsing import check_picture

SHORTER_SIDE = 800
LONGEST_SHAPE = 1333 / 800
"""The picture that the network was made for: its shorter side, longer to shorter at most."""

SIDE_MULTIPLE = 32
MEAN_BGR = (103.53, 116.28, 123.675)

CHOICES = ("largest", "best", "last")

LEAST_COVERED = 0.5
"""Share of a wanted box that a person's own box covers at least; else it is another person."""

COLOURS = np.array(
    [
        (0, 0, 0), (37, 60, 163), (20, 80, 194), (4, 97, 223), (8, 110, 221), (14, 122, 216),
        (20, 132, 212), (15, 144, 208), (11, 156, 203), (6, 166, 198), (22, 173, 185),
        (38, 179, 172), (55, 185, 159), (86, 187, 144), (114, 189, 130), (145, 191, 116),
        (170, 189, 105), (192, 188, 96), (216, 186, 86), (228, 192, 74), (240, 199, 60),
        (252, 206, 46), (251, 220, 36), (250, 235, 25), (249, 251, 14),
    ],
    dtype=np.uint8,
)  # fmt: skip
"""RGB of each part in the rendering that detectron2 calls dp_segm; the background is black."""


@dataclass(frozen=True)
class DensePose:
    """One person. labels: (height, width) uint8 of the photo's size, 0..24; places: (2, height,
    width) float32, U and V on the part, about 0..1, 0 elsewhere, or None; box: left, top, width,
    height in whole pixels; score: 0..1; people: how many were found."""

    labels: np.ndarray
    places: np.ndarray | None
    box: tuple[int, int, int, int]
    score: float
    people: int


def load_densepose(path: Path | str) -> DensePoseRCNN:
    """The network of model_final_162be9.pkl or of its conversion to .safetensors.

    The pickle is read without running anything in it. Raises MissingFiles.
    """
    return load_network(DensePoseRCNN, path, unused=UNUSED)


@torch.inference_mode()
def read_densepose(
    network: DensePoseRCNN,
    picture: np.ndarray,
    *,
    threshold: float = 0.5,
    person: str | Sequence[float] = "largest",
    with_places: bool = False,
    shorter_side: int = SHORTER_SIDE,
) -> DensePose:
    """DensePose of one person in the photo.

    picture: uint8 (height, width, 3) RGB. The network runs where its weights are.
    threshold: least score of a person; the published programs take 0.8 (IDM-VTON, CatVTON) or 0.5
    (Leffa). person: "largest"; "best" (highest score); "last" (lowest score above the threshold:
    what the published coloured renderings are left with, golden stages idm_dp_segm and
    leffa_predict_seg); or a box (left, top, right, bottom) in pixels, as of `Body`, for the person
    whose own box is most alike, of those who cover at least half of it.
    with_places: U and V too, which only pose transfer wants.
    shorter_side: pixels at which the network looks; time goes by its square, 800 is published.
    Raises NobodyFound, InputError.
    """
    if isinstance(person, str) and person not in CHOICES:
        raise InputError(f"The person must be a box or {', '.join(CHOICES)}; got {person!r}.")
    found = find_people(network, picture, threshold, shorter_side)
    if not len(found.boxes):
        raise NobodyFound(
            f"DensePose found nobody in the photo ({picture.shape[1]}x{picture.shape[0]} pixels) "
            f"with a score above {threshold:g}. Use a photo of a person who takes up a good part "
            "of it, or lower the threshold."
        )
    index = _chosen(found.boxes, person)
    charts = network.charts(found.features, found.input_boxes[index : index + 1], with_places)
    left, top, width, height = whole_box(found.boxes[index])
    inside = (slice(top, top + height), slice(left, left + width))
    part_labels, part_places = resampled(charts, 0, width, height)
    labels = np.zeros(picture.shape[:2], dtype=np.uint8)
    labels[inside] = part_labels
    places = None
    if part_places is not None:
        places = np.zeros((2, *picture.shape[:2]), dtype=np.float32)
        places[(slice(None), *inside)] = part_places
    score = float(found.scores[index])
    return DensePose(labels, places, (left, top, width, height), score, len(found.boxes))


# ------------------------------------------------------------------------------- renderings


def coloured(found: DensePose) -> np.ndarray:
    """Parts in colours on black, uint8 (height, width, 3) RGB: IDM-VTON and Leffa VITON-HD."""
    return COLOURS[found.labels]


def label_picture(found: DensePose) -> np.ndarray:
    """The part numbers as three equal channels, uint8 (height, width, 3): Leffa Dress Code."""
    return found.labels[:, :, None].repeat(3, axis=2)


def place_picture(found: DensePose) -> np.ndarray:
    """U, V, part number as uint8 (height, width, 3): Leffa pose transfer.

    U and V are stretched together over 0..255 by their smallest and largest value within the
    person's box, so what is not body within the box is seldom 0. Raises InputError where U and V
    were not asked for.
    """
    if found.places is None:
        raise InputError("U and V are wanted; read DensePose with with_places=True.")
    left, top, width, height = found.box
    inside = (slice(top, top + height), slice(left, left + width))
    places = found.places[(slice(None), *inside)]
    lowest, highest = places.min(), places.max()
    stretched = (places - lowest) / max(highest - lowest, np.float32(1e-12)) * np.float32(255)
    picture = np.zeros((*found.labels.shape, 3), dtype=np.uint8)
    picture[inside][:, :, :2] = stretched.transpose(1, 2, 0).astype(np.uint8)
    picture[:, :, 2] = found.labels
    return picture


# ------------------------------------------------------------------------------- steps


@dataclass(frozen=True)
class People:
    """Everyone found, best first. boxes (n, 4): left, top, right, bottom in pixels of the photo;
    input_boxes: the same in pixels of the network's input; scores (n,); features: p2 to p6."""

    boxes: torch.Tensor
    input_boxes: torch.Tensor
    scores: torch.Tensor
    features: list[torch.Tensor]


@torch.inference_mode()
def find_people(
    network: DensePoseRCNN,
    picture: np.ndarray,
    threshold: float,
    shorter_side: int = SHORTER_SIDE,
) -> People:
    """Everyone in the photo with a score above the threshold, without charts."""
    check_picture(picture)
    pixels, height, width = network_input(picture, shorter_side)
    parameter = next(network.parameters())
    features = network.features(pixels.to(parameter))
    input_boxes, scores = network.people(features, threshold, height, width)
    scale = input_boxes.new_tensor([picture.shape[1] / width, picture.shape[0] / height] * 2)
    boxes = clipped(input_boxes * scale, *picture.shape[:2])
    kept = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    return People(boxes[kept].cpu(), input_boxes[kept], scores[kept].cpu(), features)


def network_input(
    picture: np.ndarray, shorter_side: int = SHORTER_SIDE
) -> tuple[torch.Tensor, int, int]:
    """RGB photo to (1, 3, rows, columns) float32, and its height and width without padding."""
    height, width = picture.shape[:2]
    longest = round(shorter_side * LONGEST_SHAPE)
    scale = shorter_side / min(height, width)
    scale *= min(1, longest / (max(height, width) * scale))
    new_height, new_width = int(height * scale + 0.5), int(width * scale + 0.5)
    resized = resize(picture, new_width, new_height, "bilinear")
    pixels = resized[:, :, ::-1].astype(np.float32) - np.array(MEAN_BGR, dtype=np.float32)
    padding = (0, -new_width % SIDE_MULTIPLE, 0, -new_height % SIDE_MULTIPLE)
    return F.pad(torch.from_numpy(pixels.transpose(2, 0, 1))[None], padding), new_height, new_width


def whole_box(box: torch.Tensor) -> tuple[int, int, int, int]:
    """left, top, width, height in whole pixels, cut off and at least 1x1, as the reference has."""
    left, top, right, bottom = box.tolist()
    box_width, box_height = (box[2:] - box[:2]).tolist()
    return int(left), int(top), max(int(box_width), 1), max(int(box_height), 1)


def resampled(
    charts: Charts, index: int, width: int, height: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Labels (height, width) uint8 and, where charted, U and V (2, height, width) float32."""

    def at_box_size(chart: torch.Tensor) -> torch.Tensor:
        chart = chart[index : index + 1].float()
        return F.interpolate(chart, (height, width), mode="bilinear", align_corners=False)[0]

    body = at_box_size(charts.coarse).argmax(dim=0) > 0
    labels = at_box_size(charts.fine).argmax(dim=0) * body
    places = None
    if charts.u is not None and charts.v is not None:
        of_part = [at_box_size(chart).gather(0, labels[None])[0] for chart in (charts.u, charts.v)]
        places = (torch.stack(of_part) * (labels > 0)).cpu().numpy()
    return labels.to(torch.uint8).cpu().numpy(), places


def _chosen(boxes: torch.Tensor, person: str | Sequence[float]) -> int:
    if person == "best":
        return 0
    if person == "last":
        return len(boxes) - 1
    size = boxes[:, 2:] - boxes[:, :2]
    if isinstance(person, str):
        return int(size.prod(dim=1).argmax())
    wanted = torch.tensor([float(side) for side in person])
    common = (boxes[:, 2:].minimum(wanted[2:]) - boxes[:, :2].maximum(wanted[:2])).clamp(min=0)
    common, area = common.prod(dim=1), (wanted[2:] - wanted[:2]).prod()
    if not (common >= LEAST_COVERED * area).any():
        left, top, right, bottom = (round(float(side)) for side in person)
        raise NobodyFound(
            f"DensePose found {len(boxes)} in the photo, but not the person who is meant, from "
            f"({left}, {top}) to ({right}, {bottom}). Use a photo in which nobody stands before "
            "them, crop it to the person, or lower the threshold."
        )
    alike = common / (size.prod(dim=1) + area - common)
    return int(torch.where(common >= LEAST_COVERED * area, alike, -1.0).argmax())
