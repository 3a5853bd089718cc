"""Boxes: anchors, proposals, detections. A box is left, top, right, bottom in input pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

ANCHOR_SIDES = (32, 64, 128, 256, 512)
"""Per pyramid level from 2 on: square root of an anchor's area."""

ANCHOR_SHAPES = (0.5, 1.0, 2.0)
"""Height to width."""

MOST_PROPOSALS = 1000
"""Per level before, and in all after dropping overlapping ones."""

PROPOSAL_OVERLAP = 0.7
DETECTION_OVERLAP = 0.5
MOST_DETECTIONS = 100

LARGEST_GROWTH = math.log(1000 / 16)
"""Of a side, as a logarithm: keeps exp() finite."""

PROPOSAL_WEIGHTS = (1.0, 1.0, 1.0, 1.0)
DETECTION_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
"""Changes of x, y, width and height are stored multiplied by these."""


def propose(
    scores: Sequence[Tensor], changes: Sequence[Tensor], height: int, width: int
) -> tuple[Tensor, Tensor]:
    """Boxes that may hold a person, best first: (n, 4) and their scores (n,).

    scores: per level (3, rows, columns); changes: per level (12, rows, columns), of the anchors.
    height, width: of the picture without its padding.
    """
    from torchvision.ops import batched_nms

    boxes, best, levels = [], [], []
    for level, (score, change) in enumerate(zip(scores, changes, strict=True)):
        _, rows, columns = score.shape
        flat = score.permute(1, 2, 0).flatten()
        top, index = flat.topk(min(MOST_PROPOSALS, len(flat)))
        change = change.view(-1, 4, rows, columns).permute(2, 3, 0, 1).reshape(-1, 4)[index]
        # Only the best anchors are decoded; the reference decodes all 270,000.
        anchors = _anchors(level, rows, columns, score.device)[index]
        boxes.append(changed(anchors, change, PROPOSAL_WEIGHTS))
        best.append(top)
        levels.append(torch.full_like(index, level))
    everything, score, level = torch.cat(boxes), torch.cat(best), torch.cat(levels)
    usable = everything.isfinite().all(dim=1) & score.isfinite()
    everything = clipped(everything, height, width)
    usable &= (everything[:, 2:] > everything[:, :2]).all(dim=1)
    everything, score, level = everything[usable], score[usable], level[usable]
    keep = batched_nms(everything, score, level, PROPOSAL_OVERLAP)[:MOST_PROPOSALS]
    return everything[keep], score[keep]


def detect(
    boxes: Tensor, scores: Tensor, changes: Tensor, threshold: float, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """People among proposals, best first: boxes (n, 4) and scores (n,).

    boxes: (n, 4); scores: (n, 2) logits of person and background; changes: (n, 4).
    """
    from torchvision.ops import nms

    people = changed(boxes, changes, DETECTION_WEIGHTS)
    shares = scores.float().softmax(dim=-1)[:, 0]
    usable = people.isfinite().all(dim=1) & (shares > threshold)
    people, shares = clipped(people[usable], height, width), shares[usable]
    keep = nms(people, shares, DETECTION_OVERLAP)[:MOST_DETECTIONS]
    return people[keep], shares[keep]


def changed(boxes: Tensor, changes: Tensor, weights: Sequence[float]) -> Tensor:
    """Boxes moved and resized as the network says, both (n, 4), float32."""
    boxes, changes = boxes.float(), changes.float()
    size = boxes[:, 2:] - boxes[:, :2]
    middle = boxes[:, :2] + 0.5 * size
    weight = torch.tensor(weights, device=boxes.device)
    middle = changes[:, :2] / weight[:2] * size + middle
    size = (changes[:, 2:] / weight[2:]).clamp(max=LARGEST_GROWTH).exp() * size
    return torch.cat([middle - 0.5 * size, middle + 0.5 * size], dim=1)


def clipped(boxes: Tensor, height: int, width: int) -> Tensor:
    limit = torch.tensor([width, height, width, height], dtype=boxes.dtype, device=boxes.device)
    return boxes.clamp(min=0).minimum(limit)


def _anchors(level: int, rows: int, columns: int, device: torch.device) -> Tensor:
    """(rows * columns * 3, 4): three anchors around each cell's corner."""
    stride, area = 4 * 2**level, ANCHOR_SIDES[level] ** 2
    sides = [(math.sqrt(area / shape), shape * math.sqrt(area / shape)) for shape in ANCHOR_SHAPES]
    around = torch.tensor([(-w / 2, -h / 2, w / 2, h / 2) for w, h in sides], device=device)
    y = torch.arange(rows, device=device, dtype=torch.float32) * stride
    x = torch.arange(columns, device=device, dtype=torch.float32) * stride
    y, x = torch.meshgrid(y, x, indexing="ij")
    corners = torch.stack([x, y, x, y], dim=-1).reshape(-1, 1, 4)
    return (corners + around).reshape(-1, 4)
