"""FashionTex, arXiv 2305.04451: other clothes for a person, by words and a patch of texture.

Not try-on of a garment photo: a text names the type of the upper and of the lower garment, patches
of 64x64 pixels give their look. The person must be an aligned picture of the whole body on a plain
ground, as StyleGAN-Human draws them. The authors published code, and no trained mapper: this runs
the checkpoint of whoever trained one. What is not computed, with the same result: 17 of 18 equal
rows in the mapper (`mapper._Modulation`), and the unchanged picture, which the published test draws
and throws away. All in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...diffusion.run import Place, stay
from ...errors import InputError
from .generator import Generator
from .inversion import Encoder
from .mapper import Mapper
from .pictures import clip_input, is_one_piece, seen_by_encoder

STRENGTH = 0.1
"""How far the published test moves a code."""


@dataclass(frozen=True)
class Design:
    """What a person is to wear: CLIP features of upper and lower part, (designs, width) each."""

    texts: tuple[Tensor, Tensor]
    textures: tuple[Tensor, Tensor]

    def to(self, device: torch.device | str) -> Design:
        upper, lower = (each.to(device) for each in self.texts)
        return Design((upper, lower), (self.textures[0].to(device), self.textures[1].to(device)))


class FashionTexPipeline:
    """Holds networks that it never moves; may be used for any number of runs, one at a time."""

    STAGES = {
        "invert": ("encoder",),
        "read": ("text_encoder", "image_encoder"),
        "draw": ("mapper", "generator"),
    }
    """What `place` is called with, and the attributes whose networks that stage runs."""

    def __init__(
        self,
        mapper: Mapper,
        generator: Generator,
        encoder: Encoder,
        mean_code: Tensor,
        text_encoder: Any,
        image_encoder: Any,
        tokenizer: Any,
        *,
        device: torch.device | str = "cpu",
        place: Place = stay,
    ) -> None:
        """mean_code: (layers, width) or (width,), which the encoder's codes start from. device:
        where the networks of a stage are once `place` was called for it."""
        self.mapper = mapper
        self.generator = generator
        self.encoder = encoder
        self.mean_code = mean_code
        self.text_encoder = text_encoder
        self.image_encoder = image_encoder
        self.tokenizer = tokenizer
        self.dtype = torch.float32
        self.device = torch.device(device)
        self.place = place

    @torch.no_grad()
    def __call__(self, codes: Tensor, design: Design, strength: float = STRENGTH) -> Tensor:
        """Pictures of people in other clothes, (people, 3, 1024, 512) float32 in 0..1.

        codes: of `invert`, (people, 18, 512). design: one, or one a person. strength: how far the
        code moves; 0 draws the person as the generator sees them.
        """
        if strength < 0:
            raise InputError(f"The strength must be 0 or more; {strength} came.")
        self.place("draw")
        codes, design = codes.to(self.device), design.to(self.device)
        pictures = [self.generator(code) for code in self.moved(codes, design, strength).split(1)]
        return (torch.cat(pictures) / 2 + 0.5).clamp(0, 1)

    def moved(self, codes: Tensor, design: Design, strength: float = STRENGTH) -> Tensor:
        """Codes of the people in these clothes. Golden stage: w_hat."""
        return codes + strength * self.mapper(codes, design.texts, design.textures)

    @torch.no_grad()
    def invert(self, photos: Tensor) -> Tensor:
        """Codes of aligned people, (people, layers, width). photos: (people, 3, height, width) in
        0..1, twice as high as wide. Raises InputError for another shape."""
        height, width = photos.shape[-2:]
        if height != 2 * width:
            raise InputError(
                "The person must be aligned: a picture of the whole body, twice as high as wide "
                f"(512x1024), on a plain ground; {width}x{height} came. Crop it, or align it with "
                "StyleGAN-Human's alignment.py."
            )
        self.place("invert")
        codes = self.encoder((seen_by_encoder(photos) * 2 - 1).to(self.device))
        return codes + self.mean_code.to(codes)

    @torch.no_grad()
    def read(self, words: Sequence[tuple[str, str]], textures: tuple[Tensor, Tensor]) -> Design:
        """Designs from words and patches.

        words: of each, the types of the upper and the lower garment, such as ("short shirt",
        "pants"); for one piece its two halves, ("tank dress", "short dress"). textures: patches of
        the upper and the lower garment, (designs, 3, 64, 64) in 0..1; one piece wears the upper one
        all over.
        """
        if any(not part.strip() for pair in words for part in pair):
            raise InputError("Both garments must be named, such as `short shirt` and `pants`.")
        upper, lower = textures
        one_piece = torch.tensor([is_one_piece(*pair) for pair in words])
        lower = torch.where(one_piece[:, None, None, None].to(lower.device), upper, lower)
        self.place("read")
        said = [self._said([pair[part] for pair in words]) for part in (0, 1)]
        looks = [
            self.image_encoder(clip_input(each.float()).to(self.device)).image_embeds
            for each in (upper, lower)
        ]
        return Design((said[0], said[1]), (looks[0], looks[1]))

    def _said(self, texts: list[str]) -> Tensor:
        ids = self.tokenizer(
            texts, max_length=self.tokenizer.model_max_length, padding="max_length",
            truncation=True, return_tensors="pt",
        ).input_ids  # fmt: skip
        return self.text_encoder(ids.to(self.device)).text_embeds
