"""The models of hosted services: read from `models.toml`, the shipped one and the user's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ...pipelines.catalog.types import SHOP
from ...pipelines.errors import InputError
from ..places import home
from ..request import CATEGORIES, TryOnRequest
from ..toml import read_toml
from .pictures import PictureLimits

SHIPPED = Path(__file__).with_name("models.toml")
INPUTS = ("person", "garment", "lower_garment", "category", "seed", "steps", "guidance",
          "description")  # fmt: skip


@dataclass(frozen=True)
class HostedModel:
    """See the head of `models.toml` for the fields."""

    name: str
    remote: str
    inputs: Mapping[str, str]
    categories: Mapping[str, str]
    seconds: float
    shop: str
    for_a_shop: str
    wanted: PictureLimits
    options: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    refusals: tuple[str, ...] = ()
    garments: int = 1

    @property
    def service(self) -> str:
        return self.name.split("/")[0]

    def problems(self, request: TryOnRequest) -> list[str]:
        """Why this model cannot do the request as it stands, a sentence each."""
        found = []
        if not 1 <= len(request.garments) <= self.garments:
            most = "one garment" if self.garments == 1 else f"up to {self.garments} garments"
            found.append(f"{self.name} takes {most}, and {len(request.garments)} came.")
        if request.frames:
            found.append(f"{self.name} takes one photo, and a video came.")
        for name in ("steps", "guidance"):
            if getattr(request, name) is not None and name not in self.inputs:
                found.append(f"{self.name} takes no {name}: leave it out.")
        if request.width or request.height:
            found.append(f"{self.name} answers at a size of its own: leave width and height out.")
        for name, value in request.options.items():
            wanted = self.options.get(name)
            if wanted is not None and not _fits(value, wanted):
                told = ", ".join(map(str, wanted)) if isinstance(wanted, list) else f"a {wanted}"
                found.append(f"{self.name} takes {told} as {name}, and {value!r} came.")
        return found

    def ignored(self, request: TryOnRequest) -> list[str]:
        """Options of the request that this model does not know, as sentences."""
        names = sorted(set(request.options) - set(self.options))
        return [f"{self.name} has no {', '.join(names)}: it was left out."] if names else []

    def own(self, request: TryOnRequest) -> TryOnRequest:
        """The request as this model sees it: two that differ only in what it does not know are one
        and the same job."""
        known = {name: value for name, value in request.options.items() if name in self.options}
        return request.for_model(self.name, known)

    def fields(self, request: TryOnRequest, category: str) -> dict[str, Any]:
        """All but the pictures, by the service's names."""
        found = dict(self.fixed)
        if "category" in self.inputs:
            found[self.inputs["category"]] = self.categories[category]
        for name in ("seed", "steps", "guidance"):
            value = getattr(request, name)
            if name in self.inputs and value is not None:
                # services count seeds up to 32 bits
                found[self.inputs[name]] = value % 2**32 if name == "seed" else value
        for name, value in request.options.items():
            if name in self.options:
                found[self.inputs.get(name, name)] = value
        return found


def read_models(own: Path | None = None) -> dict[str, HostedModel]:
    """name -> model. own: the user's file, in place of `models.toml` in their folder.

    Raises InputError for an entry that cannot be used.
    """
    found = {}
    for path in (SHIPPED, own or home() / "models.toml"):
        for entry in read_toml(path).get("model", []):
            try:
                model = _model(entry)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                name = entry.get("name", "") if isinstance(entry, dict) else entry
                raise InputError(f"{path}, [[model]] {name}: {error!r}.") from error
            found[model.name] = model
    return found


def _model(entry: Mapping[str, Any]) -> HostedModel:
    inputs, categories = dict(entry["inputs"]), dict(entry["categories"])
    if "/" not in entry["name"]:
        raise ValueError("a name is SERVICE/MODEL")
    if strange := sorted(set(inputs) - set(INPUTS)) + sorted(set(categories) - set(CATEGORIES)):
        raise ValueError(f"{', '.join(strange)} is not known")
    if not {"person", "garment"} <= set(inputs):
        raise ValueError("inputs name at least person and garment")
    if entry["shop"] not in SHOP:
        raise ValueError(f"shop is one of {', '.join(SHOP)}")
    sizes = PictureLimits(
        longest=int(entry.get("longest", 2048)), shortest=int(entry.get("shortest", 64)),
        most=int(entry.get("most_bytes", 8 * 2**20)), least=int(entry.get("least_bytes", 0)),
    )  # fmt: skip
    return HostedModel(
        name=entry["name"], remote=entry["remote"], inputs=inputs, categories=categories,
        seconds=float(Decimal(str(entry["seconds"]))), shop=entry["shop"],
        for_a_shop=entry["for_a_shop"], wanted=sizes, options=dict(entry.get("options", {})),
        fixed=dict(entry.get("fixed", {})), refusals=tuple(entry.get("refusals", ())),
        garments=int(entry.get("garments", 1)),
    )  # fmt: skip


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return value in wanted and not isinstance(value, bool)
    return isinstance(value, bool) if wanted == "boolean" else isinstance(value, str)
