"""Waist, hem, crotch and legs from the lower part of a garment's outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .silhouette import Silhouette, gap_tip, largest_quad, offset

Edges = tuple[np.ndarray, np.ndarray]
"""The outer and the inner edge of a sleeve or leg, polylines from the body to the end."""


@dataclass(frozen=True)
class Armpit:
    """On a half outline: its index and place (inferred where the sleeve touches the body), whether
    a sleeve ends above it, and whether that touches the body."""

    index: int
    point: np.ndarray
    sleeve: bool
    touching: bool = False


def read_bottom(
    silhouette: Silhouette, armpits: dict[str, Armpit]
) -> tuple[dict[str, np.ndarray], dict[str, Edges]]:
    """Waist and hem below the armpits, or legs."""
    points: dict[str, np.ndarray] = {}
    limbs: dict[str, Edges] = {}
    legs = silhouette.legs > 0.3
    for name, line in silhouette.halves.items():
        section = line[armpits[name].index :]
        if legs:
            outer, inner = largest_quad(section)
            points[f"hem_outer_{name}"] = section[outer]
            points[f"hem_inner_{name}"] = section[inner]
            limbs[f"leg_{name}"] = leg_edges(section, outer, inner, section[-1, 1])
        else:
            outer = int(offset(section, section[0], section[-1]).argmax())
            points[f"hem_{name}"] = section[outer]
        side = section[: outer + 1]
        middle = side[int(0.2 * len(side)) : max(int(0.85 * len(side)), int(0.2 * len(side)) + 1)]
        points[f"waist_{name}"] = middle[int(middle[:, 0].argmin())] if len(middle) else side[-1]
    points["crotch" if legs else "hem_center"] = lower_middle(silhouette, legs)
    return points, limbs


def lower_middle(silhouette: Silhouette, legs: bool) -> np.ndarray:
    """The crotch, or the middle of the hem, as (u towards the wearer's left, y)."""
    left, right = silhouette.halves["left"], silhouette.halves["right"] * [-1, 1]
    tip = (left[-1] + right[-1]) / 2
    if not legs:
        return tip
    return gap_tip(left[-60:-8], right[-60:-8], tip, 0.15 * silhouette.tall)


def read_lower(silhouette: Silhouette) -> tuple[dict[str, np.ndarray], dict[str, Edges]]:
    """Waist, hips and hem or legs of trousers and skirts."""
    points: dict[str, np.ndarray] = {}
    limbs: dict[str, Edges] = {}
    legs = silhouette.legs > 0.05
    halves = silhouette.halves
    points["waist_center"] = np.array([0.0, np.mean([line[0, 1] for line in halves.values()])])
    middle = lower_middle(silhouette, legs)
    waists = {name: top_corner(silhouette, line) for name, line in halves.items()}
    waist = float(np.mean([halves[name][index, 1] for name, index in waists.items()]))
    width = sum(
        line[line[:, 1] < waist + 1.0 * silhouette.body, 0].max() for line in halves.values()
    )
    if legs and middle[1] - waist > 1.1 * width:
        middle[1] = waist + 0.8 * width  # the legs touch above the gap between them
    points["crotch" if legs else "hem_center"] = middle
    for name, line in halves.items():
        section = line[waists[name] :]
        points[f"waist_{name}"] = section[0]
        if legs:
            outer, inner = largest_quad(section)
            points[f"hem_outer_{name}"] = section[outer]
            points[f"hem_inner_{name}"] = section[inner]
            limbs[f"leg_{name}"] = leg_edges(section, outer, inner, middle[1])
            hip = 0.3 * waist + 0.7 * middle[1]
        else:
            outer = int(offset(section, section[0], section[-1]).argmax())
            points[f"hem_{name}"] = section[outer]
            hip = waist + min(0.4 * silhouette.tall, 0.8 * silhouette.body)
        side = section[: outer + 1]
        points[f"hip_{name}"] = side[int(np.abs(side[:, 1] - hip).argmin())]
    return points, limbs


def top_corner(silhouette: Silhouette, line: np.ndarray, out: float = 1.0) -> int:
    """Index of the corner between a waist's edge and its side, which goes down more than `out` for
    each pixel sideways."""
    upper = line[line[:, 1] < silhouette.top + 0.3 * silhouette.tall]
    return int((out * upper[:, 0] - upper[:, 1]).argmax()) if len(upper) else 0


def leg_edges(section: np.ndarray, outer: int, inner: int, crotch: float) -> Edges:
    """A leg's edges from the height of the crotch down."""
    edge = section[: outer + 1]
    start = int(np.abs(edge[:, 1] - crotch).argmin())
    inside = section[inner:][::-1]
    if crotch < inside[0, 1] - 2:
        inside = np.concatenate([[[inside[0, 0], crotch]], inside])
    return edge[start:], inside
