"""What stands beside the pixels in a PNG, JPEG or WebP file: XMP packets and PNG chunks.

The packet holds plain text properties only, written as elements. Where it goes in each file: PNG
an iTXt chunk with the keyword XML:com.adobe.xmp, JPEG an APP1 segment, WebP an "XMP " chunk
(Adobe's XMP specification, part 3).
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from ..errors import InputError

if TYPE_CHECKING:
    import numpy as np

NAMESPACES = {
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
}
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
JPEG_SEGMENT = 65533
"""Bytes that one JPEG segment holds after its length."""

XMP_KEYWORD = b"XML:com.adobe.xmp"

PNG_KEYWORD = 79
"""Bytes of the longest keyword of a text chunk (PNG specification, 11.3.3)."""

PRIVATE_TAGS = range(0xC800, 0xEA00)
"""EXIF tags that no standard uses: above those of DNG, below Microsoft's."""

C2PA_STORE = bytes.fromhex("6332706100110010800000aa00389b71")
"""The UUID of a C2PA manifest store, in whatever box a file format puts it (C2PA 2.2)."""


def xmp_packet(properties: Mapping[str, str]) -> bytes:
    """A packet of properties named "prefix:name", with the prefixes of NAMESPACES."""
    declared = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    lines = "".join(f"   <{name}>{escape(value)}</{name}>\n" for name, value in properties.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        f' <rdf:RDF xmlns:rdf="{RDF}">\n'
        f'  <rdf:Description rdf:about=""{declared}>\n'
        f"{lines}"
        "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n"
        '<?xpacket end="r"?>'
    ).encode()


def read_xmp(packet: bytes | str) -> dict[str, str]:
    """Simple properties of a packet by "prefix:name"; those of unknown namespaces by "name".

    Attributes count as well as elements, as XMP allows. Lists and structures are joined by "; ".
    A packet that is no XML, or declares entities (XMP never does), gives nothing.
    """
    text = _decoded(packet) if isinstance(packet, bytes) else packet
    text = text.strip("\ufeff\x00 \r\n")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return {}
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):  # ValueError: half a surrogate pair
        return {}
    found = {}
    described = next(root.iter(f"{{{RDF}}}RDF"), root)
    for description in described.findall(f"{{{RDF}}}Description"):
        found |= {_short(name): value for name, value in description.attrib.items()}
        for element in description:
            words = [text.strip() for text in element.itertext() if text.strip()]
            linked = element.attrib.get(f"{{{RDF}}}resource")
            found[_short(element.tag)] = "; ".join(words) or linked or ""
    found.pop("about", None)
    return found


def _decoded(packet: bytes) -> str:
    """A packet is in UTF-8 mostly; in UTF-16 or UTF-32 its first letter has zeros beside it."""
    start = packet.lstrip(b"\xef\xbb\xbf\xfe\xff")[:4]
    order = "le" if start[:1] != b"\0" else "be"
    width = {3: "utf-32", 2: "utf-16", 1: "utf-16"}.get(start.count(0), "utf-8")
    return packet.decode(width if width == "utf-8" else f"{width}-{order}", "replace")


def _short(name: str) -> str:
    uri, _, local = name.removeprefix("{").rpartition("}")
    prefix = next((key for key, known in NAMESPACES.items() if known == uri), "")
    return f"{prefix}:{local}" if prefix else local


def png_with(data: bytes, packet: bytes | None, texts: Mapping[str, Any] | None = None) -> bytes:
    """A PNG file with an XMP packet, and values as JSON in text chunks, before its pixels.

    ComfyUI reads the text chunks "prompt" and "workflow" of a picture dropped on it.
    """
    chunks = b""
    if packet is not None:
        # Keyword, not compressed (2 bytes), no language, no translated keyword.
        chunks += _png_chunk(b"iTXt", XMP_KEYWORD + b"\x00\x00\x00\x00\x00" + packet)
    for name, value in (texts or {}).items():
        chunks += _png_chunk(b"tEXt", _keyword(name) + b"\x00" + _json(value).encode())
    after_header = 8 + 25  # the signature and the IHDR chunk
    return data[:after_header] + chunks + data[after_header:]


def plain_png(picture: np.ndarray) -> bytes:
    """A PNG file of uint8 (height, width, 3 or 4), RGB or RGBA, whose pixels are not packed."""
    import numpy as np

    height, width, channels = picture.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # the filter of each row: 0, none
    rows[:, 1:] = picture.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    pixels = zlib.compress(rows.data, 0)
    return PNG_START + b"".join(
        _png_chunk(kind, content)
        for kind, content in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    )


def _keyword(name: str) -> bytes:
    """A name as PNG has them: 1 to 79 printable characters of Latin-1, here of ASCII."""
    plain = ascii(name)[1:-1].encode()
    return plain.strip()[:PNG_KEYWORD] or b"unnamed"


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return b"".join((len(content).to_bytes(4, "big"), kind, content, checksum.to_bytes(4, "big")))


def jpeg_with(data: bytes, packet: bytes) -> bytes:
    """A JPEG file with an XMP packet behind its JFIF header.

    Raises InputError for a packet longer than one segment.
    """
    content = JPEG_XMP + packet
    if len(content) > JPEG_SEGMENT:
        raise InputError(
            f"The marks take {len(packet):,} bytes and a JPEG holds at most "
            f"{JPEG_SEGMENT - len(JPEG_XMP):,}. Shorten the names or save as PNG or WebP."
        )
    segment = b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content
    place = 2
    if data[2:4] == b"\xff\xe0":  # the JFIF header stays first
        place = 4 + int.from_bytes(data[4:6], "big")
    return data[:place] + segment + data[place:]


def webp_workflow(texts: Mapping[str, Any]) -> bytes:
    """EXIF with nothing but values as JSON, where ComfyUI looks for them in a WebP file.

    "prompt" goes to the tag Model, all others to the tags before it and, where these do not do, to
    tags of nobody's, each as "name:JSON". Raises InputError for more than there are tags.
    """
    from PIL import Image

    exif = Image.Exif()
    tags = iter((*range(0x010F, 0x010A, -1), *PRIVATE_TAGS))
    for name, value in texts.items():
        tag = 0x0110 if name == "prompt" else next(tags, None)
        if tag is None:
            raise InputError(f"A WebP file has no room for {len(texts):,} values. Save as PNG.")
        exif[tag] = f"{ascii(name)[1:-1]}:{_json(value)}"
    return exif.tobytes()


def _json(value: Any) -> str:
    return json.dumps(value)  # ASCII, as a tEXt chunk wants it
