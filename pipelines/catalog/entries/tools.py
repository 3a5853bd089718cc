"""Networks that find people, and those of the safety filter.

Sizes and hashes of the .onnx, OpenPose and DensePose files: Git LFS records of a public mirror,
with the sizes of the authors' listing; of Falconsai and RT-DETR: the authors' file pages; of the
safety checker: a public packaging recipe of that very file.
"""

from __future__ import annotations

from ..types import APACHE, DENSEPOSE, OPENPOSE, OPENRAIL, File, Part, Source, Variant
from .shared import LEFFA_REVISION, tool

ENTRIES = (
    tool(
        "openpose/body",
        "OpenPose body",
        "Finds 18 body points, for masks equal to the try-on authors'.",
        OPENPOSE,
        Source(
            "franciszzj/Leffa",
            "openpose",
            (
                File("body_pose_model.pth", 209_267_595,
                     "25a948c16078b0f08e236bda51a385d855ef4c153598947c28c0d47ed94bb746"),
            ),
            below="openpose",
            revision=LEFFA_REVISION,
        ),
        (Part("body", 52_311_446),),
        184,
        144,
    ),
    tool(
        "dwpose/l_384",
        "DWPose",
        "Finds body, hands and face, as FASHN VTON's authors do; wants the package onnxruntime.",
        APACHE,
        Source(
            "fashn-ai/DWPose",
            "dwpose",
            (
                File("yolox_l.onnx", 216_746_733,
                     "7860ae79de6c89a3c1eb72ae9a2756c0ccfbe04b7791bb5880afabd97855a411"),
                File("dw-ll_ucoco_384.onnx", 134_399_116,
                     "724f4ff2439ed61afb86fb8a1951ec39c6220682803b4a8bd4f598cd913b1843"),
            ),
        ),
        (Part("people", 54_186_683), Part("points", 33_599_779)),  # a quarter of the files' bytes
        640,
        640,
    ),
    Variant(
        "vitpose/base_simple",
        "ViTPose with RT-DETR",
        "Finds people and their joints; newer than OpenPose and free for any use.",
        "tool",
        APACHE,
        (
            Source(
                "usyd-community/vitpose-base-simple",
                "vitpose/vitpose-base-simple",
                (
                    File("config.json"),
                    File("model.safetensors", 4 * 85_912_337, derived=True),
                    File("preprocessor_config.json", 363),
                ),
            ),
            Source(
                "PekingU/rtdetr_r50vd_coco_o365",
                "vitpose/rtdetr_r50vd_coco_o365",
                (
                    File("config.json"),
                    File("model.safetensors", None,
                         "831c1c04317ad1a6f7bf5b9968b450894e64b3571011c871007ab25d38b49031"),
                    File("preprocessor_config.json", 841),
                ),
            ),
        ),
        (Part("joints", 85_912_337), Part("people", 42_891_372)),
        width=640,
        height=640,
        steps=0,
        dtype="float32",
    ),
    tool(
        "densepose/r50_fpn_s1x",
        "DensePose R50-FPN s1x",
        "Maps each pixel of a person to a place on the body; IDM-VTON and Leffa need it.",
        DENSEPOSE,
        Source(
            "franciszzj/Leffa",
            "densepose",
            (
                File("model_final_162be9.pkl", 255_757_821,
                     "b8a7382001b16e453bad95ca9dbc68ae8f2b839b304cf90eaf5c27fbdb4dae91"),
            ),
            below="densepose",
            revision=LEFFA_REVISION,
        ),
        (Part("detector and charts", 63_927_330),),
        800,
        1333,
    ),
    tool(
        "safety/falconsai",
        "Falconsai NSFW classifier",
        "Says how likely a picture is unsafe for work: a second opinion beside the built-in one.",
        APACHE,
        Source(
            "Falconsai/nsfw_image_detection",
            "safety/falconsai",
            (
                File("config.json", 724),
                File("model.safetensors", 343_223_968,
                     "97b2ce64ec146884b37f98ee7944ca4891aa72f6827dc0cb10684a1cbecd5830"),
                File("preprocessor_config.json", 325),
            ),
            revision="04367978d3474804ab1a00a9bd6548b741764069",
        ),
        (Part("ViT-B/16 classifier", 85_800_194),),
        224,
        224,
    ),
    tool(
        "safety/stable_diffusion",
        "Stable Diffusion safety checker",
        "Compares a picture with a list of unsafe concepts, as Stable Diffusion pipelines do.",
        OPENRAIL,
        Source(
            "CompVis/stable-diffusion-safety-checker",
            "safety/stable_diffusion",
            (
                File("config.json"),
                File("model.safetensors", None,
                     "08902f19b1cfebd7c989f152fc0507bef6898c706a91d666509383122324b511"),
                File("preprocessor_config.json"),
            ),
            revision="refs/pr/41",
        ),
        (Part("CLIP ViT-L/14 with concept table", 303_981_588),),
        224,
        224,
    ),
)  # fmt: skip
