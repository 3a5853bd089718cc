"""Save Marked Video: an MP4 with the marks that say how it was made, and nothing about anybody."""

from __future__ import annotations

import io as files
from pathlib import Path
from typing import Any

import folder_paths
import torch
from comfy_api.latest import io, ui

from ..pipelines.errors import InputError
from ..pipelines.writing import next_number, write_numbered
from .marking import (
    CORNERS,
    PRODUCER,
    SOURCES,
    dropped,
    label_inputs,
    mark_inputs,
    marks_of,
    place_of,
)
from .sockets import CATEGORY

ENDING = ".mp4"


class SaveVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FittingRoomSaveVideo",
            display_name="Save Marked Video",
            category=CATEGORY,
            description=(
                "Saves a video as MP4 with the machine-readable marks that the EU and China ask "
                "for (IPTC source type, AIGC field), and a visible label on every frame if wanted. "
                "Nothing of the file that the video came from comes along, and no workflow."
            ),
            search_aliases=["save video", "ai label", "c2pa", "aigc", "metadata", "watermark"],
            is_output_node=True,
            inputs=[
                io.Video.Input("video", tooltip="The video to save, with its sound."),
                io.String.Input(
                    "filename_prefix",
                    default="fitting_room/video",
                    tooltip="Folder and beginning of the file name in the output folder; %width%, "
                    "%height%, %year%, %month%, %day% are filled in.",
                ),
                io.Combo.Input(
                    "source",
                    options=list(SOURCES),
                    default="generated",
                    tooltip="What made the video, for programs to read (IPTC). generated: a "
                    "diffusion model. preview: the embedded warp, which generates nothing. photos: "
                    "the preview of what are known to be photographs. none: no mark.",
                ),
                *label_inputs(),
                *mark_inputs("video"),
            ],
            outputs=[],
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None) -> bool | str:
        try:
            # Told before anything is computed: a video that cannot be saved is lost.
            place_of(filename_prefix or "", 0, 0)
        except InputError as error:
            return str(error)
        return True

    @classmethod
    def execute(
        cls,
        video: Any,
        filename_prefix: str,
        source: str,
        visible_label: bool = False,
        label_language: str = "en",
        label_text: str = "",
        label_corner: str = CORNERS[0],
        ai_system: str = "",
        aigc_field: str = "auto",
        producer: str = PRODUCER,
        video_number: str = "",
    ) -> io.NodeOutput:
        import uuid

        from ..pipelines.marks.provenance import with_number
        from ..pipelines.marks.videos import file_metadata, marked_video
        from ..pipelines.marks.visible_label import VisibleLabel

        label = VisibleLabel(label_text, label_language, label_corner) if visible_label else None
        marks = marks_of(source, ai_system, aigc_field, producer)
        # One number for both places of the field.
        marks = with_number(marks, video_number.strip() or uuid.uuid4().hex)
        width, height = video.get_dimensions()
        if width % 2 or height % 2:
            raise InputError(
                f"H.264 has even sides, and the video has {width}x{height}. Scale or crop its "
                "frames before Create Video."
            )
        place, name = place_of(filename_prefix, width, height)
        data = marked_video(_encoded(_afresh(video, label), file_metadata(marks)), marks)
        folder = Path(folder_paths.get_output_directory()) / place
        path, _ = write_numbered(folder, name, next_number(folder, name), ENDING, data)
        saved = ui.SavedResult(path.name, place, io.FolderType.output)
        shown = ui.PreviewVideo([saved]).as_dict()
        told = dropped(source)
        return io.NodeOutput(ui=shown | ({"text": told} if told else {}))


def _afresh(video: Any, label: Any) -> Any:
    """The frames and the sound as a video of their own, so that nothing of the file they came from
    is copied; with the label on every frame."""
    from comfy_api.latest import InputImpl, Types

    from ..pipelines.marks.visible_label import draw_label
    from .convert import pictures

    parts = video.get_components()
    frames = parts.images
    if label is not None:
        drawn = [draw_label(row, label) for row in pictures(frames, "Save Marked Video")]
        frames = torch.stack([torch.from_numpy(row).float() / 255 for row in drawn])
    return InputImpl.VideoFromComponents(
        Types.VideoComponents(images=frames, audio=parts.audio, frame_rate=parts.frame_rate)
    )


def _encoded(video: Any, metadata: dict[str, str]) -> bytes:
    """H.264 in MP4, as ComfyUI's own node encodes it."""
    import json

    from comfy_api.latest import Types

    file = files.BytesIO()
    # The engine writes each value as JSON.
    values = {name: json.loads(text) for name, text in metadata.items()}
    video.save_to(file, format=Types.VideoContainer.MP4, codec=Types.VideoCodec.H264,
                  metadata=values)  # fmt: skip
    return file.getvalue()
