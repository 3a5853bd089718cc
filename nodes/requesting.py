"""What Hosted Try-On and Routed Try-On share: their inputs, a batch as requests, the run itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError
from .convert import drawn_masks, image_of, naming, paired, pictures
from .doubts import told

if TYPE_CHECKING:
    from ..services.desk import Desk, Outcome
    from ..services.request import TryOnRequest
    from ..services.router import Wishes

CATEGORIES = ("auto", "upper", "lower", "dress")
STEPPED_IN = "The embedded preview made this, as nobody of the tier could."


def carry_out(
    desk: Desk, rows: Sequence[TryOnRequest], wishes: Callable[[], Wishes], plan: str | None = None,
    preview: bool = False,
) -> io.NodeOutput:  # fmt: skip
    """The requests one after the other, with one progress bar; outputs of the node."""
    made, facts, fits, more = [], [], [], []
    for index, request in enumerate(rows):
        with naming(index, len(rows)), _watched(index, len(rows)) as (progress, stopped):
            outcome = _one(desk, request, wishes(), progress, stopped, preview)
        result = outcome.result
        made.append(result.picture)
        state = "done" if outcome.attempts else "kept"
        facts.append({**result.facts(), "attempts": outcome.attempts, "state": state})
        fits.append(result.fit)
        more += [STEPPED_IN] if any(w.startswith(STEPPED_IN) for w in result.warnings) else []
    report = json.dumps(facts if len(facts) > 1 else facts[0], ensure_ascii=False)
    outputs = [image_of(made), report, "\n".join(map(str, fits))]
    ui = told(fits, *dict.fromkeys(more))
    return io.NodeOutput(*outputs, *([plan] if plan is not None else []), ui=ui)


def _one(
    desk: Desk, request: TryOnRequest, wishes: Wishes, progress: Any, stopped: Any, preview: bool
) -> Outcome:
    from dataclasses import replace

    from ..services.desk import NobodyCould

    try:
        return desk.carry_out(request, wishes, progress, stopped)
    except NobodyCould as error:
        if not preview:
            raise
        outcome = desk.carry_out(request, replace(wishes, tier="preview"), progress, stopped)
        said = f"{STEPPED_IN} {error}"
        result = outcome.result
        return replace(outcome, result=replace(result, warnings=(*result.warnings, said)))


@contextmanager
def _watched(index: int, count: int) -> Iterator[tuple[Any, Any]]:
    """Progress and interrupt as backends ask for them; an interrupt ends the run as ComfyUI's
    own."""
    import comfy.model_management as management
    import comfy.utils

    from ..services.errors import Cancelled

    bar = comfy.utils.ProgressBar(100 * count)

    def progress(stage: str, share: float = 0.0) -> None:
        bar.update_absolute(round(100 * (index + min(share, 1.0))), 100 * count)

    try:
        yield progress, management.processing_interrupted
    except Cancelled:
        management.throw_exception_if_processing_interrupted()
        raise


def requests_of(
    image: torch.Tensor, garment: torch.Tensor, mask: torch.Tensor | None, category: str,
    seed: int, options: dict[str, Any],
) -> list[TryOnRequest]:  # fmt: skip
    from ..services.request import TryOnRequest

    rows = paired(pictures(image, "Person"), pictures(garment, "Garment"), drawn_masks(mask, image))
    return [
        TryOnRequest(
            person, (cloth,), category, model="", mask=drawn, seed=seed + index, options=options
        )
        for index, (person, cloth, drawn) in enumerate(rows)
    ]


def desk_for(
    names: list[str], allow_upload: bool, limit_seconds: int, project: str, local: bool = False
) -> Desk:
    from ..services.costs.prices import read_prices
    from ..services.desk import Desk, local_backends
    from ..services.hosted.registry import hosted_backends
    from ..services.ledger import open_ledger
    from ..services.results import ResultStore
    from ..services.router import read_routes
    from .model import EngineHost
    from .placement import model_folders

    ledger, store, book = open_ledger(), ResultStore(), read_prices()
    hosted = hosted_backends(
        ledger, store, book, names, allow_upload=allow_upload, limit_seconds=float(limit_seconds),
        project=project,
    )  # fmt: skip
    return Desk(
        ledger, store, book, read_routes(), hosted,
        local_backends(folders=model_folders(), host=EngineHost()) if local else [],
        project=project,
    )  # fmt: skip


def card_memory() -> int | None:
    """What a model may have once ComfyUI's own have left; None without a card."""
    import comfy.model_management as management

    device = management.get_torch_device()
    if device.type != "cuda":
        return None
    return int(management.get_total_memory(device) - management.minimum_inference_memory())


