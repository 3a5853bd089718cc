"""The person detector and the landmark network, written out as modules.

Layouts are read from the published TensorFlow Lite files: pose_detection and pose_landmark_full of
MediaPipe 0.10. Batch normalisation is already part of the convolutions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .blocks import Convolution, InvertedResidual, Residual, Separable, depthwise, enlarge, stem


class PersonDetector(nn.Module):
    """pose_detection: (batch, 3, 224, 224) RGB in -1..1 -> boxes (batch, 2254, 12), scores.

    A box is centre, size and four points in pixels relative to its anchor (see `decoding`);
    scores (batch, 2254) are logits. Rows run from the fine 28x28 grid to the coarse 7x7 one.
    """

    def __init__(self):
        super().__init__()
        self.stem = stem()
        self.fine = nn.Sequential(  # -> (batch, 40, 28, 28)
            InvertedResidual(16, 64, 24, 3, stride=2),
            InvertedResidual(24, 144, 24, 3),
            InvertedResidual(24, 144, 40, 5, stride=2),
            InvertedResidual(40, 240, 40, 5),
        )
        self.middle = nn.Sequential(  # -> (batch, 112, 14, 14)
            InvertedResidual(40, 240, 80, 3, stride=2),
            InvertedResidual(80, 480, 80, 3),
            InvertedResidual(80, 480, 80, 3),
            InvertedResidual(80, 480, 112, 5),
            InvertedResidual(112, 672, 112, 5),
            InvertedResidual(112, 672, 112, 5),
        )
        self.coarse = nn.Sequential(  # -> (batch, 1152, 7, 7)
            InvertedResidual(112, 672, 192, 5, stride=2),
            *(InvertedResidual(192, 1152, 192, 5) for _ in range(3)),
            Convolution(192, 1152),
            depthwise(1152),
        )
        self.narrow_middle = Convolution(1152, 192, activation=None)
        self.narrow_fine = Convolution(192, 96, activation=None)
        self.side_middle = Separable(112, 192, first=None)
        self.side_fine = Separable(40, 96, first=None)
        self.join_middle = nn.Sequential(*(Residual(192, first=None) for _ in range(2)))
        self.join_fine = nn.Sequential(*(Residual(96, first=None) for _ in range(2)))
        sizes = ((24, 2), (48, 2), (288, 6))  # channels, anchors per cell: fine, middle, coarse
        self.scores = nn.ModuleList(Separable(c, n, 2, None, None) for c, n in sizes)
        self.boxes = nn.ModuleList(Separable(c, n * 12, 2, None, None) for c, n in sizes)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.fine(self.stem(picture))
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = self.join_middle(self.side_middle(middle).add_(_rise(self.narrow_middle, coarse)))
        fine = self.join_fine(self.side_fine(fine).add_(_rise(self.narrow_fine, middle)))
        levels = [_depth_to_space(level) for level in (fine, middle, coarse)]
        scores = [_rows(head(x), 1) for head, x in zip(self.scores, levels, strict=True)]
        boxes = [_rows(head(x), 12) for head, x in zip(self.boxes, levels, strict=True)]
        return torch.cat(boxes, 1), torch.cat(scores, 1)[..., 0]


def _rise(narrow: Convolution, x: Tensor) -> Tensor:
    # The file enlarges first; a 1x1 convolution and an enlargement may change places, and the
    # convolution is then four times cheaper.
    return functional.hardtanh_(enlarge(narrow(x)), 0.0, 6.0)


def _depth_to_space(x: Tensor) -> Tensor:
    """(batch, 4c, h, w) -> (batch, c, 2h, 2w) with c innermost, unlike torch's PixelShuffle."""
    batch, channels, height, width = x.shape
    x = x.view(batch, 2, 2, channels // 4, height, width).permute(0, 3, 4, 1, 5, 2)
    x = x.reshape(batch, channels // 4, height * 2, width * 2)
    return x.contiguous(memory_format=torch.channels_last)


def _rows(x: Tensor, values: int) -> Tensor:
    """(batch, anchors * values, h, w) -> (batch, h * w * anchors, values)."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, values)


class PoseLandmarks(nn.Module):
    """pose_landmark_full: (batch, 3, 256, 256) RGB in 0..1 -> landmarks, heat, flag, mask.

    landmarks (batch, 39, 5): x, y, z in crop pixels, visibility and presence as logits (33 body
    points, then points that only steer the next crop); heat (batch, 39, 64, 64): logits of where
    each of them is; flag (batch,): logit of "a person is here"; mask (batch, 256, 256): logits of
    "belongs to that person".
    """

    def __init__(self):
        super().__init__()
        self.grid128 = stem()  # -> (batch, 16, 128, 128)
        self.grid64 = nn.Sequential(
            InvertedResidual(16, 64, 24, 3, stride=2), InvertedResidual(24, 144, 24, 3)
        )
        self.grid32 = nn.Sequential(
            InvertedResidual(24, 144, 32, 5, stride=2), InvertedResidual(32, 192, 32, 5)
        )
        self.grid16 = nn.Sequential(
            InvertedResidual(32, 192, 64, 3, stride=2),
            InvertedResidual(64, 384, 64, 3),
            InvertedResidual(64, 384, 64, 3),
            InvertedResidual(64, 384, 88, 5),
            InvertedResidual(88, 528, 88, 5),
            InvertedResidual(88, 528, 88, 5),
        )
        self.grid8 = nn.Sequential(  # -> (batch, 864, 8, 8)
            InvertedResidual(88, 528, 144, 5, stride=2),
            *(InvertedResidual(144, 864, 144, 5) for _ in range(3)),
            Convolution(144, 864),
            depthwise(864),
        )
        self.side128 = Separable(16, 8)
        self.side64 = Separable(24, 48)
        self.side32 = Separable(32, 48)
        self.side16 = Separable(88, 48)
        self.side8 = Separable(864, 48)
        self.narrow = Separable(48, 8)
        self.join128 = nn.Sequential(Residual(8), Residual(8))
        self.join256 = nn.Sequential(Residual(8), Residual(8))
        self.mask = Convolution(8, 1, 3, activation=None)
        self.heat = Convolution(48, 39, activation=None)
        self.body = nn.Sequential(  # -> (batch, 288, 2, 2)
            Separable(864, 288),
            Residual(288, stride=2),
            *(Residual(288) for _ in range(4)),
            Residual(288, stride=2),
            *(Residual(288) for _ in range(5)),
        )
        self.landmarks = nn.Conv2d(288, 39 * 5, 2)
        self.flag = nn.Conv2d(288, 1, 2)

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        grid128 = self.grid128(crop)
        grid64 = self.grid64(grid128)
        grid32 = self.grid32(grid64)
        grid16 = self.grid16(grid32)
        grid8 = self.grid8(grid16)
        x = self.side16(grid16).add_(enlarge(self.side8(grid8)))
        x = self.side32(grid32).add_(enlarge(x))
        x = self.side64(grid64).add_(enlarge(x))
        heat = self.heat(x)
        x = self.join128(self.side128(grid128).add_(enlarge(self.narrow(x))))
        mask = self.mask(self.join256(enlarge(x)))
        body = self.body(grid8)
        landmarks = self.landmarks(body).view(-1, 39, 5)
        return landmarks, heat, self.flag(body).view(-1), mask[:, 0]
