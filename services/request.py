"""One request and one result for the preview, local models, hosted services, batches and fleet."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..pipelines.errors import InputError
from ..pipelines.fit import FitReport

if TYPE_CHECKING:
    import numpy as np

PREVIEW = "preview"
"""The model that needs no download: the embedded warp."""

CATEGORIES = ("auto", "upper", "lower", "dress")
SCALARS = (str, int, float, bool, type(None))


@dataclass(frozen=True, eq=False)
class TryOnRequest:
    """What a try-on needs, whoever carries it out. Two requests are the same where their
    `fingerprint()` is.

    person: uint8 (height, width, 3) RGB, upright. garments: as many such pictures.
    garment_masks: float32 (height, width) cut-outs in 0..1, one for each garment or None.
    mask: float32 (height, width) of the person's photo, 1 = repaint, or None for an automatic one.
    model: a name of the catalogue, `PREVIEW`, or a service's model; "" lets the router choose by
    `tier`. steps, guidance, width, height: None is the model's own. frames: further photos of the
    same person, for models of video. options: by name, what only some models know (scheduler,
    strength, description, lighting, …); values are text, numbers or booleans.
    """

    person: np.ndarray
    garments: tuple[np.ndarray, ...]
    category: str = "auto"
    model: str = PREVIEW
    tier: str = ""
    mask: np.ndarray | None = None
    garment_masks: tuple[np.ndarray | None, ...] = ()
    person_index: int = 0
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    width: int | None = None
    height: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    frames: tuple[np.ndarray, ...] = ()

    def __post_init__(self) -> None:
        problems = [
            *_picture_problems("person", self.person),
            *(p for each in self.garments for p in _picture_problems("garment", each)),
            *(p for each in self.frames for p in _picture_problems("frame", each)),
            *_mask_problems("mask", self.mask, self.person),
            *(
                problem
                for cut_out, garment in zip(self.garment_masks, self.garments, strict=False)
                for problem in _mask_problems("garment mask", cut_out, garment)
            ),
        ]
        if not self.garments:
            problems.append("at least one garment was wanted, and none came")
        if self.category not in CATEGORIES:
            problems.append(f"the category is one of {', '.join(CATEGORIES)}, not {self.category}")
        if self.garment_masks and len(self.garment_masks) != len(self.garments):
            problems.append("one garment mask (or None) for each garment was wanted")
        problems += [
            f"option {name} must be text, a number or a boolean, not {type(value).__name__}"
            for name, value in self.options.items()
            if not isinstance(value, SCALARS)
        ]
        if problems:
            raise InputError("This is no try-on request: " + "; ".join(problems) + ".")

    @property
    def garment(self) -> np.ndarray:
        """The garment of a request for one. Raises InputError where there are several."""
        if len(self.garments) != 1:
            raise InputError(f"One garment was wanted, and {len(self.garments)} came.")
        return self.garments[0]

    @property
    def garment_mask(self) -> np.ndarray | None:
        return self.garment_masks[0] if self.garment_masks else None

    def for_model(self, model: str, options: Mapping[str, Any] | None = None) -> TryOnRequest:
        """The same request for one model, whoever chose it; the pictures are not hashed again.
        options: in place of the request's."""
        kept = self.options if options is None else options
        other = replace(self, model=model, tier="", options=kept)
        vars(other).update(_hashes=self._hashes, _shapes=self._shapes)
        return other

    def settings(self) -> dict[str, Any]:
        """All but the pictures, as JSON values in a fixed order."""
        return {
            "category": self.category,
            "model": self.model,
            "tier": self.tier,
            "person_index": self.person_index,
            "seed": self.seed,
            "steps": self.steps,
            "guidance": self.guidance,
            "width": self.width,
            "height": self.height,
            "options": dict(sorted(self.options.items())),
        }

    def fingerprint(self, revision: str = "") -> str:
        """SHA-256 (hex) over the decoded pixels, the settings, the files of the model in the
        catalogue and this package's version: the key under which a result is kept.

        revision: of what else the result depends on, such as weights replaced on disk.
        """
        seen = [
            (name, hashed, shape)
            for (name, shape), hashed in zip(self._shapes, self._hashes, strict=True)
        ]
        return fingerprint_of(self.settings(), seen, revision)

    @cached_property
    def _pictures(self) -> list[tuple[str, np.ndarray | None]]:
        masks: Sequence[np.ndarray | None] = self.garment_masks or (None,) * len(self.garments)
        return [
            ("person", self.person),
            ("mask", self.mask),
            *(("garment", each) for each in self.garments),
            *(("garment_mask", each) for each in masks),
            *(("frame", each) for each in self.frames),
        ]

    @cached_property
    def _hashes(self) -> list[str]:
        return [content_hash(each) if each is not None else "-" for _, each in self._pictures]

    @cached_property
    def _shapes(self) -> list[tuple[str, list[int] | None]]:
        return [(n, list(p.shape) if p is not None else None) for n, p in self._pictures]

    def to_json(self, folder: Path) -> dict[str, Any]:
        """The request with its pictures written below `folder`, named by their content.

        A picture that is there already is not written again.
        """
        kept = {name: [] for name in ("person", "mask", "garment", "garment_mask", "frame")}
        for (name, picture), hashed in zip(self._pictures, self._hashes, strict=True):
            kept[name].append(None if picture is None else _keep(folder, picture, hashed))
        return {**self.settings(), "pictures": kept}

    @classmethod
    def from_json(cls, told: Mapping[str, Any], folder: Path) -> TryOnRequest:
        """The request that `to_json` told. Raises InputError for pictures that are missing or are
        not what their names say."""
        try:
            kept = {
                name: tuple(None if each is None else _kept(folder, each) for each in files)
                for name, files in told["pictures"].items()
            }
            masks = kept["garment_mask"]
            return cls(
                person=_there(kept["person"])[0],
                garments=_there(kept["garment"]),
                mask=kept["mask"][0],
                garment_masks=masks if any(each is not None for each in masks) else (),
                frames=_there(kept["frame"]),
                **{name: value for name, value in told.items() if name != "pictures"},
            )
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise InputError(f"This is no try-on request in JSON: {error!r}.") from error


