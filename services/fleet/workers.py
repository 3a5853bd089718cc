"""Workers on Ray: each an actor that owns one headless ComfyUI on one card; watched, restarted.

with Workers(2, engine=EngineSettings(arguments=("--cpu",)), gpus=0) as workers:
    workers.addresses()     # of the engines that live
    workers.watch()         # now and then: restarts what ended, and tells it
"""

from __future__ import annotations

import os
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ... import __version__
from ...pipelines.errors import InputError
from ..engine import PACKAGE
from .actor import actor_class, load_ray

START_SECONDS = 600.0
"""How long the first start may take, a machine included that an autoscaler still orders."""
MOST_CONNECTIONS = 3
"""Attempts to start Ray here, which gives a machine 30 s for it."""
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 5.0
"""How long one look at the workers takes at most."""
MOST_SILENT = 24
"""Looks that a worker may leave unanswered, as a busy process does, before it is replaced."""
MOST_FAILURES = 5
"""Starts of one worker that may fail one after the other."""
REST_SECONDS = 2.0
"""Before the next start after a failed one; doubled each time."""
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class EngineSettings:
    """Of every worker's engine, on its machine. models: ComfyUI's models folder, None for that of
    the ComfyUI found there. arguments: of its command line. more: further folders of nodes."""

    models: Path | None = None
    arguments: tuple[str, ...] = ()
    more: tuple[Path, ...] = ()


@dataclass
class _Slot:
    """The place of one worker, whichever actor holds it now."""

    number: int
    actor: Any = None
    starting: Any = None  # the answer to start() that is still awaited
    facts: dict[str, Any] = field(default_factory=dict)
    silent: int = 0
    failures: int = 0
    rests_until: float = 0.0
    was_up: bool = False
    given_up: str = ""  # why it is not started any more

    @property
    def alive(self) -> bool:
        return bool(self.facts.get("alive"))


