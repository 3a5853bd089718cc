"""Key Frame and Reframe to Video: the frame to dress, and a dressed picture framed like a video."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..pipelines.errors import NobodyFound
from .convert import checked, each, pictures
from .sockets import CATEGORY


class KeyFrame(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomKeyFrame",
            display_name="Key Frame",
            category=CATEGORY,
            description=(
                "Chooses the frame of a video to dress: the person from the front, sharp and "
                "large, arms not before the body."
            ),
            search_aliases=["best frame", "reference frame", "video try-on"],
            inputs=[
                io.Image.Input("frames", tooltip="Frames of the video."),
                io.Int.Input(
                    "look_at", default=24, min=1, max=1000,
                    tooltip="How many frames are looked at, evenly over the video.",
                ),
                io.Int.Input(
                    "person", default=0, min=0, max=99, tooltip="Which person: 0 is the largest."
                ),
            ],
            outputs=[
                io.Image.Output("key_frame", display_name="image", tooltip="The best frame."),
                io.Int.Output("number", display_name="number", tooltip="Its number, from 0."),
                io.String.Output("report", display_name="report", tooltip="The best frames, why."),
            ],
        )  # fmt: skip

    @classmethod
    def execute(cls, frames: torch.Tensor, look_at: int, person: int) -> io.NodeOutput:
        from ..pipelines.masking.body import find_body
        from ..pipelines.video.key_frame import score_frames
        from .placement import body_model

        video = checked(frames, "Key Frame")[..., :3]
        count = min(look_at, len(video))
        numbers = [round(i * (len(video) - 1) / max(count - 1, 1)) for i in range(count)]
        model = body_model()

        def read(number: int) -> tuple:
            picture = pictures(video[number : number + 1], "Key Frame")[0]
            try:
                return number, picture, find_body(model, picture, person)
            except NobodyFound:
                return number, picture, None

        best = score_frames(each(numbers, read))
        report = "\n".join(
            f"{row.index}: {row.score:.2f} (frontal {row.frontal:.2f}, sharp {row.sharp:.2f}, "
            f"large {row.large:.2f})"
            for row in best[:5]
        )
        number = best[0].index
        return io.NodeOutput(video[number : number + 1], number, report)


class Reframe(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomReframe",
            display_name="Reframe to Video",
            category=CATEGORY,
            description=(
                "Brings a dressed picture to the framing of a video: the person as large and in "
                "the same place as in one of its frames. Character animation takes size and "
                "place from the reference picture."
            ),
            search_aliases=["reframe", "scail", "reference framing"],
            inputs=[
                io.Image.Input("image", tooltip="The dressed person, in any picture."),
                io.Image.Input("frames", tooltip="Frames of the video."),
                io.Int.Input("number", default=0, min=0, max=100000,
                             tooltip="Frame whose framing counts."),
            ],
            outputs=[
                io.Image.Output("reframed", display_name="image",
                                tooltip="The picture at the size of the video."),
            ],
        )  # fmt: skip

    @classmethod
    def execute(cls, image: torch.Tensor, frames: torch.Tensor, number: int) -> io.NodeOutput:
        from ..pipelines.images import cut
        from ..pipelines.masking.body import find_body
        from ..pipelines.video.key_frame import reframed
        from .placement import body_model

        number = min(number, len(frames) - 1)
        driving = pictures(frames[number : number + 1], "Reframe to Video, frames")[0]
        model = body_model()
        target = find_body(model, driving)
        rows = checked(image, "Reframe to Video")[..., :3]

        def work(row: torch.Tensor) -> torch.Tensor:
            body = find_body(model, pictures(row[None], "Reframe to Video")[0])
            return cut(row[None].movedim(-1, 1), reframed(body, target)).movedim(1, -1)

        return io.NodeOutput(torch.cat(each(list(rows), work)))
