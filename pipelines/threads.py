"""How many threads torch works on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_LOCK = threading.Lock()
_BEFORE: dict[int, int] = {}
"""Threads of Python that are in `single_thread` now -> torch's number of threads before."""


@contextmanager
def single_thread() -> Iterator[None]:
    """Lets torch work on one thread inside: with small networks and pictures, handing work over
    takes longer than the work, by far so on a busy machine.

    May be used within itself and by several threads at once. Each thread of Python has a number of
    its own, but begins with the last one that any of them set: so who comes while others are inside
    takes from them what to go back to.
    """
    own = threading.get_ident()
    if own in _BEFORE:
        yield
        return
    with _LOCK:
        found = torch.get_num_threads()  # a thread's first look gives it its number
        before = next(iter(_BEFORE.values()), found)
        _BEFORE[own] = before
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _LOCK:
            del _BEFORE[own]
            torch.set_num_threads(before)
