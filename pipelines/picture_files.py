"""Opening picture files that strangers made: only the promised kinds, and nothing but InputError.

Pillow opens some fifty kinds of file by their first bytes, whatever the name says, and hands some
of them (PostScript) to other programs. Here a list says which may be opened at all. What Pillow
raises on a damaged file is of no fixed kind; here it is always an InputError.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from .errors import InputError
from .writing import why

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

Value = TypeVar("Value")

KINDS = ("PNG", "JPEG", "MPO", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "HEIF")
"""What is opened, by Pillow's names. MPO is the JPEG of cameras that keep two pictures in one; HEIF
is the HEIC of telephones, where the package pillow-heif is installed."""

ENDINGS = (".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff",
           ".webp")  # fmt: skip
"""Of the files that are looked at in a folder, in small letters."""

HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")

LARGEST_PIXELS = 50_000_000
LARGEST_BYTES = 500_000_000
"""Of a file: 50 megapixels of 16 bits, not packed, with an alpha channel and some room."""

ORIENTATION = 0x0112
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""EXIF's orientation -> what Pillow does to a picture to set it upright."""

FULL_16_BITS = 65535


@contextmanager
def opened(source: str | Path | BinaryIO, name: str) -> Iterator[Image.Image]:
    """A picture file as Pillow opens it, checked for its size; what goes wrong inside the `with`
    while it is read is an InputError that begins with `name`."""
    from PIL import Image

    if isinstance(source, (str, Path)):
        expect_file(source, name)
    try:
        with Image.open(source, formats=_kinds()) as file:
            if file.width * file.height > LARGEST_PIXELS:
                raise InputError(
                    f"{name} is {file.width}x{file.height} pixels; at most "
                    f"{LARGEST_PIXELS // 1_000_000} megapixels can be worked on. Make it smaller."
                )
            yield file
    except InputError:
        raise
    except Exception as error:  # a decoder may raise anything on a damaged file
        if "HEIF" not in _kinds() and is_heif(source):
            raise InputError(
                f"{name} is a HEIC picture, and the package that reads these is not installed. "
                "Run `pip install pillow-heif`, or save it as JPEG."
            ) from error
        raise InputError(
            f"{name} cannot be read as a picture ({_reason(error)}). Save it again as PNG, JPEG "
            "or WebP."
        ) from error


def is_heif(source: str | Path | BinaryIO) -> bool:
    """Whether a file begins as HEIC pictures do (ISO/IEC 23008-12)."""
    if isinstance(source, (str, Path)):
        with open(source, "rb") as file:
            start = file.read(12)
    else:
        source.seek(0)
        start = source.read(12)
    return start[4:8] == b"ftyp" and start[8:] in HEIF_BRANDS


def expect_file(path: str | Path, name: str) -> None:
    """Raises InputError, which says what is there instead, where `path` is no readable file of a
    usable size."""
    wanted = f"A picture file was wanted, and {name}"
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        if os.path.islink(path):
            raise InputError(f"{wanted} is a link to something that is not there.") from error
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{wanted} does not exist.") from error
        raise InputError(f"{wanted} cannot be read: {why(error)}.") from error
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{wanted} is a folder. Name a file in it.")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{wanted} is a pipe, socket or device. Save the picture to a file.")
    if found.st_size > LARGEST_BYTES:
        raise InputError(
            f"{name} has {found.st_size:,} bytes; at most {LARGEST_BYTES:,} are read. Make it "
            "smaller."
        )


def upright(picture: Image.Image) -> Image.Image:
    """Turned as its EXIF mark says; as it is where the mark is absent or makes no sense."""
    from PIL import Image

    turn = attempt(lambda: picture.getexif().get(ORIENTATION), None)
    if not isinstance(turn, int) or turn not in TURNS:
        return picture
    return picture.transpose(Image.Transpose[TURNS[turn]])


def attempt(read: Callable[[], Value], otherwise: Value) -> Value:
    """What `read` finds in a picture's metadata, `otherwise` where these are damaged: a picture
    is not lost for them."""
    try:
        return read()
    except Exception:  # a parser of metadata may raise anything
        return otherwise


def on_white(picture: Image.Image) -> Image.Image:
    """RGB, with white where the picture is transparent."""
    from PIL import Image

    if not picture.has_transparency_data:
        return picture.convert("RGB")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")


def eight_bits(picture: Image.Image, name: str) -> Image.Image:
    """A grey picture of more than 8 bits as "L" (or "LA" with its transparent grey); others as
    they are. Raises InputError, which begins with `name`, where the values are no 16-bit levels."""
    import numpy as np
    from PIL import Image

    if picture.mode == "F":
        raise InputError(
            f"{name} holds floating-point numbers, whose black and white cannot be known. Save it "
            "with 8 or 16 bits."
        )
    if not picture.mode.startswith("I"):
        return picture
    levels = np.asarray(picture).astype(np.int64)
    if levels.size and (levels.min() < 0 or levels.max() > FULL_16_BITS):
        raise InputError(
            f"{name} holds values from {levels.min():,} to {levels.max():,}, and 16 bits hold 0 "
            f"to {FULL_16_BITS:,}. Save it with 8 or 16 bits."
        )
    grey = Image.fromarray((levels // 257).astype(np.uint8))
    seen = picture.info.get("transparency")
    if isinstance(seen, int):
        opaque = np.where(levels == seen, 0, 255).astype(np.uint8)
        grey.putalpha(Image.fromarray(opaque))
    return grey


def encoded(picture: np.ndarray, kind: str, name: str) -> bytes:
    """A picture as the bytes of a file. picture: uint8 (height, width), or (height, width, 3 or
    4). kind: Pillow's name of the format. Raises InputError where the format cannot hold it."""
    import io

    from PIL import Image

    file = io.BytesIO()
    with writing_errors(name, kind, picture.shape):
        Image.fromarray(picture).save(file, format=kind)
    return file.getvalue()


@contextmanager
def writing_errors(name: str, kind: str, shape: tuple[int, ...]) -> Iterator[None]:
    """What an encoder raises inside as an InputError with what is known of the format's limits."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # an encoder may raise anything
        limit = {"JPEG": 65_535, "WEBP": 16_383}.get(kind)
        told = _reason(error)
        if limit and max(shape[:2]) > limit:
            told = f"{kind} goes up to {limit:,} pixels on a side. Save as PNG, or smaller"
        raise InputError(
            f"{name} of {shape[1]}x{shape[0]} pixels cannot be written as {kind}: {told}."
        ) from error


@cache
def _kinds() -> tuple[str, ...]:
    """Those of KINDS that this Pillow was built with, or has learned of pillow-heif."""
    from importlib.util import find_spec

    from PIL import Image

    Image.init()
    if find_spec("pillow_heif") is not None:
        from pillow_heif import register_heif_opener

        register_heif_opener()
    return tuple(kind for kind in KINDS if kind in Image.OPEN)


def _reason(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return f"it is none of {', '.join(KINDS)}"
    if isinstance(error, OSError) and error.errno:
        return why(error)
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
