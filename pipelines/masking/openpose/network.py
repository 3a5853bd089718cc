"""The body network: VGG features, then two branches refined in stages.

One branch gives 38 part-affinity fields (x and y of 19 limbs), the other 19 heat maps (18 joints
and the background). Parameter names are the published ones.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import Shapes, conv

TRUNK = (
    ("conv1_1", "conv1_2"),
    ("conv2_1", "conv2_2"),
    ("conv3_1", "conv3_2", "conv3_3", "conv3_4"),
    ("conv4_1", "conv4_2", "conv4_3_CPM", "conv4_4_CPM"),
)
"""Convolutions between the poolings."""

STRIDE = 8
"""Input pixels per map cell."""

FIELDS, HEAT = "L1", "L2"


def branch_layers(stage: int, branch: str) -> list[str]:
    if stage == 1:
        return [f"conv5_{number}_CPM_{branch}" for number in range(1, 6)]
    return [f"Mconv{number}_stage{stage}_{branch}" for number in range(1, 8)]


class OpenPoseBody(nn.Module):
    """(batch, 3, height, width) BGR in -0.5..0.5 -> fields (batch, 38, height / 8, width / 8) and
    heat maps (batch, 19, height / 8, width / 8). Both sides must be multiples of 8.

    shapes: parameter names and shapes of the weight file.
    """

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.stages = 1
        while f"Mconv1_stage{self.stages + 1}_L1.weight" in shapes:
            self.stages += 1
        names = [name for block in TRUNK for name in block]
        for stage in range(1, self.stages + 1):
            names += branch_layers(stage, FIELDS) + branch_layers(stage, HEAT)
        for name in names:
            self.add_module(name, conv(shapes, name))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        features = pictures
        for number, block in enumerate(TRUNK):
            if number:
                features = F.max_pool2d(features, 2)
            for name in block:
                features = F.relu(self.get_submodule(name)(features))
        fields, heat = self._branch(1, FIELDS, features), self._branch(1, HEAT, features)
        for stage in range(2, self.stages + 1):
            together = torch.cat([fields, heat, features], dim=1)
            fields, heat = (
                self._branch(stage, FIELDS, together),
                self._branch(stage, HEAT, together),
            )
        # A slip in the published program's list of layers without activation: its last heat maps
        # pass one. Stage `heatmap` of network_tiny fails without.
        return fields, F.relu(heat)

    def _branch(self, stage: int, branch: str, features: Tensor) -> Tensor:
        *inner, last = branch_layers(stage, branch)
        for name in inner:
            features = F.relu(self.get_submodule(name)(features))
        return self.get_submodule(last)(features)
