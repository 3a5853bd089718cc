"""Pictures of numbers laid over each other: (channels, rows, columns) or (rows, columns), 0..1."""

from __future__ import annotations

import numpy as np

LOW, HIGH = 0.06, 0.94  # of a refined map: what is 0 and what is 1


def planes(pixels: np.ndarray) -> np.ndarray:
    """uint8 (rows, columns, 3) as float32 (3, rows, columns) in 0..1."""
    return np.multiply(np.moveaxis(pixels, -1, 0), np.float32(1 / 255), order="C")


def mixed(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """From the first (..., rows, columns) so much of the way to the second."""
    result = second - first
    result *= share
    result += first
    return result


def mix(picture: np.ndarray, other: np.ndarray, share: np.ndarray) -> None:
    """Takes a picture (..., rows, columns) so much of the way to another one."""
    step = other - picture
    step *= share
    picture += step


def lit(colours: list[np.ndarray], light: np.ndarray) -> None:
    """Gives colours, each (rows, columns), a brightness (rows, columns)."""
    for colour in colours:
        colour *= light
        np.clip(colour, 0, 1, out=colour)


def lay(mask: np.ndarray, alpha: np.ndarray) -> None:
    """Adds to a mask what a layer with this alpha covers of the rest."""
    mask += alpha * (1 - mask)


def apply_models(models: np.ndarray, photo: np.ndarray) -> tuple[np.ndarray, ...]:
    """Soft maps, each (rows, columns), from linear models (4 n, rows, columns) of the colours."""
    red, green, blue, offsets = models.reshape(4, -1, *photo.shape[1:])
    found = []
    for *factors, offset in zip(red, green, blue, offsets, strict=True):
        place = offset - np.float32(LOW)
        for factor, colour in zip(factors, photo, strict=True):
            place += factor * colour
        place *= np.float32(1 / (HIGH - LOW))
        np.clip(place, 0, 1, out=place)
        found.append(place * place * (3 - 2 * place))
    return tuple(found)
