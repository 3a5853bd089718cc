"""People of a batch seen, dressed and put back by a model, one bad photo named and left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from ..pipelines.errors import InputError
from ..pipelines.fit import FitReport
from .convert import checked, paired

if TYPE_CHECKING:
    from ..pipelines.diffusion.run import Pair, Progress, Step
    from ..pipelines.models.common import FramedPerson, Settings, Sight
    from .encode import EncodedGarment
    from .model import TryOnModel


ROW_NAMES = ("image", "mask", "start", "body_map")


@dataclass
class Dressed:
    """finished: (1, height, width, 3) photos; made: the model's pictures; fits: how far each can be
    trusted; notes: for the user."""

    finished: list[torch.Tensor] = field(default_factory=list)
    made: list[torch.Tensor] = field(default_factory=list)
    fits: list[FitReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PhotoRow:
    """One photo of a batch, (1, channels, height, width) each; None where nothing came."""

    photo: torch.Tensor
    mask: torch.Tensor | None
    start: torch.Tensor | None
    body_map: torch.Tensor | None


def dress_rows(
    model: TryOnModel,
    rows: Sequence[PhotoRow],
    sights: Sequence[Sight],
    garments: Sequence[EncodedGarment],
    pairs: Sequence[Pair],
    settings: Settings,
    *,
    batch: int,
    feather: int = 0,
) -> Dressed:
    """Every pair dressed and put back. batch: pictures at a time, 0: as many as memory holds.

    A photo that cannot be used is named in the notes and its pictures are missing from the result,
    unless it is the only one: then the InputError is raised.
    """
    from ..pipelines.models import door
    from ..pipelines.models.common import ignored

    variant, pipeline = model.variant, model.pipeline
    width, height = sights[0].width, sights[0].height
    found = Dressed(notes=ignored(variant, settings))
    about_pictures: list[str] = []
    looks = _Looks(model, rows, sights)
    usable = [pair for pair in pairs if looks.of(pair[0], garments[pair[1]].category)]
    found.notes += looks.problems
    if not usable:
        raise looks.errors[0]
    keys = list(dict.fromkeys((p, garments[g].category) for p, g in usable))
    people = [
        model.run(lambda key=key: looks.encoded(*key), width, height) for key in keys
    ]  # fmt: skip
    taken = [(keys.index((p, garments[g].category)), g) for p, g in usable]
    pictures = door.dress(
        pipeline,
        variant,
        people,
        [garment.encoding for garment in garments],
        taken,
        settings,
        starts=[looks.seen[key].person.start for key in keys],
        batch=batch or model.rows_that_fit(width, height),
        run=lambda work, count: model.run(work, width, height, count),
        watch=shown,
    )
    for index, made in enumerate(pictures):
        person, _ = taken[index // settings.samples]
        place = keys[person][0]
        seen = looks.seen[keys[person]]
        done = door.put_back(variant, sights[place], seen, made, settings, feather)
        found.finished.append(done.photo.movedim(1, -1))
        found.made.append(made.movedim(1, -1))
        found.fits.append(done.fit)
        doubts = [str(done.fit)] if done.fit.reasons else []
        about_pictures += (f"Picture {index}: {note}" for note in (*done.notes, *doubts))
    notes = (note for seen in looks.seen.values() for note in seen.person.notes)
    found.notes += [*dict.fromkeys(notes), *about_pictures]
    return found


class _Looks:
    """People as the model sees them, each once for every category of garment that they try on."""

    def __init__(
        self, model: TryOnModel, rows: Sequence[PhotoRow], sights: Sequence[Sight]
    ) -> None:  # fmt: skip
        self.model, self.rows, self.sights = model, rows, sights
        self.seen: dict[tuple[int, str], FramedPerson] = {}
        self.errors: list[InputError] = []
        self.problems: list[str] = []
        self._failed: set[int] = set()

    def of(self, place: int, category: str) -> bool:
        """Whether the photo can be used; where not, its error is kept."""
        from ..pipelines.models.door import see
        from .perception import NETWORKS

        if place in self._failed:
            return False
        if (place, category) in self.seen:
            return True
        row = self.rows[place]
        try:
            self.seen[place, category] = see(
                self.model.variant, self.sights[place], NETWORKS, category,
                body_map=row.body_map, start=row.start,
            )  # fmt: skip
        except InputError as error:
            self._failed.add(place)
            self.errors.append(error)
            if len(self.rows) > 1:
                told = f"Image {place} of the batch (counted from 0)"
                self.problems.append(f"{told} was left out: {error}")
                self.errors[-1] = type(error)(f"{told}: {error}")
            return False
        return True

    def encoded(self, place: int, category: str) -> Any:
        from ..pipelines.models.door import encode_person

        seen = self.seen[place, category]
        return encode_person(self.model.pipeline, self.model.variant, seen.person)


def photo_rows(
    image: torch.Tensor,
    mask: torch.Tensor | None,
    start: torch.Tensor | None,
    body_map: torch.Tensor | None,
    what: str = "Try On",
) -> list[PhotoRow]:
    """A batch of photos with what was given for them; one of anything goes with every photo.

    Raises InputError for pictures that are not of the photo's size.
    """
    from .crop import masks_for

    photos = checked(image, what).movedim(-1, 1).cpu()
    masks = [None] if mask is None else masks_for(mask.cpu(), photos)[:, None].split(1)
    others: list[Sequence[torch.Tensor | None]] = []
    for name, other in (("start picture", start), ("body map", body_map)):
        if other is None:
            others.append([None])
            continue
        given = checked(other, f"{what}, {name}").movedim(-1, 1).cpu()
        if given.shape[-2:] != photos.shape[-2:]:
            raise InputError(
                f"The {name} is {given.shape[-1]}x{given.shape[-2]} pixels and the photo "
                f"{photos.shape[-1]}x{photos.shape[-2]}. Connect the one made of this photo."
            )
        others.append(given.split(1))
    return [PhotoRow(*row) for row in paired(photos.split(1), masks, *others, names=ROW_NAMES)]


def shown(first: int, rows: int, count: int) -> Progress:
    """Steps of one batch on a progress bar over all pictures, with a rough picture of each."""
    import comfy.model_management
    import comfy.utils
    from PIL import Image

    from ..pipelines.diffusion.latents import to_bytes

    bars: list[comfy.utils.ProgressBar] = []

    def progress(done: int, total: int, step: Step) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        bars[:] = bars or [comfy.utils.ProgressBar(count * total)]
        picture = Image.fromarray(to_bytes(step.preview())[0])
        bars[0].update_absolute(first * total + rows * done, count * total, ("JPEG", picture, 512))

    return progress
