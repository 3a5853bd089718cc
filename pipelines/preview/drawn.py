"""Draws garments that may be published: samples for workflows, demos and tests, with their truth.

Each is a "product photo" on a plain background: folds, seams, stripes or lettering, the inside of
the back in the neckline, a soft shadow. No file and no font from outside is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from ..images import resize

FINE = 3  # the drawing is made so many times larger and averaged


@dataclass(frozen=True)
class Pattern:
    """A garment's pattern. Lengths in chest half widths, down from the neck points, out from the
    axis; `sleeve` is (length, angle below horizontal in degrees, width at the cuff) or None;
    `legs` is (crotch, half width of a hem, distance of its middle from the axis) or None.
    `top` is False for what begins at the waist."""

    neck: tuple[float, float, float] = (0.36, 0.34, 0.07)  # half width, depth in front and back
    shoulder: tuple[float, float] = (0.92, 0.2)
    armpit: tuple[float, float] = (1.0, 0.95)
    waist: tuple[float, float] = (0.95, 1.75)
    hem: tuple[float, float, float] = (1.0, 2.75, 0.04)  # half width, height, bow
    sleeve: tuple[float, float, float] | None = (0.85, 42.0, 0.62)
    legs: tuple[float, float, float] | None = None
    top: bool = True


CUTS = {
    "t-shirt": Pattern(),
    "long-sleeved top": Pattern(
        neck=(0.46, 0.3, 0.08), sleeve=(2.2, 66, 0.34), hem=(1.0, 2.9, 0.05)
    ),
    "tank top": Pattern(
        neck=(0.5, 0.8, 0.35), shoulder=(0.78, 0.08), sleeve=None, hem=(1.05, 2.8, 0)
    ),
    "dress": Pattern(
        (0.42, 0.5, 0.1), waist=(0.82, 1.9), hem=(1.6, 6.3, 0.1), sleeve=(0.7, 48, 0.5)
    ),
    "skirt": Pattern(waist=(0.8, 0), hem=(1.35, 2.2, 0.1), sleeve=None, top=False),
    "trousers": Pattern(
        waist=(0.86, 0), hem=(1, 5, 0), legs=(1.35, 0.42, 0.66), sleeve=None, top=False
    ),
    "shorts": Pattern(
        waist=(0.88, 0), hem=(1, 2.1, 0), sleeve=None, legs=(1.35, 0.5, 0.6), top=False
    ),
}


@dataclass(frozen=True)
class DrawnGarment:
    """picture: uint8 (height, width, 3) RGB. alpha: float32 (height, width). inside: bool (height,
    width), the back seen through the neckline. points: as in garment.Garment."""

    picture: np.ndarray
    alpha: np.ndarray
    inside: np.ndarray
    points: dict[str, tuple[float, float]]
    category: str
    sleeves: str


@dataclass(frozen=True)
class Look:
    """Colours (0..255), pattern ("plain", "stripes" or "lettering") and the photo's conditions:
    shadow 0..1, gradient (brightness lost from the upper left to the lower right, 0..1), noise
    (standard deviation, 0..255)."""

    colour: tuple[int, int, int] = (196, 62, 54)
    second: tuple[int, int, int] = (245, 240, 228)
    background: tuple[int, int, int] = (238, 238, 238)
    pattern: str = "plain"
    lettering: str = "FITTING\nROOM"
    shadow: float = 0.0
    gradient: float = 0.0
    noise: float = 0.0
    seed: int = 0


def draw_sample(name: str, width: int = 768, height: int = 1024) -> DrawnGarment:
    """One of the package's own samples: "lettering t-shirt", "striped top", "trousers", "dress",
    "tank top" or "white t-shirt"."""
    samples = {
        "lettering t-shirt": ("t-shirt", Look((33, 64, 122), pattern="lettering", shadow=0.4)),
        "striped top": ("long-sleeved top", Look((28, 36, 60), pattern="stripes", shadow=0.3)),
        "trousers": ("trousers", Look((96, 108, 84), shadow=0.4)),
        "dress": ("dress", Look((178, 52, 84), shadow=0.4, gradient=0.08)),
        "tank top": ("tank top", Look((232, 176, 52), shadow=0.3)),
        "white t-shirt": ("t-shirt", Look((250, 250, 250), shadow=0.5, background=(226, 226, 226))),
    }
    cut, look = samples[name]
    return draw(CUTS[cut], look, width, height)


def draw(
    cut: Pattern, look: Look, width: int = 768, height: int = 1024, share: float = 0.86
) -> DrawnGarment:
    """Draws a cut to fill `share` of a width x height picture."""
    right = outline(cut)
    whole = np.concatenate([right, (right * [-1, 1])[::-1]])
    low, high = whole.min(0), whole.max(0)
    scale = share * float(min(width / (high[0] - low[0]), height / (high[1] - low[1])))
    shift = np.array([width, height]) / 2 - scale * (low + high) / 2

    def place(points: np.ndarray) -> np.ndarray:
        return np.asarray(points) * scale + shift

    alpha = coverage(place(whole), width, height)
    front = place(neckline(cut, cut.neck[1])) if cut.top else None
    inside = np.zeros(alpha.shape, bool)
    if front is not None:
        ring = np.concatenate([front, place(neckline(cut, cut.neck[2]))[::-1]])
        inside = coverage(ring, width, height) > 0.5
    picture = shade(cut, look, alpha, inside, place, scale)
    points = {
        name: tuple(place(np.array(point)).tolist()) for name, point in named_points(cut).items()
    }
    category = "lower" if not cut.top else "dress" if cut.hem[1] > 3.6 else "upper"
    sleeves = "none" if cut.sleeve is None else "short" if cut.sleeve[0] < 1.6 else "long"
    return DrawnGarment(picture, alpha, inside, points, category, sleeves)


def bend(start: np.ndarray, one: np.ndarray, two: np.ndarray, end: np.ndarray) -> np.ndarray:
    """A cubic Bezier curve without its last point."""
    t = np.linspace(0, 1, 33)[:-1, None]
    return (1 - t) ** 3 * start + 3 * t * (1 - t) ** 2 * one + 3 * t**2 * (1 - t) * two + t**3 * end


def neckline(cut: Pattern, depth: float) -> np.ndarray:
    """From the right neck point (u < 0) to the left."""
    t = np.linspace(-1, 1, 65)
    return np.stack([cut.neck[0] * t, depth * (1 - np.abs(t) ** 2.2)], -1)


def sleeve_points(cut: Pattern) -> tuple[np.ndarray, np.ndarray]:
    """The outer and inner corner of the cuff."""
    assert cut.sleeve
    length, angle, width = cut.sleeve
    along = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    outer = np.array(cut.shoulder) + length * along
    return outer, outer + width * np.array([-along[1], along[0]])


def outline(cut: Pattern) -> np.ndarray:
    """The left half (u >= 0) of the outline, from the top on the axis to the bottom."""
    waist, (hem_u, hem_y, bow) = np.array(cut.waist), cut.hem
    hem = np.array([hem_u, hem_y])
    if cut.top:
        neck, tip, pit = np.array([cut.neck[0], 0.0]), np.array(cut.shoulder), np.array(cut.armpit)
        parts = [neckline(cut, cut.neck[2])[32:-1], np.linspace(neck, tip, 20)[:-1]]
        if cut.sleeve:
            outer, inner = sleeve_points(cut)
            parts += [np.linspace(tip, outer, 40)[:-1], np.linspace(outer, inner, 20)[:-1]]
            parts += [np.linspace(inner, pit, 40)[:-1]]
        else:
            parts.append(bend(tip, tip + [-0.1, 0.5], pit + [-0.25, -0.05], pit))
        parts.append(bend(pit, pit + [0, 0.3], waist - [0, 0.3], waist))
    else:
        parts = [np.linspace([0.0, 0.03], waist, 20)[:-1]]
    if cut.legs:
        crotch, half, aside = cut.legs
        hip = np.array([cut.hem[0], 0.75 * crotch])
        parts.append(bend(waist, waist + [0.06, 0.3], hip - [0, 0.3], hip))
        parts.append(np.linspace(hip, [aside + half, hem_y], 60)[:-1])
        parts.append(np.linspace([aside + half, hem_y], [aside - half, hem_y], 20)[:-1])
        parts.append(np.linspace([aside - half, hem_y], [0.0, crotch], 60))
    else:
        way = hem - waist
        parts.append(bend(waist, waist + [0, 0.3 * way[1]], hem - 0.3 * way, hem))
        parts.append(
            bend(hem, hem + [-0.3, bow], np.array([0.4, hem_y + bow]), np.array([0, hem_y + bow]))
        )
    return np.concatenate(parts)


def named_points(cut: Pattern) -> dict[str, tuple[float, float]]:
    half: dict[str, tuple[float, float]] = {}
    middle: dict[str, tuple[float, float]] = {}
    if cut.top:
        half = {"neck": (cut.neck[0], 0.0), "shoulder": cut.shoulder, "armpit": cut.armpit}
        middle["neck_bottom"] = (0.0, cut.neck[1])
        if cut.sleeve:
            outer, inner = sleeve_points(cut)
            half |= {"sleeve_end_outer": tuple(outer), "sleeve_end_inner": tuple(inner)}
    else:
        half["waist"] = cut.waist
    if cut.legs:
        crotch, wide, aside = cut.legs
        half |= {"hem_outer": (aside + wide, cut.hem[1]), "hem_inner": (aside - wide, cut.hem[1])}
        middle["crotch"] = (0.0, crotch)
    else:
        half["hem"] = cut.hem[:2]
        middle["hem_center"] = (0.0, cut.hem[1] + cut.hem[2])
    for name, (u, y) in half.items():
        middle |= {f"{name}_left": (u, y), f"{name}_right": (-u, y)}
    return middle


def coverage(polygon: np.ndarray, width: int, height: int) -> np.ndarray:
    """The share of each pixel inside a polygon (n, 2), float32 (height, width)."""
    canvas = Image.new("L", (width * FINE, height * FINE))
    corners = [tuple(point) for point in (polygon + 0.5) * FINE - 0.5]
    ImageDraw.Draw(canvas).polygon(corners, fill=255)
    return np.asarray(canvas.reduce(FINE), np.float32) / 255


def shade(
    cut: Pattern,
    look: Look,
    alpha: np.ndarray,
    inside: np.ndarray,
    place: Callable[[np.ndarray], np.ndarray],
    scale: float,
) -> np.ndarray:
    """The picture: fabric with folds and seams over a background with the garment's shadow."""
    height, width = alpha.shape
    random = np.random.default_rng(look.seed)
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    origin = place(np.zeros(2))
    u, y = (xs - origin[0]) / scale, (ys - origin[1]) / scale
    fabric = np.broadcast_to(np.array(look.colour, np.float32), (height, width, 3)).copy()
    ink = np.zeros(alpha.shape, np.float32)
    if look.pattern == "stripes":
        ink = striped(cut, u, y, scale)
    if look.pattern == "lettering":
        ink = letters(look.lettering, place(np.array([0.0, 1.3])), 0.42 * scale, width, height)
    fabric += ink[..., None] * (np.array(look.second, np.float32) - fabric)
    folds = waves(random, (5, 12), alpha.shape) + waves(random, (10, 6), alpha.shape)
    rounded = np.clip(blurred(alpha, 0.12 * scale) * 2 - 1, 0, 1)
    light = (0.86 + 0.14 * rounded) * (1 + 0.035 * folds)
    light *= 1 - 0.28 * seams(cut, place, scale, width, height)
    fabric *= light[..., None]
    fabric[inside] = np.array(look.colour, np.float32) * (0.62 * light[inside])[:, None]
    fade = 1 - look.gradient * (xs / width + ys / height) / 2
    cast = np.roll(blurred(alpha, 0.1 * scale), (round(0.06 * scale), round(0.03 * scale)), (0, 1))
    back = (
        np.array(look.background, np.float32) * (fade * (1 - 0.35 * look.shadow * cast))[..., None]
    )
    cover = alpha[..., None]
    result = cover * fabric.clip(0, 255) + (1 - cover) * back
    result += random.normal(0, 1, result.shape) * look.noise
    return (result + 0.5).clip(0, 255).astype(np.uint8)


