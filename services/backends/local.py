"""Every model of the catalogue that draws pictures, on this machine and outside ComfyUI.

Mask, body map, crop, run and putting back go the same way as in the nodes, so that both give the
same pictures.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ...pipelines.catalog.models import VARIANTS, variants_of
from ...pipelines.catalog.types import Variant
from ...pipelines.errors import InputError
from ...pipelines.files.licences import license_accepted, require_accepted
from ...pipelines.files.locate import find, models_home, survey
from ..errors import Cancelled
from ..request import PREVIEW, TryOnRequest, TryOnResult, content_hash
from . import Estimate, Progress, Stopped, never, silent
from .options import category_of, garment_photo, settings_of, size_of, tensor_hash
from .preview import PreviewBackend

if TYPE_CHECKING:
    import torch

    from ...pipelines.garment.read import Garment as ReadGarment
    from ...pipelines.masking.installed import InstalledNetworks
    from ...pipelines.models.common import FramedPerson, PutBack, Settings, Sight
    from .placement import Host

Kept = TypeVar("Kept")

KEPT_ENCODINGS = 8
"""People, and as many garments, whose encodings stay at hand: a batch reads each once."""


class LocalBackend:
    """The preview and the catalogue's models. One model is loaded at a time, and stays loaded."""

    name = "local"

    def __init__(
        self,
        device: str = "auto",
        precision: str = "auto",
        folders: Sequence[Path] = (),
        host: Host | None = None,
    ) -> None:
        """device: of placement.DEVICES. precision: of placement.PRECISIONS. folders: models folders
        to look in before $FITTING_ROOM_MODELS and the hub's cache. host: who manages the memory."""
        self.device, self.precision, self.folders = device, precision, tuple(folders)
        self.host = host
        self._preview = PreviewBackend()
        self._model: _Loaded | None = None

    def accepts(self, request: TryOnRequest) -> Sequence[str]:
        if request.model in ("", PREVIEW):
            return self._preview.accepts(request)
        variant = VARIANTS.get(request.model)
        if variant is None or variant not in variants_of("try_on", "pose_transfer"):
            return [f"{request.model} is no model that runs on this machine."]
        problems = list(survey(variant, folders=self.folders)[1])
        if not license_accepted(variant.name, self.folders):
            problems.append(f"The licence of {variant.title} is not agreed to yet.")
        if variant.categories and request.category not in ("auto", *variant.categories):
            known = ", ".join(variant.categories)
            problems.append(f"{variant.title} knows {known}, not {request.category}.")
        if len(request.garments) != 1:
            problems.append(f"{variant.title} takes one garment; {len(request.garments)} came.")
        if request.frames:
            problems.append(f"{variant.title} takes one photo, and a video came.")
        return problems

    def estimate(self, request: TryOnRequest) -> Estimate:
        """Seconds are not known before they were measured here; the ledger tells them then."""
        variant = VARIANTS.get(request.model)
        if variant is None:
            return self._preview.estimate(request)
        return Estimate(None, Decimal(0), shop=variant.licence.shop)

    def run(
        self, request: TryOnRequest, progress: Progress = silent, cancelled: Stopped = never
    ) -> TryOnResult:
        """Raises InputError, MissingFiles with the command that gets them, Cancelled."""
        if request.model in ("", PREVIEW):
            return self._preview.run(request, progress, cancelled)
        from ...pipelines.diffusion.latents import to_bytes

        start = time.perf_counter()
        variant = self._variant(request)
        settings = settings_of(request, variant)
        progress(f"reading {variant.title}", 0.0)
        model = self._loaded(variant, request)
        made = model.dress(request, settings, progress, cancelled)
        back, category, warnings = made
        return TryOnResult(
            picture=to_bytes(back.photo)[0],
            mask=back.repainted[0, 0].numpy(),
            fit=back.fit,
            category=category,
            backend=self.name,
            model=variant.name,
            seed=request.seed,
            seconds=time.perf_counter() - start,
            cost=Decimal(0),
            warnings=tuple(warnings),
        )

    def _variant(self, request: TryOnRequest) -> Variant:
        variant = VARIANTS.get(request.model)
        if variant is None or variant not in variants_of("try_on", "pose_transfer"):
            names = [PREVIEW, *(each.name for each in variants_of("try_on", "pose_transfer"))]
            raise InputError(
                f"No model is called {request.model!r}. Choose one of: {', '.join(names)}."
            )
        if request.frames:
            raise InputError(f"{variant.title} takes one photo, and a video came.")
        return variant

    def _loaded(self, variant: Variant, request: TryOnRequest) -> _Loaded:
        width, height = size_of(request, variant)
        kept = self._model
        if kept and kept.variant is variant and kept.unchanged():
            kept.fit(width, height)
            return kept
        self._model = None  # let go of the last one before the next is read
        require_accepted(variant.name, (*self.folders, models_home()))
        self._model = _Loaded(self, variant, width, height)
        return self._model


