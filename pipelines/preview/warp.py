"""Drawing a garment through a backward map, antialiased, at the photo's own resolution.

The maps come from `mesh.backward`, which rasterises the patches that `drape` lays on the body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class BackwardMap:
    """For the window of the photo that starts at (left, top): source (H, W, 2) garment pixels
    x, y of each pixel; inside (H, W) bool: where the layer (with its margin) lies."""

    left: int
    top: int
    source: np.ndarray
    inside: np.ndarray


def fill_outside(source: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The nearest inside value for pixels outside, so that enlarging does not mix in nothing."""
    from scipy.ndimage import distance_transform_edt

    if inside.all():
        return source
    nearest = distance_transform_edt(~inside, return_distances=False, return_indices=True)
    rows, columns = np.asarray(nearest)
    return source[rows, columns]


def sample(
    layers: np.ndarray, mapping: BackwardMap, scale: float, box: tuple[int, int, int, int]
) -> np.ndarray:
    """The garment's picture drawn through a backward map at the photo's own resolution.

    layers: float32 (h, w, C) in garment pixels (premultiplied colours and alphas); scale: photo
    pixels per map pixel; box: left, top, right, bottom in photo pixels to draw. Returns
    (box height, box width, C); zero outside the map. Shrinking garments are averaged first.
    """
    left, top, right, bottom = box
    height, width = bottom - top, right - left
    # Photo pixel centres in map pixels, with both grids' corners aligned.
    xs = (torch.arange(width) + left + 0.5) / scale - 0.5 - mapping.left
    ys = (torch.arange(height) + top + 0.5) / scale - 0.5 - mapping.top
    rows, columns = mapping.inside.shape
    grid = torch.stack(
        torch.meshgrid((xs + 0.5) / columns * 2 - 1, (ys + 0.5) / rows * 2 - 1, indexing="xy"), -1
    )[None].float()
    stack = np.concatenate([mapping.source, mapping.inside[..., None]], -1)
    tensor = torch.from_numpy(np.ascontiguousarray(stack, dtype=np.float32)).permute(2, 0, 1)[None]
    inner = F.grid_sample(tensor, grid, padding_mode="border", align_corners=False)[0]
    inside = inner[2] * (grid[0].abs() <= 1).all(-1)

    step_x = np.linalg.norm(np.diff(mapping.source, axis=1)[mapping.inside[:, 1:]], axis=-1)
    step_y = np.linalg.norm(np.diff(mapping.source, axis=0)[mapping.inside[1:]], axis=-1)
    shrink = float(np.median(np.concatenate([step_x, step_y]))) / scale if len(step_x) else 1.0
    pixels = torch.from_numpy(np.ascontiguousarray(layers, dtype=np.float32)).permute(2, 0, 1)[None]
    old_height, old_width = layers.shape[:2]
    if shrink > 1.15:
        size = (max(2, round(old_height / shrink)), max(2, round(old_width / shrink)))
        pixels = F.interpolate(pixels, size, mode="bicubic", antialias=True, align_corners=False)
    where = torch.stack(
        [(inner[0] + 0.5) / old_width * 2 - 1, (inner[1] + 0.5) / old_height * 2 - 1], -1
    )[None]
    drawn = F.grid_sample(pixels, where, mode="bicubic", padding_mode="border", align_corners=False)
    return (drawn[0].clamp(0, 1) * (inside > 0.5)).permute(1, 2, 0).numpy()


def jacobian(mapping: BackwardMap) -> np.ndarray:
    """Determinant of a backward map's derivative at inside pixels (N,): positive without folds."""
    core = mapping.inside[:-1, :-1] & mapping.inside[1:, :-1] & mapping.inside[:-1, 1:]
    along_x = (mapping.source[:-1, 1:] - mapping.source[:-1, :-1])[core]
    along_y = (mapping.source[1:, :-1] - mapping.source[:-1, :-1])[core]
    return along_x[:, 0] * along_y[:, 1] - along_x[:, 1] * along_y[:, 0]
