"""The socket types of this package. A link carries a tuple with one object per image.

The guard's carries one record of the whole run, for Guarded Result.
"""

from __future__ import annotations

from comfy_api.latest import io

CATEGORY = "Fitting Room"

BodySocket = io.Custom("FITTING_ROOM_BODY")
GarmentSocket = io.Custom("FITTING_ROOM_GARMENT")
CropSocket = io.Custom("FITTING_ROOM_CROP")
GuardSocket = io.Custom("FITTING_ROOM_GUARD")
PoseSocket = io.Custom("POSE_KEYPOINT")
ModelSocket = io.Custom("FITTING_ROOM_MODEL")
EncodedGarmentSocket = io.Custom("FITTING_ROOM_ENCODED_GARMENT")
