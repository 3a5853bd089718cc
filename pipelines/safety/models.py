"""The networks that can judge a picture for the safety filter, on one scale from 0 to 1.

0.5 is where each of them decides as published, so that the levels mean the same for all.
open_nsfw is shipped. The two others are installed by the user (`fitting-room download
safety/falconsai`) and read in their published layout by transformers and diffusers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError, MissingFiles
from ..files.damage import in_our_words
from ..files.json_files import read_json
from ..files.locate import find, weight_file
from ..files.published import expect_sane
from ..files.weights import read_state
from ..processor import load_processor
from ..threads import single_thread
from .filter import MODELS, SafetyModel
from .open_nsfw import load_open_nsfw, prepare

if TYPE_CHECKING:
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import ViTForImageClassification

AT_ONCE = 16
"""Pictures that open_nsfw sees together; about 3 MB of memory each."""

PUBLISHED_LIMIT = 0.001
"""Cosine above a concept's own limit, in thousandths, from which diffusers' checker says no."""

COSINE_SCALE = 15.0
"""Score for a cosine of 1: 0.02 each way of the published limit, twice what the published code adds
for special care, are the levels strict and catalogue (0.3 each way of 0.5)."""

SPECIAL_CARE = 0.01
"""What diffusers' checker adds to every concept once one of its special-care concepts is met."""


def load_safety_model(
    name: str = "open_nsfw", path: str | Path | None = None, folders: Sequence[str | Path] = ()
) -> SafetyModel:
    """One of MODELS, in float32 on the CPU.

    path: a folder in the published layout that the user named. folders: models folders to look in.
    Raises InputError for another name, MissingFiles where files are absent or not the published.
    """
    if name == "open_nsfw":
        return OpenNsfwModel()
    if name == "falconsai":
        return FalconsaiModel(find("safety/falconsai", path, folders).root)
    if name == "stable_diffusion":
        return StableDiffusionModel(find("safety/stable_diffusion", path, folders).root)
    raise InputError(f"There is no safety model {name!r}. Choose one of: {', '.join(MODELS)}.")


class OpenNsfwModel:
    """Yahoo's open_nsfw: probability in 0..1."""

    name = "open_nsfw"

    def __init__(self) -> None:
        self.network = load_open_nsfw()

    @single_thread()
    @torch.inference_mode()
    def scores(self, pictures: Sequence[np.ndarray]) -> list[float]:
        scores: list[float] = []
        for first in range(0, len(pictures), AT_ONCE):
            some = torch.stack([prepare(p) for p in pictures[first : first + AT_ONCE]])
            scores += self.network(some.to(_device(self.network))).tolist()
        return scores


class FalconsaiModel:
    """Falconsai/nsfw_image_detection, a ViT: probability of the label "nsfw" in 0..1."""

    name = "falconsai"

    def __init__(self, folder: Path) -> None:
        from transformers import ViTForImageClassification

        self.network: ViTForImageClassification = _load(ViTForImageClassification, folder)
        self.processor = load_processor(folder)
        labels = {
            text.lower(): index for index, text in (self.network.config.id2label or {}).items()
        }
        if "nsfw" not in labels:
            raise MissingFiles(
                f"{folder / 'config.json'} has no label nsfw, only {', '.join(labels)}. "
                "Get the published files with `fitting-room download safety/falconsai`."
            )
        self.unsafe = labels["nsfw"]

    @torch.inference_mode()
    def scores(self, pictures: Sequence[np.ndarray]) -> list[float]:
        if not pictures:
            return []
        pixels = self.processor(pictures).to(_device(self.network))
        return self.network(pixels).logits.softmax(dim=1)[:, self.unsafe].tolist()


class StableDiffusionModel:
    """Stable Diffusion's checker: how near the nearest unsafe concept is. Not a probability.

    The cosine above that concept's limit, rounded to thousandths as diffusers does, brought to the
    scale of the levels: 0.5 and above is its own decision.
    """

    name = "stable_diffusion"

    def __init__(self, folder: Path) -> None:
        from diffusers.pipelines.stable_diffusion.safety_checker import (
            StableDiffusionSafetyChecker,
        )

        self.network: StableDiffusionSafetyChecker = _load(StableDiffusionSafetyChecker, folder)
        self.processor = load_processor(folder)

    @torch.inference_mode()
    def scores(self, pictures: Sequence[np.ndarray]) -> list[float]:
        if not pictures:
            return []
        checker = self.network
        pixels = self.processor(pictures).to(_device(checker))
        pooled = checker.vision_model(pixels)[1]
        seen = checker.visual_projection(pooled)  # (batch, projected)
        special = _cosines(seen, checker.special_care_embeds) - checker.special_care_embeds_weights
        concepts = _cosines(seen, checker.concept_embeds) - checker.concept_embeds_weights
        return [
            _nearest(special_row, concept_row)
            for special_row, concept_row in zip(special.tolist(), concepts.tolist(), strict=True)
        ]


def _nearest(special: list[float], concepts: list[float]) -> float:
    """0..1 of the highest concept, with the published extra where a special-care one is met."""
    if any(math.isnan(each) for each in (*special, *concepts)):
        return math.nan  # min and max below would make a number of it
    added = SPECIAL_CARE if any(round(each, 3) > 0 for each in special) else 0.0
    cosine = max(round(each + added, 3) for each in concepts)
    # The difference first, so that the published limit is 0.5 exactly.
    score = 0.5 + COSINE_SCALE * round(cosine - PUBLISHED_LIMIT, 3)
    return min(1.0, max(0.0, round(score, 3)))


def _cosines(seen: Tensor, concepts: Tensor) -> Tensor:
    """(batch, projected) and (concepts, projected) -> (batch, concepts)."""
    return nn.functional.normalize(seen).float() @ nn.functional.normalize(concepts).float().T


def _load(kind: Any, folder: Path) -> Any:
    """A transformers model from published names, which the library translates to its own."""
    path = weight_file(folder / "model.safetensors")
    state = read_state(path)
    expect_sane(folder / "config.json")
    try:
        network, found = kind.from_pretrained(
            None,
            config=kind.config_class.from_dict(read_json(folder / "config.json")),
            state_dict=state,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,  # told below, with everything else that is wrong
            output_loading_info=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except Exception as error:  # a library on a stranger's configuration may raise anything
        raise MissingFiles(
            f"{folder} does not hold a {kind.__name__} ({in_our_words(error)}). Get the published "
            "files with `fitting-room download`."
        ) from error
    wrong = [
        f"{words}: {len(found[key])}, such as {sorted(map(str, found[key]))[0]}"
        for key, words in (("missing_keys", "missing"), ("mismatched_keys", "other shapes"))
        if found[key]
    ]
    if wrong:
        raise MissingFiles(
            f"{path} does not hold the weights of {kind.__name__} ({'; '.join(wrong)}). "
            "Get the published file with `fitting-room download`."
        )
    return network.requires_grad_(False).eval()


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device
