"""A node that takes its time and shows what it does, as a sampler does."""

import os
import signal
import time

import comfy.model_management as management
import comfy.utils
from comfy_api.latest import io
from PIL import Image


class Slow(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="FittingRoomTestSlow",
            category="test",
            inputs=[
                io.Image.Input("image"),
                io.Int.Input("steps", default=3, min=1, max=10_000),
                io.Float.Input("seconds", default=0.0, max=60.0),
                io.String.Input("mark", default=""),
            ],
            outputs=[io.Image.Output("same")],
        )

    @classmethod
    def execute(cls, image, steps, seconds, mark):
        progress = comfy.utils.ProgressBar(steps)
        for step in range(steps):
            management.throw_exception_if_processing_interrupted()
            time.sleep(seconds)
            shade = Image.new("RGB", (64, 64), (step * 40 % 256, 80, 120))
            progress.update_absolute(step + 1, steps, ("JPEG", shade, 64))
        if mark == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if mark.startswith("fail"):
            raise ValueError("this node was told to fail")
        return io.NodeOutput(image)
