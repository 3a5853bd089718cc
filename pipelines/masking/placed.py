"""Whether a mask lies where a garment of its category is worn: a user's is drawn by hand."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..fit import FitReport, doubtful
from .body import Body
from .embedded import CATEGORIES, WORKING_SIDE, region_distance
from .figure import build_figure, face_distance, pixel_grid, projected
from .wishes import WISHED

LOOSE = 0.15  # units around the body of a category that still belong to it
OWN, ELSEWHERE = 0.1, 0.4  # shares of a mask: less on its own part and more elsewhere is a mistake
ASIDE = 0.3  # of a mask on another part of the body is told
FACE = 0.5  # of the face under a mask is told
HEAD = 1.75  # face lengths from its middle that the hair reaches

WORDS = {"upper": "the trunk and arms", "lower": "the legs"}
ROOM = "around the person"


def judge_place(mask: np.ndarray, body: Body, category: str) -> FitReport:
    """How well a mask (height, width) of the body's photo, 1 = repaint, goes with a category.

    Ok, or doubtful where much of it lies on another part of the body. Raises InputError where it
    lies on other parts alone, such as on the legs for an upper garment.
    """
    shares, face = _shares(mask, body)
    if not shares:
        return FitReport()
    worn = CATEGORIES[:2] if category == "dress" else (category,)
    own = sum(shares[name] for name in worn)
    others = {name: share for name, share in shares.items() if name not in worn}
    most = max(others, key=others.__getitem__)
    if own < OWN and sum(others.values()) > ELSEWHERE:
        raise InputError(
            f"The mask lies on {_told(most)}, where nobody wears a garment of the category "
            f"{category}. Draw it on the clothes that the garment replaces, choose its category, "
            "or leave the mask out."
        )
    reasons = [
        f"Much of the mask lies on {WORDS[name]}, which the category {category} leaves as they are."
        for name, share in others.items()
        if name in WORDS and share > ASIDE
    ]
    if face > FACE:
        reasons.append("The mask covers the face, which is repainted.")
    return doubtful(reasons)


def _told(part: str) -> str:
    return {**WORDS, "head": "the head", ROOM: "what is around the person"}[part]


def _shares(mask: np.ndarray, body: Body) -> tuple[dict[str, float], float]:
    """(shares of the mask on what only an upper garment covers, what only a lower one covers, the
    head, and around the person; the share of the face under it); nothing for an empty mask. Hips
    and belly, which both cover, are counted nowhere."""
    from ..maps.edges import resized_map

    height, width = mask.shape
    scale = max(1.0, max(height, width) / WORKING_SIDE)
    size = (max(1, round(height / scale)), max(1, round(width / scale)))
    wish = resized_map(mask.astype(np.float32), *size) >= WISHED
    figure = build_figure(body, (0, 0), 1 / scale)
    person = resized_map(body.mask, *size)
    count = int(wish.sum())
    if not count or not (person > 0.5).any():
        return {}, 0.0
    distances = {name: region_distance(figure, person, name, 2.0) for name in CATEGORIES[:2]}
    upper, lower = (distances[name] <= LOOSE * figure.unit for name in CATEGORIES[:2])
    points = pixel_grid(*size)
    away = face_distance(points, figure)
    head = (away <= HEAD) & (projected(points, figure.chin, figure.down) < 0)
    places = {
        "upper": upper & ~lower & ~head,
        "lower": lower & ~upper & ~head,
        "head": head,
        ROOM: ~upper & ~lower & ~head & (person < 0.5),
    }
    shares = {name: float((wish & place).sum()) / count for name, place in places.items()}
    face = away <= 1
    return shares, float((wish & face).sum()) / max(int(face.sum()), 1)
