"""A garment's continuous deformation on a grid of nodes, and its backward map for sampling.

The nodes lie on the garment's picture; each carries its place in the photo. Where a rule says
where nodes belong (torso, sleeves) they are held there; between (armholes, crotch) the smoothest
surface joins them, so that parts never tear. Parts that may overlap in the photo are sampled as
layers of the same deformation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Grid:
    """Nodes of a garment's picture every `step` pixels: node (r, c) lies at (c, r) * step.

    labels (R, C) uint8: part of each node, 0 = outside the garment. joined(a, b) holds for
    neighbours that belong together: see `links`.
    """

    step: float
    labels: np.ndarray
    split_y: dict[tuple[int, int], float]

    @property
    def points(self) -> np.ndarray:
        """Node places (R, C, 2) in garment pixels."""
        rows, columns = np.mgrid[0 : self.labels.shape[0], 0 : self.labels.shape[1]]
        return np.stack([columns, rows], -1) * self.step


def make_grid(parts: np.ndarray, split_y: dict[tuple[int, int], float], across: int = 72) -> Grid:
    """Grid over a part map (h, w) with `across` cells along its longer side.

    split_y: for a pair of parts (smaller label first) the y, in garment pixels, below which they
    merely touch: a sleeve and the torso below the armpit, the legs below the crotch.
    """
    height, width = parts.shape
    step = max(height, width) / across
    ys = np.clip(np.round(np.arange(0, height + step, step)), 0, height - 1).astype(int)
    xs = np.clip(np.round(np.arange(0, width + step, step)), 0, width - 1).astype(int)
    return Grid(step, parts[np.ix_(ys, xs)], split_y)


def linked(grid: Grid, first: np.ndarray, second: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether neighbouring nodes with these labels at this height hang together."""
    together = (first > 0) & (second > 0)
    for (low, high), limit in grid.split_y.items():
        pair = ((first == low) & (second == high)) | ((first == high) & (second == low))
        together &= ~(pair & (y > limit))
    return together


def solve(
    grid: Grid, wanted: np.ndarray, weights: np.ndarray, stiffness: float = 1.0
) -> np.ndarray:
    """Places (R, C, 2) of all garment nodes: near `wanted` where `weights` are high, bending least.

    Minimises weights |x - wanted|^2 + stiffness (x_uu^2 + 2 x_uv^2 + x_vv^2), which leaves affine
    maps alone. Nodes outside the garment keep `wanted`.
    """
    from scipy.sparse import coo_matrix, diags
    from scipy.sparse.linalg import splu

    labels = grid.labels
    inside = labels > 0
    index = np.full(labels.shape, -1)
    index[inside] = np.arange(inside.sum())
    y = np.broadcast_to(grid.points[..., 1], labels.shape)
    rows, columns, values, count = [], [], [], 0
    right = linked(grid, labels[:, :-1], labels[:, 1:], y[:, :-1])
    below = linked(grid, labels[:-1], labels[1:], y[:-1])
    pieces = [
        (right[:, :-1] & right[:, 1:], (index[:, :-2], index[:, 1:-1], index[:, 2:]), (1, -2, 1)),
        (below[:-1] & below[1:], (index[:-2], index[1:-1], index[2:]), (1, -2, 1)),
        (right[:-1] & right[1:] & below[:, :-1] & below[:, 1:],
         (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]),
         tuple(np.sqrt(2) * np.array([1, -1, -1, 1]))),
    ]  # fmt: skip
    for valid, nodes, factors in pieces:
        number = int(valid.sum())
        equations = np.arange(count, count + number)
        for node, factor in zip(nodes, factors, strict=True):
            rows.append(equations)
            columns.append(node[valid])
            values.append(np.full(number, float(factor)))
        count += number
    matrix = coo_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(count, int(inside.sum())),
    ).tocsr()
    weight = np.maximum(weights[inside], 1e-6)
    system = (stiffness * matrix.T @ matrix + diags(weight)).tocsc()
    solution = splu(system).solve(weight[:, None] * wanted[inside])
    result = wanted.copy()
    result[inside] = solution
    return result


def extend(places: np.ndarray, known: np.ndarray, turns: int) -> tuple[np.ndarray, np.ndarray]:
    """Continues the deformation `turns` nodes beyond the known ones, straight on."""
    places, known = places.copy(), known.copy()
    rows, columns = np.nonzero(known)
    design = np.stack([columns, rows, np.ones(len(rows))], 1).astype(np.float64)
    affine = np.linalg.lstsq(design, places[known], rcond=None)[0]  # (3, 2)
    for _ in range(turns):
        total = np.zeros_like(places)
        weight = np.zeros(known.shape)
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            near, near_known = _shifted(places, known, dy, dx)
            far, far_known = _shifted(places, known, 2 * dy, 2 * dx)
            share = 1.0 if dy == 0 or dx == 0 else 0.5
            straight = near_known & far_known
            total[straight] += share * (2 * near - far)[straight]
            weight[straight] += share
            step = -(dx * affine[0] + dy * affine[1])
            lonely = near_known & ~far_known
            total[lonely] += 0.05 * (near + step)[lonely]
            weight[lonely] += 0.05
        new = ~known & (weight > 0)
        places[new] = total[new] / weight[new, None]
        known |= new
    return places, known


