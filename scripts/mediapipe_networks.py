"""MediaPipe's three networks, written out as ONNX graphs.

Layouts are read from the published TensorFlow Lite files: pose_detection, pose_landmark_full and
selfie_segmentation of MediaPipe 0.10. Batch normalisation is already part of the convolutions.
Where a file enlarges and then convolves with 1x1, the two change places here: that gives the same
and is four times cheaper. Where it ends in one channel of twice the grid, the four pixels of a cell
stand here in four channels, by rows: OpenCV takes much longer to spread them than numpy.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx_graph import Graph

Weights = Mapping[str, np.ndarray]


def inverted(
    graph: Graph, x: str, name: str, inputs: int, hidden: int, outputs: int, kernel: int,
    stride: int = 1,
) -> str:  # fmt: skip
    """Widen, filter each channel, narrow; adds its input where the shapes agree."""
    y = graph.convolution(x, f"{name}.expand", inputs, hidden)
    y = graph.depthwise(y, f"{name}.filter", hidden, kernel, stride)
    y = graph.convolution(y, f"{name}.project", hidden, outputs, activation=None)
    return graph.add("Add", y, x) if inputs == outputs and stride == 1 else y


def separable(
    graph: Graph, x: str, name: str, inputs: int, outputs: int, stride: int = 1,
    first: str | None = "relu6", second: str | None = "relu6", padding: str = "even",
) -> str:  # fmt: skip
    """Filter each channel, then mix the channels."""
    x = graph.depthwise(x, f"{name}.filter", inputs, 3, stride, activation=first, padding=padding)
    return graph.convolution(x, f"{name}.mix", inputs, outputs, activation=second)


def residual(
    graph: Graph, x: str, name: str, channels: int, stride: int = 1, first: str | None = "relu6"
) -> str:
    """A separable convolution added to its input; `stride` 2 halves both by max pooling."""
    padding = "late" if stride == 2 else "even"
    y = separable(graph, x, name, channels, channels, stride, first, None, padding)
    if stride == 2:
        x = graph.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    return graph.relu6(graph.add("Add", y, x))


def stem(graph: Graph, x: str, name: str) -> str:
    """(1, 3, h, w) -> (1, 16, h / 2, w / 2)."""
    x = graph.convolution(x, f"{name}.0", 3, 24, 3, stride=2)
    x = graph.depthwise(x, f"{name}.1", 24)
    return graph.convolution(x, f"{name}.2", 24, 16, activation=None)


def chain(graph: Graph, x: str, name: str, *layers: tuple[int, ...], start: int = 0) -> str:
    """Inverted residuals one after the other: inputs, hidden, outputs, kernel and stride of
    each."""
    for number, layer in enumerate(layers, start):
        x = inverted(graph, x, f"{name}.{number}", *layer)
    return x


def person_detector(weights: Weights | None = None) -> tuple[Graph, onnx.ModelProto]:
    """pose_detection: picture (1, 3, 224, 224) RGB in -1..1 -> boxes (1, 2254, 12), scores.

    A box is centre, size and four points in pixels relative to its anchor (see `decoding`);
    scores (1, 2254, 1) are logits. Rows run from the fine 28x28 grid to the coarse 7x7 one.
    """
    graph = Graph(weights)
    fine = chain(
        graph, stem(graph, "picture", "stem"), "fine",
        (16, 64, 24, 3, 2), (24, 144, 24, 3), (24, 144, 40, 5, 2), (40, 240, 40, 5),
    )  # fmt: skip
    middle = chain(
        graph, fine, "middle", (40, 240, 80, 3, 2), (80, 480, 80, 3), (80, 480, 80, 3),
        (80, 480, 112, 5), (112, 672, 112, 5), (112, 672, 112, 5),
    )  # fmt: skip
    coarse = chain(graph, middle, "coarse", (112, 672, 192, 5, 2), *[(192, 1152, 192, 5)] * 3)
    coarse = graph.convolution(coarse, "coarse.4", 192, 1152)
    coarse = graph.depthwise(coarse, "coarse.5", 1152)

    def joined(side: str, low: str, size: str, inputs: int, from_low: int, channels: int) -> str:
        x = separable(graph, side, f"side_{size}", inputs, channels, first=None)
        low = graph.convolution(low, f"narrow_{size}", from_low, channels, activation=None)
        x = graph.add("Add", x, graph.relu6(graph.enlarge(low)))
        for number in (0, 1):
            x = residual(graph, x, f"join_{size}.{number}", channels, first=None)
        return x

    middle = joined(middle, coarse, "middle", 112, 1152, 192)
    fine = joined(fine, middle, "fine", 40, 192, 96)
    rows: dict[str, list[str]] = {"scores": [], "boxes": []}
    levels = ((fine, 24, 28, 2), (middle, 48, 14, 2), (coarse, 288, 7, 6))
    for number, (level, channels, cells, anchors) in enumerate(levels):
        x = graph.spread(level, channels, cells)
        for head, values in (("scores", 1), ("boxes", 12)):
            y = separable(graph, x, f"{head}.{number}", channels, anchors * values, 2, None, None)
            y = graph.add("Transpose", y, perm=[0, 2, 3, 1])
            rows[head].append(graph.shaped(y, [1, -1, values]))
    for head, parts in rows.items():
        graph.add("Concat", *parts, axis=1, name=head)
    return graph, graph.model(
        "person_detector",
        ("picture", (1, 3, 224, 224)),
        {"boxes": (1, 2254, 12), "scores": (1, 2254, 1)},
    )


def of_four_pixels(kernels: np.ndarray) -> np.ndarray:
    """A 3x3 convolution to one channel, (1, c, 3, 3), as one to a cell's four pixels, (4, c, 4, 4),
    with a stride of 2."""
    shifts = [(down, right) for down in (0, 1) for right in (0, 1)]
    sides = [((0, 0), (down, 1 - down), (right, 1 - right)) for down, right in shifts]
    return np.stack([np.pad(kernels[0], side) for side in sides])


def pose_landmarks(weights: Weights | None = None) -> tuple[Graph, onnx.ModelProto]:
    """pose_landmark_full: crop (1, 3, 256, 256) RGB in 0..1 -> landmarks, heat, flag, mask.

    landmarks (1, 39, 5): x, y, z in crop pixels, visibility and presence as logits (33 body
    points, then points that only steer the next crop); heat (1, 39, 64, 64): logits of where
    each of them is; flag (1, 1, 1, 1): logit of "a person is here"; mask (1, 4, 128, 128): logits
    of "belongs to that person".
    """
    graph = Graph(weights)
    grid128 = stem(graph, "crop", "grid128")
    grid64 = chain(graph, grid128, "grid64", (16, 64, 24, 3, 2), (24, 144, 24, 3))
    grid32 = chain(graph, grid64, "grid32", (24, 144, 32, 5, 2), (32, 192, 32, 5))
    grid16 = chain(
        graph, grid32, "grid16", (32, 192, 64, 3, 2), (64, 384, 64, 3), (64, 384, 64, 3),
        (64, 384, 88, 5), (88, 528, 88, 5), (88, 528, 88, 5),
    )  # fmt: skip
    grid8 = chain(graph, grid16, "grid8", (88, 528, 144, 5, 2), *[(144, 864, 144, 5)] * 3)
    grid8 = graph.convolution(grid8, "grid8.4", 144, 864)
    grid8 = graph.depthwise(grid8, "grid8.5", 864)
    x = separable(graph, grid8, "side8", 864, 48)
    for side, name, inputs in ((grid16, 16, 88), (grid32, 32, 32), (grid64, 64, 24)):
        y = separable(graph, side, f"side{name}", inputs, 48)
        x = graph.add("Add", y, graph.enlarge(x))
    graph.convolution(x, "heat", 48, 39, activation=None, as_output="heat")
    x = graph.enlarge(separable(graph, x, "narrow", 48, 8))
    x = graph.add("Add", separable(graph, grid128, "side128", 16, 8), x)
    for number in (0, 1):
        x = residual(graph, x, f"join128.{number}", 8)
    x = graph.enlarge(x)
    for number in (0, 1):
        x = residual(graph, x, f"join256.{number}", 8)
    kernels = graph.weight("mask.weight", (1, 8, 3, 3), of_four_pixels)
    bias = graph.weight("mask.bias", (1,), lambda bias: bias.repeat(4))
    graph.convolved(x, kernels, bias, 4, stride=2, border=(1, 1), name="mask")
    x = separable(graph, grid8, "body.0", 864, 288)
    for number in range(1, 12):  # -> (1, 288, 2, 2)
        x = residual(graph, x, f"body.{number}", 288, 2 if number in (1, 6) else 1)
    whole = {"kernel": 2, "activation": None, "padding": "none"}
    y = graph.convolution(x, "landmarks", 288, 39 * 5, **whole)
    graph.shaped(y, [1, 39, 5], name="landmarks")
    graph.convolution(x, "flag", 288, 1, **whole, as_output="flag")
    return graph, graph.model(
        "pose_landmarks",
        ("crop", (1, 3, 256, 256)),
        {
            "landmarks": (1, 39, 5),
            "heat": (1, 39, 64, 64),
            "flag": (1, 1, 1, 1),
            "mask": (1, 4, 128, 128),
        },
    )


def gate(graph: Graph, x: str, name: str, channels: int, hidden: int) -> str:
    """Squeeze and excitation: weighs each channel by what the whole picture holds."""
    x = graph.add("GlobalAveragePool", x)
    x = graph.convolution(x, f"{name}.squeeze", channels, hidden, activation="relu")
    x = graph.convolution(x, f"{name}.excite", hidden, channels, activation=None)
    return graph.add("Sigmoid", x)


def gated(
    graph: Graph, x: str, name: str, inputs: int, hidden: int, outputs: int, kernel: int,
    stride: int, hidden_gate: int, activation: str,
) -> str:  # fmt: skip
    """MobileNetV3's inverted residual: `hidden_gate` 0 leaves the gate out."""
    y = graph.convolution(x, f"{name}.expand", inputs, hidden, activation=activation)
    y = graph.depthwise(
        y, f"{name}.filter", hidden, kernel, stride, activation=activation,
        padding="late" if stride == 2 else "even",
    )  # fmt: skip
    if hidden_gate:
        y = graph.add("Mul", y, gate(graph, y, f"{name}.gate", hidden, hidden_gate))
    y = graph.convolution(y, f"{name}.project", hidden, outputs, activation=None)
    return graph.add("Add", y, x) if stride == 1 else y


