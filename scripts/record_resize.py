"""Records what the installed Pillow makes of a few small noisy pictures at other sizes.

    python scripts/record_resize.py

writes tests/data/resize_pillow_<version>.npz, which tests/pipelines/test_images.py compares with
`images.resize`. Pillow 12.3 and 13.0 go through rows and columns in different orders.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL
from PIL import Image

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "data"

CASES = {
    "rgb_bicubic_wide": ((90, 13, 3), (40, 22), "bicubic"),
    "rgb_bicubic_larger": ((90, 9, 3), (60, 64), "bicubic"),
    "rgb_bilinear": ((64, 48, 3), (70, 9), "bilinear"),
    "rgb_lanczos": ((60, 41, 3), (80, 12), "lanczos"),
    "rgb_box": ((50, 33, 3), (45, 7), "box"),
    "rgb_hamming": ((50, 33, 3), (45, 7), "hamming"),
    "rgb_same_width": ((50, 33, 3), (33, 20), "bicubic"),
    "mask_bicubic": ((70, 31), (60, 16), "bicubic"),
    "mask_nearest": ((70, 31), (60, 16), "nearest"),
    "float_bicubic": ((40, 21), (50, 10), "bicubic"),
    "rgba_lanczos": ((60, 41, 4), (80, 12), "lanczos"),
}
"""Name -> shape of the picture, (width, height) of the result, method."""


def noise(name: str) -> np.ndarray:
    """The picture of a case: bytes of a generator that is the same everywhere, from the name."""
    shape = CASES[name][0]
    state = sum(ord(letter) * 31**place for place, letter in enumerate(name)) % 2**31
    values = np.empty(int(np.prod(shape)), np.uint8)
    for place in range(len(values)):
        state = (1103515245 * state + 12345) % 2**31
        values[place] = state >> 16 & 255
    picture = values.reshape(shape)
    return picture.astype(np.float32) / 255 if name.startswith("float") else picture


def record() -> dict[str, np.ndarray]:
    made = {}
    for name, (_, size, how) in CASES.items():
        image = Image.fromarray(noise(name))
        made[name] = np.asarray(image.resize(size, Image.Resampling[how.upper()]))
    return made


if __name__ == "__main__":
    version = "_".join(PIL.__version__.split(".")[:2])
    np.savez_compressed(FOLDER / f"resize_pillow_{version}.npz", **record())
