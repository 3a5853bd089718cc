"""Workflows at sizes that suit tiny models."""

SMALL = {"width": 96, "height": 144, "steps": 2}
"""What a run on random weights is done with: whatever the size, it draws no garment."""

DRAWING = ("FittingRoomEncodeGarment", "FittingRoomTryOn", "FittingRoomPoseTransfer")


def small(graph: dict) -> dict:
    """A copy of a workflow in API format whose models work at a small size, in few steps."""
    return {
        name: node | {"inputs": node["inputs"] | _smaller(node)} for name, node in graph.items()
    }


def _smaller(node: dict) -> dict:
    drawing = node["class_type"] in DRAWING
    return {name: value for name, value in SMALL.items() if drawing and name in node["inputs"]}
