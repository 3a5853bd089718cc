"""Saves a picture with what the law asks to be said about its making, and nothing about anybody.

    save_picture("result.png", picture, marks=Marks(aigc=AigcLabel("001…")), label=VisibleLabel())

A file is built from pixels alone: EXIF of a customer's photo, its GPS position above all, cannot
come along. Written into it are only the marks chosen here, and a workflow if it is asked for,
without anything that looks like a key.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import InputError
from ..picture_files import writing_errors
from ..writing import write_whole
from .credentials import Credentials, sign
from .metadata import jpeg_with, plain_png, png_with, webp_workflow, xmp_packet
from .redaction import without_secrets
from .visible_label import VisibleLabel, draw_label

TOOL = "Fitting Room"

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"

SOURCE_TYPES = {
    "generated": IPTC + "compositeWithTrainedAlgorithmicMedia",
    "preview": IPTC + "composite",
    "photos": IPTC + "compositeCapture",
    "none": "",
}
"""What made a picture -> its Digital Source Type (IPTC NewsCodes, release of 2024-10-23).

generated: "Edited using Generative AI … such as with inpainting": what a diffusion model does to a
photo. preview: the warp puts one picture's pixels on another by geometry and generates nothing;
whether the pictures themselves were generated it cannot know, and "composite" is the term for
elements "any of which may or may not be generative AI". photos: the same where both are known to be
photographs. "algorithmicallyEnhanced" is for changes that leave the main content alone, and
"compositeSynthetic" claims a generated element: neither fits.
"""

FORMATS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP"}
MIME = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
ENDINGS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}

PNG_COMPRESSION = 4
"""ComfyUI's own choice: half the time of the usual 6 for a few percent of size."""


