"""What runs in the process of one worker: its engine, and what is told of it.

Only plain values go in and out, because the driver may know this package under another name.
"""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Any

from ... import __version__
from ...pipelines.errors import MissingFiles
from ..engine import EngineError
from ..own_engine import OwnEngine


class Station:
    """engine: settings of `OwnEngine` as plain values, None for a worker without an engine.
    version: of the package at the driver, which must be the same here."""

    def __init__(self, version: str, engine: dict[str, Any] | None) -> None:
        self.engine: OwnEngine | None = None
        self.halted = threading.Event()
        """Set where somebody wants the work at hand to stop."""
        self._problem = ""
        if version != __version__:
            self._problem = (
                f"Fitting Room {version} was wanted on {socket.gethostname()}, and {__version__} "
                "is there. Every machine of a fleet needs the same version."
            )
            return
        if engine is None:
            return
        try:
            self.engine = OwnEngine(
                Path(engine["models"]) if engine["models"] else None,
                tuple(engine["arguments"]), tuple(map(Path, engine["more"])), engine["host"],
            )  # fmt: skip
        except (MissingFiles, EngineError) as error:
            self._problem = f"{socket.gethostname()}: {error}"

    def start(self) -> dict[str, Any]:
        """Starts the engine where it does not run; `facts()`."""
        if self._problem:
            return self.facts(self._problem, hopeless=True)
        if self.engine is not None:
            try:
                self.engine.ready()
            except EngineError as error:
                return self.facts(str(error))
        return self.facts()

    def facts(self, problem: str = "", hopeless: bool = False) -> dict[str, Any]:
        """address: of the engine, "" without one. alive: whether the worker can work. engine,
        process: numbers of the two processes. starts: of the engine. problem: why it did not start;
        hopeless: and that it will not."""
        running = self.engine.running if self.engine is not None else None
        return {
            "address": running.address if running is not None and running.alive else "",
            "alive": not self._problem and (running.alive if running else self.engine is None),
            "engine": running.process if running is not None else None,
            "process": os.getpid(),
            "machine": socket.gethostname(),
            "starts": self.engine.starts if self.engine is not None else 0,
            "problem": problem,
            "hopeless": hopeless,
        }

    def stop(self) -> None:
        if self.engine is not None:
            self.engine.close()
