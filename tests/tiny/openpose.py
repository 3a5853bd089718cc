"""OpenPose's body network: random, it draws points and limbs where there are none."""

from __future__ import annotations

from pathlib import Path

from .weights import published_shapes, random_state, write_tensors

FILE = "body_pose_model.pth"
OUTPUTS = {38, 19, 3}
TOGETHER = 185
"""Channels into the later stages: both branches' outputs and the trunk's 128 features."""


def write(variant, roots: tuple[Path, ...]) -> None:
    (root,) = roots
    write_tensors(root / FILE, random_state(narrow_openpose(published_shapes("openpose", FILE))))


def narrow_openpose(shapes) -> dict[str, list[int]]:
    return {
        name: [_narrow(side) for side in shape[:2]] + list(shape[2:])
        for name, shape in shapes.items()
    }


def _narrow(channels: int) -> int:
    if channels in OUTPUTS:
        return channels
    return 57 + 128 // 16 if channels == TOGETHER else channels // 16
