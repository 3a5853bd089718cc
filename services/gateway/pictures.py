"""What ComfyUI's addresses do with pictures: a preview, one channel, a drawn mask, the size."""

from __future__ import annotations

import io
import mimetypes
from pathlib import Path

from ...pipelines.errors import InputError
from ...pipelines.picture_files import opened

PREVIEWS = ("webp", "jpeg")
ACTIVE_TYPES = (
    "text/html", "application/xhtml+xml", "text/javascript", "application/javascript", "text/css",
    "image/svg+xml", "text/xml", "application/xml",
)  # fmt: skip
"""What a browser would run in the page's place; it is only given to be saved."""


class TooLarge(InputError):
    """More pixels than the gateway takes."""


def check_size(data: bytes, name: str, pixels: int) -> None:
    """Raises TooLarge for a picture of more pixels, InputError for one that is damaged. What is no
    picture by its name, such as a video, passes."""
    if not (mimetypes.guess_type(name)[0] or "").startswith("image/") or name.endswith(".svg"):
        return
    with opened(io.BytesIO(data), name) as picture:
        if picture.width * picture.height > pixels:
            raise TooLarge(
                f"{name} is {picture.width}x{picture.height} pixels; at most "
                f"{pixels / 1e6:g} megapixels are taken. Make it smaller."
            )


def preview(path: Path, wanted: str, channel: str) -> tuple[bytes, str]:
    """(data, type) of a picture as "webp;90" or "jpeg;60"; without transparency in rgb."""
    kind, *rest = wanted.split(";")
    kind = kind if kind in PREVIEWS and "a" not in channel else "webp"
    quality = int(rest[-1]) if rest and rest[-1].isdigit() else 90
    with opened(path, path.name) as picture:
        shown = picture.convert("RGB") if kind == "jpeg" or channel == "rgb" else picture
        out = io.BytesIO()
        shown.save(out, format=kind, quality=min(100, quality))
    return out.getvalue(), f"image/{kind}"


def one_channel(path: Path, channel: str) -> bytes:
    """PNG of the colours ("rgb") or of the transparency ("a"; white where there is none)."""
    from PIL import Image

    with opened(path, path.name) as picture:
        if channel == "rgb":
            shown = picture.convert("RGB")
        else:
            has = "A" in picture.getbands()
            alpha = picture.getchannel("A") if has else Image.new("L", picture.size, 255)
            shown = Image.new("RGBA", picture.size)
            shown.putalpha(alpha)
        out = io.BytesIO()
        shown.save(out, format="PNG")
    return out.getvalue()


def with_mask(original: bytes, mask: bytes, name: str) -> bytes:
    """The original as PNG with the mask's transparency; its text chunks are kept."""
    from PIL import PngImagePlugin

    told = PngImagePlugin.PngInfo()
    with opened(io.BytesIO(original), name) as picture:
        for key, text in getattr(picture, "text", {}).items():
            told.add_text(key, text)
        whole = picture.convert("RGBA")
    with opened(io.BytesIO(mask), "the mask") as drawn:
        alpha = drawn.convert("RGBA").getchannel("A")
        if alpha.size != whole.size:
            raise InputError(
                f"A mask of {whole.width}x{whole.height} pixels was wanted, and "
                f"{alpha.width}x{alpha.height} came."
            )
        whole.putalpha(alpha)
    out = io.BytesIO()
    whole.save(out, format="PNG", compress_level=4, pnginfo=told)
    return out.getvalue()


def headers_of(name: str, destination: str) -> dict[str, str]:
    """Of a file given to a browser. destination: its Sec-Fetch-Dest; an SVG in an <img> is safe."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    found = {"X-Content-Type-Options": "nosniff"}
    disposition = f'filename="{quoted}"'
    if kind in ACTIVE_TYPES:
        found |= {"Vary": "Sec-Fetch-Dest", "Cache-Control": "no-store"}
        if not (kind == "image/svg+xml" and destination == "image"):
            kind, disposition = "application/octet-stream", f"attachment; {disposition}"
    return {**found, "Content-Type": kind, "Content-Disposition": disposition}