def rise(graph: Graph, x: str, side: str, name: str, inputs: int, channels: int) -> str:
    """One decoder step: enlarge, join the encoder's features of that size, smooth."""
    x = graph.convolution(x, f"{name}.narrow", inputs, channels, activation=None)
    x = graph.enlarge(x)
    share = gate(graph, graph.add("Add", side, x), f"{name}.gate", channels, channels)
    x = graph.add("Add", x, graph.add("Mul", side, share))
    x = graph.convolution(x, f"{name}.mix", channels, channels, activation="relu")
    return graph.add("Add", graph.depthwise(x, f"{name}.filter", channels, activation="relu"), x)


def selfie_segmentation(weights: Weights | None = None) -> tuple[Graph, onnx.ModelProto]:
    """selfie_segmentation: picture (1, 3, 256, 256) RGB in 0..1 -> person (1, 4, 128, 128), the
    probability of "person", everybody in the picture together."""
    graph = Graph(weights)
    grid128 = graph.convolution(
        "picture", "grid128", 3, 16, 3, 2, activation="hardswish", padding="late"
    )
    grid64 = gated(graph, grid128, "grid64", 16, 16, 16, 3, 2, 8, "relu")
    grid32 = gated(graph, grid64, "grid32.0", 16, 72, 24, 3, 2, 0, "relu")
    grid32 = gated(graph, grid32, "grid32.1", 24, 88, 24, 3, 1, 0, "relu")
    x = gated(graph, grid32, "grid16.0", 24, 96, 32, 5, 2, 24, "hardswish")
    for number, (hidden, hidden_gate) in enumerate(((128, 32), (128, 32), (96, 24), (96, 24)), 1):
        x = gated(graph, x, f"grid16.{number}", 32, hidden, 32, 5, 1, hidden_gate, "hardswish")
    y = graph.convolution(x, "widen", 32, 128, activation="relu")
    weighed = graph.add("GlobalAveragePool", x)
    weighed = graph.convolution(weighed, "weigh", 32, 128, activation=None)
    x = graph.add("Mul", y, graph.add("Sigmoid", weighed))
    x = rise(graph, x, grid32, "rise32", 128, 24)
    x = rise(graph, x, grid64, "rise64", 24, 16)
    x = rise(graph, x, grid128, "rise128", 16, 16)
    # Published as a transposed convolution.
    kernels = graph.weight(
        "mask.weight", (16, 1, 2, 2), lambda k: k.reshape(16, 4, 1, 1).swapaxes(0, 1)
    )
    bias = graph.weight("mask.bias", (1,), lambda bias: bias.repeat(4))
    graph.add("Sigmoid", graph.convolved(x, kernels, bias), name="person")
    return graph, graph.model(
        "selfie_segmentation", ("picture", (1, 3, 256, 256)), {"person": (1, 4, 128, 128)}
    )
