"""The authors' own framing of pictures for Leffa, and what their app does after the model.

Pictures are uint8 (height, width, 3) RGB unless said otherwise. The tensors given to the pipeline
are (1, channels, height, width) float32 in 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError, NobodyFound, NoGarmentFound
from ...images import resize
from ...masking.densepose import (
    DensePose,
    coloured,
    label_picture,
    place_picture,
    read_densepose,
)
from ...masking.densepose_rcnn.network import DensePoseRCNN

VARIANTS = ("virtual_tryon", "virtual_tryon_dc", "pose_transfer")
PARTS = 24
"""DensePose's body parts, labels 1..24; 0 is background."""


def letterbox(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """The whole picture, its aspect kept, centred on a white canvas of width x height.

    picture: (h, w, 3), (h, w, 4), whose alpha is dropped without blending as the authors do, or
    grey (h, w). Golden stages: letterbox.*, pre.src_image.
    """
    import cv2

    if picture.ndim == 2:
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    picture = np.ascontiguousarray(picture[:, :, :3])
    scale = min(height / picture.shape[0], width / picture.shape[1])
    inner_width, inner_height = int(picture.shape[1] * scale), int(picture.shape[0] * scale)
    if inner_width < 1 or inner_height < 1:
        raise InputError(
            f"The picture is {picture.shape[1]}x{picture.shape[0]}, too narrow to be fitted into "
            f"{width}x{height}. Crop it first."
        )
    canvas = np.full((height, width, 3), 255, dtype=np.uint8)
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    canvas[top : top + inner_height, left : left + inner_width] = cv2.resize(
        picture, (inner_width, inner_height), interpolation=cv2.INTER_CUBIC
    )
    return canvas


def centre_garment(picture: np.ndarray, width: int = 768, height: int = 1024) -> np.ndarray:
    """A cut-out garment, (h, w, 4), on a square of the canvas's width in a white canvas.

    The square crop is centred on the garment and moved inside the picture where it fits.
    (height, width, 4). Golden stages: garment_canvas.*. Raises NoGarmentFound if nothing is opaque.
    """
    from PIL import Image

    cutout = Image.fromarray(picture, "RGBA")
    box = cutout.getchannel("A").getbbox()
    if box is None:
        raise NoGarmentFound(
            "The garment picture is transparent everywhere. Give one with a garment cut out."
        )
    left, top, right, bottom = box
    side = max(right - left, bottom - top)
    left = _inside(left + (right - left) // 2 - side // 2, side, cutout.width)
    top = _inside(top + (bottom - top) // 2 - side // 2, side, cutout.height)
    square = np.asarray(cutout.crop((left, top, left + side, top + side)))
    square = Image.fromarray(resize(square, width, width, "lanczos"), "RGBA")
    canvas = Image.new("RGBA", (width, height), (255, 255, 255, 255))
    canvas.paste(square, (0, (height - width) // 2), square)
    return np.array(canvas)


def _inside(start: int, length: int, limit: int) -> int:
    """The authors' order: away from the near edge first, then from the far one."""
    start = max(start, 0)
    return limit - length if start + length > limit else start


def unit(picture: np.ndarray) -> Tensor:
    """A picture, its sides cut down to multiples of 8 by resizing, as (1, 3, height, width)."""
    return torch.from_numpy(_to_multiple_of_8(picture)).permute(2, 0, 1)[None].float() / 255


def unit_mask(mask: np.ndarray) -> Tensor:
    """A mask, uint8 (height, width), as (1, 1, height, width) of exactly 0 and 1 (from 0.5 up)."""
    grey = torch.from_numpy(_to_multiple_of_8(mask)).float() / 255
    return (grey >= 0.5).float()[None, None]


def unit_body_map(picture: np.ndarray) -> Tensor:
    """U, V and label (0..24) each stretched to 0..1, as in the authors' training of pose_transfer.

    Sides are cut down to multiples of 8 without mixing labels (nearest). Their app does neither: it
    gives `unit` for every variant, and so does the pipeline by default.
    Golden stage: transform.pose_transfer.densepose.
    """
    whole = _to_multiple_of_8(picture, "nearest")
    scaled = torch.from_numpy(whole).permute(2, 0, 1)[None].float()
    return scaled / torch.tensor([255.0, 255.0, PARTS])[:, None, None]


def resize_mask(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """A mask of the authors' maskers, uint8 (h, w), at the model's size: Pillow's bicubic."""
    return resize(mask, width, height)


def _to_multiple_of_8(picture: np.ndarray, how: str = "lanczos") -> np.ndarray:
    height, width = (side - side % 8 for side in picture.shape[:2])
    return resize(picture, width, height, how)


def read_body_map(
    network: DensePoseRCNN,
    photo: np.ndarray,
    variant: str,
    person: Sequence[float] | None = None,
) -> np.ndarray:
    """DensePose's picture of a photo as the variant was trained with it, (height, width, 3).

    As the authors do it: at the model's own size, with red and blue swapped on the way into
    DensePose, above a score of 0.5. person: a box (left, top, right, bottom) around the one who is
    meant, who must be there: NobodyFound. None takes whom the authors' code takes of several: the
    last found for virtual_tryon, where nobody is a black picture, and the best for the others,
    where nobody raises NobodyFound.
    """
    swapped = np.ascontiguousarray(photo[:, :, ::-1])
    published = "last" if variant == "virtual_tryon" else "best"
    try:
        found = read_densepose(
            network,
            swapped,
            threshold=0.5,
            person=published if person is None else person,
            with_places=variant == "pose_transfer",
        )
    except NobodyFound:
        if person is not None or variant != "virtual_tryon":
            raise
        return np.zeros_like(photo)
    return body_map(found, variant)


def body_map(found: DensePose, variant: str) -> np.ndarray:
    """DensePose's findings drawn as the variant wants them, (height, width, 3).

    virtual_tryon: the parts in colours. virtual_tryon_dc: their numbers as grey. pose_transfer:
    channels U, V and number. Golden stages: densepose.*.
    """
    draw = {
        "virtual_tryon": coloured,
        "virtual_tryon_dc": label_picture,
        "pose_transfer": place_picture,
    }
    return draw[variant](found)


def repaint(person: np.ndarray, generated: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The person's pixels outside a softened mask, the generated ones inside.

    mask: uint8 (height, width), 255 = generated. Blurred with Pillow's Gaussian of radius
    height // 100, made odd. Golden stages: repaint.*.
    """
    from PIL import Image, ImageFilter

    radius = mask.shape[0] // 100
    radius += radius % 2 == 0
    blurred = np.array(Image.fromarray(mask).filter(ImageFilter.GaussianBlur(radius)))
    weight = blurred[:, :, None] / 255
    return (person * (1 - weight) + generated * weight).astype(np.uint8)
