"""Human parsing: a photo to a map of labels (hair, upper clothes, left arm, …).

The label numbers are in rules_common.py: `ATR` (18 labels; 18 = neck is added by `atr_with_neck`)
and `LIP` (20). Maps are uint8 (height, width) at the photo's size.

    network = load_schp(folder / "exp-schp-201908301523-atr.pth")
    (labels,) = parse(network, [photo])

The published programs of OOTDiffusion, IDM-VTON and Leffa run an ATR and a LIP network, and merge:

    labels = atr_with_neck(*parse(atr, [photo]), *parse(lip, [photo]))
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ..errors import InputError
from .clothes import ClothesParser, load_clothes_parser
from .keypoints import KeyPoints
from .layers import load_network
from .rules_common import ATR, LIP, check_labels, opencv, without_holes
from .schp.network import UNUSED, Schp
from .schp.onnx import OnnxSchp, load_onnx
from .schp.warp import network_input, picture_labels

INPUT_SIZES = {18: 512, 20: 473}
"""Number of labels -> side of the network's square input: ATR, LIP."""

LARGE_HOLE = 2000
"""Pixels: a hole in the upper clothes above this is no fold or shadow but something else."""

CHIN = 0.5
"""From the nose to the point between the shoulders."""

ORDERS = ("bgr", "rgb")


def load_parser(path: Path | str) -> Schp | OnnxSchp | ClothesParser:
    """Any parsing network: a file of SCHP, or a folder of transformers. Raises as they do."""
    return load_clothes_parser(path) if Path(path).is_dir() else load_schp(path)


def load_schp(path: Path | str) -> Schp | OnnxSchp:
    """The ATR or LIP network of a published .pth (or converted .safetensors) or .onnx file.

    Raises MissingFiles for a file that is absent, damaged or of another network, InputError for an
    .onnx file where onnxruntime is not installed.
    """
    if Path(path).suffix == ".onnx":
        return load_onnx(path)
    return load_network(Schp, path, prefix="module.", unused=UNUSED)


def parse(
    network: Schp | OnnxSchp | ClothesParser,
    pictures: Sequence[np.ndarray],
    order: str = "bgr",
    size: int | None = None,
) -> list[np.ndarray]:
    """Label maps of photos, each uint8 at its photo's size; the photos run as one batch.

    pictures: uint8 (height, width, 3) RGB of any sizes. The network runs where its weights are.
    order: the network was trained on BGR, and so it is fed. CatVTON's program feeds RGB unchanged;
    "rgb" repeats that (the golden stages preprocessed.N of atr_tiny and lip_tiny need it).
    size: side of the input, by default that of the published network with as many labels.
    A network of transformers gives ATR labels, and takes neither order nor size.
    Raises InputError.
    """
    if isinstance(network, ClothesParser):
        for picture in pictures:
            check_picture(picture)
        return [network.parse(picture) for picture in pictures]
    size = size or _input_size(network)
    scores = label_scores(network, pictures, order, size)
    return [
        picture_labels(one, picture.shape[0], picture.shape[1], size)
        for one, picture in zip(scores, pictures, strict=True)
    ]


@torch.inference_mode()
def label_scores(
    network: Schp | OnnxSchp, pictures: Sequence[np.ndarray], order: str, size: int
) -> torch.Tensor:
    """What the network says of each photo: (batch, labels, rows, columns), before enlarging."""
    if order not in ORDERS:
        raise InputError(f"The colour order must be one of {', '.join(ORDERS)}; got {order!r}.")
    for picture in pictures:
        check_picture(picture)
    step = -1 if order == "bgr" else 1
    batch = torch.from_numpy(np.stack([network_input(p[:, :, ::step], size) for p in pictures]))
    if isinstance(network, Schp):
        batch = batch.to(network.conv1.weight)
    return network(batch)


def atr_with_neck(atr: np.ndarray, lip: np.ndarray) -> np.ndarray:
    """The map that the mask rules of OOTDiffusion, IDM-VTON and Leffa read: ATR, and 18 = neck.

    atr, lip: uint8 label maps of one photo. ATR calls the neck face; where LIP does not, it is
    neck. Small holes in the upper clothes are filled. Raises InputError.
    """
    check_labels(atr, "ATR")
    check_labels(lip, "LIP")
    if atr.shape != lip.shape:
        raise InputError(
            f"The ATR map is {atr.shape[1]}x{atr.shape[0]} and the LIP map {lip.shape[1]}x"
            f"{lip.shape[0]}. Make both from the same picture."
        )
    merged = np.where(_small_holes(atr), np.uint8(ATR["upper"]), atr)
    neck = (merged == ATR["face"]) & (lip != LIP["face"])
    return np.where(neck, np.uint8(ATR["neck"]), merged)


def vitonhd_labels(lip: np.ndarray) -> np.ndarray:
    """A LIP map in the labels of VITON-HD's own maps, which the rule of LaDI-VTON reads.

    Their 10 is the neck, LIP's 10 a jumpsuit, which there is a dress. Where the neck is LIP does
    not tell, and the rule does not ask: it neither keeps nor repaints label 10. Raises InputError.
    """
    check_labels(lip, "LIP")
    return np.where(lip == LIP["jumpsuit"], np.uint8(LIP["dress"]), lip)


def neck_by_points(atr: np.ndarray, keypoints: KeyPoints) -> np.ndarray:
    """An ATR map (one of other parsers, say) with 18 = neck: face that lies below the chin.

    The chin is put halfway from the nose to the neck point. Without these points the map comes
    back as it is. keypoints: of a picture of the map's size. Raises InputError.
    """
    check_labels(atr, "ATR")
    nose, neck = keypoints.points[0], keypoints.points[1]
    if not (nose[2] > 0 and neck[2] > 0):
        return atr
    down = neck[:2] - nose[:2]
    y, x = np.nonzero(atr == ATR["face"])
    below = ((x - nose[0]) * down[0] + (y - nose[1]) * down[1]) > CHIN * (down @ down)
    marked = atr.copy()
    marked[y[below], x[below]] = ATR["neck"]
    return marked


def _small_holes(atr: np.ndarray) -> np.ndarray:
    """Where something else shows through upper clothes and arms, in a small area only."""
    cv2 = opencv()
    arms = (atr == ATR["left_arm"]) | (atr == ATR["right_arm"])
    covered = np.pad(arms | (atr == ATR["upper"]), 1)
    holes = without_holes(covered) & ~covered
    outlines, _ = cv2.findContours(holes.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_TC89_L1)
    large = np.zeros(holes.shape, dtype=np.uint8)
    for index, outline in enumerate(outlines):
        if cv2.contourArea(outline) > LARGE_HOLE:
            cv2.drawContours(large, outlines, index, color=1, thickness=-1)
    return (holes & (large == 0))[1:-1, 1:-1]


def check_picture(picture: np.ndarray) -> None:
    """Raises InputError for what is no uint8 RGB picture of at least 16x16 pixels."""
    shape = getattr(picture, "shape", ())
    if len(shape) != 3 or shape[2] != 3 or picture.dtype != np.uint8 or min(shape[:2]) < 16:
        raise InputError(
            "A picture must be a uint8 array (height, width, 3) of at least 16x16 pixels; got "
            f"{tuple(shape)} of {getattr(picture, 'dtype', type(picture).__name__)}."
        )


def _input_size(network: Schp | OnnxSchp) -> int:
    if network.labels not in INPUT_SIZES:
        raise InputError(
            f"A parsing network with {network.labels} labels is neither ATR (18) nor LIP (20); "
            "the mask rules know no others."
        )
    return INPUT_SIZES[network.labels]
