"""Guarded result: an expensive picture that is only made if its inputs passed the safety filter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from comfy_api.latest import io
from comfy_execution.utils import get_executing_context

from ..pipelines.errors import InputError
from ..pipelines.images import resample
from ..pipelines.safety.filter import SafetyVerdict, apply
from .convert import checked, image_of, paired, pictures
from .items import alike, node_running
from .judging import Checked, Filter, as_judged, judged, report_outputs, told, treated
from .sockets import CATEGORY, FilterSocket, SafetySocket

GUARDED = "fitting_room_guarded"  # an attribute of a result's tensor
_waiting: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
"""By run and node, what came to each item of a Guarded Result that waits for its result."""

Row = tuple[Checked | None, Checked | None]
"""The photos of one try-on: person and garment, None where that check is not connected."""


class GuardedResult(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomGuardedResult",
            display_name="Guarded Result",
            category=CATEGORY,
            description=(
                "Asks for the try-on only after its photos passed Safety Check, and judges it "
                "before it is saved. Where a photo was held back, a blurred or blank picture "
                "stands in the try-on's place."
            ),
            search_aliases=["nsfw", "safety checker", "content filter", "lazy switch"],
            has_intermediate_output=True,
            inputs=[
                io.Image.Input(
                    "result",
                    lazy=True,
                    tooltip="The try-on. What it depends on runs only if it is wanted.",
                ),
                FilterSocket.Input("filter", tooltip="From Safety Filter."),
                SafetySocket.Input(
                    "person",
                    optional=True,
                    tooltip="From the Safety Check of the people's photos.",
                ),
                SafetySocket.Input(
                    "garment",
                    optional=True,
                    tooltip="From the Safety Check of the garments' photos.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "guarded_image",
                    display_name="image",
                    tooltip="One picture for each try-on of the batch. Save this.",
                ),
                *report_outputs("Whether a photo or a result was flagged."),
            ],
        )

    @classmethod
    def check_lazy_status(
        cls,
        person: tuple[Checked, ...] = (),
        garment: tuple[Checked, ...] = (),
        **others: object,
    ) -> list[str]:
        rows = paired(person or (None,), garment or (None,), names=("person", "garment"))
        if all(map(_is_held, rows)):
            return []
        _wait(person=person, garment=garment, filter=others.get("filter"))
        return ["result"]

    @classmethod
    def execute(
        cls,
        filter: Filter,
        person: tuple[Checked, ...] = (),
        garment: tuple[Checked, ...] = (),
        result: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        node, given = node_running(), {"person": person, "garment": garment, "filter": filter}
        if (kept := _judged_before(node, result, given)) is not None:
            return kept
        rows = paired(person or (None,), garment or (None,), names=("person", "garment"))
        verdicts = [item.verdict for item in (*person, *garment)]
        if all(map(_is_held, rows)):  # whatever came as a result shows none of them
            height, width = _shown(rows[0]).photo.shape[:2]
            image = torch.zeros(len(rows), height, width, 3)
        elif result is None:
            raise InputError(
                "Guarded Result: the pictures of a try-on were wanted as result, and none came."
            )
        else:
            image, of_results = _judged(result, rows, filter)
            verdicts += of_results
        return told(verdicts, filter, _with_stand_ins(image, rows))


def guarded_now(node: str, result: torch.Tensor) -> io.NodeOutput | None:
    """What the Guarded Result with this id in the running graph will give for a try-on of a folder
    that was just made; kept on its tensor, so that it is judged once. None where the verdicts on
    its photos are not known, or where the node itself will refuse it."""
    context = get_executing_context()
    if context is None or not (rows := _waiting.get((context.prompt_id, node))):
        return None
    given = rows.get(context.list_index or 0, rows[max(rows)])
    if (kept := _judged_before(node, result, given)) is not None:
        return kept
    try:
        made = GuardedResult.execute(result=result, **given)
    except InputError:
        return None
    setattr(result, GUARDED, (node, given, made))
    return made


def _wait(**given: Any) -> None:
    """Notes what came so far to the node that runs and wants its result, of this run only."""
    context = get_executing_context()
    if context is None:
        return
    for key in [key for key in _waiting if key[0] != context.prompt_id]:
        del _waiting[key]
    rows = _waiting.setdefault((context.prompt_id, context.node_id), {})
    rows[context.list_index or 0] = given


def _judged_before(
    node: str, result: torch.Tensor | None, given: dict[str, Any]
) -> io.NodeOutput | None:
    before, inputs, made = getattr(result, GUARDED, ("", {}, None))
    return made if before == node and alike(inputs, given) else None


def _judged(
    result: torch.Tensor, rows: list[Row], using: Filter
) -> tuple[torch.Tensor, list[SafetyVerdict]]:
    """The results as the action leaves them, and the verdicts on those of passed photos."""
    photos = pictures(result, "Guarded Result")
    if not any(map(_is_held, rows)):
        verdicts = judged(photos, "result", using)
        places = list(range(len(photos)))
    else:
        if len(photos) != len(rows):
            raise InputError(
                f"Guarded Result: {len(photos)} results came for {len(rows)} try-ons, and a "
                "photo was held back: whose result is whose cannot be told. Make one result for "
                "each photo, or choose the action error."
            )
        places = [place for place, row in enumerate(rows) if not _is_held(row)]
        verdicts = judged([photos[place] for place in places], "result", using)
    verdicts = [replace(found, index=at) for found, at in zip(verdicts, places, strict=True)]
    row = {found.index: Checked(photos[found.index], found, using.action) for found in verdicts}
    return treated(as_judged(result, using), row), verdicts


def _with_stand_ins(image: torch.Tensor, rows: list[Row]) -> torch.Tensor:
    """The person's photo, hidden, in the place of each try-on with a photo that was held back."""
    if not any(map(_is_held, rows)):
        return image
    image = checked(image, "Guarded Result").cpu().clone()
    height, width = image.shape[1:3]
    for place, row in enumerate(rows):
        if _is_held(row):
            item = _shown(row)
            action = next(item.action for item in row if item is not None and item.held)
            hidden = apply(item.photo, replace(item.verdict, flagged=True), action)
            image[place] = resample(image_of([hidden]).movedim(-1, 1), width, height)[0].movedim(
                0, -1
            )
    return image


def _is_held(row: Row) -> bool:
    """Whether a photo of one try-on was held back."""
    return any(item is not None and item.held for item in row)


def _shown(row: Row) -> Checked:
    """The photo that stands in for a try-on: the person's, where its check is connected."""
    return next(item for item in row if item is not None)
