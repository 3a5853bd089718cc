"""What WanVaceToVideo wants: 4n+1 frames, one mask a frame, and a flat grey hole in the frames.

Rules read in ComfyUI's comfy_extras/nodes_wan.py: a short control video makes the model invent the
rest, and a mask of one frame is not repeated. Masks are float32 (height, width), 1 = redraw;
pictures uint8 (height, width, 3).
"""

from __future__ import annotations

import numpy as np

from ..errors import InputError

SHAPES = ("garment", "box")
GREY = 127.5
FAINT = 0.02  # a mask's value from which a pixel is redrawn: the model's masks are all or nothing,
# since half a mask over a grey hole would leave grey in the picture


def whole_length(count: int, most: int) -> int:
    """The largest 4n+1 that is neither above `count` frames nor above `most`.

    Raises InputError where there is no frame.
    """
    if count < 1 or most < 1:
        raise InputError(f"At least one frame was wanted; {count} came, of at most {most}.")
    return (min(count, most) - 1) // 4 * 4 + 1


def shaped(mask: np.ndarray, shape: str, grow: int) -> np.ndarray:
    """The mask grown by pixels, or the box around it: a box leaves the model freer, for a garment
    of another outline than the old one."""
    if shape not in SHAPES:
        raise InputError(f"The shape must be {' or '.join(SHAPES)}, not {shape!r}.")
    if not (mask > 0.5).any():
        return np.zeros_like(mask)
    if shape == "box":
        rows, columns = np.flatnonzero((mask > 0.5).any(1)), np.flatnonzero((mask > 0.5).any(0))
        box = np.zeros_like(mask)
        box[
            max(rows[0] - grow, 0) : rows[-1] + 1 + grow,
            max(columns[0] - grow, 0) : columns[-1] + 1 + grow,
        ] = 1
        return box
    if grow <= 0:
        return mask
    from ..masking.rules_common import opencv

    cv2 = opencv()
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1, 2 * grow + 1))
    return cv2.dilate(mask, kernel)


def control_frame(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The frame with a flat grey hole where the mask is."""
    weight = (mask > FAINT).astype(np.float32)[..., None]
    return np.rint(picture * (1 - weight) + GREY * weight).astype(np.uint8)
