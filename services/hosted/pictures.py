"""Pictures on their way to a service and back: encoded afresh, and read as a stranger's data."""

from __future__ import annotations

import base64
import binascii
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 50_000_000
SAME_SHAPE = 0.03
"""Two pictures whose aspect differs by less than this share are of one shape, but for rounding."""
BLURRED = 2.0
"""A result that is this many times smaller than the photo is told to be doubtful."""


class NoPicture(Exception):
    """What came is no picture that can be used; the message says what came."""


@dataclass(frozen=True)
class PictureLimits:
    """What a service takes. longest, shortest: pixels of the sides. most, least: bytes."""

    longest: int = 2048
    shortest: int = 64
    most: int = 8 * 2**20
    least: int = 0


@dataclass(frozen=True)
class Encoded:
    """A picture as it is sent: no metadata, at the size that the service wants."""

    data: bytes
    mime: str

    @property
    def ending(self) -> str:
        return {"image/png": "png", "image/jpeg": "jpg"}[self.mime]

    def uri(self) -> str:
        return f"data:{self.mime};base64,{self.base64()}"

    def base64(self) -> str:
        return base64.b64encode(self.data).decode()


def encode(picture: np.ndarray, wanted: PictureLimits) -> Encoded:
    """A uint8 (height, width, 3) picture as PNG, or as JPEG where a PNG would be heavy.

    It is made from pixels alone, so nothing that stood in the photo's file goes along.
    """
    from PIL import Image

    from ...pipelines.images import resize

    height, width = picture.shape[:2]
    scale = wanted.longest / max(height, width)
    if scale < 1:
        picture = resize(picture, max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(picture)
    heavy = min(wanted.most, 3 * 2**20)
    for level in (6, 0):  # a picture of few colours may be too light for a service
        data = _saved(image, "PNG", compress_level=level)
        if wanted.least <= len(data) <= heavy:
            return Encoded(data, "image/png")
        if len(data) > heavy:
            break
    for quality in (95, 90, 80, 70):
        data = _saved(image, "JPEG", quality=quality, subsampling=0)
        if len(data) <= wanted.most:
            break
    return Encoded(data, "image/jpeg")


def size_problems(what: str, picture: np.ndarray, wanted: PictureLimits) -> list[str]:
    """A sentence where the picture is too small for the service, also after it is scaled down."""
    height, width = picture.shape[:2]
    scale = min(1.0, wanted.longest / max(height, width))
    if min(height, width) * scale >= wanted.shortest:
        return []
    return [
        f"The {what} is {width}x{height} pixels, and the service takes at least {wanted.shortest} "
        f"and at most {wanted.longest} a side."
    ]


def decode(data: bytes) -> np.ndarray:
    """uint8 (height, width, 3) from what a stranger sent. Its type is told by its content.

    Raises NoPicture for anything but a whole PNG, JPEG or WebP of a bearable size.
    """
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    from ...pipelines.picture_files import on_white

    if not data:
        raise NoPicture("an empty file")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise NoPicture(f"a picture of {width}x{height} pixels")
            image.load()
            return np.asarray(on_white(image))
    except UnidentifiedImageError:
        page = b"<html" in data[:1000].lower() or b"<!doctype" in data[:1000].lower()
        raise NoPicture("a web page" if page else "no picture") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NoPicture(f"a broken picture ({str(error)[:100]})") from None


def from_uri(address: str) -> bytes | None:
    """The bytes of a data: address, None for other addresses. Raises NoPicture."""
    match = re.match(r"data:image/[a-z+.-]+;base64,", address[:100])
    if match is None:
        return None
    try:
        return base64.b64decode(address[match.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise NoPicture("a data address that cannot be read") from None


def fit_to_photo(
    picture: np.ndarray, photo: np.ndarray, mask: np.ndarray | None = None
) -> tuple[np.ndarray, list[str]]:
    """The service's picture at the photo's size, and what is doubtful about it.

    Services answer at sizes of their own. Another shape is cut to the photo's around its middle,
    never stretched. mask: float32 (height, width); where it is 0 the photo's pixels come back.
    """
    import numpy as np

    from ...pipelines.images import resize

    height, width = photo.shape[:2]
    made_height, made_width = picture.shape[:2]
    doubts = []
    if abs((made_width / made_height) / (width / height) - 1) > SAME_SHAPE:
        doubts.append(
            f"The service's picture has another shape ({made_width}x{made_height}) than the photo "
            f"({width}x{height}): its edges were cut. Look whether it is the same scene."
        )
    if max(height / made_height, width / made_width) > BLURRED:
        doubts.append(
            f"The service's picture is only {made_width}x{made_height} pixels, and was enlarged to "
            f"the photo's {width}x{height}: it is doubtful."
        )
    scale = max(height / made_height, width / made_width)
    left, top = (made_width - width / scale) / 2, (made_height - height / scale) / 2
    fitted = resize(picture, width, height, "lanczos",
                    box=(left, top, left + width / scale, top + height / scale))  # fmt: skip
    if mask is not None:
        share = mask[..., None]
        mixed = (fitted * share + photo * (1 - share)).round().astype(np.uint8)
        fitted = np.where(share > 0, mixed, photo)
    if np.array_equal(fitted, photo):
        doubts.append("The service gave the photo back as it was: nothing was put on.")
    return fitted, doubts


def _saved(image: object, kind: str, **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **how)  # type: ignore[attr-defined]
    return out.getvalue()
