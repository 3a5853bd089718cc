"""The same marks in an MP4 file: XMP, the AIGC field, content credentials; and reading them back.

Where they stand: XMP in a box `uuid` of the file itself (Adobe, XMP specification part 3, ISO base
media files); the AIGC field besides as the file's own metadata named `AIGC` (TC260 practice guide
TC260-PG-20259A, clause 6, for videos), which whoever encodes the video writes: `file_metadata`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from .credentials import sign
from .metadata import C2PA_STORE, read_xmp, xmp_packet
from .provenance import SOURCE_TYPES, TOOL, Marks

MIME = "video/mp4"
XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
HOLDING = (b"moov", b"udta", b"trak", b"mdia", b"ilst")
"""Boxes that hold boxes; `meta` does too, after four bytes or without them (QuickTime)."""
PLACES = (b"\xa9xyz", b"com.apple.quicktime.location.ISO6709", b"loci")
"""Where cameras write a position."""


def is_mp4(data: bytes) -> bool:
    """Whether a file begins as MP4 and QuickTime files do."""
    return data[4:8] == b"ftyp"


def file_metadata(marks: Marks) -> dict[str, str]:
    """What an encoder writes as the file's own metadata: {"AIGC": the field's text}, or nothing."""
    return {} if marks.aigc is None else {"AIGC": marks.aigc.to_json()}


def marked_video(data: bytes, marks: Marks) -> bytes:
    """The bytes of an MP4 file with XMP and, where the marks name who signs, credentials.

    data: a whole MP4 file, its AIGC field already in its metadata. Raises InputError for what is no
    MP4, and for content credentials without a source.
    """
    if not is_mp4(data):
        raise InputError("Marks are written into MP4 videos, and this is another kind of file.")
    properties = marks.properties()
    if properties:
        data += _box(b"uuid", XMP_BOX + xmp_packet(properties))
    if marks.credentials is None:
        return data
    source = SOURCE_TYPES[marks.source]
    if not source:
        raise InputError("Content credentials say what made a video: choose a source.")
    return sign(data, MIME, marks.credentials, source=source, tool=TOOL)


def read_video(data: bytes, path: Path) -> dict[str, Any]:
    """{"xmp": properties, "texts": {name: text} of its metadata, "size": (width, height), "gps",
    "credentials": whether a manifest is in it}. Raises InputError for a broken file."""
    try:
        return _read(data)
    except (struct.error, IndexError, RecursionError) as error:
        raise InputError(f"{path} is no whole MP4 file: {error}.") from error


def _read(data: bytes) -> dict[str, Any]:
    names: list[str] = []
    found: dict[str, Any] = {"xmp": {}, "texts": {}, "size": (0, 0), "gps": False,
                             "credentials": C2PA_STORE in data}  # fmt: skip
    for kind, content in _boxes(data):
        if kind == b"uuid" and content.startswith(XMP_BOX):
            found["xmp"] = read_xmp(content[16:])
        elif kind == b"tkhd":
            width, height = (side >> 16 for side in struct.unpack(">II", content[-8:]))
            found["size"] = max(found["size"], (width, height))
        elif kind == b"keys":
            names = [name.decode("utf-8", "replace") for name in _keys(content)]
        elif names and 0 < (number := int.from_bytes(kind, "big")) <= len(names):
            found["texts"][names[number - 1]] = content[16:].decode("utf-8", "replace")
        elif re.fullmatch(rb"\xa9[a-z]{3}", kind):
            found["texts"][kind[1:].decode()] = _spoken(content)
        found["gps"] = found["gps"] or kind in PLACES
    found["gps"] = found["gps"] or any(name.encode() in PLACES for name in found["texts"])
    return found


def _boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of every box and of those inside; of the pictures themselves nothing."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        head = 8
        if size == 1:
            size, head = struct.unpack(">Q", data[start + 8 : start + 16])[0], 16
        size = size or end - start
        if size < head or start + size > end:
            raise struct.error(f"the box {kind!r} at {start:,} is longer than what holds it")
        if kind in HOLDING:
            yield from _boxes(data, start + head, start + size)
        elif kind == b"meta":
            plain = data[start + head + 4 : start + head + 8] == b"hdlr"
            yield from _boxes(data, start + head + (0 if plain else 4), start + size)
        elif kind != b"mdat":
            yield kind, data[start + head : start + size]
        start += size


def _keys(content: bytes) -> Iterator[bytes]:
    place = 8
    for _ in range(struct.unpack(">I", content[4:8])[0]):
        size = struct.unpack(">I", content[place : place + 4])[0]
        if size < 8:
            raise struct.error("a name of the metadata has no length")
        yield content[place + 8 : place + size]
        place += size


def _spoken(content: bytes) -> str:
    """The text of an entry of `ilst` (in a box `data`) or of `udta` (length, language, text)."""
    text = content[16:] if content[4:8] == b"data" else content[4:]
    return text.decode("utf-8", "replace")


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def texts_of(found: Mapping[str, Any]) -> dict[str, str]:
    """The metadata that somebody wrote; not what an encoder says of itself."""
    return {name: text for name, text in found["texts"].items() if name not in ("encoder", "too")}
