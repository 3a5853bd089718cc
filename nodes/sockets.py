"""The socket types of this package. A link carries a tuple with one object per image."""

from __future__ import annotations

from comfy_api.latest import io

CATEGORY = "Fitting Room"

BodySocket = io.Custom("FITTING_ROOM_BODY")
GarmentSocket = io.Custom("FITTING_ROOM_GARMENT")
CropSocket = io.Custom("FITTING_ROOM_CROP")
PoseSocket = io.Custom("POSE_KEYPOINT")
