"""Whether a silhouette is a top, a dress, or something that begins at the waist."""

from __future__ import annotations

import numpy as np

from .lower_outline import Armpit, top_corner
from .silhouette import Silhouette, offset

VEST_LEGS = 0.82  # of the height: legs as long as that are the fronts of an open vest


def guess_category(silhouette: Silhouette, armpits: dict[str, Armpit]) -> str:
    """The numbers are between those of some 60 catalogue photos of each kind."""
    if silhouette.legs > VEST_LEGS:
        return "upper"
    sleeves = sum(pit.sleeve for pit in armpits.values())
    edge = top_edge(silhouette)
    straight = edge["width"] > 0.5 and edge["up"] < 0.14 and edge["down"] < 0.15
    if straight and edge["up"] < 0.06 and silhouette.legs > 0.2:
        return "lower"
    shoulders = edge["up"] > 0.06 and 0.3 < edge["peak"] < 0.8
    if sleeves == 0 and straight and (silhouette.legs > 0.15 or not shoulders):
        waisted = silhouette.legs < 0.1 and edge["valley"] > 0.06
        if edge["armhole"] < 0.03 and not waisted:
            return "lower"
    if silhouette.legs > 0.3:
        return "dress"
    chest = sum(pit.point[0] for pit in armpits.values()) / 2
    if chest < 0.5 * silhouette.body:
        chest = silhouette.body
    length = silhouette.tall * (0.75 / (2 * chest) + 0.25 / (2 * silhouette.body))
    return "dress" if length > 2.7 else "upper"


def top_edge(silhouette: Silhouette) -> dict[str, float]:
    """Of the edge between the two upper corners: its width (in body widths), how far it rises and
    falls between them (in its own width) and where it is highest (0 middle, 1 corners). Of the
    sides below: the hollow of an armhole and, further down, of a waist (in body widths)."""
    wide, up, down, peaks, armholes, hollows = [], [], [], [], [], []
    for line in silhouette.halves.values():
        corner = top_corner(silhouette, line)
        u, y = line[corner]
        edge = line[: corner + 1]
        wide.append(u)
        up.append((y - edge[:, 1].min()) / max(2 * u, 1))
        down.append((edge[:, 1].max() - y) / max(2 * u, 1))
        peaks.append(edge[edge[:, 1].argmin(), 0] / max(u, 1))
        side = line[corner:]
        upper = side[side[:, 1] < max(silhouette.top + 0.4 * silhouette.tall, y + 2)]
        hollow = -offset(upper, upper[0], upper[-1]).min()
        flare = (upper[-1, 0] - upper[0, 0]) / max(1.0, upper[-1, 1] - upper[0, 1])
        armholes.append(hollow / silhouette.body - 0.15 * max(0.0, flare))
        until = side[: int(side[:, 1].argmax()) + 1, 0]
        before, after = np.maximum.accumulate(until), np.maximum.accumulate(until[::-1])[::-1]
        hollows.append((np.minimum(before, after) - until)[: int(0.6 * len(until)) + 1].max())
    return {
        "width": float(np.mean(wide)) / silhouette.body,
        "up": float(np.mean(up)),
        "down": float(np.mean(down)),
        "peak": float(np.mean(peaks)),
        "armhole": float(np.mean(armholes)),
        "valley": float(np.mean(hollows)) / silhouette.body,
    }
