"""One program at a time: a lock file beside what is worked on, with the owner's name in it.

The lock itself is the operating system's, so that a program that ends, however it ends, leaves
none behind; the file stays, and says who had it last.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import InputError, readable
from ..writing import why

WAIT = 0.5
"""Seconds between two looks at a lock that another program has."""
LOOKS = 20
"""For the words of an owner that has the lock already and is about to write them, 0.1 s apart."""


@contextmanager
def locked(
    path: Path, what: str, tell: Callable[[str], None] = lambda line: None, wait: bool = True
) -> Iterator[None]:
    """Holds `path`.lock, and with it everything that programs of this package do to `path`.

    what: what the owner does, for others to read ("downloads leffa/virtual_tryon"). tell: gets one
    line where another program has the lock, before waiting for it. wait: False raises InputError
    instead, which names the owner.
    """
    from filelock import FileLock, Timeout

    name = path.with_name(f"{path.name}.lock")
    owner = name.with_name(f"{name.name}.owner")
    lock = FileLock(name)
    told = False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                told = told or _tell(owner, path, tell, wait)
                time.sleep(WAIT)
    except (OSError, NotImplementedError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        told = why(error) if isinstance(error, (OSError, ValueError)) else "no locks are kept there"
        raise InputError(f"{path.parent} cannot be worked in: {told}.") from error
    try:
        with suppress(OSError):
            owner.write_text(
                f"process {os.getpid()} on {socket.gethostname()}, which {what} since "
                f"{time.strftime('%Y-%m-%d %H:%M:%S')}",
                encoding="utf-8",
            )
        yield
    finally:
        with suppress(OSError):
            owner.unlink()
        lock.release()


def _tell(owner: Path, path: Path, tell: Callable[[str], None], wait: bool) -> bool:
    who = "another program"
    for _ in range(LOOKS):
        with suppress(OSError, ValueError):
            if words := readable(owner.read_text(encoding="utf-8")[:300]):
                who = words
                break
        time.sleep(0.1)
    if not wait:
        raise InputError(f"{path} is worked on by {who}. Try again when it is done.")
    tell(f"{path} is worked on by {who}. Waiting for it …")
    return True
