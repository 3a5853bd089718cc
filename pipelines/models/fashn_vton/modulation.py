"""What FASHN VTON v1.5 makes of the step and the category: shifts, scales and gates of all blocks.

They depend on nothing else, so those of all steps are computed first. A quarter of all parameters
lies here (518 MB in 16 bits), and is then not needed on the card any more. Names are the published.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import THETA, Modulations, Sizes

TIME_WIDTH = 256
TIME_SCALE = 1000


def time_embedding(times: Tensor) -> Tensor:
    """Cosines, then sines, of times already multiplied by TIME_SCALE: (n,) to (n, 256) float32."""
    half = TIME_WIDTH // 2
    powers = torch.arange(half, dtype=torch.float32, device=times.device) / half
    angles = times.float()[:, None] * THETA**-powers
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class Modulator(nn.Module):
    def __init__(self, width: int, vectors: int) -> None:
        super().__init__()
        self.lin = nn.Linear(width, vectors * width)


class BlockModulation(nn.Module):
    """Of a mixer or single block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.modulation = Modulator(width, 3)

    def forward(self, vector: Tensor) -> Tensor:
        return self.modulation.lin(vector)


class DoubleModulation(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.txt_mod, self.img_mod = Modulator(width, 6), Modulator(width, 6)

    def forward(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Those of the garment and of the person."""
        return self.txt_mod.lin(vector), self.img_mod.lin(vector)


class FinalModulation(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        # The activation is the one that all others have, too: `Modulation` does it once for all.
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, vector: Tensor) -> Tensor:
        return self.adaLN_modulation[1](vector)


class TimeMlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_layer = nn.Linear(TIME_WIDTH, width)
        self.out_layer = nn.Linear(width, width)


class TimeEmbedder(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = TimeMlp(width)

    def forward(self, times: Tensor) -> Tensor:
        """times: (n,), already multiplied by TIME_SCALE."""
        embedding = time_embedding(times).to(self.mlp.in_layer.weight.dtype)
        return self.mlp.out_layer(functional.silu(self.mlp.in_layer(embedding)))


class Modulation(nn.Module):
    """Step and category to the shifts, scales and gates of every block."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.width

        def several(kind: Callable[[int], nn.Module], count: int) -> nn.ModuleList:
            return nn.ModuleList(kind(width) for _ in range(count))

        self.t_embedder = TimeEmbedder(width)
        self.y_embedder = nn.Embedding(sizes.categories + 1, width)
        self.x_patch_mixer = several(BlockModulation, sizes.mixer_blocks)
        self.double_blocks = several(DoubleModulation, sizes.double_blocks)
        self.single_blocks = several(BlockModulation, sizes.single_blocks)
        self.final_layer = FinalModulation(width)

    def forward(self, times: Tensor, categories: Tensor) -> Modulations:
        """times: (rows,), already multiplied by TIME_SCALE; categories: (rows,) int64, 0 none."""
        vector = functional.silu(self.t_embedder(times) + self.y_embedder(categories))
        pairs = [block(vector) for block in self.double_blocks]
        return Modulations(
            [block(vector) for block in self.x_patch_mixer],
            [garment for garment, _ in pairs],
            [person for _, person in pairs],
            [block(vector) for block in self.single_blocks],
            self.final_layer(vector),
        )
