"""What the safety nodes share: settings on a link, judging with progress, hiding what is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError
from ..pipelines.safety.filter import SafetyVerdict, apply, check, stop_on_hit
from ..pipelines.safety.report import SafetyReport
from .convert import checked, each, image_of


@dataclass(frozen=True)
class Filter:
    """How pictures are judged. thresholds: by kind; kinds not named keep the level's own.

    language: of the report, "en" or "zh".
    """

    model: str
    level: str
    thresholds: dict[str, float]
    action: str
    language: str


@dataclass(frozen=True)
class Checked:
    """One judged picture. photo: uint8 (height, width, 3). action: what becomes of a hit."""

    photo: np.ndarray
    verdict: SafetyVerdict
    action: str

    @property
    def held(self) -> bool:
        """Whether it must not go on as it is."""
        return self.verdict.flagged and self.action in ("blur", "blank")


def judged(
    photos: Sequence[np.ndarray], kind: str, using: Filter, names: Sequence[str] = ()
) -> list[SafetyVerdict]:
    """One verdict per uint8 (height, width, 3) picture, with progress and interrupt.

    names: one for each picture, or none; InputError for another number of them.
    Raises PictureBlocked, which names every hit, where the action is "error".
    """
    from .placement import safety_model

    if names and len(names) != len(photos):
        raise InputError(
            f"Safety Check: {len(names)} names came for {len(photos)} pictures. Give one for "
            "each, or none."
        )
    model = None if using.level == "off" else safety_model(using.model)

    def work(photo: np.ndarray) -> SafetyVerdict:
        (found,) = check([photo], kind, level=using.level, thresholds=using.thresholds, model=model)
        return found

    verdicts = [
        replace(found, index=place, name=names[place] if names else "")
        for place, found in enumerate(each(photos, work))
    ]
    if using.action == "error":
        stop_on_hit(verdicts)
    return verdicts


def as_judged(image: torch.Tensor, using: Filter) -> torch.Tensor:
    """IMAGE as the filter sees it, to be passed on: on white, in 0..1; else what is hidden under
    transparency or beyond white would be passed on unseen. Untouched where nothing is judged."""
    if using.level == "off":
        return image
    judged = checked(image, "Safety Check").clamp(0, 1)
    return image if image.shape == judged.shape and bool((image == judged).all()) else judged


def treated(image: torch.Tensor, row: Mapping[int, Checked]) -> torch.Tensor:
    """IMAGE with its held pictures blurred or blank; the others keep their own values.

    image: (batch, height, width, 3), as judged. row: judged pictures by their place in the batch.
    """
    held = {place: item for place, item in row.items() if item.held}
    if not held:
        return image
    image = image.cpu().clone()
    for place, item in held.items():
        image[place] = image_of([apply(item.photo, item.verdict, item.action)])[0]
    return image


def told(verdicts: Sequence[SafetyVerdict], using: Filter, *outputs: object) -> io.NodeOutput:
    """A node's outputs, then whether anything was flagged, the report and its JSON.

    The page, and clients that read /history, get the report (`text`) and the verdicts (`safety`).
    """
    report = SafetyReport(tuple(verdicts), using.action)
    text = report.text(using.language)
    return io.NodeOutput(
        *outputs, report.flagged, text, report.to_json(),
        ui={"text": [text], "safety": [report.as_dict()]},
    )  # fmt: skip


def report_outputs(flagged: str) -> list[io.Output]:
    """Sockets of what `told` adds."""
    return [
        io.Boolean.Output("flagged", display_name="flagged", tooltip=flagged),
        io.String.Output(
            "report", display_name="report", tooltip="Every verdict in words, one picture a line."
        ),
        io.String.Output(
            "report_json", display_name="report as JSON", tooltip="Every verdict, for programs."
        ),
    ]