def striped(cut: Pattern, u: np.ndarray, y: np.ndarray, scale: float) -> np.ndarray:
    """Share of the second colour: across the body, and across each sleeve."""
    along = y + 0.04 * u**2
    if cut.sleeve:
        tip, pit = np.array(cut.shoulder), np.array(cut.armpit)
        way = pit - tip
        beyond = (np.abs(u) - tip[0]) * way[1] - (y - tip[1]) * way[0] > 0
        angle = np.radians(cut.sleeve[1])
        run = (np.abs(u) - tip[0]) * np.cos(angle) + (y - tip[1]) * np.sin(angle)
        along = np.where(beyond, run, along)
    return (scale * (0.06 - np.abs(along % 0.24 - 0.06)) + 0.5).clip(0, 1)


def letters(text: str, centre: np.ndarray, size: float, width: int, height: int) -> np.ndarray:
    canvas = Image.new("L", (width, height))
    font = ImageFont.load_default(max(4.0, size))
    ImageDraw.Draw(canvas).multiline_text(
        tuple(centre), text, fill=255, font=font, anchor="mm", align="center", spacing=0.2 * size
    )
    return np.asarray(canvas, np.float32) / 255


def waves(
    random: np.random.Generator, cells: tuple[int, int], shape: tuple[int, ...]
) -> np.ndarray:
    """Smooth noise of about unit size, `cells` (down, across) bumps over the picture."""
    bumps = random.normal(0, 1, cells).astype(np.float32)
    return resize(bumps, shape[1], shape[0])


