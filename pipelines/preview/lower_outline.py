"""Waist, hem, crotch and legs from the lower part of a garment's outline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .silhouette import Silhouette, largest_quad, offset

if TYPE_CHECKING:
    from .outline import Armpit, Limb


def read_bottom(
    silhouette: Silhouette, armpits: dict[str, Armpit]
) -> tuple[dict[str, np.ndarray], dict[str, Limb]]:
    """Waist and hem below the armpits, or legs."""
    points: dict[str, np.ndarray] = {}
    limbs: dict[str, Limb] = {}
    legs = silhouette.legs > 0.3
    for name, line in silhouette.halves.items():
        section = line[armpits[name].index :]
        if legs:
            outer, inner = largest_quad(section)
            points[f"hem_outer_{name}"] = section[outer]
            points[f"hem_inner_{name}"] = section[inner]
            limbs[f"leg_{name}"] = leg_edges(section, outer, inner, section[-1])
        else:
            outer = int(offset(section, section[0], section[-1]).argmax())
            points[f"hem_{name}"] = section[outer]
        side = section[: outer + 1]
        middle = side[int(0.2 * len(side)) : max(int(0.85 * len(side)), int(0.2 * len(side)) + 1)]
        points[f"waist_{name}"] = middle[int(middle[:, 0].argmin())] if len(middle) else side[-1]
    level = float(np.mean([line[-1, 1] for line in silhouette.halves.values()]))
    points["crotch" if legs else "hem_center"] = np.array([0.0, level])
    return points, limbs


def read_lower(silhouette: Silhouette) -> tuple[dict[str, np.ndarray], dict[str, Limb]]:
    """Waist, hips and hem or legs of trousers and skirts."""
    points: dict[str, np.ndarray] = {}
    limbs: dict[str, Limb] = {}
    legs = silhouette.legs > 0.05
    halves = silhouette.halves
    points["waist_center"] = np.array([0.0, np.mean([line[0, 1] for line in halves.values()])])
    level = float(np.mean([line[-1, 1] for line in halves.values()]))
    waists = {name: top_corner(silhouette, line) for name, line in halves.items()}
    waist = float(np.mean([halves[name][index, 1] for name, index in waists.items()]))
    width = sum(
        line[line[:, 1] < waist + 1.0 * silhouette.body, 0].max() for line in halves.values()
    )
    if legs and level - waist > 1.1 * width:
        level = waist + 0.8 * width  # the legs touch above the gap between them
    points["crotch" if legs else "hem_center"] = np.array([0.0, level])
    for name, line in halves.items():
        section = line[waists[name] :]
        points[f"waist_{name}"] = section[0]
        if legs:
            outer, inner = largest_quad(section)
            points[f"hem_outer_{name}"] = section[outer]
            points[f"hem_inner_{name}"] = section[inner]
            limbs[f"leg_{name}"] = leg_edges(section, outer, inner, points["crotch"])
            hip = 0.3 * waist + 0.7 * level
        else:
            outer = int(offset(section, section[0], section[-1]).argmax())
            points[f"hem_{name}"] = section[outer]
            hip = waist + min(0.4 * silhouette.tall, 0.8 * silhouette.body)
        side = section[: outer + 1]
        points[f"hip_{name}"] = side[int(np.abs(side[:, 1] - hip).argmin())]
    return points, limbs


def top_corner(silhouette: Silhouette, line: np.ndarray) -> int:
    """Index of the corner between a waist's edge and its side."""
    upper = line[line[:, 1] < silhouette.top + 0.3 * silhouette.tall]
    return int((upper[:, 0] - upper[:, 1]).argmax())


def leg_edges(section: np.ndarray, outer: int, inner: int, crotch: np.ndarray) -> Limb:
    """A leg's edges from the height of the crotch down."""
    edge = section[: outer + 1]
    start = int(np.abs(edge[:, 1] - crotch[1]).argmin())
    inside = section[inner:][::-1]
    if crotch[1] < inside[0, 1] - 2:
        inside = np.concatenate([crotch[None], inside])
    return edge[start:], inside
