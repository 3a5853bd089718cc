"""Nodes for the engine tests: what no core node can make, and a card without memory."""

import gc
import importlib.util
import json
import sys
from pathlib import Path

import torch
from aiohttp import web
from comfy_api.latest import ComfyExtension, io
from server import PromptServer

from .slow import Slow


class OddImage(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="FittingRoomTestOddImage",
            category="test",
            inputs=[
                io.Image.Input("image"),
                io.Combo.Input("kind", options=["nan", "half", "grey", "two channels", "empty"]),
            ],
            outputs=[io.Image.Output("odd")],
        )

    @classmethod
    def execute(cls, image, kind):
        if kind == "nan":
            image = image.clone()
            image[-1, 3, 4, 1] = float("nan")
        elif kind == "half":
            image = image.half()
        elif kind == "grey":
            image = image.mean(-1, keepdim=True)
        elif kind == "two channels":
            image = image[..., :2]
        elif kind == "empty":
            image = image[:0]
        return io.NodeOutput(image)


class OddMask(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="FittingRoomTestOddMask",
            category="test",
            inputs=[
                io.Image.Input("image"),
                io.Combo.Input("kind", options=["nan", "empty"]),
            ],
            outputs=[io.Mask.Output("odd_mask")],
        )

    @classmethod
    def execute(cls, image, kind):
        mask = torch.full(image.shape[:3], float("nan"))
        return io.NodeOutput(mask[:0] if kind == "empty" else mask)


class Number(io.ComfyNode):
    """Any number at all, on a link."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="FittingRoomTestNumber",
            category="test",
            inputs=[io.String.Input("text")],
            outputs=[io.Float.Output("number")],
        )

    @classmethod
    def execute(cls, text):
        return io.NodeOutput(json.loads(text))


class Brighter(io.ComfyNode):
    """Values beyond 0..1, as upscalers and blends make them."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="FittingRoomTestBrighter",
            category="test",
            inputs=[io.Image.Input("image"), io.Float.Input("factor")],
            outputs=[io.Image.Output("brighter")],
        )

    @classmethod
    def execute(cls, image, factor):
        return io.NodeOutput(image * factor)


class Living(io.ComfyNode):
    """How many objects of some classes live in this process."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="FittingRoomTestLiving",
            category="test",
            inputs=[io.String.Input("kinds"), io.Float.Input("time", max=1e12)],
            outputs=[io.Int.Output("count")],
        )

    @classmethod
    def execute(cls, kinds, time):
        gc.collect()
        names = kinds.split(",")
        return io.NodeOutput(sum(type(each).__name__ in names for each in gc.get_objects()))


class Tracks(io.ComfyNode):
    """Track data as SAM 3's tracker of the engine gives it, packed by the tracker's own function:
    where the masks come from the network or from here, nothing after it can tell."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="FittingRoomTestTracks",
            category="test",
            inputs=[
                io.Image.Input("images"),
                io.Mask.Input("first_object", optional=True),
                io.Mask.Input("second_object", optional=True),
            ],
            outputs=[io.Custom("SAM3_TRACK_DATA").Output("tracks")],
        )

    @classmethod
    def execute(cls, images, first_object=None, second_object=None):
        from comfy.ldm.sam3.tracker import pack_masks

        found = [mask for mask in (first_object, second_object) if mask is not None]
        size = {"n_frames": len(images), "orig_size": tuple(images.shape[1:3])}
        if not found:
            return io.NodeOutput({"packed_masks": None, "scores": [], **size})
        logits = torch.stack(found, 1) - 0.5
        small = torch.nn.functional.interpolate(logits, (288, 288), mode="bilinear")
        scores = [1.0] * len(found)
        return io.NodeOutput({"packed_masks": pack_masks(small), "scores": scores, **size})


class OutOfMemory(io.ComfyNode):
    """The same model, whose VAE runs out of memory the next `times` times that it decodes."""

    @classmethod
    def define_schema(cls):
        model = io.Custom("FITTING_ROOM_MODEL")
        return io.Schema(
            node_id="FittingRoomTestOutOfMemory",
            category="test",
            inputs=[model.Input("model"), io.Int.Input("times")],
            outputs=[model.Output("short")],
        )

    @classmethod
    def execute(cls, model, times):
        left = [times]

        def refuse(module, args):
            if left[0]:
                left[0] -= 1
                raise torch.OutOfMemoryError("Tried to allocate 20.00 GiB")

        model.pipeline.vae.decoder.register_forward_pre_hook(refuse)
        return io.NodeOutput(model)


@PromptServer.instance.routes.post("/fitting_room_test/invented_model")
async def add_invented_model(request):
    """To the package as the engine imported it, under whatever name; it may come after this one."""
    tests = Path(__file__).resolve().parents[2]
    spec = importlib.util.spec_from_file_location(
        "invented_model", tests / "fixtures" / "invented_model.py"
    )
    invented = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(invented)
    (package,) = (
        module for name, module in list(sys.modules.items())
        if "." not in name and getattr(module, "__file__", None)
        and Path(module.__file__).resolve() == tests.parent / "__init__.py"
    )  # fmt: skip
    invented.add(package)
    return web.json_response({})


class Extension(ComfyExtension):
    async def get_node_list(self):
        return [OddImage, OddMask, Number, Brighter, Living, Tracks, OutOfMemory, Slow]


async def comfy_entrypoint():
    return Extension()
