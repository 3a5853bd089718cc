"""Installed networks that read photos: found, their licence agreed to, ready to run.

What "ready" means, the caller tells: inside ComfyUI its memory management places them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..catalog.models import variant_named
from ..errors import InputError
from ..files.licences import license_accepted, require_accepted
from ..files.locate import find, survey

if TYPE_CHECKING:
    from .body import BodyModel
    from .clothes import ClothesParser
    from .densepose_rcnn.network import DensePoseRCNN
    from .openpose.network import OpenPoseBody
    from .schp.network import Schp
    from .schp.onnx import OnnxSchp
    from .vitpose import VitPose

PARSING = ("human_parsing/pth", "human_parsing/onnx")
"""The same networks in two forms; the first that is installed is taken. ONNX runs on the CPU."""

CLOTHES_PARSERS = ("human_parsing/segformer", "human_parsing/fashn", "human_parsing/sapiens2")
"""Taken in this order where neither of them is installed."""

OPENPOSE, VITPOSE, DENSEPOSE = "openpose/body", "vitpose/base_simple", "densepose/r50_fpn_s1x"

Ready = Callable[..., Any]
"""(load, *paths) -> what load(*paths) gives, on the device where it is to run; may be kept."""


class InstalledNetworks:
    """Every call raises MissingFiles with the command that gets what is missing, and InputError
    with the terms where they are not agreed to yet."""

    def __init__(
        self,
        folders: Callable[[], Sequence[Path]],
        ready: Ready,
        body: Callable[[], BodyModel],
    ) -> None:
        """folders: models folders to look in first, asked each time. body: the embedded one."""
        self.folders = folders
        self.ready = ready
        self.body = body

    def installed(self, variant: str) -> bool:
        """Whether all files of a variant are there, and its licence is agreed to."""
        folders = self.folders()
        problems = survey(variant_named(variant), folders=folders)[1]
        return not problems and license_accepted(variant, folders)

    def files(self, variant: str) -> Sequence[Path]:
        """Where a variant's files are."""
        folders = self.folders()
        located = find(variant, folders=folders)
        require_accepted(variant, folders)
        return [path for _, path in located.files()]

    def schp(self, *kinds: str) -> list[Schp | OnnxSchp]:
        """The parsing networks of these kinds, "atr" and "lip"."""
        from .parsing import load_schp

        variant = next(filter(self.installed, PARSING), PARSING[0])
        files = self.files(variant)
        return [self.ready(load_schp, next(f for f in files if kind in f.stem)) for kind in kinds]

    def clothes_parser(self, folder: str) -> ClothesParser:
        """A parsing network of transformers from a folder: absolute, or below a models folder."""
        from .clothes import load_clothes_parser

        name = folder.strip()
        if not name:
            raise InputError(
                "A folder with a parsing network of transformers was wanted, and none is named. "
                "Write its path, or its name below ComfyUI/models/fitting_room."
            )
        places = [base / name for base in self.folders()]
        return self.ready(load_clothes_parser, next(filter(Path.is_dir, places), Path(name)))

    def installed_clothes_parser(self, variant: str) -> ClothesParser:
        """That of a variant in the catalogue."""
        from .clothes import load_clothes_parser

        return self.ready(load_clothes_parser, *{path.parent for path in self.files(variant)})

    def openpose(self) -> OpenPoseBody:
        from .pose import load_openpose

        return self.ready(load_openpose, *self.files(OPENPOSE))

    def vitpose(self) -> VitPose:
        from .vitpose import load_vitpose

        folders = dict.fromkeys(path.parent for path in self.files(VITPOSE))
        return self.ready(load_vitpose, *folders)

    def densepose(self) -> DensePoseRCNN:
        from .densepose import load_densepose

        return self.ready(load_densepose, *self.files(DENSEPOSE))


def installed_parse(networks: InstalledNetworks) -> Callable[[np.ndarray], np.ndarray | None]:
    """A function that gives the ATR labels of a photo, (height, width, 3) uint8 RGB -> (height,
    width) uint8, by the first parsing network that is installed when it is called; None where none
    is."""

    def parse_photo(photo: np.ndarray) -> np.ndarray | None:
        if any(map(networks.installed, PARSING)):
            from .parsing import parse

            (network,) = networks.schp("atr")
            return parse(network, [photo])[0]
        found = next(filter(networks.installed, CLOTHES_PARSERS), None)
        return None if found is None else networks.installed_clothes_parser(found).parse(photo)

    return parse_photo
