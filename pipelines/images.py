"""Pictures in and out: reading files, cropping for a model and its inverse, mask composite.

Tensors here are (batch, channels, height, width) float32 in 0..1, RGB. Masks are
(batch, 1, height, width) float32 in 0..1, 1 = repaint. torch is imported by what works on tensors:
whoever only reads and writes pictures does not wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import InputError
from .picture_files import eight_bits, encoded, opened, upright
from .writing import write_whole

if TYPE_CHECKING:
    import torch
    from PIL import Image

SMALLEST_SIDE = 32


@dataclass(frozen=True)
class Crop:
    """A region of a photo, and the size at which a model sees it.

    left, top, width, height: pixels of the photo; the region may reach beyond its edges.
    model_width, model_height: pixels of the cropped picture.
    photo_width, photo_height: pixels of the photo that the region belongs to.
    """

    left: int
    top: int
    width: int
    height: int
    model_width: int
    model_height: int
    photo_width: int
    photo_height: int


def crop_around(mask: torch.Tensor, width: int, height: int, context: float = 0.25) -> Crop:
    """The smallest region of the aspect width:height around a mask, with some context.

    mask: (height, width) float32 of the photo. context: how much is added around the mask's box,
    as a share of its longer side. Where the region fits into the photo it is moved inside;
    otherwise it reaches beyond the edges and is filled there by `cut`.
    Raises InputError for an empty mask.
    """
    import torch

    photo_height, photo_width = mask.shape
    rows = torch.nonzero(mask.amax(dim=1) > 0).flatten()
    columns = torch.nonzero(mask.amax(dim=0) > 0).flatten()
    if len(rows) == 0:
        raise InputError(
            "The crop needs a mask with something to repaint, and this one is empty. "
            "Connect the mask of the Garment Mask node or draw one in the mask editor."
        )
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    left, right = int(columns[0]), int(columns[-1]) + 1
    margin = context * max(bottom - top, right - left)
    box_width, box_height = right - left + 2 * margin, bottom - top + 2 * margin
    scale = max(box_width / width, box_height / height)
    region_width, region_height = round(width * scale), round(height * scale)
    return Crop(
        left=_inside((left + right - region_width) // 2, region_width, photo_width),
        top=_inside((top + bottom - region_height) // 2, region_height, photo_height),
        width=region_width,
        height=region_height,
        model_width=width,
        model_height=height,
        photo_width=photo_width,
        photo_height=photo_height,
    )


def over_white(colours: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Colours in 0..1 with white where alpha, 1 = opaque and broadcastable, is 0."""
    return colours * alpha + 1 - alpha


def letterbox(photo_width: int, photo_height: int, width: int, height: int) -> Crop:
    """The whole photo, centred in a region of the aspect width:height."""
    scale = max(photo_width / width, photo_height / height)
    region_width = max(photo_width, round(width * scale))
    region_height = max(photo_height, round(height * scale))
    return Crop(
        left=(photo_width - region_width) // 2,
        top=(photo_height - region_height) // 2,
        width=region_width,
        height=region_height,
        model_width=width,
        model_height=height,
        photo_width=photo_width,
        photo_height=photo_height,
    )


def _inside(start: int, length: int, limit: int) -> int:
    """Moves a span into 0..limit; centres it where it is longer than that."""
    if length >= limit:
        return (limit - length) // 2
    return min(max(start, 0), limit - length)


