"""Parsers: SCHP as .pth and as ONNX, and the networks of transformers that stand in for it."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from .networks import FASHN_LABELS, SEGFORMER_LABELS, save_sapiens2, save_segformer
from .weights import narrower, published_shapes, random_state

STAGE = re.compile(r"(layer\d)\.(\d+)\.")
SIDES = {"atr": 512, "lip": 473}
LABELS = {"atr": 18, "lip": 20}


def write(variant, roots: tuple[Path, ...]) -> None:
    (root,) = roots
    root.mkdir(parents=True, exist_ok=True)
    kind = variant.name.split("/")[1]
    if kind == "pth":
        for file in variant.sources[0].files:
            shapes = narrow_schp(published_shapes("schp", file.path), 16, blocks=2)
            state = random_state(shapes, file.path)
            torch.save({"epoch": 1, "state_dict": state}, root / file.path)
    elif kind == "onnx":
        for name, side in SIDES.items():
            (root / f"parsing_{name}.onnx").write_bytes(onnx_parser(LABELS[name], side))
    elif kind == "sapiens2":
        save_sapiens2(root)
    else:
        save_segformer(root, {"segformer": SEGFORMER_LABELS, "fashn": FASHN_LABELS}[kind])


def narrow_schp(shapes, divisor: int, blocks: int) -> dict[str, list[int]]:
    """The published table with narrower layers and at most `blocks` blocks a stage."""
    fewer = {
        name: shape
        for name, shape in shapes.items()
        if not (match := STAGE.search(name)) or int(match[2]) < blocks
    }
    return narrower(fewer, divisor)


def onnx_parser(labels: int, side: int) -> bytes:
    """Inputs and outputs of the published exports around one convolution: the scores are random
    mixtures of the colours, a quarter of the picture's size."""
    from onnx import TensorProto, helper, numpy_helper

    state = random_state(
        {"to_labels": [labels, 3, 4, 4], "to_edge": [2, 3, 4, 4]}, f"onnx {labels}"
    )
    places = -(-side // 4)
    padding = 4 * places - side
    nodes = [
        helper.make_node("Conv", ["input.1", weight], [name], strides=[4, 4],
                         pads=[0, 0, padding, padding])
        for weight, name in (("to_labels", "parsing"), ("to_labels", "fusion"), ("to_edge", "edge"))
    ]  # fmt: skip
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "parser",
        [helper.make_tensor_value_info("input.1", floats, [1, 3, side, side])],
        [
            helper.make_tensor_value_info(name, floats, [1, count, places, places])
            for name, count in (("parsing", labels), ("fusion", labels), ("edge", 2))
        ],
        [numpy_helper.from_array(tensor.numpy(), name) for name, tensor in state.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    return model.SerializeToString()
