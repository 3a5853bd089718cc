"""DWPose: both ONNX files."""

from __future__ import annotations

from pathlib import Path


def write(variant, roots: tuple[Path, ...]) -> None:
    (root,) = roots
    save_dwpose(root)


def save_dwpose(folder: Path, sure: bool = True) -> None:
    """Both ONNX files by their published names. The detector sees one person who fills
    the picture (not sure: nobody); the pose network puts the points on a grid."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def save(name: str, shape: list, nodes: list, constants: dict, outputs: dict) -> None:
        tables = [numpy_helper.from_array(np.float32(each), key) for key, each in constants.items()]
        graph = helper.make_graph(
            nodes, name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
            initializer=tables,
        )  # fmt: skip
        opset = [helper.make_opsetid("", 13)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / name)

    def light(after: str) -> list:
        """Nodes that add a little of the picture's mean: the input counts."""
        return [
            helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "little"], [after]),
        ]

    folder.mkdir(parents=True, exist_ok=True)
    cells = np.zeros((1, 84, 85))
    cells[0, 80, :6] = (0.6, 0.9, 0.4, 0.6, float(sure), 0.9)  # stride 32, first cell
    save(
        "yolox_l.onnx", [1, 3, 64, 64],
        [*light("shade"), helper.make_node("Add", ["cells", "shade"], ["output"])],
        {"cells": cells, "little": 1e-6}, {"output": [1, 84, 85]},
    )  # fmt: skip
    numbers = np.arange(133)
    constants, nodes = {"little": 1e-6, "one": 1.0}, light("shade")
    for axis, bins, places in (
        ("x", 96, 20 + 56 * (numbers % 12) / 12), ("y", 128, 20 + 88 * (numbers // 12) / 12),
    ):  # fmt: skip
        constants |= {f"{axis}_bins": np.arange(bins)[None, None] / bins,
                      f"{axis}_places": np.round(places)[None, :, None] / bins}  # fmt: skip
        nodes += [
            helper.make_node("Sub", [f"{axis}_bins", f"{axis}_places"], [f"{axis}_away"]),
            helper.make_node("Abs", [f"{axis}_away"], [f"{axis}_far"]),
            helper.make_node("Sub", ["one", f"{axis}_far"], [f"{axis}_near"]),
            helper.make_node("Add", [f"{axis}_near", "shade"], [f"simcc_{axis}"]),
        ]
    save("dw-ll_ucoco_384.onnx", [1, 3, 64, 48], nodes, constants,
         {"simcc_x": [1, 133, 96], "simcc_y": [1, 133, 128]})  # fmt: skip
