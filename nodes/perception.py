"""Parsing, pose and DensePose networks under ComfyUI's memory management, read once per file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import comfy.model_management as management
import comfy.model_patcher
import torch

from ..pipelines.errors import InputError
from .placement import managed, model_folders

if TYPE_CHECKING:
    from ..pipelines.masking.clothes import ClothesParser
    from ..pipelines.masking.densepose_rcnn.network import DensePoseRCNN
    from ..pipelines.masking.openpose.network import OpenPoseBody
    from ..pipelines.masking.schp.network import Schp
    from ..pipelines.masking.schp.onnx import OnnxSchp
    from ..pipelines.masking.vitpose import VitPose

PARSING = ("human_parsing/pth", "human_parsing/onnx")
"""The same networks in two forms; the first that is installed is taken. ONNX runs on the CPU."""

OPENPOSE, VITPOSE, DENSEPOSE = "openpose/body", "vitpose/base_simple", "densepose/r50_fpn_s1x"


@dataclass(frozen=True)
class Kept:
    """network: as its loader gives it. patchers: of the modules in it; they must live as long."""

    network: Any
    patchers: tuple[comfy.model_patcher.ModelPatcher, ...]


def installed(variant: str) -> bool:
    """Whether all files of a variant are there, and its licence is agreed to."""
    from ..pipelines.catalog.licences import license_accepted
    from ..pipelines.catalog.models import variant_named
    from ..pipelines.files.locate import survey

    folders = model_folders()
    problems = survey(variant_named(variant), folders=folders)[1]
    return not problems and license_accepted(variant, folders)


def schp(*kinds: str) -> list[Schp | OnnxSchp]:
    """The parsing networks of these kinds, "atr" and "lip". Raises MissingFiles, InputError."""
    from ..pipelines.masking.parsing import load_schp

    variant = next(filter(installed, PARSING), PARSING[0])
    files = _files(variant)
    return [_ready(load_schp, next(f for f in files if kind in f.stem)) for kind in kinds]


def clothes_parser(folder: str) -> ClothesParser:
    """A parsing network of transformers from a folder: absolute, or below a models folder.

    Raises MissingFiles, InputError.
    """
    from ..pipelines.masking.clothes import load_clothes_parser

    name = folder.strip()
    if not name:
        raise InputError(
            "A folder with a parsing network of transformers was wanted, and none is named. Write "
            "its path, or its name below ComfyUI/models/fitting_room."
        )
    places = [base / name for base in model_folders()]
    return _ready(load_clothes_parser, next(filter(Path.is_dir, places), Path(name)))


def installed_clothes_parser(variant: str) -> ClothesParser:
    """That of a variant in the catalogue. Raises MissingFiles, InputError."""
    from ..pipelines.masking.clothes import load_clothes_parser

    return _ready(load_clothes_parser, *{path.parent for path in _files(variant)})


def openpose() -> OpenPoseBody:
    """Raises MissingFiles, InputError."""
    from ..pipelines.masking.pose import load_openpose

    return _ready(load_openpose, *_files(OPENPOSE))


def vitpose() -> VitPose:
    """Raises MissingFiles, InputError."""
    from ..pipelines.masking.vitpose import load_vitpose

    return _ready(load_vitpose, *dict.fromkeys(path.parent for path in _files(VITPOSE)))


def densepose() -> DensePoseRCNN:
    """Raises MissingFiles, InputError."""
    from ..pipelines.masking.densepose import load_densepose

    return _ready(load_densepose, *_files(DENSEPOSE))


def _files(variant: str) -> Sequence[Path]:
    """Where a variant's files are. Raises MissingFiles with the command that gets them, InputError
    with the terms where they are not agreed to yet."""
    from ..pipelines.catalog.licences import require_accepted
    from ..pipelines.files.locate import find

    folders = model_folders()
    located = find(variant, folders=folders)
    require_accepted(variant, folders)
    return [path for _, path in located.files()]


def _ready(load: Callable[..., Any], *paths: Path) -> Any:
    """What is in the files, on the device that ComfyUI chose for this run."""
    changed = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)
    kept = _read(load, paths, changed)
    if kept.patchers:
        management.load_models_gpu(list(kept.patchers), force_full_load=True)
    return kept.network


# All of the six networks that one workflow can want. A file that was replaced is read again.
@lru_cache(maxsize=6)
def _read(load: Callable[..., Any], paths: tuple[Path, ...], changed: tuple[int, ...]) -> Kept:
    network = load(*paths)
    modules = [network] if isinstance(network, torch.nn.Module) else vars(network).values()
    return Kept(network, tuple(managed(m) for m in modules if isinstance(m, torch.nn.Module)))