class _Loaded:
    """A model on its device, with what it read of the last people and garments."""

    def __init__(self, wanted: LocalBackend, variant: Variant, width: int, height: int) -> None:
        from ...pipelines.models import door
        from .placement import device_of, dtype_of
        from .readers import networks_on

        self.variant, self.host = variant, wanted.host
        self.device = self.host.device if self.host else device_of(wanted.device)
        located = find(variant.name, folders=wanted.folders)
        self._files = {path: path.stat().st_mtime_ns for _, path in located.files()}
        dtype = dtype_of(wanted.precision, variant, self.device)
        self.pipeline = door.load_pipeline(located, dtype)
        self.pipeline.device = self.device
        self.networks: InstalledNetworks = (
            self.host.networks if self.host else networks_on(self.device, wanted.folders)
        )
        self._kept: OrderedDict[tuple, Any] = OrderedDict()
        self._size = (0, 0)
        self.fit(width, height)

    def fit(self, width: int, height: int) -> None:
        """Chooses where the networks lie for pictures of this size."""
        from .placement import DevicePlacement

        if width * height > self._size[0] * self._size[1]:
            self._size = (width, height)
            self.pipeline.place = (
                self.host.place(self.variant, self.pipeline, width, height) if self.host
                else DevicePlacement(self.variant, self.pipeline, self.device, width, height)
            )  # fmt: skip

    def unchanged(self) -> bool:
        """Whether the files are those that were loaded."""
        return all(
            path.is_file() and path.stat().st_mtime_ns == changed
            for path, changed in self._files.items()
        )

    def dress(
        self, request: TryOnRequest, settings: Settings, progress: Progress, cancelled: Stopped
    ) -> tuple[PutBack, str, list[str]]:
        """(the picture put back, category, warnings)."""
        import torch

        from ...pipelines.models import door
        from ...pipelines.models.common import ignored

        def stop() -> None:
            if cancelled():
                raise Cancelled("Stopped while the model worked.", backend=LocalBackend.name)

        self.pipeline.place.before = stop
        progress("garment", 0.02)
        category, read, warnings = category_of(request, self.variant)
        warnings += ignored(self.variant, settings)
        with torch.inference_mode():
            garment, notes = self._garment(request, category)
            stop()
            progress("person", 0.05)
            sight = self._sight(request, category, read, warnings)
            start = self._start(request, settings, progress)
            seen, person = self._person(sight, category, start, request)
            progress("denoising", 0.1)
            pictures = door.dress(
                self.pipeline, self.variant, [person], [garment], [(0, 0)], settings,
                starts=[seen.person.start], watch=lambda *_: stepping(progress, stop),
            )  # fmt: skip
            made = next(iter(pictures))
            feather = int(request.options.get("feather", 8))
            done = door.put_back(self.variant, sight, seen, made, settings, feather)
        progress("done", 1.0)
        warnings += [*notes, *seen.person.notes, *done.notes]
        return done, category, warnings

    def _garment(self, request: TryOnRequest, category: str) -> tuple[Any, tuple[str, ...]]:
        """(its encoding, how its photo was taken)."""
        from ...pipelines.models import door
        from ...pipelines.models.common import AUTO, FIT, GarmentView
        from ...pipelines.models.garment_photo import read_garment

        photo = garment_photo(request)
        width, height = size_of(request, self.variant)
        framing = str(request.options.get("framing", FIT))
        ahead = int(request.options.get("ahead_steps", 0))
        words = str(request.options.get("description", ""))
        shown = str(request.options.get("photo_type", AUTO))

        def encode() -> tuple[Any, tuple[str, ...]]:
            picture = door.frame_garment(self.variant, photo, width, height, framing)
            taken = GarmentView(picture, category, words, photo)
            if self.variant.kind == "try_on":
                taken = read_garment(self.variant, taken, self.networks, shown)
            made = door.encode_garment(self.pipeline, self.variant, taken, self.networks)
            if ahead:
                made = door.read_ahead(self.pipeline, self.variant, made, ahead)
            return made, taken.notes

        key = ("garment", tensor_hash(photo), width, height, framing, category, words, shown, ahead)
        return self._once(key, encode)

    def _person(
        self, sight: Sight, category: str, start: torch.Tensor | None, request: TryOnRequest
    ) -> tuple[FramedPerson, Any]:
        from ...pipelines.models import door

        def read() -> tuple[FramedPerson, Any]:
            seen = door.see(self.variant, sight, self.networks, category, start=start)
            return seen, door.encode_person(self.pipeline, self.variant, seen.person)

        if start is not None:
            return read()
        mask = "" if sight.mask is None else tensor_hash(sight.mask)
        how = (sight.width, sight.height, sight.framing, sight.context, sight.person_index)
        return self._once(("person", content_hash(request.person), mask, category, *how), read)

    def _once(self, key: tuple, work: Callable[[], Kept]) -> Kept:
        if key not in self._kept:
            self._kept[key] = work()
            while len(self._kept) > 2 * KEPT_ENCODINGS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _sight(
        self,
        request: TryOnRequest,
        category: str,
        read: ReadGarment | None,
        warnings: list[str],
    ) -> Sight:
        """The photo with its mask: the request's own, or the best that can be made."""
        import torch

        from ...pipelines.masking.automatic import automatic_mask
        from ...pipelines.masking.body import find_body
        from ...pipelines.models.common import FIT, Sight
        from ...pipelines.models.framing import unit

        mask = request.mask
        if mask is None and "mask" in self.variant.inputs:
            body = find_body(self.networks.body(), request.person, request.person_index)
            sleeves = read.sleeves if read is not None else "long"
            chosen = automatic_mask(
                request.person, body, category, self.variant.name, self.networks, sleeves
            )
            mask = chosen.mask
            warnings.append(f"Mask: {chosen.why}")
        return Sight(
            unit(request.person),
            None if mask is None else torch.from_numpy(mask)[None, None].float(),
            *size_of(request, self.variant),
            str(request.options.get("framing", FIT)),
            float(request.options.get("context", 0.25)),
            request.person_index,
        )

    def _start(
        self, request: TryOnRequest, settings: Settings, progress: Progress
    ) -> torch.Tensor | None:
        """Below strength 1 a run begins from the preview."""
        if settings.strength >= 1:
            return None
        from ...pipelines.models.framing import unit

        progress("preview to begin from", 0.05)
        plain = TryOnRequest(
            request.person, request.garments, request.category,
            garment_masks=request.garment_masks, person_index=request.person_index,
        )  # fmt: skip
        return unit(PreviewBackend().run(plain).picture)


def stepping(progress: Progress, stop: Callable[[], None]) -> Callable[..., None]:
    """A pipeline's progress told as shares of the whole run."""

    def step(done: int, total: int, _: Any) -> None:
        stop()
        progress("denoising", 0.1 + 0.85 * done / total)

    return step
