"""Draws the sample garments in samples/: product photos that anyone may use, made from nothing.

python scripts/draw_samples.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

FINE = 2  # drawn at twice the size, then reduced
SIZE = (768, 1024)

# Right half of a shirt as seen, x from the middle, y from the top: neck; sleeve, its outer and its
# inner edge with the cuff between; side, hem, front of the neckline.
NECK = [(0, 178), (48, 176), (92, 150)]
SHORT = (
    [(92, 150), (150, 168), (205, 196), (262, 262), (318, 356)],
    [(228, 398), (208, 366), (196, 352)],
)
LONG = ([(92, 150), (150, 166), (204, 196), (238, 262), (268, 380), (300, 560), (322, 724)],
        [(250, 740), (228, 600), (212, 470), (196, 352)])  # fmt: skip
SIDE = [(196, 352), (190, 480), (188, 600), (198, 720), (206, 812)]
HEM = [(206, 812), (110, 826), (0, 830)]
FRONT_NECK = [(92, 150), (78, 196), (46, 228), (0, 240)]


def curve(points: list[tuple[float, float]], count: int = 24) -> list[tuple[float, float]]:
    """A smooth line through points (Catmull-Rom)."""
    p = np.array([points[0], *points, points[-1]], float)
    line = []
    for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True):
        t = np.linspace(0, 1, count, endpoint=False)[:, None]
        line.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
                           + (3 * b - a - 3 * c + d) * t**3))  # fmt: skip
    return [tuple(point) for point in np.concatenate([*line, p[-1:]])]


def both_sides(half: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A closed outline from its right half."""
    right = [((384 + x) * FINE, y * FINE) for x, y in half]
    left = [((384 - x) * FINE, y * FINE) for x, y in reversed(half)]
    return right + left


def mask_of(outline: list[tuple[float, float]]) -> Image.Image:
    mask = Image.new("L", (SIZE[0] * FINE, SIZE[1] * FINE))
    ImageDraw.Draw(mask).polygon(outline, fill=255)
    return mask


def shading(seed: int) -> np.ndarray:
    """Soft folds, about 1."""
    height, width = SIZE[1] * FINE, SIZE[0] * FINE
    noise = np.random.default_rng(seed).normal(size=(12, 7)).astype(np.float32)
    folds = np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))
    x = np.linspace(-1, 1, width)[None]
    return 1 + 0.035 * folds - 0.10 * np.clip(np.abs(x) * 1.6 - 0.35, 0, 1) ** 2


def shirt(
    sleeve: tuple, fabric: np.ndarray, trim: tuple, seed: int, background: tuple
) -> Image.Image:
    """fabric: uint8 (height, width, 3) at the fine size. trim: colour of the neckband."""
    outer, inner = sleeve
    body = both_sides(curve(NECK) + curve(outer) + curve(inner) + curve(SIDE) + curve(HEM)[:-1])
    front = both_sides(curve(NECK) + curve(FRONT_NECK)[:-1])
    whole, hole = mask_of(body), mask_of(front)
    lit = np.clip(fabric * shading(seed)[..., None], 0, 255).astype(np.uint8)
    picture = Image.new("RGB", whole.size, background)
    shadow = ImageChops.offset(whole, 0, 10 * FINE).filter(ImageFilter.GaussianBlur(14 * FINE))
    shade = tuple(round(0.9 * value) for value in background)
    picture.paste(shade, mask=shadow.point(lambda value: value * 0.3))
    picture.paste(Image.fromarray(lit), mask=whole)
    picture.paste(tuple(round(0.55 * value) for value in trim), mask=hole)
    draw = ImageDraw.Draw(picture)
    for band, width in ((FRONT_NECK, 17), (NECK, 12)):
        for x, y in curve(band, 120):
            for sign in (-1, 1):
                dot(draw, 384 + sign * x, y, width / 2, trim)
    seam = tuple(round(0.8 * value) for value in fabric[500, 768])
    for x, y in curve([(150, 168), (176, 240), (192, 346)], 120):
        for sign in (-1, 1):
            dot(draw, 384 + sign * x, y, 0.5, seam)
    return picture.resize(SIZE, Image.Resampling.LANCZOS)


def dot(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: tuple) -> None:
    box = ((x - radius) * FINE, (y - radius) * FINE, (x + radius) * FINE, (y + radius) * FINE)
    draw.ellipse(box, fill=colour)


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.broadcast_to(np.uint8(colour), (SIZE[1] * FINE, SIZE[0] * FINE, 3)).copy()