def cut(
    picture: torch.Tensor, crop: Crop, fill: str = "replicate", mode: str = "bicubic"
) -> torch.Tensor:
    """The region of a photo at the model's size: (batch, channels, model_height, model_width).

    picture: (batch, channels, photo_height, photo_width). fill: what stands beyond the photo's
    edges: "replicate" (its outermost pixels, for photos) or "constant" (0, for masks).
    mode: "bicubic", or "nearest-exact" for pictures of labels, whose values must not be mixed.
    """
    import torch.nn.functional as F

    _expect_photo(picture, crop)
    left, top = max(crop.left, 0), max(crop.top, 0)
    right = min(crop.left + crop.width, crop.photo_width)
    bottom = min(crop.top + crop.height, crop.photo_height)
    region = picture[:, :, top:bottom, left:right]
    around = (
        left - crop.left, crop.left + crop.width - right,
        top - crop.top, crop.top + crop.height - bottom,
    )  # fmt: skip
    if any(around):
        region = F.pad(region, around, mode=fill)
    if mode != "bicubic":
        return F.interpolate(region, (crop.model_height, crop.model_width), mode=mode)
    return resample(region, crop.model_width, crop.model_height)


def paste(photo: torch.Tensor, picture: torch.Tensor, mask: torch.Tensor, crop: Crop,
          feather: int = 0) -> torch.Tensor:  # fmt: skip
    """The inverse of `cut`: the model's picture put back where the mask allows it.

    photo: (batch, channels, photo_height, photo_width). picture: (batch, channels, any height, any
    width) of the crop's region. mask: (batch, 1, photo_height, photo_width), 1 = take the picture.
    feather: pixels over which the picture fades in, inside the mask. Its colours are moved to the
    photo's as far as they differ around the mask (see seams). Where the mask is 0, and outside the
    region, the photo's pixels come back bit-identical.
    """
    import torch

    from .seams import matched

    _expect_photo(photo, crop)
    region = resample(picture, crop.width, crop.height)
    left, top = max(crop.left, 0), max(crop.top, 0)
    right = min(crop.left + crop.width, crop.photo_width)
    bottom = min(crop.top + crop.height, crop.photo_height)
    placed = photo.clone()
    placed[:, :, top:bottom, left:right] = region[
        :, :, top - crop.top : bottom - crop.top, left - crop.left : right - crop.left
    ]
    reach = torch.zeros_like(mask)
    reach[:, :, top:bottom, left:right] = 1
    placed = matched(photo, placed, mask, reach)
    return composite(photo, placed, mask * reach, feather)


def composite(photo: torch.Tensor, picture: torch.Tensor, mask: torch.Tensor,
              feather: int = 0) -> torch.Tensor:  # fmt: skip
    """picture where mask is 1, photo where it is 0, a mixture between.

    All (batch, channels, height, width); the mask has one channel. With `feather` the mixture
    begins at the mask's edge and ends that many pixels inside it, so that it never reaches out.
    Where the mask is 0 the photo's values are returned untouched, not multiplied by one.
    """
    import torch

    weight = mask.clamp(0, 1)
    if feather > 0:
        inside = (2 * _blur(weight, feather) - 1).clamp(0, 1)
        weight = weight * inside
    return torch.where(weight > 0, photo + (picture - photo) * weight, photo)


