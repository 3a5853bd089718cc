"""Fitting Room: virtual try-on nodes for ComfyUI.

ComfyUI imports this folder by path and calls `comfy_entrypoint`. Nothing heavy is imported until
then, and nothing that needs torch's bigger relatives until a node runs.
"""

__version__ = "0.1.0"

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():  # noqa: ANN201 - the return type lives in comfy_api
    from .nodes import FittingRoomExtension

    return FittingRoomExtension()
