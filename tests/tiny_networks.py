"""Tiny random networks of transformers, in folders as transformers writes them."""

from pathlib import Path

SEGFORMER_LABELS = (
    "Background", "Hat", "Hair", "Sunglasses", "Upper-clothes", "Skirt", "Pants", "Dress", "Belt",
    "Left-shoe", "Right-shoe", "Face", "Left-leg", "Right-leg", "Left-arm", "Right-arm", "Bag",
    "Scarf",
)  # fmt: skip
"""As published by mattmdjaga/segformer_b2_clothes."""


def save_segformer(folder: Path) -> None:
    """A clothes parser with the published labels."""
    import torch
    from transformers import (
        SegformerConfig,
        SegformerForSemanticSegmentation,
        SegformerImageProcessor,
    )

    torch.manual_seed(0)
    config = SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16, id2label=dict(enumerate(SEGFORMER_LABELS)),
    )  # fmt: skip
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)


def save_vitpose(joints: Path, people: Path, sure: bool = False) -> None:
    """ViTPose and RT-DETR; sure: of people as large as the picture, and of all their joints."""
    import torch
    from transformers import (
        RTDetrConfig,
        RTDetrForObjectDetection,
        RTDetrImageProcessor,
        RTDetrResNetConfig,
        VitPoseBackboneConfig,
        VitPoseConfig,
        VitPoseForPoseEstimation,
        VitPoseImageProcessor,
    )

    torch.manual_seed(0)
    backbone = RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1],
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    detector = RTDetrForObjectDetection(
        RTDetrConfig(
            backbone_config=backbone, encoder_hidden_dim=16, encoder_in_channels=[16, 24, 32],
            encoder_ffn_dim=16, encoder_attention_heads=2, d_model=16, num_queries=8,
            decoder_in_channels=[16, 16, 16], decoder_ffn_dim=16, decoder_layers=1,
            decoder_attention_heads=2, num_denoising=0, id2label={0: "bicycle", 1: "person"},
        )
    )  # fmt: skip
    network = VitPoseForPoseEstimation(
        VitPoseConfig(
            backbone_config=VitPoseBackboneConfig(
                image_size=[64, 48], patch_size=[16, 16], hidden_size=16, num_hidden_layers=1,
                num_attention_heads=2, out_indices=[1],
            ),
            num_labels=17,
        )
    )  # fmt: skip
    if sure:
        for head in detector.model.decoder.class_embed:
            head.bias.data[1] = 2.0
        for head in detector.model.decoder.bbox_embed:
            head.layers[-1].bias.data[2:] = 6.0
        torch.nn.init.constant_(network.head.conv.bias, 1.0)
    detector.save_pretrained(people)
    RTDetrImageProcessor(size={"height": 64, "width": 64}).save_pretrained(people)
    network.save_pretrained(joints)
    VitPoseImageProcessor(size={"height": 64, "width": 48}).save_pretrained(joints)


def save_dwpose(folder: Path, sure: bool = True) -> None:
    """Both ONNX files of DWPose by their published names. The detector sees one person who fills
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
