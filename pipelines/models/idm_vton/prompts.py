"""What IDM-VTON is told in words and as an image prompt, and how its CLIP encoders read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...images import resize

NEGATIVE = "monochrome, lowres, bad anatomy, worst quality, low quality"

LOOK_SIDE = 224
LOOK_MEAN = (0.48145466, 0.4578275, 0.40821073)  # of CLIP's training pictures, R, G, B
LOOK_SPREAD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Prompts:
    """One of each for every garment."""

    person: tuple[str, ...]  # for the denoiser
    garment: tuple[str, ...]  # for the garment UNet

    @classmethod
    def of(cls, descriptions: Sequence[str]) -> Prompts:
        """From descriptions such as "short sleeve round neck t-shirt", as the authors' demo."""
        return cls(
            tuple(f"model is wearing {description}" for description in descriptions),
            tuple(f"a photo of {description}" for description in descriptions),
        )


def token_ids(tokenizer: Any, prompts: Sequence[str]) -> Tensor:
    """(prompts, 77) int64; longer prompts are cut."""
    return tokenizer(
        list(prompts),
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    ).input_ids


def read_text(
    tokenizers: Sequence[Any],
    encoders: Sequence[Any],
    prompts: Sequence[str],
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """(states, vectors) of the prompts.

    states: (prompts, 77, 768 + 1280), what goes into the last layer of each encoder, no final norm.
    vectors: (prompts, 1280), the whole text in one, by the last encoder; CLIP reads it off at the
    largest token id, which is the end of the text.
    """
    said = [
        encoder(token_ids(tokenizer, prompts).to(device), output_hidden_states=True)
        for tokenizer, encoder in zip(tokenizers, encoders, strict=True)
    ]
    states = torch.cat([each.hidden_states[-2] for each in said], dim=-1)
    return states, said[-1].text_embeds


def look_at(pictures: Sequence[np.ndarray]) -> Tensor:
    """What the image encoder is given of garments, uint8 (height, width, 3) each.

    (pictures, 3, 224, 224): the short side is made 224 and the CENTRE of the long one is cut out,
    so that the top and bottom of a 768x1024 picture are lost, as with the authors. Pillow's bicubic
    on bytes; that of torchvision gives other pixels (golden stage image.clip_pixel_values).
    """
    looks = []
    for picture in pictures:
        height, width = picture.shape[:2]
        if height <= width:
            size = (int(LOOK_SIDE * width / height), LOOK_SIDE)
        else:
            size = (LOOK_SIDE, int(LOOK_SIDE * height / width))
        resized = resize(picture, *size)
        left, top = (size[0] - LOOK_SIDE) // 2, (size[1] - LOOK_SIDE) // 2
        looks.append(resized[top : top + LOOK_SIDE, left : left + LOOK_SIDE])
    pixels = np.stack(looks).astype(np.float32) / 255
    pixels = (pixels - np.array(LOOK_MEAN, np.float32)) / np.array(LOOK_SPREAD, np.float32)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)
