"""A ComfyUI engine of one's own: find it, start it apart from the user's folders, talk to it.

Standard library only, so that it runs before anything is installed.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

GUARD = Path(__file__).with_name("engine_guard.py")
PACKAGE = Path(__file__).absolute().parent.parent  # not resolved: it may be a link in custom_nodes
NAME = "comfyui-fitting-room"
START_SECONDS = 300
TAKEN_SECONDS = 120
"""How long a workflow may wait while no other runs. ComfyUI tidies up between two, for seconds."""


class EngineError(RuntimeError):
    """The engine did not start, refused a workflow or failed while running it."""


class EngineStopped(EngineError):
    """Somebody wanted the run to stop, and it was interrupted."""


class EngineStuck(EngineError):
    """It answers, but begins no workflow any more, or did not finish one in time."""


def find_engine() -> Path | None:
    """ComfyUI's folder: $COMFYUI_PATH, the engine that holds this package, or comfy-cli's default.

    Raises EngineError where $COMFYUI_PATH is set but holds no ComfyUI.
    """
    named = os.environ.get("COMFYUI_PATH")
    if named:
        if (Path(named) / "main.py").is_file():
            return Path(named)
        raise EngineError(f"COMFYUI_PATH is {named}, and there is no ComfyUI (main.py) in it.")
    for folder in PACKAGE.parents:
        if folder.name == "custom_nodes" and (folder.parent / "main.py").is_file():
            return folder.parent
    for folder in (Path.home() / "comfy/ComfyUI", Path.home() / "Documents/comfy/ComfyUI"):
        if (folder / "main.py").is_file():
            return folder
    return None


def engine_python(engine: Path) -> str:
    """The Python that the engine runs on: $COMFYUI_PYTHON, its own environment, or this one."""
    named = os.environ.get("COMFYUI_PYTHON")
    if named:
        return named
    places = [engine / ".venv", engine / "venv", engine.parent / ".venv", engine.parent / "venv"]
    candidates = [place / part for place in places for part in ("bin/python", "Scripts/python.exe")]
    candidates.append(engine.parent / "python_embeded" / "python.exe")
    return next((str(path) for path in candidates if path.is_file()), sys.executable)


class Engine:
    """A ComfyUI process on a free port, with folders of its own and only this package in it.

    Use it as a context manager. base: an empty folder for its models, input, output and database;
    the package, and any `more` folders of nodes, are linked into `base/custom_nodes`. host: the
    address of this machine that it listens on; whoever reaches it may use it. temporary: folders
    to remove where this process is killed. An engine never outlives the process that started it.
    """

    def __init__(
        self,
        engine: Path,
        base: Path,
        arguments: tuple[str, ...] = ("--cpu",),
        more: tuple[Path, ...] = (),
        host: str = "127.0.0.1",
        temporary: tuple[Path, ...] = (),
    ) -> None:
        self.base = base.resolve()
        self._packages = {NAME: PACKAGE, **{folder.name: folder for folder in more}}
        self.host = host
        self.port = _free_port(host)
        self.address = f"http://{host}:{self.port}"
        # Two engines on one folder: what each writes for itself goes by its port.
        self.log = self.base / f"engine-{self.port}.log"
        self._engine = engine
        self._arguments = arguments
        self._temporary = temporary
        self._process: subprocess.Popen | None = None
        self._guard: subprocess.Popen | None = None

    def __enter__(self) -> Engine:
        self._link_packages()
        command = [
            engine_python(self._engine), "main.py", "--listen", self.host, "--port", str(self.port),
            "--base-directory", str(self.base), "--disable-api-nodes",
            "--database-url", f"sqlite:///{self.base / f'comfyui-{self.port}.db'}",
            "--temp-directory", str(self.base / "temp" / str(self.port)), *self._arguments,
            "--disable-all-custom-nodes", "--whitelist-custom-nodes", *self._packages,
        ]  # fmt: skip
        try:
            with open(self.log, "wb") as log:
                self._process = subprocess.Popen(
                    command, cwd=self._engine, stdout=log, stderr=subprocess.STDOUT,
                    start_new_session=True,
                )  # fmt: skip
            self._guard = self._guarded(self._process.pid)
            self._wait_until_up()
        except BaseException as error:
            self.__exit__(None, None, None)
            if isinstance(error, OSError):
                told = f"ComfyUI cannot be started with {command[0]}: {error}."
                raise EngineError(told) from error
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._guard is not None:
            self._guard.communicate(b".")
        for left in self.base.glob(f"comfyui-{self.port}.db*"):
            left.unlink(missing_ok=True)

    def _guarded(self, process: int) -> subprocess.Popen:
        folders = [str(folder) for folder in self._temporary]
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), str(process), *folders],
            stdin=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def _link_packages(self) -> None:
        for name in ("custom_nodes", "models", "input", "output", "temp", "user"):
            (self.base / name).mkdir(parents=True, exist_ok=True)
        for name, folder in self._packages.items():
            link = self.base / "custom_nodes" / name
            if link.exists() and link.samefile(folder):
                continue  # another engine's
            try:
                link.symlink_to(folder, target_is_directory=True)
            except OSError:  # Windows without the right to make links
                skipped = shutil.ignore_patterns(".git", ".venv", "__pycache__")
                shutil.copytree(folder, link, ignore=skipped, dirs_exist_ok=True)

    def _wait_until_up(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                self.get("/system_stats")
                return
            except EngineError:
                time.sleep(0.3)
        raise EngineError(f"ComfyUI did not start. Its last words:\n{self.log_tail()}")

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def process(self) -> int | None:
        """Its number at the operating system, None before it is started."""
        return None if self._process is None else self._process.pid

    def log_tail(self, characters: int = 1800) -> str:
        """The end of its log; a word about a log that went with the engine's folder."""
        try:
            return self.log.read_text("utf-8", "replace")[-characters:]
        except OSError as error:
            return f"(the log cannot be read: {error.strerror})"

    def get(self, path: str) -> Any:
        """The JSON answer of a GET."""
        return _json(self.get_bytes(path))

    def get_bytes(self, path: str) -> bytes:
        status, content = self._ask(urllib.request.Request(self.address + path))
        if status != 200:
            raise EngineError(f"ComfyUI answered {status} to {path}: {content[:300]!r}")
        return content

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        """Status and JSON answer of a POST, also of a refused one."""
        request = urllib.request.Request(
            self.address + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        status, text = self._ask(request)
        return status, _json(text) if text else None

    def _ask(self, request: urllib.request.Request) -> tuple[int, bytes]:
        """Status and content of an answer. Raises EngineError where none comes."""
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except (OSError, http.client.HTTPException) as error:
            time.sleep(0.2)  # a process that was just killed is still said to be running
            state = "does not answer" if self.alive else "has stopped"
            raise EngineError(
                f"ComfyUI {state} ({error}). Its last words:\n{self.log_tail()}"
            ) from error

    def run(
        self, graph: dict, seconds: float = 600, stopped: Callable[[], bool] = lambda: False
    ) -> dict:
        """Runs a workflow in API format to its end and returns its history entry, failed or not.

        stopped: asked while it runs. Raises EngineStopped where it says so, EngineStuck where the
        engine does not begin or finish it in time, and EngineError where it refuses it.
        """
        prompt_id = str(uuid.uuid4())
        status, answer = self.post("/prompt", {"prompt": graph, "prompt_id": prompt_id})
        if status != 200 or answer["node_errors"]:
            raise EngineError(f"ComfyUI refused the workflow: {json.dumps(answer)}")
        begin = looked = worked = time.monotonic()
        while (now := time.monotonic()) < begin + seconds:
            history = self.get(f"/history/{prompt_id}")
            if prompt_id in history:
                return history[prompt_id]
            if not self.alive:
                raise EngineError(f"ComfyUI stopped. Its last words:\n{self.log_tail()}")
            if stopped():
                self.post("/interrupt", {"prompt_id": prompt_id})
                raise EngineStopped("The run was stopped.")
            if now >= looked + TAKEN_SECONDS / 10:
                looked = now
                worked = now if self.get("/queue")["queue_running"] else worked
                if now >= worked + TAKEN_SECONDS:
                    self._stuck(f"ComfyUI has begun no workflow for {TAKEN_SECONDS:.0f} s.")
            time.sleep(0.1)
        self._stuck(f"ComfyUI did not end the workflow in {seconds:.0f} s.")

    def _stuck(self, told: str) -> NoReturn:
        raise EngineStuck(f"{told} Its last words:\n{self.log_tail()}")

    def picture(self, found: dict) -> bytes:
        """The bytes of an output picture, as a history entry names it."""
        return self.get_bytes("/view?" + urllib.parse.urlencode(found))


def failure(history: dict) -> dict | None:
    """The `execution_error` of a history entry, or None where the run went well.

    Of an interrupted run the same keys, which the engine leaves out: exception_type and
    exception_message.
    """
    for name, message in history["status"]["messages"]:
        if name == "execution_error":
            return message
        if name == "execution_interrupted":
            words = f"The run was interrupted at the node {message.get('node_type', 'unknown')}."
            return {"exception_type": "Interrupted", "exception_message": words, **message}
    return None


def cached_nodes(history: dict) -> set[str]:
    """Ids of the nodes whose results were taken from the engine's cache."""
    for name, message in history["status"]["messages"]:
        if name == "execution_cached":
            return set(message["nodes"])
    return set()


def _json(content: bytes) -> Any:
    """Raises EngineError for what is no JSON, such as a page of a proxy."""
    try:
        return json.loads(content)
    except ValueError as error:
        raise EngineError(f"ComfyUI's answer was no JSON: {content[:300]!r}") from error


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