class Workers:
    """Use it as a context manager, or `start()` and `stop()` it."""

    def __init__(
        self,
        count: int,
        *,
        engine: EngineSettings | None,
        ray_address: str | None = None,
        gpus: float = 1.0,
        start_seconds: float = START_SECONDS,
    ) -> None:
        """count: of workers. engine: None for workers that own none. ray_address: of a running
        cluster ("auto" finds the one of this machine); None starts Ray here. gpus: cards a worker,
        0 for none. Raises MissingFiles where Ray is not installed, InputError for no count."""
        if count < 1:
            raise InputError(f"A fleet has at least one worker, and {count} were wanted.")
        self.ray = load_ray(ray_address)
        self.count, self.gpus, self.ray_address = count, gpus, ray_address
        self.start_seconds = start_seconds
        self._engine = engine
        self._slots = [_Slot(number) for number in range(count)]
        self._lock = threading.RLock()
        self._ours = False

    def __enter__(self) -> Workers:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, least: int | None = None) -> None:
        """Returns when `least` workers are up, None for all; what is missing then comes later,
        when somebody watches. Raises InputError where that takes too long or cannot be."""
        self._connect()
        try:
            limit = time.monotonic() + self.start_seconds
            least = self.count if least is None else min(least, self.count)
            while True:
                self.watch()
                up = sum(slot.alive for slot in self._slots)
                if up >= least:
                    return
                if time.monotonic() > limit:
                    raise InputError(self._too_slow(up))
                time.sleep(0.2)
        except BaseException:
            self.stop()
            raise

    def addresses(self) -> list[str]:
        """Of the engines that lived when they were last looked at, such as http://127.0.0.1:40123."""
        return [slot.facts["address"] for slot in self._slots if slot.facts.get("address")]

    def facts(self) -> list[dict[str, Any]]:
        """`Station.facts()` of each worker as it was last seen; {} of one that is not up yet."""
        return [dict(slot.facts) for slot in self._slots]

    def actors(self) -> dict[int, Any]:
        """The Ray actors of the workers that are up, by their numbers."""
        return {slot.number: slot.actor for slot in self._slots if slot.alive}

    def watch(self) -> list[str]:
        """Looks at every worker once, ANSWER_SECONDS at most, and begins the restart of what ended
        without waiting for it. What happened since the last look, a sentence each.

        A worker whose starts fail again and again, or that no restart mends (no ComfyUI on its
        machine, another version of this package), is left out. Raises InputError when all are.
        """
        with self._lock:
            events: list[str] = []
            for slot in self._slots:
                waits = slot.given_up or time.monotonic() < slot.rests_until
                if slot.actor is None and not waits:
                    self._spawn(slot)
            asked = {
                slot.number: slot.starting or slot.actor.look.remote()
                for slot in self._slots if slot.actor is not None
            }  # fmt: skip
            quick = [ref for number, ref in asked.items() if not self._slots[number].starting]
            if quick:
                self.ray.wait(quick, num_returns=len(quick), timeout=ANSWER_SECONDS)
            for number, ref in asked.items():
                self._note(self._slots[number], ref, events)
            if all(slot.given_up for slot in self._slots):
                raise InputError(" ".join(dict.fromkeys(slot.given_up for slot in self._slots)))
            return events

    def restart(self, address: str) -> None:
        """Ends an engine of a worker that answers but works no more; the next look finds that it
        ended and starts another."""
        with self._lock:
            for slot in self._slots:
                if slot.alive and slot.facts["address"] == address:
                    slot.actor.stop.remote()

    def leave_out(self, number: int, why: str) -> None:
        """Ends a worker for good, such as one whose machine lacks a model."""
        with self._lock:
            slot = self._slots[number]
            if slot.actor is not None:
                self.ray.wait([slot.actor.stop.remote()], timeout=STOP_SECONDS)
                self.ray.kill(slot.actor)
            slot.actor, slot.starting, slot.facts, slot.given_up = None, None, {}, why

    def stop(self) -> None:
        """Ends engines and actors, and Ray where it was started here."""
        if not self.ray.is_initialized():
            return
        with self._lock:
            ends = [slot.actor.stop.remote() for slot in self._slots if slot.alive]
            if ends:
                self.ray.wait(ends, num_returns=len(ends), timeout=STOP_SECONDS)
            for slot in self._slots:
                if slot.actor is not None:
                    self.ray.kill(slot.actor)
            self._slots = [_Slot(number) for number in range(self.count)]
            if self._ours:
                self.ray.shutdown()
                self._ours = False

    def _connect(self) -> None:
        if self.ray.is_initialized():  # by whoever uses Ray beside us, who also ends it
            return
        settings: dict[str, Any] = {"address": self.ray_address}
        if self.ray_address is None:
            processors = max(os.cpu_count() or 1, 2 * self.count + 4)
            settings = {
                "address": "local", "num_cpus": processors, "object_store_memory": 80_000_000,
                "include_dashboard": False,
            }  # fmt: skip
        else:
            _expect_reachable(self.ray_address)
        for attempt in range(MOST_CONNECTIONS):
            try:
                self.ray.init(log_to_driver=False, logging_level="ERROR", **settings)
                break
            except Exception as error:  # it raises bare ones, such as on a machine that is too busy
                self.ray.shutdown()
                if self.ray_address is not None or attempt == MOST_CONNECTIONS - 1:
                    where = f"at {self.ray_address}" if self.ray_address else "on this machine"
                    raise InputError(f"Ray cannot be used {where}: {error}") from error
        self._ours = True
        cards = self.ray.cluster_resources().get("GPU", 0)
        if self.ray_address is None and cards < self.gpus * self.count:
            self.stop()
            raise InputError(
                f"{self.count} workers want {self.gpus * self.count:g} GPUs, and Ray finds "
                f"{cards:g} on this machine. Take fewer workers, or let them run on the CPU."
            )

    def _spawn(self, slot: _Slot) -> None:
        engine = None
        if self._engine is not None:
            engine = {
                "models": str(self._engine.models or ""), "arguments": self._engine.arguments,
                "more": [str(folder) for folder in self._engine.more],
                "host": "" if self.ray_address else "127.0.0.1",
            }  # fmt: skip
        worker = actor_class(self.ray).options(
            num_cpus=1, num_gpus=self.gpus, max_concurrency=4, max_restarts=0
        )
        threads = "OMP_NUM_THREADS" in os.environ
        slot.actor = worker.remote(str(PACKAGE.resolve()), __version__, threads, engine)
        slot.starting, slot.facts, slot.silent = slot.actor.start.remote(), {}, 0

    def _note(self, slot: _Slot, ref: Any, events: list[str]) -> None:
        """What an answer of a worker, or its silence, means."""
        name = f"worker {slot.number}"
        ready, _ = self.ray.wait([ref], timeout=0)
        if not ready:
            slot.silent += not slot.starting
            if slot.silent > MOST_SILENT:
                events.append(f"{name} did not answer any more; it is started again")
                self.ray.kill(slot.actor)
                self._lost(slot, "it did not answer", events)
            return
        try:
            facts = self.ray.get(ref)
        except self.ray.exceptions.RayError as error:
            if slot.was_up:
                events.append(f"{name} ended; it is started again")
            self._lost(slot, _first_line(error), events)
            return
        was_starting, slot.starting, slot.silent = slot.starting is not None, None, 0
        ended = slot.alive and not facts["alive"]
        slot.facts = facts
        if facts["alive"]:
            if was_starting and slot.was_up:
                events.append(f"{name} works again")
            slot.was_up, slot.failures = True, 0
        elif facts["hopeless"]:
            events.append(f"{name} is left out: {facts['problem']}")
            self.leave_out(slot.number, facts["problem"])
        elif was_starting:
            self._lost(slot, facts["problem"], events, keep=True)
        elif slot.failures == 0 or time.monotonic() >= slot.rests_until:
            if ended:
                events.append(f"the engine of {name} ended; it is started again")
            slot.starting = slot.actor.start.remote()

    def _lost(self, slot: _Slot, problem: str, events: list[str], keep: bool = False) -> None:
        """Counts a start that failed or a worker that ended; the next begins after a rest.

        keep: the actor still lives and tries again itself."""
        slot.failures += 1
        if slot.failures > MOST_FAILURES:
            told = f"Worker {slot.number} was started {slot.failures} times in vain: {problem}"
            events.append(f"worker {slot.number} is left out: {told}")
            self.leave_out(slot.number, told)
            return
        rest = REST_SECONDS * 2 ** (slot.failures - 1) if slot.failures > 1 else 0.0
        slot.rests_until = time.monotonic() + rest
        slot.actor = slot.actor if keep else None
        slot.starting, slot.silent, slot.facts = None, 0, {}

    def _too_slow(self, up: int) -> str:
        return (
            f"{up} of {self.count} workers were up after {self.start_seconds:.0f} s. Each wants "
            f"{self.gpus:g} GPUs; Ray has {self.ray.cluster_resources().get('GPU', 0):g} in all."
        )


def _expect_reachable(address: str) -> None:
    """Raises InputError where nobody listens at HOST:PORT: Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if address == "auto":
        return
    if not host or not port.isdecimal():
        raise InputError(f"A Ray cluster is named by HOST:PORT or auto, and {address} came.")
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"No Ray cluster answers at {address}: {error}.") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
