"""SieveNet, arXiv 2001.06265, by an unofficial implementation: its authors published none.

Warp the garment twice, guess the labels of the person in it, draw the person, and put the warped
garment on. 192x256, upper body, no diffusion, nothing random. What is not computed, compared with
that code, with the same result: the spline's matrix at each call (`networks.grid`); the features
of a person, or of a garment, that were seen before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...diffusion.run import Pair, Place, Progress, Step, pair_rows, silent, stay
from ...errors import InputError
from ..matching import HEIGHT, WIDTH
from . import pictures
from .networks import LABELS, UNet, Warping


@dataclass(frozen=True)
class GarmentEncoding:
    """Garments as the model takes them, for any number of runs."""

    pictures: Tensor  # (garments, 3, 256, 192) in -1..1
    features: Tensor  # (garments, channels, 16, 12)

    def to(self, device: torch.device | str) -> GarmentEncoding:
        """The same on another device, to keep many at hand."""
        return GarmentEncoding(self.pictures.to(device), self.features.to(device))


@dataclass(frozen=True)
class PersonEncoding:
    """People as the model takes them."""

    agnostic: Tensor  # (people, 22, 256, 192) in -1..1
    texture: Tensor  # (people, 3, 256, 192)
    features: Tensor  # (people, channels, 16, 12)


@dataclass(frozen=True)
class Drawn(Step):
    """One finished picture, (1, 3, 256, 192) in 0..1, in the place of latents."""

    def preview(self) -> Tensor:
        return self.clean


class SieveNetPipeline:
    """Holds networks that it never moves; may be used for any number of runs, one at a time."""

    STAGES = {
        "encode": ("warping",),
        "dress": ("warping", "labelling", "texturing"),
    }
    """What `place` is called with, and the attributes whose networks that stage runs."""

    def __init__(
        self,
        warping: Warping,
        labelling: UNet,
        texturing: UNet,
        *,
        device: torch.device | str = "cpu",
        place: Place = stay,
    ) -> None:
        """device: where the networks of a stage are once `place` was called for it."""
        self.warping = warping
        self.labelling = labelling
        self.texturing = texturing
        self.dtype = torch.float32
        self.device = torch.device(device)
        self.place = place

    @torch.no_grad()
    def __call__(
        self,
        person: PersonEncoding,
        garment: GarmentEncoding,
        *,
        pairs: Sequence[Pair] | None = None,
        progress: Progress = silent,
    ) -> Tensor:
        """Pictures of every pair, (pairs, 3, 256, 192) float32 in 0..1. A pair is one step."""
        people, garments = pair_rows(pairs, len(person.agnostic), len(garment.pictures))
        self.place("dress")
        pictures = []
        for p, g in zip(people.tolist(), garments.tolist(), strict=True):
            made = self._dressed(person, garment, p, g)
            pictures.append(made)
            progress(len(pictures), len(people), Drawn(made, made, made, "rgb", made))
        return torch.cat(pictures)

    def _dressed(self, person: PersonEncoding, garment: GarmentEncoding, p: int, g: int) -> Tensor:
        agnostic, texture, features = (
            each[p, None].to(self.device)
            for each in (person.agnostic, person.texture, person.features)
        )
        cloth, look = (
            each[g, None].to(self.device) for each in (garment.pictures, garment.features)
        )
        labels = self.labelling(torch.cat([agnostic, cloth], dim=1)).argmax(dim=1)
        warped = self.warping(features, look, cloth)
        return (self.textured(labels, warped, texture) + 1) / 2

    def textured(self, labels: Tensor, warped: Tensor, texture: Tensor) -> Tensor:
        """The last network's picture, (pairs, 3, 256, 192) in -1..1. labels: (pairs, 256, 192)."""
        one_hot = functional.one_hot(labels, LABELS).permute(0, 3, 1, 2).to(warped)
        drawn = self.texturing(torch.cat([one_hot, warped, texture], dim=1))
        mask = (torch.sigmoid(drawn[:, 3:]) >= 0.5).to(warped)
        return mask * warped + (1 - mask) * torch.tanh(drawn[:, :3])

    @torch.no_grad()
    def encode_garment(self, photos: Tensor) -> GarmentEncoding:
        """photos: (garments, 3, 256, 192) in 0..1."""
        _check_size(photos, "garment picture")
        self.place("encode")
        cloth = (photos.float() * 2 - 1).to(self.device)
        return GarmentEncoding(cloth, self.warping.extraction_cloth(cloth))

    @torch.no_grad()
    def encode_person(
        self, photos: Tensor, labels: Sequence[np.ndarray], points: Sequence[np.ndarray]
    ) -> PersonEncoding:
        """photos: (people, 3, 256, 192) in 0..1. labels: of each, (256, 192) uint8 of the LIP set.
        points: of each, (18, 2 or more) key points in 192x256 pixels."""
        _check_size(photos, "photo")
        if not len(photos) == len(labels) == len(points):
            raise InputError(
                f"As many label maps and key points as photos were wanted: {len(photos)} photos, "
                f"{len(labels)} label maps and {len(points)} key points came."
            )
        for each in labels:
            _check_labels(each)
        self.place("encode")
        rows = [photo[None].float().cpu() for photo in photos]
        agnostic = torch.cat(
            [pictures.agnostic(*each) for each in zip(rows, labels, points, strict=True)]
        ).to(self.device)
        texture = torch.cat(
            [pictures.texture(*each) for each in zip(rows, labels, strict=True)]
        ).to(self.device)
        return PersonEncoding(agnostic, texture, self.warping.extraction_agnostic(agnostic))


def _check_size(photos: Tensor, what: str) -> None:
    if photos.shape[-2:] != (HEIGHT, WIDTH):
        raise InputError(
            f"SieveNet works at {WIDTH}x{HEIGHT} alone; the {what} is {photos.shape[-1]}x"
            f"{photos.shape[-2]}. Resize it."
        )


def _check_labels(labels: np.ndarray) -> None:
    if labels.shape != (HEIGHT, WIDTH) or labels.max(initial=0) >= LABELS:
        raise InputError(
            f"A label map of the LIP set, {WIDTH}x{HEIGHT} with labels 0..{LABELS - 1}, was wanted;"
            f" one of {labels.shape[::-1]} with labels up to {labels.max(initial=0)} came."
        )