def amount_of(value: float) -> Decimal | None:
    """A widget's number as money; 0 is no limit."""
    return Decimal(str(round(value, 6))) if value > 0 else None


def options_of(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, sign, value = line.partition("=")
        if not sign or not name.strip():
            raise InputError(f"Options are written NAME=VALUE, a line each, and {line!r} came.")
        value = value.strip()
        lowered = value.lower()
        number = value.lstrip("-").isdigit()
        found[name.strip()] = (
            lowered == "true" if lowered in ("true", "false") else int(value) if number else value
        )
    return found


def model_names() -> list[str]:
    """Names for the list on the page; a broken models.toml of the user's must not hide the node."""
    from ..services.hosted.models import SHIPPED, read_models

    try:
        return list(read_models())
    except InputError:
        return list(read_models(SHIPPED))


def pictures_inputs() -> list[io.Input]:
    return [
        io.Image.Input("image", tooltip="Photos of people."),
        io.Image.Input("garment", tooltip="Photos of garments: one for all, or one for each."),
    ]


def common_inputs() -> list[io.Input]:
    return [
        io.Combo.Input(
            "category", options=list(CATEGORIES), default="auto",
            tooltip="What the garment is. auto: the service finds out, or the photo is read.",
        ),
        io.Boolean.Input(
            "allow_upload", default=False,
            tooltip="Whether the photos may leave this machine, to the service that makes the "
            "picture. Faces can be recognised in them: ask who is in the photo. Each service's "
            "terms are linked in the help.",
        ),
        io.Int.Input(
            "seed", default=0, min=0, max=2**32 - 1, control_after_generate=True,
            tooltip="For models that take one. The same request with the same seed costs nothing.",
        ),
        io.Int.Input(
            "limit_seconds", default=300, min=5, max=3600, optional=True,
            tooltip="How long a service is waited for. What runs on is in the ledger, and the "
            "same request takes it.",
        ),
        io.String.Input(
            "project", default="", optional=True, advanced=True,
            tooltip="Who asks, for the ledger and its report.",
        ),
        io.Mask.Input(
            "mask", optional=True,
            tooltip="Where the picture may change (1 = may); elsewhere the photo stays. An empty "
            "one counts as none.",
        ),
    ]  # fmt: skip


def budget_inputs() -> list[io.Input]:
    return [
        io.Float.Input(
            "budget", default=0.0, min=0.0, max=1000.0, step=0.005, round=False, optional=True,
            tooltip="At most for one picture; 0 for no limit.",
        ),
        io.Float.Input(
            "month_budget", default=0.0, min=0.0, max=1_000_000.0, step=1.0, optional=True,
            tooltip="At most this month, with what the ledger has already; 0 for no limit.",
        ),
        io.String.Input(
            "currency", default="USD", optional=True, advanced=True,
            tooltip="Of both budgets. Prices in others count by the rates of your prices.toml.",
        ),
        io.Float.Input(
            "deadline", default=0.0, min=0.0, max=3600.0, step=1.0, optional=True,
            tooltip="Seconds that it may be expected to take; 0 for no limit.",
        ),
    ]  # fmt: skip


def result_outputs() -> list[io.Output]:
    return [
        io.Image.Output(
            "result", display_name="image",
            tooltip="The photo with the garment on, at the photo's size.",
        ),
        io.String.Output(
            "report", tooltip="JSON: backend, model, remote_id, seconds, cost, currency, attempts, "
            "state (done, or kept from before), warnings.",
        ),
        io.String.Output(
            "fit", display_name="fit report",
            tooltip="For each image ok, or doubtful and why.",
        ),
    ]  # fmt: skip
