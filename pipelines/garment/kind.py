"""Whether a silhouette is a top, a dress, or something that begins at the waist."""

from __future__ import annotations

import numpy as np

from .lower_outline import Armpit, top_corner
from .silhouette import Silhouette, offset

VEST_LEGS = 0.82  # of the height: legs as long as that are the fronts of an open vest
RISE = 1.7  # waists: trousers divide higher than that, a suit with two legs lower
SPREAD = 1.3  # times as wide as tall: the sides of a skirt may lie nearly flat
STRETCHED = 0.8  # of the body's width, a waistband between clips
LENGTH = 2.7  # widths of the chest: longer is a dress
SLEEVED, SLEEVELESS = 2.85, 3.0  # waists: the hem's width and how far it is below, of a dress

EITHER = "It may be a dress as well as a long top: choose the category."


def guess_category(silhouette: Silhouette, armpits: dict[str, Armpit]) -> str:
    """The numbers are between those of some 60 catalogue photos and 30 of garments laid flat at
    home, of each kind."""
    if silhouette.legs > VEST_LEGS:
        return "upper"
    if silhouette.legs < 0.1 and flaring(silhouette, armpits) > 0:
        return "dress"
    if begins_at_waist(silhouette, armpits):
        return "lower"
    if silhouette.legs > 0.3:
        return "dress"
    return "dress" if length(silhouette, armpits) > LENGTH else "upper"


def length(silhouette: Silhouette, armpits: dict[str, Armpit]) -> float:
    """The height in widths, of the chest for the most part."""
    chest = sum(pit.point[0] for pit in armpits.values()) / 2
    if chest < 0.5 * silhouette.body:
        chest = silhouette.body
    return silhouette.tall * (0.75 / (2 * chest) + 0.25 / (2 * silhouette.body))


def begins_at_waist(silhouette: Silhouette, armpits: dict[str, Armpit]) -> bool:
    """Trousers and skirts: a straight upper edge without shoulders, and no sleeves or legs."""
    edge, narrow = top_edge(silhouette), 0.45
    columns = np.flatnonzero(silhouette.mask.any(0))
    if np.ptp(columns) > SPREAD * silhouette.tall and not any(p.sleeve for p in armpits.values()):
        spread = top_edge(silhouette, out=0.5)
        edge = spread if spread["up"] < 0.02 else edge
        narrow = 0.35
    level, legs = edge["up"] < 0.06, silhouette.legs
    # No sleeve touches a body below an edge without a neck: the notch is one of the hem.
    waistband = level and (edge["peak"] > 0.75 or edge["up"] < 0.02)
    sleeves = any(pit.sleeve and not (waistband and pit.touching) for pit in armpits.values())
    straight = (
        edge["width"] > (narrow if level else 0.5)
        and edge["up"] < (0.14 if legs > 0.15 else 0.1)
        and edge["down"] < (0.2 if waistband else 0.15)
    )
    if level and legs > 0.2 and (straight or edge["rise"] < RISE):
        return True
    if sleeves or not straight:
        return False
    shoulders = not level and 0.3 < edge["peak"] < 0.8
    waisted = legs < 0.1 and edge["valley"] > 0.06
    return (legs > 0.15 or not shoulders) and edge["armhole"] < 0.03 and not waisted


def hangs_from_clips(bare: Silhouette, armpits: dict[str, Armpit]) -> bool:
    """Whether what is left without the clips of a hanger begins at the waist, stretched by them."""
    edge = top_edge(bare)
    stretched = edge["width"] > STRETCHED and edge["up"] < 0.07
    return stretched and begins_at_waist(bare, armpits)


def flaring(silhouette: Silhouette, armpits: dict[str, Armpit]) -> float:
    """By how much the hem's width and how far it is below surpass those of a top, in waists; above
    0 for a dress, which no top of its length flares like."""
    sleeves = sum(pit.sleeve for pit in armpits.values())
    flare, skirt = widening(silhouette, armpits)
    if sleeves == 1 or min(flare, skirt) < 1.1:
        return -1.0
    if not sleeves and top_edge(silhouette)["width"] < 0.4:
        return -1.0  # held at the neck, and widens to under the arms
    return flare + skirt - (SLEEVED if sleeves else SLEEVELESS)


def near_the_line(silhouette: Silhouette, armpits: dict[str, Armpit]) -> bool:
    """Whether what does not begin at the waist is about as near to a dress as to a top."""
    beyond = flaring(silhouette, armpits)
    if silhouette.legs > 0.1 or beyond > 0.1:
        return False
    return beyond > -0.1 or 2.5 < length(silhouette, armpits) < 2.9


def widening(silhouette: Silhouette, armpits: dict[str, Armpit]) -> tuple[float, float]:
    """How wide the hem is and how far it lies below the waist, both in widths of the waist. The
    waist is the narrowest place below sleeves; without them it is looked for below an armhole."""
    sleeved = all(pit.sleeve for pit in armpits.values())
    narrow, wide, skirts = [], [], []
    for name, line in silhouette.halves.items():
        pit, bottom = armpits[name], line[-1, 1]
        tall = bottom - silhouette.top
        begin, end = silhouette.top + 0.3 * tall, silhouette.top + 0.45 * tall
        if sleeved:
            begin, end = pit.point[1], pit.point[1] + 0.6 * (bottom - pit.point[1])
        above = np.flatnonzero(line[:, 1] < begin)
        line = line[pit.index if sleeved or not len(above) else above[-1] :]
        some = line[(line[:, 1] >= begin - 1) & (line[:, 1] <= end)]
        if not len(some):
            return 1.0, 0.0
        least = some[int(some[:, 0].argmin())]
        narrow.append(least[0])
        skirts.append(bottom - least[1])
        wide.append(line[line[:, 1] > bottom - 0.35 * tall, 0].max())
    waist, hem = max(1.0, sum(narrow)), sum(wide)
    return hem / waist, float(np.mean(skirts)) / waist


def top_edge(silhouette: Silhouette, out: float = 1.0) -> dict[str, float]:
    """Of the edge between the two upper corners: its width (in body widths), how far it rises and
    falls between them (in its own width) and where it is highest (0 middle, 1 corners). Of the
    sides below: the hollow of an armhole and, further down, of a waist (in body widths). Down to
    the crotch or the middle of the hem: the rise (in the edge's widths). out: of top_corner."""
    wide, up, down, peaks, armholes, hollows, rises = [], [], [], [], [], [], []
    for line in silhouette.halves.values():
        corner = top_corner(silhouette, line, out)
        u, y = line[corner]
        edge = line[: corner + 1]
        wide.append(u)
        up.append((y - edge[:, 1].min()) / max(2 * u, 1))
        down.append((edge[:, 1].max() - y) / max(2 * u, 1))
        peaks.append(edge[edge[:, 1].argmin(), 0] / max(u, 1))
        rises.append((line[-1, 1] - y) / max(2 * u, 1))
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
        "rise": float(np.mean(rises)),
        "valley": float(np.mean(hollows)) / silhouette.body,
    }
