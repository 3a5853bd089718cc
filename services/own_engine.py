"""An engine in a temporary folder of its own: started when it is wanted, again after it ended."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from ..pipelines.errors import MissingFiles
from .engine import Engine, find_engine


class OwnEngine:
    """Use it as a context manager; may be asked from several threads.

    models: ComfyUI's models folder, None for that of the ComfyUI that is found. arguments, more,
    host: of `Engine`. starts: how often it was started. Raises MissingFiles where there is none.
    """

    def __init__(
        self,
        models: Path | None = None,
        arguments: tuple[str, ...] = (),
        more: tuple[Path, ...] = (),
        host: str = "127.0.0.1",
    ) -> None:
        found = find_engine()
        if found is None:
            raise MissingFiles("No ComfyUI was found: set COMFYUI_PATH to its folder.")
        self.folder = found
        self.models = models or found / "models"
        if not self.models.is_dir():
            raise MissingFiles(f"ComfyUI's models folder was wanted, and {self.models} is none.")
        self.arguments, self.more, self.host = arguments, more, host
        self.starts = 0
        self.running: Engine | None = None
        self._stack = ExitStack()
        self._lock = threading.Lock()

    def __enter__(self) -> OwnEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ready(self) -> Engine:
        """The running engine; a new one, in an empty folder, where it ended. Raises EngineError."""
        with self._lock:
            if self.running is not None and self.running.alive:
                return self.running
            self._stack.close()
            self.running = None
            base = Path(self._stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
            (base / "models").symlink_to(self.models, target_is_directory=True)
            engine = Engine(
                self.folder, base, self.arguments, self.more, self.host, temporary=(base,)
            )
            self.starts += 1
            self.running = self._stack.enter_context(engine)
            return self.running

    def close(self) -> None:
        with self._lock:
            self._stack.close()
            self.running = None