def lettering() -> np.ndarray:
    """Teal with a sun and the package's name."""
    fabric = Image.fromarray(plain((24, 98, 104)))
    draw = ImageDraw.Draw(fabric)
    x, y = 384 * FINE, 420 * FINE
    for radius, colour in ((92, (247, 190, 68)), (66, (240, 122, 66)), (40, (214, 66, 74))):
        r = radius * FINE
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    draw.rectangle(
        (x - 100 * FINE, y + 30 * FINE, x + 100 * FINE, y + 100 * FINE), fill=(24, 98, 104)
    )
    for step in range(3):
        top = y + (38 + 14 * step) * FINE
        half = (92 - 20 * step) * FINE
        draw.rectangle((x - half, top, x + half, top + 6 * FINE), fill=(240, 226, 200))
    font = ImageFont.load_default(44 * FINE)
    for text, at in (("FITTING", 130), ("ROOM", 182)):
        box = draw.textbbox((0, 0), text, font=font)
        draw.text((x - (box[2] + box[0]) / 2, y + at * FINE - 30 * FINE), text, font=font,
                  fill=(240, 226, 200), stroke_width=FINE)  # fmt: skip
    return np.asarray(fabric)


def stripes() -> np.ndarray:
    fabric = plain((238, 236, 228))
    rows = np.arange(SIZE[1] * FINE)
    fabric[(rows // (17 * FINE)) % 2 == 0] = (28, 42, 82)
    return fabric


# Right halves, as above.
TROUSERS = [(0, 130), (118, 128), (134, 260), (150, 420), (152, 640), (146, 900), (60, 906),
            (44, 640), (24, 400), (0, 352)]  # fmt: skip
BAG = [(0, 420), (170, 420), (206, 780), (190, 818), (0, 822)]
SHOE = [(40, 640), (92, 560), (150, 566), (160, 640), (230, 700), (330, 742), (352, 790),
        (340, 816), (40, 818)]  # fmt: skip


def flat(shape: Image.Image, colour: tuple, seed: int, background: tuple) -> Image.Image:
    """One piece of cloth or leather in its outline, with a soft shadow. Fine size."""
    lit = np.clip(plain(colour) * shading(seed)[..., None], 0, 255).astype(np.uint8)
    picture = Image.new("RGB", shape.size, background)
    shadow = ImageChops.offset(shape, 0, 10 * FINE).filter(ImageFilter.GaussianBlur(14 * FINE))
    shade = tuple(round(0.9 * value) for value in background)
    picture.paste(shade, mask=shadow.point(lambda value: value * 0.3))
    picture.paste(Image.fromarray(lit), mask=shape)
    return picture


def trousers() -> Image.Image:
    picture = flat(mask_of(both_sides(TROUSERS)), (62, 74, 104), 3, (236, 236, 238))
    draw = ImageDraw.Draw(picture)
    dark = (44, 54, 78)
    draw.line([(384 * FINE, 150 * FINE), (384 * FINE, 352 * FINE)], dark, 2 * FINE)
    draw.line([(262 * FINE, 166 * FINE), (506 * FINE, 166 * FINE)], dark, 2 * FINE)
    return picture.resize(SIZE, Image.Resampling.LANCZOS)


def bag() -> Image.Image:
    picture = flat(mask_of(both_sides(BAG)), (150, 92, 52), 4, (240, 238, 234))
    draw = ImageDraw.Draw(picture)
    box = (276 * FINE, 210 * FINE, 492 * FINE, 640 * FINE)
    draw.arc(box, 180, 360, (110, 64, 34), 16 * FINE)
    draw.line([(194 * FINE, 520 * FINE), (574 * FINE, 520 * FINE)], (110, 64, 34), 3 * FINE)
    return picture.resize(SIZE, Image.Resampling.LANCZOS)


def shoes() -> Image.Image:
    """A pair seen from the side, one behind the other."""
    one = [((x + 120) * FINE, (y - 190) * FINE) for x, y in SHOE]
    two = [((x + 230) * FINE, (y - 40) * FINE) for x, y in SHOE]
    picture = flat(mask_of(one), (236, 232, 226), 5, (214, 220, 224))
    front = mask_of(two)
    picture.paste(flat(front, (244, 240, 234), 6, (214, 220, 224)), mask=front)
    draw = ImageDraw.Draw(picture)
    for points in (one, two):
        draw.line(points[-2:] + points[-1:], (120, 70, 60), 12 * FINE)
    return picture.resize(SIZE, Image.Resampling.LANCZOS)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "samples")
    folder.mkdir(exist_ok=True)
    tshirt = shirt(SHORT, lettering(), (18, 74, 80), 1, (236, 236, 238))
    tshirt.save(folder / "tshirt.png", optimize=True)
    striped = shirt(LONG, stripes(), (196, 148, 44), 2, (203, 208, 214))
    striped.save(folder / "stripes.png", optimize=True)
    blank = shirt(SHORT, plain((236, 233, 226)), (222, 218, 208), 7, (176, 190, 202))
    blank.save(folder / "blank.png", optimize=True)
    for draw in (trousers, bag, shoes):
        draw().save(folder / f"{draw.__name__}.png", optimize=True)


if __name__ == "__main__":
    main()
