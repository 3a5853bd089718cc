"""What runs on this machine, and who started whom."""

import contextlib
import os
import signal
import time
from pathlib import Path


def processes():
    """{process: (parent, words of its command line)} of all that live."""
    found = {}
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            state = (folder / "stat").read_text().rpartition(")")[2].split()
            if state[0] != "Z":
                line = (folder / "cmdline").read_bytes().decode(errors="replace")
                found[int(folder.name)] = (int(state[1]), line.split("\0"))
    return found


def family(process):
    """A process, those that it started, and theirs."""
    known = processes()
    found, more = set(), {process}
    while more:
        found |= more
        more = {one for one, (parent, _) in known.items() if parent in more} - found
    return found


def tell(some, what):
    """Sends a signal to processes, those that have ended left out."""
    for each in some:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, what)


@contextlib.contextmanager
def halted(some, true, seconds):
    """Processes halted at a moment when true(), asked while they stand still, gives something;
    that is what it gives. They go on afterwards."""
    limit = time.monotonic() + seconds
    while True:
        tell(some, signal.SIGSTOP)
        try:
            if held := true():
                yield held
                return
        finally:
            tell(some, signal.SIGCONT)
        assert time.monotonic() < limit, f"not in {seconds} s"
        time.sleep(0.1)
