"""ViTPose and the RT-DETR beside it, which see people as large as the picture, with all joints."""

from __future__ import annotations

from pathlib import Path

from .networks import save_vitpose


def write(variant, roots: tuple[Path, ...]) -> None:
    joints, people = roots
    save_vitpose(joints, people, sure=True)
