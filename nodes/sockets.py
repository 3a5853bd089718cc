"""The socket types of this package. A link carries a tuple with one object per image.

The filter's carries the settings of the safety filter, once for all.
"""

from __future__ import annotations

from comfy_api.latest import io

CATEGORY = "Fitting Room"

BodySocket = io.Custom("FITTING_ROOM_BODY")
GarmentSocket = io.Custom("FITTING_ROOM_GARMENT")
CropSocket = io.Custom("FITTING_ROOM_CROP")
FilterSocket = io.Custom("FITTING_ROOM_FILTER")
SafetySocket = io.Custom("FITTING_ROOM_SAFETY")
PoseSocket = io.Custom("POSE_KEYPOINT")
ModelSocket = io.Custom("FITTING_ROOM_MODEL")
EncodedGarmentSocket = io.Custom("FITTING_ROOM_ENCODED_GARMENT")
ParsingSocket = io.Custom("FITTING_ROOM_PARSING")
DensePoseSocket = io.Custom("FITTING_ROOM_DENSEPOSE")
