"""Nodes of which there are none: an engine with them can be told to work no more."""

import threading

from aiohttp import web
from server import PromptServer

NODE_CLASS_MAPPINGS = {}
go_on = threading.Event()
server = PromptServer.instance


def between_workflows(done):
    """Something that ComfyUI's thread for workflows does before it takes the next one."""
    queue = server.prompt_queue
    flags = queue.get_flags

    def once(reset=True):
        queue.get_flags = flags
        done()
        return flags(reset)

    queue.get_flags = once
    queue.set_flag("woken", True)


@server.routes.post("/end_the_worker")
async def end_the_worker(request):
    def end():
        raise RuntimeError("the worker was told to end")

    between_workflows(end)
    return web.json_response({})


@server.routes.post("/hold_the_worker")
async def hold_the_worker(request):
    go_on.clear()
    between_workflows(go_on.wait)
    return web.json_response({})


@server.routes.post("/let_the_worker_go")
async def let_the_worker_go(request):
    go_on.set()
    return web.json_response({})
