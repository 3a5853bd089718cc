"""How many threads OpenCV and torch work on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_LOCK = threading.Lock()
_INSIDE: dict[int, int | None] = {}
"""Threads of Python that are in `single_thread` now -> torch's number of threads before; None where
torch was not imported."""
_OPENCV: list[int] = []
"""OpenCV's number of threads before, while anybody is inside."""


@contextmanager
def single_thread() -> Iterator[None]:
    """Lets OpenCV, and torch where it is imported already, work on one thread inside: with small
    networks and pictures, handing work over takes longer than the work, by far so on a busy
    machine.

    May be used within itself and by several threads at once. OpenCV's number is the whole
    process's: it comes back when the last one leaves. Of torch's each thread of Python has one of
    its own, but begins with the last one that any of them set: so who comes while others are inside
    takes from them what to go back to.
    """
    import cv2

    own = threading.get_ident()
    if own in _INSIDE:
        yield
        return
    torch = _whole_torch()
    with _LOCK:
        if not _INSIDE:
            _OPENCV[:] = [cv2.getNumThreads()]
            cv2.setNumThreads(1)
        before = None
        if torch is not None:
            found = torch.get_num_threads()  # a thread's first look gives it its number
            before = next((number for number in _INSIDE.values() if number), found)
            torch.set_num_threads(1)
        _INSIDE[own] = before
    try:
        yield
    finally:
        with _LOCK:
            del _INSIDE[own]
            if not _INSIDE and cv2.getNumThreads() == 1:  # else somebody chose another meanwhile
                cv2.setNumThreads(*_OPENCV)
            if torch is not None:
                torch.set_num_threads(before)


def _whole_torch() -> ModuleType | None:
    """torch, unless nobody has imported it, or somebody is about to."""
    torch = sys.modules.get("torch")
    return torch if hasattr(torch, "set_num_threads") else None
