"""Where this package keeps what it has to remember: the ledger, results, the user's settings."""

from __future__ import annotations

import os
from pathlib import Path

HOME = "FITTING_ROOM_HOME"
LEDGER = "FITTING_ROOM_LEDGER"


def home() -> Path:
    """The folder of the ledger, the results, `routes.toml` and `prices.toml`: FITTING_ROOM_HOME,
    or `.fitting_room` in the user's own folder."""
    return Path(os.environ.get(HOME) or Path.home() / ".fitting_room").expanduser()


def ledger_url() -> str:
    """FITTING_ROOM_LEDGER (a SQLAlchemy URL), or the SQLite file in `home()`."""
    return os.environ.get(LEDGER) or f"sqlite:///{home() / 'ledger.sqlite'}"


def results_folder(ledger: str = "") -> Path:
    """Where results are kept: beside a ledger that is a SQLite file, else in `home()`.

    ledger: its URL; without one, the user's own.
    """
    url = ledger or ledger_url()
    file = url.partition("sqlite:///")[2].partition("?")[0]
    return Path(file).parent / "results" if file and file != ":memory:" else home() / "results"
