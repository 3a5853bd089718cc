"""The authors' own framing of pictures for IDM-VTON.

Pictures are uint8 (height, width, 3) RGB; sizes are given as width, height.
"""

from __future__ import annotations

import numpy as np

from ...images import resize

Box = tuple[float, float, float, float]
"""left, top, right, bottom in pixels of the photo; the picture cut there is rounded by Pillow."""


def stretch(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Pillow's bicubic, aspect not kept. Also for masks, uint8 (height, width).

    Golden stages: image.human, image.garment, image.mask, image.densepose.
    """
    return resize(picture, width, height)


def centre_box(width: int, height: int) -> Box:
    """The largest box of aspect 3:4 in the middle of a photo ("auto-crop" of the authors' demo)."""
    box_width = int(min(width, height * 3 / 4))
    box_height = int(min(height, width * 4 / 3))
    left, top = (width - box_width) / 2, (height - box_height) / 2
    return left, top, (width + box_width) / 2, (height + box_height) / 2


def cut_out(photo: np.ndarray, box: Box) -> np.ndarray:
    from PIL import Image

    return np.array(Image.fromarray(photo).crop(box))  # pyright: ignore[reportArgumentType]


def paste_back(photo: np.ndarray, box: Box, picture: np.ndarray) -> np.ndarray:
    """`picture` at the size of the cut-out, pasted at the box's corner cut to whole pixels.

    Golden stage: image.pasted_uint8.
    """
    from PIL import Image

    height, width = cut_out(photo, box).shape[:2]
    pasted = Image.fromarray(photo)
    pasted.paste(Image.fromarray(stretch(picture, width, height)), (int(box[0]), int(box[1])))
    return np.array(pasted)


def hand_mask(mask: np.ndarray) -> np.ndarray:
    """uint8 (height, width) of 0 and 255 from a hand-drawn mask, where every value counts."""
    return np.where(mask > 0, 255, 0).astype(np.uint8)


def greyed(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The photo with its masked part grey, as the demo shows it: float32 (height, width, 3), 0..1.

    mask: uint8 (height, width), 255 = repaint. Golden stage: image.mask_preview.
    """
    kept = 1 - mask[:, :, None].astype(np.float32) / 255
    return (kept * (photo.astype(np.float32) / 255 * 2 - 1) + 1) / 2