@dataclass(frozen=True, eq=False)
class TryOnResult:
    """picture: uint8 (height, width, 3), the photo's size. mask: float32 (height, width) of what
    was repainted, None where nobody can tell. category: what the garment was taken for. backend:
    who did it, with which model. cost: in `currency` (ISO 4217), None where it is not known; a
    local run costs 0. warnings: sentences for the user. fit: how far the picture can be trusted,
    where the backend can tell. remote_id: the job at a service."""

    picture: np.ndarray
    mask: np.ndarray | None
    category: str
    backend: str
    model: str
    seed: int
    seconds: float
    cost: Decimal | None = None
    currency: str = ""
    warnings: tuple[str, ...] = ()
    remote_id: str = ""
    fit: FitReport = FitReport()

    def facts(self) -> dict[str, Any]:
        """All but the pictures, as JSON values; money is text."""
        return {
            "category": self.category,
            "backend": self.backend,
            "model": self.model,
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
            "cost": None if self.cost is None else str(self.cost),
            "currency": self.currency,
            "warnings": list(self.warnings),
            "fit": self.fit.facts(),
            "remote_id": self.remote_id,
        }


Seen = tuple[str, str, "list[int] | None"]
"""A picture's part in a request, its `content_hash` and shape; "-" and None where there is none."""


def fingerprint_of(settings: Mapping[str, Any], seen: Sequence[Seen], revision: str = "") -> str:
    """What `TryOnRequest.fingerprint` gives, for who knows the pictures' hashes already.

    settings: of `TryOnRequest.settings`. seen: in the order of a request.
    """
    from .. import __version__
    from ..pipelines.catalog.models import revision_of

    told = hashlib.sha256()
    shapes = [[name, shape] for name, _, shape in seen]
    facts = [settings, revision_of(settings["model"]), revision, __version__, shapes]
    told.update(json.dumps(facts, sort_keys=True).encode())
    for _, hashed, _ in seen:
        told.update(hashed.encode())
    return told.hexdigest()


def content_hash(picture: np.ndarray) -> str:
    """SHA-256 (hex) of a picture's or mask's type, shape and values."""
    import numpy as np

    told = hashlib.sha256(f"{picture.dtype} {picture.shape}".encode())
    told.update(np.ascontiguousarray(picture).data)
    return told.hexdigest()


def _picture_problems(name: str, picture: Any) -> list[str]:
    import numpy as np

    if (
        isinstance(picture, np.ndarray)
        and picture.dtype == np.uint8
        and picture.ndim == 3
        and picture.shape[-1] == 3
        and picture.size
    ):
        return []
    came = getattr(picture, "shape", None)
    return [f"{name} must be uint8 (height, width, 3), and {type(picture).__name__} {came} came"]


def _mask_problems(name: str, mask: Any, picture: Any) -> list[str]:
    import numpy as np

    if mask is None or getattr(mask, "shape", None) == getattr(picture, "shape", ())[:2]:
        if mask is None or (mask.dtype == np.float32 and np.isfinite(mask).all()):
            return []
        return [f"{name} must be float32 numbers from 0 to 1, and {mask.dtype} came"]
    size, came = getattr(picture, "shape", ())[:2], getattr(mask, "shape", type(mask).__name__)
    return [f"{name} must have its photo's size {size}, and {came} came"]


def _there(pictures: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
    """Pictures that must not be absent. Raises TypeError, which `from_json` tells."""
    if any(picture is None for picture in pictures):
        raise TypeError("a picture is missing")
    return tuple(picture for picture in pictures if picture is not None)


def _keep(folder: Path, picture: np.ndarray, hashed: str) -> dict[str, str]:
    """Writes a picture once: PNG for pictures, .npy for masks, which are no bytes."""
    import numpy as np

    from ..pipelines.picture_files import encoded
    from ..pipelines.writing import write_new

    ending = "png" if picture.dtype == np.uint8 else "npy"
    path = folder / f"{hashed}.{ending}"
    if not path.is_file():
        if ending == "png":
            data = encoded(picture, "PNG", path.name)
        else:
            file = io.BytesIO()
            np.save(file, picture, allow_pickle=False)
            data = file.getvalue()
        write_new(path, data)  # another program may have written the same meanwhile
    return {"sha256": hashed, "path": path.name}


def _kept(folder: Path, told: Mapping[str, str]) -> np.ndarray:
    import numpy as np

    from ..pipelines.images import read_picture

    name = told["path"]
    if Path(name).name != name:
        raise InputError(f"A picture beside the request was wanted, and {name} came.")
    path = folder / name
    if name.endswith(".npy"):
        try:
            picture = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError, SyntaxError, MemoryError) as error:
            raise InputError(f"{name} of this request cannot be read: {error}.") from error
    else:
        picture = np.asarray(read_picture(path))
    if content_hash(picture) != told["sha256"]:
        raise InputError(f"{name} is not the picture of this request: its content was changed.")
    return picture
