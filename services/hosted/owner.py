"""Which process works on an attempt, so that none waits for the dead or disturbs the living."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ..database import now
from ..ledger import Attempt

TOKEN = uuid.uuid4().hex
"""This process, as numbers of processes are used again."""
SILENT = timedelta(minutes=10)
"""After this long without a change, an attempt of another machine counts as left alone."""


def mine() -> dict[str, Any]:
    """What stands in `Attempt.resume` while this process works on it."""
    return {"owner": {"host": socket.gethostname(), "process": os.getpid(), "token": TOKEN}}


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
    return process != os.getpid() and _lives(process) and now() - attempt.changed < SILENT


def _lives(process: Any) -> bool:
    if not isinstance(process, int) or process <= 0:
        return False
    if os.name == "nt":  # there, signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
