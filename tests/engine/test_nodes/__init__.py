"""Nodes for the engine tests: images that no core node can make."""

from comfy_api.latest import ComfyExtension, io


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


class Extension(ComfyExtension):
    async def get_node_list(self):
        return [OddImage]


async def comfy_entrypoint():
    return Extension()
