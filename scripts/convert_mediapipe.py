"""Turns MediaPipe's TensorFlow Lite files into this package's safetensors files. Needs only be run
again when MediaPipe publishes other weights.

    pip download mediapipe==0.10.21 --no-deps --python-version 3.11 --only-binary :all:
    pip install ai-edge-litert
    python scripts/convert_mediapipe.py mediapipe-0.10.21-….whl

Takes that wheel, or a folder with its .tflite files. Weights keep the 16 bits that they were
published in.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from safetensors.torch import save
from torch import nn

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "pipelines" / "masking" / "mediapipe"
LICENCE = "Apache-2.0, Copyright The MediaPipe Authors"

# Per file: our part, the target, and the part's convolutions in the file's order. A prefix takes
# every convolution below it that no earlier prefix took; DROPPED is a layer that we do not use.
DROPPED = "-"
FILES = {
    "pose_detection.tflite": (
        "detector",
        "person_detector",
        "stem fine middle.0.expand side_fine middle coarse.0.expand side_middle coarse "
        "narrow_middle join_middle narrow_fine join_fine "
        "scores.0 boxes.0 scores.1 boxes.1 scores.2 boxes.2",
    ),
    "pose_landmark_full.tflite": (
        "landmarks",
        "pose_landmarks",
        # Dropped: the landmarks in metres.
        "grid128 grid64.0.expand side128 grid64 grid32.0.expand side64 grid32 "
        "grid16.0.expand side32 grid16 grid8.0.expand side16 grid8 "
        f"side8 narrow join128 join256 mask heat body landmarks {DROPPED} flag",
    ),
    "selfie_segmentation.tflite": (
        "segmentation",
        "selfie_segmentation",
        "grid128 grid64 grid32 grid16 widen weigh rise32 rise64 rise128 mask",
    ),
}


def load_networks() -> dict[str, nn.Module]:
    """The networks of this package by part, with random weights."""
    # tests/conftest.py imports the checkout under its name, whatever its folder is called.
    spec = importlib.util.spec_from_file_location("conftest", ROOT / "tests" / "conftest.py")
    assert spec and spec.loader
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    from fitting_room.pipelines.masking.mediapipe.model import BodyModel

    return dict(BodyModel().named_children())


def find_files(path: Path) -> dict[str, bytes]:
    """The wanted files by name, out of a wheel or a folder."""
    if path.is_dir():
        found = {file.name: file.read_bytes() for file in path.rglob("*.tflite")}
    else:
        with zipfile.ZipFile(path) as wheel:
            found = {Path(n).name: wheel.read(n) for n in wheel.namelist() if n.endswith(".tflite")}
    if missing := sorted(set(FILES) - set(found)):
        raise SystemExit(f"{path} holds no {', '.join(missing)}")
    return found


class Graph:
    """The first subgraph of a TensorFlow Lite file."""

    def __init__(self, content: bytes):
        self.model = schema.ModelT.InitFromPackedBuf(content, 0)
        self.graph = self.model.subgraphs[0]
        names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
        codes = self.model.operatorCodes
        self.kinds = [
            names[
                max(codes[op.opcodeIndex].builtinCode, codes[op.opcodeIndex].deprecatedBuiltinCode)
            ]
            for op in self.graph.operators
        ]
        self.sources = {  # a dequantized or densified tensor -> the stored one
            op.outputs[0]: op.inputs[0]
            for op, kind in zip(self.graph.operators, self.kinds, strict=True)
            if kind in ("DEQUANTIZE", "DENSIFY")
        }

    def constant(self, index: int) -> np.ndarray:
        """A stored weight: 16 bits, its shape as TensorFlow has it."""
        while index in self.sources:
            index = self.sources[index]
        tensor = self.graph.tensors[index]
        if tensor.type != schema.TensorType.FLOAT16:
            raise SystemExit(f"{tensor.name.decode()}: expected 16-bit floats")
        values = np.frombuffer(bytes(self.model.buffers[tensor.buffer].data), np.float16)
        shape = tuple(int(size) for size in tensor.shape)
        if tensor.sparsity is None:
            return values.reshape(shape)
        return densify(values, shape, tensor.sparsity)

    def convolutions(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(weight, bias) of each convolution as torch has them, in the file's order."""
        for op, kind in zip(self.graph.operators, self.kinds, strict=True):
            if kind not in ("CONV_2D", "DEPTHWISE_CONV_2D", "CUSTOM"):
                continue
            weight, bias = (self.constant(int(i)) for i in op.inputs[1:3])
            # (out, h, w, in) -> (out, in, h, w); depthwise (1, h, w, c) -> (c, 1, h, w) and the
            # transposed convolution (out, h, w, in) -> (in, out, h, w)
            order = (0, 3, 1, 2) if kind == "CONV_2D" else (3, 0, 1, 2)
            yield np.ascontiguousarray(weight.transpose(order)), bias


def densify(values: np.ndarray, shape: tuple[int, ...], sparsity: schema.SparsityParametersT):
    """Writes a compressed tensor out in full."""
    assert list(sparsity.traversalOrder) == list(range(len(shape))), "blocks are not supported"
    places = np.zeros((1, 0), dtype=np.int64)
    for dimension in sparsity.dimMetadata:
        if dimension.format == schema.DimensionType.DENSE:
            counts = np.full(len(places), dimension.denseSize)
            column = np.tile(np.arange(dimension.denseSize), len(places))
        else:
            counts = np.diff(np.asarray(dimension.arraySegments.values))
            column = np.asarray(dimension.arrayIndices.values)
        places = np.column_stack([np.repeat(places, counts, axis=0), column])
    full = np.zeros(shape, dtype=values.dtype)
    full[tuple(places.T)] = values
    return full


def names_in_order(network: nn.Module, prefixes: str) -> list[str]:
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    left = [name for name, module in network.named_modules() if isinstance(module, kinds)]
    ordered: list[str] = []
    for prefix in prefixes.split():
        if prefix == DROPPED:
            ordered.append(DROPPED)
            continue
        taken = [name for name in left if name == prefix or name.startswith(prefix + ".")]
        left = [name for name in left if name not in taken]
        ordered += taken
    assert not left, left
    return ordered


def convert(content: bytes, network: nn.Module, prefixes: str) -> dict[str, torch.Tensor]:
    names = names_in_order(network, prefixes)
    weights: dict[str, torch.Tensor] = {}
    for name, (weight, bias) in zip(names, Graph(content).convolutions(), strict=True):
        if name != DROPPED:
            weights[f"{name}.weight"] = torch.from_numpy(weight.copy())
            weights[f"{name}.bias"] = torch.from_numpy(bias.copy())
    network.load_state_dict(weights)  # refuses a missing name or another shape
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("source", type=Path, help="MediaPipe's wheel, or a folder of .tflite files")
    source = parser.parse_args().source
    networks = load_networks()
    found = find_files(source)
    for name, (part, target, prefixes) in FILES.items():
        weights = convert(found[name], networks[part], prefixes)
        origin = f"{name}, sha256 {hashlib.sha256(found[name]).hexdigest()}"
        path = FOLDER / f"{target}.safetensors"
        path.write_bytes(save(weights, metadata={"source": origin, "licence": LICENCE}))
        print(f"{path.name}: {len(weights)} tensors, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
