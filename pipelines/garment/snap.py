"""Puts an uncertain silhouette's outline onto the edge that it should follow.

A garment of nearly the background's colour leaves a ragged silhouette: compression noise outside
is as strong as the garment itself inside. Along the outline, though, a true edge is coherent. So
the outline is moved along its normals to where inside and outside differ most, by dynamic
programming with a price on jumping.
"""

from __future__ import annotations

import numpy as np

from .contour import enclosed_area, resampled, smoothed, trace

STEP = 2.5  # pixels between points of the outline


def snap_outline(
    inside: np.ndarray, distance: np.ndarray, noise: float, reach: int
) -> list[np.ndarray]:
    """Outlines (n, 2) of a boolean (height, width) silhouette, moved by at most `reach` pixels.

    distance: how far a pixel is from the background's colour, Lab units; noise: that of the
    background itself.
    """
    moved = []
    for outline in trace(inside):
        if abs(enclosed_area(outline)) < 4 * reach:
            continue
        for sigma, way in ((0.4 * reach, reach), (1.5, max(2, reach // 2))):
            line = smoothed(resampled(outline, 1.0, around=True), sigma)
            line = resampled(line, STEP, around=True)
            outline = snap_one(line, inside, distance, noise, way)
        moved.append(smoothed(outline, 0.7))
    return moved


def snap_one(
    line: np.ndarray, inside: np.ndarray, distance: np.ndarray, noise: float, reach: int
) -> np.ndarray:
    from scipy import ndimage

    ahead = smoothed(np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0), 2.0)
    normal = np.stack([ahead[:, 1], -ahead[:, 0]], -1)  # outwards of a clockwise outline
    normal /= np.maximum(np.hypot(*normal.T), 1e-6)[:, None]
    offsets = np.arange(-reach, reach + 1)
    places = line[:, None] + offsets[None, :, None] * normal[:, None]
    grid = places[..., ::-1].transpose(2, 0, 1)
    seen = ndimage.map_coordinates(distance, grid, order=1, mode="nearest")
    seen = ndimage.uniform_filter1d(seen, 3, axis=0, mode="wrap")
    held = ndimage.map_coordinates(inside.astype(np.uint8), grid, order=0, mode="nearest") > 0
    valid = reachable(held, reach)
    share = np.where(valid[:, :reach], 1.0, 0.0)
    contrast = (seen[:, :reach] * share).sum(1), share.sum(1)
    wide = [ndimage.gaussian_filter1d(part, 6, mode="wrap") for part in contrast]
    level = np.clip(0.5 * wide[0] / np.maximum(wide[1], 1e-6), 0.4 + noise, 12)[:, None]
    odds = np.where(valid, ((seen - level) / level).clip(-1, 1), 0.0)
    before = np.cumsum(odds, axis=1) - 0.5 * odds
    cost = odds.sum(1, keepdims=True) - 2 * before
    step_up = np.gradient(seen, axis=1)
    cost += 1.5 * (step_up / np.maximum(np.abs(step_up).max(1, keepdims=True), 1.0))
    cost += 0.02 * np.abs(offsets)
    cost[~valid] = 1e3
    chosen = cheapest_path(cost)
    return line + offsets[chosen][:, None] * normal


def reachable(held: np.ndarray, reach: int) -> np.ndarray:
    """Where the outline may move to: up to the middle of a thin part or of a thin gap."""
    inner = held[:, :reach][:, ::-1]
    outer = ~held[:, reach + 1 :]
    # A pixel of doubt at the start: the outline is smoothed.
    inner[:, :2] = outer[:, :2] = True
    valid = np.ones(held.shape, bool)
    for part, there in ((inner, slice(reach - 1, None, -1)), (outer, slice(reach + 1, None))):
        length = np.cumprod(part, axis=1).sum(1)
        length = np.where(length < reach, length // 2, length)
        within = np.arange(reach)[None] < length[:, None]
        if there.step:
            valid[:, :reach] = within[:, ::-1]
        else:
            valid[:, there] = within
    return valid


def cheapest_path(cost: np.ndarray) -> np.ndarray:
    """The offset to choose at each point of a closed outline: (n,) indices into cost (n, k)."""
    count = len(cost)
    lead = min(count, 60)
    rows = np.concatenate([cost[-lead:], cost, cost[:lead]])
    jumps = np.array([-2, -1, 0, 1, 2])
    price = 0.8 * jumps.astype(np.float64) ** 2
    width = cost.shape[1]
    total = rows[0]
    came = np.zeros((len(rows), width), np.int8)
    padded = np.full(width + 4, 1e6)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 5)
    columns = np.arange(width)
    for index in range(1, len(rows)):
        padded[2:-2] = total
        options = windows + price
        best = options.argmin(1)
        came[index] = best
        total = options[columns, best] + rows[index]
    place = int(total.argmin())
    chosen = np.empty(len(rows), np.int64)
    for index in range(len(rows) - 1, -1, -1):
        chosen[index] = place
        place += int(jumps[came[index, place]]) if index else 0
    return chosen[lead : lead + count]
