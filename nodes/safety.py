"""Safety check: judges pictures, and says what becomes of those over the limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError
from ..pipelines.safety import (
    ACTIONS,
    KINDS,
    LEVELS,
    LIMITS,
    MODELS,
    SafetyVerdict,
    apply_all,
    check,
    stop_on_hit,
)
from .convert import checked, each, image_of, pictures
from .sockets import CATEGORY

if TYPE_CHECKING:
    from ..pipelines.safety_report import SafetyReport

DEFAULT_LEVEL = "standard"


@dataclass(frozen=True)
class Filter:
    """How pictures are judged. thresholds: by kind; kinds not named keep the level's own."""

    model: str
    level: str
    thresholds: dict[str, float]
    action: str


def model_input() -> io.Combo.Input:
    return io.Combo.Input(
        "model",
        options=list(MODELS),
        default=MODELS[0],
        tooltip="The network that judges. open_nsfw is shipped; the others are downloaded with "
        "`fitting-room download safety/falconsai` or `safety/stable_diffusion`.",
    )


def level_input(thresholds: Iterable[tuple[str, str]]) -> io.DynamicCombo.Input:
    """The level, which opens one editable threshold for each (input id, what it is for)."""
    # The page starts with the first.
    levels = sorted(LEVELS, key=lambda level: level != DEFAULT_LEVEL)
    wanted = list(thresholds)
    return io.DynamicCombo.Input(
        "level",
        options=[
            io.DynamicCombo.Option(
                level, [_threshold(*each, level) for each in wanted] if level in LIMITS else []
            )
            for level in levels
        ],
        tooltip="strict: public upload pages. standard: the usual. catalogue: swimwear and "
        "underwear. off: nothing is judged. Strict looks at parts of the picture as well.",
    )


def _threshold(name: str, what: str, level: str) -> io.Float.Input:
    return io.Float.Input(
        name,
        default=LIMITS[level],
        min=0.0,
        max=1.0,
        step=0.01,
        optional=True,
        tooltip=f"{what} of this score and above are flagged (0..1, higher is less safe). "
        "It starts at the level's own value; leave it out of an API call for that.",
    )


def action_input(blurred: str) -> io.Combo.Input:
    return io.Combo.Input(
        "action",
        options=list(ACTIONS),
        default=ACTIONS[0],
        tooltip=f"error: the run stops and names every hit. {blurred} flag: the picture passes, "
        "and flag and report say so.",
    )


def chosen(model: str, level: dict[str, Any] | None, action: str, ids: dict[str, str]) -> Filter:
    """The filter that the widgets describe. ids: input id of a kind's threshold."""
    if level is None:
        # The engine drops a level that is not in the list before a node sees it.
        raise InputError(f"The level is one of {', '.join(LEVELS)}; none of them came.")
    given = {kind: level.get(name) for kind, name in ids.items()}
    thresholds = {kind: value for kind, value in given.items() if value is not None}
    return Filter(model, level["level"], thresholds, action)


def judged(photos: Sequence[np.ndarray], kind: str, using: Filter) -> list[SafetyVerdict]:
    """One verdict per uint8 (height, width, 3) picture, with progress and interrupt."""
    from .placement import safety_model

    model = None if using.level == "off" else safety_model(using.model)

    def work(photo: np.ndarray) -> SafetyVerdict:
        (found,) = check([photo], kind, level=using.level, thresholds=using.thresholds, model=model)
        return found

    return [replace(found, index=i) for i, found in enumerate(each(photos, work))]


def treated(
    image: torch.Tensor,
    photos: Sequence[np.ndarray],
    verdicts: Sequence[SafetyVerdict],
    action: str,
) -> torch.Tensor:
    """IMAGE with its flagged pictures hidden as `action` says; the others keep their own values."""
    hidden = apply_all(photos, verdicts, action)
    changed = [i for i, photo in enumerate(photos) if hidden[i] is not photo]
    if not changed:
        return image
    image = checked(image, "Safety Check").cpu().clone()
    for index in changed:
        image[index, ..., :3] = image_of([hidden[index]])[0]
        image[index, ..., 3:] = 1  # where there is transparency, none of it shows what was there
    return image


def shown(report: SafetyReport) -> dict[str, list]:
    """For the page, and for clients that read /history: the text, and every verdict."""
    return {"text": [report.text()], "safety": [report.as_dict()]}


class SafetyCheck(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomSafetyCheck",
            display_name="Safety Check",
            category=CATEGORY,
            description=(
                "Judges pictures for nudity and sexual content before anything else sees them, or "
                "before they are saved. Works without download (open_nsfw, BSD-2-Clause). A first "
                "sieve, no replacement for people who look."
            ),
            search_aliases=["nsfw", "safety filter", "safety checker", "content filter"],
            is_input_list=True,
            has_intermediate_output=True,
            inputs=[
                io.Image.Input("image", tooltip="A picture, a batch, or a list of pictures."),
                io.Combo.Input(
                    "kind",
                    options=list(KINDS),
                    default=KINDS[0],
                    tooltip="What the pictures show; the report names them so.",
                ),
                model_input(),
                level_input([("threshold", "Pictures")]),
                action_input("blur, blank: flagged pictures are replaced, the others pass."),
            ],
            outputs=[
                io.Image.Output(
                    "checked_image",
                    display_name="image",
                    is_output_list=True,
                    tooltip="The pictures as the action leaves them. Feed the rest from here, so "
                    "that nothing runs before the check.",
                ),
                io.Boolean.Output(
                    "flagged", display_name="flagged", tooltip="Whether any picture was flagged."
                ),
                io.Boolean.Output(
                    "flags",
                    display_name="flags",
                    is_output_list=True,
                    tooltip="Whether it was flagged, for each picture (a list).",
                ),
                io.Float.Output(
                    "scores",
                    display_name="scores",
                    is_output_list=True,
                    tooltip="0..1 for each picture (a list); not a number where the level is off.",
                ),
                io.String.Output(
                    "report", display_name="report", tooltip="Every verdict, as JSON."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: list[torch.Tensor],
        kind: list[str],
        model: list[str],
        action: list[str],
        level: dict[str, list] | None = None,
    ) -> io.NodeOutput:
        from ..pipelines.safety_report import SafetyReport

        single = {name: values[0] for name, values in (level or {}).items() if values}
        using = chosen(model[0], single or None, action[0], {kind[0]: "threshold"})
        batches = [pictures(batch, "Safety Check") for batch in image]
        verdicts = judged([photo for batch in batches for photo in batch], kind[0], using)
        if using.action == "error":
            stop_on_hit(verdicts)
        report = SafetyReport(tuple(verdicts), using.action)
        remaining = iter(verdicts)
        passed = [
            treated(whole, photos, [next(remaining) for _ in photos], using.action)
            for whole, photos in zip(image, batches, strict=True)
        ]
        scores = [float("nan") if score is None else score for score in report.scores]
        return io.NodeOutput(
            passed, report.flagged, list(report.flags), scores, report.to_json(), ui=shown(report)
        )
