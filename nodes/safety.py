"""Safety filter: its settings, and the check that judges pictures before anything else runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError
from ..pipelines.images import resample
from ..pipelines.safety.filter import ACTIONS, KINDS, LEVELS, LIMITS, MODELS
from ..pipelines.safety.report import LANGUAGES
from .convert import pictures
from .items import carry_mark
from .judging import Checked, Filter, as_judged, judged, report_outputs, told, treated
from .sockets import CATEGORY, FilterSocket, SafetySocket

DEFAULT_LEVEL = "standard"
WHAT = {"person": "Photos of people", "garment": "Photos of garments", "result": "Results"}


class SafetyFilter(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomSafetyFilter",
            display_name="Safety Filter",
            category=CATEGORY,
            description=(
                "The settings of the safety filter, for every Safety Check and Guarded Result of "
                "a workflow. Level off takes the whole filter out. It works without download "
                "(open_nsfw, BSD-2-Clause) and is a first sieve for people who look."
            ),
            search_aliases=["nsfw", "safety checker", "content filter", "open_nsfw"],
            inputs=[
                io.Combo.Input(
                    "model",
                    options=list(MODELS),
                    default=MODELS[0],
                    tooltip="The network that judges. open_nsfw is shipped; the others are "
                    "downloaded with `fitting-room download safety/falconsai` or "
                    "`safety/stable_diffusion`.",
                ),
                io.DynamicCombo.Input(
                    "level",
                    options=[
                        io.DynamicCombo.Option(level, _thresholds(level))
                        # The page starts with the first.
                        for level in sorted(LEVELS, key=lambda level: level != DEFAULT_LEVEL)
                    ],
                    tooltip="strict: public upload pages; parts of a picture are judged as well. "
                    "standard: the usual. catalogue: swimwear and underwear. off: nothing is "
                    "judged.",
                ),
                io.Combo.Input(
                    "action",
                    options=list(ACTIONS),
                    default=ACTIONS[0],
                    tooltip="error: the run stops and names every hit. blur, blank: flagged "
                    "pictures are replaced, and the rest of the batch goes on. flag: they pass, "
                    "and flag and report say so.",
                ),
                io.Combo.Input(
                    "language",
                    options=list(LANGUAGES),
                    default=LANGUAGES[0],
                    optional=True,
                    tooltip="Language of the report.",
                ),
            ],
            outputs=[
                FilterSocket.Output(
                    "filter", display_name="filter", tooltip="For Safety Check and Guarded Result."
                )
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, model: str = "", **others: object) -> str:
        from .placement import state_of_safety_model

        return state_of_safety_model(model)

    @classmethod
    def execute(
        cls,
        model: str,
        action: str,
        language: str = LANGUAGES[0],
        level: dict[str, Any] | None = None,
    ) -> io.NodeOutput:
        if level is None:
            # The engine drops a level that is not in the list before a node sees it.
            raise InputError(f"The level is one of {', '.join(LEVELS)}; none of them came.")
        given = {kind: level.get(f"{kind}_threshold") for kind in KINDS}
        thresholds = {kind: value for kind, value in given.items() if value is not None}
        return io.NodeOutput(Filter(model, level["level"], thresholds, action, language))


def _thresholds(level: str) -> list[io.Input]:
    """What a level opens: its limits, one for each kind of picture, to be edited."""
    if level not in LIMITS:
        return []
    return [
        io.Float.Input(
            f"{kind}_threshold",
            default=LIMITS[level],
            min=0.0,
            max=1.0,
            step=0.01,
            optional=True,
            tooltip=f"{WHAT[kind]} of this score and above are flagged (0..1, higher is less "
            "safe). The level's own value where an API call leaves it out.",
        )
        for kind in KINDS
    ]


class SafetyCheck(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomSafetyCheck",
            display_name="Safety Check",
            category=CATEGORY,
            description=(
                "Judges pictures for nudity and sexual content. Connect everything that follows "
                "to its outputs, so that nothing runs before the check."
            ),
            search_aliases=["nsfw", "safety checker", "content filter"],
            is_input_list=True,
            has_intermediate_output=True,
            inputs=[
                io.Image.Input("image", tooltip="A picture, a batch, or a list of pictures."),
                FilterSocket.Input("filter", tooltip="From Safety Filter."),
                io.Combo.Input(
                    "kind",
                    options=list(KINDS),
                    default=KINDS[0],
                    tooltip="What the pictures show: it chooses the threshold.",
                ),
                io.String.Input(
                    "names",
                    optional=True,
                    force_input=True,
                    tooltip="Names of the pictures for the report, one for each (a list).",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "checked_image",
                    display_name="image",
                    is_output_list=True,
                    tooltip="Every picture; flagged ones blurred or blank where the action says "
                    "so. For looking and saving.",
                ),
                io.Image.Output(
                    "passed_image",
                    display_name="passed",
                    is_output_list=True,
                    tooltip="For a try-on: as many pictures as came. Where one is held back, "
                    "another that passed stands in its place until Guarded Result.",
                ),
                SafetySocket.Output(
                    "safety",
                    display_name="safety",
                    is_output_list=True,
                    tooltip="The verdicts, for Guarded Result: one set for each batch (a list).",
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
                *report_outputs("Whether any picture was flagged."),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: list[torch.Tensor],
        filter: list[Filter],
        kind: list[str],
        names: list[str] | None = None,
    ) -> io.NodeOutput:
        using = filter[0]
        batches = [pictures(batch, "Safety Check") for batch in image]
        photos = [photo for batch in batches for photo in batch]
        verdicts = judged(photos, kind[0], using, names or ())
        remaining = iter(verdicts)
        safety = [
            tuple(Checked(photo, next(remaining), using.action) for photo in photos)
            for photos in batches
        ]
        came, image = image, [as_judged(batch, using) for batch in image]
        pairs = list(zip(image, safety, strict=True))
        seen = [treated(batch, dict(enumerate(row))) for batch, row in pairs]
        scores = [float("nan") if item.score is None else item.score for item in verdicts]
        flags = [item.flagged for item in verdicts]
        passed = _passed(pairs)
        if len(passed) == len(came):
            passed = list(map(carry_mark, came, passed))
        return told(verdicts, using, seen, passed, safety, flags, scores)


def _passed(pairs: Sequence[tuple[torch.Tensor, Sequence[Checked]]]) -> list[torch.Tensor]:
    """The batches with one that passed in the place of each held picture: one of the same batch,
    else one of another batch at the held one's size. One empty batch where none passed at all.

    So every batch keeps its length and the list its own, and masks, seeds and garments stay with
    their pictures.
    """
    going = [
        image[place] for image, row in pairs for place, item in enumerate(row) if not item.held
    ]
    if not going:
        return [pairs[0][0][:0]]  # stops what follows
    return [_filled(image, row, going[0]) for image, row in pairs]


def _filled(image: torch.Tensor, row: Sequence[Checked], other: torch.Tensor) -> torch.Tensor:
    """IMAGE with one that passed in the place of each held picture; `other`, (height, width, 3),
    where none of its own did."""
    going = [place for place, item in enumerate(row) if not item.held]
    if len(going) == len(row):
        return image
    if going:
        return image[[going[0] if item.held else place for place, item in enumerate(row)]]
    height, width = image.shape[1:3]
    stand_in = resample(other.movedim(-1, 0)[None], width, height).movedim(1, -1)
    return stand_in.expand(len(row), -1, -1, -1)
