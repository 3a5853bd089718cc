"""What a picture or video file carries beside its pixels: marks, workflow, EXIF, and leaks."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import InputError
from ..picture_files import attempt, expect_file, opened
from ..writing import why
from .credentials import read_credentials
from .metadata import C2PA_STORE, PNG_START, read_xmp
from .provenance import IPTC, MIME
from .redaction import DEEPEST, clean, clean_known, places_of_secrets
from .segments import pieces, position_in
from .videos import MIME as VIDEO_MIME
from .videos import is_mp4, read_video, texts_of

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
WRITTEN_TAGS = {
    0x010E: "description", 0x013B: "artist", 0x8298: "copyright", USER_COMMENT: "comment",
    0x9C9B: "XP title", 0x9C9C: "XP comment", 0x9C9D: "XP author", 0x9C9E: "XP keywords",
    0x9C9F: "XP subject",
}  # fmt: skip
"""EXIF tags that people write text into."""

BRACKETS = re.compile(r"[\[\]{}]")
MOST_SEARCHED = 30_000_000
"""Bytes beside the pixels that are searched for keys; at most half a minute."""
SHOWN = 1_000
"""Characters of a value that are told."""
MOST_ELEMENTS = 50

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
    unsearched: pieces of the file too large to be searched whole.

    Raises InputError for a file that is missing or no PNG, JPEG, WebP or MP4.
    """
    path = Path(path)
    expect_file(path, str(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {why(error)}.") from error
    if is_mp4(data):
        return _found_in_video(path, data)
    with opened(io.BytesIO(data), str(path)) as picture:
        picture.load()  # text chunks may stand behind the pixels
        return _found(path, data, picture)


def has_credentials(path: str | Path) -> bool:
    """Whether a picture file carries content credentials, valid or not."""
    return C2PA_STORE in Path(path).read_bytes()


def _found(path: Path, data: bytes, picture: Image.Image) -> dict[str, Any]:
    kind = {"MPO": "JPEG"}.get(picture.format or "", picture.format or "")
    if kind not in MIME:
        raise InputError(f"{path} is {kind}; marks are read in PNG, JPEG, WebP and MP4.")
    packet = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or ""
    xmp = read_xmp(packet if isinstance(packet, (str, bytes)) else "")
    exif = attempt(picture.getexif, Image.Exif())
    texts = dict(_texts(picture, exif))
    keys, gps, unsearched = _leaks(data, texts)
    return {
        "file": str(path),
        "format": kind,
        "width": picture.width,
        "height": picture.height,
        "bits": data[24] if data.startswith(PNG_START) else 8,
        "alpha": picture.has_transparency_data,
        **_marks(xmp, texts, exif, _credentials(data, MIME[kind])),
        "exif": {
            name: str(exif[tag])[:SHOWN]
            for tag, name in CAMERA_TAGS.items()
            if tag in exif and not _named_value(exif[tag])
        },
        "gps": gps or bool(attempt(lambda: exif.get_ifd(GPS), {})),
        "keys": keys,
        "unsearched": unsearched,
    }


def _found_in_video(path: Path, data: bytes) -> dict[str, Any]:
    """The same of an MP4 file; its pictures themselves are not searched."""
    video = read_video(data, path)
    texts = {name: _read_json(text) for name, text in texts_of(video).items()}
    return {
        "file": str(path),
        "format": "MP4",
        "width": video["size"][0],
        "height": video["size"][1],
        "bits": 8,
        "alpha": False,
        **_marks(video["xmp"], texts, Image.Exif(), _credentials(data, VIDEO_MIME)),
        "exif": {},
        "gps": video["gps"],
        "keys": sorted(set(places_of_secrets({n: t for n, t in texts.items() if n != "AIGC"}))),
        "unsearched": [],
    }


def _marks(
    xmp: dict[str, str], texts: dict[str, Any], exif: Image.Exif, credentials: dict[str, Any]
) -> dict[str, Any]:
    source = xmp.get("Iptc4xmpExt:DigitalSourceType", "")
    aigc = _aigc(xmp, texts, exif)
    workflow = {name for name in texts if name in ("prompt", "workflow")}
    return {
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
        "texts": sorted(set(texts) - workflow - {"AIGC"}),
    }


def _leaks(data: bytes, texts: dict[str, Any]) -> tuple[list[str], bool, list[str]]:
    """Where something looks like a key, whether a position is told, and what was not searched.

    Text fields are searched as JSON where they are JSON; every piece of the file once more for
    what is a key by its issuer's shape or by name, wherever it stands.
    """
    # The numbers in an AIGC field are as long as keys, and are none.
    keys = set(places_of_secrets({n: t for n, t in texts.items() if n != "AIGC"}))
    # A place is named by its field, so the same field is not named twice.
    fields = {re.split(r"[.\[]", key)[0] for key in keys}
    gps, unsearched, left = False, [], MOST_SEARCHED
    for name, content in pieces(data):
        if len(content) > left:
            unsearched.append(f"{name} ({len(content):,} bytes)")
            content = content[:left]
        left -= len(content)
        gps = gps or position_in(name, content)
        known = content.decode("utf-8", "replace")
        told = any(field == name or field.startswith(f"{name} ") for field in fields)
        if not told and any(clean_known(text) != text for text in {known, known.replace("\0", "")}):
            keys.add(clean(name))
    return sorted(keys), gps, unsearched


def _texts(picture: Image.Image, exif: Image.Exif) -> Iterator[tuple[str, Any]]:
    """Text fields by name, JSON ones read: PNG chunks, comments, ComfyUI's EXIF of WebP files, and
    what people write into EXIF."""
    for name, value in getattr(picture, "text", {}).items():
        if name != "XML:com.adobe.xmp":
            yield name, _read_json(str(value))
    if "comment" in picture.info:
        yield "comment", _read_text(picture.info["comment"])
    details = attempt(lambda: exif.get_ifd(EXIF_DETAILS), {})
    for tag, name in WRITTEN_TAGS.items():
        value = _read_text(exif.get(tag, details.get(tag, "")))
        if value and not _named_value(value) and '"AIGC"' not in value:
            yield f"EXIF {name}", value
    for value in exif.values():
        named = _named_value(value)
        if named:
            yield named[0], _read_json(named[1])


def _read_text(value: Any) -> str:
    """Text of a comment or EXIF field, whose bytes may be UTF-8 or UTF-16 and may begin with the
    name of an encoding."""
    if isinstance(value, bytes):
        value = value.replace(b"\0", b"").decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def _named_value(value: Any) -> tuple[str, str] | None:
    """("prompt", "{…}") of the EXIF text "prompt:{…}"."""
    if not isinstance(value, str):
        return None
    name, colon, rest = value.partition(":")
    return (name, rest) if colon and name.isidentifier() and rest[:1] in "{[" else None


def _read_json(text: str) -> Any:
    depth = deepest = 0
    for bracket in BRACKETS.findall(text):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    if deepest >= DEEPEST:  # too deep to read: it is searched as the text that it is
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _aigc(xmp: dict[str, str], texts: dict[str, Any], exif: Image.Exif) -> dict[str, Any] | None:
    """The seven elements, wherever the Chinese guide allows them (clause 6 and annex B)."""
    details = attempt(lambda: exif.get_ifd(EXIF_DETAILS), {})
    comment = details.get(USER_COMMENT, exif.get(USER_COMMENT, b""))
    if isinstance(comment, bytes):
        comment = comment[8:].decode("utf-8", "replace")  # after the name of its encoding
    for value in (xmp.get("TC260:AIGC", ""), texts.get("AIGC", ""), str(comment)):
        read = _read_json(value) if isinstance(value, str) else value
        if isinstance(read, dict):
            read = read.get("AIGC", read)
        if isinstance(read, dict) and "Label" in read:
            return {name: _in_short(inner) for name, inner in list(read.items())[:MOST_ELEMENTS]}
    return None


def _in_short(value: Any) -> Any:
    """An element of the field, all of which are texts; of anything else its kind."""
    if isinstance(value, (dict, list)):
        return f"({type(value).__name__})"
    return value[:SHOWN] if isinstance(value, str) else value


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
