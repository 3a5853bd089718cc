"""Who is in the photo: landmarks, key points and mask of one person, from MediaPipe's networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import NobodyFound
from .keypoints import KeyPoints
from .mediapipe.decoding import CROP_SIZE, DETECTOR_SIZE, Crop, decode_people, person_crop
from .mediapipe.networks import PersonDetector, PoseLandmarks, SelfieSegmentation

WEIGHTS = Path(__file__).parent / "mediapipe"
LEAST_SCORE = 0.5  # MediaPipe's, for the detector and for the landmarks' flag
LEAST_VISIBILITY = 0.3

# MediaPipe's landmark of each OpenPose point; the neck is the middle of both shoulders.
LANDMARK_OF = (0, None, 12, 14, 16, 11, 13, 15, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7)
SHOULDERS = (11, 12)


class BodyModel(nn.Module):
    """The three networks, ready to run: `detector`, `landmarks`, `segmentation`."""

    def __init__(self):
        super().__init__()
        self.detector = PersonDetector()
        self.landmarks = PoseLandmarks()
        self.segmentation = SelfieSegmentation()

    @property
    def device(self) -> torch.device:
        return self.landmarks.flag.weight.device


def load_body_model(device: str | torch.device = "cpu") -> BodyModel:
    """The networks with the weights of this package, in 32 bits."""
    with torch.device("meta"):
        model = BodyModel()
    for part, file in (
        (model.detector, "person_detector"),
        (model.landmarks, "pose_landmarks"),
        (model.segmentation, "selfie_segmentation"),
    ):
        weights = load_file(WEIGHTS / f"{file}.safetensors")
        part.load_state_dict({k: w.float() for k, w in weights.items()}, assign=True)
    model = model.eval().requires_grad_(False)
    return model.to(device=device, memory_format=torch.channels_last)


@dataclass(frozen=True)
class Person:
    """Somebody the detector saw. box: (left, top, right, bottom) of the whole body in picture
    pixels, roughly; score 0..1; crop: the rotated square that the landmarks are read from."""

    box: tuple[float, float, float, float]
    score: float
    crop: Crop


@dataclass(frozen=True)
class Body:
    """One person. landmarks: (33, 5) float32, x, y, z in picture pixels (z towards the camera is
    negative), visibility and presence 0..1; mask: (height, width) float32, 1 = this person;
    box: (left, top, right, bottom) of the mask in pixels; score: 0..1, that a person is there."""

    landmarks: np.ndarray
    mask: np.ndarray
    box: tuple[int, int, int, int]
    score: float

    @property
    def keypoints(self) -> KeyPoints:
        """The 18 OpenPose points; hidden ones and ones outside the picture are missing."""
        height, width = self.mask.shape
        shoulders = self.landmarks[list(SHOULDERS)]
        rows = [
            shoulders.mean(axis=0) if landmark is None else self.landmarks[landmark]
            for landmark in LANDMARK_OF
        ]
        points = np.stack(rows)[:, (0, 1, 3)].astype(np.float32)
        inside = (
            (points[:, 0] >= 0) & (points[:, 1] >= 0)
            & (points[:, 0] < width) & (points[:, 1] < height)
            & (points[:, 2] >= LEAST_VISIBILITY)
        )  # fmt: skip
        return KeyPoints(points * inside[:, None], width, height)


def cut_out(picture: Image.Image, crop: Crop, size: int) -> Tensor:
    """The crop as (1, 3, size, size), 0..1; black where it leaves the picture."""
    a, b, c, d, e, f = (crop.affine() / [[size, size, 1]]).ravel()
    turned = picture.transform(
        (size, size), Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR
    )
    pixels = torch.from_numpy(np.array(turned))[None].permute(0, 3, 1, 2)
    return pixels.float().div_(255)


def find_people(model: BodyModel, picture: np.ndarray) -> list[Person]:
    """Everybody the detector sees in the picture (height, width, 3), the largest first."""
    return _detect(model, Image.fromarray(picture))


def _detect(model: BodyModel, picture: Image.Image) -> list[Person]:
    side = max(picture.size)
    whole = Crop(picture.width / 2, picture.height / 2, side)
    factor = max(side // (2 * DETECTOR_SIZE), 1)
    small = picture.reduce(factor)
    pixels = cut_out(small, Crop(whole.x / factor, whole.y / factor, side / factor), DETECTOR_SIZE)
    with torch.inference_mode():
        boxes, logits = model.detector((pixels * 2 - 1).to(model.device))
    scores, points = decode_people(boxes[0].cpu().numpy(), logits[0].cpu().numpy(), LEAST_SCORE)
    people = []
    for score, places in zip(scores, points, strict=True):
        corners = whole.to_picture(places)
        crop = person_crop(corners[2], corners[3])
        radius = crop.size / 2.5
        box = (
            max(crop.x - radius, 0.0),
            max(crop.y - radius, 0.0),
            min(crop.x + radius, float(picture.width)),
            min(crop.y + radius, float(picture.height)),
        )
        people.append(Person(box, float(score), crop))
    return sorted(people, key=lambda person: -person.crop.size)


def find_body(model: BodyModel, picture: np.ndarray, index: int = 0) -> Body:
    """The person number `index`, the largest being 0, in the picture (height, width, 3) uint8.

    Raises NobodyFound.
    """
    image = Image.fromarray(picture)
    people = _detect(model, image)
    if not people:
        raise NobodyFound("Nobody was found in the photo. Use one that shows a face or upper body.")
    if index >= len(people):
        raise NobodyFound(f"Person {index} was asked for, but {len(people)} found.")
    crop = people[index].crop
    factor = max(int(crop.size / CROP_SIZE / 1.5), 1)
    small = image.reduce(factor)
    reduced = Crop(crop.x / factor, crop.y / factor, crop.size / factor, crop.angle)
    pixels = cut_out(small, reduced, CROP_SIZE)
    with torch.inference_mode():
        raw, flag, mask = model.landmarks(pixels.to(model.device))
        values = raw[0, :33].cpu().numpy()
        score = float(torch.sigmoid(flag[0]))
        # places of picture pixels in the crop
        height, width = picture.shape[:2]
        inverse = np.linalg.inv(np.vstack([crop.affine(), [0, 0, 1]]))[:2]
        inv = torch.tensor(inverse, dtype=torch.float32)
        xs = torch.arange(width) + 0.5
        ys = torch.arange(height) + 0.5
        gx = inv[0, 0] * xs[None] + inv[0, 1] * ys[:, None] + inv[0, 2]
        gy = inv[1, 0] * xs[None] + inv[1, 1] * ys[:, None] + inv[1, 2]
        grid = torch.stack([gx, gy], -1)[None] * 2 - 1
        full = torch.sigmoid(mask)[None].cpu()
        full = torch.nn.functional.grid_sample(full, grid, align_corners=False)[0, 0].numpy()
    xy = crop.to_picture(values[:, :2] / CROP_SIZE)
    z = values[:, 2:3] * crop.size / CROP_SIZE
    sure = 1 / (1 + np.exp(-values[:, 3:5]))
    landmarks = np.concatenate([xy, z, sure], 1).astype(np.float32)
    rows = np.flatnonzero((full > 0.5).any(1))
    columns = np.flatnonzero((full > 0.5).any(0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return Body(landmarks, full, box, score)
