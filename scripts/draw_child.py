"""Draws samples/child.jpg: a child that nobody is, for workflows of children's clothes.

python scripts/draw_child.py [FOLDER]

A photo of a real child is not passed around; this drawing is of no one, free for any use, and its
body is found by the same networks as a person's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

FINE = 2  # drawn at twice the size, then reduced
WIDTH, HEIGHT = 768, 1024
MIDDLE = 384
SKIN, HAIR, SHIRT, SHORTS = (232, 188, 160), (82, 56, 38), (236, 236, 232), (62, 84, 128)
SHOES, SOCKS, LIPS, LASHES = (210, 60, 50), (245, 245, 245), (190, 90, 86), (50, 32, 24)
Draw = Callable[[ImageDraw.ImageDraw], None]
Points = list[tuple[float, float]]


def fine(*values: float) -> list[float]:
    return [value * FINE for value in values]


def ellipse(x: float, y: float, wide: float, tall: float) -> Draw:
    return lambda pen: pen.ellipse(fine(x - wide, y - tall, x + wide, y + tall), fill=255)


def polygon(points: Points) -> Draw:
    return lambda pen: pen.polygon([tuple(fine(*point)) for point in points], fill=255)


def limb(points: Points, widths: list[float]) -> Draw:
    """Thick, round, from point to point, with half its width at each."""

    def draw(pen: ImageDraw.ImageDraw) -> None:
        for one, other, a, b in zip(points, points[1:], widths, widths[1:], strict=False):
            for t in np.linspace(0, 1, 60):
                x, y = np.add(one, np.subtract(other, one) * t)
                ellipse(x, y, a + (b - a) * t, a + (b - a) * t)(pen)

    return draw


def arc(x: float, y: float, wide: float, tall: float, start: int, end: int, line: int) -> Draw:
    box = fine(x - wide, y - tall, x + wide, y + tall)
    return lambda pen: pen.arc(box, start, end, fill=255, width=line * FINE)


class Picture:
    def __init__(self) -> None:
        y = np.linspace(0, 1, HEIGHT * FINE, dtype=np.float32)[:, None, None]
        x = np.linspace(0, 1, WIDTH * FINE, dtype=np.float32)[None, :, None]
        wall = np.array([206, 214, 222], np.float32) * (1 - 0.1 * y) + 8 * np.sin(3 * x)
        floor = np.clip((y - 0.93) * 18, 0, 1)
        self.pixels = wall * (1 - floor) + np.array([150, 130, 112], np.float32) * floor
        self.grain = np.random.default_rng(7)

    def put(self, draw: Draw, colour: tuple, shade: float = 0.28, round_by: float = 26) -> None:
        """A shape that looks round, lit from the upper left."""
        mask = Image.new("L", (WIDTH * FINE, HEIGHT * FINE), 0)
        draw(ImageDraw.Draw(mask))
        box = mask.getbbox()
        if box is None:
            return
        margin = int(round_by * 2 * FINE)
        left, top = max(0, box[0] - margin), max(0, box[1] - margin)
        ink = np.asarray(mask.crop((left, top, box[2] + margin, box[3] + margin)), np.float32) / 255
        hill = cv2.GaussianBlur(ink, (0, 0), round_by * 0.5 * FINE)
        slopes = [cv2.Sobel(hill, cv2.CV_32F, *axis, ksize=5) for axis in ((1, 0), (0, 1))]
        light = (0.5 * slopes[0] + 0.6 * slopes[1]) / max(float(np.abs(slopes[0]).max()), 1e-6)
        core = np.clip(cv2.GaussianBlur(ink, (0, 0), round_by * FINE) * 1.4 - 0.4, 0, 1)
        lit = np.array(colour, np.float32) * ((1 + shade * light) * (0.82 + 0.18 * core))[..., None]
        lit += self.grain.normal(0, 2, lit.shape[:2])[..., None]
        self.blend(lit, cv2.GaussianBlur(ink, (0, 0), 0.8 * FINE), left, top)

    def tint(self, draw: Draw, colour: tuple, share: float, soft: float) -> None:
        """Colour without an edge."""
        mask = Image.new("L", (WIDTH * FINE, HEIGHT * FINE), 0)
        draw(ImageDraw.Draw(mask))
        ink = cv2.GaussianBlur(np.asarray(mask, np.float32) / 255, (0, 0), soft * FINE)
        self.blend(np.array(colour, np.float32), share * ink, 0, 0)

    def blend(self, colour: np.ndarray, weight: np.ndarray, left: int, top: int) -> None:
        height, width = self.pixels.shape[:2]
        weight = weight[: height - top, : width - left, None]
        if colour.ndim == 3:
            colour = colour[: height - top, : width - left]
        place = np.s_[top : top + weight.shape[0], left : left + weight.shape[1]]
        self.pixels[place] = self.pixels[place] * (1 - weight) + np.clip(colour, 0, 255) * weight

    def reduced(self) -> Image.Image:
        whole = np.clip(self.pixels, 0, 255).astype(np.uint8)
        return Image.fromarray(cv2.resize(whole, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))


def draw_body(picture: Picture) -> None:
    picture.tint(ellipse(395, 978, 145, 22), (60, 50, 44), 0.4, 14)
    for s in (-1, 1):
        x = MIDDLE + s * 46
        picture.put(limb([(x - s * 4, 640), (x, 790), (x + s * 2, 930)], [40, 31, 22]), SKIN)
        picture.put(ellipse(x + s * 8, 955, 34, 20), SHOES)
        picture.put(limb([(x + s * 2, 905), (x + s * 2, 935)], [24, 24]), SOCKS)
    picture.put(polygon([(296, 600), (472, 600), (482, 640), (474, 752), (392, 752), (384, 690),
                         (376, 752), (294, 752), (286, 640)]), SHORTS)  # fmt: skip
    for s in (-1, 1):
        arm = [(MIDDLE + s * x, y) for x, y in ((102, 440), (120, 500), (136, 596))]
        picture.put(limb(arm, [22, 23, 18]), SKIN)
        hand = [(MIDDLE + s * x, y) for x, y in ((137, 600), (139, 630), (134, 650))]
        picture.put(limb(hand, [19, 20, 13]), SKIN)
        thumb = [(MIDDLE + s * 124, 616), (MIDDLE + s * 118, 636)]
        picture.put(limb(thumb, [8, 7]), SKIN)
    shirt = [(340, 354), (428, 354), (474, 372), (500, 402), (538, 476), (490, 498), (474, 462),
             (477, 540), (480, 625), (288, 625), (291, 540), (294, 462), (278, 498), (230, 476),
             (268, 402), (294, 372)]  # fmt: skip
    picture.put(polygon(shirt), SHIRT, round_by=34)
    picture.put(ellipse(MIDDLE, 354, 44, 22), SKIN, shade=0.1)
    picture.put(limb([(MIDDLE, 325), (MIDDLE, 356)], [26, 29]), SKIN)


def draw_head(picture: Picture) -> None:
    picture.put(ellipse(MIDDLE, 206, 104, 118), HAIR)
    for s in (-1, 1):
        picture.put(ellipse(MIDDLE + s * 96, 232, 16, 24), SKIN)

    def face(pen: ImageDraw.ImageDraw) -> None:
        ellipse(MIDDLE, 232, 92, 100)(pen)
        ellipse(MIDDLE, 268, 72, 70)(pen)

    picture.put(face, SKIN, shade=0.18, round_by=50)
    fringe = [(286, 190), (340, 170), (384, 178), (430, 168), (482, 190), (484, 150), (440, 104),
              (384, 90), (328, 104), (284, 150)]  # fmt: skip
    picture.put(polygon(fringe), HAIR)
    for s in (-1, 1):
        x = MIDDLE + s * 36
        picture.put(ellipse(x, 232, 17, 11), (250, 250, 248), shade=0.05)
        picture.put(ellipse(x, 232, 10, 10), (70, 48, 34), shade=0.05)
        picture.put(ellipse(x, 232, 5, 5), (10, 8, 8), shade=0)
        picture.put(ellipse(x - 3, 228, 2.4, 2.4), (255, 255, 255), shade=0)
        picture.put(arc(x, 216, 22, 16, 205, 335, 5), HAIR, shade=0)
        picture.put(arc(x, 231, 18, 12, 195, 345, 3), LASHES, shade=0)
        picture.tint(ellipse(MIDDLE + s * 56, 276, 20, 14), (236, 140, 130), 0.25, 8)
        picture.put(ellipse(MIDDLE + s * 5, 268, 3, 2), (150, 100, 84), shade=0)
    picture.put(ellipse(MIDDLE, 260, 10, 8), (226, 178, 150), shade=0.3)
    smile = fine(352, 270, 416, 312)
    picture.put(lambda pen: pen.chord(smile, 15, 165, fill=255), LIPS, shade=0)


def main() -> None:
    samples = Path(__file__).resolve().parent.parent / "samples"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else samples
    picture = Picture()
    draw_body(picture)
    draw_head(picture)
    picture.reduced().save(folder / "child.jpg", quality=90)


if __name__ == "__main__":
    main()
