"""The safety filter around a try-on: inputs judged first, the result only made if they passed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError
from ..pipelines.images import resize
from ..pipelines.safety import KINDS, SafetyVerdict, apply, stop_on_hit
from .convert import checked, image_of, paired, pictures
from .safety import Filter, action_input, chosen, judged, level_input, model_input, shown, treated
from .sockets import CATEGORY, GuardSocket

THRESHOLDS = {kind: f"{kind}_threshold" for kind in KINDS}
WHAT = {"person": "Photos of people", "garment": "Photos of garments", "result": "Results"}


@dataclass(frozen=True)
class Guarded:
    """What the guard tells Guarded Result.

    verdicts: of persons, then of garments. stand_ins: one for each try-on of the batch, None where
    it may be made, otherwise what is shown in its place, (1, height, width, 3) in 0..1.
    """

    using: Filter
    verdicts: tuple[SafetyVerdict, ...]
    stand_ins: tuple[torch.Tensor | None, ...]

    @property
    def going(self) -> list[int]:
        """Places in the batch of the try-ons that may be made."""
        return [place for place, stand_in in enumerate(self.stand_ins) if stand_in is None]


class SafetyGuard(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomSafetyGuard",
            display_name="Safety Guard",
            category=CATEGORY,
            description=(
                "Judges the photos of a try-on before anything else runs, and hands on those that "
                "passed. Guarded Result judges what is made of them, with the same settings. "
                "Level off takes the whole filter out."
            ),
            search_aliases=["nsfw", "safety filter", "safety checker", "content filter"],
            has_intermediate_output=True,
            inputs=[
                io.Image.Input("person", tooltip="Photos of people."),
                io.Image.Input("garment", tooltip="Photos of garments."),
                model_input(),
                level_input([(name, WHAT[kind]) for kind, name in THRESHOLDS.items()]),
                action_input(
                    "blur, blank: try-ons with a flagged photo are not made, and Guarded Result "
                    "shows the person's photo so in their place; the rest of the batch goes on."
                ),
            ],
            outputs=[
                io.Image.Output(
                    "passed_person",
                    display_name="person",
                    tooltip="The photos that may go on. Connect every node to this.",
                ),
                io.Image.Output(
                    "passed_garment",
                    display_name="garment",
                    tooltip="The garments that may go on. Connect every node to this.",
                ),
                GuardSocket.Output("guard", display_name="guard", tooltip="For Guarded Result."),
                io.Boolean.Output(
                    "flagged", display_name="flagged", tooltip="Whether any photo was flagged."
                ),
                io.String.Output(
                    "report", display_name="report", tooltip="Every verdict, as JSON."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        person: torch.Tensor,
        garment: torch.Tensor,
        model: str,
        action: str,
        level: dict[str, Any] | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.safety_report import SafetyReport

        using = chosen(model, level, action, THRESHOLDS)
        people = pictures(person, "Safety Guard, person")
        garments = pictures(garment, "Safety Guard, garment")
        of_people = judged(people, "person", using)
        of_garments = judged(garments, "garment", using)
        if action == "error":
            stop_on_hit([*of_people, *of_garments])
        held = action in ("blur", "blank")
        stand_ins = tuple(
            image_of([apply(photo, replace(verdict, flagged=True), action)])
            if held and (verdict.flagged or other.flagged)
            else None
            for photo, verdict, other in paired(people, of_people, of_garments)
        )
        guarded = Guarded(using, (*of_people, *of_garments), stand_ins)
        report = SafetyReport(guarded.verdicts, action)
        return io.NodeOutput(
            _those(person, guarded),
            _those(garment, guarded),
            guarded,
            report.flagged,
            report.to_json(),
            ui=shown(report),
        )


def _those(image: torch.Tensor, guarded: Guarded) -> torch.Tensor:
    """The pictures of the try-ons that may be made; one that serves all of them stays one."""
    if not guarded.going:
        return image[:0]
    if len(guarded.going) == len(guarded.stand_ins) or len(image) == 1:
        return image
    return image[guarded.going]


class GuardedResult(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomGuardedResult",
            display_name="Guarded Result",
            category=CATEGORY,
            description=(
                "Judges the result with the settings of Safety Guard before it is saved. The "
                "result is only made if a photo passed; where one did not, a blurred or blank "
                "picture stands in its place."
            ),
            search_aliases=["nsfw", "safety filter", "safety checker", "content filter"],
            has_intermediate_output=True,
            inputs=[
                io.Image.Input(
                    "result", lazy=True, tooltip="The try-on. It is only made if it is wanted."
                ),
                GuardSocket.Input("guard", tooltip="From Safety Guard."),
            ],
            outputs=[
                io.Image.Output(
                    "guarded_image",
                    display_name="image",
                    tooltip="One picture for each try-on of the batch. Save this.",
                ),
                io.Boolean.Output(
                    "flagged",
                    display_name="flagged",
                    tooltip="Whether a photo or a result was flagged.",
                ),
                io.String.Output(
                    "report",
                    display_name="report",
                    tooltip="Every verdict on photos and results, as JSON.",
                ),
            ],
        )

    @classmethod
    def check_lazy_status(cls, guard: Guarded, result: torch.Tensor | None = None) -> list[str]:
        return ["result"] if guard.going and result is None else []

    @classmethod
    def execute(cls, guard: Guarded, result: torch.Tensor | None = None) -> io.NodeOutput:
        from ..pipelines.safety_report import SafetyReport

        verdicts: list[SafetyVerdict] = []
        if guard.going:
            assert result is not None
            image, verdicts = _with_stand_ins(result, guard)
        else:
            image = torch.cat([stand_in for stand_in in guard.stand_ins if stand_in is not None])
        report = SafetyReport((*guard.verdicts, *verdicts), guard.using.action)
        return io.NodeOutput(image, report.flagged, report.to_json(), ui=shown(report))


def _with_stand_ins(
    result: torch.Tensor, guard: Guarded
) -> tuple[torch.Tensor, list[SafetyVerdict]]:
    """The judged results and the stand-ins, each try-on in its place of the batch."""
    photos = pictures(result, "Guarded Result")
    verdicts = judged(photos, "result", guard.using)
    if guard.using.action == "error":
        stop_on_hit(verdicts)
    image = treated(result, photos, verdicts, guard.using.action)
    if len(guard.going) == len(guard.stand_ins):
        return image, verdicts
    count, rest = divmod(len(photos), len(guard.going))
    if rest:
        raise InputError(
            f"Guarded Result: {len(photos)} results came for the {len(guard.going)} try-ons that "
            "passed, and do not divide among them. Connect every node to the outputs of Safety "
            "Guard, or choose another action."
        )
    rows = list(_in_place(checked(image, "Guarded Result")[..., :3].cpu(), guard, count))
    places = [place for place, (_, made) in enumerate(rows) if made]
    placed = [replace(found, index=place) for found, place in zip(verdicts, places, strict=True)]
    return torch.stack([row for row, _ in rows]), placed


def _in_place(
    image: torch.Tensor, guard: Guarded, count: int
) -> Iterator[tuple[torch.Tensor, bool]]:
    """Pictures in the order of the batch, `count` of them for each try-on that was made."""
    height, width = image.shape[1:3]
    rows = iter(image)
    for stand_in in guard.stand_ins:
        if stand_in is None:
            yield from ((row, True) for row in islice(rows, count))
        else:
            sized = resize(stand_in.movedim(-1, 1), width, height)
            yield sized[0].movedim(0, -1), False
