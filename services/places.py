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
