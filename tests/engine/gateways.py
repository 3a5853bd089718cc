"""A gateway in a process of its own, two engines behind it, and what programs send them."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEST_NODES = Path(__file__).parent / "test_nodes"
STUCK_NODES = Path(__file__).parent / "stuck_nodes"
PROGRAM = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location(
    "fitting_room", {root!r} + "/__init__.py", submodule_search_locations=[{root!r}])
module = importlib.util.module_from_spec(spec)
sys.modules["fitting_room"] = module
spec.loader.exec_module(module)
{before}
from fitting_room.commands.main import main
sys.exit(main())
"""
SHOP, STUDIO = "shop-key-0123456789abcdef", "studio-key-0123456789abcdef"


@pytest.fixture(scope="session")
def two_engines(engine_folder, tmp_path_factory):
    from fitting_room.services.engine import Engine

    bases = [tmp_path_factory.mktemp("behind") for _ in range(2)]
    engines = [Engine(engine_folder, base, more=(TEST_NODES,)) for base in bases]
    with ThreadPoolExecutor() as threads, ExitStack() as stack:
        starting = [threads.submit(each.__enter__) for each in engines]
        for each in starting:
            stack.push(each.result())
        yield tuple(engines)


class GatewayProcess:
    """`fitting-room serve`; home: its ledger and files. before: Python that runs in its process
    before it. Use it as a context manager."""

    def __init__(self, home, addresses, *arguments, keys="", before=""):
        self.home, self.keys = Path(home), keys
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = self.home / "gateway.log"
        engines = [part for each in addresses for part in ("--engine", each)]
        program = PROGRAM.format(root=str(ROOT), before=before)
        self.command = [
            sys.executable, "-c", program, "serve", "--port", str(self.port), *engines, *arguments,
        ]  # fmt: skip
        self.process = None

    def __enter__(self):
        self.home.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def start(self, ready=True):
        environment = {**os.environ, "FITTING_ROOM_HOME": str(self.home)}
        environment.pop("FITTING_ROOM_KEYS", None)
        environment.pop("FITTING_ROOM_LEDGER", None)
        if self.keys:
            environment["FITTING_ROOM_KEYS"] = self.keys
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=subprocess.STDOUT, env=environment
            )
        if ready:
            until(lambda: self.get("/ready")[0] == 200, 300, self.said)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    def said(self):
        assert self.process.poll() is None, self.log.read_text("utf-8")
        return self.log.read_text("utf-8")

    def ask(self, method, path, body=None, key="", headers=None, raw=False):
        """(status, JSON or bytes) of a call."""
        sent = dict(headers or {})
        if key:
            sent["Authorization"] = f"Bearer {key}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(self.address + path, body, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        except OSError:
            return 0, None
        if raw:
            return status, content
        try:
            return status, json.loads(content) if content else None
        except ValueError:
            return status, content

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def post(self, path, body, **more):
        return self.ask("POST", path, body, **more)

    def send(self, graph, key="", **more):
        """Its prompt_id."""
        status, told = self.post("/prompt", {"prompt": graph, **more}, key=key)
        assert status == 200, told
        return told["prompt_id"]

    def ended(self, name, key="", seconds=120):
        """The history entry, waited for."""
        return until(
            lambda: self.get(f"/history/{name}", key=key)[1].get(name), seconds, self.said
        )  # fmt: skip

    def upload(self, name, data, key="", **fields):
        edge = uuid.uuid4().hex
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n'.encode()
            + f"{value}\r\n".encode()
            for field, value in fields.items()
        ]
        parts.append(
            f'--{edge}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n".encode()
            + data
            + b"\r\n"
        )
        body = b"".join(parts) + f"--{edge}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={edge}"}
        return self.ask("POST", fields.pop("path", "/upload/image"), body, key, headers)


def until(found, seconds, said=lambda: ""):
    """What `found` gives once it is true; within a bounded time."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        value = found()
        if value:
            return value
        said()
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s\n{said()}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def no_op(mark=0):
    """A picture of one colour, saved."""
    return {
        "1": {"class_type": "EmptyImage",
              "inputs": {"width": 32, "height": 32, "batch_size": 1, "color": mark}},
        "2": {"class_type": "SaveImage",
              "inputs": {"images": ["1", 0], "filename_prefix": "no_op"}},
    }  # fmt: skip


def slow(steps=3, seconds=0.0, mark=""):
    """With progress, previews, and a picture at the end."""
    graph = no_op(zlib.crc32(mark.encode()) % 0xFFFFFF)
    graph["3"] = {
        "class_type": "FittingRoomTestSlow",
        "inputs": {"image": ["1", 0], "steps": steps, "seconds": seconds, "mark": mark},
    }
    graph["2"]["inputs"]["images"] = ["3", 0]
    return graph


def load(name):
    """An uploaded picture, saved again."""
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": name}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "got"}},
    }


def pictures_of(entry):
    return [each for told in entry["outputs"].values() for each in told.get("images", ())]


def frames_of(address, graph, key="", with_metadata=True, client=None):
    """The frames that a program gets that connects, sends a graph and waits for the end.

    Each is (type, data); of a binary one (its number, bytes).
    """
    import aiohttp

    async def go():
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        name = client or uuid.uuid4().hex
        socket = f"{address}/ws?clientId={name}"
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.ws_connect(socket, max_msg_size=0) as frames,
        ):
            if with_metadata:
                flags = {"supports_preview_metadata": True}
                await frames.send_json({"type": "feature_flags", "data": flags})
            body = {"prompt": graph, "client_id": name}
            async with session.post(f"{address}/prompt", json=body) as answer:
                assert answer.status == 200, await answer.text()
                prompt = (await answer.json())["prompt_id"]
            return prompt, await until_the_end(frames)

    async def until_the_end(frames):
        got = []
        while True:
            frame = await asyncio.wait_for(frames.receive(), 120)
            if frame.type == aiohttp.WSMsgType.BINARY:
                got.append((int.from_bytes(frame.data[:4], "big"), frame.data))
                continue
            assert frame.type == aiohttp.WSMsgType.TEXT, frame
            told = json.loads(frame.data)
            got.append((told["type"], told["data"]))
            if told["type"] == "executing" and told["data"]["node"] is None:
                return got

    return asyncio.run(go())
