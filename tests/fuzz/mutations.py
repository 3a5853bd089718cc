"""Files of every kind that is read, and what may happen to them on their way."""

import io
import json
import os
import pickle
import zlib

import numpy as np
import torch
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save

EXAMPLES = int(os.environ.get("FITTING_ROOM_FUZZ", "0"))


def examples(usual):
    """How many examples a test tries: its own number, or what was asked for."""
    return EXAMPLES or usual


def _picture(kind, **settings):
    values = np.random.default_rng(1).integers(0, 255, (40, 48, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, kind, **settings)
    return file.getvalue()


def _exif():
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x8825] = 6, "a photo", {1: "N", 2: (48.0, 8.0, 14.5)}
    exif[0x8769] = {0x9286: b"ASCII\0\0\0hello"}
    return exif


def _png_with_texts():
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_text("prompt", json.dumps({"1": {"inputs": {"a": [1, 2]}}}))
    texts.add_text("note", "x" * 500, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    return _picture("PNG", pnginfo=texts, exif=_exif())


XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>"

PICTURES = {
    "a.png": _png_with_texts(),
    "a.jpg": _picture("JPEG", exif=_exif(), comment=b"hello", xmp=XMP),
    "a.webp": _picture("WEBP", exif=_exif(), xmp=XMP),
    "a.tif": _picture("TIFF"),
    "a.gif": _picture("GIF"),
    "a.bmp": _picture("BMP"),
}

STATE = {"a.weight": torch.arange(12.0).reshape(3, 4), "b": {"c": torch.ones(2)}}


def _torch(**options):
    file = io.BytesIO()
    torch.save({"state_dict": STATE}, file, **options)
    return file.getvalue()


WEIGHTS = {
    "a.safetensors": save({"a": torch.arange(12.0).reshape(3, 4), "b": torch.ones(2)}),
    "new.pth": _torch(),
    "old.pth": _torch(_use_new_zipfile_serialization=False),
    "a.pkl": pickle.dumps({"model": {"a": np.arange(6.0), "b": np.ones((2, 3))}}, 2),
}

TEXTS = {"a.json": json.dumps({"sizes": {"a": 1}, "b": [1, 2.5, None, "x"]}).encode()}

PIECES = (b"", b"\0", b"\xff" * 8, b"[" * 300, b"{" * 300, b"\x80\x02", b"\xff\xd8\xff\xe1",
          b"IEND", b"\x7f\xff\xff\xff", zlib.compress(bytes(5_000_000)), b"9" * 400,
          b"-----BEGIN PRIVATE KEY-----", b"aB-" * 300, b"PK\x03\x04", b"c__builtin__\neval\n",
          b"GPSLatitude", "\ud800".encode("utf-8", "surrogatepass"))  # fmt: skip


@st.composite
def mutated(draw, files):
    """(name, bytes) of a file with bytes turned, put in, taken out or repeated, or cut short."""
    name = draw(st.sampled_from(sorted(files)))
    data = bytearray(files[name])
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(("turn", "put in", "take out", "cut", "twice")))
        if kind == "turn" and place < len(data):
            data[place] = draw(st.integers(0, 255))
        elif kind == "put in":
            data[place:place] = draw(st.sampled_from(PIECES) | st.binary(max_size=12))
        elif kind == "take out":
            del data[place : place + draw(st.integers(1, 200))]
        elif kind == "cut":
            del data[place:]
        elif kind == "twice":
            data += data[place : place + 500]
    return name, bytes(data)
