"""Ray itself, and the actor that a worker is."""

from __future__ import annotations

import importlib
import os
from typing import Any

from ...pipelines.errors import MissingFiles


def load_ray() -> Any:
    """The module, with its statistics for its makers off unless the user wants them. Raises
    MissingFiles where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise MissingFiles(
            "Several workers need Ray, which is not installed: "
            "pip install 'comfyui-fitting-room[fleet]'."
        ) from error
    return ray


def actor_class(ray: Any) -> Any:
    """The actor, defined in here so that Ray sends its code along: on the worker's side this
    package need not be installed, a copy in the same folder will do."""

    class Worker:
        def __init__(
            self, package: str, version: str, threads: bool, engine: dict[str, Any] | None
        ) -> None:
            import importlib.util
            import os
            import sys

            if not threads:  # Ray sets it to 1 for every worker, and the engine would inherit that
                os.environ.pop("OMP_NUM_THREADS", None)
            start = os.path.join(package, "__init__.py")
            if "fitting_room" not in sys.modules and os.path.isfile(start):
                spec = importlib.util.spec_from_file_location(
                    "fitting_room", start, submodule_search_locations=[package]
                )
                assert spec and spec.loader
                module = importlib.util.module_from_spec(spec)
                sys.modules["fitting_room"] = module
                spec.loader.exec_module(module)
            station = importlib.import_module("fitting_room.services.fleet.station")
            if engine is not None and not engine["host"]:  # reached from other machines
                import ray

                engine["host"] = ray.util.get_node_ip_address()
            self._station = station.Station(version, engine)

        def start(self) -> dict[str, Any]:
            return self._station.start()

        def look(self) -> dict[str, Any]:
            return self._station.facts()

        def call(self, module: str, function: str, *arguments: Any) -> Any:
            found = importlib.import_module(f"fitting_room.{module}")
            self._station.halted.clear()
            return getattr(found, function)(self._station, *arguments)

        def halt(self) -> None:
            self._station.halted.set()

        def stop(self) -> None:
            self._station.stop()

    return ray.remote(Worker)
