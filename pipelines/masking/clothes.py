"""Human parsing by networks of transformers, in the ATR labels that the mask rules take.

SegFormer trained for clothes (mattmdjaga/segformer_b2_clothes, fashn-ai/fashn-human-parser, …) and
Sapiens2 (facebook/sapiens2-seg-*), each from a folder in the layout of the hub. Nothing is
downloaded. Networks differ in what they call and tell apart; labels go to ATR by name, and where a
network does not tell left from right, the map is split along the person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ..errors import InputError
from ..files.published import load_published
from ..processor import Processor, load_processor
from .rules_common import ATR, opencv, resized_labels
from .rules_fashn import FASHN, of_atr

SAPIENS2 = (
    "background", "apparel", "eyeglass", "face_neck", "hair", "left_foot", "left_hand",
    "left_lower_arm", "left_lower_leg", "left_shoe", "left_sock", "left_upper_arm",
    "left_upper_leg", "lower_clothing", "right_foot", "right_hand", "right_lower_arm",
    "right_lower_leg", "right_shoe", "right_sock", "right_upper_arm", "right_upper_leg", "torso",
    "upper_clothing", "lower_lip", "upper_lip", "lower_teeth", "upper_teeth", "tongue",
)  # fmt: skip
"""Its published configuration carries no names; these are of its documentation."""

NAMELESS = {29: SAPIENS2, 18: tuple(ATR)[:18]}
"""Number of labels -> names, for configurations without."""

ARM, LEG, SHOE, APPAREL = 100, 101, 102, 103
"""Stand for labels that a name alone does not decide."""

SIDES = {ARM: ("left_arm", "right_arm"), LEG: ("left_leg", "right_leg"),
         SHOE: ("left_shoe", "right_shoe")}  # fmt: skip

# Bare skin of the trunk counts as neck: like it, it is repainted with the upper body.
MEANINGS: Mapping[str, int] = {
    **ATR,
    **dict.fromkeys(("upper_clothes", "upper_clothing", "top", "coat", "jacket"), ATR["upper"]),
    **dict.fromkeys(("pants", "shorts", "lower_clothing"), ATR["trousers"]),
    **dict.fromkeys(("jumpsuit", "jumpsuits"), ATR["dress"]),
    **dict.fromkeys(("glasses", "eyeglass"), ATR["sunglasses"]),
    **dict.fromkeys(("face_neck", "lower_lip", "upper_lip", "lower_teeth", "upper_teeth",
                     "tongue"), ATR["face"]),
    **dict.fromkeys(("torso", "torso_skin", "jewelry"), ATR["neck"]),
    **{f"{side}_{part}": ATR[f"{side}_arm"] for side in ("left", "right")
       for part in ("hand", "lower_arm", "upper_arm")},
    **{f"{side}_{part}": ATR[f"{side}_leg"] for side in ("left", "right")
       for part in ("foot", "sock", "lower_leg", "upper_leg")},
    **dict.fromkeys(("arms", "hands", "glove", "gloves"), ARM),
    **dict.fromkeys(("legs", "feet", "socks"), LEG),
    **dict.fromkeys(("shoe", "shoes"), SHOE),
    "apparel": APPAREL,
}  # fmt: skip

LONGEST_MAP = 1536
"""Scores are enlarged to at most this side; beyond it labels are repeated."""

GARMENT_SHARE = 0.05
"""Of the person's area: apparel at least so large is a dress, smaller a thing that is kept."""


FASHN_INPUT = (384, 576)
"""Width and height at which FASHN's own program shows a photo to its network."""

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures."""


@dataclass(frozen=True)
class ClothesParser:
    """network: of transformers. processor: makes its pictures. meanings: (labels of the network,)
    uint8, ATR numbers and the placeholders above. title: its kind, for reports. fashn: whether its
    own labels are FASHN's."""

    network: Any
    processor: Processor | Callable[[Sequence[np.ndarray]], torch.Tensor]
    meanings: np.ndarray
    title: str = "a clothes parser"
    fashn: bool = False

    def parse(self, picture: np.ndarray) -> np.ndarray:
        """ATR labels of a photo, (height, width, 3) uint8 RGB -> (height, width) uint8."""
        height, width = picture.shape[:2]
        shrink = min(1, LONGEST_MAP / max(height, width))
        size = (max(1, round(height * shrink)), max(1, round(width * shrink)))
        labels = _decided(self.meanings[_best(self.scores(picture, *size))])
        return resized_labels(labels, width, height)

    def fashn_labels(self, picture: np.ndarray) -> np.ndarray:
        """FASHN's labels (`rules_fashn.FASHN`) of a photo: as its own network has them, or from
        ATR's of another."""
        if self.fashn:
            return _best(self.scores(picture, *picture.shape[:2]))
        return of_atr(self.parse(picture))

    @torch.inference_mode()
    def scores(self, picture: np.ndarray, height: int, width: int) -> torch.Tensor:
        """(1, labels, height, width) float32 of a photo of any size."""
        pixels = self.processor([picture]).to(self.network.device, self.network.dtype)
        scores = self.network(pixel_values=pixels).logits.float()
        return F.interpolate(scores, size=(height, width), mode="bilinear", align_corners=False)


