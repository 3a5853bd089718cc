"""The mask of a photo with nothing given but the photo: what is installed reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .installed import OPENPOSE, PARSING, VITPOSE, InstalledNetworks
from .refine import MaskOptions
from .select import EMBEDDED, ChosenMask, best_mask
from .sources import Sources, read_sources

if TYPE_CHECKING:
    from .body import Body

CLOTHES_PARSERS = ("human_parsing/segformer", "human_parsing/fashn", "human_parsing/sapiens2")
"""Taken in this order where SCHP is not installed."""


def installed_sources(
    photo: np.ndarray, networks: InstalledNetworks, body: Body | None, pose: bool = True
) -> Sources | None:
    """Parsing and, where `pose` is wanted, pose by what is installed; None without any parser.

    photo: uint8 (height, width, 3) RGB. Raises NobodyFound, InputError.
    """
    if any(map(networks.installed, PARSING)):
        atr, lip = networks.schp("atr", "lip")
    elif found := next(filter(networks.installed, CLOTHES_PARSERS), None):
        atr, lip = networks.installed_clothes_parser(found), None
    else:
        return None
    network = None
    if pose and networks.installed(OPENPOSE):
        network = networks.openpose()
    elif pose and networks.installed(VITPOSE):
        network = networks.vitpose()
    return read_sources(photo, atr=atr, lip=lip, pose=network, body=body)


def automatic_mask(
    photo: np.ndarray,
    body: Body,
    category: str,
    model: str,
    networks: InstalledNetworks,
    sleeves: str = "long",
) -> ChosenMask:
    """The best mask for a model of the catalogue: its published rule where what that needs is
    installed, else from the body alone.

    photo: uint8 (height, width, 3) RGB. category: upper, lower or dress. sleeves: of the garment,
    for the mask from the body. Raises InputError.
    """
    known = installed_sources(photo, networks, body)
    height, width = photo.shape[:2]
    made = best_mask(known or Sources(width, height, body=body), category, model)
    if made.rule != EMBEDDED:
        return made
    sources = Sources(width, height, body=body)
    options = MaskOptions(sleeves=sleeves)
    shaped = best_mask(sources, category, rule=EMBEDDED, options=options)
    return ChosenMask(shaped.mask, made.rule, made.why)
