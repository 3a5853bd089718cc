"""What the gateway adds: many prompts that do nothing, through it to real engines on the CPU.

    python benchmarks/gateway.py --count 1000 --engines 2 [--save] [--ledger postgresql://…]

Told: prompts a second, the time from acceptance to the end and of the acceptance alone (median and
99 %), the gateway's processor time a prompt, its memory at the start and at its highest; and of
the first and the last tenth acceptance and ends a second: whether a prompt costs more later.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location(
    "fitting_room", {str(ROOT)!r} + "/__init__.py", submodule_search_locations=[{str(ROOT)!r}])
module = importlib.util.module_from_spec(spec)
sys.modules["fitting_room"] = module
spec.loader.exec_module(module)
from fitting_room.commands.main import main
sys.exit(main())
"""


def import_checkout() -> None:
    spec = importlib.util.spec_from_file_location(
        "fitting_room", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["fitting_room"] = module
    spec.loader.exec_module(module)


def graph(number: int, save: bool) -> dict[str, Any]:
    """Nothing is worked on; save: a picture of 32x32 is written and stored."""
    if save:
        size = {"width": 32, "height": 32, "batch_size": 1, "color": number % 0xFFFFFF}
        return {
            "1": {"class_type": "EmptyImage", "inputs": size},
            "2": {"class_type": "SaveImage",
                  "inputs": {"images": ["1", 0], "filename_prefix": "no_op"}},
        }  # fmt: skip
    return {
        "1": {"class_type": "PrimitiveInt", "inputs": {"value": number}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }


def memory(process: int) -> tuple[float, float]:
    """(now, highest) resident megabytes."""
    told = Path(f"/proc/{process}/status").read_text()
    found = {line.split(":")[0]: line.split()[1] for line in told.splitlines() if "kB" in line}
    return int(found["VmRSS"]) / 1024, int(found["VmHWM"]) / 1024


def processor(process: int) -> float:
    """Seconds of the processor so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def serving(home: Path, addresses: list[str], ledger: str):  # noqa: ANN201
    """(process, address) of a gateway."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    engines = [part for each in addresses for part in ("--engine", each)]
    more = ["--ledger", ledger] if ledger else []
    command = [sys.executable, "-c", PROGRAM, "serve", "--port", str(port), *engines, *more]
    environment = {**os.environ, "FITTING_ROOM_HOME": str(home)}
    with open(home / "gateway.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def wait_until_ready(address: str, engines: int) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/ready") as answer:
            if json.load(answer)["engines"] == engines:
                return
        time.sleep(0.2)
    sys.exit("The gateway did not get ready.")


async def drive(address: str, options: argparse.Namespace) -> tuple[list[float], float]:
    """(seconds of each acceptance, seconds until all have ended)."""
    import aiohttp

    taken: list[float] = []
    numbers = iter(range(options.count))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def client() -> None:
            for number in numbers:
                began = time.perf_counter()
                body = {"prompt": graph(number, options.save)}
                async with session.post(f"{address}/prompt", json=body) as answer:
                    assert answer.status == 200, await answer.text()
                taken.append(time.perf_counter() - began)

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(options.clients)))
        while True:
            async with session.get(f"{address}/prompt") as answer:
                if not (await answer.json())["exec_info"]["queue_remaining"]:
                    return taken, time.perf_counter() - began
            await asyncio.sleep(0.2)


def share(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def tenths(values: list[float]) -> tuple[list[float], list[float]]:
    """The first and the last tenth."""
    part = max(1, len(values) // 10)
    return values[:part], values[-part:]


def ends(home: Path, ledger: str) -> tuple[list[float], dict[str, int], list[float]]:
    """Seconds from acceptance to the end of each prompt, how many ended how, and ends a second of
    the first and of the last tenth."""
    from fitting_room.services.database import open_database
    from fitting_room.services.gateway.prompts import Prompt
    from sqlalchemy import select

    database = open_database(ledger or f"sqlite:///{home / 'ledger.sqlite'}")
    with database.reading() as session:
        rows = session.execute(select(Prompt.created, Prompt.ended, Prompt.state)).all()
    database.close()
    states: dict[str, int] = {}
    for _, _, state in rows:
        states[state] = states.get(state, 0) + 1
    waited = [(end - start).total_seconds() for start, end, _ in rows if end]
    moments = sorted(end.timestamp() for _, end, _ in rows if end)
    rates = [len(each) / max(each[-1] - each[0], 1e-9) for each in tenths(moments)]
    return waited, states, rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--engines", type=int, default=2)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--save", action="store_true", help="with a small picture each")
    parser.add_argument("--ledger", default="")
    options = parser.parse_args()
    import_checkout()
    from fitting_room.services.engine import Engine, find_engine

    engine = find_engine()
    if engine is None:
        sys.exit("No ComfyUI was found. Set COMFYUI_PATH to its folder.")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        home = Path(folder)
        running = [
            stack.enter_context(Engine(engine, home / f"engine{number}"))
            for number in range(options.engines)
        ]
        with serving(home, [each.address for each in running], options.ledger) as found:
            process, address = found
            wait_until_ready(address, options.engines)
            before, busy = memory(process.pid)[0], processor(process.pid)
            taken, seconds = asyncio.run(drive(address, options))
            busy = processor(process.pid) - busy
            now, highest = memory(process.pid)
        waited, states, rates = ends(home, options.ledger)
    print(
        json.dumps(
            {
                "prompts": options.count, "engines": options.engines, "states": states,
                "seconds": round(seconds, 1), "a_second": round(options.count / seconds, 1),
                "acceptance_ms": [round(share(taken, part) * 1000, 1) for part in (0.5, 0.99)],
                "acceptance_ms_of_first_and_last_tenth": [
                    round(share(each, 0.5) * 1000, 1) for each in tenths(taken)
                ],
                "ends_a_second_of_first_and_last_tenth": [round(each, 1) for each in rates],
                "to_the_end_s": [round(share(waited, part), 2) for part in (0.5, 0.99)],
                "processor_ms_a_prompt": round(busy / options.count * 1000, 1),
                "memory_mb": {"before": round(before), "after": round(now),
                              "highest": round(highest)},
            },
            indent=1,
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