@dataclass(frozen=True)
class AigcLabel:
    """The implicit label of China's rules: the field `AIGC` and its seven elements.

    Mandatory standard GB 45438-2025 (in force since 1 September 2025), annex E: the elements, their
    order, all text; Label "1" is generated, "2" possibly, "3" suspected; at the first writing the
    propagator's elements are those of the producer; values mainly of the characters 0x21, 0x23-0x5B
    and 0x5D-0x7E. Where the field goes: TC260 practice guide TC260-PG-20259A (August 2025), clause
    6, for pictures: XMP, namespace http://www.tc260.org.cn/ns/AIGC/1.0/ with the prefix TC260,
    property AIGC, the annex's string as its value.
    Both were read through implementations that quote them, as the standard is shown only as images.

    producer: name or code of who offers the service (the committee's guide on provider codes gives
    the 27-digit form). produce_id: that provider's number of this picture; empty for a new random
    one at each saving. propagator, propagate_id: empty for the same as the producer's.
    reserved1, reserved2: for the provider's and the propagator's own integrity data.
    """

    producer: str = "FittingRoom"
    produce_id: str = ""
    propagator: str = ""
    propagate_id: str = ""
    label: str = "1"
    reserved1: str = ""
    reserved2: str = ""

    def to_json(self) -> str:
        """The value of the field. Raises InputError for elements that cannot stand in it."""
        if self.label not in ("1", "2", "3"):
            raise InputError(
                f"The AIGC label is 1 (generated), 2 (possibly) or 3 (suspected), "
                f"not {self.label!r}."
            )
        if not self.producer.strip():
            raise InputError(
                "The AIGC field needs a producer: the name or code of who offers the service."
            )
        produce_id = self.produce_id or uuid.uuid4().hex
        elements = {
            "Label": self.label,
            "ContentProducer": self.producer,
            "ProduceID": produce_id,
            "ReservedCode1": self.reserved1,
            "ContentPropagator": self.propagator or self.producer,
            "PropagateID": self.propagate_id or produce_id,
            "ReservedCode2": self.reserved2,
        }
        for name, value in elements.items():
            if not value.isprintable():
                raise InputError(f"{name} of the AIGC field has characters that do not print.")
        return json.dumps(elements, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Marks:
    """What a program can read in the file.

    source: what made the picture, a key of SOURCE_TYPES. system, version: the model, for the IPTC
    fields AI System Used and AI System Version Used; only written where the picture is generated.
    aigc: None leaves the Chinese field out. credentials: None leaves content credentials out.
    """

    source: str = "generated"
    system: str = ""
    version: str = ""
    aigc: AigcLabel | None = AigcLabel()
    credentials: Credentials | None = None

    def properties(self) -> dict[str, str]:
        """XMP properties by "prefix:name"; empty where nothing is to be written."""
        if self.source not in SOURCE_TYPES:
            raise InputError(
                f"There is no source {self.source!r}. Choose one of: {', '.join(SOURCE_TYPES)}."
            )
        written = {"Iptc4xmpExt:DigitalSourceType": SOURCE_TYPES[self.source]}
        if self.source == "generated":
            written["Iptc4xmpExt:AISystemUsed"] = self.system
            written["Iptc4xmpExt:AISystemVersionUsed"] = self.version
        if self.aigc is not None:
            written["TC260:AIGC"] = self.aigc.to_json()
        written = {name: value for name, value in written.items() if value}
        for name, value in written.items():
            if not value.isprintable():
                raise InputError(f"{name} has characters that cannot stand in XMP: {value!r}.")
        return {"xmp:CreatorTool": TOOL, **written} if written else {}


GENERATED = Marks()
PREVIEW = Marks(source="preview", aigc=None)
"""The embedded preview generates nothing; who wants the Chinese field all the same sets `aigc`."""
UNMARKED = Marks(source="none", aigc=None)


def save_picture(path: str | Path, picture: np.ndarray, *, format: str | None = None,
                 **settings: Any) -> Path:  # fmt: skip
    """Writes a picture with its marks, whole or not at all; gives the path written.

    What was there before is replaced at the very end. format: png, jpeg or webp; None takes it
    from the path's ending. settings: those of `marked_picture`, which see, errors too.
    """
    path, kind = _target(Path(path), format)
    write_whole(path, marked_picture(picture, kind, **settings))
    return path


def marked_picture(
    picture: np.ndarray,
    kind: str,
    *,
    quality: int = 92,
    packed: bool = True,
    marks: Marks = GENERATED,
    label: VisibleLabel | None = None,
    workflow: Mapping[str, Any] | None = None,
) -> bytes:
    """The bytes of a picture file with its marks.

    picture: (height, width, 3) RGB or (height, width, 4) with alpha, uint8, or uint16 for PNG.
    kind: PNG, JPEG or WEBP. quality: 1..100 for JPEG and WebP; WebP of 100 is lossless. packed:
    False writes a PNG of 8 bits as large as its pixels, in a tenth of the time. label: drawn into
    the picture.
    workflow: values by name ("prompt", "workflow"), embedded for ComfyUI in PNG and WebP; keys in
    it are replaced by "[removed]".

    Raises InputError for a picture, format or setting that does not fit.
    """
    _expect_picture(picture, kind)
    if not 1 <= quality <= 100:
        raise InputError(f"The quality is a number from 1 to 100, got {quality}.")
    if workflow and kind == "JPEG":
        raise InputError(
            "ComfyUI reads no workflow from a JPEG. Save as PNG or WebP, or without the workflow."
        )
    if label is not None:
        picture = draw_label(picture, label)
    properties = marks.properties()
    packet = xmp_packet(properties) if properties else None
    with writing_errors("A picture", kind, picture.shape):
        texts = without_secrets(dict(workflow or {}))
        data = _encoded(picture, kind, quality, packet, texts, packed)
    if marks.credentials is not None:
        source = SOURCE_TYPES[marks.source]
        if not source:
            raise InputError("Content credentials say what made a picture: choose a source.")
        data = sign(data, MIME[kind], marks.credentials, source=source, tool=TOOL)
    return data


def _target(path: Path, format: str | None) -> tuple[Path, str]:
    """The path with its ending, and Pillow's name of the format."""
    ending = path.suffix.lower().removeprefix(".")
    wanted = (format or ending).lower()
    if wanted not in FORMATS:
        raise InputError(
            f"Pictures are saved as png, jpeg or webp; {wanted or 'no ending'!r} was asked for."
        )
    kind = FORMATS[wanted]
    if FORMATS.get(ending) != kind:
        path = path.with_name(path.name + ENDINGS[kind])
    return path, kind


def _expect_picture(picture: np.ndarray, kind: str) -> None:
    shaped = picture.ndim == 3 and picture.shape[2] in (3, 4) and picture.size > 0
    if not shaped or picture.dtype not in (np.uint8, np.uint16):
        raise InputError(
            "A picture to save is (height, width, 3 or 4) of 8 or 16 bits; got "
            f"{picture.dtype} of {picture.shape}."
        )
    if kind != "PNG" and picture.dtype == np.uint16:
        raise InputError(f"{kind} has 8 bits a channel. Save 16-bit pictures as PNG.")
    if kind == "JPEG" and picture.shape[2] == 4:
        raise InputError("JPEG has no transparency. Save as PNG or WebP, or without alpha.")


def _encoded(
    picture: np.ndarray, kind: str, quality: int, packet: bytes | None, texts: dict[str, Any],
    packed: bool,
) -> bytes:  # fmt: skip
    if picture.dtype == np.uint16:
        return png_with(_png_of_16_bits(picture), packet, texts)
    if kind == "PNG" and not packed:
        return png_with(plain_png(picture), packet, texts)
    file = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(picture))
    if kind == "PNG":
        image.save(file, format=kind, compress_level=PNG_COMPRESSION)
        return png_with(file.getvalue(), packet, texts)
    if kind == "JPEG":
        # No colour is halved: prints and thin stripes would lose theirs.
        image.save(file, format=kind, quality=quality, subsampling=0)
        return jpeg_with(file.getvalue(), packet) if packet else file.getvalue()
    exif = webp_workflow(texts) if texts else b""
    image.save(file, format=kind, quality=quality, lossless=quality == 100, exact=True,
               xmp=packet or b"", exif=exif)  # fmt: skip
    return file.getvalue()


def _png_of_16_bits(picture: np.ndarray) -> bytes:
    # Pillow writes 16 bits for grey only.
    import cv2

    order = (2, 1, 0, 3)[: picture.shape[2]]
    done, data = cv2.imencode(
        ".png",
        np.ascontiguousarray(picture[:, :, order]),
        [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION],
    )
    if not done:
        raise InputError("A picture of 16 bits could not be written as PNG.")
    return data.tobytes()


def with_number(marks: Marks, number: str) -> Marks:
    """The same marks with the provider's own number of a picture, one for each of a batch."""
    return replace(marks, aigc=marks.aigc and replace(marks.aigc, produce_id=number))
