"""Everything in a picture file but its pixels, piece by piece, also what stands behind its end.

No piece is trusted: lengths are cut to what is there, packed text is unpacked up to a limit.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Any

from ..picture_files import attempt
from .metadata import PNG_START

MOST_UNPACKED = 4_000_000
"""Bytes of one packed text."""

BEHIND = "behind the picture"

PNG_PIXELS = (b"IDAT", b"fdAT", b"IEND", b"PLTE")
WEBP_PIXELS = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANMF")
JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
JPEG_NAMES = {0xFE: "comment", **{0xE0 + number: f"APP{number}" for number in range(16)}}
EXIF = b"Exif\0\0"
START_OF_PICTURE, END_OF_PICTURE, START_OF_SCAN = 0xD8, 0xD9, 0xDA


def pieces(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each piece of a PNG, JPEG or WebP file; nothing of another file."""
    if data.startswith(PNG_START):
        yield from _of_png(data)
    elif data.startswith(b"\xff\xd8"):
        yield from _of_jpeg(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        yield from _of_webp(data)


def position_in(name: str, content: bytes) -> bool:
    """Whether a piece tells where a picture was taken: in EXIF, or in XMP of whatever structure."""
    if re.search(rb"GPS(?:Latitude|Longitude|Position|Altitude|DestL|MapDatum|AreaInf)",
                 content.replace(b"\0", b"")):  # fmt: skip
        return True  # without zeros: XMP in UTF-16 too
    if name != "EXIF":
        return False
    return bool(attempt(lambda: _exif(content).get_ifd(0x8825), {}))


def _exif(content: bytes) -> Any:
    from PIL import Image

    exif = Image.Exif()
    exif.load(content)
    return exif


def _of_png(data: bytes) -> Iterator[tuple[str, bytes]]:
    place = len(PNG_START)
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        kind, content = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        place += 12 + length
        if kind == b"IEND":
            break
        if kind == b"eXIf":
            yield "EXIF", content
        elif kind not in PNG_PIXELS:
            keyword, _, rest = content.partition(b"\0")
            if kind in (b"zTXt", b"iTXt", b"iCCP"):
                content = keyword + b"\0" + _unpacked(kind, rest)
            name = keyword.decode("latin-1") if kind in (b"tEXt", b"zTXt", b"iTXt") else ""
            yield name or kind.decode("latin-1"), content
    if place < len(data):
        yield BEHIND, data[place:]


def _unpacked(kind: bytes, rest: bytes) -> bytes:
    """The text of a chunk behind its keyword, as far as it can be unpacked."""
    packed = rest[1:]
    if kind == b"iTXt":
        if rest[:1] != b"\1":
            return rest
        packed = packed[1:].partition(b"\0")[2].partition(b"\0")[2]
    return attempt(lambda: zlib.decompressobj().decompress(packed, MOST_UNPACKED), b"")


def _of_jpeg(data: bytes) -> Iterator[tuple[str, bytes]]:
    place = 2
    while found := JPEG_MARKER.search(data, place):
        marker, place = found[1][0], found.end()
        if marker == START_OF_PICTURE:  # of a further picture in the same file
            continue
        if marker == END_OF_PICTURE:
            rest = data[place:]
            if not rest.startswith(b"\xff\xd8"):
                if rest:
                    yield BEHIND, rest
                return
            continue
        length = int.from_bytes(data[place : place + 2], "big")
        content = data[place + 2 : place + length]
        place += max(length, 2)
        if marker == START_OF_SCAN or marker not in JPEG_NAMES:
            continue
        if content.startswith(EXIF):
            yield "EXIF", content
        elif b"ns.adobe.com/x" in content[:40]:
            yield "XMP", content
        else:
            yield JPEG_NAMES[marker], content


def _of_webp(data: bytes) -> Iterator[tuple[str, bytes]]:
    end = 8 + int.from_bytes(data[4:8], "little")
    place = 12
    while place + 8 <= min(end, len(data)):
        kind = data[place : place + 4]
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        content = data[place + 8 : place + 8 + length]
        place += 8 + length + length % 2
        if kind not in WEBP_PIXELS:
            yield {b"XMP ": "XMP"}.get(kind, kind.decode("latin-1")), content
    if max(end, place) < len(data):
        yield BEHIND, data[end:]
