"""Workflows at sizes that suit tiny models."""

SMALL = {"width": 96, "height": 128, "steps": 2}
"""What a run on random weights is done with: whatever the size, it draws no garment."""

LARGE = 256

DRAWING = ("FittingRoomEncodeGarment", "FittingRoomTryOn", "FittingRoomPoseTransfer")


def small(graph: dict) -> dict:
    """A copy of a workflow in API format whose models work at a small size, in few steps."""
    return {
        name: node | {"inputs": node["inputs"] | _smaller(node)} for name, node in graph.items()
    }


def _smaller(node: dict) -> dict:
    """SieveNet's one size is small already."""
    inputs = node["inputs"]
    if node["class_type"] not in DRAWING:
        return {}
    small = inputs.get("width", LARGE) < LARGE
    return {
        name: value
        for name, value in SMALL.items()
        if name in inputs and not (small and name in ("width", "height"))
    }