def _shifted(
    places: np.ndarray, known: np.ndarray, dy: int, dx: int
) -> tuple[np.ndarray, np.ndarray]:
    """Each node's neighbour (dy, dx) away; unknown beyond the grid."""
    height, width = known.shape
    near = np.zeros_like(places)
    near_known = np.zeros_like(known)
    to_rows = slice(max(0, -dy), min(height, height - dy))
    to_columns = slice(max(0, -dx), min(width, width - dx))
    from_rows = slice(max(0, dy), min(height, height + dy))
    from_columns = slice(max(0, dx), min(width, width + dx))
    near[to_rows, to_columns] = places[from_rows, from_columns]
    near_known[to_rows, to_columns] = known[from_rows, from_columns]
    return near, near_known


@dataclass(frozen=True)
class BackwardMap:
    """For the window of the photo that starts at (left, top): source (H, W, 2) garment pixels
    x, y of each pixel; inside (H, W) bool: where the layer (with its margin) lies."""

    left: int
    top: int
    source: np.ndarray
    inside: np.ndarray


def backward(
    places: np.ndarray, known: np.ndarray, step: float, height: int, width: int
) -> BackwardMap | None:
    """Inverts the deformation: every cell with four known corners is drawn into the photo.

    Returns None where nothing of it lies inside the height x width picture.
    """
    cells = known[:-1, :-1] & known[1:, :-1] & known[:-1, 1:] & known[1:, 1:]
    if not cells.any():
        return None
    filled = places.copy()
    filled[~known] = 0
    rows, columns = np.nonzero(cells)
    corners = np.stack(
        [filled[rows, columns], filled[rows, columns + 1],
         filled[rows + 1, columns], filled[rows + 1, columns + 1]]
    )  # fmt: skip
    edges = np.abs(np.stack([corners[1] - corners[0], corners[2] - corners[0],
                             corners[3] - corners[1], corners[3] - corners[2]]))  # fmt: skip
    fine = int(np.clip(np.ceil(np.quantile(edges.max(-1), 0.98) / 0.55), 2, 40))
    fraction = (np.arange(fine) + 0.5) / fine
    v, u = (part.ravel() for part in np.meshgrid(fraction, fraction, indexing="ij"))
    weights = np.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v])
    drawn = np.einsum("kns,kf->nfs", corners, weights)  # (cells, fine^2, 2)
    sources = np.stack([columns[:, None] + u, rows[:, None] + v], -1) * step
    return splat(drawn.reshape(-1, 2), sources.reshape(-1, 2), height, width)


def splat(drawn: np.ndarray, sources: np.ndarray, height: int, width: int) -> BackwardMap | None:
    """Mean source of the samples that fall around each pixel of the picture."""
    kept = (drawn[:, 0] > -1) & (drawn[:, 1] > -1) & (drawn[:, 0] < width) & (drawn[:, 1] < height)
    if not kept.any():
        return None
    drawn, sources = drawn[kept], sources[kept]
    left, top = np.maximum(np.floor(drawn.min(0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(drawn.max(0)).astype(int) + 1, [width, height])
    columns, rows = right - left + 2, bottom - top + 2
    shifted = drawn - [left - 1, top - 1]
    base = np.clip(np.floor(shifted).astype(int), 0, [columns - 2, rows - 2])
    part = shifted - base
    flat = base[:, 1] * columns + base[:, 0]
    sums = np.zeros((3, rows * columns))
    for dy in (0, 1):
        for dx in (0, 1):
            share = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
            place = flat + dy * columns + dx
            for channel, value in enumerate((share, share * sources[:, 0], share * sources[:, 1])):
                sums[channel] += np.bincount(place, value, rows * columns)
    sums = sums.reshape(3, rows, columns)[:, 1 : 1 + bottom - top, 1 : 1 + right - left]
    inside = sums[0] > 0.2
    source = np.stack([sums[1], sums[2]], -1) / np.maximum(sums[0], 1e-6)[..., None]
    return BackwardMap(int(left), int(top), fill_outside(source, inside), inside)


def fill_outside(source: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The nearest inside value for pixels outside, so that enlarging does not mix in nothing."""
    from scipy.ndimage import distance_transform_edt

    if inside.all():
        return source
    nearest = distance_transform_edt(~inside, return_distances=False, return_indices=True)
    return source[tuple(nearest)]


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
    """Determinant of the backward map's derivative at inside pixels (N,): positive without folds."""
    core = mapping.inside[:-1, :-1] & mapping.inside[1:, :-1] & mapping.inside[:-1, 1:]
    along_x = (mapping.source[:-1, 1:] - mapping.source[:-1, :-1])[core]
    along_y = (mapping.source[1:, :-1] - mapping.source[:-1, :-1])[core]
    return along_x[:, 0] * along_y[:, 1] - along_x[:, 1] * along_y[:, 0]
