"""Whether somebody wears a garment in its photo, and what that means to a model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..catalog.types import Variant
from ..diffusion.latents import to_bytes
from ..errors import InputError
from ..garment.ground import stands_out
from ..garment.matting import ANALYSIS_SIDE, block_of, reduced
from ..garment.wearer import find_wearer
from ..maps.colours import to_lab
from ..maps.edges import to_planes
from .common import FLAT_LAY, PHOTO_TYPES, WORN, GarmentView, Readers


def read_garment(
    variant: Variant, garment: GarmentView, readers: Readers, photo_type: str
) -> GarmentView:
    """The garment with it known whether somebody wears it, and with what is to be said about that.

    photo_type: of PHOTO_TYPES. Raises InputError for another one, and for a garment that should be
    worn and that nobody wears.
    """
    if photo_type not in PHOTO_TYPES:
        raise InputError(
            f"The garment's photo must be one of {', '.join(PHOTO_TYPES)}; {photo_type!r} came."
        )
    pixels = to_bytes(garment.picture if garment.photo is None else garment.photo)[0]
    notes = []
    try:
        worn = _wearer_in(readers, pixels)
    except InputError as error:
        if photo_type != FLAT_LAY:
            raise
        worn = False
        notes.append(f"The photo was taken as flat-lay, as declared: {error}")
    if photo_type == WORN and not worn:
        raise InputError(
            "The garment's photo was declared as worn, but nobody who wears it was found in it. "
            "Choose flat-lay for a garment without a person, or a photo that shows the wearer."
        )
    if worn and "worn" not in variant.settings:
        notes.append(
            f"Somebody wears the garment in its photo, and {variant.title} was made for garments "
            "alone: the result may show the wearer. Cut it out, or use a photo of it alone."
        )
    elif worn and photo_type == FLAT_LAY:
        notes.append(
            "The photo was declared as flat-lay, but somebody wears the garment in it: the result "
            "may show the wearer. Choose worn, or auto."
        )
    elif worn:
        notes.append("Somebody wears the garment in its photo: it was taken as worn.")
    taken = worn and photo_type != FLAT_LAY and "worn" in variant.settings
    return replace(garment, worn=taken, notes=(*garment.notes, *notes))


def _wearer_in(readers: Readers, picture: np.ndarray) -> bool:
    """Raises InputError where somebody seems to wear it and cannot be made out."""
    small = reduced(picture, ANALYSIS_SIDE)
    lab = to_planes(to_lab(small))
    inside = stands_out(small, lab, block_of(picture)).inside
    return find_wearer(readers.body(), small, lab, inside) is not None
