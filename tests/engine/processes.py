"""What runs on this machine, and who started whom."""

import contextlib
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
