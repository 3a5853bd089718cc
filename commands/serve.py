"""ComfyUI's API in front of several engines, with keys and a queue that survives them."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..pipelines.errors import InputError, MissingFiles

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    engines = parser.add_argument_group("engines")
    engines.add_argument(
        "--engine", action="append", default=[], metavar="URL",
        help="a running ComfyUI with this package, such as http://127.0.0.1:8188; several times",
    )  # fmt: skip
    engines.add_argument(
        "--workers", type=int, default=0, metavar="N", help="start so many, each on its own card"
    )
    engines.add_argument("--ray-address", help="of a Ray cluster whose machines they run on")
    engines.add_argument("--models", type=Path, help="ComfyUI's models folder, for --workers")
    engines.add_argument("--cpu", action="store_true", help="the workers need no card")
    where = parser.add_argument_group("where it is reached")
    where.add_argument("--host", default="127.0.0.1", help="(127.0.0.1); another one needs keys")
    where.add_argument("--port", type=int, default=8190, help="(8190); 0: any free one")
    where.add_argument("--public-url", default="", help="its address for others, in links")
    where.add_argument("--certificate", type=Path, help="PEM file, for HTTPS")
    where.add_argument("--certificate-key", type=Path, help="PEM file of its key")
    who = parser.add_argument_group("who may use it")
    who.add_argument(
        "--keys", type=Path, metavar="FILE",
        help="TOML, a table for each caller; or FITTING_ROOM_KEYS=NAME=KEY,NAME=KEY",
    )  # fmt: skip
    who.add_argument(
        "--refuse-node", action="append", default=[], metavar="CLASS", help="may not run here"
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument(
        "--tries", type=int, default=3, help="of a prompt whose engines end over it (3)"
    )
    limits.add_argument("--max-upload-mb", type=float, default=50.0, help="of one request (50)")
    limits.add_argument("--max-megapixels", type=float, default=50.0, help="of an upload (50)")
    limits.add_argument(
        "--inline-kb", type=float, default=1000.0,
        help="a larger result comes as a link in webhooks and /fitting_room/result (1000)",
    )  # fmt: skip
    limits.add_argument(
        "--keep-hours", type=float, default=24.0,
        help="uploads, results and history are removed so long after their last use (24)",
    )  # fmt: skip
    limits.add_argument(
        "--webhook-seconds", type=float, default=5.0, help="until the first repetition (5)"
    )
    kept = parser.add_argument_group("what it keeps")
    kept.add_argument("--ledger", default="", help="URL of the queue (FITTING_ROOM_LEDGER)")
    kept.add_argument("--files", type=Path, help="folder of uploads and results")


def run(options: argparse.Namespace) -> int:
    """Serves until it is stopped; exit code 0."""
    try:
        from ..services.gateway.server import Serving, check_exposure, serve
    except ImportError as error:
        raise MissingFiles(
            f"`fitting-room serve` needs {error.name}: pip install 'comfyui-fitting-room[fleet]'."
        ) from error
    from ..services.database import open_database
    from ..services.gateway.callers import read_callers
    from ..services.gateway.lock import holding
    from ..services.places import home, ledger_url

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    callers = read_callers(options.keys)
    check_exposure(options.host, callers)
    database = open_database(options.ledger or ledger_url())
    try:
        with holding(database), _engines(options) as (addresses, restart):
            serving = Serving(
                options.host, options.port, _settings(options), callers, database,
                options.files or home() / "gateway", addresses, options.certificate,
                options.certificate_key, restart,
            )  # fmt: skip
            serve(serving, lambda address: _tell(options, address, callers.keys_are_on))
    finally:
        database.close()
    return 0


def _settings(options: argparse.Namespace):  # noqa: ANN202 - known once its import is paid for
    from ..services.gateway.hub import GatewaySettings

    positive = ("max_upload_mb", "max_megapixels", "keep_hours", "webhook_seconds", "tries")
    for name in positive:
        if getattr(options, name) <= 0:
            raise InputError(f"--{name.replace('_', '-')} must be above 0.")
    return GatewaySettings(
        keep_hours=options.keep_hours,
        upload_bytes=int(options.max_upload_mb * 1e6),
        upload_pixels=int(options.max_megapixels * 1e6),
        inline_bytes=int(options.inline_kb * 1e3),
        public_url=(options.public_url or f"http://{options.host}:{options.port}").rstrip("/"),
        webhook_seconds=options.webhook_seconds,
        refused_nodes=frozenset(options.refuse_node),
        tries=options.tries,
    )


@contextmanager
def _engines(
    options: argparse.Namespace,
) -> Iterator[tuple[Callable[[], Sequence[str]], Callable[[str], None]]]:
    """Where the engines are that live now, and how one that is stuck is restarted; functions."""
    from ..services.gateway.fleet import not_ours

    if not options.engine and not options.workers:
        raise InputError(
            "Name the engines: --engine http://127.0.0.1:8188, once for each, or --workers N, "
            "which starts them."
        )
    for address in options.engine:
        if not address.startswith(("http://", "https://")):
            raise InputError(f"An engine's address begins with http://, and {address} came.")
    if not options.workers:
        yield (lambda: options.engine), not_ours
        return
    from ..services.fleet.workers import EngineSettings, Workers

    workers = Workers(
        options.workers,
        engine=EngineSettings(options.models, ("--cpu",) if options.cpu else ()),
        ray_address=options.ray_address,
        gpus=0.0 if options.cpu else 1.0,
    )

    def addresses() -> list[str]:
        for event in workers.watch():
            logger.warning("%s", event)
        return [*options.engine, *workers.addresses()]

    workers.start(least=1)
    try:
        yield addresses, workers.restart
    finally:
        workers.stop()


def _tell(options: argparse.Namespace, address: str, keys_are_on: bool) -> None:
    if options.json:
        print(json.dumps({"address": address, "keys": keys_are_on}), flush=True)
        return
    print(f"Open {address}" + ("" if keys_are_on else " (no keys: this machine only)"), flush=True)