def _blur(mask: torch.Tensor, radius: int) -> torch.Tensor:
    """Two box blurs of together about `radius` pixels, with the border repeated."""
    import torch.nn.functional as F

    size = 2 * (radius // 2) + 1
    for _ in range(2):
        padded = F.pad(mask, (size // 2, size // 2, size // 2, size // 2), mode="replicate")
        mask = F.avg_pool2d(padded, size, stride=1)
    return mask


def resize(
    picture: np.ndarray,
    width: int,
    height: int,
    how: str = "bicubic",
    box: tuple[float, float, float, float] | None = None,
) -> np.ndarray:
    """An array at another size by Pillow: every row first, then every column.

    picture: uint8 (height, width), (height, width, 3) or (height, width, 4) with transparency, or
    float32 (height, width). how: nearest, box, bilinear, hamming, bicubic or lanczos. box: left,
    top, right, bottom of what is taken of the picture, in pixels that need not be whole.

    Pillow rounds between its two passes, so their order shows. Up to 12.3, and so wherever the
    models were trained and recorded, rows came first; 13 begins with columns where that is cheaper,
    which is up to 20 levels off on noise. Here the order is always that of 12.3.
    """
    from PIL import Image

    image, method = Image.fromarray(picture), Image.Resampling[how.upper()]
    if box is None and image.size == (width, height):
        return picture.copy()
    box = box or (0, 0, image.width, image.height)
    if method is Image.Resampling.NEAREST:
        return np.array(image.resize((width, height), method, box))
    transparent = image.mode == "RGBA"
    if transparent:
        image = image.convert("RGBa")  # colours count as much as they are opaque
    image = image.resize((width, image.height), method, (box[0], 0, box[2], image.height))
    image = image.resize((width, height), method, (0, box[1], width, box[3]))
    return np.array(image.convert("RGBA") if transparent else image)


def resample(picture: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """(batch, channels, height, width) in 0..1, bicubic with antialiasing; identity at its size."""
    import torch.nn.functional as F

    if picture.shape[-2:] == (height, width):
        return picture
    sized = F.interpolate(picture, (height, width), mode="bicubic", antialias=True)
    return sized.clamp(0, 1)


def _expect_photo(picture: torch.Tensor, crop: Crop) -> None:
    height, width = picture.shape[-2:]
    if (height, width) != (crop.photo_height, crop.photo_width):
        raise InputError(
            f"This crop belongs to a photo of {crop.photo_width}x{crop.photo_height} pixels, "
            f"and the picture is {width}x{height}. Connect the photo that was cropped."
        )


def read_picture(path: str | Path, name: str = "") -> Image.Image:
    """A picture file as a Pillow picture, "RGB", or "RGBA" where it has transparency.

    Turned upright by its EXIF mark; 16-bit, grey, palette and CMYK files are converted; of an
    animation the first frame. Only the kinds of `picture_files.KINDS` are opened, whatever the name
    says. name: what messages call it, the path where none is given.
    Raises InputError for a file that is missing, no picture, broken, or whose values cannot be
    shown (floating-point numbers).
    """
    name = name or str(path)
    with opened(path, name) as file:
        picture = eight_bits(upright(file), name)
        return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def read_mask(path: str | Path, photo: np.ndarray) -> np.ndarray:
    """float32 (height, width) in 0..1 from a picture file, white = 1.

    Raises InputError as `read_picture`, and for another size than that of `photo` (height, width,
    3).
    """
    found = np.asarray(read_picture(path).convert("L"), dtype=np.float32) / 255
    if found.shape != photo.shape[:2]:
        raise InputError(
            f"The mask {path} is {found.shape[1]}x{found.shape[0]} pixels and its photo "
            f"{photo.shape[1]}x{photo.shape[0]}. Draw it on the photo itself."
        )
    return found


WRITTEN = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""Ending -> the format that `write_picture` writes."""


def expect_writable(path: str | Path, transparent: bool = False) -> str:
    """The format that the ending of `path` names. transparent: the picture has an alpha channel.

    Raises InputError for another ending, and for JPEG where there is transparency.
    """
    kind = WRITTEN.get(Path(path).suffix.lower())
    if kind is None:
        raise InputError(
            f"{path} has no ending that names a picture format. Use .png, .jpg or .webp."
        )
    if kind == "JPEG" and transparent:
        raise InputError(
            f"{path} would be a JPEG, which has no transparency, and this picture is cut out. Use "
            ".png or .webp."
        )
    return kind


def write_picture(path: str | Path, picture: np.ndarray) -> None:
    """Writes a uint8 (height, width, 3 or 4) or (height, width) picture; the ending tells how.

    Whole or not at all: what was there before stays until the new file is complete. Raises
    InputError for an ending that names no format, a picture that the format cannot hold (RGBA as
    JPEG, sides beyond its limit) and a place that cannot be written.
    """
    kind = expect_writable(path, transparent=picture.ndim == 3 and picture.shape[2] == 4)
    write_whole(path, encoded(picture, kind, str(path)))
