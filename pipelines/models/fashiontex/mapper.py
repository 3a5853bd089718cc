"""FashionTex's mapper: how a code must move for other clothes, by the CLIP features of two texts
and two patches of texture."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...files.weights import State
from .generator import pixel_norm

COARSE, MEDIUM = 4, 8
"""Layers 0-3 are left alone, 4-7 follow the texts, the rest the textures."""

ROUNDS = 5


class _Modulation(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc = nn.Linear(width, width)
        self.gamma_function = self._function(width)
        self.beta_function = self._function(width)

    @staticmethod
    def _function(width: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Linear(width, width), nn.LayerNorm([width]), nn.LeakyReLU(), nn.Linear(width, width)
        )

    def forward(self, codes: Tensor, feature: Tensor) -> Tensor:
        """codes (batch, layers, width); feature (batch, 1, width), the same for every layer: one
        row is computed, where the published code computes 18 equal ones."""
        codes = self.fc(codes)
        codes = functional.layer_norm(codes, codes.shape[1:])
        moved = codes * (1 + self.gamma_function(feature)) + self.beta_function(feature)
        return functional.leaky_relu(moved)


class MapperPart(nn.Module):
    """Some layers of a code under one feature, (batch, layers, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.modulation_module_list = nn.ModuleList(_Modulation(width) for _ in range(ROUNDS))

    def forward(self, codes: Tensor, feature: Tensor) -> Tensor:
        codes = pixel_norm(codes)  # over the layers, as published, not over the channels
        for modulation in self.modulation_module_list:
            codes = modulation(codes, feature[:, None])
        return codes


class Mapper(nn.Module):
    """What is to be added to a code, times the strength, (batch, layers, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.medium_mapping = MapperPart(width)
        self.second_type_mapper = MapperPart(width)
        self.fine_mapping = MapperPart(width)
        self.second_color_mapper = MapperPart(width)

    @classmethod
    def shaped_like(cls, state: State) -> Mapper:
        """Of the width that a checkpoint has. Raises KeyError."""
        return cls(state["medium_mapping.modulation_module_list.0.fc.weight"].shape[0])

    def forward(self, codes: Tensor, texts: tuple[Tensor, Tensor],
                textures: tuple[Tensor, Tensor]) -> Tensor:  # fmt: skip
        """codes: (batch, layers, width). texts, textures: CLIP features of upper and lower part,
        (batch, width) each, not normalised."""
        medium, fine = codes[:, COARSE:MEDIUM], codes[:, MEDIUM:]
        typed = self.medium_mapping(medium, texts[0]), self.second_type_mapper(medium, texts[1])
        looks = self.fine_mapping(fine, textures[0]), self.second_color_mapper(fine, textures[1])
        parts = [torch.zeros_like(codes[:, :COARSE]), sum(typed) / 2, sum(looks) / 2]
        return torch.cat(parts, dim=1)
