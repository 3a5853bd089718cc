"""Gives a service a rest after it failed again and again: read from the ledger, so that every
process knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

FAILURES = 3
"""So many in a row open the circuit."""
REST = timedelta(seconds=60)
"""For so long after the last; then one attempt is let through, and decides."""
EMPTY_REST = timedelta(minutes=10)
"""After an account was found empty."""
RATE_REST = timedelta(seconds=10)
LOOK_BACK = timedelta(minutes=15)


def resting(attempts: Sequence[Any], moment: datetime) -> str:
    """Why a service is not asked now; "" where it is. attempts: its newest ones, newest first, with
    their state, error and changed."""
    ended = [each for each in attempts if each.state in ("done", "failed", "refused", "lost")]
    if not ended or ended[0].state in ("done", "refused"):
        return ""
    newest, since = ended[0], moment - ended[0].changed
    if newest.error == "OutOfCredit" and since < EMPTY_REST:
        return _told("its account was empty", EMPTY_REST - since)
    if newest.error == "RateLimited" and since < RATE_REST:
        return _told("it had too many requests", RATE_REST - since)
    run = 0
    for each in ended:
        if each.error not in ("Unavailable", "Undecided", "RateLimited"):
            break
        run += 1
    if run >= FAILURES and since < REST:
        return _told(f"it failed {run} times in a row", REST - since)
    return ""


def _told(why: str, left: timedelta) -> str:
    return f"{why}; it is asked again in {max(1, round(left.total_seconds()))} s"
