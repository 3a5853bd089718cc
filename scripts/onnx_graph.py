"""Writes convolutional networks down as ONNX files, of the operations that OpenCV's engine reads.

Weights stay in the 16 bits that they were published in: a Cast behind each makes 32 bits of it,
which OpenCV does once, when it opens the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR = 14, 8

Arrange = Callable[[np.ndarray], np.ndarray]


class Graph:
    """A network on its way. A tensor is known by its name; what calculates gives the name of its
    result.

    weights: arrays by name, of which each one that is asked for must be there, and be of the shape
    asked for. Without them zeros are taken, and `asked` tells what is wanted in which order.
    """

    def __init__(self, weights: Mapping[str, np.ndarray] | None = None):
        self.weights = weights
        self.asked: list[str] = []
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, name: str = "", **attributes) -> str:  # noqa: ANN003
        """An operation with one output, which is called `name`."""
        name = name or f"x{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: np.ndarray, name: str = "") -> str:
        name = name or f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, name: str, shape: Sequence[int], arranged: Arrange | None = None) -> str:
        """A published weight, in 32 bits.

        arranged: gives it another shape, in which the file then holds it. It is taken in either.
        """
        self.asked.append(name)
        value = np.zeros(shape, np.float16) if self.weights is None else self.weights[name]
        wanted = tuple(shape)
        if arranged:
            wanted = arranged(np.zeros(shape, np.float16)).shape
            value = arranged(value) if value.shape == tuple(shape) else value
        if value.shape != wanted or value.dtype != np.float16:
            raise ValueError(f"{name}: wanted 16 bits, {wanted}, got {value.dtype}, {value.shape}")
        return self.add("Cast", self.constant(value, name), to=TensorProto.FLOAT)

    def convolution(
        self,
        x: str,
        name: str,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        activation: str | None = "relu6",
        padding: str = "even",
        as_output: str = "",
    ) -> str:
        """A convolution that keeps the size (or divides it by `stride`), then an activation.

        padding: "late" puts the odd pixel of a strided convolution's border at the right and
        bottom, as TensorFlow's "same" does; "even" has the same border on all sides; "none" none.
        """
        kernels = self.weight(f"{name}.weight", (outputs, inputs // groups, kernel, kernel))
        bias = self.weight(f"{name}.bias", (outputs,))
        early = {"even": kernel // 2, "late": (kernel - stride) // 2, "none": 0}[padding]
        late = kernel - stride - early if padding == "late" else early
        x = self.convolved(x, kernels, bias, kernel, stride, groups, (early, late), as_output)
        if activation == "relu6":
            return self.relu6(x)
        return (
            self.add({"relu": "Relu", "hardswish": "HardSwish"}[activation], x) if activation else x
        )

    def convolved(
        self, x: str, kernels: str, bias: str, kernel: int = 1, stride: int = 1, groups: int = 1,
        border: tuple[int, int] = (0, 0), name: str = "",
    ) -> str:  # fmt: skip
        """border: pixels of zeros before and after, in both directions."""
        return self.add(
            "Conv", x, kernels, bias, kernel_shape=[kernel] * 2, strides=[stride] * 2,
            group=groups, pads=[border[0], border[0], border[1], border[1]], name=name,
        )  # fmt: skip

    def depthwise(
        self, x: str, name: str, channels: int, kernel: int = 3, stride: int = 1,
        activation: str | None = "relu6", padding: str = "even",
    ) -> str:  # fmt: skip
        """A convolution of each channel by itself."""
        return self.convolution(
            x, name, channels, channels, kernel, stride, channels, activation, padding
        )

    def relu6(self, x: str) -> str:
        least, most = (self.constant(np.float32(value)) for value in (0, 6))
        return self.add("Clip", x, least, most)

    def enlarge(self, x: str) -> str:
        """Bilinear enlargement by 2, pixel centres aligned as in TensorFlow's
        half_pixel_centers."""
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        return self.add(
            "Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel"
        )

    def spread(self, x: str, channels: int, cells: int) -> str:
        """(1, 4 channels, cells, cells) -> (1, channels, 2 cells, 2 cells): the upper left pixels
        of all channels come first, upper right, lower left and lower right ones follow. ONNX'
        DepthToSpace in steps that OpenCV is quick at."""
        x = self.shaped(x, (1, 2, 2, channels * cells**2))
        x = self.add("Transpose", x, perm=[0, 1, 3, 2])
        x = self.shaped(x, (1, 2, channels * cells, 2 * cells))
        x = self.add("Transpose", x, perm=[0, 2, 1, 3])
        return self.shaped(x, (1, channels, 2 * cells, 2 * cells))

    def shaped(self, x: str, shape: Sequence[int], name: str = "") -> str:
        return self.add("Reshape", x, self.constant(np.array(shape, np.int64)), name=name)

    def model(
        self, name: str, takes: tuple[str, Sequence[int]], gives: Mapping[str, Sequence[int]]
    ) -> onnx.ModelProto:
        """The whole, checked. takes, gives: names and shapes, of float32."""
        inputs, *outputs = (
            helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape)
            for tensor, shape in (takes, *gives.items())
        )
        graph = helper.make_graph(self._nodes, name, [inputs], outputs, self._constants)
        model = helper.make_model(
            graph, ir_version=IR, opset_imports=[helper.make_opsetid("", OPSET)]
        )
        onnx.checker.check_model(model, full_check=True)
        if self.weights is not None and (unused := set(self.weights) - set(self.asked)):
            raise ValueError(f"{name} has no place for {', '.join(sorted(unused))}")
        name_relu6(model.graph)
        return model


def name_relu6(graph: onnx.GraphProto) -> None:
    """Calls each Clip what OpenCV calls its layer from 0 to 6, which is not ONNX any more: OpenCV 5
    makes it a part of the convolution before it, as 4 does with Clip too, and saves a third.

    Those before an enlargement stay: without them, OpenCV 5 would enlarge in another layout of
    memory, and round otherwise.
    """
    enlarged = {node.input[0] for node in graph.node if node.op_type == "Resize"}
    for node in graph.node:
        if node.op_type == "Clip" and node.output[0] not in enlarged:
            node.op_type = "ReLU6"
            del node.input[1:]
    used = {name for node in graph.node for name in node.input}
    kept = [constant for constant in graph.initializer if constant.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
