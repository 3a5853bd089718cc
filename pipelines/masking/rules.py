"""The published mask rules: pure functions on label maps and key points, and a table of them.

Each rule gives the very mask that its model was trained or demonstrated with, so a model works best
with its own. Written anew from the behaviour of the references; none of their code is here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import InputError
from ..images import resize
from .keypoints import KeyPoints
from .rules_catvton import catvton
from .rules_common import (
    ATR,
    FRAME_HEIGHT,
    FRAME_WIDTH,
    LIP,
    check_choice,
    check_labels,
    resized_labels,
)
from .rules_fashn import fashn, of_atr, with_hands
from .rules_ladi import LadiMask, body_shape, ladi_dresscode, ladi_pose_map, ladi_vitonhd, leffa_dc
from .rules_ootdiffusion import leffa_hd, ootdiffusion

__all__ = [
    "ATR",
    "LIP",
    "RULES",
    "LadiMask",
    "Rule",
    "apply_rule",
    "body_shape",
    "catvton",
    "enlarged",
    "fashn",
    "ladi_dresscode",
    "ladi_pose_map",
    "ladi_vitonhd",
    "leffa_dc",
    "leffa_hd",
    "ootdiffusion",
]

BODY_CATEGORIES = ("upper", "lower", "dress")


@dataclass(frozen=True)
class Rule:
    """What a rule needs and gives.

    maps: the label maps it reads: "atr_neck" (ATR, 18 = neck), "atr", "lip", "lip_neck" (LIP with
    10 = neck) or "densepose" (the I index). size: (width, height) that its published program asks
    for, None for the picture's own. enlarge: how that program brings the mask to the model's size.
    source and licence: the reference whose behaviour it repeats; this code is under ours.
    draw: the rule as a function of maps by name, key points and category.
    """

    title: str
    maps: tuple[str, ...]
    keypoints: bool
    categories: tuple[str, ...]
    size: tuple[int, int] | None
    enlarge: str
    source: str
    licence: str
    draw: Callable[[Mapping[str, np.ndarray], Any, str], np.ndarray]


FRAME = (FRAME_WIDTH, FRAME_HEIGHT)
BY_NC_SA = "reference: CC BY-NC-SA 4.0"
BY_NC = "reference: CC BY-NC 4.0"
MIT = "reference: MIT"

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "ootdiffusion_hd": Rule(
            "OOTDiffusion, half body", ("atr_neck",), True, BODY_CATEGORIES, FRAME, "nearest",
            "levihsu/OOTDiffusion run/utils_ootd.py", BY_NC_SA,
            lambda maps, points, category: ootdiffusion(maps["atr_neck"], points, category, "hd"),
        ),
        "ootdiffusion_dc": Rule(
            "OOTDiffusion, full body", ("atr_neck",), True, BODY_CATEGORIES, FRAME, "nearest",
            "levihsu/OOTDiffusion run/utils_ootd.py", BY_NC_SA,
            lambda maps, points, category: ootdiffusion(maps["atr_neck"], points, category, "dc"),
        ),
        "idm_vton": Rule(
            "IDM-VTON", ("atr_neck",), True, BODY_CATEGORIES, FRAME, "bicubic",
            "yisol/IDM-VTON gradio_demo/utils_mask.py", BY_NC_SA,
            lambda maps, points, category: ootdiffusion(maps["atr_neck"], points, category, "hd"),
        ),
        "leffa_hd": Rule(
            "Leffa, VITON-HD model", ("atr_neck",), True, BODY_CATEGORIES, FRAME, "bicubic",
            "franciszzj/Leffa leffa_utils/utils.py", MIT,
            lambda maps, points, category: leffa_hd(maps["atr_neck"], points, category),
        ),
        "leffa_dc": Rule(
            "Leffa, Dress Code model", ("atr_neck",), True, BODY_CATEGORIES, FRAME, "bicubic",
            "franciszzj/Leffa leffa_utils/utils.py", MIT,
            lambda maps, points, category: leffa_dc(
                _in_frame(maps["atr_neck"]), points, category
            ),
        ),
        "catvton": Rule(
            "CatVTON, and Leffa's AutoMasker", ("densepose", "lip", "atr"), False,
            (*BODY_CATEGORIES, "inner", "outer"), None, "nearest",
            "Zheng-Chong/CatVTON model/cloth_masker.py", f"{BY_NC_SA}; Leffa's copy: MIT",
            lambda maps, _, category: catvton(
                maps["densepose"], maps["lip"], maps["atr"], category
            ),
        ),
        "fashn_vton": Rule(
            "FASHN VTON v1.5, masked", ("atr_neck",), True, BODY_CATEGORIES, None, "nearest",
            "fashn-AI/fashn-vton-1.5 preprocessing/agnostic.py", "reference: Apache-2.0",
            lambda maps, points, category: fashn(_for_fashn(maps["atr_neck"], points), category),
        ),
        "ladi_dresscode": Rule(
            "LaDI-VTON, Dress Code", ("atr",), True, BODY_CATEGORIES, FRAME, "nearest",
            "miccunifi/ladi-vton src/dataset/dresscode.py", BY_NC,
            lambda maps, points, category: ladi_dresscode(maps["atr"], points, category).mask,
        ),
        "ladi_vitonhd": Rule(
            "LaDI-VTON, VITON-HD", ("lip_neck",), True, ("upper",), FRAME, "nearest",
            "miccunifi/ladi-vton src/dataset/vitonhd.py", BY_NC,
            lambda maps, points, _: ladi_vitonhd(maps["lip_neck"], points).mask,
        ),
    }
)  # fmt: skip


def _for_fashn(labels: np.ndarray, points: KeyPoints) -> np.ndarray:
    marked = of_atr(labels)
    return with_hands(marked, points.resized(marked.shape[1], marked.shape[0]))


def _in_frame(labels: np.ndarray) -> np.ndarray:
    """The map at the 384x512 that Leffa's program parses its pictures in."""
    check_labels(labels, "ATR")
    return resized_labels(labels, *FRAME)


def apply_rule(
    name: str,
    maps: Mapping[str, np.ndarray],
    category: str,
    keypoints: KeyPoints | None = None,
) -> np.ndarray:
    """The mask of a rule of RULES at the size its published program asks for.

    maps: uint8 label maps by the names of Rule.maps; others in it are left alone. keypoints: of the
    same picture; a rule whose `keypoints` is False takes none. Returns float32 (height, width),
    1 = repaint; `enlarged` brings it to another size. Raises InputError that names everything that
    is missing.
    """
    check_choice(name, RULES, "mask rule")
    rule = RULES[name]
    check_choice(category, rule.categories, f"category of the mask rule {name}")
    missing = [f"the {wanted} label map" for wanted in rule.maps if wanted not in maps]
    if rule.keypoints and keypoints is None:
        missing.append("the key points")
    if missing:
        raise InputError(
            f"The mask rule {name} needs {' and '.join(missing)} of the person's photo. "
            "Connect them, or choose a rule that does without."
        )
    return rule.draw(maps, keypoints, category)


def enlarged(mask: np.ndarray, width: int, height: int, how: str) -> np.ndarray:
    """A 0/1 mask at another size, float32 (height, width), as the published programs resize theirs.

    how: nearest, or bicubic, which leaves grey values along the edge.
    """
    check_choice(how, ("nearest", "bicubic"), "way of enlarging")
    grey = resize(np.rint(mask * 255).astype(np.uint8), width, height, how)
    return grey.astype(np.float32) / np.float32(255)