def blurred(alpha: np.ndarray, radius: float) -> np.ndarray:
    grey = Image.fromarray((alpha * 255).astype(np.uint8))
    return np.asarray(grey.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255


def seams(
    cut: Pattern, place: Callable[[np.ndarray], np.ndarray], scale: float, width: int, height: int
) -> np.ndarray:
    """Thin lines: collar, armholes, cuffs, hem, waistband and fly, 0..1."""
    lines = []
    hem_u, hem_y, bow = cut.hem
    if cut.top:
        lines.append(neckline(cut, cut.neck[1]) * [1.16, 1] + [0, 0.09])
    else:
        lines.append(np.array([[-cut.waist[0], 0.2], [cut.waist[0], 0.2]]))
    if cut.sleeve:
        pit, tip = np.array(cut.armpit), np.array(cut.shoulder)
        outer, inner = sleeve_points(cut)
        back = 0.08 * (tip - outer) / np.hypot(*(tip - outer))
        for side in ([1, 1], [-1, 1]):
            lines.append(bend(tip, tip + [-0.08, 0.3], pit + [-0.2, -0.3], pit) * side)
            lines.append(np.stack([outer + back, inner + back]) * side)
    if cut.legs:
        crotch, half, aside = cut.legs
        lines.append(np.array([[0.0, 0.2], [0.0, crotch]]))
        for side in (-1, 1):
            cuff = [[aside - half, hem_y - 0.1], [aside + half, hem_y - 0.1]]
            lines.append(np.array(cuff) * [side, 1])
    else:
        t = np.linspace(-1, 1, 33)
        lines.append(np.stack([hem_u * t, hem_y - 0.1 + bow * (1 - t**2)], -1))
    canvas = Image.new("L", (width * FINE, height * FINE))
    thick = max(FINE, round(0.012 * scale * FINE))
    for line in lines:
        ImageDraw.Draw(canvas).line(
            [tuple(point) for point in (place(line) + 0.5) * FINE - 0.5], fill=255, width=thick
        )
    return np.asarray(canvas.reduce(FINE), np.float32) / 255
