"""Places a garment on a scene: the fit's rules, joined into one deformation, cut into layers."""

from __future__ import annotations

import numpy as np

from .edges import blur
from .fit import StripFit, TorsoFit, fit_leg, fit_lower, fit_sleeve, fit_torso, project
from .garment import LEFT_LEG, LEFT_SLEEVE, RIGHT_LEG, RIGHT_SLEEVE, TORSO, Garment
from .layers import Piece
from .measures import limb_line, lower_outline, upper_outline
from .regions import smooth_step
from .scene import Scene
from .warp import Grid, backward, extend, make_grid, solve

MARGIN = 2  # nodes that a layer reaches beyond its own
NAMES = {
    TORSO: "torso", RIGHT_LEG: "right_leg", LEFT_LEG: "left_leg",
    RIGHT_SLEEVE: "right_arm", LEFT_SLEEVE: "left_arm",
}  # fmt: skip


def place_garment(garment: Garment, scene: Scene) -> list[Piece]:
    """The layers of a garment in drawing order; empty if none of it falls into the photo."""
    figure = scene.figure
    if garment.category == "lower":
        trunk = fit_lower(
            figure, scene.shape, lower_outline(garment), scene.waist, RIGHT_LEG in garment.limbs
        )
    else:
        sleeved = RIGHT_SLEEVE in garment.limbs or LEFT_SLEEVE in garment.limbs
        trunk = fit_torso(figure, scene.shape, upper_outline(garment), sleeved)
    strips = fit_limbs(garment, scene, trunk)
    grid = make_grid(garment.parts, split_heights(garment, trunk))
    wanted = trunk(grid.points)
    weights = np.where(grid.labels == TORSO, 1.0, 0.0)
    for part, strip in strips.items():
        join_limb(grid, wanted, weights, part, strip, trunk, figure.unit)
    solved = solve(grid, wanted, weights, stiffness=3.0)
    order = [part for part in NAMES if part == TORSO or part in strips]
    pieces = [cut_piece(garment, scene, grid, solved, part) for part in order]
    return [piece for piece in pieces if piece]


def fit_limbs(garment: Garment, scene: Scene, trunk: TorsoFit) -> dict[int, StripFit]:
    """The rule for each sleeve and trouser leg."""
    figure = scene.figure
    limbs = {RIGHT_SLEEVE: figure.right_arm, LEFT_SLEEVE: figure.left_arm,
             RIGHT_LEG: figure.right_leg, LEFT_LEG: figure.left_leg}  # fmt: skip
    strips = {}
    for part in garment.limbs:
        line, half_widths = limb_line(garment, part)
        start = trunk(line[0])
        if part in (RIGHT_SLEEVE, LEFT_SLEEVE):
            reach = garment.reach
            strips[part] = fit_sleeve(limbs[part], line, half_widths, trunk.scale, reach, start)
        else:
            strips[part] = fit_leg(limbs[part], line, half_widths, trunk.scale, start)
    return strips


def split_heights(garment: Garment, trunk: TorsoFit) -> dict[tuple[int, int], float]:
    """Below which height parts of the garment's picture merely touch."""
    heights = {}
    for k, part in enumerate((RIGHT_SLEEVE, LEFT_SLEEVE)):
        if part in garment.limbs:
            heights[(TORSO, part)] = float(trunk.outline.armpits[k, 1])
    if RIGHT_LEG in garment.limbs:
        heights[(RIGHT_LEG, LEFT_LEG)] = garment.points["crotch"][1]
    return heights


def join_limb(
    grid: Grid, wanted: np.ndarray, weights: np.ndarray, part: int, strip: StripFit,
    trunk: TorsoFit, unit: float,
) -> None:  # fmt: skip
    """Writes the limb's rule into wanted and weights, leaving a band at its upper end free."""
    points = grid.points
    mine = grid.labels == part
    places, _ = strip(points)
    wanted[mine] = places[mine]
    if part in (RIGHT_SLEEVE, LEFT_SLEEVE):
        k = 0 if part == RIGHT_SLEEVE else 1
        seam = np.stack([trunk.outline.tips[k], trunk.outline.armpits[k]])
        lower_end = seam[1, 1] + 2 * grid.step
    else:
        direction = strip.line[-1] - strip.line[0]
        normal = np.array([-direction[1], direction[0]]) / np.linalg.norm(direction)
        seam = strip.line[0] + np.outer([-1, 1], normal) * 10
        lower_end = np.inf
    near = np.abs(project(points, seam)[1]) * trunk.scale / unit
    weights[mine] = smooth_step(near[mine], 0.03, 0.2)
    beside = (grid.labels == TORSO) & (points[..., 1] < lower_end)
    weights[beside] *= smooth_step(near[beside], 0.02, 0.12)


def cut_piece(
    garment: Garment, scene: Scene, grid: Grid, solved: np.ndarray, part: int
) -> Piece | None:
    """One part with a little of its neighbours, so that the layers leave no seam."""
    from scipy.ndimage import binary_dilation

    mine = grid.labels == part
    known = mine | (binary_dilation(mine, iterations=MARGIN) & np.isin(grid.labels, list(NAMES)))
    if not known.any():
        return None
    places, known = extend(solved, known, MARGIN)
    mapping = backward(places, known, grid.step, *scene.small.shape[:2])
    if mapping is None:
        return None
    soft = max(1.0, garment.alpha.shape[0] / 500)
    others = np.isin(garment.parts, [other for other in NAMES if other != part])
    share = 1 - blur(binary_dilation(others, iterations=1).astype(np.float32), soft)
    share = np.clip(2 * share, 0, 1) * (garment.parts != 6)
    near = binary_dilation(garment.parts == part, iterations=round(2 * soft))
    alpha = garment.alpha * np.where(near, share, 0).astype(np.float32)
    colours = garment.picture.astype(np.float32) / 255 * alpha[..., None]
    return Piece(NAMES[part], mapping, np.concatenate([colours, alpha[..., None]], -1))
