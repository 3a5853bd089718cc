"""What a picture file carries beside its pixels: marks, workflow, EXIF, and what should not be."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from ..errors import InputError
from .credentials import read_credentials
from .metadata import C2PA_STORE, PNG_START, read_xmp
from .provenance import IPTC, MIME
from .redaction import places_of_secrets

MEANINGS = {
    "trainedAlgorithmicMedia": "created using generative AI",
    "compositeWithTrainedAlgorithmicMedia": "edited using generative AI",
    "compositeSynthetic": "composite including generative AI elements",
    "composite": "composite of elements that may or may not be generative AI",
    "compositeCapture": "composite of captured elements",
    "algorithmicallyEnhanced": "altered by an algorithm, main content unchanged",
    "algorithmicMedia": "made by an algorithm without training data",
    "digitalCapture": "photograph",
    "computationalCapture": "photograph merged from several frames",
    "humanEdits": "edited by people without generative AI",
    "digitalCreation": "made by people with digital tools",
}
"""IPTC Digital Source Types in short."""

AI_MADE = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic")

GPS = 0x8825
EXIF_DETAILS = 0x8769
USER_COMMENT = 0x9286
CAMERA_TAGS = {0x010F: "make", 0x0110: "model", 0x0131: "software", 0x0132: "time"}


def inspect_picture(path: str | Path) -> dict[str, Any]:
    """Everything found, as plain values for JSON.

    file, format, width, height, bits, alpha.
    ai_made: True where a mark says so, False where a mark says otherwise, None without a mark.
    digital_source_type, meaning, system: IPTC, empty where absent.
    aigc: the elements of the Chinese field, or None. creator_tool: from XMP.
    credentials: {"present", "read", …} as in credentials.read_credentials.
    workflow: names of embedded values. exif: camera fields found; gps: whether a position is in it.
    keys: places where something looks like a key. texts: names of other text fields.

    Raises InputError for a file that is missing or no PNG, JPEG or WebP.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()  # text chunks may stand behind the pixels
            return _found(path, data, picture)
    except (UnidentifiedImageError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} is no picture that can be read: {error}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _found(path: Path, data: bytes, picture: Image.Image) -> dict[str, Any]:
    kind = picture.format or ""
    if kind not in MIME:
        raise InputError(f"{path} is {kind}; marks are read in PNG, JPEG and WebP.")
    xmp = read_xmp(picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or "")
    exif = picture.getexif()
    texts = dict(_texts(picture, exif))
    source = xmp.get("Iptc4xmpExt:DigitalSourceType", "")
    aigc = _aigc(xmp, texts, exif)
    credentials = _credentials(data, MIME[kind])
    workflow = {name: texts[name] for name in texts if name in ("prompt", "workflow")}
    return {
        "file": str(path),
        "format": kind,
        "width": picture.width,
        "height": picture.height,
        "bits": data[24] if data.startswith(PNG_START) else 8,
        "alpha": picture.has_transparency_data,
        "ai_made": _ai_made(source, aigc, credentials),
        "digital_source_type": source,
        "meaning": MEANINGS.get(_term(source), ""),
        "system": " ".join(
            xmp[name]
            for name in ("Iptc4xmpExt:AISystemUsed", "Iptc4xmpExt:AISystemVersionUsed")
            if name in xmp
        ),
        "aigc": aigc,
        "creator_tool": xmp.get("xmp:CreatorTool", ""),
        "credentials": credentials,
        "workflow": sorted(workflow),
        "exif": {
            name: str(exif[tag])
            for tag, name in CAMERA_TAGS.items()
            if tag in exif and not _named_value(exif[tag])
        },
        "gps": bool(exif.get_ifd(GPS)) or any("GPS" in name for name in xmp),
        # The numbers in an AIGC field are as long as keys, and are none.
        "keys": sorted(places_of_secrets({n: t for n, t in texts.items() if n != "AIGC"})),
        "texts": sorted(set(texts) - set(workflow) - {"AIGC"}),
    }


def _texts(picture: Image.Image, exif: Image.Exif) -> Iterator[tuple[str, Any]]:
    """Text fields by name, JSON ones read: PNG chunks, comments, ComfyUI's EXIF of WebP files."""
    for name, value in getattr(picture, "text", {}).items():
        if name != "XML:com.adobe.xmp":
            yield name, _read_json(str(value))
    if "comment" in picture.info:
        comment = picture.info["comment"]
        yield (
            "comment",
            comment.decode("utf-8", "replace") if isinstance(comment, bytes) else comment,
        )
    for value in exif.values():
        named = _named_value(value)
        if named:
            yield named[0], _read_json(named[1])


def _named_value(value: Any) -> tuple[str, str] | None:
    """("prompt", "{…}") of the EXIF text "prompt:{…}"."""
    if not isinstance(value, str):
        return None
    name, colon, rest = value.partition(":")
    return (name, rest) if colon and name.isidentifier() and rest[:1] in "{[" else None


def _read_json(text: str) -> Any:
    try:
        value = json.loads(text)
        json.dumps(value)  # what is nested too deeply to write is too deep to search
    except (ValueError, RecursionError):
        return text
    return value


def _aigc(xmp: dict[str, str], texts: dict[str, Any], exif: Image.Exif) -> dict[str, Any] | None:
    """The seven elements, wherever the Chinese guide allows them (clause 6 and annex B)."""
    comment = exif.get_ifd(EXIF_DETAILS).get(USER_COMMENT, exif.get(USER_COMMENT, b""))
    if isinstance(comment, bytes):
        comment = comment[8:].decode("utf-8", "replace")  # after the name of its encoding
    for value in (xmp.get("TC260:AIGC", ""), texts.get("AIGC", ""), str(comment)):
        read = _read_json(value) if isinstance(value, str) else value
        if isinstance(read, dict):
            read = read.get("AIGC", read)
        if isinstance(read, dict) and "Label" in read:
            return read
    return None


def _credentials(data: bytes, mime: str) -> dict[str, Any]:
    if C2PA_STORE not in data:
        return {"present": False, "read": False}
    if find_spec("c2pa") is None:
        return {"present": True, "read": False}
    return {"present": True, "read": True, **(read_credentials(data, mime) or {})}


def _ai_made(source: str, aigc: dict | None, credentials: dict) -> bool | None:
    sources = [source, *credentials.get("source_types", [])]
    terms = [_term(each) for each in sources if each]
    if aigc is not None or any(term in AI_MADE for term in terms):
        return True
    # "composite" leaves the question open.
    return False if any(term in MEANINGS and term != "composite" for term in terms) else None


def _term(source: str) -> str:
    return source.replace("https://", "http://").removeprefix(IPTC)
