"""Tiny parsing, pose and DensePose networks, put where downloads would be.

Those of the golden cases, and some of transformers that are made here. Their weights are random
(parsing, DensePose) or draw no person (pose): what they say of a photo means nothing, but every
step of the real ones runs.
"""

import shutil
from pathlib import Path

import pytest
from tiny_models import PLACES

CASES = {
    "human_parsing/pth": (("schp/atr_tiny", "schp/lip_tiny"), "human_parsing"),
    "openpose/body": (("openpose/network_tiny",), "openpose"),
    "densepose/r50_fpn_s1x": (("densepose/r50_fpn_tiny",), "densepose"),
}
"""Variant -> its golden cases, and the folder below models/fitting_room."""


def checkpoints(variant: str) -> list[Path]:
    """The tiny files' folders of a variant, empty where one of its golden cases is not at hand."""
    found = [
        next((p / case / "checkpoint" for p in PLACES if (p / case / "checkpoint").is_dir()), None)
        for case in CASES[variant][0]
    ]
    return [folder for folder in found if folder] if all(found) else []


def install(base: Path) -> list[str]:
    """Copies them into `base`/models/fitting_room, sizes noted and licences agreed to.

    Returns the variants that are there then.
    """
    from fitting_room.pipelines.licences import accept_license
    from fitting_room.pipelines.locate import adopt

    models = base / "models" / "fitting_room"
    installed = [variant for variant in CASES if checkpoints(variant)]
    for variant in installed:
        folder = models / CASES[variant][1]
        for checkpoint in checkpoints(variant):
            shutil.copytree(checkpoint, folder, dirs_exist_ok=True)
        adopt(variant, folder)
        accept_license(variant, models)
    return installed


def install_segformer(base: Path) -> None:
    """A tiny random SegFormer with the published names of labels, as human_parsing/segformer."""
    import torch
    from fitting_room.pipelines.licences import accept_license
    from fitting_room.pipelines.locate import adopt
    from transformers import (
        SegformerConfig,
        SegformerForSemanticSegmentation,
        SegformerImageProcessor,
    )

    torch.manual_seed(0)
    models = base / "models" / "fitting_room"
    folder = models / "human_parsing_segformer"
    config = SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16, id2label=dict(enumerate(SEGFORMER_LABELS)),
    )  # fmt: skip
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    adopt("human_parsing/segformer", folder)
    accept_license("human_parsing/segformer", models)


def install_onnx(base: Path) -> None:
    """The tiny parsing networks as ONNX; skips where their golden case is not at hand."""
    from fitting_room.pipelines.licences import accept_license
    from fitting_room.pipelines.locate import adopt

    case = Path("schp") / "onnx_tiny" / "checkpoint"
    found = next((place / case for place in PLACES if (place / case).is_dir()), None)
    if found is None:
        pytest.skip("no tiny ONNX network: set FITTING_ROOM_GOLDEN to all golden cases")
    models = base / "models" / "fitting_room"
    shutil.copytree(found, models / "human_parsing")
    adopt("human_parsing/onnx", models / "human_parsing")
    accept_license("human_parsing/onnx", models)


def install_vitpose(base: Path) -> None:
    """Tiny random networks of transformers, as vitpose/base_simple."""
    import torch
    from fitting_room.pipelines.locate import write_receipt
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
    models = base / "models" / "fitting_room"
    people = models / "vitpose" / "rtdetr_r50vd_coco_o365"
    joints = models / "vitpose" / "vitpose-base-simple"
    backbone = RTDetrResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1],
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    detector = RTDetrForObjectDetection(
        RTDetrConfig(
            backbone_config=backbone, encoder_hidden_dim=16, encoder_in_channels=[16, 24, 32],
            encoder_ffn_dim=16, encoder_attention_heads=2, d_model=16, num_queries=8,
            decoder_in_channels=[16, 16, 16], decoder_ffn_dim=16, decoder_layers=1,
            decoder_attention_heads=2, num_denoising=0, id2label={0: "person"},
        )
    )  # fmt: skip
    for head in detector.model.decoder.class_embed:
        torch.nn.init.constant_(head.bias, 2.0)  # sure of having found people
    detector.save_pretrained(people)
    RTDetrImageProcessor(size={"height": 64, "width": 64}).save_pretrained(people)
    network = VitPoseForPoseEstimation(
        VitPoseConfig(
            backbone_config=VitPoseBackboneConfig(
                image_size=[64, 48], patch_size=[16, 16], hidden_size=16, num_hidden_layers=1,
                num_attention_heads=2, out_indices=[1],
            ),
            num_labels=17,
        )
    )  # fmt: skip
    torch.nn.init.constant_(network.head.conv.bias, 1.0)  # sure of having found joints
    network.save_pretrained(joints)
    VitPoseImageProcessor(size={"height": 64, "width": 48}).save_pretrained(joints)
    for folder in (people, joints):
        write_receipt(folder, folder.iterdir())


SEGFORMER_LABELS = (
    "Background", "Hat", "Hair", "Sunglasses", "Upper-clothes", "Skirt", "Pants", "Dress", "Belt",
    "Left-shoe", "Right-shoe", "Face", "Left-leg", "Right-leg", "Left-arm", "Right-arm", "Bag",
    "Scarf",
)  # fmt: skip


NEEDS = {
    "FittingRoomParsing": "human_parsing/pth",
    "FittingRoomOpenPose": "openpose/body",
    "FittingRoomDensePose": "densepose/r50_fpn_s1x",
}


def need(graph: dict) -> None:
    """Skips a test, saying why, where a network that the workflow runs has no tiny files."""
    wanted = {
        NEEDS[node["class_type"]]
        for node in graph.values()
        if node["class_type"] in NEEDS and "pose" not in node["inputs"]
    }
    missing = [variant for variant in sorted(wanted) if not checkpoints(variant)]
    if missing:
        pytest.skip(
            f"no tiny network of {', '.join(missing)}: set FITTING_ROOM_GOLDEN to the folder of "
            "all golden cases"
        )
