"""Every hosted service by name, and its models as backends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...pipelines.errors import InputError
from ..backends.comfyui import RemoteComfyUI
from ..backends.dashscope import DashScope
from ..backends.fal import Fal
from ..backends.fashn import Fashn
from ..backends.hosted import HostedBackend
from ..backends.kling import Kling
from ..backends.replicate import Replicate
from ..costs.prices import PriceBook
from ..ledger import Ledger
from ..results import ResultStore
from .keys import find_keys
from .models import read_models
from .service import Service
from .wire import Wire

SERVICES: Mapping[str, Service] = {
    each.name: each for each in (Fashn(), Fal(), Replicate(), DashScope(), Kling(), RemoteComfyUI())
}


def hosted_backends(
    ledger: Ledger, store: ResultStore, book: PriceBook, names: Iterable[str] = (), **more: Any
) -> list[HostedBackend]:
    """A backend for each model. names: only those of these services or models, in this order.

    more: allow_upload, limit_seconds, project, again of `HostedBackend`. Raises InputError for a
    name that is none.
    """
    models = read_models()
    for name, model in models.items():
        if model.service not in SERVICES:
            raise InputError(f"models.toml, {name}: there is no service {model.service}.")
    wanted = list(dict.fromkeys(
        found for name in names for found in _named(name, list(models))
    )) or list(models)  # fmt: skip
    return [
        HostedBackend(
            SERVICES[models[name].service], models[name], ledger, store, book.prices.get(name),
            **more,
        )
        for name in wanted
    ]  # fmt: skip


def standing(service: Service) -> dict[str, Any]:
    """Whether a service can be used, and what it says of the account; asks it where its keys are
    set. Nothing is billed, and no key stands in the answer."""
    try:
        keys = find_keys(service.keys, service.optional_keys)
        address = service.base
    except InputError as error:
        return {"name": service.name, "ready": False, "says": str(error)}
    from ..errors import BackendError
    from .course import PASSING
    from .service import Forgotten

    wire = Wire(keys, lambda: service.authorize(keys))
    try:
        says, ready = service.credits(wire), True
    except (BackendError, Forgotten, *PASSING) as error:
        says, ready = keys.hide(str(error) or "it does not know this call"), False
    finally:
        wire.close()
    return {"name": service.name, "ready": ready, "address": address, "says": says}


def _named(name: str, models: list[str]) -> list[str]:
    if name in models:
        return [name]
    found = [each for each in models if each.split("/")[0] == name]
    if not found:
        raise InputError(
            f"There is no service or hosted model {name}. There are: "
            f"{', '.join([*SERVICES, *models])}."
        )
    return found
