"""Times the mask rules against a plain formulation of each, on a drawn person.

    python benchmarks/masks.py [--sizes 384x512 768x1024] [--repeats 10]

The plain formulation is the rule written down step by step in float pictures: every dilation pass
on its own, every label by comparison, every heat map over the whole picture. Both give the same
pixels, which is checked first. Prints the best of the repeats in milliseconds on one thread, and
the ratio, which can be compared between machines.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent

POINTS = np.array([
    (190, 70), (190, 112), (150, 122), (136, 182), (128, 240), (232, 122), (246, 182), (254, 240),
    (166, 246), (164, 346), (162, 452), (214, 246), (218, 346), (220, 452),
    (181, 62), (199, 62), (169, 66), (211, 66),
], dtype=np.float64)  # fmt: skip
ATR_SHAPES = [
    (2, (165, 30, 215, 60)), (11, (170, 50, 210, 95)), (18, (180, 95, 200, 115)),
    (4, (150, 115, 232, 240)), (15, (120, 122, 150, 260)), (14, (232, 122, 262, 260)),
    (6, (155, 240, 227, 450)), (9, (195, 450, 240, 475)), (10, (145, 450, 190, 475)),
]  # fmt: skip
LIP_OF_ATR = {2: 2, 11: 13, 18: 13, 4: 5, 15: 15, 14: 14, 6: 9, 9: 18, 10: 19}
DENSE_SHAPES = [
    (23, (170, 50, 210, 110)), (2, (150, 115, 232, 250)), (16, (120, 122, 150, 182)),
    (15, (232, 122, 262, 182)), (20, (120, 182, 150, 240)), (19, (232, 182, 262, 240)),
    (3, (120, 240, 150, 260)), (4, (232, 240, 262, 260)), (9, (155, 251, 190, 450)),
    (10, (191, 251, 227, 450)), (6, (145, 450, 190, 475)), (5, (195, 450, 240, 475)),
]  # fmt: skip


# ------------------------------------------------------------------ plain formulations


def any_of(labels: np.ndarray, wanted: Iterable[int]) -> np.ndarray:
    total = np.zeros(labels.shape, dtype=np.float32)
    for label in wanted:
        total += labels == label
    return total


def grown(picture: np.ndarray, side: int, times: int) -> np.ndarray:
    for _ in range(times):
        picture = cv2.dilate(np.float32(picture), np.ones((side, side), np.uint8))
    return picture


def line_through(points: np.ndarray, shape: tuple[int, int], thickness: int) -> Image.Image:
    picture = Image.new("L", shape[::-1])
    ImageDraw.Draw(picture).line(
        [tuple(point) for point in points.tolist()], "white", thickness, "curve"
    )
    return picture


def holes_filled(repaint: np.ndarray) -> np.ndarray:
    picture = np.pad(np.where(repaint, 255, 0).astype(np.uint8)[1:-1, 1:-1], 1)
    flooded = picture.copy()
    cv2.floodFill(
        flooded, np.zeros((picture.shape[0] + 2, picture.shape[1] + 2), np.uint8), (0, 0), 255
    )
    return cv2.bitwise_or(picture, cv2.bitwise_not(flooded))


def plain_ootdiffusion(maps: dict, leffa: bool) -> np.ndarray:
    labels = maps["atr"]
    scale = labels.shape[0] / 512
    kept = any_of(labels, (9, 10, 1, 3, 16, 5, 6))
    head = any_of(labels, (1, 3, 11))
    changeable = any_of(labels, (0,)) + np.logical_and(labels, np.logical_not(kept))
    thickness = int(60 / 512 * labels.shape[0])
    strokes, hands = np.zeros(labels.shape), np.zeros(labels.shape)
    for label, order in ((15, (2, 3, 4)), (14, (7, 6, 5))):
        path = POINTS[list(order)] * scale
        wrist = order.index(4 if label == 15 else 7)
        path[wrist] = path[1] + 1.2 * (path[wrist] - path[1])
        stroke = line_through(path.astype(np.uint16), labels.shape, thickness)
        x, y = path[2 - wrist]
        radius = thickness // 2
        ImageDraw.Draw(stroke).arc(
            (x - radius, y - radius, x + radius, y + radius), 0, 360, "white", radius
        )
        strokes = np.logical_or(strokes, stroke)
        hands = np.logical_or(hands, any_of(labels, (label,)) * (np.array(stroke) == 0))
    fixed = np.float32(np.logical_or(kept, hands))
    if leffa:
        fixed = cv2.erode(fixed, np.ones((5, 5), np.uint8))
    fixed = np.logical_or(fixed, head)
    target = grown(any_of(labels, (4, 7)), 10 if leffa else 5, 5)
    neck = np.logical_and(grown(any_of(labels, (18,)), 5, 1), np.logical_not(head))
    target = np.logical_or(target, np.logical_or(neck, grown(strokes, 5, 4)))
    untouched = np.logical_and(changeable, np.logical_not(target))
    picture = holes_filled(np.logical_not(np.logical_or(untouched, fixed)))
    outlines, _ = cv2.findContours(picture, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_TC89_L1)
    areas = [abs(cv2.contourArea(outline, True)) for outline in outlines]
    region = np.zeros_like(picture)
    cv2.drawContours(region, outlines, areas.index(max(areas)), 255, -1)
    return region / 255


def plain_shoulder_cut(maps: dict, head: Iterable[int], arms: np.ndarray, side: int) -> np.ndarray:
    """The Dress Code recipe for an upper garment, without filling holes."""
    labels = maps["atr"]
    height, width = labels.shape
    points = POINTS * (height / 512)
    kept = any_of(labels, (2, 9, 10, 1, 3, 17, 16, 5, 6))
    changeable = any_of(labels, (0,)) + np.logical_and(labels, np.logical_not(kept))
    hands = np.logical_and(any_of(labels, (14, 15)), arms == 0)
    whole_head = any_of(labels, head)
    upper_head = whole_head.copy()
    shoulders = points[[2, 5]]
    slope, offset = np.linalg.lstsq(np.c_[shoulders[:, 0], (1, 1)], shoulders[:, 1], rcond=None)[0]
    for column in range(width):
        upper_head[int(column * slope + offset - 20 * (height / 512)) :, column] = 0
    target = any_of(labels, (4,)) + np.float32(arms) + whole_head - upper_head
    untouched = np.logical_and(changeable, np.logical_not(grown(target, side, 5)))
    fixed = np.logical_or(np.logical_or(kept, hands), upper_head)
    return np.logical_not(np.logical_or(untouched, fixed))


def plain_leffa_dc(maps: dict) -> np.ndarray:
    labels = maps["atr"]
    height = labels.shape[0]
    points = POINTS[[7, 6, 5, 2, 3, 4]] * (height / 512)
    arms = np.float32(line_through(points, labels.shape, 30))
    if height > 256:
        arms = grown(arms, 10 if height > 512 else 5, 5)
    side = 20 if height > 512 else 10 if height > 256 else 5
    return holes_filled(plain_shoulder_cut(maps, (1, 2, 3, 11, 18), arms, side)) / 255


def plain_heat_maps(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    maps = []
    for x, y in points:
        heat = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 81)
        maps.append(heat / (heat.max() + np.finfo(np.float32).eps))
    return np.array(maps, dtype=np.float32)


def plain_ladi_dresscode(maps: dict) -> np.ndarray:
    labels = maps["atr"]
    points = POINTS[[7, 6, 5, 2, 3, 4]] * (labels.shape[0] / 512)
    arms = np.array(line_through(points.astype(np.uint16), labels.shape, 45))
    return plain_shoulder_cut(maps, (1, 2, 3, 11), arms, 5)


def plain_ladi_pose_map(maps: dict) -> np.ndarray:
    height, width = maps["atr"].shape
    return plain_heat_maps(POINTS / (384, 512) * (width, height), (height, width))


def plain_ladi_vitonhd(maps: dict) -> np.ndarray:
    labels = maps["lip"]
    height, width = labels.shape
    points = POINTS[[7, 6, 5, 2, 3, 4]] * (width / 384, height / 512)
    arms = np.array(line_through(points.astype(np.uint16), labels.shape, int(90 / 512 * height)))
    kept = any_of(labels, (1, 2, 18, 19, 9, 12))
    changeable = any_of(labels, (0,)) + np.logical_and(labels, np.logical_not(kept))
    hands = np.logical_and(any_of(labels, (14, 15)), arms == 0)
    fixed = np.logical_or(np.logical_or(kept, hands), any_of(labels, (1, 2, 4, 13)))
    target = grown(any_of(labels, (5, 6, 7)) + np.float32(arms), 5, 5)
    untouched = np.logical_and(changeable, np.logical_not(target))
    return np.logical_not(np.logical_or(untouched, fixed))


def plain_catvton(maps: dict) -> np.ndarray:
    dense, lip, atr = maps["densepose"], maps["lip"], maps["atr"]
    longest = max(dense.shape)
    small, wide = longest // 250 | 1, longest // 25 | 1
    limbs = np.logical_or(any_of(lip, (14, 15, 16, 17)), any_of(atr, (12, 13, 14, 15)))
    hands = np.logical_and(grown(any_of(dense, (3, 4, 5, 6)), small, 1), limbs)
    strong = np.logical_or(hands, any_of(lip, (13,)))
    weak_lip = any_of(lip, (1, 2, 3, 4, 8, 9, 11, 12, 16, 17, 18, 19))
    weak_atr = any_of(atr, (1, 2, 3, 5, 6, 9, 10, 12, 13, 16, 17))
    weak = np.logical_or(strong, np.logical_or(weak_lip, weak_atr))
    body = (
        grown(any_of(dense, (1, 2, *range(15, 23)))[::4, ::4], small, 2).repeat(4, 0).repeat(4, 1)
    )
    worn = np.logical_and(np.logical_or(lip, atr), np.logical_not(weak))
    area = np.where(np.logical_or(worn, body), 255, 0).astype(np.uint8)
    outlines, _ = cv2.findContours(area, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hulls = np.zeros_like(area)
    for outline in outlines:
        hulls |= cv2.fillPoly(np.zeros_like(area), [cv2.convexHull(outline)], 255)
    hulls[weak] = 0
    blurred = cv2.GaussianBlur(hulls, (wide, wide), 0) >= 25
    garments = np.logical_or(any_of(lip, (5, 6, 7, 10)), any_of(atr, (4, 7)))
    return grown(np.logical_and(np.logical_or(blurred, garments), np.logical_not(strong)), small, 1)


# ------------------------------------------------------------------ comparing


def drawn(shapes: list, width: int, height: int) -> np.ndarray:
    picture = Image.new("L", (384, 512))
    for label, box in shapes:
        ImageDraw.Draw(picture).rectangle(box, fill=label)
    return np.array(picture.resize((width, height), Image.Resampling.NEAREST))


def person(width: int, height: int) -> dict[str, np.ndarray]:
    return {
        "atr": drawn(ATR_SHAPES, width, height),
        "lip": drawn([(LIP_OF_ATR[label], box) for label, box in ATR_SHAPES], width, height),
        "densepose": drawn(DENSE_SHAPES, width, height),
    }


def pairs(maps: dict) -> dict[str, tuple[Callable, Callable]]:
    """Per rule: ours and the plain formulation, both for an upper garment."""
    from fitting_room.pipelines.masking import rules
    from fitting_room.pipelines.masking.keypoints import KeyPoints

    points = KeyPoints(np.hstack([POINTS, np.ones((18, 1))]), 384, 512)
    atr, lip, dense = maps["atr"], maps["lip"], maps["densepose"]
    size = (atr.shape[1], atr.shape[0])
    return {
        "ootdiffusion_hd": (
            lambda: rules.ootdiffusion(atr, points, "upper", "hd", *size),
            lambda: plain_ootdiffusion(maps, leffa=False),
        ),
        "leffa_hd": (
            lambda: rules.leffa_hd(atr, points, "upper", "hd", *size),
            lambda: plain_ootdiffusion(maps, leffa=True),
        ),
        "leffa_dc": (
            lambda: rules.leffa_dc(atr, points, "upper"),
            lambda: plain_leffa_dc(maps),
        ),
        "catvton": (
            lambda: rules.catvton(dense, lip, atr, "upper"),
            lambda: plain_catvton(maps),
        ),
        "ladi_dresscode": (
            lambda: rules.ladi_dresscode(atr, points, "upper", *size).mask,
            lambda: plain_ladi_dresscode(maps),
        ),
        "ladi_vitonhd": (
            lambda: rules.ladi_vitonhd(lip, points, *size).mask,
            lambda: plain_ladi_vitonhd(maps),
        ),
        "ladi pose map": (
            lambda: rules.ladi_pose_map(points, "dresscode", *size),
            lambda: plain_ladi_pose_map(maps),
        ),
    }


def best_ms(function: Callable, repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the mask rules against plain ones.")
    parser.add_argument("--sizes", nargs="+", default=["384x512", "768x1024"], metavar="WxH")
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{'size':10} {'rule':16} {'ours ms':>8} {'plain ms':>9} {'ratio':>6}")
    for size in options.sizes:
        for name, (ours, plain) in pairs(person(*map(int, size.split("x")))).items():
            if not np.array_equal(ours(), np.float32(plain())):
                raise SystemExit(f"{name} at {size}: the two formulations differ")
            fast, slow = best_ms(ours, options.repeats), best_ms(plain, options.repeats)
            print(f"{size:10} {name:16} {fast:8.2f} {slow:9.2f} {slow / fast:6.1f}")


if __name__ == "__main__":
    spec = importlib.util.spec_from_file_location("conftest", ROOT / "tests" / "conftest.py")
    assert spec and spec.loader
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    main()
