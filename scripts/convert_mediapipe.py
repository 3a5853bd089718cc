"""Turns MediaPipe's TensorFlow Lite files into this package's ONNX files. Needs only be run again
when MediaPipe publishes other weights, or when `mediapipe_networks.py` changes.

    pip download mediapipe==0.10.21 --no-deps --python-version 3.11 --only-binary :all:
    pip install ai-edge-litert onnx
    python scripts/convert_mediapipe.py mediapipe-0.10.21-….whl
    python scripts/convert_mediapipe.py                       the files of this package once more

Takes that wheel, or a folder with its .tflite files; without either, the weights of the ONNX files
that are there. Weights keep the 16 bits that they were published in.
"""

from __future__ import annotations

import argparse
import hashlib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import mediapipe_networks as networks
import numpy as np
import onnx
from onnx import numpy_helper
from onnx_graph import Graph

if TYPE_CHECKING:
    from ai_edge_litert import schema_py_generated as schema

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "pipelines" / "masking" / "mediapipe"
LICENCE = "Apache-2.0, Copyright The MediaPipe Authors"

Build = Callable[..., tuple[Graph, onnx.ModelProto]]

# Per file: our network, and its convolutions in the file's order. A prefix takes every convolution
# below it that no earlier prefix took; DROPPED is a layer that we do not use.
DROPPED = "-"
FILES: dict[str, tuple[Build, str]] = {
    "pose_detection.tflite": (
        networks.person_detector,
        "stem fine middle.0.expand side_fine middle coarse.0.expand side_middle coarse "
        "narrow_middle join_middle narrow_fine join_fine "
        "scores.0 boxes.0 scores.1 boxes.1 scores.2 boxes.2",
    ),
    "pose_landmark_full.tflite": (
        networks.pose_landmarks,
        # Dropped: the landmarks in metres.
        "grid128 grid64.0.expand side128 grid64 grid32.0.expand side64 grid32 "
        "grid16.0.expand side32 grid16 grid8.0.expand side16 grid8 "
        f"side8 narrow join128 join256 mask heat body landmarks {DROPPED} flag",
    ),
    "selfie_segmentation.tflite": (
        networks.selfie_segmentation,
        "grid128 grid64 grid32 grid16 widen weigh rise32 rise64 rise128 mask",
    ),
}


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


class Published:
    """The first subgraph of a TensorFlow Lite file."""

    def __init__(self, content: bytes):
        from ai_edge_litert import schema_py_generated as schema

        self.schema = schema
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
        if tensor.type != self.schema.TensorType.FLOAT16:
            raise SystemExit(f"{tensor.name.decode()}: expected 16-bit floats")
        values = np.frombuffer(bytes(self.model.buffers[tensor.buffer].data), np.float16)
        shape = tuple(int(size) for size in tensor.shape)
        if tensor.sparsity is None:
            return values.reshape(shape)
        dense = self.schema.DimensionType.DENSE
        return densify(values, shape, tensor.sparsity, dense)

    def convolutions(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(weight, bias) of each convolution as ONNX has them, in the file's order."""
        for op, kind in zip(self.graph.operators, self.kinds, strict=True):
            if kind not in ("CONV_2D", "DEPTHWISE_CONV_2D", "CUSTOM"):
                continue
            weight, bias = (self.constant(int(i)) for i in op.inputs[1:3])
            # (out, h, w, in) -> (out, in, h, w); depthwise (1, h, w, c) -> (c, 1, h, w) and the
            # transposed convolution (out, h, w, in) -> (in, out, h, w)
            order = (0, 3, 1, 2) if kind == "CONV_2D" else (3, 0, 1, 2)
            yield np.ascontiguousarray(weight.transpose(order)), bias


def densify(
    values: np.ndarray, shape: tuple[int, ...], sparsity: schema.SparsityParametersT, dense: int
) -> np.ndarray:
    """Writes a compressed tensor out in full."""
    assert list(sparsity.traversalOrder) == list(range(len(shape))), "blocks are not supported"
    places = np.zeros((1, 0), dtype=np.int64)
    for dimension in sparsity.dimMetadata:
        if dimension.format == dense:
            counts = np.full(len(places), dimension.denseSize)
            column = np.tile(np.arange(dimension.denseSize), len(places))
        else:
            counts = np.diff(np.asarray(dimension.arraySegments.values))
            column = np.asarray(dimension.arrayIndices.values)
        places = np.column_stack([np.repeat(places, counts, axis=0), column])
    full = np.zeros(shape, dtype=values.dtype)
    full[tuple(places.T)] = values
    return full


def names_in_order(build: Build, prefixes: str) -> list[str]:
    """The network's convolutions in the order of the published file."""
    left = [name.removesuffix(".weight") for name in build()[0].asked if name.endswith(".weight")]
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


def convert(content: bytes, build: Build, prefixes: str) -> dict[str, np.ndarray]:
    """The network's weights by name."""
    names = names_in_order(build, prefixes)
    weights: dict[str, np.ndarray] = {}
    for name, (weight, bias) in zip(names, Published(content).convolutions(), strict=True):
        if name != DROPPED:
            weights |= {f"{name}.weight": weight, f"{name}.bias": bias}
    return weights


def written(build: Build, weights: dict[str, np.ndarray], source: str) -> bytes:
    """The ONNX file."""
    model = build(weights)[1]  # refuses a missing name or another shape
    told = {"source": source, "licence": LICENCE}
    onnx.helper.set_model_props(model, told)
    return model.SerializeToString(deterministic=True)


def read(file: Path) -> tuple[dict[str, np.ndarray], str]:
    """Weights and source of an ONNX file of this package."""
    model = onnx.load(file)
    constants = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    weights = {name: one for name, one in constants.items() if one.dtype == np.float16}
    return weights, next(one.value for one in model.metadata_props if one.key == "source")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "source", type=Path, nargs="?", help="MediaPipe's wheel, or a folder of .tflite files"
    )
    source = parser.parse_args().source
    found = find_files(source) if source else None
    for name, (build, prefixes) in FILES.items():
        path = FOLDER / f"{build.__name__}.onnx"
        if found is None:
            weights, origin = read(path)
        else:
            weights = convert(found[name], build, prefixes)
            origin = f"{name}, sha256 {hashlib.sha256(found[name]).hexdigest()}"
        path.write_bytes(written(build, weights, origin))
        print(f"{path.name}: {len(weights)} weights, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
