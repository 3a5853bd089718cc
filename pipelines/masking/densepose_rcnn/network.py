"""The whole network: pyramid, proposals, people, and a chart of the body for each person.

features = network.features(pictures)
boxes, scores = network.people(features, threshold, height, width)
charts = network.charts(features, boxes[:1])
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers import Shapes, conv, count, linear
from .backbone import LEVELS, Pyramid
from .boxes import detect, propose

UNUSED = (
    "pixel_mean",
    "pixel_std",
    "proposal_generator.anchor_generator.cell_anchors.*",
)
"""What a published file may hold besides: constants, known here."""

BOX_CELLS = 7
CHART_CELLS = 28
SAMPLES = 2
"""Points per cell and axis when a box is cut from a feature map."""

USUAL_SIDE, USUAL_LEVEL = 224, 4
"""A box of this side is cut from this level, larger ones from higher levels."""


@dataclass(frozen=True)
class Charts:
    """Per person, 112x112 cells across the box. coarse: (n, 2, 112, 112), background and body;
    fine: (n, 25, 112, 112), background and 24 parts; u, v: (n, 25, 112, 112), the place on each
    part, or None where they were not asked for."""

    coarse: Tensor
    fine: Tensor
    u: Tensor | None
    v: Tensor | None


def cut_boxes(features: Tensor, boxes: Tensor, cells: int, level: int) -> Tensor:
    """(1, channels, rows, columns) -> (n, channels, cells, cells)."""
    from torchvision.ops import roi_align

    # aligned=False: without the shift by half a pixel that later versions make.
    return roi_align(features, [boxes], cells, 1 / 2**level, SAMPLES, aligned=False)


class ProposalHead(nn.Module):
    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        self.conv = conv(shapes, f"{name}.conv")
        self.objectness_logits = conv(shapes, f"{name}.objectness_logits")
        self.anchor_deltas = conv(shapes, f"{name}.anchor_deltas")

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        features = F.relu(self.conv(features))
        return self.objectness_logits(features), self.anchor_deltas(features)


class Decoder(nn.Module):
    """Four pyramid levels brought to the size of the lowest and added up."""

    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        for level in LEVELS:
            # The numbers between those of the convolutions are enlargements.
            layers = {
                str(2 * index): conv(shapes, f"{name}.p{level}.{2 * index}")
                for index in range(count(shapes, f"{name}.p{level}"))
            }
            self.add_module(f"p{level}", nn.ModuleDict(layers))
        self.predictor = conv(shapes, f"{name}.predictor")

    def forward(self, maps: list[Tensor]) -> Tensor:
        total = None
        for level, features in zip(LEVELS, maps, strict=False):
            for layer in self.get_submodule(f"p{level}").children():
                features = F.relu(layer(features))
                if level > LEVELS[0]:
                    features = F.interpolate(
                        features, scale_factor=2.0, mode="bilinear", align_corners=False
                    )
            total = features if total is None else total + features
        return self.predictor(total)


class ChartHead(nn.Module):
    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        for number in range(1, 1 + count(shapes, name)):
            layer = f"body_conv_fcn{number}"
            self.add_module(layer, conv(shapes, f"{name}.{layer}"))

    def forward(self, features: Tensor) -> Tensor:
        for layer in self.children():
            features = F.relu(layer(features))
        return features


class ChartPredictor(nn.Module):
    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        for part in ("ann_index", "index_uv", "u", "v"):
            channels_in, channels_out, size, _ = shapes[f"{name}.{part}_lowres.weight"]
            layer = nn.ConvTranspose2d(
                channels_in, channels_out, size, stride=2, padding=size // 2 - 1
            )
            self.add_module(f"{part}_lowres", layer)

    def forward(self, features: Tensor, with_places: bool) -> Charts:
        def part(name: str) -> Tensor:
            return F.interpolate(
                self.get_submodule(f"{name}_lowres")(features),
                scale_factor=2.0, mode="bilinear", align_corners=False,
            )  # fmt: skip

        u, v = (part("u"), part("v")) if with_places else (None, None)
        return Charts(part("ann_index"), part("index_uv"), u, v)


class RoiHeads(nn.Module):
    def __init__(self, shapes: Shapes, name: str) -> None:
        super().__init__()
        box_head, predictor = f"{name}.box_head", f"{name}.box_predictor"
        self.box_head = nn.ModuleDict(
            {k: linear(shapes, f"{box_head}.{k}") for k in ("fc1", "fc2")}
        )
        self.box_predictor = nn.ModuleDict(
            {k: linear(shapes, f"{predictor}.{k}") for k in ("cls_score", "bbox_pred")}
        )
        self.decoder = Decoder(shapes, f"{name}.decoder")
        self.densepose_head = ChartHead(shapes, f"{name}.densepose_head")
        self.densepose_predictor = ChartPredictor(shapes, f"{name}.densepose_predictor")


class DensePoseRCNN(nn.Module):
    """shapes: parameter names and shapes of the weight file. Works on one picture at a time."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.backbone = Pyramid(shapes, "backbone")
        self.proposal_generator = nn.ModuleDict(
            {"rpn_head": ProposalHead(shapes, "proposal_generator.rpn_head")}
        )
        self.roi_heads = RoiHeads(shapes, "roi_heads")

    def features(self, picture: Tensor) -> list[Tensor]:
        """(1, 3, height, width) BGR minus the mean, sides multiples of 32 -> p2 to p6."""
        return self.backbone(picture)

    def proposals(self, features: list[Tensor], height: int, width: int) -> tuple[Tensor, Tensor]:
        """At most 1000 boxes (n, 4) and scores (n,). height, width: of the unpadded picture."""
        scores, changes = zip(
            *(self.proposal_generator["rpn_head"](level) for level in features), strict=True
        )
        return propose([s[0] for s in scores], [c[0] for c in changes], height, width)

    def people(
        self, features: list[Tensor], threshold: float, height: int, width: int
    ) -> tuple[Tensor, Tensor]:
        """Boxes (n, 4) and scores (n,) above the threshold, best first."""
        boxes, _ = self.proposals(features, height, width)
        cells = self._box_features(features, boxes).flatten(1)
        for layer in self.roi_heads.box_head.values():
            cells = F.relu(layer(cells))
        scores = self.roi_heads.box_predictor["cls_score"](cells)
        changes = self.roi_heads.box_predictor["bbox_pred"](cells)
        return detect(boxes, scores, changes, threshold, height, width)

    def charts(self, features: list[Tensor], boxes: Tensor, with_places: bool = True) -> Charts:
        """Charts of the people in boxes (n, 4); with_places: U and V too."""
        decoded = self.roi_heads.decoder(features)
        cells = cut_boxes(decoded, boxes.to(decoded), CHART_CELLS, LEVELS[0])
        return self.roi_heads.densepose_predictor(self.roi_heads.densepose_head(cells), with_places)

    def _box_features(self, features: list[Tensor], boxes: Tensor) -> Tensor:
        side = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sqrt()
        level_of = torch.floor(USUAL_LEVEL + torch.log2(side / USUAL_SIDE + 1e-8))
        level_of = level_of.clamp(LEVELS[0], LEVELS[-1])
        channels = features[0].shape[1]
        cells = features[0].new_zeros(len(boxes), channels, BOX_CELLS, BOX_CELLS)
        for level, level_features in zip(LEVELS, features, strict=False):
            here = level_of == level
            if here.any():
                cells[here] = cut_boxes(level_features, boxes[here].to(cells), BOX_CELLS, level)
        return cells
