"""How figures came about: without it no number says anything, so it stands beside every one."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ...pipelines.catalog.models import VARIANTS
from ..request import PREVIEW
from .measuring import MEASURES, Measuring
from .pairs import MASK, PAIRED, PairsList
from .run import Row

PACKAGES = ("torch", "torchvision", "torchmetrics", "torch-fidelity", "scikit-image",
            "opencv-python-headless", "numpy", "pillow", "diffusers", "transformers",
            "onnxruntime")  # fmt: skip
SEES_TRUTH = (
    "it takes no mask: in the paired setting it is shown the very photo that it is compared with, "
    "so those figures say little"
)


def versions() -> dict[str, str]:
    """Of this package, Python and what computes; "" for a package that is not there."""
    from ... import __version__

    found = {"comfyui-fitting-room": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = ""
    return found


def measured_by(measuring: Measuring, lpips: str) -> str:
    """What a kept row must have been measured with, SHA-256 (hex)."""
    told = [measuring.size, lpips, sorted(measuring.paired.left_out), versions()]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def protocol_of(
    pairs: PairsList,
    models: Sequence[str],
    settings: Mapping[str, Any],
    rows: Sequence[Row],
    compared_at: tuple[int, int] | None,
    lpips: str,
    machine: Mapping[str, str],
) -> dict[str, Any]:
    """As JSON values. machine: device, precision and which memory is meant."""
    done = [row for row in rows if not row["problem"]]
    told = {
        "pairs": {
            "layout": pairs.layout,
            "list": str(pairs.source),
            "sha256": pairs.fingerprint(),
            "paired": sum(pair.setting == PAIRED for pair in pairs.pairs),
            "unpaired": sum(pair.setting != PAIRED for pair in pairs.pairs),
        },
        "seed": settings["seed"],
        "compared_at": _size(compared_at) if compared_at else "the photo's own size",
        "put_back": "outside of what was repainted the photo's own pixels stand, so likeness to "
        "the true photo is higher than of pictures that a model drew whole",
        "averages": "over pairs that every model did; within: half of the 95 % interval of a mean",
        "lpips_network": lpips,
        "machine": dict(machine),
        "packages": versions(),
        "models": {name: _model(name, settings, pairs, done) for name in models},
        "measures": {name: asdict(measure) for name, measure in MEASURES.items()},
    }
    whole = json.dumps(told, sort_keys=True, ensure_ascii=False)
    return {"sha256": hashlib.sha256(whole.encode()).hexdigest(), **told}


def _model(
    name: str, settings: Mapping[str, Any], pairs: PairsList, rows: Sequence[Row]
) -> dict[str, Any]:
    masks = sorted({row["mask"] for row in rows if row["model"] == name and row["mask"]})
    options = dict(settings["options"])
    if name == PREVIEW:
        return {
            "size": "the photo's own", "crop": "none", "options": options,
            "mask_rule": "; ".join(masks) or "what the embedded warp covers",
        }  # fmt: skip
    variant = VARIANTS[name]
    framing = options.get("framing", "fit")
    crop = {
        "fit": f"around the mask or the person, with {options.get('context', 0.25)} of context; "
        "nothing is stretched",
        "reference": "the whole photo, as the authors take it",
    }[framing]
    found: dict[str, Any] = {
        "size": _size((settings["width"] or variant.width, settings["height"] or variant.height)),
        "crop": f"{framing}: {crop}",
        "steps": settings["steps"] or variant.steps,
        "guidance": variant.guidance if settings["guidance"] is None else settings["guidance"],
        "options": options,
        "mask_rule": "; ".join(masks) or "no mask: what the model changed is found afterwards",
        "files": [
            {"repository": source.repository, "revision": source.revision}
            for source in variant.sources
        ],
    }
    without = "mask" not in variant.inputs and not any(getattr(p, MASK) for p in pairs.pairs)
    if without and any(pair.setting == PAIRED for pair in pairs.pairs):
        found["caution"] = SEES_TRUTH
    return found


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
