"""Which process works on an attempt, so that none waits for the dead or disturbs the living."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from ..database import now
from ..ledger import Attempt

TOKEN = uuid.uuid4().hex
"""This process, as numbers of processes are used again."""
SILENT = timedelta(minutes=10)
"""After this long without a change, an attempt of another machine counts as left alone."""


def mine() -> dict[str, Any]:
    """What stands in `Attempt.resume` while this process works on it."""
    process = os.getpid()
    return {
        "owner": {
            "host": socket.gethostname(),
            "process": process,
            "began": _began(process),
            "token": TOKEN,
        }
    }


def free(resume: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with nobody working on it."""
    return {name: value for name, value in resume.items() if name != "owner"}


def is_worked_on(attempt: Attempt) -> bool:
    """Whether a living process, or another thread of this one, has the attempt in hand."""
    owner = attempt.resume.get("owner")
    if not isinstance(owner, dict):
        return False
    if owner.get("token") == TOKEN:
        return True
    if owner.get("host") != socket.gethostname():
        return now() - attempt.changed < SILENT
    process = owner.get("process")
    if process == os.getpid() or now() - attempt.changed >= SILENT:
        return False
    return _lives(process, owner.get("began"))


def _lives(process: Any, began: Any) -> bool:
    if not isinstance(process, int) or process <= 0:
        return False
    if began:
        return _began(process) == began
    if os.name == "nt":  # there, signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _began(process: int) -> str:
    """When a living process began, as Linux counts it: its number may be used again, and a dead one
    that nobody has waited for keeps it. "" where that cannot be read."""
    try:
        told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if told[0] in ("Z", "X") else told[19]
