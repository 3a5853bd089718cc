"""Workflows at sizes that suit tiny models, and with leave to ask the stand-in of a service."""

SMALL = {"width": 96, "height": 128, "steps": 2}
"""What a run on random weights is done with: whatever the size, it draws no garment."""

STEP_OF_SMALL = 32
"""Models whose sizes are multiples of something that does not divide this get a taller picture."""

DRAWING = ("FittingRoomEncodeGarment", "FittingRoomTryOn", "FittingRoomPoseTransfer")


def small(graph: dict) -> dict:
    """A copy of a workflow in API format whose models work at a small size, in few steps."""
    from fitting_room.pipelines.catalog.models import VARIANTS

    chosen = [node["inputs"].get("variant") for node in graph.values()]
    steps = [VARIANTS[name].size_step for name in chosen if name in VARIANTS]
    odd = any(STEP_OF_SMALL % step for step in steps)
    size = SMALL | ({"height": 144} if odd else {})
    return {
        name: node | {"inputs": node["inputs"] | _smaller(node, size)}
        for name, node in graph.items()
    }


def _smaller(node: dict, size: dict) -> dict:
    if "allow_upload" in node["inputs"]:
        return {"allow_upload": True}
    drawing = node["class_type"] in DRAWING
    return {name: value for name, value in size.items() if drawing and name in node["inputs"]}
