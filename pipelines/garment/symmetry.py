"""Along which line a silhouette mirrors itself."""

from __future__ import annotations

import numpy as np

from ..maps.ranking import median


def turning(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def symmetry_angle(points: np.ndarray) -> float:
    """The small rotation (radians) after which points (n, 2) in -1..1 mirror themselves best."""
    x, y = np.ascontiguousarray(points.T)

    def best(angles: np.ndarray) -> float:
        turns = [(np.cos(angle), np.sin(angle)) for angle in angles]
        scores = [mirror_score(x * cos + y * sin, y * cos - x * sin) for cos, sin in turns]
        return float(angles[int((scores - 0.0025 * np.abs(np.degrees(angles))).argmax())])

    rough = best(np.radians(np.arange(-12, 12.1, 2.0)))
    rough = best(rough + np.radians([-1.0, 0.0, 1.0]))
    return best(rough + np.radians(np.arange(-0.75, 0.76, 0.25)))


def mirror_score(x: np.ndarray, y: np.ndarray) -> float:
    """How well points, within 1.5 of the middle, mirror themselves left to right, 0..1."""
    size = 64
    rows, columns = (((along + 1.5) * size / 3).astype(int) for along in (y, x))
    flat = np.bincount(rows * 2 * size + columns, minlength=2 * size * size)
    grid = flat.reshape(size, 2 * size).astype(np.float64)
    grid = np.minimum(grid, median(grid[grid > 0]))
    return float(mirrored(grid).max() / (grid**2).sum())


def symmetry_axis(mask: np.ndarray) -> float:
    """The column (or between two) about which it covers itself most when it is mirrored."""
    import cv2

    width = mask.shape[1]
    rows = np.zeros((len(mask), cv2.getOptimalDFTSize(2 * width)), np.float32)
    rows[:, :width] = mask
    return float(mirrored(rows).round().argmax()) / 2


def mirrored(rows: np.ndarray) -> np.ndarray:
    """How much of a map (rows, columns), whose right half is empty, lies on itself when it is
    mirrored, by twice the column of the axis (columns,)."""
    import cv2

    spectrum = cv2.dft(rows, flags=cv2.DFT_ROWS)
    squared = cv2.mulSpectrums(spectrum, spectrum, cv2.DFT_ROWS)
    return cv2.idft(cv2.reduce(squared, 0, cv2.REDUCE_SUM), flags=cv2.DFT_SCALE)[0]
