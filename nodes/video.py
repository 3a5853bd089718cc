"""Garment Masks for Video: our mask rules frame by frame, steady over time, as VACE wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from comfy_api.latest import io

from ..pipelines.errors import InputError
from ..pipelines.masking.select import AUTO, masked_models
from ..pipelines.video.vace import SHAPES
from .convert import checked, image_of, mask_of, pictures
from .mask import Asked
from .sockets import CATEGORY, CropSocket, GarmentSocket

if TYPE_CHECKING:
    from ..pipelines.masking.body import Body
    from ..pipelines.video.steady import FrameMask


class VideoMasks(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomVideoMasks",
            display_name="Garment Masks for Video",
            category=CATEGORY,
            description=(
                "One mask a frame of what a new garment may cover: one person followed, steady "
                "over time, anew after each cut; and the frames as Wan VACE wants them. Paste "
                "Back puts the result into the video. Masks of SAM 3 can be given instead."
            ),
            search_aliases=["video mask", "vace", "wan", "video try-on", "sam3", "tracking"],
            inputs=_inputs(),
            outputs=_outputs(),
        )

    @classmethod
    def execute(
        cls,
        frames: torch.Tensor,
        category: str,
        sleeves: str,
        grow: float,
        model: str,
        person: int,
        shape: str,
        margin: int,
        first: int,
        most: int,
        megapixels: float,
        step: int,
        garment: tuple | None = None,
        tracks: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        from ..pipelines import editing
        from ..pipelines.images import cut
        from ..pipelines.video.vace import FAINT, control_frame, shaped, whole_length

        video = checked(frames, "Garment Masks for Video")
        if first >= len(video):
            raise InputError(f"The video has {len(video)} frames, and frame {first} was to begin.")
        length = whole_length(len(video) - first, most)
        video = video[first : first + length, ..., :3]
        if tracks is None:
            asked = Asked(category, sleeves, grow, 0.0, model, AUTO, False, False)
            found = _followed(video, asked, garment[0] if garment else None, person)
        else:
            found = _tracked(video, tracks, first)
        found = [(shaped(one.mask, shape, margin), one) for one in _each(found, length)]
        masks = mask_of([mask for mask, _ in found])
        crop = editing.framed(video.shape[2], video.shape[1], None, 0.0, megapixels, step)
        sized = torch.cat([cut(row[None].movedim(-1, 1), crop) for row in video]).movedim(1, -1)
        small = (cut(masks[:, None], crop, "constant")[:, 0] > FAINT).float()
        holes = [
            control_frame(pictures(row[None])[0], mask.numpy())
            for row, mask in zip(sized, small, strict=True)
        ]
        report = _report([one for _, one in found], first, length, len(frames))
        return io.NodeOutput(
            sized, image_of(holes), small, crop.model_width, crop.model_height, length,
            video, masks, (crop,), report,
        )  # fmt: skip


def _followed(
    video: torch.Tensor, asked: Asked, garment: object, person: int
) -> Iterator[FrameMask]:
    from ..pipelines.video.follow import Follower
    from ..pipelines.video.steady import steady_masks
    from .placement import body_model

    def draw(picture: np.ndarray, body: Body) -> np.ndarray:
        try:
            return asked.mask(asked.sources(picture, garment, body, None, None, None), garment)[0]
        except InputError:  # that part of the body is not in this frame
            return np.zeros(picture.shape[:2], np.float32)

    return steady_masks(_pictures(video), Follower(body_model(), person), draw)


def _tracked(video: torch.Tensor, tracks: torch.Tensor, first: int) -> Iterator[FrameMask]:
    from ..pipelines.video.steady import steady_tracks

    given = tracks.float().reshape(-1, *tracks.shape[-2:])[first : first + len(video)]
    if len(given) != len(video) or given.shape[-2:] != video.shape[1:3]:
        raise InputError(
            f"Tracks: one mask for each of the {len(video)} frames was wanted, of "
            f"{video.shape[2]}x{video.shape[1]} pixels; {len(given)} of "
            f"{given.shape[-1]}x{given.shape[-2]} came. Track the frames that are connected here."
        )
    if not (given > 0.5).any():
        raise InputError(
            "Tracks: no frame has anything in its mask. Nothing was found in the video: lower SAM "
            "3's detection_threshold, give it other words, or leave the tracks out."
        )
    return steady_tracks(
        (picture, mask.clamp(0, 1).cpu().numpy())
        for picture, mask in zip(_pictures(video), given, strict=True)
    )


def _pictures(video: torch.Tensor) -> Iterator[np.ndarray]:
    for row in video:
        yield pictures(row[None], "Garment Masks for Video")[0]


def _each(found: Iterator[FrameMask], length: int) -> Iterator[FrameMask]:
    """With progress and interrupt, a frame at a time."""
    import comfy.model_management
    import comfy.utils

    progress = comfy.utils.ProgressBar(length)
    for index, one in enumerate(found):
        comfy.model_management.throw_exception_if_processing_interrupted()
        progress.update_absolute(index + 1, length)
        yield one


def _report(found: list[FrameMask], first: int, length: int, count: int) -> str:
    def numbers(wanted: Callable[[FrameMask], bool]) -> str:
        return ", ".join(str(first + i) for i, one in enumerate(found) if wanted(one)) or "none"

    if not any((one.mask > 0.5).any() for one in found):
        raise InputError(
            "No frame shows the person with the part of the body that the garment covers, so there "
            "is nothing to redraw. Use another video, another person or another category."
        )
    cuts = [i for i in range(1, len(found)) if found[i].shot != found[i - 1].shot]
    return "\n".join([
        f"{length} of {count} frames, from {first} (4n+1, as Wan takes them)",
        f"cuts before: {', '.join(str(first + i) for i in cuts) or 'none'}",
        f"nobody in: {numbers(lambda one: one.seen == 'nobody')}",
        f"filled from both sides: {numbers(lambda one: one.seen == 'between')}",
    ])  # fmt: skip


def _inputs() -> list[io.Input]:
    return [
        io.Image.Input("frames", tooltip="All frames of the video, from Get Video Components."),
        io.Combo.Input(
            "category", options=["auto", "upper", "lower", "dress"], default="auto",
            tooltip="auto: that of the connected garment, upper where none is connected.",
        ),
        io.Combo.Input(
            "sleeves", options=["auto", "none", "short", "long"], default="auto",
            tooltip="Of the new garment. auto: those of the connected garment, else long.",
        ),
        io.Float.Input(
            "grow", default=0.05, min=-0.2, max=0.5, step=0.01,
            tooltip="Grows each mask, as a share of the shoulder width.",
        ),
        io.Combo.Input(
            "model", options=[AUTO, *masked_models()], default=AUTO,
            tooltip="auto: from the body. A model: by its published rule, with parsing and pose of "
            "each frame, as far as installed.",
        ),
        io.Int.Input(
            "person", default=0, min=0, max=99,
            tooltip="Whom to follow: 0 is the largest in the first frame of each shot.",
        ),
        io.Combo.Input(
            "shape", options=list(SHAPES), default=SHAPES[0],
            tooltip="box: the box around each mask, for a garment of quite another outline.",
        ),
        io.Int.Input("margin", default=8, min=0, max=256, tooltip="Pixels more on each side."),
        io.Int.Input("first", default=0, min=0, max=100000, tooltip="Frame to begin with."),
        io.Int.Input(
            "most", default=81, min=1, max=100000, step=4,
            tooltip="At most so many frames; Wan was trained on 81. The number becomes 4n+1.",
        ),
        io.Float.Input(
            "megapixels", default=0.4, min=0.1, max=4.0, step=0.05,
            tooltip="Size of the frames for the model: 0.4 is 832x480, 0.9 is 1280x720.",
        ),
        io.Int.Input(
            "step", default=16, min=1, max=128, tooltip="Sides become multiples: VACE 16, SCAIL 32."
        ),
        GarmentSocket.Input("garment", optional=True, tooltip="From Garment Cut-out."),
        io.Mask.Input(
            "tracks", optional=True,
            tooltip="Masks to take instead, one a frame, such as of SAM3 Track to Mask; they are "
            "steadied too.",
        ),
    ]  # fmt: skip


def _outputs() -> list[io.Output]:
    return [
        io.Image.Output("sized", display_name="frames", tooltip="The frames at the model's size."),
        io.Image.Output(
            "control", display_name="control video", tooltip="The same with a grey hole."
        ),
        io.Mask.Output("masks", display_name="masks", tooltip="One a frame, 1 = redraw."),
        io.Int.Output("width", display_name="width", tooltip="Of the frames, for the model."),
        io.Int.Output("height", display_name="height", tooltip="Of the frames, for the model."),
        io.Int.Output("length", display_name="length", tooltip="Number of frames, 4n+1."),
        io.Image.Output(
            "source_frames", display_name="source frames", tooltip="As they came, for Paste Back."
        ),
        io.Mask.Output("source_masks", display_name="source masks", tooltip="For Paste Back."),
        CropSocket.Output("crop", display_name="crop", tooltip="For Paste Back."),
        io.String.Output(
            "report", display_name="report", tooltip="Cuts, and frames without anybody."
        ),
    ]
