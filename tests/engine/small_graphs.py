"""The smallest try-on, and workflows at sizes that suit tiny models, with leave to ask the stand-in
of a service."""

SMALL = {"width": 96, "height": 128, "steps": 2}
"""What a run on random weights is done with: whatever the size, it draws no garment."""

STEP_OF_SMALL = 32
"""Models whose sizes are multiples of something that does not divide this get a taller picture."""

DRAWING = ("FittingRoomEncodeGarment", "FittingRoomTryOn", "FittingRoomPoseTransfer")


LOW = 192
"""Width of a model of old, which has one size."""


def size_for(graph: dict) -> dict:
    """SMALL, a taller picture where a model of the workflow wants other multiples, or the one size
    that a model has."""
    from fitting_room.pipelines.catalog.models import VARIANTS

    names = [node["inputs"].get("variant") for node in graph.values()]
    chosen = [VARIANTS[name] for name in names if name in VARIANTS]
    for variant in chosen:
        if variant.width == LOW:
            return SMALL | {"width": variant.width, "height": variant.height}
    steps = [variant.size_step for variant in chosen]
    return SMALL | ({"height": 144} if any(STEP_OF_SMALL % step for step in steps) else {})


def small(graph: dict) -> dict:
    """A copy of a workflow in API format whose models work at a small size, in few steps."""
    size = size_for(graph)
    return {
        name: node | {"inputs": node["inputs"] | _smaller(node, size)}
        for name, node in graph.items()
    }


def _smaller(node: dict, size: dict) -> dict:
    if "allow_upload" in node["inputs"]:
        return {"allow_upload": True}
    drawing = node["class_type"] in DRAWING
    return {name: value for name, value in size.items() if drawing and name in node["inputs"]}


def preview_of(person: list, **inputs) -> dict:
    """The nodes of a preview, ending in "try": the sample T-shirt on the people of a link.

    inputs: further ones of Preview Try-On.
    """
    return {
        "garment": {"class_type": "LoadImage", "inputs": {"image": "fitting_room_tshirt.png"}},
        "body": {"class_type": "FittingRoomBodyPose", "inputs": {"image": person, "person": 0}},
        "cut": {
            "class_type": "FittingRoomGarmentCutout",
            "inputs": {"image": ["garment", 0], "category": "auto"},
        },
        "try": {
            "class_type": "FittingRoomPreviewTryOn",
            "inputs": {
                "image": person, "body": ["body", 0], "garment": ["cut", 0], "lighting": 1.0,
                **inputs,
            },
        },
    }  # fmt: skip
