"""What a garment is, said once: chosen by the user or read from its picture, never both unlike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InputError
from .read import Garment, read_garment

WORDS = {"upper": "an upper garment", "lower": "a lower garment", "dress": "a dress"}


def settled_category(wanted: str, picture: np.ndarray, known: Sequence[str]) -> str:
    """The category of a garment for a model.

    wanted: "auto", or what the user chose; it wins unless the picture surely shows another kind of
    garment: trousers with two legs are no upper garment, a shirt with sleeves is no lower one.
    picture: uint8 (height, width, 3) RGB. known: the categories that the model knows; none: it
    knows no difference. Raises InputError for a contradiction, and for "auto" where no garment can
    be read.
    """
    if not known:
        return "" if wanted == "auto" else wanted
    try:
        read = read_garment(picture)
    except InputError as error:
        if wanted == "auto":
            raise type(error)(
                f"What the garment is could not be read: {error} Or choose its category."
            ) from error
        return wanted
    if wanted == "auto":
        return read.category
    if problem := contradiction(wanted, read, known):
        raise InputError(problem)
    return wanted


def contradiction(wanted: str, read: Garment, known: Sequence[str]) -> str:
    """What to say where a category was chosen that a garment surely has not; else nothing. known:
    the categories of the model."""
    if not surely(read) or (wanted == "lower") == (read.category == "lower"):
        return ""
    return (
        f"The picture shows {WORDS[read.category]}, and {WORDS[wanted]} was chosen. Set the "
        f"category to auto or {read.category}; this model knows {' and '.join(known)} garments."
    )


def surely(garment: Garment) -> bool:
    """Whether a garment's category is beyond doubt: its legs or sleeves were found."""
    return bool(garment.limbs) and garment.fit.level == "ok"