def _best(scores: torch.Tensor) -> np.ndarray:
    return scores[0].max(dim=0).indices.to(torch.uint8).cpu().numpy()


def fashn_input(pictures: Sequence[np.ndarray]) -> torch.Tensor:
    """(pictures, 3, 576, 384) float32 as FASHN's own program makes them, whatever the published
    processor says: averaged down, aspect not kept."""
    cv2 = opencv()
    seen = np.stack([cv2.resize(p, FASHN_INPUT, interpolation=cv2.INTER_AREA) for p in pictures])
    normed = (seen.astype(np.float32) / 255 - np.array(MEAN, np.float32)) / np.array(
        DEVIATION, np.float32
    )
    return torch.from_numpy(normed.transpose(0, 3, 1, 2))


def load_clothes_parser(folder: Path | str) -> ClothesParser:
    """A network of transformers from its folder.

    Raises MissingFiles for a folder that does not hold one, InputError for labels with names that
    are not known here.
    """
    from transformers import AutoModelForSemanticSegmentation

    network = load_published(AutoModelForSemanticSegmentation, folder, "a parsing network")
    fashn = tuple(_names(network.config.id2label)) == tuple(FASHN)
    processor = fashn_input if fashn else load_processor(folder)
    meanings = _meanings(network.config.id2label, str(folder))
    title = type(network).__name__.removesuffix("ForSemanticSegmentation")
    return ClothesParser(network.eval().requires_grad_(False), processor, meanings, title, fashn)


def _names(labels: Mapping[int, str]) -> list[str]:
    """What a network calls its labels, in order."""
    ordered = [
        re.sub(r"[^a-z0-9]+", "_", str(labels[i]).lower()).strip("_") for i in range(len(labels))
    ]
    if all(re.fullmatch(r"label_\d+", name) for name in ordered):
        ordered = list(NAMELESS.get(len(ordered), ordered))
    return ordered


def _meanings(labels: Mapping[int, str], source: str) -> np.ndarray:
    ordered = _names(labels)
    unknown = [name for name in ordered if name not in MEANINGS]
    if unknown:
        raise InputError(
            f"The parsing network in {source} has labels that are not known here: "
            f"{', '.join(unknown)}. Use a clothes parser with ATR's labels, FASHN's, or Sapiens2."
        )
    return np.array([MEANINGS[name] for name in ordered], dtype=np.uint8)


def _decided(labels: np.ndarray) -> np.ndarray:
    """The map with placeholders replaced."""
    result = labels.copy()
    if (labels == APPAREL).any():
        result = _with_apparel(result)
    if np.isin(labels, list(SIDES)).any():
        picture_left = _left_of_person(labels)
        for placeholder, (left, right) in SIDES.items():
            # Who faces the camera has the right arm on the picture's left.
            result[(labels == placeholder) & picture_left] = ATR[right]
            result[(labels == placeholder) & ~picture_left] = ATR[left]
    return result


def _with_apparel(labels: np.ndarray) -> np.ndarray:
    """Sapiens2's apparel is what is neither upper nor lower clothing: a hat above the face, a dress
    if it is large, else something that is kept like a bag."""
    count, parts, stats, centres = opencv().connectedComponentsWithStats(
        (labels == APPAREL).astype(np.uint8)
    )
    person = (labels > 0).sum()
    face_rows = np.flatnonzero((labels == ATR["face"]).any(axis=1))
    meaning = np.zeros(count, dtype=np.uint8)
    for part in range(1, count):
        if len(face_rows) and centres[part][1] < face_rows.mean():
            meaning[part] = ATR["hat"]
        else:
            large = stats[part][4] >= GARMENT_SHARE * person
            meaning[part] = ATR["dress" if large else "bag"]
    return np.where(parts > 0, meaning[parts], labels)


def _left_of_person(labels: np.ndarray) -> np.ndarray:
    """Where the picture's left of the person's middle is, the middle taken row by row of what is
    not limbs, as a straight line."""
    rows, columns = np.nonzero((labels > 0) & ~np.isin(labels, list(SIDES)))
    if not len(rows):
        rows, columns = np.nonzero(labels > 0)
    middle = np.polyval(_line(rows, columns), np.arange(labels.shape[0]))
    return np.arange(labels.shape[1])[None] < middle[:, None]


def _line(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Slope and start of the person's axis, no flatter than 45 degrees."""
    spread = ((rows - rows.mean()) ** 2).sum()
    slope = ((rows - rows.mean()) * (columns - columns.mean())).sum() / spread if spread else 0.0
    slope = float(np.clip(slope, -1, 1))
    return np.array([slope, columns.mean() - slope * rows.mean()])
